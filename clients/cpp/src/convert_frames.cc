#include <optional>

#include "clients/cpp/src/convert.h"

namespace intelligence {

v1::AnalyzeFramesStart ToProto(const AnalyzeFramesRequest& request, const CallOptions& options) {
  v1::AnalyzeFramesStart out;
  for (const VisionRequest& one : request.requests) ToProto(one, out.add_requests());
  out.set_max_pending_frames(request.max_pending_frames);
  if (request.max_frame_age.has_value()) {
    ToProto(*request.max_frame_age, out.mutable_max_frame_age());
  }
  ToProto(options, out.mutable_options());
  return out;
}

std::optional<AnalyzeFramesEvent> FromProto(const v1::AnalyzeFramesResponse& response) {
  switch (response.event_case()) {
    case v1::AnalyzeFramesResponse::kQueued:
      return FromProto(response.queued());
    case v1::AnalyzeFramesResponse::kModelLoading:
      return ModelLoading{.model = response.model_loading().model()};
    case v1::AnalyzeFramesResponse::kFrame: {
      const v1::FrameResults& frame = response.frame();
      FrameResults out = {.frame = frame.frame(),
                          .image = FromProto(frame.image()),
                          .dropped_frames = frame.dropped_frames()};
      if (frame.has_time()) out.time = FromProto(frame.time());
      for (const v1::VisionResult& result : frame.results()) {
        out.results.push_back(FromProto(result));
      }
      return out;
    }
    case v1::AnalyzeFramesResponse::kDropped:
      return FramesDropped{.first_frame = response.dropped().first_frame(),
                           .count = response.dropped().count(),
                           .dropped_frames = response.dropped().dropped_frames()};
    case v1::AnalyzeFramesResponse::kCompleted:
      return AnalyzeFramesCompleted{.analyzed_frames = response.completed().analyzed_frames(),
                                    .dropped_frames = response.completed().dropped_frames(),
                                    .usage = FromProto(response.completed().usage())};
    default:
      return std::nullopt;
  }
}

}  // namespace intelligence
