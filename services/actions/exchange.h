// Everything between callers, providers and the person: who is connected, which runs there are,
// what each waits for, and what is said to whom next.
//
// Pure: streams and calls are numbers, time is an argument, and what is to be done outside goes
// through ExchangeOutput. Not thread-safe; hub.h puts it behind a strand.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_EXCHANGE_H_
#define INTELLIGENCED_SERVICES_ACTIONS_EXCHANGE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "protos/intelligence/v1/actions.pb.h"
#include "services/actions/exchange_output.h"
#include "services/actions/grants.h"
#include "services/actions/kept_runs.h"
#include "services/actions/launcher.h"
#include "services/actions/registry.h"
#include "services/actions/values.h"

namespace intelligenced {

struct ExchangeLimits {
  size_t runs_of_caller = 64;
  size_t runs = 1024;
  int rejections = 64;
  int wrong_answers = 5;
  absl::Duration progress = absl::Seconds(30);
  absl::Duration entities = absl::Seconds(10);
  absl::Duration question = absl::Minutes(10);
  KeptLimits kept = {};
};

class ActionExchange {
 public:
  // `make_id` gives what nobody can guess. `output` must outlive the exchange.
  ActionExchange(ExchangeOutput* output, std::function<std::string()> make_id,
                 ExchangeLimits limits = {});

  ActionRegistry& registry() { return registry_; }
  GrantTable& grants() { return grants_; }

  // ---- Providers. A stream that EndProvider() was said to is gone.
  absl::Status ProviderRegisters(uint64_t stream, const ActionActor& actor,
                                 const intelligence::v1::RegisterProvider& message, absl::Time now);
  void ProviderSays(uint64_t stream, const intelligence::v1::ProvideRequest& message,
                    absl::Time now);
  void ProviderGone(uint64_t stream, absl::Time now);
  // `start` is StartProvider()'s: what is told of another start than the one that goes on counts
  // for nothing.
  void ProviderStartFailed(uid_t user, const std::string& provider, uint64_t start,
                           const absl::Status& status, absl::Time now);
  // The program that was started has ended. Before it has connected that ends what waits for it,
  // but for an exit without a failure: that may have handed the request to a process that runs
  // already, and the connection is waited for as long as before.
  void ProviderExited(uid_t user, const std::string& provider, uint64_t start, ProviderExit exit,
                      absl::Time now);

  // ---- Callers. A status other than OK ends the call; there is no run then.
  absl::Status StartRun(uint64_t call, const ActionActor& actor,
                        const intelligence::v1::RunActionStart& start, absl::Time now);
  void CallerSays(uint64_t call, const intelligence::v1::RunActionRequest& message, absl::Time now);
  void CallerHalfCloses(uint64_t call, absl::Time now);
  void CallerGone(uint64_t call, absl::Time now);
  absl::Status Cancel(const ActionActor& actor, const std::string& run_id, absl::Time now);

  // ---- The person's clients.
  absl::Status ConfirmerConnects(uint64_t stream, const ActionActor& actor, absl::Time now);
  // FIELD_INVALID for a message that answers nothing. A question that is over is no mistake.
  absl::Status ConfirmerSays(uint64_t stream,
                             const intelligence::v1::AnswerConfirmationsRequest& message,
                             absl::Time now);
  void ConfirmerGone(uint64_t stream, absl::Time now);

  // After grants() was changed: runs that wait for the person's word on a grant take it from there.
  void GrantsChanged(uid_t user, absl::Time now);

  // Ends what has waited too long. NextDeadline() tells when to call it.
  void Tick(absl::Time now);
  absl::Time NextDeadline() const;

  size_t runs() const { return runs_.size(); }
  size_t queries() const { return queries_.size(); }
  size_t kept() const { return kept_.size(); }

 private:
  // A place of a value that must be an entity: a parameter, or an item of a list in it.
  struct Slot {
    std::string parameter;
    int item = -1;
    auto operator<=>(const Slot&) const = default;
  };
  enum class Waits { kNothing, kProvider, kEntities, kValue, kConfirmation, kProgress };
  struct Question {
    // kValue
    std::string parameter;
    Slot slot;
    // kConfirmation
    intelligence::v1::ConfirmationKind kind = intelligence::v1::CONFIRMATION_KIND_UNSPECIFIED;
    intelligence::v1::NeedsConfirmation confirmation;
    // Not empty: confirmers were asked.
    std::string id;
    bool here = false;
    bool from_provider = false;
    std::vector<intelligence::v1::ActionValue> options;
  };
  struct Run {
    std::string id;
    uint64_t call = 0;
    std::vector<uint64_t> joined;
    ActionActor actor;
    // As grants name the caller.
    std::string caller;
    // Questions for the person may go to the caller.
    bool asks_here = false;
    std::string request_id;
    std::string fingerprint;
    ProviderView provider;
    const intelligence::v1::Action* action = nullptr;
    ActionValues values;
    std::set<Slot> resolved;
    // Entity parameters whose options were asked for.
    std::map<std::string, std::vector<intelligence::v1::ActionValue>> suggested;
    Waits waits = Waits::kNothing;
    absl::Time deadline = absl::InfiniteFuture();
    Question question;
    std::string query;
    int wrong_answers = 0;
    bool half_closed = false;
    bool granted = false;
    bool always = false;
    bool confirmed = false;
    // The provider's stream once it has the run.
    uint64_t stream = 0;
    absl::Time started;
  };
  struct Query {
    uint64_t stream = 0;
    std::string run;
    std::string entity_type;
    Slot slot;
    enum class By { kId, kText, kSuggested } by = By::kText;
    std::string text;
  };
  // A provider that is being started.
  struct Starting {
    uint64_t number = 0;
    // Its connection is waited for.
    absl::Time until;
    bool exited = false;
  };
  struct Stream {
    ActionRegistry::Key key;
    int rejections = 0;
    // Runs that were taken back from it.
    std::deque<std::string> cancelled;
  };

  // Goes on with a run until it waits for something, or has ended.
  void Advance(Run& run, absl::Time now);
  bool AdvanceGrant(Run& run, absl::Time now);
  bool AdvanceProvider(Run& run, absl::Time now);
  bool AdvanceEntities(Run& run, absl::Time now);
  bool AdvanceMissing(Run& run, absl::Time now);
  bool AdvanceConfirmation(Run& run, absl::Time now);
  void Dispatch(Run& run, absl::Time now);

  void SendQuery(Run& run, const Slot& slot, const std::string& entity_type, Query::By by,
                 const std::string& text, absl::Time now);
  void AskValue(Run& run, const intelligence::v1::ActionParameter& parameter, Question question,
                std::string_view prompt, std::string_view problem, bool disambiguates,
                absl::Time now);
  // False: the run has ended since nobody can be asked.
  bool AskPerson(Run& run, intelligence::v1::ConfirmationKind kind, std::string_view prompt,
                 absl::Time now);
  void TakeValue(Run& run, const intelligence::v1::ActionValue& answer, absl::Time now);
  void TakeDecision(Run& run, intelligence::v1::ConfirmationDecision decision, absl::Time now);
  void NotConfirmed(Run& run, intelligence::v1::ConfirmationKind kind, std::string_view why,
                    absl::Time now);

  void OnEntities(uint64_t stream, const intelligence::v1::EntityAnswer& answer, absl::Time now);
  void OnProgress(Run& run, const intelligence::v1::RunProgress& progress, absl::Time now);
  void OnValueQuestion(uint64_t stream, Run& run, const intelligence::v1::ValueQuestion& question,
                       absl::Time now);
  void OnConfirmationQuestion(uint64_t stream, Run& run,
                              const intelligence::v1::ConfirmationQuestion& question,
                              absl::Time now);
  void OnFinished(uint64_t stream, Run& run, const intelligence::v1::RunFinished& finished,
                  absl::Time now);
  // The run that a provider's message is about; null: it was answered with `rejected`, or dropped.
  Run* RunOf(uint64_t stream, const std::string& run_id, absl::Time now);
  void Reject(uint64_t stream, std::string_view id, std::string_view reason,
              std::string_view message, absl::Time now);

  void Wait(Run& run, Waits waits, absl::Time deadline);
  void PutQuestion(uint64_t confirmer, const Run& run);
  // What the stream says of it from now on is no mistake.
  void Forgive(uint64_t stream, const std::string& id);
  void StopAsking(Run& run);
  void Tell(const Run& run, const intelligence::v1::RunActionResponse& message);
  void TellProvider(const Run& run, const intelligence::v1::ProvideResponse& message);
  // `completed` null: it ended with `status`. `run` is gone afterwards.
  void EndRun(Run& run, const absl::Status& status, const intelligence::v1::RunCompleted* completed,
              absl::Time now);
  Run* RunOfCall(uint64_t call);
  std::vector<std::string> RunIds(const std::function<bool(const Run&)>& wanted) const;
  bool HasConfirmer(uid_t user) const;
  GrantTable::Key GrantKey(const Run& run) const;
  void ResumeWaiting(const ActionRegistry::Key& key, absl::Time now);
  void EndWaiting(const ActionRegistry::Key& key, const absl::Status& status, absl::Time now);

  ExchangeOutput* const output_;
  const std::function<std::string()> make_id_;
  const ExchangeLimits limits_;
  ActionRegistry registry_;
  GrantTable grants_;
  std::map<std::string, Run> runs_;
  std::map<uint64_t, std::string> by_call_;
  std::map<std::string, Query> queries_;
  std::map<uint64_t, Stream> streams_;
  std::map<uint64_t, ActionActor> confirmers_;
  std::map<std::string, std::string> questions_;
  std::map<ActionRegistry::Key, Starting> starting_;
  uint64_t last_start_ = 0;
  KeptRuns kept_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_ACTIONS_EXCHANGE_H_
