#include "services/system/service.h"

#include <atomic>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/server_context.h"
#include "protos/intelligence/v1/system.grpc.pb.h"
#include "protos/support/limits.h"
#include "runtime/base/reasons.h"
#include "services/rpc/parse_request.h"
#include "services/rpc/proto_time.h"
#include "services/rpc/serve.h"
#include "services/system/status_source.h"
#include "services/system/validate.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr std::string_view kService = "SystemService";
// A watcher that reads slowly gets fewer messages, not more of them later.
constexpr size_t kMaxWaitingBytes = 32 << 10;

// One WatchStatus call: a message every interval until the client or the daemon goes.
class StatusWatch final : public std::enable_shared_from_this<StatusWatch> {
 public:
  StatusWatch(std::shared_ptr<StreamCall> call, StatusSource* source, absl::Duration interval)
      : call_(std::move(call)), source_(source), interval_(interval) {}

  void Start() {
    cancelled_ = call_->cancel_token().OnCancel([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->call_->Run([self] { self->Stop(); });
    });
    Tick();
  }

 private:
  // Inside the call's Run(), like Stop().
  void Tick() {
    if (ended_) return;
    const DaemonFacts& daemon = call_->environment().daemon;
    if (call_->writer().queued_bytes() < kMaxWaitingBytes) call_->Write(source_->Build());
    if (daemon.draining && daemon.draining()) {
      return End(MakeError(Reason::kShuttingDown, "The daemon is shutting down."));
    }
    Timer& timer = call_->runtime().timer();
    timer_ = timer.Schedule(call_->runtime().clock().Now() + interval_, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->call_->Run([self] { self->Tick(); });
    });
    self_ = shared_from_this();
  }

  void Stop() { End(MakeError(Reason::kCancelled, "The client ended the watch.")); }

  void End(const absl::Status& status) {
    if (std::exchange(ended_, true)) return;
    if (timer_.has_value()) call_->runtime().timer().Cancel(*timer_);
    const std::shared_ptr<StatusWatch> self = std::move(self_);
    call_->End(status);
  }

  const std::shared_ptr<StreamCall> call_;
  StatusSource* const source_;
  const absl::Duration interval_;
  std::optional<Timer::Id> timer_;
  bool ended_ = false;
  CancelRegistration cancelled_;
  // Nothing else owns a watch between two ticks.
  std::shared_ptr<StatusWatch> self_;
};

using Base = v1::SystemService::WithRawCallbackMethod_GetStatus<
    v1::SystemService::WithRawCallbackMethod_WatchStatus<
        v1::SystemService::WithRawCallbackMethod_ListActivity<
            v1::SystemService::WithRawCallbackMethod_Diagnose<v1::SystemService::Service>>>>;

class SystemService final : public Base {
 public:
  explicit SystemService(const ServiceEnvironment& environment)
      : environment_(environment), status_(environment) {}

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context, const grpc::ByteBuffer*,
                                      grpc::ByteBuffer* response) override {
    return ServeUnary(environment_, context, response, kService, "GetStatus",
                      [&](const std::shared_ptr<UnaryCall>& call) -> absl::Status {
                        call->RecordFailureOnly();
                        call->RespondBytes(status_.Bytes());
                        return absl::OkStatus();
                      });
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchStatus(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* bytes) override {
    return ServeStream(environment_, context, kService, "WatchStatus",
                       [&](const std::shared_ptr<StreamCall>& call) -> absl::Status {
                         call->RecordFailureOnly();
                         v1::WatchStatusRequest request;
                         absl::Status status = ParseRequest(*bytes, request);
                         if (status.ok()) status = Validate(request);
                         if (!status.ok()) return status;
                         const absl::Duration interval = request.has_interval()
                                                             ? GetDuration(request.interval())
                                                             : kDefaultWatchInterval;
                         std::make_shared<StatusWatch>(call, &status_, interval)->Start();
                         return absl::OkStatus();
                       });
  }

  grpc::ServerUnaryReactor* ListActivity(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* bytes,
                                         grpc::ByteBuffer* response) override {
    return ServeUnary(environment_, context, response, kService, "ListActivity",
                      [&](const std::shared_ptr<UnaryCall>& call) -> absl::Status {
                        call->RecordFailureOnly();
                        v1::ListActivityRequest request;
                        absl::Status status = ParseRequest(*bytes, request);
                        if (status.ok()) status = Validate(request);
                        if (!status.ok()) return status;
                        if (request.page_size() == 0) request.set_page_size(kDefaultActivityPage);
                        const absl::StatusOr<v1::ListActivityResponse> page =
                            environment_.activity->List(request, call->caller());
                        if (!page.ok()) return page.status();
                        call->Respond(*page);
                        return absl::OkStatus();
                      });
  }

  grpc::ServerUnaryReactor* Diagnose(grpc::CallbackServerContext* context, const grpc::ByteBuffer*,
                                     grpc::ByteBuffer* response) override {
    return ServeUnary(environment_, context, response, kService, "Diagnose",
                      [&](const std::shared_ptr<UnaryCall>& call) -> absl::Status {
                        environment_.runtime->blocking().Run([this, call] {
                          v1::DiagnoseResponse checks;
                          if (environment_.daemon.diagnose) {
                            for (v1::Check& check : environment_.daemon.diagnose()) {
                              *checks.add_checks() = std::move(check);
                            }
                          }
                          call->Run([call, checks = std::move(checks)] { call->Respond(checks); });
                        });
                        return absl::OkStatus();
                      });
  }

 private:
  const ServiceEnvironment environment_;
  StatusSource status_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeSystemService(const ServiceEnvironment& environment) {
  return std::make_unique<SystemService>(environment);
}

}  // namespace intelligenced
