// Extractive summaries: the sentences that say most, in the writer's own words.
//
// Sentences are ranked by LexRank (Erkan and Radev, "LexRank: Graph-based Lexical Centrality as
// Salience in Text Summarization", JAIR 22, 2004): the stationary distribution of a random walk
// over sentences that share weighted words, here with a bias for the place in the text. Words are
// weighed by how few sentences have them and the shortest count half, so no list of stop words is
// needed and any language works; ideographs count as words of their own.
//
// A long text is ranked a segment of at most kSegmentSentences sentences at a time; each segment's
// best go on to a last round. So each step of the work and the memory for its graph are bounded.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_TEXT_SUMMARIZER_H_
#define INTELLIGENCED_RUNTIME_ENGINES_TEXT_SUMMARIZER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "protos/intelligence/engine/v1/task.pb.h"
#include "runtime/base/byte_span.h"

namespace intelligenced {

inline constexpr size_t kSegmentSentences = 128;

// One summary in the making. The task must outlive it.
class SummarizeRun {
 public:
  // FIELD_INVALID for unknown values, NO_CAPABLE_MODEL for a table.
  static absl::Status Check(const ::intelligence::engine::v1::SummarizeTask& task);

  explicit SummarizeRun(const ::intelligence::engine::v1::SummarizeTask* task);

  bool done() const { return stage_ == Stage::kDone; }
  // Bytes of the text read so far, of text().size(); the last round comes after all of them.
  size_t position() const { return next_; }

  // One bounded unit of work: some sentences read, or one segment ranked.
  void Advance();

  // The summary; whole when done().
  const std::string& result() const { return result_; }

 private:
  enum class Stage { kRead, kFinish, kDone };

  struct Sentence {
    ByteSpan span;
    size_t index = 0;  // among all sentences
    size_t words = 0;
    double rank = 0;
    bool paragraph_start = false;
    std::string_view speaker;  // of a conversation
  };

  void Read();
  void AddSentence(ByteSpan span, bool paragraph_start, std::string_view speaker);
  void CloseSegment();
  void Rank(std::vector<Sentence>& sentences) const;
  // At most `count` of the best that do not repeat one another, in the text's order.
  std::vector<Sentence> Choose(size_t count) const;
  std::string Say(const Sentence& sentence) const;
  void Finish();
  std::string Headline(size_t max_words) const;
  std::string Lines(const std::vector<std::string>& lines) const;

  const ::intelligence::engine::v1::SummarizeTask* const task_;
  const std::string_view text_;
  Stage stage_ = Stage::kRead;
  size_t next_ = 0;
  size_t sentence_count_ = 0;
  std::string_view title_;
  std::vector<std::string_view> items_;  // of lists
  std::vector<Sentence> segment_;
  std::vector<Sentence> best_;
  std::string result_;
};

// A sentence as a headline: without its first connective, cut at a border between clauses to at
// most `max_words` words, without a full stop.
std::string MakeHeadline(std::string_view sentence, size_t max_words);

// The words that similarity is measured by, in lower case.
std::vector<std::string> ContentWords(std::string_view sentence);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_TEXT_SUMMARIZER_H_
