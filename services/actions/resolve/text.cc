#include "services/actions/resolve/text.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/utf8.h"

namespace intelligenced::resolve {
namespace {

bool IsBreak(char32_t c) { return IsSpace(c) || c < 0x20 || c == 0x7F; }

bool IsOpeningQuote(char32_t c) { return c == '"' || c == U'“' || c == U'«' || c == U'„'; }
bool IsClosingQuote(char32_t c) { return c == '"' || c == U'”' || c == U'»' || c == U'“'; }
bool IsApostrophe(char32_t c) { return c == '\'' || c == U'’' || c == U'ʼ'; }

// What is cut from a word's ends.
bool IsEdge(char32_t c) {
  switch (c) {
    case ',':
    case '.':
    case ';':
    case ':':
    case '!':
    case '?':
    case '(':
    case ')':
    case '[':
    case ']':
    case '{':
    case '}':
    case '*':
    case '_':
    case '`':
    case U'…':
    case U'¿':
    case U'¡':
    case U'•':
    case U'–':
    case U'—':
      return true;
    default:
      return IsOpeningQuote(c) || IsClosingQuote(c) || IsApostrophe(c);
  }
}

bool IsPause(char32_t c) { return c == ',' || c == ';' || c == ':' || c == '\n' || c == U'—'; }

// A chunk that is a link, an address, a path or a file's name: not to be taken apart.
bool IsAddress(std::string_view chunk) {
  if (absl::StrContains(chunk, "://") || absl::StrContains(chunk, '@') ||
      absl::StartsWithIgnoreCase(chunk, "www.") || absl::StartsWithIgnoreCase(chunk, "mailto:")) {
    return true;
  }
  return absl::StartsWith(chunk, "/") || absl::StartsWith(chunk, "~/") ||
         absl::StartsWith(chunk, "./") || absl::StartsWith(chunk, "../");
}

class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  Words Split() {
    for (size_t at = 0; at < text_.size();) {
      size_t next = at;
      const char32_t c = DecodeChar(text_, next);
      if (IsBreak(c)) {
        if (c == '\n' && !words_.empty()) words_.back().pause_after = true;
        at = next;
        continue;
      }
      size_t end = at;
      while (end < text_.size()) {
        size_t after = end;
        if (IsBreak(DecodeChar(text_, after))) break;
        end = after;
      }
      Chunk(at, end);
      at = end;
    }
    // An opening quotation mark that nothing closes quotes nothing.
    if (quotation_ >= 0) {
      for (Word& word : words_) {
        if (word.quotation == quotation_) word.quotation = -1;
      }
    }
    return std::move(words_);
  }

 private:
  void Chunk(size_t begin, size_t end) {
    // Quotation marks and punctuation at the front.
    while (begin < end) {
      size_t next = begin;
      const char32_t c = DecodeChar(text_, next);
      if (!IsEdge(c) || KeepsDot(begin, end)) break;
      if (quotation_ >= 0 && IsClosingQuote(c)) {
        quotation_ = -1;
      } else if (IsOpeningQuote(c)) {
        quotation_ = ++quotations_;
      }
      if (IsPause(c) && !words_.empty()) words_.back().pause_after = true;
      begin = next;
    }
    // At the end: punctuation first, a closing mark is seen afterwards.
    size_t last = end;
    bool pause = false;
    bool closes = false;
    while (last > begin) {
      const size_t before = PrevChar(text_, last);
      const char32_t c = CharBefore(text_, last);
      if (!IsEdge(c)) break;
      closes = closes || (quotation_ >= 0 && IsClosingQuote(c));
      pause = pause || IsPause(c);
      last = before;
    }
    if (begin < last) Pieces(begin, last);
    if (pause && !words_.empty()) words_.back().pause_after = true;
    if (closes) quotation_ = -1;
  }

  // ".5", "./file"
  bool KeepsDot(size_t begin, size_t end) const {
    return text_[begin] == '.' && begin + 1 < end &&
           (absl::ascii_isdigit(text_[begin + 1]) || text_[begin + 1] == '/' ||
            (text_[begin + 1] == '.' && begin + 2 < end && text_[begin + 2] == '/'));
  }

  void Pieces(size_t begin, size_t end) {
    if (IsAddress(text_.substr(begin, end - begin))) {
      Add(begin, end);
      return;
    }
    size_t start = begin;
    for (size_t at = begin; at < end; ++at) {
      const char c = text_[at];
      const bool letters_around = at > begin && at + 1 < end &&
                                  !absl::ascii_isdigit(text_[at - 1]) &&
                                  !absl::ascii_isdigit(text_[at + 1]);
      if (c == ',' || c == ';' || (c == '-' && letters_around) || c == '&' ||
          (c == ':' && letters_around)) {
        // A comma between digits is part of the number.
        if (c == ',' && !letters_around && at > begin && at + 1 < end &&
            absl::ascii_isdigit(text_[at - 1]) && absl::ascii_isdigit(text_[at + 1])) {
          continue;
        }
        if (start < at) Add(start, at);
        if (c == '&') Add(at, at + 1);
        if (c != '-' && c != '&' && !words_.empty()) words_.back().pause_after = true;
        start = at + 1;
      }
    }
    if (start < end) Add(start, end);
  }

  void Add(size_t begin, size_t end) {
    Word word;
    word.span = {begin, end};
    word.quotation = quotation_;
    std::string lower;
    for (size_t at = begin; at < end;) {
      const char32_t c = DecodeChar(text_, at);
      if (IsApostrophe(c)) {
        lower += '\'';
      } else {
        AppendChar(ToLower(c), lower);
      }
    }
    if (lower.size() > 2 && absl::EndsWith(lower, "'s") && lower != "let's") {
      lower.resize(lower.size() - 2);
    }
    word.text = std::move(lower);
    word.stem = Stem(word.text);
    words_.push_back(std::move(word));
  }

  const std::string_view text_;
  Words words_;
  int quotation_ = -1;
  int quotations_ = -1;
};

bool AllLetters(std::string_view word) {
  return std::all_of(word.begin(), word.end(), [](char c) { return absl::ascii_islower(c); });
}

}  // namespace

Words SplitWords(std::string_view text) { return Splitter(text).Split(); }

std::string Stem(std::string_view word) {
  // "note" and "notes" end in their endings: what is left of them is no "not".
  if (word == "not") return "n't";
  std::string stem(word);
  if (stem.size() < 4 || !AllLetters(stem)) return stem;
  auto cut = [&stem](size_t count) { stem.resize(stem.size() - count); };
  auto undouble = [&stem] {
    const size_t size = stem.size();
    if (size > 3 && stem[size - 1] == stem[size - 2] && !absl::StrContains("lsz", stem.back())) {
      stem.pop_back();
    }
  };
  if (absl::EndsWith(stem, "ies")) {
    cut(3);
    stem += 'y';
  } else if (absl::EndsWith(stem, "ing") && stem.size() > 5) {
    cut(3);
    undouble();
  } else if (absl::EndsWith(stem, "ed") && stem.size() > 4) {
    cut(2);
    undouble();
  } else if (absl::EndsWith(stem, "es") && stem.size() > 4) {
    cut(2);
  } else if (stem.back() == 's' && stem[stem.size() - 2] != 's' && stem[stem.size() - 2] != 'u' &&
             stem[stem.size() - 2] != 'i') {
    cut(1);
  }
  if (stem.size() > 3 && stem.back() == 'e') stem.pop_back();
  return stem;
}

std::string JoinWords(const Words& words, size_t begin, size_t end) {
  std::string out;
  for (size_t at = begin; at < end; ++at) {
    absl::StrAppend(&out, out.empty() ? "" : " ", words[at].text);
  }
  return out;
}

std::string NormalizedPhrase(std::string_view text) {
  const Words words = SplitWords(text);
  return JoinWords(words, 0, words.size());
}

ByteSpan SpanOf(const Words& words, size_t begin, size_t end) {
  return {words[begin].span.start, words[end - 1].span.end};
}

}  // namespace intelligenced::resolve
