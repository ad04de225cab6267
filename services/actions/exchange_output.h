// What the exchange has done outside of itself.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_EXCHANGE_OUTPUT_H_
#define INTELLIGENCED_SERVICES_ACTIONS_EXCHANGE_OUTPUT_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "protos/intelligence/v1/actions.pb.h"
#include "services/actions/declaration.h"
#include "services/actions/values.h"

namespace intelligenced {

// Called from inside the exchange's methods, which must not be called back from here; its registry
// and grants may be.
class ExchangeOutput {
 public:
  virtual ~ExchangeOutput() = default;
  virtual void ToProvider(uint64_t stream, const intelligence::v1::ProvideResponse& message) = 0;
  // The last word to a stream or call.
  virtual void EndProvider(uint64_t stream, const absl::Status& status) = 0;
  virtual void ToCaller(uint64_t call, const intelligence::v1::RunActionResponse& message) = 0;
  virtual void EndCaller(uint64_t call, const absl::Status& status) = 0;
  virtual void ToConfirmer(uint64_t stream,
                           const intelligence::v1::AnswerConfirmationsResponse& message) = 0;
  // Answered by ProviderStartFailed(), by ProviderExited(), or by the provider's registration.
  // `start` is another number each time, from 1.
  virtual void StartProvider(uid_t user, std::shared_ptr<const StaticProvider> provider,
                             uint64_t start) = 0;
  virtual void SaveGrants() = 0;
  // What a person said is a value of the type; nothing: it is none.
  virtual std::optional<intelligence::v1::ActionValue> ReadSaid(
      const intelligence::v1::ActionValueType& type, const std::string& said) const = 0;
  // A provider whose actions no file lists has come and said which they are.
  virtual void Imported(
      uid_t user, std::shared_ptr<const intelligence::v1::ProviderDeclaration> declaration) = 0;
  // A run has ended well: something to suggest another time.
  virtual void RunDone(uid_t user, const std::string& action, const ActionValues& values) = 0;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_ACTIONS_EXCHANGE_OUTPUT_H_
