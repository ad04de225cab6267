// Offering actions: one stream to the daemon, handlers on threads beside it.
#include <intelligence/action_provider.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "clients/cpp/src/call.h"
#include "clients/cpp/src/cancellation.h"
#include "clients/cpp/src/connection.h"
#include "clients/cpp/src/convert_actions.h"
#include "runtime/base/clock.h"
#include "runtime/base/executor.h"
#include "runtime/base/reasons.h"

namespace intelligence::actions {

using intelligenced::HasReason;
using intelligenced::Reason;

namespace {

constexpr int kHandlerThreads = 16;
constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLongestPause = absl::Seconds(5);

// What trying again would not change.
bool IsFinal(const absl::Status& status) {
  for (const Reason reason :
       {Reason::kFieldInvalid, Reason::kInputTooLarge, Reason::kActionOwnedByOther,
        Reason::kCallerNotAuthorized, Reason::kClientQuotaExceeded, Reason::kCancelled}) {
    if (HasReason(status, reason)) return true;
  }
  return absl::IsUnimplemented(status);
}

}  // namespace

// What a handler and the reading thread share of one run.
class Run::Link {
 public:
  using Send = std::function<void(const v1::ProvideRequest&)>;
  Link(std::string id, Send send) : id_(std::move(id)), send_(std::move(send)) {}

  void Tell(const v1::ProvideRequest& message) {
    if (!cancelled()) send_(message);
  }
  void Answer(const v1::QuestionAnswered& answer) {
    absl::MutexLock lock(mutex_);
    answer_ = answer;
  }
  void Cancel() {
    absl::MutexLock lock(mutex_);
    cancelled_ = true;
  }
  bool cancelled() const {
    absl::MutexLock lock(mutex_);
    return cancelled_;
  }
  std::optional<v1::QuestionAnswered> Ask(const v1::ProvideRequest& question) {
    {
      absl::MutexLock lock(mutex_);
      if (cancelled_) return std::nullopt;
      answer_.reset();
    }
    send_(question);
    absl::MutexLock lock(mutex_);
    const auto settled = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return cancelled_ || answer_.has_value();
    };
    mutex_.Await(absl::Condition(&settled));
    return std::exchange(answer_, std::nullopt);
  }
  const std::string& id() const { return id_; }

 private:
  const std::string id_;
  const Send send_;
  mutable absl::Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<v1::QuestionAnswered> answer_ ABSL_GUARDED_BY(mutex_);
};

void Run::ReportProgress(uint64_t done, uint64_t total, const std::string& message) {
  v1::ProvideRequest request;
  request.mutable_progress()->set_run_id(id_);
  request.mutable_progress()->mutable_progress()->set_done(done);
  request.mutable_progress()->mutable_progress()->set_total(total);
  request.mutable_progress()->set_message(message);
  link_->Tell(request);
}

absl::StatusOr<Value> Run::AskValue(const std::string& parameter, const std::string& prompt,
                                    const List& options) {
  v1::ProvideRequest request;
  v1::ValueQuestion& question = *request.mutable_value_question();
  question.set_run_id(id_);
  question.set_parameter(parameter);
  question.set_prompt(prompt);
  for (const Value& option : options) ToProto(option, question.add_options());
  const std::optional<v1::QuestionAnswered> answer = link_->Ask(request);
  if (!answer.has_value() || !answer->has_value()) {
    return intelligenced::MakeError(Reason::kCancelled, "The run is over.");
  }
  return FromProto(answer->value());
}

absl::Status Run::Confirm(const std::string& prompt) {
  v1::ProvideRequest request;
  request.mutable_confirmation_question()->set_run_id(id_);
  request.mutable_confirmation_question()->set_prompt(prompt);
  const std::optional<v1::QuestionAnswered> answer = link_->Ask(request);
  if (answer.has_value() && answer->confirmed()) return absl::OkStatus();
  return intelligenced::MakeError(Reason::kCancelled, "The person said no, or the run is over.");
}

bool Run::cancelled() const { return link_->cancelled(); }

std::vector<Entity> EntityKind::Everything() const {
  std::vector<Entity> all = all_ ? all_() : std::vector<Entity>();
  for (Entity& entity : all) entity.type = id_;
  return all;
}

std::vector<Entity> EntityKind::ById(const std::string& key) const {
  for (Entity& entity : Everything()) {
    if (entity.id == key) return {std::move(entity)};
  }
  return {};
}

std::vector<Entity> EntityKind::Suggested(size_t limit) const {
  std::vector<Entity> all = Everything();
  if (all.size() > limit) all.resize(limit);
  return all;
}

std::vector<Entity> EntityKind::ByText(const std::string& text, size_t limit) const {
  const std::string wanted = absl::AsciiStrToLower(absl::StripAsciiWhitespace(text));
  const std::vector<std::string> words = absl::StrSplit(wanted, ' ', absl::SkipEmpty());
  std::vector<Entity> exact;
  std::vector<Entity> near;
  for (Entity& entity : Everything()) {
    std::vector<std::string> names = entity.synonyms;
    names.push_back(entity.title);
    bool same = false;
    bool holds = false;
    for (const std::string& name : names) {
      const std::string lower = absl::AsciiStrToLower(name);
      same = same || lower == wanted;
      holds = holds || (!words.empty() &&
                        std::all_of(words.begin(), words.end(), [&lower](const std::string& word) {
                          return absl::StrContains(lower, word);
                        }));
    }
    if (same) {
      exact.push_back(std::move(entity));
    } else if (holds) {
      near.push_back(std::move(entity));
    }
  }
  std::vector<Entity>& found = exact.empty() ? near : exact;
  if (found.size() > limit) found.resize(limit);
  return std::move(found);
}

// One connection of a provider, from its registration to its end.
class ProviderLink {
 public:
  ProviderLink(const Provider& provider, const ServeOptions& options)
      : provider_(provider), options_(options), handlers_("action", kHandlerThreads) {}

  // `registered` is set once the daemon has taken the declaration. OK: idle for long enough.
  absl::Status Serve(bool& registered) {
    absl::StatusOr<Client> client = Client::Connect(options_.client);
    if (!client.ok()) return client.status();
    connection_ = client->connection_;
    CallContext call;
    CallOptions call_options;
    call_options.cancellation = options_.cancellation;
    if (absl::Status status = connection_->Prepare(call_options, call); !status.ok()) return status;
    stream_ = connection_->actions->Provide(&call.context);
    v1::ProvideRequest first;
    Declare(first.mutable_register_()->mutable_declaration());
    Send(first);
    TouchIdle();
    ArmIdle(&call.context);
    v1::ProvideResponse response;
    while (stream_->Read(&response)) {
      if (response.has_registered()) {
        registered = true;
        if (options_.on_registered) options_.on_registered();
      } else {
        Take(response);
      }
    }
    {
      absl::MutexLock lock(write_mutex_);
      open_ = false;
    }
    const absl::Status status = connection_->Decode(stream_->Finish(), call);
    {
      absl::MutexLock lock(mutex_);
      ended_ = true;
      for (auto& [id, run] : runs_) run->Cancel();
      if (idle_) return absl::OkStatus();
    }
    return status;
  }

 private:
  void Declare(v1::ProviderDeclaration* declaration) const {
    declaration->set_id(provider_.id());
    declaration->set_title(provider_.title());
    for (const Action& action : provider_.actions()) {
      ToProto(action.info(), declaration->add_actions());
    }
    for (const EntityKind& kind : provider_.kinds()) {
      v1::EntityType* type = declaration->add_entity_types();
      type->set_id(kind.id());
      type->set_title(kind.title());
      for (const auto& [id, property] : kind.properties()) {
        v1::EntityProperty* added = type->add_properties();
        added->set_id(id);
        ToProto(property, added->mutable_type());
      }
    }
  }

  void Send(const v1::ProvideRequest& message) {
    absl::MutexLock lock(write_mutex_);
    if (open_) stream_->Write(message);
  }

  void Take(const v1::ProvideResponse& response) {
    switch (response.message_case()) {
      case v1::ProvideResponse::kEntityQuery:
        TouchIdle();
        handlers_.Run([this, query = response.entity_query()] { Answer(query); });
        return;
      case v1::ProvideResponse::kRun:
        return Begin(response.run());
      case v1::ProvideResponse::kAnswer:
        if (const auto run = Find(response.answer().run_id())) run->Answer(response.answer());
        return;
      case v1::ProvideResponse::kCancelled:
        if (const auto run = Find(response.cancelled().run_id())) run->Cancel();
        return;
      default:
        return;
    }
  }

  std::shared_ptr<Run::Link> Find(const std::string& id) {
    absl::MutexLock lock(mutex_);
    const auto found = runs_.find(id);
    return found == runs_.end() ? nullptr : found->second;
  }

  void Answer(const v1::EntityQuery& query) {
    v1::ProvideRequest request;
    request.mutable_entity_answer()->set_query_id(query.query_id());
    for (const EntityKind& kind : provider_.kinds()) {
      if (kind.id() != query.entity_type()) continue;
      const std::vector<Entity> found =
          query.by_case() == v1::EntityQuery::kId     ? kind.ById(query.id())
          : query.by_case() == v1::EntityQuery::kText ? kind.ByText(query.text(), query.limit())
                                                      : kind.Suggested(query.limit());
      for (const Entity& entity : found) {
        ToProto(entity, request.mutable_entity_answer()->add_entities());
      }
    }
    Send(request);
  }

  void Begin(const v1::ProviderRun& message) {
    TouchIdle();
    const auto link = std::make_shared<Run::Link>(
        message.run_id(), [this](const v1::ProvideRequest& request) { Send(request); });
    {
      absl::MutexLock lock(mutex_);
      runs_[message.run_id()] = link;
    }
    handlers_.Run([this, link, message] {
      Run run(message.run_id(), FromProto(message.values()), message.caller_display_name(), link);
      absl::StatusOr<Result> result =
          absl::UnimplementedError("This app does not know the action any more.");
      for (const Action& action : provider_.actions()) {
        if (action.info().id == message.action() && action.handler()) {
          result = action.handler()(run);
        }
      }
      v1::ProvideRequest request;
      if (result.ok()) {
        request.mutable_finished()->set_run_id(message.run_id());
        ToProto(*result, request.mutable_finished()->mutable_result());
      } else {
        request.mutable_failed()->set_run_id(message.run_id());
        request.mutable_failed()->set_message(std::string(result.status().message()));
      }
      link->Tell(request);
      TouchIdle();
      absl::MutexLock lock(mutex_);
      runs_.erase(message.run_id());
    });
  }

  void TouchIdle() {
    absl::MutexLock lock(mutex_);
    last_ = clock_.Now();
  }

  void ArmIdle(grpc::ClientContext* context) {
    if (options_.idle_timeout == absl::InfiniteDuration()) return;
    absl::Time when;
    {
      absl::MutexLock lock(mutex_);
      when = last_ + options_.idle_timeout;
    }
    timer_.Schedule(when, [this, context] {
      {
        absl::MutexLock lock(mutex_);
        if (ended_) return;
        idle_ = runs_.empty() && clock_.Now() >= last_ + options_.idle_timeout;
        // Something runs or ran since: look again when it would be idle.
        if (!idle_) last_ = std::max(last_, runs_.empty() ? last_ : clock_.Now());
        if (idle_) {
          context->TryCancel();
          return;
        }
      }
      ArmIdle(context);
    });
  }

  const Provider& provider_;
  const ServeOptions& options_;
  const intelligenced::SystemClock clock_;
  std::shared_ptr<Client::Connection> connection_;
  absl::Mutex write_mutex_;
  bool open_ ABSL_GUARDED_BY(write_mutex_) = true;
  std::unique_ptr<grpc::ClientReaderWriterInterface<v1::ProvideRequest, v1::ProvideResponse>>
      stream_;
  absl::Mutex mutex_;
  std::map<std::string, std::shared_ptr<Run::Link>> runs_ ABSL_GUARDED_BY(mutex_);
  absl::Time last_ ABSL_GUARDED_BY(mutex_);
  bool idle_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  // Joined before what they use is gone.
  intelligenced::ThreadPool handlers_;
  intelligenced::ThreadTimer timer_{&clock_};
};

absl::Status Provider::Serve(const ServeOptions& options) const {
  const intelligenced::SystemClock clock;
  absl::Duration pause = kFirstPause;
  absl::Time alone_since = clock.Now();
  while (!options.cancellation.cancelled()) {
    bool registered = false;
    const absl::Status status = ProviderLink(*this, options).Serve(registered);
    if (options.cancellation.cancelled() || status.ok()) return absl::OkStatus();
    if (IsFinal(status)) return status;
    if (registered) {
      pause = kFirstPause;
      alone_since = clock.Now();
    }
    // Without a daemon nothing is asked either.
    if (clock.Now() - alone_since >= options.idle_timeout) return absl::OkStatus();
    // Woken by a cancellation.
    absl::Mutex mutex;
    bool woken = false;
    const auto registration = options.cancellation.state()->source.token().OnCancel([&] {
      absl::MutexLock lock(mutex);
      woken = true;
    });
    {
      absl::MutexLock lock(mutex);
      mutex.AwaitWithTimeout(absl::Condition(&woken), pause);
    }
    pause = std::min(pause * 2, kLongestPause);
  }
  return absl::OkStatus();
}

}  // namespace intelligence::actions
