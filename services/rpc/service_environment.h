// What the daemon gives to every service: the runtime, who calls, and where to note what was done.
#ifndef INTELLIGENCED_SERVICES_RPC_SERVICE_ENVIRONMENT_H_
#define INTELLIGENCED_SERVICES_RPC_SERVICE_ENVIRONMENT_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "protos/intelligence/v1/system.pb.h"
#include "runtime/base/attachment.h"
#include "runtime/core/runtime.h"
#include "runtime/scheduler/job.h"

namespace intelligenced {

// Who is at the other end of a call, as the kernel says.
struct Caller {
  SchedulerClient client;  // id, name, weight
  uid_t user_id = 0;
  gid_t group_id = 0;
  pid_t process_id = 0;
  // Root or the daemon's own user: may see everybody's activity.
  bool administrator = false;
  // The app alone, as identities name it: "exe:/usr/bin/vim", "unit:…", "flatpak:…"; "unknown".
  std::string app;
  // Absolute path of the executable. Empty: not known, or a sandboxed app's, whose paths are its
  // own.
  std::string executable;
  // One of the person's clients (ActionService): may ask the person and answer for them.
  bool trusted = false;
};

// Implemented by the daemon (daemon/identity). Thread-safe.
class CallerDirectory {
 public:
  virtual ~CallerDirectory() = default;
  // `grpc_peer` is grpc::ServerContextBase::peer(). CALLER_NOT_AUTHORIZED when it is unknown or
  // may not use `service` ("WritingToolsService").
  virtual absl::StatusOr<Caller> Resolve(std::string_view grpc_peer,
                                         std::string_view service) const = 0;
};

// Descriptors that apps have handed over beside their calls. Implemented by the daemon
// (daemon/attachment_table). Thread-safe.
class AttachmentSource {
 public:
  virtual ~AttachmentSource() = default;
  // What `token` stands for, once. FIELD_INVALID for one that is not known: never given, another
  // app's, used already, or too old.
  virtual absl::StatusOr<std::shared_ptr<const Attachment>> Take(std::string_view client_id,
                                                                 std::string_view token) = 0;
};

// Bounded, in memory. Implemented by the daemon (daemon/activity). Thread-safe.
class ActivityLog {
 public:
  virtual ~ActivityLog() = default;
  virtual void Add(intelligence::v1::ActivityRecord record, uid_t user_id) = 0;
  // Newest first, from `page_token` (empty: the newest). FIELD_INVALID for a bad token.
  virtual absl::StatusOr<intelligence::v1::ListActivityResponse> List(
      const intelligence::v1::ListActivityRequest& request, const Caller& caller) const = 0;
};

// Facts that only the daemon knows. Members are constant; functions are thread-safe.
struct DaemonFacts {
  std::string version;
  std::string socket_path;
  absl::Time start_time;  // by the runtime's clock
  std::function<bool()> draining;
  std::function<uint64_t()> resident_bytes;
  // May block a little; called on Runtime::blocking().
  std::function<std::vector<intelligence::v1::Check>()> diagnose;
};

// Everything a service is made with. The pointers outlive the services.
struct ServiceEnvironment {
  Runtime* runtime = nullptr;
  const CallerDirectory* callers = nullptr;
  ActivityLog* activity = nullptr;
  // Null: no descriptors are taken.
  AttachmentSource* attachments = nullptr;
  DaemonFacts daemon;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_RPC_SERVICE_ENVIRONMENT_H_
