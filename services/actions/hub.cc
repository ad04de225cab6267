#include "services/actions/hub.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/file.h"
#include "services/actions/imported.h"
#include "services/actions/understand/action_values.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr size_t kMaxGrantsBytes = size_t{16} << 20;

std::string GrantsPath(const ActionServiceOptions& options) {
  return absl::StrCat(options.state_folder, "/grants.json");
}

}  // namespace

ActionHub::ActionHub(Runtime* runtime, ActionServiceOptions options)
    : runtime_(runtime), options_(std::move(options)), exchange_(this, options_.make_id) {
  exchange_.registry().SetStatic(Remember(options_.declared));
  if (options_.state_folder.empty()) return;
  const absl::StatusOr<std::string> text = ReadFile(GrantsPath(options_), kMaxGrantsBytes);
  if (absl::IsNotFound(text.status())) return;
  absl::StatusOr<GrantTable> table = text.ok() ? GrantTable::Parse(*text) : text.status();
  if (table.ok()) {
    exchange_.grants() = *std::move(table);
  } else {
    options_.warn(absl::StrCat(GrantsPath(options_), ": ", table.status().message()));
  }
}

ActionHub::~ActionHub() {
  if (armed_for_ != absl::InfiniteFuture()) runtime_->timer().Cancel(timer_);
}

void ActionHub::Run(Work work) {
  strand_.Run([self = shared_from_this(), work = std::move(work)]() mutable {
    const absl::Time now = self->runtime_->clock().Now();
    work(self->exchange_, now);
    self->exchange_.Tick(now);
    self->Arm();
  });
}

std::vector<StaticProvider> ActionHub::Remember(std::vector<StaticProvider> declared) const {
  for (StaticProvider& provider : declared) {
    if (!provider.imports || options_.state_folder.empty()) continue;
    const absl::Status status = LoadImported(options_.state_folder, &provider);
    if (!status.ok() && !absl::IsNotFound(status)) {
      options_.warn(absl::StrCat("what ", provider.declaration.id(),
                                 " offered last time cannot be read: ", status.message()));
    }
  }
  return declared;
}

void ActionHub::SetDeclared(std::vector<StaticProvider> declared) {
  Run([declared = Remember(std::move(declared))](ActionExchange& exchange, absl::Time) {
    exchange.registry().SetStatic(declared);
  });
  Discover();
}

void ActionHub::Discover() {
  Run([self = this](ActionExchange& exchange, absl::Time) {
    for (const ProviderView& provider : exchange.registry().List(self->options_.user_id)) {
      if (provider.file == nullptr || !provider.file->imports || provider.stream != 0 ||
          provider.declaration->actions_size() > 0) {
        continue;
      }
      // No run waits for it: a start of the exchange's own has a number from 1.
      self->StartProvider(self->options_.user_id, provider.file, 0);
    }
  });
}

void ActionHub::Imported(uid_t user, std::shared_ptr<const v1::ProviderDeclaration> declaration) {
  // Files are for all users: what another one's provider says is not for them.
  if (user != options_.user_id) return;
  const std::optional<ProviderView> provider =
      exchange_.registry().FindProvider(user, declaration->id());
  if (!provider.has_value() || provider->file == nullptr) return;
  exchange_.registry().SetImported(declaration);
  if (!options_.state_folder.empty()) KeepImported(declaration->id());
}

void ActionHub::KeepImported(const std::string& id) {
  const std::optional<ProviderView> provider =
      exchange_.registry().FindProvider(options_.user_id, id);
  if (!provider.has_value() || provider->file == nullptr || !provider->file->imports) return;
  // One writer of a file at a time.
  if (const auto [place, first] = keeping_.try_emplace(id, false); !first) {
    place->second = true;
    return;
  }
  runtime_->blocking().Run([self = shared_from_this(), id, file = provider->file] {
    const absl::Status status =
        SaveImported(self->options_.state_folder, file->fingerprint, file->declaration);
    if (!status.ok()) {
      self->options_.warn(
          absl::StrCat("the actions of ", id, " are not remembered: ", status.message()));
    }
    self->Run([self, id](ActionExchange&, absl::Time) {
      const auto place = self->keeping_.find(id);
      const bool again = place->second;
      self->keeping_.erase(place);
      if (again) self->KeepImported(id);
    });
  });
}

void ActionHub::Arm() {
  const absl::Time when = exchange_.NextDeadline();
  if (when == armed_for_) return;
  if (armed_for_ != absl::InfiniteFuture()) runtime_->timer().Cancel(timer_);
  armed_for_ = when;
  if (when == absl::InfiniteFuture()) return;
  timer_ = runtime_->timer().Schedule(when, [weak = weak_from_this(), when] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->Run([self = self.get(), when](ActionExchange&, absl::Time) {
      if (self->armed_for_ == when) self->armed_for_ = absl::InfiniteFuture();
    });
  });
}

uint64_t ActionHub::NewNumber() { return next_number_++; }
void ActionHub::AddCall(uint64_t number, std::shared_ptr<StreamCall> call) {
  calls_[number] = std::move(call);
}
void ActionHub::RemoveCall(uint64_t number) { calls_.erase(number); }

template <typename Message>
void ActionHub::Send(uint64_t number, const Message& message) {
  const auto found = calls_.find(number);
  if (found == calls_.end()) return;
  found->second->Run([call = found->second, message] {
    if (!call->ended()) call->Write(message);
  });
}

void ActionHub::End(uint64_t number, const absl::Status& status) {
  const auto found = calls_.find(number);
  if (found == calls_.end()) return;
  const std::shared_ptr<StreamCall> call = std::move(found->second);
  calls_.erase(found);
  call->Run([call, status] {
    if (!call->ended()) call->End(status);
  });
}

void ActionHub::ToProvider(uint64_t stream, const v1::ProvideResponse& message) {
  Send(stream, message);
}
void ActionHub::EndProvider(uint64_t stream, const absl::Status& status) { End(stream, status); }
void ActionHub::ToCaller(uint64_t call, const v1::RunActionResponse& message) {
  if (message.has_started()) {
    if (const auto found = calls_.find(call); found != calls_.end()) {
      found->second->Run([call = found->second, action = message.started().action()] {
        call->NoteAction(action);
      });
    }
  }
  Send(call, message);
}
void ActionHub::EndCaller(uint64_t call, const absl::Status& status) { End(call, status); }
void ActionHub::ToConfirmer(uint64_t stream, const v1::AnswerConfirmationsResponse& message) {
  Send(stream, message);
}

void ActionHub::StartProvider(uid_t user, std::shared_ptr<const StaticProvider> provider,
                              uint64_t start) {
  runtime_->blocking().Run(
      [self = shared_from_this(), user, provider = std::move(provider), start] {
        absl::Status status = absl::UnavailableError("This daemon starts no apps.");
        if (self->options_.launcher != nullptr) {
          // The program may outlive the hub.
          auto exited = [weak = self->weak_from_this(), user, id = provider->declaration.id(),
                         start](ProviderExit exit) {
            if (const auto hub = weak.lock()) hub->ProviderExited(user, id, start, exit);
          };
          status = self->options_.launcher->Start(user, provider->start, std::move(exited));
        }
        if (status.ok()) return;
        self->options_.warn(absl::StrCat("cannot start the provider ", provider->declaration.id(),
                                         ": ", status.message()));
        self->Run([user, id = provider->declaration.id(), start, status](ActionExchange& exchange,
                                                                         absl::Time now) {
          exchange.ProviderStartFailed(user, id, start, status, now);
        });
      });
}

void ActionHub::ProviderExited(uid_t user, const std::string& provider, uint64_t start,
                               ProviderExit exit) {
  Run([self = this, user, provider, start, exit](ActionExchange& exchange, absl::Time now) {
    const std::optional<ProviderView> now_there = exchange.registry().FindProvider(user, provider);
    if (!exit.well() && (!now_there.has_value() || now_there->stream == 0)) {
      self->options_.warn(absl::StrCat("the provider ", provider, " ", exit.Words()));
    }
    exchange.ProviderExited(user, provider, start, exit, now);
  });
}

void ActionHub::SaveGrants() {
  if (options_.state_folder.empty()) return;
  if (saving_) {
    dirty_ = true;
    return;
  }
  saving_ = true;
  runtime_->blocking().Run([self = shared_from_this(), text = exchange_.grants().Serialize()] {
    absl::Status status = CreateDirectories(self->options_.state_folder, 0700);
    FileSystem files;
    if (status.ok()) status = WriteFileAtomically(files, GrantsPath(self->options_), text, 0600);
    if (!status.ok()) {
      self->options_.warn(absl::StrCat("grants are not kept: ", status.message()));
    }
    self->Run([self](ActionExchange&, absl::Time) {
      self->saving_ = false;
      if (std::exchange(self->dirty_, false)) self->SaveGrants();
    });
  });
}

std::optional<v1::ActionValue> ActionHub::ReadSaid(const v1::ActionValueType& type,
                                                   const std::string& said) const {
  return ReadSaidValue(type, said,
                       MomentOf({}, runtime_->clock().WallTime(), absl::LocalTimeZone()));
}

void ActionHub::RunDone(uid_t user, const std::string& action, const ActionValues& values) {
  if (run_done_) run_done_(user, action, values);
}

}  // namespace intelligenced
