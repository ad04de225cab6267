// What a job says next. Guesses ride behind its pending token in the same batch, and stay as far as
// the sampler chooses the same tokens one by one.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "runtime/base/utf8.h"
#include "runtime/engines/llama/chat_template.h"
#include "runtime/engines/llama/llama_model.h"

namespace intelligenced {
namespace {

// A guide beyond this, for each token of the context, is not read.
constexpr size_t kGuideBytesPerToken = 16;
// How long a batch with guesses may take: alone, and beside other requests, which wait for it.
constexpr absl::Duration kLongestAlone = absl::Milliseconds(250);
constexpr absl::Duration kLongestBeside = absl::Milliseconds(60);

}  // namespace

void LlamaModel::PrepareDrafts(const engine_proto::GenerateTask& task, LlamaJob& job) const {
  const bool wanted = task.speculation() == engine_proto::SPECULATION_UNSPECIFIED
                          ? !task.guide_text().empty()
                          : task.speculation() != engine_proto::SPECULATION_OFF;
  if (!wanted || task.prefill_only() || !loaded_.pool->CanTruncate()) return;
  job.draft_eagerly = task.speculation() == engine_proto::SPECULATION_EAGER;
  const std::string_view text =
      TruncateUtf8(task.guide_text(), kGuideBytesPerToken * loaded_.info.context_tokens());
  absl::StatusOr<std::vector<llama_token>> guide =
      Tokenize(vocab_, text, /*add_special=*/false, /*markup=*/false);
  // Without a guide there is still the prompt.
  if (!guide.ok()) guide.emplace();
  job.speculator.emplace(DraftSource(*std::move(guide), job.tokens));
}

void LlamaModel::ChooseDrafts(absl::Span<LlamaJob* const> jobs, absl::Span<const int> placed) {
  int rows = 0;
  bool prompts = false;
  for (size_t index = 0; index < jobs.size(); ++index) {
    jobs[index]->draft.clear();
    rows += placed[index];
    prompts = prompts || (placed[index] > 0 && jobs[index]->pending() > 1);
  }
  // A batch with a part of a prompt is as large as it should be already.
  if (prompts) return;

  TokenPool& pool = *loaded_.pool;
  int room = std::min(
      {pool.cells() - pool.live() - pool.garbage() - rows, row_limit_ - rows, kMaxDraftRows});
  for (size_t index = 0; index < jobs.size(); ++index) {
    LlamaJob& job = *jobs[index];
    if (placed[index] == 0 || !job.speculator) continue;
    // The token that follows the last guess still has to fit.
    int left = static_cast<int>(loaded_.info.context_tokens() - job.tokens.size()) - 1;
    if (job.max_output_tokens > 0) {
      left = std::min(left, static_cast<int>(job.max_output_tokens - job.output_tokens) - 1);
    }
    const absl::Span<const llama_token> draft =
        job.speculator->Draft(costs_, {.most = std::min(room, left),
                                       .others = rows - 1,
                                       .longest = rows > 1 ? kLongestBeside : kLongestAlone,
                                       .eager = job.draft_eagerly});
    job.draft.assign(draft.begin(), draft.end());
    rows += static_cast<int>(draft.size());
    room -= static_cast<int>(draft.size());
  }
}

void LlamaModel::ChooseTokens(LlamaJob& job, int row) {
  const std::vector<llama_token> draft = std::exchange(job.draft, {});
  job.drafted_tokens += static_cast<uint32_t>(draft.size());
  for (size_t index = 0; index < draft.size(); ++index) {
    // The scores of a row are those of the text up to it only while that is what was chosen.
    ChooseToken(job, row++, &draft[index]);
    if (job.done) return;
    if (job.tokens.back() != draft[index]) return DropGuesses(job);
  }
  ChooseToken(job, row, nullptr);
}

void LlamaModel::DropGuesses(LlamaJob& job) {
  const int said = static_cast<int>(job.tokens.size());
  if (!job.speculator || !job.sequence.resident() || job.sequence.cells < said) return;
  loaded_.pool->Truncate(job.sequence, said - 1);
}

void LlamaModel::ChooseToken(LlamaJob& job, int row, const llama_token* guess) {
  if (job.prefill_only) {
    Complete(job, engine_proto::FINISH_REASON_STOP);
    return;
  }
  const absl::Span<float> scores = loaded_.pool->Scores(row);
  absl::StatusOr<llama_token> token = job.sampler->Choose(scores);
  if (token.ok() && job.likelihoods) {
    job.likelihoods->add_bytes(0);
    job.likelihoods->add_log_probabilities(LogProbability(scores, *token));
  }
  if (!token.ok()) {
    Fail(job, token.status());
  } else if (llama_vocab_is_eog(vocab_, *token)) {
    Complete(job, engine_proto::FINISH_REASON_STOP);
  } else {
    if (guess != nullptr && *guess == *token) ++job.accepted_tokens;
    AppendToken(job, *token);
  }
}

void LlamaModel::AppendToken(LlamaJob& job, llama_token token) {
  std::string piece(longest_token_bytes_, '\0');
  int32_t size = llama_token_to_piece(vocab_, token, piece.data(),
                                      static_cast<int32_t>(piece.size()), 0, /*special=*/false);
  if (size < 0) {
    piece.resize(-size);
    size = llama_token_to_piece(vocab_, token, piece.data(), -size, 0, /*special=*/false);
  }
  std::string_view text(piece.data(), std::max(size, 0));
  if (job.strip_space && job.output_tokens == 0) absl::ConsumePrefix(&text, " ");
  if (job.likelihoods) {
    job.likelihoods->set_bytes(job.likelihoods->bytes_size() - 1,
                               static_cast<uint32_t>(text.size()));
  }
  job.tokens.push_back(token);
  if (job.speculator) job.speculator->Append(token);
  ++job.output_tokens;
  job.delta += job.stream->Append(text);
  if (job.stream->stopped()) {
    Complete(job, engine_proto::FINISH_REASON_STOP);
  } else if (job.output_tokens == job.max_output_tokens ||
             job.tokens.size() >= loaded_.info.context_tokens()) {
    Complete(job, engine_proto::FINISH_REASON_LENGTH);
  }
}

}  // namespace intelligenced
