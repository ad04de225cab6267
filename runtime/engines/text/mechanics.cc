#include "runtime/engines/text/mechanics.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

using ::intelligence::engine::v1::CORRECTION_TYPE_CAPITALIZATION;
using ::intelligence::engine::v1::CORRECTION_TYPE_GRAMMAR;
using ::intelligence::engine::v1::CORRECTION_TYPE_PUNCTUATION;
using ::intelligence::engine::v1::CORRECTION_TYPE_SPELLING;
using ::intelligence::engine::v1::CorrectionType;

using WordSet = absl::flat_hash_set<std::string_view>;

void Add(std::vector<RuleMatch>& matches, ByteSpan span, std::string replacement,
         CorrectionType type, double confidence, std::string_view explanation) {
  matches.push_back({.span = span,
                     .replacement = std::move(replacement),
                     .type = type,
                     .confidence = confidence,
                     .explanation = explanation});
}

// Words that good English sometimes says twice.
bool MayRepeat(std::string_view word) {
  static const auto* const set = new WordSet{
      "that",  "had",  "her",  "very", "really", "so",    "no",     "ha",   "haha",  "bye",
      "blah",  "much", "many", "long", "far",    "too",   "way",    "hear", "there", "now",
      "again", "yes",  "well", "wow",  "ok",     "do",    "tut",    "hey",  "knock", "please",
      "never", "ever", "more", "over", "around", "up",    "down",   "who",  "what",  "you",
      "lol",   "oh",   "cha",  "boo",  "night",  "hip",   "hush",   "win",  "ping",  "tick",
      "can",   "chop", "bang", "bla",  "choo",   "fifty", "step",   "side", "face",  "one",
      "me",    "go",   "to",   "dum",  "la",     "ta",    "pretty", "old",  "big",   "out"};
  return set->contains(word);
}

void FindDoubledWords(const MechanicsContext& context, std::vector<RuleMatch>& matches) {
  const absl::Span<const Token> tokens = context.tokens;
  for (size_t i = 1; i < tokens.size(); ++i) {
    const Token& first = tokens[i - 1];
    const Token& second = tokens[i];
    if (!first.IsWord() || !second.IsWord() || first.lower != second.lower ||
        !second.space_before || MayRepeat(first.lower)) {
      continue;
    }
    if (CountChars(first.lower) < 2 && first.lower != "a" && first.lower != "i") continue;
    // Names ("Duran Duran"), and words that are parts of something longer ("bit-by-bit by").
    if (first.letter_case == LetterCase::kCapitalized &&
        second.letter_case == LetterCase::kCapitalized) {
      continue;
    }
    if (context.lexicon->Frequency(first.lower) < 8) continue;
    const bool glued =
        (i + 1 < tokens.size() && !tokens[i + 1].space_before && tokens[i + 1].lower == "-") ||
        (i > 1 && !first.space_before && tokens[i - 2].lower == "-");
    if (glued) continue;
    Add(matches, {first.span.end, second.span.end}, "", CORRECTION_TYPE_GRAMMAR, 0.93,
        "The word stands twice.");
  }
}

bool StartsWithAny(std::string_view word, std::initializer_list<std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return absl::StartsWith(word, prefix); });
}

void FindArticles(const MechanicsContext& context, std::vector<RuleMatch>& matches) {
  for (size_t i = 0; i + 1 < context.tokens.size(); ++i) {
    const Token& article = context.tokens[i];
    const Token& next = context.tokens[i + 1];
    const bool an = article.Is("an");
    if ((!an && !article.Is("a")) || !next.space_before) continue;
    // "Plan A and", "an" in capitals, a letter's name, "A is for".
    if (!an && article.letter_case != LetterCase::kLower && i > 0) continue;
    if (i > 0 && !article.space_before) continue;
    const std::optional<bool> should = TakesAn(next, next.span.In(context.text));
    if (!should.has_value() || *should == an) continue;
    if (!an && next.IsWord() && (context.lexicon->Frequency(next.lower) >= 17)) {
      // "vitamin A is", "a or b": the commonest little words follow the letter, not the article.
      static const auto* const kAfterLetter =
          new WordSet{"and", "or", "is", "in", "as", "of", "at", "are", "if", "it", "i", "a", "on"};
      if (kAfterLetter->contains(next.lower)) continue;
    }
    // "cats an dogs": a slip for "and".
    if (an && (context.lexicon->Uses(next.lower) & kUsePlural) != 0) continue;
    const bool letters = next.lower.find_first_of("aeiouy") == std::string::npos;
    if (next.IsWord() && !letters && !context.speller->Knows(next.lower)) continue;
    Add(matches, article.span, MatchCase(article.span.In(context.text), *should ? "an" : "a"),
        CORRECTION_TYPE_GRAMMAR, 0.95,
        *should ? "\"An\" stands before a vowel sound." : "\"A\" stands before a consonant sound.");
  }
}

bool IsEdge(const MechanicsContext& context, size_t offset) {
  return offset >= context.text.size() || IsSpace(CharAt(context.text, offset));
}

void FindSpacing(const MechanicsContext& context, std::vector<RuleMatch>& matches) {
  const absl::Span<const Token> tokens = context.tokens;
  const auto known = [&](const Token& token) {
    return token.IsWord() && token.letter_case != LetterCase::kMixed &&
           context.lexicon->Frequency(token.lower) >= 3;
  };
  for (size_t i = 1; i < tokens.size(); ++i) {
    const Token& mark = tokens[i];
    const Token& before = tokens[i - 1];
    if (mark.kind != TokenKind::kMark) continue;
    const bool comma = mark.lower == "," || mark.lower == ";";
    const bool stop = mark.lower == "." || mark.lower == "?" || mark.lower == "!";
    if (!comma && !stop) continue;
    // "word ,": but not in front of what belongs together ("hello .NET", " ...").
    if (comma && mark.space_before && before.IsWord() && IsEdge(context, mark.span.end) &&
        context.text.substr(before.span.end, mark.span.start - before.span.end) == " ") {
      Add(matches, {before.span.end, mark.span.start}, "", CORRECTION_TYPE_PUNCTUATION, 0.9,
          "No space stands before this mark.");
    }
    // "word ,word": the space stands on the wrong side.
    if (comma && mark.space_before && i + 1 < tokens.size() && !tokens[i + 1].space_before &&
        known(before) && known(tokens[i + 1]) &&
        context.text.substr(before.span.end, mark.span.start - before.span.end) == " ") {
      Add(matches, {before.span.end, mark.span.end}, mark.lower + " ", CORRECTION_TYPE_PUNCTUATION,
          0.9, "The space stands after this mark, not before it.");
    }
    if (i + 1 >= tokens.size() || tokens[i + 1].space_before || !known(before) ||
        mark.space_before) {
      continue;
    }
    const Token& after = tokens[i + 1];
    const bool last = i + 2 >= tokens.size() || tokens[i + 2].space_before ||
                      (tokens[i + 2].kind == TokenKind::kMark && tokens[i + 2].lower != "(" &&
                       tokens[i + 2].lower != "=" && tokens[i + 2].lower != "_");
    const bool alone = before.space_before || i == 1;
    const bool new_name =
        mark.lower != "." && after.IsWord() && after.letter_case == LetterCase::kCapitalized;
    if (!last || !alone || (!known(after) && !new_name)) continue;
    const bool list = comma && before.letter_case == LetterCase::kLower &&
                      after.letter_case == LetterCase::kLower && before.lower.size() > 1 &&
                      after.lower.size() > 1;
    // A new sentence: "at home.The".
    const bool sentence = stop && before.letter_case == LetterCase::kLower &&
                          before.lower.size() > 1 &&
                          (after.letter_case == LetterCase::kCapitalized || after.lower == "i");
    const bool name =
        (mark.lower == "?" || mark.lower == "!") && after.letter_case == LetterCase::kCapitalized;
    if (list || sentence || name) {
      Add(matches, {mark.span.end, mark.span.end}, " ", CORRECTION_TYPE_PUNCTUATION,
          list ? 0.85 : 0.9, "A space stands after this mark.");
    }
  }
}

// "again ?": the closing mark of the sentence stands apart from its last word. A row of marks, or a
// full stop ("copy it to .", "wait ..."), may be meant so.
void FindSpaceBeforeEnd(const MechanicsContext& context, std::vector<RuleMatch>& matches) {
  const absl::Span<const Token> tokens = context.tokens;
  const auto is_one_of = [](const Token& token, std::string_view marks) {
    return token.kind == TokenKind::kMark && absl::StrContains(marks, token.lower);
  };
  for (size_t i = 1; i < tokens.size(); ++i) {
    if (!is_one_of(tokens[i], "?!") || !tokens[i].space_before) continue;
    // The end of the sentence or of what is quoted in it.
    const bool ends = i + 1 == tokens.size() ||
                      (!tokens[i + 1].space_before && is_one_of(tokens[i + 1], "\"'”’)"));
    const Token& word = tokens[i - 1];
    if (!ends || !word.IsWord() || word.letter_case == LetterCase::kMixed ||
        context.lexicon->Frequency(word.lower) < 3) {
      continue;
    }
    const ByteSpan gap = {word.span.end, tokens[i].span.start};
    if (gap.In(context.text) != " ") continue;
    Add(matches, gap, "", CORRECTION_TYPE_PUNCTUATION, 0.88, "No space stands before this mark.");
  }
}

// "th ecat": a space that slipped by one letter.
void FindShiftedSpaces(const MechanicsContext& context, std::vector<RuleMatch>& matches) {
  const absl::Span<const Token> tokens = context.tokens;
  for (size_t i = 1; i < tokens.size(); ++i) {
    const Token& left = tokens[i - 1];
    const Token& right = tokens[i];
    if (!left.IsWord() || !right.IsWord() || !right.space_before) continue;
    if (left.lower.size() < 2 || right.lower.size() < 3 || right.span.start - left.span.end != 1) {
      continue;
    }
    if (right.letter_case != LetterCase::kLower || context.speller->Knows(right.lower)) continue;
    const auto try_split = [&](std::string first, std::string second) {
      if (context.lexicon->Frequency(first) < 10 || context.lexicon->Frequency(second) < 8) {
        return false;
      }
      Add(matches, {left.span.start, right.span.end},
          MatchCase(left.span.In(context.text).substr(0, 1), absl::StrCat(first, " ", second)),
          CORRECTION_TYPE_SPELLING, 0.9, "The space stands one letter off.");
      return true;
    };
    if (try_split(absl::StrCat(left.lower, right.lower.substr(0, 1)), right.lower.substr(1))) {
      continue;
    }
    try_split(left.lower.substr(0, left.lower.size() - 1),
              absl::StrCat(left.lower.substr(left.lower.size() - 1), right.lower));
  }
}

void FindCapitals(const MechanicsContext& context, std::vector<RuleMatch>& matches) {
  const absl::Span<const Token> tokens = context.tokens;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    if (!token.IsWord() || token.letter_case != LetterCase::kLower) continue;
    const bool contraction = absl::StartsWith(token.lower, "i'") && token.lower.size() <= 4;
    if (token.lower != "i" && !contraction) continue;
    // A list's or a formula's i, "i.e.", "i = 0", "i-th".
    const Token* next = i + 1 < tokens.size() ? &tokens[i + 1] : nullptr;
    if (token.lower == "i") {
      if (next == nullptr) {
        if (i == 0) continue;
      } else if (next->kind != TokenKind::kWord && !(next->lower == "," || next->lower == "." ||
                                                     next->lower == "?" || next->lower == "!")) {
        continue;
      } else if (next->kind == TokenKind::kMark && next->lower == "." && i + 2 < tokens.size()) {
        continue;
      }
      if (i > 0 && (!token.space_before || tokens[i - 1].kind == TokenKind::kNumber)) continue;
    }
    Add(matches, {token.span.start, token.span.start + 1}, "I", CORRECTION_TYPE_CAPITALIZATION,
        0.95, "The pronoun \"I\" is a capital.");
  }
  if (!context.capitalize_start || tokens.empty()) return;
  size_t first = 0;
  while (first < tokens.size() && tokens[first].kind == TokenKind::kMark) ++first;
  if (first >= tokens.size() || !tokens[first].IsWord() || first > 2) return;
  const Token& word = tokens[first];
  if (word.letter_case != LetterCase::kLower || !context.speller->Knows(word.lower)) return;
  if (first + 1 < tokens.size() && !tokens[first + 1].space_before &&
      tokens[first + 1].lower != "," && tokens[first + 1].lower != "-") {
    return;
  }
  const std::string_view written = word.span.In(context.text);
  const size_t end = word.span.start + NextChar(written, 0);
  Add(matches, {word.span.start, end}, CapitalizeUtf8(written.substr(0, NextChar(written, 0))),
      CORRECTION_TYPE_CAPITALIZATION, 0.85, "A sentence begins with a capital.");
}

bool IsDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

// "1990's", "the 80's", "in his 30's". A year, version or size that owns something looks the same
// ("Windows 10's shell", "the 2020's edition"): only what can be nothing but a decade is touched.
void FindDecades(const MechanicsContext& context, std::vector<RuleMatch>& matches) {
  const absl::Span<const Token> tokens = context.tokens;
  const auto one_of = [](std::string_view word, std::string_view list) {
    return !word.empty() && absl::StrContains(list, absl::StrCat(" ", word, " "));
  };
  for (size_t i = 0; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    if (token.kind != TokenKind::kNumber || !absl::EndsWith(token.lower, "0's")) continue;
    const std::string digits = token.lower.substr(0, token.lower.size() - 2);
    if (!IsDigits(digits)) continue;
    const bool hyphen = i > 0 && tokens[i - 1].Is("-") && !token.space_before;
    const size_t skip = hyphen ? 2 : 1;
    const Token* before = i >= skip ? &tokens[i - skip] : nullptr;
    const Token* earlier = i >= skip + 1 ? &tokens[i - skip - 1] : nullptr;
    const std::string_view word = before == nullptr ? std::string_view() : before->lower;
    const bool part = one_of(word, " early mid late ");
    if (hyphen && !part) continue;
    if (digits.size() == 4 && absl::StartsWith(digits, "1") && digits[1] >= '5') {
      if (i == 0) continue;
    } else if (digits.size() == 4 && absl::StartsWith(digits, "20")) {
      if (!part && word != "the") continue;
    } else if (digits.size() != 2 || digits == "00") {
      continue;
    }
    if (digits.size() == 4) {
      Add(matches, token.span, absl::StrCat(digits, "s"), CORRECTION_TYPE_PUNCTUATION, 0.85,
          "A decade takes no apostrophe before the s.");
      continue;
    }
    constexpr std::string_view kOwners = " my your his her their our ";
    // People are in their 30s; decades are short for a year ('80s).
    const bool age =
        one_of(word, kOwners) || (part && earlier != nullptr && one_of(earlier->lower, kOwners));
    const bool decade = digits[0] >= '5' && before != nullptr &&
                        (before->kind == TokenKind::kMark
                             ? !before->Is("+")
                             : before->IsWord() && before->letter_case == LetterCase::kLower);
    const bool first = digits[0] >= '5' && before != nullptr && i == 1 && before->Is("a");
    if (age) {
      Add(matches, token.span, absl::StrCat(digits, "s"), CORRECTION_TYPE_PUNCTUATION, 0.8,
          "An age in years takes no apostrophe.");
    } else if (decade || first) {
      Add(matches, token.span, absl::StrCat("'", digits, "s"), CORRECTION_TYPE_PUNCTUATION, 0.8,
          "The apostrophe stands for the century.");
    }
  }
}

// "25$" and "$ 25" are written "$25"; feet and inches, minutes and seconds have marks of their own.
void FindUnits(const MechanicsContext& context, std::vector<RuleMatch>& matches) {
  const absl::Span<const Token> tokens = context.tokens;
  const auto is_sign = [](const Token& token) {
    return token.kind == TokenKind::kMark &&
           (token.lower == "$" || token.lower == "£" || token.lower == "€");
  };
  for (size_t i = 0; i + 1 < tokens.size(); ++i) {
    if (tokens[i].kind != TokenKind::kNumber) continue;
    const std::string_view number = tokens[i].span.In(context.text);
    if (!absl::ascii_isdigit(number.back())) continue;
    const bool sign_before = i > 0 && is_sign(tokens[i - 1]);
    if (is_sign(tokens[i + 1]) && !sign_before && tokens[i + 1].lower != "€" &&
        IsEdge(context, tokens[i].span.start == 0 ? 0 : tokens[i].span.start - 1) &&
        (IsEdge(context, tokens[i + 1].span.end) ||
         absl::StrContains(".,;!?)", context.text.substr(tokens[i + 1].span.end, 1)))) {
      Add(matches, {tokens[i].span.start, tokens[i + 1].span.end},
          absl::StrCat(tokens[i + 1].lower, number), CORRECTION_TYPE_PUNCTUATION, 0.85,
          "The currency sign stands before the amount.");
    }
  }
}

// 6' 9" is written 6′ 9″, and a mark of another script's width does not belong between Latin words.
void FindPrimes(const MechanicsContext& context, std::vector<RuleMatch>& matches) {
  const absl::Span<const Token> tokens = context.tokens;
  const auto is_one_of = [](const Token& token, std::string_view marks) {
    return token.kind == TokenKind::kMark && absl::StrContains(marks, token.lower);
  };
  for (size_t i = 1; i < tokens.size(); ++i) {
    const bool after_number = tokens[i - 1].kind == TokenKind::kNumber && !tokens[i].space_before;
    if (after_number && i + 2 < tokens.size() && tokens[i + 1].kind == TokenKind::kNumber &&
        is_one_of(tokens[i], "'‘’") && is_one_of(tokens[i + 2], "\"“”″") &&
        !tokens[i + 2].space_before) {
      Add(matches, tokens[i].span, "′", CORRECTION_TYPE_PUNCTUATION, 0.85,
          "Feet and minutes have a mark of their own, the prime.");
      if (tokens[i + 2].lower != "″") {
        Add(matches, tokens[i + 2].span, "″", CORRECTION_TYPE_PUNCTUATION, 0.85,
            "Inches and seconds have a mark of their own, the double prime.");
      }
    }
    if (is_one_of(tokens[i], "，；：") && tokens[i - 1].IsWord() && !tokens[i].space_before &&
        absl::ascii_isalnum(context.text[tokens[i].span.start - 1])) {
      const std::string_view narrow = tokens[i].lower == "，"   ? ","
                                      : tokens[i].lower == "；" ? ";"
                                                                : ":";
      Add(matches, tokens[i].span, std::string(narrow), CORRECTION_TYPE_PUNCTUATION, 0.85,
          "This mark belongs to another script.");
    }
  }
}

void FindStrayApostrophes(const MechanicsContext& context, std::vector<RuleMatch>& matches) {
  for (const Token& token : context.tokens) {
    if (!token.IsWord()) continue;
    const std::string_view written = token.span.In(context.text);
    for (const std::string_view stray : {"\u00B4", "`", "\uFF07"}) {
      const size_t place = written.find(stray);
      if (place == std::string_view::npos || !context.speller->Knows(token.lower)) continue;
      const size_t start = token.span.start + place;
      Add(matches, {start, start + stray.size()}, "'", CORRECTION_TYPE_PUNCTUATION, 0.9,
          "This is an accent, not an apostrophe.");
    }
  }
  // "don;t": the key beside it.
  for (size_t i = 2; i < context.tokens.size(); ++i) {
    const Token& mark = context.tokens[i - 1];
    const Token& left = context.tokens[i - 2];
    const Token& right = context.tokens[i];
    if (mark.lower != ";" || mark.space_before || right.space_before || !left.IsWord() ||
        !right.IsWord()) {
      continue;
    }
    static const auto* const kEndings =
        new absl::flat_hash_set<std::string>{"t", "s", "ll", "re", "ve", "d", "m"};
    if (!kEndings->contains(right.lower)) continue;
    if (!context.speller->Knows(absl::StrCat(left.lower, "'", right.lower))) continue;
    Add(matches, mark.span, "'", CORRECTION_TYPE_PUNCTUATION, 0.9,
        "An apostrophe belongs here, not a semicolon.");
  }
}

}  // namespace

std::optional<bool> TakesAn(const Token& token, std::string_view written) {
  const std::string& word = token.lower;
  if (token.kind == TokenKind::kNumber) {
    if (!IsDigits(word)) return std::nullopt;
    if (word[0] == '8' || word == "11" || word == "18") return true;
    return word == "1" || absl::StartsWith(word, "11") || absl::StartsWith(word, "18")
               ? std::nullopt
               : std::optional<bool>(false);
  }
  if (!token.IsWord() || word.size() < 2 || !absl::ascii_isalpha(word[0])) return std::nullopt;
  // Whether letters are spelt out or read as a word is not to be seen.
  if (token.letter_case == LetterCase::kUpper && word.size() <= 5 &&
      word.find_first_of("aeiouy") != std::string::npos) {
    return std::nullopt;
  }
  if (token.letter_case == LetterCase::kMixed || absl::StrContains(written, '\'')) {
    return std::nullopt;
  }
  // "npm", "html": letters by name.
  if (word.find_first_of("aeiouy0123456789") == std::string::npos) {
    static const auto* const kRead =
        new WordSet{"mr", "mrs", "ms", "dr",  "st", "sr",  "hmm", "shh",
                    "ft", "rd",  "mt", "sql", "vs", "nth", "pst"};
    if (word.size() > 5 || word.size() < 3 || kRead->contains(word)) return std::nullopt;
    return absl::StrContains("fhlmnrsx", word.substr(0, 1));
  }
  const std::string_view vowels = "aeiou";
  if (StartsWithAny(word, {"honest", "honor", "honour", "hour", "heir"})) return true;
  if (StartsWithAny(word, {"herb", "historic", "homage", "habitual", "hotel"})) {
    return std::nullopt;
  }
  if (StartsWithAny(word, {"eu", "ewe", "one", "once", "oui", "uni", "use", "usi", "usu", "usa",
                           "uti", "ubi", "uto", "ura", "uran", "ufo", "uk", "ut"})) {
    // "unimportant", "utter", "uttered" and "onerous" begin with the vowel they are written with.
    if (StartsWithAny(word, {"unim", "unin", "unid", "uniss", "utt", "oner", "useless"})) {
      return StartsWithAny(word, {"useless"}) ? std::optional<bool>(false)
                                              : std::optional<bool>(true);
    }
    return false;
  }
  if (vowels.find(word[0]) != std::string_view::npos) return true;
  if (word[0] == 'y' || word[0] == 'h') return false;
  if (word.size() < 3) return std::nullopt;
  if (word.find_first_of("0123456789") != std::string::npos) return std::nullopt;
  return false;
}

void FindMechanicalErrors(const MechanicsContext& context, std::vector<RuleMatch>& matches) {
  FindDoubledWords(context, matches);
  FindArticles(context, matches);
  FindSpacing(context, matches);
  FindSpaceBeforeEnd(context, matches);
  FindShiftedSpaces(context, matches);
  FindCapitals(context, matches);
  FindDecades(context, matches);
  FindUnits(context, matches);
  FindPrimes(context, matches);
  FindStrayApostrophes(context, matches);
}

}  // namespace intelligenced
