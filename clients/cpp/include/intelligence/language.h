// What can be said of texts: their sentences and words, vectors that can be compared, classes,
// names. Limits and errors are those of protos/intelligence/v1/language.proto; which language a
// text is in is Translator::Detect() of intelligence/translation.h.
//
//   intelligence::LanguageTools tools(*client);
//   auto result = tools.Embed({.texts = {"A cat sleeps.", "Stocks fell."}});
//   if (result.ok()) Compare(result->embeddings[0].values, result->embeddings[1].values);
#ifndef INTELLIGENCE_LANGUAGE_H_
#define INTELLIGENCE_LANGUAGE_H_

#include <intelligence/client.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace intelligence {

enum class SegmentUnit { kDefault, kSentence, kWord, kCharacter };

struct SegmentTextRequest {
  std::vector<std::string> texts = {};       // 1 to 1,024; may be empty
  SegmentUnit unit = SegmentUnit::kDefault;  // sentences
  std::string language = {};                 // BCP-47; empty: the rules for all languages
};

struct SegmentTextResult {
  // One list a text, in order; sorted, not overlapping.
  std::vector<std::vector<TextRange>> segments = {};
  Usage usage = {};
};

// What vectors will be compared with.
enum class EmbedPurpose {
  kDefault,     // similarity
  kSimilarity,  // with each other
  kQuery,       // a question, compared with documents
  kDocument     // what questions are compared with
};

struct EmbedTextRequest {
  std::vector<std::string> texts = {};  // 1 to 1,024, none empty
  EmbedPurpose purpose = EmbedPurpose::kDefault;
  uint32_t dimensions = 0;  // only the first so many; 0: all
};

struct TextEmbedding {
  std::vector<float> values = {};  // of length 1
  uint32_t input_tokens = 0;
};

struct EmbedTextResult {
  std::vector<TextEmbedding> embeddings = {};  // one a text, in order
  Usage usage = {};
};

enum class TextClassification {
  kDefault,   // the classes of the model in CallOptions
  kSentiment  // moods
};

struct ClassifyTextRequest {
  std::vector<std::string> texts = {};  // 1 to 1,024, none empty
  TextClassification classification = TextClassification::kDefault;
};

struct TextLabel {
  std::string label = {};  // the model's own word
  float confidence = 0;    // 0 to 1
};

struct ClassifyTextResult {
  // One list a text, in order; every class of the model, the likeliest first.
  std::vector<std::vector<TextLabel>> labels = {};
  Usage usage = {};
};

struct FindEntitiesRequest {
  std::vector<std::string> texts = {};  // 1 to 1,024, none empty
};

struct NamedEntity {
  uint32_t start = 0;  // in bytes of the text
  uint32_t end = 0;
  std::string text = {};   // text[start, end)
  std::string label = {};  // the model's own word: "PER"
  float confidence = 0;    // 0 to 1
};

struct FindEntitiesResult {
  // One list a text, in order; sorted, not overlapping.
  std::vector<std::vector<NamedEntity>> entities = {};
  Usage usage = {};
};

// Thread-safe; copies share the client's connection.
class LanguageTools {
 public:
  explicit LanguageTools(const Client& client) : client_(client) {}

  // Always there.
  absl::StatusOr<SegmentTextResult> Segment(const SegmentTextRequest& request,
                                            const CallOptions& options = {}) const;
  // FAILED_PRECONDITION (NO_CAPABLE_MODEL) where no model is installed that can.
  absl::StatusOr<EmbedTextResult> Embed(const EmbedTextRequest& request,
                                        const CallOptions& options = {}) const;
  absl::StatusOr<ClassifyTextResult> Classify(const ClassifyTextRequest& request,
                                              const CallOptions& options = {}) const;
  absl::StatusOr<FindEntitiesResult> FindEntities(const FindEntitiesRequest& request,
                                                  const CallOptions& options = {}) const;

 private:
  Client client_;
};

}  // namespace intelligence

#endif  // INTELLIGENCE_LANGUAGE_H_
