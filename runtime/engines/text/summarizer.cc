#include "runtime/engines/text/summarizer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "runtime/base/reasons.h"
#include "runtime/base/sentences.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

// Values of intelligence.v1, which this layer does not see.
enum Type : uint32_t {
  kTldr = 1,
  kTeaser = 2,
  kKeyPoints = 3,
  kHeadline = 4,
  kList = 5,
  kTable = 6
};
enum Length : uint32_t { kShort = 1, kMedium = 2, kLong = 3 };
constexpr uint32_t kMarkdown = 2;
constexpr uint32_t kConversation = 2;

constexpr double kDamping = 0.85;
constexpr int kIterations = 30;
constexpr double kSimilar = 0.1;   // below it two sentences are strangers (the paper's threshold)
constexpr double kRepeats = 0.55;  // above it the second says nothing new
constexpr size_t kFewestWords = 4;
constexpr size_t kEnoughWords = 8;
constexpr size_t kMostWords = 60;
constexpr size_t kKeptOfSegment = 12;
constexpr size_t kMostKept = 512;
constexpr size_t kReadBytes = 16 * 1024;
constexpr size_t kMostItems = 200;

bool IsIdeograph(char32_t c) {
  return (c >= 0x3040 && c <= 0x30FF) || (c >= 0x3400 && c <= 0x9FFF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x2FFFF) ||
         (c >= 0x0E00 && c <= 0x0E7F);
}

// How many of each kind of answer, by length.
size_t Amount(uint32_t length, size_t few, size_t some, size_t many) {
  return length == kLong ? many : length == kMedium ? some : few;
}

struct Vector {
  std::vector<std::pair<int, double>> weights;  // sorted by word
  double norm = 0;
};

double Cosine(const Vector& a, const Vector& b) {
  if (a.norm == 0 || b.norm == 0) return 0;
  double sum = 0;
  auto i = a.weights.begin(), j = b.weights.begin();
  while (i != a.weights.end() && j != b.weights.end()) {
    if (i->first < j->first) {
      ++i;
    } else if (j->first < i->first) {
      ++j;
    } else {
      sum += (i++)->second * (j++)->second;
    }
  }
  return sum / (a.norm * b.norm);
}

std::vector<Vector> WeighWords(const std::vector<std::vector<std::string>>& sentences) {
  absl::flat_hash_map<std::string_view, int> numbers;
  std::vector<std::vector<int>> ids(sentences.size());
  std::vector<int> frequency;
  std::vector<bool> grammatical;
  for (size_t s = 0; s < sentences.size(); ++s) {
    for (const std::string& word : sentences[s]) {
      const auto [found, fresh] = numbers.try_emplace(word, static_cast<int>(numbers.size()));
      if (fresh) {
        frequency.push_back(0);
        // In any language written with letters the shortest words are mostly grammar's. In a short
        // text their rarity does not show it.
        grammatical.push_back(word.size() < 4 && absl::ascii_isalpha(word[0]));
      }
      ids[s].push_back(found->second);
    }
    std::sort(ids[s].begin(), ids[s].end());
    for (size_t i = 0; i < ids[s].size(); ++i) {
      if (i == 0 || ids[s][i] != ids[s][i - 1]) ++frequency[ids[s][i]];
    }
  }
  std::vector<Vector> vectors(sentences.size());
  const auto count = static_cast<double>(sentences.size());
  for (size_t s = 0; s < sentences.size(); ++s) {
    double squares = 0;
    for (size_t i = 0; i < ids[s].size();) {
      size_t end = i;
      while (end < ids[s].size() && ids[s][end] == ids[s][i]) ++end;
      const double idf = std::log((count + 1) / (frequency[ids[s][i]] + 0.5));
      const double weight =
          static_cast<double>(end - i) * std::max(idf, 0.01) * (grammatical[ids[s][i]] ? 0.5 : 1);
      vectors[s].weights.emplace_back(ids[s][i], weight);
      squares += weight * weight;
      i = end;
    }
    vectors[s].norm = std::sqrt(squares);
  }
  return vectors;
}

// "Name: text" of one line; an empty speaker when it is none.
std::pair<std::string_view, std::string_view> SplitSpeaker(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon > 40 || colon + 1 >= line.size() ||
      line[colon + 1] == '/') {
    return {"", line};
  }
  const std::string_view name = absl::StripAsciiWhitespace(line.substr(0, colon));
  if (name.empty() || std::count(name.begin(), name.end(), ' ') > 3 ||
      name.find_first_of(".?!,;") != std::string_view::npos) {
    return {"", line};
  }
  return {name, line.substr(colon + 1)};
}

bool IsConnective(std::string_view word) {
  static const auto* const set = new absl::flat_hash_set<std::string_view>{
      "however",   "therefore", "moreover", "furthermore", "additionally", "also",  "thus",
      "and",       "but",       "so",       "then",        "finally",      "first", "second",
      "meanwhile", "still",     "indeed",   "instead",     "overall",      "yet",   "besides"};
  return set->contains(word);
}

// A headline does not end with these.
bool IsDangling(std::string_view word) {
  static const auto* const set = new absl::flat_hash_set<std::string_view>{
      "the",   "a",       "an",   "of",      "in",    "on",    "at",   "to",    "for",
      "with",  "by",      "and",  "or",      "but",   "from",  "as",   "that",  "which",
      "who",   "is",      "are",  "was",     "were",  "be",    "has",  "have",  "had",
      "its",   "his",     "her",  "their",   "our",   "my",    "your", "this",  "these",
      "those", "into",    "than", "because", "while", "when",  "if",   "about", "over",
      "under", "between", "will", "would",   "can",   "could", "not",  "very"};
  return set->contains(word);
}

bool StartsClause(std::string_view word) {
  static const auto* const set = new absl::flat_hash_set<std::string_view>{
      "which", "because", "while", "although", "though", "whereas", "when", "after", "before",
      "since", "unless",  "until", "where",    "and",    "but",     "so",   "as"};
  return set->contains(word);
}

std::string Bare(std::string_view word) {
  while (!word.empty() && !IsLetter(CharAt(word, 0)) && !IsDigit(CharAt(word, 0))) {
    word.remove_prefix(NextChar(word, 0));
  }
  while (!word.empty()) {
    const size_t last = PrevChar(word, word.size());
    if (IsLetter(CharAt(word, last)) || IsDigit(CharAt(word, last))) break;
    word.remove_suffix(word.size() - last);
  }
  return ToLowerUtf8(word);
}

// One line, blanks single.
std::string Flatten(std::string_view text) {
  return absl::StrJoin(absl::StrSplit(text, absl::ByAnyChar(" \t\r\n\v\f"), absl::SkipEmpty()),
                       " ");
}

}  // namespace

std::vector<std::string> ContentWords(std::string_view sentence) {
  std::vector<std::string> words;
  std::string word;
  for (size_t i = 0; i <= sentence.size();) {
    const char32_t c = i < sentence.size() ? DecodeChar(sentence, i) : (++i, U' ');
    if (IsIdeograph(c)) {
      std::string one;
      AppendChar(c, one);
      words.push_back(std::move(one));
    } else if (IsLetter(c) || IsDigit(c)) {
      if (word.size() < 64) AppendChar(ToLower(c), word);
      continue;
    }
    if (!word.empty()) words.push_back(std::exchange(word, ""));
  }
  return words;
}

std::string MakeHeadline(std::string_view sentence, size_t max_words) {
  const std::string flat = Flatten(sentence);
  std::vector<std::string_view> words = absl::StrSplit(flat, ' ', absl::SkipEmpty());
  while (words.size() > 3 && IsConnective(Bare(words[0]))) words.erase(words.begin());
  if (words.empty()) return "";
  if (words.size() > max_words) {
    // A mark ends a clause for certain; a word only may begin one.
    size_t at_mark = 0, at_word = 0;
    for (size_t i = 4; i <= max_words; ++i) {
      const char last = words[i - 1].back();
      if (last == ',' || last == ';' || last == ':' || words[i] == "-" || words[i] == "–" ||
          words[i] == "—") {
        at_mark = i;
      } else if (StartsClause(Bare(words[i]))) {
        at_word = i;
      }
    }
    const size_t cut = at_mark > 0 ? at_mark : at_word;
    words.resize(cut > 0 ? cut : max_words);
    while (words.size() > 3 && IsDangling(Bare(words.back()))) words.pop_back();
  }
  std::string headline = absl::StrJoin(words, " ");
  while (!headline.empty() && absl::StrContains(".,;:", headline.back())) headline.pop_back();
  return CapitalizeUtf8(headline);
}

absl::Status SummarizeRun::Check(const ::intelligence::engine::v1::SummarizeTask& task) {
  if (task.type() > kTable) return FieldError("type", "This kind of summary is not known.");
  if (task.length() > kLong) return FieldError("length", "This length is not known.");
  if (task.format() > kMarkdown) return FieldError("format", "This format is not known.");
  if (task.input_type() > kConversation) {
    return FieldError("input_type", "This kind of input is not known.");
  }
  if (task.type() == kTable) {
    return MakeError(
        Reason::kNoCapableModel,
        "The built-in summaries pick sentences and cannot make a table. Install a "
        "language model: mlctl models list --catalogue shows them.",
        {.metadata = {{"capability", "writing.summarize"}}, .retry_delay = {}, .field = ""});
  }
  return absl::OkStatus();
}

SummarizeRun::SummarizeRun(const ::intelligence::engine::v1::SummarizeTask* task)
    : task_(task), text_(task->text()) {}

void SummarizeRun::AddSentence(ByteSpan span, bool paragraph_start, std::string_view speaker) {
  span = TrimSpan(text_, span);
  if (span.empty()) return;
  segment_.push_back({.span = span,
                      .index = sentence_count_++,
                      .paragraph_start = paragraph_start,
                      .speaker = speaker});
  if (segment_.size() >= kSegmentSentences) CloseSegment();
}

void SummarizeRun::Read() {
  const size_t limit = std::min(text_.size(), next_ + kReadBytes);
  const size_t segments = sentence_count_ / kSegmentSentences;
  // Until the bytes are read or a segment has been ranked.
  while (next_ < limit && sentence_count_ / kSegmentSentences == segments) {
    const size_t start = next_;
    if (task_->input_type() == kConversation) {
      size_t end = text_.find('\n', start);
      end = end == std::string_view::npos ? text_.size() : end + 1;
      next_ = end;
      const std::string_view line = text_.substr(start, end - start);
      const auto [speaker, said] = SplitSpeaker(line);
      const size_t offset = end - said.size();
      for (const ByteSpan& span : SplitSentences(said)) {
        AddSentence({offset + span.start, offset + span.end}, span.start == 0, speaker);
      }
      continue;
    }
    next_ = SentenceEnd(text_, start);
    ByteSpan span = TrimSpan(text_, {start, next_});
    if (span.empty()) continue;
    const bool line_start = span.start == 0 || text_[span.start - 1] == '\n';
    const std::string_view content = span.In(text_);
    if (absl::StartsWith(content, "```") || absl::StartsWith(content, "~~~") ||
        absl::StartsWith(content, "|")) {
      continue;
    }
    const size_t marker = line_start ? LineMarkerLength(text_, span.start) : 0;
    if (marker > 0 && span.start + marker < span.end) {
      const bool heading = content[0] == '#';
      span.start += marker;
      if (heading) {
        if (title_.empty()) title_ = span.In(text_);
        continue;
      }
      if (content[0] != '>' && items_.size() < kMostItems) items_.push_back(span.In(text_));
    }
    const bool paragraph_start =
        start == 0 || (start >= 2 && text_[start - 1] == '\n' && text_[start - 2] == '\n');
    AddSentence(span, paragraph_start, "");
  }
  if (next_ >= text_.size()) stage_ = Stage::kFinish;
}

void SummarizeRun::Rank(std::vector<Sentence>& sentences) const {
  const size_t count = sentences.size();
  std::vector<std::vector<std::string>> words(count);
  for (size_t i = 0; i < count; ++i) {
    words[i] = ContentWords(sentences[i].span.In(text_));
    sentences[i].words = words[i].size();
    // What is too long to be chosen need not be compared to its end.
    if (words[i].size() > 4 * kMostWords) words[i].resize(4 * kMostWords);
  }
  const std::vector<Vector> vectors = WeighWords(words);
  // A row of similarities for each sentence, made to add up to one.
  std::vector<std::vector<std::pair<size_t, double>>> edges(count);
  std::vector<double> sums(count, 0);
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = i + 1; j < count; ++j) {
      const double similarity = Cosine(vectors[i], vectors[j]);
      if (similarity < kSimilar) continue;
      edges[i].emplace_back(j, similarity);
      edges[j].emplace_back(i, similarity);
      sums[i] += similarity;
      sums[j] += similarity;
    }
  }
  std::vector<double> rank(count, 1.0), next(count);
  for (int round = 0; round < kIterations; ++round) {
    for (size_t i = 0; i < count; ++i) {
      double flow = 0;
      for (const auto& [j, similarity] : edges[i]) flow += rank[j] * similarity / sums[j];
      next[i] = (1 - kDamping) + kDamping * flow;
    }
    rank.swap(next);
  }
  const bool conversation = task_->input_type() == kConversation;
  const double lead = task_->type() == kTeaser ? 1.5 : task_->type() == kHeadline ? 1.2 : 0.6;
  for (size_t i = 0; i < count; ++i) {
    Sentence& sentence = sentences[i];
    double score = rank[i];
    // Writers put first what matters.
    if (!conversation) score *= 1 + lead * std::exp(-static_cast<double>(sentence.index) / 4);
    if (sentence.paragraph_start) score *= 1.1;
    if (sentence.words < kFewestWords) score *= 0.1;
    // "The weather was mild": a few words in common are much of a short sentence and say little.
    if (sentence.words < kEnoughWords) {
      score *= static_cast<double>(sentence.words) / static_cast<double>(kEnoughWords);
    }
    if (sentence.words > kMostWords) score *= 0.3;
    if (absl::EndsWith(sentence.span.In(text_), "?")) score *= conversation ? 0.9 : 0.7;
    if (absl::EndsWith(sentence.span.In(text_), ":")) score *= 0.5;
    sentence.rank = score;
  }
}

void SummarizeRun::CloseSegment() {
  if (segment_.empty()) return;
  Rank(segment_);
  std::sort(segment_.begin(), segment_.end(), [](const Sentence& a, const Sentence& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.index < b.index;
  });
  if (segment_.size() > kKeptOfSegment) segment_.resize(kKeptOfSegment);
  best_.insert(best_.end(), segment_.begin(), segment_.end());
  segment_.clear();
  if (best_.size() < kMostKept) return;
  // So many segments: the better half of what they gave is enough to go on with.
  std::nth_element(best_.begin(), best_.begin() + kMostKept / 2, best_.end(),
                   [](const Sentence& a, const Sentence& b) {
                     return a.rank != b.rank ? a.rank > b.rank : a.index < b.index;
                   });
  best_.resize(kMostKept / 2);
}

std::vector<SummarizeRun::Sentence> SummarizeRun::Choose(size_t count) const {
  std::vector<Sentence> ranked = best_;
  std::sort(ranked.begin(), ranked.end(), [](const Sentence& a, const Sentence& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.index < b.index;
  });
  std::vector<std::vector<std::string>> words(ranked.size());
  for (size_t i = 0; i < ranked.size(); ++i) words[i] = ContentWords(ranked[i].span.In(text_));
  const std::vector<Vector> vectors = WeighWords(words);
  std::vector<size_t> chosen;
  for (size_t i = 0; i < ranked.size() && chosen.size() < count; ++i) {
    const bool repeats = std::any_of(chosen.begin(), chosen.end(), [&](size_t other) {
      return words[i] == words[other] || Cosine(vectors[i], vectors[other]) > kRepeats;
    });
    if (!repeats) chosen.push_back(i);
  }
  std::vector<Sentence> result;
  for (const size_t i : chosen) result.push_back(ranked[i]);
  std::sort(result.begin(), result.end(),
            [](const Sentence& a, const Sentence& b) { return a.index < b.index; });
  return result;
}

std::string SummarizeRun::Say(const Sentence& sentence) const {
  const std::string said = Flatten(sentence.span.In(text_));
  return sentence.speaker.empty() ? said : absl::StrCat(sentence.speaker, ": ", said);
}

std::string SummarizeRun::Lines(const std::vector<std::string>& lines) const {
  const std::string_view bullet = task_->format() == kMarkdown ? "- " : "• ";
  std::string result;
  for (const std::string& line : lines) {
    absl::StrAppend(&result, result.empty() ? "" : "\n", bullet, line);
  }
  return result;
}

std::string SummarizeRun::Headline(size_t max_words) const {
  // The writer's own title, where there is one that fits.
  const std::string title = Flatten(title_);
  if (!title.empty() && std::count(title.begin(), title.end(), ' ') < static_cast<int>(max_words)) {
    return title;
  }
  const std::vector<Sentence> best = Choose(1);
  return best.empty() ? "" : MakeHeadline(best[0].span.In(text_), max_words);
}

void SummarizeRun::Finish() {
  const bool whole = best_.empty();
  CloseSegment();
  // The segments' best, compared with one another at last.
  if (!whole && best_.size() > 1) Rank(best_);
  const uint32_t length = task_->length();
  switch (task_->type()) {
    case kHeadline:
      result_ = Headline(Amount(length, 12, 17, 22));
      break;
    case kList:
    case kKeyPoints: {
      std::vector<std::string> lines;
      if (task_->type() == kList && items_.size() >= 2) {
        for (size_t i = 0; i < std::min(items_.size(), Amount(length, 5, 10, 20)); ++i) {
          lines.push_back(Flatten(items_[i]));
        }
      } else {
        for (const Sentence& sentence : Choose(Amount(length, 3, 5, 7))) {
          lines.push_back(Say(sentence));
        }
      }
      result_ = Lines(lines);
      break;
    }
    default: {
      const size_t count =
          task_->type() == kTeaser ? Amount(length, 1, 2, 3) : Amount(length, 1, 3, 5);
      std::vector<std::string> said;
      for (const Sentence& sentence : Choose(count)) said.push_back(Say(sentence));
      result_ = absl::StrJoin(said, task_->input_type() == kConversation ? "\n" : " ");
    }
  }
  // A text without a sentence (a title, a table, code) is its own gist as far as it goes.
  if (result_.empty()) {
    result_ = title_.empty() ? MakeHeadline(TruncateUtf8(text_, 4096), 22) : Flatten(title_);
  }
  stage_ = Stage::kDone;
}

void SummarizeRun::Advance() {
  if (stage_ == Stage::kRead) {
    Read();
  } else if (stage_ == Stage::kFinish) {
    Finish();
  }
}

}  // namespace intelligenced
