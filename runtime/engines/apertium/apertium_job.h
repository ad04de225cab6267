// A translation task inside the engine.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_APERTIUM_APERTIUM_JOB_H_
#define INTELLIGENCED_RUNTIME_ENGINES_APERTIUM_APERTIUM_JOB_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/base/cancel.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/translation_modes.h"
#include "runtime/engines/apertium/pipeline_pool.h"
#include "runtime/engines/apertium/stream_format.h"

namespace intelligenced {

// Turns segments into pieces for the pool and what comes out into events. Driven by the model,
// which carries pieces and results between the two.
class ApertiumJob final : public Job {
 public:
  // Checks the whole task. `on_end` is called by the destructor. Errors: FIELD_INVALID
  // ("segments[3].kept[0]"), LANGUAGE_UNSUPPORTED.
  static absl::StatusOr<std::unique_ptr<ApertiumJob>> Make(
      const engine_proto::TranslateTask& task, const std::vector<TranslationMode>& modes,
      uint64_t owner, CancelToken cancel, std::function<void(uint64_t owner)> on_end);
  ~ApertiumJob() override { on_end_(owner_); }

  // The next piece to translate, its ticket not yet set, and its number in the job; what has no
  // words is done at once. False: all are under way or done.
  bool NextPiece(Piece* piece, size_t* number);
  // The piece could not be taken: NextPiece() gives it again.
  void GiveBack(Piece piece, size_t number);
  // What became of a piece.
  void Accept(size_t number, PieceResult result);

  // Adds what is ready since the last call; done with the last segment, failed when one failed.
  // `output.work` is in bytes of source.
  void Collect(JobOutput* output);
  // True when Collect() has anything to tell.
  bool has_news() const { return !ready_.empty() || done(); }
  // Every segment has been translated or has failed.
  bool done() const { return done_ == segments_.size(); }
  const CancelToken& cancel() const { return cancel_; }
  uint64_t owner() const { return owner_; }

 private:
  // What goes through a pipeline by itself: a segment, mostly.
  struct Part {
    size_t segment = 0;
    std::string_view source;
    bool as_is = false;
    // Of the segment's, those in this part; offsets are the part's.
    std::vector<engine_proto::KeptSpan> kept = {};
    KeptAs travels_as = KeptAs::kWords;
    // Once it is translated; the segment's answer is made of them.
    FromStreamResult translated = {};
    std::vector<ByteSpan> untranslated = {};
  };
  struct Segment {
    // Of parts_.
    size_t first = 0;
    size_t last = 0;
    // Parts that are not translated yet.
    size_t open = 0;
    bool failed = false;
  };
  struct Waiting {
    size_t part;
    // Made already, when it was given back.
    std::string stream;
  };

  ApertiumJob(const engine_proto::TranslateTask& task, std::string mode, uint64_t owner,
              CancelToken cancel, std::function<void(uint64_t)> on_end);

  void AddSegment(const engine_proto::TranslateSegment& segment);
  void FinishPart(Part& part, FromStreamResult translated, std::vector<ByteSpan> untranslated);
  void FailPart(Part& part, const absl::Status& status);
  void ClosePart(const Part& part);

  // The parts' texts are its own.
  const engine_proto::TranslateTask task_;
  std::vector<Segment> segments_;
  std::vector<Part> parts_;
  const std::string mode_;
  const uint64_t owner_;
  const CancelToken cancel_;
  const std::function<void(uint64_t)> on_end_;
  // Those that were given back, or are to be tried in another way; then the others from next_.
  std::deque<Waiting> waiting_;
  size_t next_ = 0;
  size_t done_ = 0;
  double work_ = 0;
  std::vector<engine_proto::Event> ready_;
  absl::Status failure_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_APERTIUM_APERTIUM_JOB_H_
