#include "runtime/engines/llama/llama_job.h"

#include <utility>

#include "runtime/engines/llama/llama_model.h"
#include "runtime/engines/llama/picture_prompt.h"

namespace intelligenced {

LlamaJob::LlamaJob(LlamaModel* owner, uint64_t job_age, CancelToken job_cancel)
    : model(owner), age(job_age), cancel(std::move(job_cancel)) {}

LlamaJob::~LlamaJob() { model->Forget(*this); }

absl::Status LlamaJob::Park() { return model->Park(*this); }

}  // namespace intelligenced
