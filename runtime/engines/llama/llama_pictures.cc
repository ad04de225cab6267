// Jobs with pictures: reading them, encoding them beside the others' work, and their rows.
#include <algorithm>
#include <utility>
#include <vector>

#include "runtime/base/reasons.h"
#include "runtime/engines/llama/llama_model.h"
#include "runtime/engines/llama/picture_prompt.h"

namespace intelligenced {
namespace {

// How long a picture is encoded before others have their turn.
constexpr absl::Duration kEncodeSlice = absl::Milliseconds(40);

}  // namespace

absl::Status LlamaModel::TakePictures(const engine_proto::Conversation& conversation,
                                      const Attachments& attachments, LlamaJob& job) const {
  if (loaded_.projector == nullptr) {
    return FieldError("conversation.messages.images",
                      "The model takes no pictures. Choose one that does (capability "
                      "language.describe-image), or leave the pictures out.");
  }
  if (!loaded_.chat_template) return ConversationTokens(conversation).status();
  absl::StatusOr<PromptParts> parts = loaded_.chat_template->Parts(conversation);
  if (!parts.ok()) return parts.status();
  auto prompt =
      PicturePrompt::Create(loaded_.projector.get(), *std::move(parts), conversation, attachments);
  if (!prompt.ok()) return prompt.status();
  job.pictures = *std::move(prompt);
  return absl::OkStatus();
}

absl::Status LlamaModel::KeepForReuse(const engine_proto::GenerateTask& task, LlamaJob& job) const {
  engine_proto::GenerateTask& kept = job.pictures->reuse;
  kept.set_shared_messages(task.shared_messages());
  kept.set_cache_key(task.cache_key());
  kept.set_function(task.function());
  kept.set_prefill_only(task.prefill_only());
  for (int index = 0; index < task.conversation().messages_size(); ++index) {
    const engine_proto::Message& message = task.conversation().messages(index);
    if (static_cast<uint32_t>(index) < task.shared_messages() && message.images_size() > 0) {
      return FieldError("shared_messages", "A message that all clients share holds a picture.");
    }
    engine_proto::Message* copy = kept.mutable_conversation()->add_messages();
    copy->set_role(message.role());
    copy->set_text(message.text());
  }
  return absl::OkStatus();
}

void LlamaModel::ReadPicture(LlamaJob& job) {
  engine_proto::Event event;
  absl::Status status = job.pictures->ReadNext(event.mutable_image());
  if (status.ok()) job.output->events.push_back(std::move(event));
  if (status.ok() && job.pictures->read()) status = BeginWithPictures(job);
  // About what a batch of a prompt takes.
  job.output->work += sizer_.rows();
  if (!status.ok()) Fail(job, std::move(status));
}

absl::Status LlamaModel::BeginWithPictures(LlamaJob& job) {
  absl::StatusOr<std::vector<llama_token>> tokens = job.pictures->Tokens(*loaded_.chat_template);
  if (!tokens.ok()) return tokens.status();
  if (!job.sampler) {
    job.count = static_cast<uint32_t>(tokens->size());
    return absl::OkStatus();
  }
  if (tokens->size() >= loaded_.info.context_tokens()) {
    return TooLong(tokens->size(), /*at_least=*/false);
  }
  job.tokens = *std::move(tokens);
  job.input_tokens = static_cast<uint32_t>(job.tokens.size());
  return PrepareReuse(job.pictures->reuse, job);
}

void LlamaModel::HoldAtPictures(absl::Span<LlamaJob* const> jobs, std::vector<int>& placed) {
  for (size_t index = 0; index < jobs.size(); ++index) {
    LlamaJob& job = *jobs[index];
    job.picture_rows = 0;
    if (!job.pictures || placed[index] == 0) continue;
    const int text = job.pictures->TextFrom(job.sequence.cells);
    if (text == 0) job.picture_rows = placed[index];
    placed[index] = std::min(placed[index], text);
  }
}

void LlamaModel::CutReuse(LlamaJob& job) {
  if (!job.pictures || job.reuse.tokens == 0) return;
  const int cut = job.pictures->CutAt(job.reuse.tokens);
  if (cut == job.reuse.tokens) return;
  const bool wait = job.reuse.wait;
  if (cut < kLeastReuse) job.reuse = {};
  job.reuse.tokens = cut < kLeastReuse ? 0 : cut;
  job.reuse.whole = false;
  job.reuse.wait = wait;
}

absl::StatusOr<bool> LlamaModel::RunPictures(absl::Span<LlamaJob* const> jobs) {
  bool busy = false;
  bool slow = false;
  for (LlamaJob* job : jobs) {
    if (job->done || !job->pictures) continue;
    if (!job->pictures->read()) {
      busy = true;
      if (!slow) ReadPicture(*job);
      slow = true;
      continue;
    }
    const int rows = std::exchange(job->picture_rows, 0);
    if (rows == 0 || !job->sequence.resident()) continue;
    busy = true;
    PicturePrompt::Run* run = job->pictures->RunAt(job->sequence.cells);
    if (!run->status.ok()) {
      Fail(*job, run->status);
    } else if (!run->rows.empty()) {
      absl::Status status = FeedPicture(*job, *run, rows);
      if (!status.ok()) return status;
    } else if (!slow) {
      EncodePicture(*job, *run);
      slow = true;
    }
  }
  return busy;
}

// Whoever needs a picture encoded helps the one that is being encoded to its end: its job may not
// be in the step, and there is one encoder.
void LlamaModel::EncodePicture(LlamaJob& job, const PicturePrompt::Run& run) {
  PictureEncoder& encoder = loaded_.projector->encoder();
  if (!encoder.busy()) {
    encoder.Begin(loaded_.projector->context(), run.chunk,
                  static_cast<size_t>(run.count) * loaded_.projector->width(), job.cancel);
  }
  const absl::Time before = clock_->Now();
  const bool ended = encoder.Advance(kEncodeSlice);
  // In tokens, as the step's other work: those that a batch would have had in that time.
  job.output->work += std::max(
      1.0, sizer_.rows() * absl::FDivDuration(clock_->Now() - before, absl::Milliseconds(50)));
  if (!ended) return;
  const mtmd_input_chunk* chunk = encoder.chunk();
  absl::StatusOr<std::vector<float>> rows = encoder.Take();
  for (LlamaJob* owner : jobs_) {
    if (owner->pictures) owner->pictures->Deliver(chunk, rows);
  }
}

absl::Status LlamaModel::FeedPicture(LlamaJob& job, PicturePrompt::Run& run, int rows) {
  const int offset = job.sequence.cells - run.first;
  const int count = run.whole ? run.count : std::min({rows, run.count - offset, row_limit_});
  const size_t width = loaded_.projector->width();
  const bool output = job.sequence.cells + count == static_cast<int>(job.tokens.size());
  const absl::StatusOr<TokenPool::Outcome> outcome = loaded_.pool->DecodeRows(
      job.sequence, absl::MakeConstSpan(run.rows).subspan(offset * width, count * width), count,
      {.both_ways = run.whole, .output = output}, [&job] { return job.cancel.cancelled(); });
  if (!outcome.ok()) return outcome.status();
  if (*outcome == TokenPool::Outcome::kAborted) return absl::OkStatus();
  if (*outcome == TokenPool::Outcome::kNoRoom) {
    if (run.whole ? std::exchange(run.no_room, true) : row_limit_ == 1) {
      Fail(job, MakeError(Reason::kEngineFailure, "libllama has no room for this request."));
    }
    MakeRoom();
    return absl::OkStatus();
  }
  job.output->work += count;
  if (offset + count == run.count) run.rows = {};
  if (output) ChooseTokens(job, count - 1);
  return absl::OkStatus();
}

}  // namespace intelligenced
