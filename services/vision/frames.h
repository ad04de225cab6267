// AnalyzeFrames: frames of a video in, what was found in each out.
#ifndef INTELLIGENCED_SERVICES_VISION_FRAMES_H_
#define INTELLIGENCED_SERVICES_VISION_FRAMES_H_

#include <memory>

#include "services/rpc/serve_duplex.h"
#include "services/vision/frame_streams.h"

namespace intelligenced {

// One stream. `streams` outlives the call and its jobs.
std::shared_ptr<DuplexHandler> MakeFramesHandler(std::shared_ptr<StreamCall> call,
                                                 FrameStreams* streams);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_VISION_FRAMES_H_
