// Reads the rule language of rules.h. Internal to the rule book.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_TEXT_RULE_PARSER_H_
#define INTELLIGENCED_RUNTIME_ENGINES_TEXT_RULE_PARSER_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "runtime/engines/text/rules.h"

namespace intelligenced {

// What an element can ask of a token beyond the lexicon's uses, in the bits above them.
inline constexpr unsigned kClassNumber = 1u << 16;
inline constexpr unsigned kClassOrdinal = 1u << 17;
inline constexpr unsigned kClassCapitalized = 1u << 18;
inline constexpr unsigned kClassWord = 1u << 19;
inline constexpr unsigned kClassOpaque = 1u << 20;
inline constexpr unsigned kClassAny = 1u << 21;
inline constexpr unsigned kClassClock = 1u << 22;

bool IsNumberWord(std::string_view word);
bool IsOrdinalWord(std::string_view word);
std::optional<VerbForm> VerbFormFromName(std::string_view name);

class RuleParser {
 public:
  RuleParser(const Lexicon* lexicon, RuleBook* book) : lexicon_(lexicon), book_(book) {}
  absl::Status Parse(std::string_view source);

 private:
  absl::Status ParseLine(std::string_view line);
  absl::Status ParseSet(std::string_view line);
  absl::Status ParseHeading(std::string_view line);
  absl::Status ParseRule(std::string_view line);
  absl::Status ParseElement(std::string_view text, RuleBook::Element& element);
  absl::Status ParseTerms(std::string_view text, std::vector<RuleBook::Term>& terms);
  absl::Status ParseReplacement(std::string_view text, RuleBook::Rule& rule);
  absl::Status AddExamples(std::string_view pattern, std::string_view replacement,
                           std::string_view wrong, std::string_view right);
  static std::string FillerFor(const RuleBook::Element& element);
  void AddVariants(const RuleBook::Rule& rule);
  void Index(size_t rule);
  absl::Status Error(std::string_view what) const;

  const Lexicon* const lexicon_;
  RuleBook* const book_;
  absl::flat_hash_map<std::string, std::vector<std::string>> sets_;
  int line_ = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_TEXT_RULE_PARSER_H_
