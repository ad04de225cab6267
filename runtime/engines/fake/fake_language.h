// Answers of the fake engine to language tasks.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_FAKE_FAKE_LANGUAGE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_FAKE_FAKE_LANGUAGE_H_

#include "absl/status/statusor.h"
#include "runtime/engines/fake/fake_script.h"

namespace intelligenced {

// One unit for each text, the last text first where the order is the engine's to choose:
//   DETECT_LANGUAGE  the text's first word is the language; none for an empty text
//   SEGMENT_TEXT     what stands between spaces
//   EMBED_TEXT       (1, 0), or (0, 1) for a text with a question mark; a QUERY points backwards
//   CLASSIFY_TEXT    POSITIVE 0.9 and NEGATIVE 0.1, or the other way for a text with "bad"
//   FIND_ENTITIES    words that begin with a capital of ASCII, as "PER"
// A text with more words than the context takes is CONTEXT_WINDOW_EXCEEDED, but for the first two.
absl::StatusOr<FakeScript> FollowLanguageTask(const engine_proto::Task& task,
                                              uint32_t context_tokens);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_FAKE_FAKE_LANGUAGE_H_
