// The pipelines of all pairs of a model: started when needed, several of a pair side by side,
// started again when they die.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_APERTIUM_PIPELINE_POOL_H_
#define INTELLIGENCED_RUNTIME_ENGINES_APERTIUM_PIPELINE_POOL_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "runtime/engines/apertium/mode_file.h"
#include "runtime/engines/apertium/pipeline.h"

namespace intelligenced {

// A text under way.
struct Piece {
  // Unique among those under way.
  uint64_t ticket = 0;
  // The job's that it is of.
  uint64_t owner = 0;
  // Whose that is: one sender does not fill every pipeline of a pair. Empty: each owner's own.
  std::string sender;
  // A mode's name, and whether unknown words are marked.
  std::string mode;
  bool marked = false;
  // Without NUL.
  std::string stream;
  // How often a pipeline was lost over it.
  int losses = 0;
};

struct PieceResult {
  uint64_t ticket = 0;
  // ENGINE_FAILURE: its pipeline died or hung, and so did the next one, which had nothing else to
  // do; or no pipeline can be started.
  absl::Status status;
  PipelineOutput output;
};

// Every piece that was taken comes back exactly once, unless its owner abandoned it. Not
// thread-safe.
class PipelinePool {
 public:
  struct Options {
    std::string modes_folder;
    std::string program_folder = "/usr/bin";
    // Pipelines of one pair, at least 1; a sender has one less, where there are two or more, so
    // that who comes with a single sentence finds one free.
    size_t pipelines_of_a_pair = 2;
    // Of all pairs; those that are idle longest go first.
    size_t pipelines = 8;
    // A pipeline with work in which nothing has moved for this long hangs.
    absl::Duration hang = absl::Seconds(20);
    // And so does one that has been at one text for this long: texts are short (kMaxPartBytes).
    absl::Duration most_for_a_text = absl::Seconds(80);
  };
  PipelinePool(Options options, const Clock* clock) : options_(std::move(options)), clock_(clock) {}

  // False: there is no room now; `piece` is as it was.
  bool Take(Piece& piece);

  // Waits at most `patience` for something to come out; moves everything on and adds what is done.
  void Advance(absl::Duration patience, std::vector<PieceResult>* results);

  // The owner's pieces are not wanted any more. What it has in a pipeline runs to its end unseen
  // when it is short; a long text's pipeline is started anew.
  void Abandon(uint64_t owner);

  bool idle() const;

 private:
  struct Resident {
    std::unique_ptr<Pipeline> pipeline;
    // In the pipeline, in order. Tickets of 0 are of nobody any more.
    std::deque<Piece> pieces;
    absl::Time last_use;
  };
  using Key = std::pair<std::string, bool>;
  struct Group {
    Mode mode;
    std::vector<Resident> residents;
  };

  absl::StatusOr<Group*> GroupOf(const Piece& piece);
  absl::StatusOr<Mode> ReadMode(const Piece& piece) const;
  // Null: no room. An error: none can be started.
  absl::StatusOr<Resident*> PlaceFor(const Piece& piece, Group& group);
  absl::StatusOr<Resident*> StartOne(Group& group);
  void Feed(Piece piece, Resident& resident);
  // Takes a pipeline away; its pieces are tried again, each alone, or fail.
  void Lose(Group& group, size_t index, std::vector<PieceResult>* results);
  void Retry(std::vector<PieceResult>* results);
  void Wait(absl::Duration patience);
  void MoveAll(std::vector<PieceResult>* results);
  size_t CountPipelines() const;
  void MakeRoom();

  const Options options_;
  const Clock* const clock_;
  std::map<Key, Group> groups_;
  std::deque<Piece> again_;
  // Of pieces that were refused while they were being taken.
  std::vector<PieceResult> failed_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_APERTIUM_PIPELINE_POOL_H_
