// An engine without a model: it does exactly what FakeTask says, and serves the other kinds of task
// in simple, predictable ways, so that everything above the engine contract can be tested, measured
// and tried out without a model file.
//
// Parameters of the model (ModelSpec.parameters), all optional:
//   reply            what GENERATE answers. Default: the last message, or the prompt, echoed.
//   corrections      "teh=the;adn=and": whole words that PROOFREAD and REWRITE replace. Default:
//                    "teh=the;adn=and;recieve=receive".
//   rewrite          what REWRITE answers; {text} (with the corrections applied), {style}, {tone},
//                    {length} and {language} are filled in. Default "{text}".
//   summary          what SUMMARIZE answers; {text}, {first_sentence}, {type}, {length}, {format},
//                    {input_type} and {language} are filled in. Default "{first_sentence}".
//   language         what a text without a language is taken to be in. Default "en".
//   sentences        "true": TRANSLATE wants one sentence a segment.
//   crash_word       TRANSLATE of a segment with this word ends the process; GENERATE_IMAGE of a
//                    prompt with it does so in its second step.
//   fail_word        TRANSLATE of a segment with this word fails, GENERATE_IMAGE likewise.
//   words_only       "true": GENERATE_IMAGE takes neither source image nor mask.
//   lose_kept        "true": TRANSLATE loses every kept span.
//   pass_step        "true": TRANSLATE puts the languages before each segment: "en>es: TEXT".
//   context_tokens   longest input plus output; a token is a word. Default 4096.
//   max_batch        Default 4.        width       Default 1.        device   Default "cpu".
//   unit_us          time of one unit of work of tasks other than FakeTask. Default 0.
//   load_ms          time that loading takes. Default 0.
//   load_failure     name of a reason (runtime/base/reasons.h) with which loading fails.
//   load_crash       "true": the process dies while loading.
//   load_throw       "true": loading throws, as a badly wrapped library would.
//   load_hang        "true": loading never ends and heeds no cancel.
//   resident_mb      memory that the model takes, filled.
//   fail_step        the step, counted from 1, that fails for the model as a whole.
//   throw_step       the step that throws.
//   probe            a word handed to FakeHooks::probe while loading; its answer is then what
//                    GENERATE replies (worker-fake tries out its own sandbox by it).
//
// Pictures that are made are PNG files of one colour, which follows from the task, with the task as
// text in their metadata (fake_image.h).
//
// TRANSLATE puts everything but kept spans in capitals; a word in figures is one that it does not
// know ("1st"). Units of work: FakeTask says; GENERATE one a word; TRANSLATE one a segment;
// GENERATE_IMAGE one a step and one for the decoder; the rest one for every 64 words, with Progress
// when there are several. Every step does one unit for each job, then more while the budget lasts.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_FAKE_FAKE_ENGINE_H_
#define INTELLIGENCED_RUNTIME_ENGINES_FAKE_FAKE_ENGINE_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "runtime/base/cancel.h"
#include "runtime/base/clock.h"
#include "runtime/engine/engine.h"

namespace intelligenced {

// How the fake spends time.
class FakeTime {
 public:
  virtual ~FakeTime() = default;
  virtual absl::Time Now() = 0;
  // Returns after `duration`, or sooner when one of the tokens is cancelled.
  virtual void Wait(absl::Duration duration, const std::vector<CancelToken>& tokens) = 0;
};

// Really waits.
std::unique_ptr<FakeTime> MakeRealFakeTime();
// Moves a test's clock forward instead. `clock` must outlive it.
std::unique_ptr<FakeTime> MakeManualFakeTime(ManualClock* clock);

struct FakeHooks {
  // Ends the process at once. Default: abort.
  std::function<void()> crash;
  // Answers the parameter "probe". Default: "".
  std::function<std::string(const std::string&)> probe;
};

// The engine "fake". Loads any ModelSpec; its files are not opened.
std::unique_ptr<Engine> MakeFakeEngine(std::unique_ptr<FakeTime> time, FakeHooks hooks = {});

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_FAKE_FAKE_ENGINE_H_
