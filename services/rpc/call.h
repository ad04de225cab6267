// One call as a service sees it: who calls, until when, how to end it, and what is noted of it.
#ifndef INTELLIGENCED_SERVICES_RPC_CALL_H_
#define INTELLIGENCED_SERVICES_RPC_CALL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "protos/intelligence/v1/common.pb.h"
#include "protos/intelligence/v1/system.pb.h"
#include "runtime/base/attachment.h"
#include "runtime/base/cancel.h"
#include "runtime/scheduler/job.h"
#include "services/rpc/service_environment.h"
#include "services/rpc/strand.h"

namespace intelligenced {

// Where a call comes from, in gRPC's words.
struct CallOrigin {
  std::string_view service;  // "WritingToolsService"
  std::string_view method;   // "ProofreadText"
  std::string peer;          // ServerContextBase::peer()
  // By the wall clock, as gRPC gives it.
  absl::Time wall_deadline = absl::InfiniteFuture();
};

// Sums what the jobs of one call took: tokens and compute time add up, waits are the longest.
// Not thread-safe.
class UsageTotal {
 public:
  void Add(const JobUsage& usage);
  // Which function of the model works; empty: the model itself.
  void SetFunction(std::string_view function) { function_ = function; }
  intelligence::v1::Usage ToProto() const;
  absl::Duration queue_time() const { return queue_time_; }
  absl::Duration compute_time() const { return compute_time_; }
  uint32_t input_tokens() const { return input_tokens_; }
  uint32_t output_tokens() const { return output_tokens_; }

 private:
  uint32_t input_tokens_ = 0;
  uint32_t cached_tokens_ = 0;
  uint32_t output_tokens_ = 0;
  absl::Duration queue_time_;
  absl::Duration load_time_;
  absl::Duration compute_time_;
  std::string model_;
  std::string function_;
  std::string device_;
};

// Owned by a shared_ptr of the reactor and of whatever works for the call. Run() and the cancel
// source are thread-safe; the notes are used inside Run() or before the work begins.
class Call {
 public:
  // `environment`'s parts outlive the call.
  Call(const ServiceEnvironment& environment, const CallOrigin& origin);

  // Why the call is refused: CALLER_NOT_AUTHORIZED, DEADLINE_EXCEEDED.
  const absl::Status& admission() const { return admission_; }
  const Caller& caller() const { return caller_; }
  Runtime& runtime() const { return *environment_.runtime; }
  const ServiceEnvironment& environment() const { return environment_; }
  // By the runtime's clock.
  absl::Time deadline() const { return deadline_; }

  CancelToken cancel_token() const { return cancel_.token(); }
  void Cancel() const { cancel_.Cancel(); }

  // Serializes everything that happens to this call (strand.h).
  void Run(absl::AnyInvocable<void()> work) { strand_.Run(std::move(work)); }

  // A request for a job of this call; model and class are noted. The caller adds task and sink.
  JobRequest MakeJob(const intelligence::v1::RequestOptions& options, std::string_view model);

  // Notes for the activity record: sizes, never contents.
  void NoteModel(std::string_view model);
  void NoteRequestClass(RequestClass request_class);
  // "{provider}/{id}" of an action.
  void NoteAction(std::string_view action) { record_.set_action(std::string(action)); }
  void NoteInput(uint64_t bytes) { record_.set_input_bytes(record_.input_bytes() + bytes); }
  void NoteOutput(uint64_t bytes) { record_.set_output_bytes(record_.output_bytes() + bytes); }
  void NoteUsage(const JobUsage& usage) { usage_.Add(usage); }
  void NoteFunction(std::string_view function) { usage_.SetFunction(function); }
  const UsageTotal& usage() const { return usage_; }

  // The attachments a message of this call names: each is used up by the call, whether it takes it
  // or is refused before it could.
  void NoteAttachment(std::string_view token) { attachments_.insert(std::string(token)); }
  // What a token stands for, once. FIELD_INVALID for one that is not known.
  absl::StatusOr<std::shared_ptr<const Attachment>> TakeAttachment(std::string_view token);

  // A call that only looks (a status poll) would crowd out the records of what was done: it is
  // recorded only when it fails.
  void RecordFailureOnly() { failure_only_ = true; }

  // Writes the activity record and gives up the attachments nobody took. Once, when the call's
  // status is known.
  void Record(const absl::Status& status);

 private:
  const ServiceEnvironment& environment_;
  Caller caller_;
  absl::Status admission_;
  absl::Time started_;
  absl::Time deadline_;
  CancelSource cancel_;
  Strand strand_;
  UsageTotal usage_;
  std::set<std::string, std::less<>> attachments_;
  intelligence::v1::ActivityRecord record_;
  bool recorded_ = false;
  bool failure_only_ = false;
};

// "models/{model}".
std::string ModelResourceName(std::string_view model);

// UNSPECIFIED is INTERACTIVE.
RequestClass ToRequestClass(intelligence::v1::RequestClass value);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_RPC_CALL_H_
