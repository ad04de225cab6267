#include "services/actions/streams.h"

#include <utility>

#include "runtime/base/cancel.h"
#include "runtime/base/reasons.h"
#include "services/rpc/parse_request.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

// What the three have in common. `Role` says what the exchange is told:
//   Message; First(exchange, number, actor, message, now) → Status;
//   Next(exchange, number, message, now) → Status; HalfClosed(…) → whether the stream ends by that;
//   Gone(exchange, number, now).
// Everything for the exchange runs in the hub; the call is held by the hub while it is there.
template <typename Role>
class Handler final : public DuplexHandler, public std::enable_shared_from_this<Handler<Role>> {
 public:
  Handler(std::shared_ptr<StreamCall> call, std::shared_ptr<ActionHub> hub)
      : call_(std::move(call)), hub_(std::move(hub)), actor_(ActorOf(*call_)) {}

  void Bind() {
    cancelled_ = call_->cancel_token().OnCancel([weak = this->weak_from_this()] {
      if (const auto self = weak.lock()) {
        self->Leave(MakeError(Reason::kCancelled, "The call was cancelled."));
      }
    });
  }

  void OnMessage(const grpc::ByteBuffer& bytes) override {
    call_->NoteInput(bytes.Length());
    typename Role::Message message;
    if (absl::Status status = ParseRequest(bytes, message); !status.ok()) return Leave(status);
    hub_->Run([self = this->shared_from_this(), message = std::move(message)](
                  ActionExchange& exchange, absl::Time now) {
      if (self->left_) return;
      absl::Status status;
      if (self->number_ == 0) {
        self->number_ = self->hub_->NewNumber();
        self->hub_->AddCall(self->number_, self->call_);
        status = Role::First(exchange, self->number_, self->actor_, message, now);
      } else {
        status = Role::Next(exchange, self->number_, message, now);
      }
      if (!status.ok()) self->LeaveInHub(exchange, status, now);
    });
  }

  void OnHalfClose() override {
    hub_->Run([self = this->shared_from_this()](ActionExchange& exchange, absl::Time now) {
      if (self->left_) return;
      if (self->number_ == 0) {
        self->LeaveInHub(exchange, FieldError("message", "is required before the stream's end."),
                         now);
      } else if (Role::HalfClosed(exchange, self->number_, now)) {
        self->LeaveInHub(exchange, absl::OkStatus(), now);
      }
    });
  }

 private:
  void Leave(const absl::Status& status) {
    hub_->Run([self = this->shared_from_this(), status](ActionExchange& exchange, absl::Time now) {
      self->LeaveInHub(exchange, status, now);
    });
  }

  void LeaveInHub(ActionExchange& exchange, const absl::Status& status, absl::Time now) {
    if (std::exchange(left_, true)) return;
    if (number_ != 0) {
      hub_->RemoveCall(number_);
      Role::Gone(exchange, number_, now);
    }
    call_->Run([call = call_, status] {
      if (!call->ended()) call->End(status);
    });
  }

  const std::shared_ptr<StreamCall> call_;
  const std::shared_ptr<ActionHub> hub_;
  const ActionActor actor_;
  // Used inside of the hub alone.
  uint64_t number_ = 0;
  bool left_ = false;
  CancelRegistration cancelled_;
};

struct ProvideRole {
  using Message = v1::ProvideRequest;
  static absl::Status First(ActionExchange& exchange, uint64_t number, const ActionActor& actor,
                            const Message& message, absl::Time now) {
    if (!message.has_register_()) {
      return FieldError("register", "must be the first message of the stream.");
    }
    return exchange.ProviderRegisters(number, actor, message.register_(), now);
  }
  static absl::Status Next(ActionExchange& exchange, uint64_t number, const Message& message,
                           absl::Time now) {
    exchange.ProviderSays(number, message, now);
    return absl::OkStatus();
  }
  static bool HalfClosed(ActionExchange&, uint64_t, absl::Time) { return true; }
  static void Gone(ActionExchange& exchange, uint64_t number, absl::Time now) {
    exchange.ProviderGone(number, now);
  }
};

struct RunRole {
  using Message = v1::RunActionRequest;
  static absl::Status First(ActionExchange& exchange, uint64_t number, const ActionActor& actor,
                            const Message& message, absl::Time now) {
    if (!message.has_start()) {
      return FieldError("start", "must be the first message of the stream.");
    }
    return exchange.StartRun(number, actor, message.start(), now);
  }
  static absl::Status Next(ActionExchange& exchange, uint64_t number, const Message& message,
                           absl::Time now) {
    exchange.CallerSays(number, message, now);
    return absl::OkStatus();
  }
  static bool HalfClosed(ActionExchange& exchange, uint64_t number, absl::Time now) {
    exchange.CallerHalfCloses(number, now);
    return false;
  }
  static void Gone(ActionExchange& exchange, uint64_t number, absl::Time now) {
    exchange.CallerGone(number, now);
  }
};

struct ConfirmRole {
  using Message = v1::AnswerConfirmationsRequest;
  static absl::Status First(ActionExchange& exchange, uint64_t number, const ActionActor& actor,
                            const Message& message, absl::Time now) {
    absl::Status status = exchange.ConfirmerConnects(number, actor, now);
    if (status.ok() && !message.question_id().empty()) {
      status = exchange.ConfirmerSays(number, message, now);
    }
    return status;
  }
  static absl::Status Next(ActionExchange& exchange, uint64_t number, const Message& message,
                           absl::Time now) {
    return exchange.ConfirmerSays(number, message, now);
  }
  static bool HalfClosed(ActionExchange&, uint64_t, absl::Time) { return true; }
  static void Gone(ActionExchange& exchange, uint64_t number, absl::Time now) {
    exchange.ConfirmerGone(number, now);
  }
};

template <typename Role>
std::shared_ptr<DuplexHandler> MakeHandler(std::shared_ptr<StreamCall> call,
                                           std::shared_ptr<ActionHub> hub) {
  const auto handler = std::make_shared<Handler<Role>>(std::move(call), std::move(hub));
  handler->Bind();
  return handler;
}

}  // namespace

ActionActor ActorOf(const Call& call) {
  const Caller& caller = call.caller();
  return {.user_id = caller.user_id,
          .app = caller.app,
          .executable = caller.executable,
          .display_name = caller.client.display_name,
          .trusted = caller.trusted};
}

std::shared_ptr<DuplexHandler> MakeProvideHandler(std::shared_ptr<StreamCall> call,
                                                  std::shared_ptr<ActionHub> hub) {
  return MakeHandler<ProvideRole>(std::move(call), std::move(hub));
}
std::shared_ptr<DuplexHandler> MakeRunHandler(std::shared_ptr<StreamCall> call,
                                              std::shared_ptr<ActionHub> hub) {
  return MakeHandler<RunRole>(std::move(call), std::move(hub));
}
std::shared_ptr<DuplexHandler> MakeConfirmHandler(std::shared_ptr<StreamCall> call,
                                                  std::shared_ptr<ActionHub> hub) {
  return MakeHandler<ConfirmRole>(std::move(call), std::move(hub));
}

}  // namespace intelligenced
