// What becomes of a model's text on its way to the client: deltas, snapshots, calls of tools.
#ifndef INTELLIGENCED_SERVICES_LANGUAGE_MODEL_GUIDED_OUTPUT_H_
#define INTELLIGENCED_SERVICES_LANGUAGE_MODEL_GUIDED_OUTPUT_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protos/intelligence/v1/language_model.pb.h"
#include "services/guided/partial_json.h"

namespace intelligenced {

// Not thread-safe.
class GuidedOutput {
 public:
  enum class Kind { kText, kSchema, kTools };

  // `calls_before`: how many calls the conversation has, for the ids of new ones.
  explicit GuidedOutput(Kind kind, int calls_before = 0)
      : kind_(kind), calls_before_(calls_before) {}

  // What to send; either may be empty.
  struct Step {
    std::string delta;
    std::string snapshot;
  };
  // More of the model's text.
  Step Append(std::string_view text);
  // The end of the text; `cut`: not by itself. Text and calls go into `completed`.
  Step Finish(bool cut, intelligence::v1::GenerateTextCompleted& completed);

 private:
  enum class Answer { kOpen, kText, kCalls };

  Step TakeSnapshot();
  bool ReadCalls(bool cut, intelligence::v1::GenerateTextCompleted& completed) const;

  const Kind kind_;
  const int calls_before_;
  // kSchema: the text is there.
  PartialJson partial_;
  std::string text_;
  Answer answer_ = Answer::kOpen;
  std::string last_snapshot_;
  size_t snapshot_at_ = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_LANGUAGE_MODEL_GUIDED_OUTPUT_H_
