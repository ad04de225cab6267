// Offering what an app can do.
//
//   using namespace intelligence::actions;
//   Provider provider("org.example.Notes", "Notes");
//   provider.Add(Action("create-reminder")
//                    .Title("Create a reminder")
//                    .Phrase("remind me to {what} {when}")
//                    .Parameter<std::string>("what", {.prompt = "What about?"})
//                    .Parameter<DateTime>("when")
//                    .Handle([](Run& run) -> absl::StatusOr<Result> {
//                      Remember(run.Get<std::string>("what"), run.Get<DateTime>("when"));
//                      return Result{.dialog = "I will remind you."};
//                    }));
//   absl::Status ended = provider.Serve();
#ifndef INTELLIGENCE_ACTION_PROVIDER_H_
#define INTELLIGENCE_ACTION_PROVIDER_H_

#include <intelligence/action_values.h>
#include <intelligence/client.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace intelligence::actions {

// One run of an action, inside its handler. Its methods may be called from the handler's thread.
class Run {
 public:
  class Link;
  Run(std::string id, Values values, std::string caller, std::shared_ptr<Link> link)
      : id_(std::move(id)),
        values_(std::move(values)),
        caller_(std::move(caller)),
        link_(std::move(link)) {}

  const std::string& id() const { return id_; }
  const Values& values() const { return values_; }
  // For a person; no proof of anything.
  const std::string& caller() const { return caller_; }

  // The value of a required parameter: the daemon has checked that it is there and of its type.
  template <typename T>
  T Get(const std::string& parameter) const {
    return Find<T>(parameter).value_or(T{});
  }
  // Nothing where an optional one was left out.
  template <typename T>
  std::optional<T> Find(const std::string& parameter) const {
    const auto found = values_.find(parameter);
    if (found == values_.end()) return std::nullopt;
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      const int64_t* value = found->second.As<int64_t>();
      return value == nullptr ? std::nullopt : std::optional<T>(static_cast<T>(*value));
    } else {
      const T* value = found->second.As<T>();
      return value == nullptr ? std::nullopt : std::optional<T>(*value);
    }
  }

  // Tells how far it is. Without a word for 30 s the daemon ends the run.
  void ReportProgress(uint64_t done, uint64_t total, const std::string& message = "");
  // Asks the caller for a parameter's value. CANCELLED when the run is over meanwhile.
  absl::StatusOr<Value> AskValue(const std::string& parameter, const std::string& prompt,
                                 const List& options = {});
  // Asks the person. OK: yes. CANCELLED: no, or the run is over.
  absl::Status Confirm(const std::string& prompt);
  // Nobody waits any more: stop.
  bool cancelled() const;

 private:
  const std::string id_;
  const Values values_;
  const std::string caller_;
  const std::shared_ptr<Link> link_;
};

struct ParameterOptions {
  std::string title = {};
  std::string description = {};
  bool optional = false;
  Value default_value = {};
  std::string prompt = {};
};

// What an app can do. Methods return the action, to be chained.
class Action {
 public:
  // An error is told to the caller with its message (ACTION_FAILED).
  using Handler = std::function<absl::StatusOr<Result>(Run& run)>;

  explicit Action(std::string id) { info_.id = std::move(id); }
  Action& Title(std::string title) { return info_.title = std::move(title), *this; }
  Action& Description(std::string text) { return info_.description = std::move(text), *this; }
  // How people say it: "add {item} to my {list} list".
  Action& Phrase(std::string phrase) { return info_.phrases.push_back(std::move(phrase)), *this; }
  template <typename T>
  Action& Parameter(std::string id, ParameterOptions options = {}) {
    return Parameter(std::move(id), TypeOf<T>(), std::move(options));
  }
  Action& Parameter(std::string id, ValueType type, ParameterOptions options = {}) {
    info_.parameters.push_back({.id = std::move(id),
                                .title = std::move(options.title),
                                .description = std::move(options.description),
                                .type = std::move(type),
                                .optional = options.optional,
                                .default_value = std::move(options.default_value),
                                .prompt = std::move(options.prompt)});
    return *this;
  }
  template <typename T>
  Action& Returns() {
    return Returns(TypeOf<T>());
  }
  Action& Returns(ValueType type) { return info_.result = std::move(type), *this; }
  Action& RequiresConfirmation() { return info_.requires_confirmation = true, *this; }
  Action& Destructive() { return info_.is_destructive = true, *this; }
  Action& Handle(Handler handler) { return handler_ = std::move(handler), *this; }

  const ActionInfo& info() const { return info_; }
  const Handler& handler() const { return handler_; }

 private:
  ActionInfo info_;
  Handler handler_;
};

// A kind of things, and where they come from.
class EntityKind {
 public:
  explicit EntityKind(std::string id, std::string title)
      : id_(std::move(id)), title_(std::move(title)) {}
  EntityKind& Property(std::string id, ValueType type) {
    return properties_.emplace_back(std::move(id), std::move(type)), *this;
  }
  // All things there are, those to be suggested first. The SDK finds among them: by key, by title
  // or synonym (alike but for case; else those that hold all words said).
  EntityKind& All(std::function<std::vector<Entity>()> all) { return all_ = std::move(all), *this; }

  const std::string& id() const { return id_; }
  const std::string& title() const { return title_; }
  const std::vector<std::pair<std::string, ValueType>>& properties() const { return properties_; }
  std::vector<Entity> ById(const std::string& key) const;
  std::vector<Entity> ByText(const std::string& text, size_t limit) const;
  std::vector<Entity> Suggested(size_t limit) const;

 private:
  std::vector<Entity> Everything() const;

  std::string id_;
  std::string title_;
  std::vector<std::pair<std::string, ValueType>> properties_;
  std::function<std::vector<Entity>()> all_;
};

struct ServeOptions {
  ClientOptions client = {};
  Cancellation cancellation = {};
  // Serve() returns when nothing was asked for this long, with a daemon or without one: an app that
  // is started when needed need not stay.
  absl::Duration idle_timeout = absl::InfiniteDuration();
  // Told after each registration, on the serving thread.
  std::function<void()> on_registered = {};
};

class Provider {
 public:
  Provider(std::string id, std::string title) : id_(std::move(id)), title_(std::move(title)) {}
  Provider& Add(Action action) { return actions_.push_back(std::move(action)), *this; }
  Provider& Add(EntityKind kind) { return kinds_.push_back(std::move(kind)), *this; }

  // Connects, registers and serves; connects again when the daemon goes and comes back. Handlers
  // run on threads of the SDK's, several at a time. Returns OK when cancelled or idle, and an error
  // that trying again would not change: FIELD_INVALID, ACTION_OWNED_BY_OTHER,
  // CALLER_NOT_AUTHORIZED, CLIENT_QUOTA_EXCEEDED, CANCELLED (another process of the same app took
  // over).
  absl::Status Serve(const ServeOptions& options = {}) const;

  // The same as a file (TOML) for a folder of static declarations: with it the daemon knows the
  // actions while the app is not running, and starts `command` (a program's absolute path and its
  // arguments; no shell) when one is to be run.
  std::string DeclarationFile(const std::vector<std::string>& command) const;

  const std::string& id() const { return id_; }
  const std::string& title() const { return title_; }
  const std::vector<Action>& actions() const { return actions_; }
  const std::vector<EntityKind>& kinds() const { return kinds_; }

 private:
  std::string id_;
  std::string title_;
  std::vector<Action> actions_;
  std::vector<EntityKind> kinds_;
};

}  // namespace intelligence::actions

#endif  // INTELLIGENCE_ACTION_PROVIDER_H_
