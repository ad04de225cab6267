// Frames of a video: the same questions about each, and things followed from one to the next.
//
//   auto stream = intelligence::FrameStream::Open(
//       *client, {.requests = {{.kind = TrackObject{.box = {0.4F, 0.4F, 0.1F, 0.2F}}}}});
//   // One thread sends …
//   while (camera.Next(&image)) stream.SendFrame({.image = image});
//   stream.Finish();
//   // … another one reads.
//   while (std::optional<AnalyzeFramesEvent> event = stream.Next()) { … }
//   if (!stream.status().ok()) { … }
#ifndef INTELLIGENCE_FRAMES_H_
#define INTELLIGENCE_FRAMES_H_

#include <intelligence/client.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace intelligence {

struct AnalyzeFramesRequest {
  // 0 to 32, all served by one model. Of trackers, where things are in the first frame.
  std::vector<VisionRequest> requests = {};
  // Frames that may wait in the daemon, 1 to 8. 0: 1.
  uint32_t max_pending_frames = 0;
  // A frame that has waited longer is dropped, at most 60 s.
  std::optional<absl::Duration> max_frame_age = {};
  // While so many frames are neither answered nor dropped, SendFrame() takes none. Events count as
  // they are read. 0: it takes all, and the daemon drops what is too much.
  uint32_t max_unanswered_frames = 0;
};

struct VideoFrame {
  VisionImage image = {};
  // When it was taken, on the client's own clock; comes back with the results.
  std::optional<absl::Duration> time = {};
};

// Holds from the next frame on. New requests get the next places in the list, from 0; places are
// never used again.
struct ChangeRequests {
  std::vector<VisionRequest> add = {};
  std::vector<uint32_t> remove = {};  // places
};

// What one frame answered. VisionResult::request_index is the request's place in the list.
struct FrameResults {
  uint64_t frame = 0;  // among all frames sent, from 0
  std::optional<absl::Duration> time = {};
  ImageInfo image = {};
  std::vector<VisionResult> results = {};
  uint64_t dropped_frames = 0;  // up to now
};

// Frames that are not computed: they came too fast, waited too long, or do not decode.
struct FramesDropped {
  uint64_t first_frame = 0;
  uint64_t count = 0;
  uint64_t dropped_frames = 0;  // up to now
};

// The last event of a stream that ended well.
struct AnalyzeFramesCompleted {
  uint64_t analyzed_frames = 0;
  uint64_t dropped_frames = 0;
  Usage usage = {};
};

using AnalyzeFramesEvent =
    std::variant<Queued, ModelLoading, FrameResults, FramesDropped, AnalyzeFramesCompleted>;

enum class SendResult {
  kTaken,
  kBusy,   // max_unanswered_frames are out, or as many attachments as an app may have; not sent
  kEnded,  // the stream has ended: Next() comes to its end, status() says why
};

// Movable; destroying it cancels what is not over. What sends (SendFrame, Change, Finish) and what
// reads (Next, status) may be two threads; Cancel() may be called from any.
class [[nodiscard]] FrameStream {
 public:
  // A stream that cannot be opened shows it in Next() and status().
  static FrameStream Open(const Client& client, const AnalyzeFramesRequest& request,
                          const CallOptions& options = {});
  FrameStream(FrameStream&&) noexcept;
  FrameStream& operator=(FrameStream&&) noexcept;
  ~FrameStream();

  // A frame may be an attachment: what cannot be handed over or read ends the stream with that.
  SendResult SendFrame(const VideoFrame& frame);
  // False: the stream has ended.
  bool Change(const ChangeRequests& change);
  // No more frames. The stream ends when the last one is answered or dropped.
  bool Finish();

  // Waits for the next event. Nothing at the end, good or bad.
  std::optional<AnalyzeFramesEvent> Next();
  // How it ended. OK before Next() has returned nothing.
  absl::Status status() const;

  void Cancel();

 private:
  class Call;
  explicit FrameStream(std::unique_ptr<Call> call);
  std::unique_ptr<Call> call_;
};

}  // namespace intelligence

#endif  // INTELLIGENCE_FRAMES_H_
