#include "runtime/engines/text/speller.h"

#include <algorithm>
#include <array>
#include <bit>
#include <exception>
#include <fstream>
#include <hunspell/hunspell.hxx>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

constexpr size_t kLongestWord = 40;
constexpr size_t kCacheSize = 20'000;
constexpr size_t kMostSuggestions = 8;
constexpr double kTooFar = 13;
// Beyond one edit: what is less alike than this is guessing.
constexpr double kFarthestAlike = 5.9;

// Rows of the keyboard, each shifted by half a key against the one above.
constexpr std::string_view kRows[] = {"qwertyuiop", "asdfghjkl", "zxcvbnm"};

constexpr bool AreNeighbours(char a, char b) {
  int row_a = -1, row_b = -1;
  size_t place_a = 0, place_b = 0;
  for (int row = 0; row < 3; ++row) {
    if (const size_t place = kRows[row].find(a); place != std::string_view::npos) {
      row_a = row;
      place_a = place;
    }
    if (const size_t place = kRows[row].find(b); place != std::string_view::npos) {
      row_b = row;
      place_b = place;
    }
  }
  if (row_a < 0 || row_b < 0 || row_a - row_b > 1 || row_b - row_a > 1) return false;
  return place_a <= place_b + 1 && place_b <= place_a + 1;
}

constexpr bool IsVowel(char c) {
  return std::string_view("aeiouy").find(c) != std::string_view::npos;
}

// Letters that sound alike somewhere.
constexpr bool SoundAlike(char a, char b) {
  if (IsVowel(a) && IsVowel(b)) return true;
  constexpr std::string_view kPairs[] = {"cs", "ck", "sz", "fv", "gj", "td", "mn", "kq", "ph"};
  for (const std::string_view pair : kPairs) {
    if ((pair[0] == a && pair[1] == b) || (pair[0] == b && pair[1] == a)) return true;
  }
  return false;
}

// What there is to know of two letters, looked up a million times a second.
struct LetterPairs {
  double replace[26][26];
  bool neighbours[26][26];
};

constexpr LetterPairs MakeLetterPairs() {
  LetterPairs pairs{};
  for (int a = 0; a < 26; ++a) {
    for (int b = 0; b < 26; ++b) {
      const char meant = static_cast<char>('a' + a), typed = static_cast<char>('a' + b);
      pairs.neighbours[a][b] = AreNeighbours(meant, typed);
      pairs.replace[a][b] = SoundAlike(meant, typed) ? 2.6 : pairs.neighbours[a][b] ? 2.9 : 4.2;
    }
  }
  return pairs;
}

constexpr LetterPairs kLetterPairs = MakeLetterPairs();

bool AreSmallLetters(char a, char b) { return absl::ascii_islower(a) && absl::ascii_islower(b); }

double ReplaceCost(char meant, char typed) {
  if (meant == typed) return 0;
  return AreSmallLetters(meant, typed) ? kLetterPairs.replace[meant - 'a'][typed - 'a'] : 4.2;
}

// A letter of `word` at `i` too many or left out.
double GapCost(std::string_view word, size_t i, std::string_view other, size_t j) {
  const char c = word[i];
  const bool doubled = (i > 0 && word[i - 1] == c) || (i + 1 < word.size() && word[i + 1] == c);
  if (doubled) return 1.7;
  if (c == '\'') return 1.0;
  if (c == 'e' && i + 1 == word.size()) return 2.2;  // silent
  if (c == 'h' && i > 0) return 2.4;
  if (j > 0 && AreSmallLetters(c, other[j - 1]) &&
      kLetterPairs.neighbours[c - 'a'][other[j - 1] - 'a']) {
    return 3.0;
  }
  return IsVowel(c) ? 2.8 : 3.3;
}

// The American form of a British spelling; the word itself when it has none.
std::string Americanized(std::string word) {
  constexpr std::pair<std::string_view, std::string_view> kForms[] = {
      {"isation", "ization"}, {"ising", "izing"},       {"ised", "ized"},
      {"iser", "izer"},       {"ises", "izes"},         {"ise", "ize"},
      {"ysing", "yzing"},     {"ysed", "yzed"},         {"yse", "yze"},
      {"ours", "ors"},        {"oured", "ored"},        {"ouring", "oring"},
      {"ourite", "orite"},    {"ourful", "orful"},      {"our", "or"},
      {"elled", "eled"},      {"elling", "eling"},      {"eller", "eler"},
      {"alled", "aled"},      {"tre", "ter"},           {"tres", "ters"},
      {"ogue", "og"},         {"ogues", "ogs"},         {"ence", "ense"},
      {"lment", "llment"},    {"grey", "gray"},         {"ilful", "illful"},
      {"aeo", "eo"},          {"programme", "program"}, {"judgement", "judgment"},
      {"ageing", "aging"}};
  for (const auto& [british, american] : kForms) {
    const size_t place = word.rfind(british);
    if (place == std::string::npos) continue;
    return word.replace(place, british.size(), american);
  }
  return word;
}

}  // namespace

double SlipCost(std::string_view meant, std::string_view typed) {
  const size_t rows = meant.size(), columns = typed.size();
  if (rows > kLongestWord + 4 || columns > kLongestWord + 4) return kTooFar;
  if ((rows > columns ? rows - columns : columns - rows) > 3) return kTooFar;
  // Damerau-Levenshtein distance with weights, three rows at a time.
  std::array<double, kLongestWord + 5> rows_of_costs[3];
  double *before = rows_of_costs[0].data(), *above = rows_of_costs[1].data(),
         *row = rows_of_costs[2].data();
  above[0] = 0;
  for (size_t j = 1; j <= columns; ++j) above[j] = above[j - 1] + GapCost(typed, j - 1, meant, 0);
  for (size_t i = 1; i <= rows; ++i) {
    row[0] = above[0] + GapCost(meant, i - 1, typed, 0);
    for (size_t j = 1; j <= columns; ++j) {
      const char m = meant[i - 1], t = typed[j - 1];
      row[j] =
          std::min({above[j - 1] + ReplaceCost(m, t), above[j] + GapCost(meant, i - 1, typed, j),
                    row[j - 1] + GapCost(typed, j - 1, meant, i)});
      if (i > 1 && j > 1 && m == typed[j - 2] && meant[i - 2] == t && m != t) {
        row[j] = std::min(row[j], before[j - 2] + 1.8);
      }
    }
    if (*std::min_element(row, row + columns + 1) >= kTooFar) return kTooFar;
    std::swap(before, above);
    std::swap(above, row);
  }
  // First letters are seldom wrong.
  return above[columns] + (meant.empty() || typed.empty() || meant[0] == typed[0] ? 0 : 1.6);
}

absl::StatusOr<std::unique_ptr<Speller>> Speller::Load(const std::string& affixes,
                                                       const std::string& dictionary,
                                                       std::string_view known_words,
                                                       const Lexicon* lexicon) {
  // Hunspell takes a missing file for an empty dictionary.
  for (const std::string& path : {affixes, dictionary}) {
    if (!std::ifstream(path).good()) {
      return MakeError(Reason::kModelLoadFailed,
                       absl::StrCat("The spelling dictionary cannot be read: ", path,
                                    ". Install the package that has it (hunspell-en-us)."));
    }
  }
  auto speller = std::unique_ptr<Speller>(new Speller(lexicon));
  try {
    speller->hunspell_ = std::make_unique<Hunspell>(affixes.c_str(), dictionary.c_str());
    if (!speller->hunspell_->spell(std::string("the")) ||
        speller->hunspell_->spell(std::string("xqzvkj"))) {
      return MakeError(Reason::kModelLoadFailed,
                       absl::StrCat("No English dictionary comes of ", dictionary, "."));
    }
  } catch (const std::exception& error) {
    return MakeError(Reason::kModelLoadFailed,
                     absl::StrCat("The spelling dictionary was refused: ", error.what()));
  }
  for (const std::string_view word :
       absl::StrSplit(known_words, absl::ByAnyChar(" \n"), absl::SkipEmpty())) {
    speller->extra_.emplace(word);
  }
  speller->ReadCandidates(dictionary);
  return speller;
}

Speller::Speller(const Lexicon* lexicon) : lexicon_(lexicon) {}
Speller::~Speller() = default;

bool Speller::Knows(std::string_view word) {
  if (const auto found = known_.find(word); found != known_.end()) return found->second;
  const std::string lower = ToLowerUtf8(word);
  // Words that many texts have are words, whatever the dictionary says.
  bool known = lexicon_->Frequency(lower) >= 4 || extra_.contains(lower);
  if (!known && word.size() <= kLongestWord * 2) {
    known = hunspell_->spell(std::string(word));
    if (!known && (absl::EndsWith(lower, "'s") || absl::EndsWith(lower, "s'"))) {
      const std::string stem(word.substr(0, word.size() - (absl::EndsWith(lower, "'s") ? 2 : 1)));
      known = hunspell_->spell(stem) || extra_.contains(ToLowerUtf8(stem));
    }
    // "minimap": two common words written as one name a thing more often than they are a slip.
    for (size_t i = 3; !known && i + 3 <= lower.size(); ++i) {
      known =
          lexicon_->Frequency(lower.substr(0, i)) >= 9 && lexicon_->Frequency(lower.substr(i)) >= 9;
    }
    // Either side of the ocean is right.
    if (!known) {
      const std::string american = Americanized(lower);
      known = american != lower && hunspell_->spell(american);
    }
    if (!known && absl::EndsWith(lower, "'ve")) {
      known = hunspell_->spell(lower.substr(0, lower.size() - 3));
    }
    // Plurals of what is known beside the dictionary.
    if (!known && absl::EndsWith(lower, "s")) {
      const std::string stem = lower.substr(0, lower.size() - 1);
      known = extra_.contains(stem) || lexicon_->Frequency(stem) >= 3;
    }
  }
  if (known_.size() >= kCacheSize) known_.clear();
  known_.emplace(word, known);
  return known;
}

// Which letters a word has: what differs in more than four of them is too far away.
uint32_t LettersOf(std::string_view lower) {
  uint32_t letters = 0;
  for (const char c : lower) letters |= 1u << (absl::ascii_islower(c) ? c - 'a' : 26);
  return letters;
}

void Speller::AddCandidate(std::string_view word) {
  if (word.size() < 2 || word.size() > kLongestWord) return;
  const std::string lower = absl::AsciiStrToLower(word);
  if (!absl::ascii_islower(lower[0])) return;
  candidates_[lower[0] - 'a'].push_back({.offset = static_cast<uint32_t>(names_.size()),
                                         .size = static_cast<uint32_t>(word.size()),
                                         .letters = LettersOf(lower)});
  names_.append(word);
}

void Speller::ReadCandidates(const std::string& dictionary) {
  absl::flat_hash_set<std::string> seen;
  const auto add = [&](std::string_view word) {
    const bool plain = std::all_of(word.begin(), word.end(),
                                   [](char c) { return absl::ascii_isalpha(c) || c == '\''; });
    // "Government" is in the dictionary too, as a name.
    const bool name = absl::ascii_isupper(word.empty() ? 'a' : word[0]);
    if (!plain || (name && lexicon_->Frequency(absl::AsciiStrToLower(word)) > 0)) return;
    if (seen.insert(std::string(word)).second) AddCandidate(word);
  };
  lexicon_->ForEach([&](std::string_view word, int) { add(word); });
  std::ifstream file(dictionary);
  for (std::string line; std::getline(file, line);)
    add(line.substr(0, line.find_first_of("/\r\t ")));
}

void Speller::AddAlike(std::string_view word, absl::flat_hash_set<std::string>& found) const {
  if (!absl::ascii_islower(word[0])) return;
  const uint32_t letters = LettersOf(word);
  // Two letters are much of a short word: "but" is no slip of "budget".
  const size_t most_gaps = word.size() < 7 ? 1 : 2;
  for (const Candidate& candidate : candidates_[word[0] - 'a']) {
    const size_t size = candidate.size;
    if ((size > word.size() ? size - word.size() : word.size() - size) > most_gaps) continue;
    if (std::popcount(letters & ~candidate.letters) > 2) continue;
    if (std::popcount(candidate.letters & ~letters) > 2) continue;
    const std::string_view name = std::string_view(names_).substr(candidate.offset, size);
    if (SlipCost(absl::AsciiStrToLower(name), word) < kFarthestAlike) found.emplace(name);
  }
}

void Speller::AddEdits(std::string_view word, absl::flat_hash_set<std::string>& found) const {
  const auto consider = [&](std::string candidate) {
    if (lexicon_->Frequency(candidate) > 0) found.insert(std::move(candidate));
  };
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz'";
  for (size_t i = 0; i <= word.size(); ++i) {
    const std::string head(word.substr(0, i));
    const std::string_view tail = word.substr(i);
    for (const char letter : kLetters) {
      consider(absl::StrCat(head, std::string(1, letter), tail));
      if (!tail.empty()) consider(absl::StrCat(head, std::string(1, letter), tail.substr(1)));
    }
    if (!tail.empty()) consider(absl::StrCat(head, tail.substr(1)));
    if (tail.size() > 1) {
      consider(
          absl::StrCat(head, std::string(1, tail[1]), std::string(1, tail[0]), tail.substr(2)));
    }
  }
}

std::vector<Suggestion> Speller::Suggest(std::string_view lower_word, size_t limit) {
  if (lower_word.size() > kLongestWord || lower_word.empty()) return {};
  auto cached = suggested_.find(lower_word);
  if (cached == suggested_.end()) {
    absl::flat_hash_set<std::string> candidates;
    AddEdits(lower_word, candidates);
    AddAlike(lower_word, candidates);
    std::vector<Suggestion> suggestions;
    for (const std::string& candidate : candidates) {
      const std::string lower = ToLowerUtf8(candidate);
      const double slip = SlipCost(lower, lower_word);
      if (lower == lower_word || slip >= kTooFar) continue;
      const double commonness = 0.69 * std::max(lexicon_->Frequency(lower), 0);
      suggestions.push_back({candidate, commonness - 1.5 * slip, slip});
    }
    std::sort(suggestions.begin(), suggestions.end(), [](const Suggestion& a, const Suggestion& b) {
      return a.score != b.score ? a.score > b.score : a.word < b.word;
    });
    // The list has words that only many people write.
    size_t kept = 0;
    for (size_t i = 0; i < suggestions.size() && kept < kMostSuggestions; ++i) {
      if (!hunspell_->spell(suggestions[i].word)) continue;
      if (i != kept) suggestions[kept] = std::move(suggestions[i]);
      ++kept;
    }
    suggestions.resize(kept);
    if (suggested_.size() >= kCacheSize) suggested_.clear();
    cached = suggested_.emplace(lower_word, std::move(suggestions)).first;
  }
  std::vector<Suggestion> result = cached->second;
  if (result.size() > limit) result.resize(limit);
  return result;
}

}  // namespace intelligenced
