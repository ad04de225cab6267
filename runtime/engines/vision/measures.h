// What can be measured of a photograph: saliency, feature print, scores. The formulas and their
// sources are in README.md. Pure.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_VISION_MEASURES_H_
#define INTELLIGENCED_RUNTIME_ENGINES_VISION_MEASURES_H_

#include "runtime/engines/vision/picture.h"

namespace intelligenced {

vision_proto::Saliency AttentionSaliency(const View& view);
vision_proto::Saliency ObjectnessSaliency(const View& view);

vision_proto::FeaturePrint MakeFeaturePrint(const View& view);

vision_proto::AestheticsScores ScoreAesthetics(const View& view);
vision_proto::LensSmudge DetectLensSmudge(const View& view);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_VISION_MEASURES_H_
