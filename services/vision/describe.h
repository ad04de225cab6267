// DescribeImage: what a language model is asked about a picture, and what is made of its answer.
// Pure.
#ifndef INTELLIGENCED_SERVICES_VISION_DESCRIBE_H_
#define INTELLIGENCED_SERVICES_VISION_DESCRIBE_H_

#include <string>
#include <string_view>

#include "protos/intelligence/engine/v1/task.pb.h"
#include "protos/intelligence/v1/vision_types.pb.h"

namespace intelligenced {

namespace engine_proto = ::intelligence::engine::v1;

// The task but for the picture, which belongs to its last message.
engine_proto::GenerateTask DescriptionTask(const intelligence::v1::DescribeImage& request);

// The description in an answer: without space around it and, of one that was cut short by its
// length, without the sentence that was begun last, unless that is all there is.
std::string DescriptionOf(std::string_view answer, bool cut_short);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_VISION_DESCRIBE_H_
