// Requests of the LanguageModelService as tasks of the engine.
#ifndef INTELLIGENCED_SERVICES_LANGUAGE_MODEL_TASK_H_
#define INTELLIGENCED_SERVICES_LANGUAGE_MODEL_TASK_H_

#include "protos/intelligence/engine/v1/task.pb.h"
#include "protos/intelligence/v1/language_model.pb.h"

namespace intelligenced {

namespace engine_proto = ::intelligence::engine::v1;

// All of a request but its input and its grammar.
engine_proto::GenerateTask ToTaskWithoutInput(const intelligence::v1::GenerateTextRequest& request);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_LANGUAGE_MODEL_TASK_H_
