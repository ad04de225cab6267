// Requests of the LanguageModelService as tasks of the engine.
#ifndef INTELLIGENCED_SERVICES_LANGUAGE_MODEL_TASK_H_
#define INTELLIGENCED_SERVICES_LANGUAGE_MODEL_TASK_H_

#include "protos/intelligence/engine/v1/task.pb.h"
#include "protos/intelligence/v1/language_model.pb.h"
#include "services/language_model/session_store.h"

namespace intelligenced {

namespace engine_proto = ::intelligence::engine::v1;

void ToTask(const intelligence::v1::Conversation& from, engine_proto::Conversation* to);
void ToTask(const Transcript& from, engine_proto::Conversation* to);

// All of a request but its input.
engine_proto::GenerateTask ToTaskWithoutInput(const intelligence::v1::GenerateTextRequest& request);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_LANGUAGE_MODEL_TASK_H_
