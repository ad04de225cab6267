// What a fake job will do, worked out when it starts: a list of units of work. Pure.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_FAKE_FAKE_SCRIPT_H_
#define INTELLIGENCED_RUNTIME_ENGINES_FAKE_FAKE_SCRIPT_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/engine/engine.h"

namespace intelligenced {

struct FakeScript {
  // What each unit emits; may be nothing.
  std::deque<std::vector<engine_proto::Event>> units;
  // Emitted with the last unit.
  engine_proto::Event completed;
  absl::Duration unit_time;
  uint32_t fail_after_units = 0;
  uint32_t crash_after_units = 0;
};

// The parameters of fake_engine.h that shape answers.
struct FakeAnswers {
  std::string reply;
  bool has_reply = false;
  std::map<std::string, std::string> corrections;
  std::string rewrite;
  std::string summary;
  std::string language;
  uint32_t context_tokens = 0;
  absl::Duration unit_time;
  std::string crash_word;
  std::string fail_word;
  bool lose_kept = false;
  bool pass_step = false;
  bool words_only = false;
};

// Of fake_translate.cc. CONTEXT_WINDOW_EXCEEDED for a segment that is too long.
absl::StatusOr<FakeScript> TranslateLikeAFake(const engine_proto::TranslateTask& task,
                                              const FakeAnswers& answers);
absl::Status FakeTextTooLong(size_t tokens, uint32_t context);

// Errors: FIELD_INVALID, CONTEXT_WINDOW_EXCEEDED.
absl::StatusOr<FakeScript> MakeFakeScript(const engine_proto::Task& task,
                                          const FakeAnswers& answers);

// Whole words of `text` that `corrections` names, outside `protected_ranges`.
std::vector<engine_proto::Correction> FindFakeCorrections(
    std::string_view text, const std::map<std::string, std::string>& corrections,
    const std::vector<engine_proto::ByteRange>& protected_ranges);

// Tokens of the fake: words between white space.
size_t CountFakeTokens(std::string_view text);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_FAKE_FAKE_SCRIPT_H_
