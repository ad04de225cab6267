// The engine contract (runtime/engine/engine.h) as tests, for every engine, every place.
//
// A test program links `engine_conformance` and instantiates the suite with its cases:
//
//   INSTANTIATE_TEST_SUITE_P(Text, EngineConformanceTest, testing::Values(MyCase()),
//                            ConformanceCase::NameOf);
//
// Cases that an engine has no task for are skipped, with the reason said.
#ifndef INTELLIGENCED_TESTS_CONFORMANCE_ENGINE_CONFORMANCE_H_
#define INTELLIGENCED_TESTS_CONFORMANCE_ENGINE_CONFORMANCE_H_

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "runtime/engine/engine.h"

namespace intelligenced {

// A loaded model and whatever must outlive it (engine, launcher, clock).
class ConformanceTarget {
 public:
  virtual ~ConformanceTarget() = default;
  virtual Model& model() = 0;
};

struct ConformanceCase {
  std::string name;
  // Loads the model. Null with an OK status: what it needs is not here (a model file); skipped.
  std::function<absl::StatusOr<std::unique_ptr<ConformanceTarget>>()> load;
  // Completes by itself, within 1000 steps of no budget.
  engine_proto::Task task;
  // Others that complete, of different lengths if possible; at least one. Together with `task` they
  // are batched.
  std::vector<engine_proto::Task> more_tasks;
  // Takes many steps of no budget: for cancelling and dropping. None: those cases are skipped.
  std::optional<engine_proto::Task> long_task;
  // Of a kind that the model does not do, or malformed: Start or the first Step refuses it.
  engine_proto::Task wrong_task;
  // Fails with an error while others go on. None: skipped.
  std::optional<engine_proto::Task> failing_task;
  // Its first attachment is `attached`; what it answers is what `task_of_attached`, with the bytes
  // in the message, answers. None: the model takes no attachments, which is tested then.
  std::optional<engine_proto::Task> attached_task;
  std::string attached = {};
  engine_proto::Task task_of_attached = {};
  // Makes the model fail as a whole in a step. None: skipped.
  std::optional<engine_proto::Task> breaking_task;
  // The same task gives the same events again.
  bool deterministic = true;

  static std::string NameOf(const testing::TestParamInfo<ConformanceCase>& info) {
    return info.param.name;
  }
  friend void PrintTo(const ConformanceCase& conformance_case, std::ostream* out) {
    *out << conformance_case.name;
  }
};

class EngineConformanceTest : public testing::TestWithParam<ConformanceCase> {
 protected:
  // All that a job gave, step by step.
  struct Course {
    std::vector<engine_proto::Event> events;
    absl::Status status;
    bool done = false;
    int steps = 0;

    std::string text() const;
    int completed() const;
  };

  void SetUp() override;
  void TearDown() override { target_.reset(); }

  Model& model() { return target_->model(); }
  std::unique_ptr<Job> MustStart(const engine_proto::Task& task, CancelToken cancel = {});
  // Steps the jobs that are not done, in batches, until all are or `max_steps` have been taken.
  void Drive(const std::vector<Job*>& jobs, std::vector<Course>* courses, int max_steps = 2000,
             absl::Duration budget = absl::ZeroDuration());
  Course RunAlone(const engine_proto::Task& task, const Attachments& attachments = {});
  void ExpectWholeCourse(const Course& course);

  std::unique_ptr<ConformanceTarget> target_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_CONFORMANCE_ENGINE_CONFORMANCE_H_
