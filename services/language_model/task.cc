#include "services/language_model/task.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

void AddMessage(const v1::Message& from, engine_proto::Conversation* to) {
  engine_proto::Message* added = to->add_messages();
  // The values of both enums are the same.
  added->set_role(static_cast<engine_proto::Role>(from.role()));
  added->set_text(from.text());
}

}  // namespace

void ToTask(const v1::Conversation& from, engine_proto::Conversation* to) {
  for (const v1::Message& message : from.messages()) AddMessage(message, to);
}

void ToTask(const Transcript& from, engine_proto::Conversation* to) {
  for (const auto& message : from) AddMessage(*message, to);
}

engine_proto::GenerateTask ToTaskWithoutInput(const v1::GenerateTextRequest& request) {
  engine_proto::GenerateTask task;
  const v1::SamplingOptions& from = request.sampling();
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
