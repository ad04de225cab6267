// The methods on sessions: from request to store and back to message. What runs a model is begun
// here and goes on by itself.
#ifndef INTELLIGENCED_SERVICES_LANGUAGE_MODEL_SESSIONS_H_
#define INTELLIGENCED_SERVICES_LANGUAGE_MODEL_SESSIONS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "protos/intelligence/v1/language_model.pb.h"
#include "runtime/models/manifest.h"
#include "services/language_model/guided_request.h"
#include "services/language_model/session_expiry.h"
#include "services/language_model/session_store.h"
#include "services/rpc/serve.h"
#include "services/rpc/service_environment.h"

namespace intelligenced {

// What language.generate needs of a session: a turn, or a count.
struct SessionInput {
  std::string id;
  Manifest model;
  // Of a turn.
  std::shared_ptr<SessionTurn> turn;
  // Of a count: the transcript with the new messages behind it, and how many are not new.
  Transcript messages;
  size_t transcript_size = 0;
};

// Thread-safe. Requests are validated (validate.h). Errors beside those of SessionStore are those
// of finding a model.
class Sessions {
 public:
  // `environment`'s parts outlive it.
  explicit Sessions(const ServiceEnvironment& environment);

  absl::StatusOr<intelligence::v1::Session> Create(
      const Call& call, const intelligence::v1::CreateSessionRequest& request);
  absl::StatusOr<intelligence::v1::Session> Get(const Call& call,
                                                const intelligence::v1::GetSessionRequest& request);
  intelligence::v1::ListSessionsResponse List(const Call& call);
  absl::StatusOr<intelligence::v1::Session> Append(
      const Call& call, const intelligence::v1::AppendToSessionRequest& request);
  absl::StatusOr<intelligence::v1::Session> Fork(
      const Call& call, const intelligence::v1::ForkSessionRequest& request);
  absl::Status Delete(const Call& call, const intelligence::v1::DeleteSessionRequest& request);

  // Answers the call when the model has the transcript, unless it returns an error.
  absl::Status Prewarm(const std::shared_ptr<UnaryCall>& call,
                       const intelligence::v1::PrewarmSessionRequest& request);

  // Begins a turn; cancelling the call gives it up, deleting the session cancels the call.
  // FIELD_INVALID for options.model of another model and for a transcript that asks nothing.
  absl::StatusOr<SessionInput> BeginTurn(const std::shared_ptr<StreamCall>& call,
                                         const intelligence::v1::GenerateTextRequest& request);
  absl::StatusOr<SessionInput> BeginCount(const Call& call,
                                          const intelligence::v1::CountTokensRequest& request);
  // Remembers what was counted.
  void NoteCount(const Call& call, const SessionInput& input, uint32_t tokens,
                 uint32_t context_tokens);

  // Without the transcript.
  intelligence::v1::Session ToMessage(const SessionFacts& facts) const;

 private:
  absl::StatusOr<Manifest> FindModel(const SessionFacts& facts,
                                     const intelligence::v1::RequestOptions& options) const;
  // FIELD_INVALID where pictures are added to a session whose model takes none.
  absl::Status CheckPicturesFor(const Call& call, const std::string& id,
                                const MessageRefs& added) const;

  const ServiceEnvironment environment_;
  const std::shared_ptr<SessionStore> store_;
  SessionExpiry expiry_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_LANGUAGE_MODEL_SESSIONS_H_
