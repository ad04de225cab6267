#include "clients/mcp_provider/tool_phrases.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/mcp_provider/plain_text.h"

namespace intelligenced::mcp {
namespace {

using Kind = actions::ValueType::Kind;
using Words = std::vector<std::string>;

constexpr size_t kMaxWords = 6;
constexpr size_t kMaxWordBytes = 32;
// Words of a parameter's title between its neighbours.
constexpr size_t kMaxLabelWords = 3;

// What may stand between a command and what it is about.
constexpr std::string_view kLead = "[of|for|in|from|about|to|with|at|on]";
constexpr std::string_view kLinks = "(and|to|in|with)";

// What asks for an answer; the resolver's "show" is also "what", "tell me" and "give me".
constexpr std::array<std::string_view, 12> kAsking = {
    "get",    "gets",    "fetch", "fetches",   "retrieve",   "retrieves",
    "return", "returns", "query", "calculate", "calculates", "check"};
// What begins a command that asks already.
constexpr std::array<std::string_view, 6> kLooking = {"list", "read",   "show",
                                                      "view", "search", "find"};
// What parameters are called that say where: people say them last.
constexpr std::array<std::string_view, 9> kWhere = {
    "path", "directory", "folder", "dir", "root", "location", "repo", "repository", "database"};
// What a title may end with and nobody says.
constexpr std::array<std::string_view, 4> kTails = {"tool", "command", "function", "action"};
// What numbers say by themselves.
constexpr std::array<std::string_view, 4> kNumberTails = {"number", "numbers", "value", "values"};
// Where a description's first clause goes on to how and why.
constexpr std::array<std::string_view, 16> kTurns = {"of",  "for",  "in",    "from", "with",  "by",
                                                     "via", "to",   "using", "that", "which", "as",
                                                     "on",  "when", "and",   "or"};

// Words of a description that say how much, and that nobody who asks says.
constexpr std::array<std::string_view, 15> kQualifiers = {
    "a",         "an",       "the",      "entire",   "whole",  "complete", "all",    "given",
    "specified", "specific", "provided", "multiple", "single", "detailed", "various"};

template <typename List>
bool IsOneOf(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool IsWordByte(char c) { return absl::ascii_isalnum(c) || (static_cast<unsigned char>(c) & 0x80); }

// In lower case. Longer words, which nobody says, are left out.
Words WordsOf(std::string_view text, size_t most) {
  Words words;
  std::string word;
  for (size_t i = 0; i <= text.size() && words.size() < most; ++i) {
    if (i < text.size() && IsWordByte(text[i])) {
      word += absl::ascii_tolower(text[i]);
      continue;
    }
    if (!word.empty() && word.size() <= kMaxWordBytes) words.push_back(word);
    word.clear();
  }
  return words;
}

// "Adds two numbers. Be careful." → "adds two numbers"
Words ClauseOf(std::string_view description) {
  Words words = WordsOf(description.substr(0, description.find_first_of(".,;:!?()[]{}\"")), 16);
  for (size_t i = 2; i < words.size(); ++i) {
    if (IsOneOf(kTurns, words[i])) words.resize(i);
  }
  std::erase_if(words, [](const std::string& word) { return IsOneOf(kQualifiers, word); });
  if (words.size() < 2 || words.size() > kMaxWords) words.clear();
  return words;
}

bool Alike(std::string_view a, std::string_view b) {
  const auto root = [](std::string_view word) {
    while (word.size() > 2 && (word.back() == 's' || word.back() == 'e')) word.remove_suffix(1);
    return word;
  };
  return root(a) == root(b);
}

bool IsNumber(const actions::ParameterInfo& parameter) {
  return parameter.type.kind == Kind::kInteger || parameter.type.kind == Kind::kNumber;
}

bool IsWhere(const actions::ParameterInfo& parameter) {
  const Words words = WordsOf(parameter.id, kMaxWords);
  return std::any_of(words.begin(), words.end(),
                     [](const std::string& word) { return IsOneOf(kWhere, word); });
}

class Phrases {
 public:
  explicit Phrases(const ImportedTool& tool) {
    for (size_t i = 0; i < tool.parameters.size(); ++i) {
      // Nobody says JSON.
      if (!tool.arguments[i].shape.json) sayable_.push_back(&tool.parameters[i]);
    }
    const auto optional = std::find_if(sayable_.begin(), sayable_.end(),
                                       [](const auto* parameter) { return parameter->optional; });
    only_optional_ = !sayable_.empty() && optional == sayable_.begin();
    // Required ones come first; of a tool that needs nothing, the first of the others is offered.
    sayable_.erase(only_optional_ ? optional + 1 : optional, sayable_.end());
  }

  // A way to begin; words of a server's.
  void Add(Words head) {
    while (head.size() > 1 && IsOneOf(kTails, head.back())) head.pop_back();
    const bool numbers =
        !sayable_.empty() &&
        std::all_of(sayable_.begin(), sayable_.end(), [](const auto* p) { return IsNumber(*p); });
    std::string tail;
    if (numbers && head.size() > 1 && IsOneOf(kNumberTails, head.back())) {
      tail = absl::StrCat(" [", head.back(), "]");
      head.pop_back();
    }
    // At least one word that the registry takes for one.
    if (std::none_of(head.begin(), head.end(), [](const std::string& word) {
          return std::any_of(word.begin(), word.end(), absl::ascii_isalpha);
        })) {
      return;
    }
    const std::string words = absl::StrCat(absl::StrJoin(head, " "), tail);
    if (sayable_.empty() || only_optional_) Keep(words);
    if (sayable_.size() == 1) Keep(absl::StrCat(words, " ", kLead, " ", Place(0)));
    if (sayable_.size() >= 2 && IsWhere(*sayable_[0]) && !IsWhere(*sayable_[1])) {
      Keep(absl::StrCat(words, " [for|with|named] ", Place(1), " (in|to|at|under) ", Place(0)));
    }
    if (sayable_.size() >= 2) {
      Keep(absl::StrCat(words, " [of|for] ", Place(0), " ", kLinks, " ", Place(1)));
      Keep(absl::StrCat(words, " from ", Place(0), " to ", Place(1)));
    }
    if (!sayable_.empty()) Keep(absl::StrCat(words, " [with]", Labelled()));
  }

  std::vector<std::string> Take() { return std::move(phrases_); }

 private:
  std::string Place(size_t i) const { return absl::StrCat("{", sayable_[i]->id, "}"); }

  // Each place after the words of its title.
  std::string Labelled() const {
    std::string text;
    for (size_t i = 0; i < std::min<size_t>(sayable_.size(), 3); ++i) {
      absl::StrAppend(&text, " ", absl::StrJoin(WordsOf(sayable_[i]->title, kMaxLabelWords), " "),
                      " ", Place(i));
    }
    return text;
  }

  void Keep(std::string phrase) {
    if (phrase.size() <= kMaxPhraseBytes && phrases_.size() < kMaxPhrases &&
        !IsOneOf(phrases_, phrase)) {
      phrases_.push_back(std::move(phrase));
    }
  }

  std::vector<const actions::ParameterInfo*> sayable_;
  bool only_optional_ = false;
  std::vector<std::string> phrases_;
};

}  // namespace

std::vector<std::string> PhrasesOf(const ImportedTool& tool) {
  const Words title = WordsOf(tool.title, kMaxWords);
  const Words name = WordsOf(TitleOf(tool.name), kMaxWords);
  Words clause = ClauseOf(tool.description);
  const auto known = [&](const std::string& word) {
    const auto alike = [&word](const std::string& other) {
      return !IsOneOf(kAsking, other) && Alike(word, other);
    };
    return std::any_of(title.begin(), title.end(), alike) ||
           std::any_of(name.begin(), name.end(), alike);
  };
  if (std::none_of(clause.begin(), clause.end(), known)) clause.clear();
  const auto asks = [](const Words& head) {
    return head.size() > 1 && IsOneOf(kAsking, head.front());
  };
  // "directory tree", which gets something: "show the directory tree".
  const Words begins = WordsOf(tool.description, 1);
  const bool gets = !begins.empty() && IsOneOf(kAsking, begins.front());
  Phrases phrases(tool);
  for (Words head : {title, name}) {
    phrases.Add(head);
    if (asks(head)) {
      head.front() = "show";
    } else if (gets && !head.empty() && !IsOneOf(kLooking, head.front())) {
      head.insert(head.begin(), "show");
    } else {
      continue;
    }
    phrases.Add(std::move(head));
  }
  // "Returns the weather": nobody says that.
  if (asks(clause)) clause.front() = "show";
  phrases.Add(std::move(clause));
  return phrases.Take();
}

}  // namespace intelligenced::mcp
