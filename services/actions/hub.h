// The exchange behind a strand: joins it to calls, the clock, the disk and the launcher.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_HUB_H_
#define INTELLIGENCED_SERVICES_ACTIONS_HUB_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "runtime/base/executor.h"
#include "services/actions/exchange.h"
#include "services/actions/launcher.h"
#include "services/rpc/serve.h"
#include "services/rpc/strand.h"

namespace intelligenced {

// What the service is made with. The pointers outlive it.
struct ActionServiceOptions {
  // Null: nothing can be started.
  ProviderLauncher* launcher = nullptr;
  std::vector<StaticProvider> declared;
  // Whose apps can be started: this user's imported providers are, once, to learn their actions.
  uid_t user_id = 0;
  // Folder of grants and donations; made when needed. Empty: nothing is kept.
  std::string state_folder;
  // "grants are not kept: …": for the log.
  std::function<void(const std::string&)> warn = [](const std::string&) {};
  std::function<std::string()> make_id;
};

// Owned by a shared_ptr. Thread-safe.
class ActionHub final : public ExchangeOutput, public std::enable_shared_from_this<ActionHub> {
 public:
  // Reads what the disk has. `runtime` outlives it.
  ActionHub(Runtime* runtime, ActionServiceOptions options);
  ~ActionHub() override;

  using Work = absl::AnyInvocable<void(ActionExchange& exchange, absl::Time now)>;
  // One thing at a time, in order; then whatever is due by now is done.
  void Run(Work work);

  // What files declare now, in place of what they did. Runs go on with what they began with. Starts
  // the imported providers whose actions are not known. Reads files.
  void SetDeclared(std::vector<StaticProvider> declared);

  // Starts the imported providers of ActionServiceOptions whose actions are not known. Once there
  // is something for them to connect to.
  void Discover();

  // Inside of Run(): which call belongs to a number of the exchange's.
  void AddCall(uint64_t number, std::shared_ptr<StreamCall> call);
  void RemoveCall(uint64_t number);
  uint64_t NewNumber();

  // Inside of Run(): writes the grants, once for all changes that come meanwhile.
  void SaveGrants() override;
  const ActionServiceOptions& options() const { return options_; }
  Runtime& runtime() const { return *runtime_; }

  // Inside of Run(): is told of every run that ended well.
  void OnRunDone(
      std::function<void(uid_t user, const std::string& action, const ActionValues&)> hook) {
    run_done_ = std::move(hook);
  }

 private:
  void ToProvider(uint64_t stream, const intelligence::v1::ProvideResponse& message) override;
  void EndProvider(uint64_t stream, const absl::Status& status) override;
  void ToCaller(uint64_t call, const intelligence::v1::RunActionResponse& message) override;
  void EndCaller(uint64_t call, const absl::Status& status) override;
  void ToConfirmer(uint64_t stream,
                   const intelligence::v1::AnswerConfirmationsResponse& message) override;
  void StartProvider(uid_t user, std::shared_ptr<const StaticProvider> provider,
                     uint64_t start) override;
  void ProviderExited(uid_t user, const std::string& provider, uint64_t start, ProviderExit exit);
  void Imported(uid_t user,
                std::shared_ptr<const intelligence::v1::ProviderDeclaration> declaration) override;
  void RunDone(uid_t user, const std::string& action, const ActionValues& values) override;
  std::optional<intelligence::v1::ActionValue> ReadSaid(
      const intelligence::v1::ActionValueType& type, const std::string& said) const override;

  // With the actions that are remembered.
  std::vector<StaticProvider> Remember(std::vector<StaticProvider> declared) const;

  void KeepImported(const std::string& id);

  template <typename Message>
  void Send(uint64_t number, const Message& message);
  void End(uint64_t number, const absl::Status& status);
  void Arm();

  Runtime* const runtime_;
  const ActionServiceOptions options_;
  Strand strand_;
  ActionExchange exchange_;
  std::map<uint64_t, std::shared_ptr<StreamCall>> calls_;
  uint64_t next_number_ = 1;
  absl::Time armed_for_ = absl::InfiniteFuture();
  Timer::Id timer_ = 0;
  // Imported providers whose file is being written; true: and has to be again.
  std::map<std::string, bool> keeping_;
  bool saving_ = false;
  bool dirty_ = false;
  std::function<void(uid_t, const std::string&, const ActionValues&)> run_done_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_ACTIONS_HUB_H_
