// One resident pipeline: a mode's programs, started once, that translate one text after another.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_APERTIUM_PIPELINE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_APERTIUM_PIPELINE_H_

#include <poll.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "runtime/engines/apertium/mode_file.h"
#include "runtime/engines/apertium/programs.h"

namespace intelligenced {

// What came out for one text, both in Apertium's stream format.
struct PipelineOutput {
  uint64_t ticket = 0;
  std::string stream;
  // What the generator was given: in it the words stand that the dictionaries do not have.
  std::string lexical_units;
};

// The pipeline is two rows of programs with this process between them, in front of the generator:
// there a text's unknown words can be told from its others, while what comes out at the end is as
// `apertium -u` prints it. (Marks in the output could be taken away, but the last programs write
// "l'*arbre" and "el *arbre" by rules of their own.)
//
// Texts are answered in order. Nothing blocks. Not thread-safe.
class Pipeline {
 public:
  // `clock` must outlive the pipeline. Errors: ENGINE_FAILURE when a program cannot be started.
  static absl::StatusOr<std::unique_ptr<Pipeline>> Start(const Mode& mode,
                                                         const std::string& folder,
                                                         const Clock* clock);
  Pipeline(const Pipeline&) = delete;

  // Queues a text, which holds no NUL.
  void Feed(uint64_t ticket, std::string_view stream);

  // Moves what can be moved and adds what has come out. False when it can no longer be used: a
  // program has died, or writes without end. What is in flight then is lost.
  bool Pump(std::vector<PipelineOutput>* outputs);

  // What to wait for until Pump() can do more.
  void AddWaits(std::vector<pollfd>* waits) const;

  bool idle() const { return in_flight_.empty(); }
  size_t in_flight() const { return in_flight_.size(); }
  size_t bytes_in_flight() const { return bytes_in_flight_; }
  // When something last moved, or the pipeline last was idle.
  absl::Time last_move() const { return last_move_; }
  // Since when the text that is to come out next has been that.
  absl::Time next_since() const { return next_since_; }

 private:
  struct InFlight {
    uint64_t ticket;
    size_t bytes;
  };

  Pipeline(Programs front, Programs back, const Clock* clock)
      : front_(std::move(front)),
        back_(std::move(back)),
        clock_(clock),
        last_move_(clock->Now()),
        next_since_(last_move_) {}

  bool Write(const UniqueFd& to, std::string* pending, size_t* offset);
  // False at the end of the file.
  bool Read(const UniqueFd& from, std::string* into);
  bool TakeUnits();
  bool TakeOutputs(std::vector<PipelineOutput>* outputs);

  Programs front_;
  Programs back_;
  const Clock* const clock_;
  absl::Time last_move_;
  absl::Time next_since_;
  std::deque<InFlight> in_flight_;
  size_t bytes_in_flight_ = 0;
  std::string to_front_;
  size_t to_front_offset_ = 0;
  // Not yet ended by a NUL.
  std::string from_front_;
  std::string to_back_;
  size_t to_back_offset_ = 0;
  std::string from_back_;
  // Of texts that the generator has been given, in order.
  std::deque<std::string> units_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_APERTIUM_PIPELINE_H_
