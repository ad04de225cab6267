// Calling what other apps can do. intelligence/action_provider.h is for apps that offer something.
//
//   intelligence::actions::Caller caller(*client);
//   auto found = caller.Resolve({.utterance = "add milk to my shopping list"});
//   auto result = caller.Run({.action = found->candidates[0].action,
//                             .values = found->candidates[0].values()},
//                            {.value = AskForValue, .confirm = AskYesOrNo});
#ifndef INTELLIGENCE_ACTIONS_H_
#define INTELLIGENCE_ACTIONS_H_

#include <intelligence/action_values.h>
#include <intelligence/client.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace intelligence::actions {

struct ProviderInfo {
  std::string id = {};
  std::string title = {};
  bool connected = false;
  bool startable = false;
  bool declared = false;
  std::string owner = {};
};

struct ListResult {
  std::vector<ActionInfo> actions = {};
  std::vector<ProviderInfo> providers = {};
};

enum class ResolveMethod { kDefault, kPhrases, kModel };

struct ResolveRequest {
  std::string utterance = {};
  uint32_t max_candidates = 0;     // 0: 3
  std::string language_code = {};  // empty: "en"
  std::optional<DateTime> now = {};
  std::vector<std::string> providers = {};
  ResolveMethod method = ResolveMethod::kDefault;
  std::optional<float> min_confidence = {};
};

struct FilledParameter {
  std::string parameter = {};
  Value value = {};
  std::optional<TextRange> source = {};  // bytes of the utterance
  float confidence = 0;
};

// Why something may be meant otherwise.
struct Ambiguity {
  enum class Kind { kUnknown, kAction, kValue, kUnusedText, kParameter };
  Kind kind = Kind::kUnknown;
  std::string parameter = {};
  std::vector<std::string> alternatives = {};
  List values = {};
  std::string explanation = {};
};

struct Candidate {
  std::string action = {};
  std::string title = {};
  float confidence = 0;
  std::vector<FilledParameter> filled = {};
  std::vector<std::string> missing = {};
  std::vector<Ambiguity> ambiguities = {};
  bool requires_confirmation = false;
  bool is_destructive = false;

  Values values() const {
    Values all;
    for (const FilledParameter& one : filled) all[one.parameter] = one.value;
    return all;
  }
};

struct ResolveResult {
  std::vector<Candidate> candidates = {};  // best first
  std::vector<Ambiguity> ambiguities = {};
  ResolveMethod method = ResolveMethod::kDefault;
};

struct RunRequest {
  std::string action = {};
  Values values = {};
  // One run for all calls with the same id. Empty: each call runs.
  std::string request_id = {};
  std::string on_behalf_of = {};
};

// A value is asked for.
struct ValueQuestion {
  std::string parameter = {};
  ValueType type = {};
  std::string prompt = {};
  List options = {};
  std::string problem = {};    // why the last answer was not taken
  bool disambiguates = false;  // one of `options` is meant
};

enum class ConfirmationKind { kUnknown, kGrant, kRun, kProvider };

struct Confirmation {
  ConfirmationKind kind = ConfirmationKind::kUnknown;
  std::string prompt = {};
  bool is_destructive = false;
};

enum class Decision { kDecline, kAllow, kNever };

struct Progress {
  uint64_t done = 0;
  uint64_t total = 0;  // 0: not known
  std::string message = {};
};

// Called on the calling thread. Those that are not set answer nothing: the run then ends with
// ACTION_VALUE_MISSING or ACTION_NOT_CONFIRMED where it asks. An error ends the call with it.
struct RunHandlers {
  std::function<absl::StatusOr<Value>(const ValueQuestion&)> value = {};
  std::function<absl::StatusOr<Decision>(const Confirmation&)> confirm = {};
  std::function<void(const std::string& run_id)> started = {};
  std::function<void(const std::string& provider)> provider_starting = {};
  std::function<void()> waiting_for_person = {};
  std::function<void(const Progress&)> progress = {};
};

enum class GrantPolicy { kAskOnce, kAlways, kNever };

struct Grant {
  std::string caller = {};
  std::string provider = {};
  GrantPolicy policy = GrantPolicy::kAskOnce;
};

struct Suggestion {
  std::string action = {};
  std::string title = {};
  Values values = {};
  float score = 0;
  std::string explanation = {};
};

// A question of another app's run, for a person's client.
struct PersonQuestion {
  std::string caller = {};
  std::string caller_display_name = {};
  std::string action = {};
  Confirmation confirmation = {};
};

// Thread-safe; keeps the client's connection.
class Caller {
 public:
  explicit Caller(Client client) : client_(std::move(client)) {}

  absl::StatusOr<ListResult> List(const std::string& provider = "",
                                  const CallOptions& options = {}) const;
  absl::StatusOr<ActionInfo> Get(const std::string& name, const CallOptions& options = {}) const;
  absl::StatusOr<ResolveResult> Resolve(const ResolveRequest& request,
                                        const CallOptions& options = {}) const;
  absl::StatusOr<Result> Run(const RunRequest& request, const RunHandlers& handlers = {},
                             const CallOptions& options = {}) const;
  absl::Status Cancel(const std::string& run_id, const CallOptions& options = {}) const;

  absl::Status Donate(const std::string& action, const Values& values,
                      const CallOptions& options = {}) const;
  absl::StatusOr<std::vector<Suggestion>> Suggest(uint32_t max_suggestions = 0,
                                                  const CallOptions& options = {}) const;
  // How many were forgotten.
  absl::StatusOr<uint32_t> DeleteDonations(const std::string& provider = "",
                                           const CallOptions& options = {}) const;

  absl::StatusOr<std::vector<Grant>> ListGrants(const CallOptions& options = {}) const;
  absl::Status SetGrant(const Grant& grant, const CallOptions& options = {}) const;
  absl::Status RevokeGrant(const std::string& caller, const std::string& provider,
                           const CallOptions& options = {}) const;

  // For the person's clients: answers the questions of other apps' runs until cancelled. Nothing
  // from `decide` leaves a question to others.
  absl::Status AnswerConfirmations(
      const std::function<std::optional<Decision>(const PersonQuestion&)>& decide,
      const CallOptions& options = {}) const;

 private:
  Client client_;
};

}  // namespace intelligence::actions

#endif  // INTELLIGENCE_ACTIONS_H_
