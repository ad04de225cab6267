// How a language model proofreads, by its manifest: what it is asked with, which of its edits are
// believed, and how they join those of the rules. Pure and thread-safe.
#ifndef INTELLIGENCED_SERVICES_WRITING_TOOLS_PROOFREAD_POLICY_H_
#define INTELLIGENCED_SERVICES_WRITING_TOOLS_PROOFREAD_POLICY_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "protos/intelligence/engine/v1/task.pb.h"
#include "protos/intelligence/v1/writing_tools.pb.h"
#include "runtime/base/byte_span.h"
#include "runtime/models/manifest.h"
#include "services/writing_tools/alignment.h"

namespace intelligenced {

namespace engine_proto = ::intelligence::engine::v1;

// From the manifest's parameters of the names given; all have defaults. They are chosen on
// development data when a model is made (packaging/models/writer/README.md).
struct ProofreadPolicy {
  // "x-proofread.prompt": the prompt as the model was trained on it, with "{text}" once. Empty: a
  // conversation with instructions, for models that follow such.
  std::string prompt;
  // "x-proofread.min_confidence", 0 to 1: edits that the model is less sure of are dropped.
  float min_confidence = 0;
  // "x-proofread.part_bytes", 96 to 65536: no part that is longer is given to the model.
  size_t part_bytes = 1500;
  // "x-proofread.rules", "true" or "false": the rules' edits join the model's.
  bool join_rules = false;
  // "x-proofread.rules_confidence", 0 to 1: rules' edits that are less sure are kept only where the
  // model makes them too.
  float rules_confidence = 0;
  // "x-proofread.prose_only", "true" or "false": parts that are no prose stay as they are.
  bool prose_only = false;
  // "x-proofread.english_only", "true" or "false": texts in other languages are refused as the
  // rules refuse them.
  bool english_only = false;
};

// MODEL_CORRUPT with the parameter's name for a value out of bounds or an unknown "x-proofread."
// parameter.
absl::StatusOr<ProofreadPolicy> ProofreadPolicyOf(const Manifest& model);

// Text as people write it: mostly letters, not all of them capitals, no row of a table.
bool IsProse(std::string_view text);

// How sure a model was of a stretch of its answer: the lowest probability of the tokens in
// `answer_range` (bytes of the whole output), or of the one after an empty range. 0 where
// `likelihoods` does not reach.
float AnswerConfidence(const engine_proto::TokenLikelihoods& likelihoods, ByteSpan answer_range);

// An edit of a text with what is told of it.
struct Suggestion {
  TextEdit edit;
  // The words of it that really differ ("could of" to "could have": "of" to "have"): what two edits
  // are compared by.
  TextEdit core;
  float confidence = 0;
  intelligence::v1::Correction details;
};

// `edit` of `text` without the words at its ends that stay; itself where more than one place of it
// differs.
TextEdit CoreOf(std::string_view text, const TextEdit& edit);

// One list of both, sorted, not overlapping. `rules` and `model`: sorted, each without overlaps.
// What has the same core in both comes once, with the rules' words and the higher confidence; of
// two that overlap the surer one stays, the rules' where they are equally sure.
std::vector<Suggestion> JoinSuggestions(absl::Span<const Suggestion> rules,
                                        absl::Span<const Suggestion> model,
                                        const ProofreadPolicy& policy);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_WRITING_TOOLS_PROOFREAD_POLICY_H_
