// What jobs take over from each other and from the prefix cache instead of computing it again.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/llama/llama_model.h"

namespace intelligenced {
namespace {

// A key is a client's identity.
constexpr size_t kMaxKeyBytes = 8192;
// Messages whose tokens are remembered, so that they are not rendered twice more for each request.
constexpr size_t kMaxPrefixes = 32;
// What a job must have beyond what is shared for its state to be worth keeping.
constexpr int kLeastOwn = 16;

}  // namespace

absl::Status LlamaModel::PrepareReuse(const engine_proto::GenerateTask& task, LlamaJob& job) {
  const auto count = static_cast<int>(task.shared_messages());
  if (task.shared_messages() > static_cast<uint32_t>(task.conversation().messages_size())) {
    return FieldError("shared_messages",
                      absl::StrCat("There are only ", task.conversation().messages_size(),
                                   " messages that could be shared."));
  }
  if (task.cache_key().size() > kMaxKeyBytes) {
    return FieldError("cache_key",
                      absl::StrCat("The key may have at most ", kMaxKeyBytes, " bytes."));
  }
  job.prefill_only = task.prefill_only();
  if (cache_.max_tokens() == 0) return absl::OkStatus();
  // State that was computed with an adapter is of use to that adapter only.
  if (!task.cache_key().empty()) {
    job.own_scope = absl::StrCat("client ", task.function(), "\n", task.cache_key());
  }
  if (count == 0) return absl::OkStatus();
  absl::StatusOr<std::vector<llama_token>> prefix = SharedPrefix(task.conversation(), count);
  if (!prefix.ok()) return prefix.status();
  job.shared_scope = absl::StrCat("shared ", task.function());
  job.shared_tokens = CommonPrefix(*prefix, job.tokens, static_cast<int>(job.tokens.size()));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<llama_token>> LlamaModel::SharedPrefix(
    const engine_proto::Conversation& conversation, int count) {
  engine_proto::Conversation shared;
  for (int index = 0; index < count; ++index) *shared.add_messages() = conversation.messages(index);
  engine_proto::Message* next = nullptr;
  if (count < conversation.messages_size()) {
    next = shared.add_messages();
    next->set_role(conversation.messages(count).role());
  }
  std::string key = shared.SerializeAsString();
  for (const auto& [messages, tokens] : prefixes_) {
    if (messages == key) return tokens;
  }
  std::vector<llama_token> common;
  bool first = true;
  for (const char* text : {"Q", "7 =", "\n"}) {
    if (next != nullptr) next->set_text(text);
    absl::StatusOr<std::vector<llama_token>> tokens = ConversationTokens(shared);
    if (!tokens.ok()) return tokens;
    if (!first) tokens->resize(CommonPrefix(common, *tokens, static_cast<int>(common.size())));
    common = *std::move(tokens);
    first = false;
  }
  if (prefixes_.size() == kMaxPrefixes) prefixes_.erase(prefixes_.begin());
  prefixes_.emplace_back(std::move(key), common);
  return common;
}

void LlamaModel::ChooseReuse(LlamaJob& job, absl::Span<LlamaJob* const> jobs) {
  job.reuse = {};
  if (job.done || job.sequence.cells > 0 || job.sequence.resident() || !job.sampler ||
      cache_.max_tokens() == 0)
    return;
  const int size = static_cast<int>(job.tokens.size()) - 1;
  const int shared = std::min(job.shared_tokens, size);
  if (shared > 0) {
    PrefixCache::Match match = cache_.Find(job.shared_scope, job.tokens, shared);
    if (match.state != nullptr) {
      job.reuse.whole = match.tokens == match.state->cells;
      job.reuse.tokens = match.tokens;
      job.reuse.state = std::move(match.state);
    }
  }
  if (!job.own_scope.empty()) {
    PrefixCache::Match match = cache_.Find(job.own_scope, job.tokens, size);
    if (match.state != nullptr && match.tokens > job.reuse.tokens) {
      job.reuse.whole = false;
      job.reuse.tokens = match.tokens;
      job.reuse.state = std::move(match.state);
    }
  }
  for (LlamaJob* other : jobs_) {
    if (other == &job || other->done || !other->sampler) continue;
    int limit = 0;
    if (!job.own_scope.empty() && other->own_scope == job.own_scope) {
      limit = size;
    } else if (shared > 0 && other->shared_scope == job.shared_scope) {
      limit = std::min(shared, other->shared_tokens);
    }
    if (limit < job.reuse.tokens + kLeastReuse) continue;
    const int common = CommonPrefix(job.tokens, other->tokens, limit);
    if (common < job.reuse.tokens + kLeastReuse) continue;
    const int there = other->sequence.resident() ? std::min(common, other->sequence.cells) : 0;
    // Whoever is at it in the same step, and began before, is waited for.
    const bool at_it = other->pending() > 1 && (other->sequence.cells > 0 || other->age < job.age);
    if (at_it && other->sequence.cells < common && absl::c_linear_search(jobs, other)) {
      job.reuse.wait = true;
    }
    if (there < job.reuse.tokens + kLeastReuse) continue;
    job.reuse.state = nullptr;
    job.reuse.whole = false;
    job.reuse.live = &other->sequence;
    job.reuse.tokens = there;
  }
  CutReuse(job);
}

bool LlamaModel::TakeOver(LlamaJob& job) {
  TokenPool& pool = *loaded_.pool;
  const Reuse reuse = std::exchange(job.reuse, {});
  if (reuse.whole) pool.Begin(job.sequence, reuse.state);
  pool.Admit(job.sequence);
  if (reuse.live != nullptr) {
    if (reuse.live->resident()) pool.Copy(*reuse.live, reuse.tokens, job.sequence);
  } else if (reuse.state->resident()) {
    if (!reuse.whole) pool.Copy(*reuse.state, reuse.tokens, job.sequence);
  } else {
    pool.CopyParked(*reuse.state, reuse.tokens, job.sequence);
  }
  if (job.sequence.cells != reuse.tokens) return false;
  job.cached_tokens = std::max(job.cached_tokens, static_cast<uint32_t>(reuse.tokens));
  return true;
}

void LlamaModel::ShareBeginning(LlamaJob& job) {
  const int count = job.shared_tokens;
  if (job.shared_kept || count < kLeastReuse || job.sequence.cells < count) return;
  job.shared_kept = true;
  const auto tokens = absl::MakeConstSpan(job.tokens).first(count);
  if (count > cache_.max_tokens() || cache_.Covers(job.shared_scope, tokens) ||
      !cache_.MakeSharedRoom()) {
    return;
  }
  if (std::shared_ptr<Sequence> state = loaded_.pool->Split(job.sequence, count)) {
    cache_.AddShared(job.shared_scope, {tokens.begin(), tokens.end()}, std::move(state));
  }
}

void LlamaModel::Retire(LlamaJob& job) {
  Sequence& sequence = job.sequence;
  DropGuesses(job);
  const int own = sequence.own_cells();
  const auto tokens = absl::MakeConstSpan(job.tokens).first(sequence.cells);
  if (!job.own_scope.empty() && own >= kLeastOwn && own <= cache_.max_tokens() &&
      !cache_.Covers(job.own_scope, tokens)) {
    loaded_.pool->Park(sequence);
    if (sequence.cells > 0) {
      std::shared_ptr<Sequence> state = loaded_.pool->MakeShared();
      *state = std::exchange(sequence, {});
      cache_.AddOwn(job.own_scope, {tokens.begin(), tokens.end()}, std::move(state));
    }
  }
  loaded_.pool->Release(sequence);
}

}  // namespace intelligenced
