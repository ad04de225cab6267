#include "services/language_model/task.h"

namespace intelligenced {

engine_proto::GenerateTask ToTaskWithoutInput(
    const intelligence::v1::GenerateTextRequest& request) {
  engine_proto::GenerateTask task;
  const intelligence::v1::SamplingOptions& from = request.sampling();
  engine_proto::Sampling* to = task.mutable_sampling();
  if (from.has_temperature()) to->set_temperature(from.temperature());
  if (from.has_top_p()) to->set_top_p(from.top_p());
  if (from.has_top_k()) to->set_top_k(from.top_k());
  if (from.has_min_p()) to->set_min_p(from.min_p());
  if (from.has_seed()) to->set_seed(from.seed());
  task.set_max_output_tokens(request.max_output_tokens());
  *task.mutable_stop() = request.stop();
  return task;
}

}  // namespace intelligenced
