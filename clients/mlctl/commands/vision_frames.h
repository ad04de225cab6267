// mlctl vision on the frames of a video.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_COMMANDS_VISION_FRAMES_H_
#define INTELLIGENCED_CLIENTS_MLCTL_COMMANDS_VISION_FRAMES_H_

#include <intelligence/frames.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/mlctl/session.h"

namespace intelligenced::mlctl {

// What the options for frames say.
struct FrameOptions {
  std::vector<std::string> track;            // x,y,width,height
  std::vector<std::string> track_rectangle;  // four corners
  bool flow = false;
  std::string registration;  // "translation", "homography" or empty

  bool any() const {
    return !track.empty() || !track_rectangle.empty() || flow || !registration.empty();
  }
};

// The requests that they stand for. INVALID_ARGUMENT names the option at fault.
absl::StatusOr<std::vector<intelligence::VisionRequest>> FrameRequests(const FrameOptions& options);

// Numbers with commas between them; nothing when there are not `count`.
std::vector<float> ParseNumbers(std::string_view text, size_t count);

// All files as one video, in order; a folder stands for its files by name. `annotate`: a folder for
// the frames with what was found drawn on them; empty: none.
int AnalyzeFrames(Session& session, const std::vector<std::string>& files,
                  std::vector<intelligence::VisionRequest> requests, const std::string& annotate);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_COMMANDS_VISION_FRAMES_H_
