// The tasks of the text engine as jobs of bounded units.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_TEXT_TEXT_JOB_H_
#define INTELLIGENCED_RUNTIME_ENGINES_TEXT_TEXT_JOB_H_

#include <memory>

#include "absl/status/statusor.h"
#include "runtime/base/cancel.h"
#include "runtime/engine/engine.h"
#include "runtime/engines/text/proofreader.h"
#include "runtime/engines/text/rewriter.h"

namespace intelligenced {

class TextJob : public Job {
 public:
  // Does one unit of work and adds its events. Sets output.done with the last one, or with
  // output.status when the job fails.
  virtual void Unit(JobOutput& output) = 0;

  const CancelToken& cancel() const { return cancel_; }

 protected:
  explicit TextJob(CancelToken cancel) : cancel_(std::move(cancel)) {}

 private:
  const CancelToken cancel_;
};

// What the jobs of a model share; outlives them.
struct TextTools {
  const Proofreader* proofreader;
  const Rewriter* rewriter;
};

// Errors: FIELD_INVALID (empty or malformed text, ranges out of bounds, unknown values),
// NO_CAPABLE_MODEL. LANGUAGE_UNSUPPORTED comes with the first unit: detection is work.
absl::StatusOr<std::unique_ptr<TextJob>> MakeTextJob(const engine_proto::Task& task,
                                                     CancelToken cancel, const TextTools& tools);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_TEXT_TEXT_JOB_H_
