#include "runtime/worker/host.h"

#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/base/clock.h"
#include "runtime/base/reasons.h"
#include "runtime/engine/status_proto.h"
#include "runtime/worker/channel.h"
#include "runtime/worker/engine_border.h"
#include "runtime/worker/host_jobs.h"
#include "runtime/worker/process_usage.h"
#include "runtime/worker/sandbox.h"
#include "runtime/worker/wire_check.h"

namespace intelligenced {
namespace {

constexpr int kNotStartedByDaemon = 64;
constexpr int kProtocolBroken = 65;
// The daemon is trusted: what it sends has passed its own limits.
constexpr FrameLimits kTrusting = {.max_bytes = kMaxFrameBytes,
                                   .max_parts = std::numeric_limits<uint64_t>::max(),
                                   .max_attachments = kMaxFrameAttachments};

struct Arguments {
  bool sandbox = true;
  std::string oom_score_adj;
};

Arguments ParseArguments(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    std::string_view argument = argv[i];
    if (argument == "--no-sandbox") {
      arguments.sandbox = false;
    } else if (absl::ConsumePrefix(&argument, "--oom-score-adj=")) {
      arguments.oom_score_adj = argument;
    }
  }
  return arguments;
}

// What belongs to a process of the daemon's, whatever it works on.
void BecomeWorker(const Arguments& arguments) {
  // Ctrl-C is the daemon's to handle; it ends its workers when it has drained.
  signal(SIGINT, SIG_IGN);
#ifdef __linux__
  // Beside the end of the control channel, which needs a thread of this process to notice. The
  // daemon starts workers on a thread that lives as long as they do (supervisor.h).
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  const UniqueFd file(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  [[maybe_unused]] const ssize_t written =
      write(file.get(), arguments.oom_score_adj.data(), arguments.oom_score_adj.size());
#endif
}

// "llama:qwen2-0_5" in ps and top; the kernel keeps 15 bytes.
void NameProcess(const engine_proto::ModelSpec& spec) {
#ifdef __linux__
  prctl(PR_SET_NAME, absl::StrCat(spec.engine(), ":", spec.name()).substr(0, 15).c_str(), 0, 0, 0);
#endif
}

class Host {
 public:
  Host(std::function<std::unique_ptr<Engine>()> make_engine, Arguments arguments,
       SandboxNeeds needs)
      : make_engine_(std::move(make_engine)),
        arguments_(std::move(arguments)),
        needs_(std::move(needs)),
        work_(UniqueFd(kWorkDescriptor), kTrusting),
        control_(UniqueFd(kControlDescriptor)) {}

  int Run();

 private:
  engine_proto::WorkReply Handle(const engine_proto::WorkRequest& request,
                                 std::vector<UniqueFd> attachments);
  absl::Status Load(const engine_proto::LoadRequest& request, engine_proto::LoadReply* reply);
  absl::Status Measure(engine_proto::ResourceUsage* usage);
  void ListenToControl();

  const std::function<std::unique_ptr<Engine>()> make_engine_;
  const Arguments arguments_;
  const SandboxNeeds needs_;
  FrameChannel work_;
  FrameChannel control_;
  const SystemClock clock_;
  std::vector<std::string> protections_;
  const CancelSource load_cancel_;

  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Model> model_;
  // Read by the control thread, which hears of jobs only after the load's answer.
  std::atomic<HostJobs*> jobs_ = nullptr;
  std::unique_ptr<HostJobs> own_jobs_;
};

int Host::Run() {
  if (arguments_.sandbox) protections_ = ConfineProcess(needs_);
  // Hello: an answer that nobody asked for.
  if (!work_.Send(engine_proto::WorkReply()).ok()) return kProtocolBroken;
  const absl::Status made = AtEngineBorder(Reason::kModelLoadFailed, [this] {
    engine_ = make_engine_();
    return absl::OkStatus();
  });
  while (true) {
    engine_proto::WorkRequest request;
    // The daemon is gone or mad: nothing is left to do.
    std::vector<UniqueFd> attachments;
    if (!work_.Receive(&request, &attachments).ok()) return kProtocolBroken;
    engine_proto::WorkReply reply;
    if (!made.ok() || engine_ == nullptr) {
      *reply.mutable_status() = StatusToProto(
          made.ok() ? MakeError(Reason::kModelLoadFailed, "The engine cannot be used here.")
                    : made);
    } else {
      reply = Handle(request, std::move(attachments));
    }
    reply.set_sequence(request.sequence());
    absl::Status sent = work_.Send(reply);
    if (!sent.ok() && !HasReason(sent, Reason::kWorkerLost)) {
      // Too large, or no memory for it: say that instead.
      engine_proto::WorkReply failure;
      failure.set_sequence(request.sequence());
      *failure.mutable_status() = StatusToProto(sent);
      sent = work_.Send(failure);
    }
    if (!sent.ok()) return kProtocolBroken;
  }
}

engine_proto::WorkReply Host::Handle(const engine_proto::WorkRequest& request,
                                     std::vector<UniqueFd> attachments) {
  engine_proto::WorkReply reply;
  absl::Status status;
  if (request.has_load()) {
    status = Load(request.load(), reply.mutable_load());
  } else if (model_ == nullptr) {
    status = MakeError(Reason::kFieldInvalid, "No model is loaded.");
  } else if (request.has_step()) {
    absl::StatusOr<engine_proto::StepReply> step =
        own_jobs_->Step(request.step(), request.sequence(), std::move(attachments));
    status = step.status();
    if (step.ok()) *reply.mutable_step() = *std::move(step);
  } else if (request.has_park()) {
    reply.mutable_park();
    status = own_jobs_->Park(request.park().job_id());
  } else if (request.has_stats()) {
    status = Measure(reply.mutable_stats()->mutable_usage());
  } else {
    status = MakeError(Reason::kFieldInvalid, "This version of the worker knows no such request.");
  }
  if (!status.ok()) {
    reply.clear_kind();
    *reply.mutable_status() = StatusToProto(status);
    reply.mutable_status()->set_message(ToUtf8(reply.status().message()));
  }
  return reply;
}

absl::Status Host::Load(const engine_proto::LoadRequest& request, engine_proto::LoadReply* reply) {
  if (model_ != nullptr) return MakeError(Reason::kFieldInvalid, "A model is loaded already.");
  NameProcess(request.spec());
  if (arguments_.sandbox && request.sandbox().enabled()) {
    for (std::string& name : ConfineToModel(request.sandbox(), needs_))
      protections_.push_back(name);
  }
  // Only now: a thread keeps the rules under which it was started.
  std::thread([this] { ListenToControl(); }).detach();
  absl::StatusOr<std::unique_ptr<Model>> model = AtEngineBorder(Reason::kModelLoadFailed, [&] {
    return engine_->Load(request.spec(), load_cancel_.token());
  });
  if (!model.ok()) return model.status();
  model_ = *std::move(model);
  own_jobs_ = std::make_unique<HostJobs>(model_.get(), &clock_);
  jobs_.store(own_jobs_.get());
  *reply->mutable_info() = model_->info();
  for (const std::string& name : protections_) reply->add_protections(name);
  return Measure(reply->mutable_usage());
}

absl::Status Host::Measure(engine_proto::ResourceUsage* usage) {
  *usage = MeasureProcess();
  const absl::StatusOr<engine_proto::ResourceUsage> own =
      AtEngineBorder(Reason::kEngineFailure, [this] { return model_->MeasureUsage(); });
  if (own.ok()) usage->set_device_bytes(own->device_bytes());
  return absl::OkStatus();
}

void Host::ListenToControl() {
  while (true) {
    engine_proto::ControlRequest request;
    // At once and without cleaning up: the kernel takes everything back faster than destructors,
    // and a library that hangs cannot hold the process.
    if (!control_.Receive(&request).ok() || request.exit()) _exit(0);
    HostJobs* const jobs = jobs_.load();
    if (request.has_cancel_job() && jobs != nullptr) jobs->Cancel(request.cancel_job());
    if (request.has_yield_step() && jobs != nullptr) jobs->Yield(request.yield_step());
    if (request.cancel_load()) load_cancel_.Cancel();
  }
}

}  // namespace

int RunWorker(int argc, char** argv, std::function<std::unique_ptr<Engine>()> make_engine,
              SandboxNeeds needs) {
  if (fcntl(kWorkDescriptor, F_GETFD) < 0 || fcntl(kControlDescriptor, F_GETFD) < 0) {
    constexpr std::string_view kHint = "This program is started by intelligenced.\n";
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kHint.data(), kHint.size());
    return kNotStartedByDaemon;
  }
  for (const int descriptor : {kWorkDescriptor, kControlDescriptor}) {
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  }
  const Arguments arguments = ParseArguments(argc, argv);
  BecomeWorker(arguments);
  Host host(std::move(make_engine), arguments, std::move(needs));
  const int code = host.Run();
  // Not through main()'s end: the control thread and the library's own threads still run.
  _exit(code);
}

}  // namespace intelligenced
