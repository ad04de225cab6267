// A conversation that the daemon keeps.
//
//   absl::StatusOr<intelligence::Session> session =
//       intelligence::Session::Create(*client, {.instructions = "Answer in one sentence."});
//   auto first = session->GenerateText({.input = "Name a river of Europe."});
//   auto second = session->GenerateText({.input = "And where does it end?"});
//   // second->session->used_tokens of second->context_tokens are taken.
//
// The daemon keeps transcripts in memory only, for the app that made them. A session ends when it
// expires (SESSION_NOT_FOUND from then on), when it is deleted, and with the daemon: keep
// Get()->messages where that matters, and Create() another one from them.
#ifndef INTELLIGENCE_SESSION_H_
#define INTELLIGENCE_SESSION_H_

#include <intelligence/client.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace intelligence {

struct CreateSessionRequest {
  // How the model is to be. Becomes the transcript's first message.
  std::string instructions = {};
  // The conversation so far, at most 1,000 messages.
  std::vector<Message> messages = {};
  // After how long without use the session ends: 1 s to 24 h. Unset: 1 h.
  std::optional<absl::Duration> expire_after = {};
};

struct ForkSessionRequest {
  // How many messages of the transcript the fork has, from the first. Unset: all.
  std::optional<uint32_t> message_count = {};
  // Unset: the original's.
  std::optional<absl::Duration> expire_after = {};
};

struct PrewarmSessionResult {
  SessionInfo session = {};
  Usage usage = {};
};

// A handle: copies name the same session, and destroying it does not end the session (Delete()
// does). Thread-safe, but of two turns at once the second is refused (SESSION_BUSY). After a turn
// was cancelled the daemon may need a moment to hear of it.
// CallOptions::model is for Create() alone: a session keeps its model.
class Session {
 public:
  // CLIENT_QUOTA_EXCEEDED when the app has too many.
  static absl::StatusOr<Session> Create(const Client& client,
                                        const CreateSessionRequest& request = {},
                                        const CallOptions& options = {});
  // A session by its name, "sessions/{id}" or the id. Asks nothing of the daemon.
  static Session Open(const Client& client, const std::string& name);
  // The app's sessions, last used first, without their transcripts.
  static absl::StatusOr<std::vector<SessionInfo>> List(const Client& client,
                                                       const CallOptions& options = {});

  // "sessions/{id}".
  const std::string& name() const { return name_; }

  // One turn. A text is what the person says; a conversation is several messages to add, with a
  // kUser or kTool message last; an empty input answers the transcript as it stands. When the
  // answer is complete it becomes part of the transcript; a turn that fails or is cancelled leaves
  // that as it was.
  absl::StatusOr<GenerateTextResult> GenerateText(
      const GenerateTextRequest& request, const CallOptions& options = {},
      const Client::OnEvent<GenerateTextEvent>& on_event = nullptr) const;
  Stream<GenerateTextEvent> StreamGenerateText(const GenerateTextRequest& request,
                                               const CallOptions& options = {}) const;

  // With the transcript.
  absl::StatusOr<SessionInfo> Get(const CallOptions& options = {}) const;
  // Adds messages without an answer.
  absl::StatusOr<SessionInfo> Append(const std::vector<Message>& messages,
                                     const CallOptions& options = {}) const;
  // A new session that begins as this one did. Forking before the last turn takes that back.
  absl::StatusOr<Session> Fork(const ForkSessionRequest& request = {},
                               const CallOptions& options = {}) const;
  // Loads the model and has it read the transcript, so that the next turn begins at once.
  absl::StatusOr<PrewarmSessionResult> Prewarm(const CallOptions& options = {}) const;
  // What a turn with this input, schema and tools would feed the model; with an empty input, the
  // transcript alone.
  absl::StatusOr<CountTokensResult> CountTokens(const GenerateTextRequest& request = {},
                                                const CallOptions& options = {}) const;
  absl::Status Delete(const CallOptions& options = {}) const;

 private:
  Session(const Client& client, std::string name) : client_(client), name_(std::move(name)) {}

  Client client_;
  std::string name_;
};

}  // namespace intelligence

#endif  // INTELLIGENCE_SESSION_H_
