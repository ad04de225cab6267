// The C++ client of intelligenced: the machine's shared models, over the daemon's Unix socket.
//
//   absl::StatusOr<intelligence::Client> client = intelligence::Client::Connect();
//   if (!client.ok()) return client.status();
//   absl::StatusOr<intelligence::ProofreadTextResult> result =
//       client->ProofreadText({.text = "Their is a eror."});
//
// Every call that works on text comes in two forms: one that blocks until the result and calls
// back with each event on the way, and one (Stream…) that is read event by event. In both, the last
// event of a call that ends well is the result. Errors are absl::Status; see intelligence/errors.h.
#ifndef INTELLIGENCE_CLIENT_H_
#define INTELLIGENCE_CLIENT_H_

#include <intelligence/common.h>
#include <intelligence/errors.h>
#include <intelligence/language_model.h>
#include <intelligence/model_performance.h>
#include <intelligence/models.h>
#include <intelligence/socket_path.h>
#include <intelligence/stream.h>
#include <intelligence/system.h>
#include <intelligence/tensor.h>
#include <intelligence/vision.h>
#include <intelligence/writing_tools.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace intelligence {

namespace actions {
class Caller;
class ProviderLink;
class RunningCall;
}  // namespace actions

struct ClientOptions {
  // Default: DefaultSocketPath().
  std::string socket_path = {};
  // How long Connect() waits for a daemon that accepts connections but does not answer.
  absl::Duration connect_timeout = absl::Seconds(10);
};

// Thread-safe; copies share one connection. After the daemon has gone and come back, calls connect
// again by themselves. Callbacks run on the calling thread and may make other calls.
class Client {
 public:
  // UNAVAILABLE when no daemon listens, PERMISSION_DENIED when its socket may not be used,
  // INVALID_ARGUMENT for a path that cannot be a socket's.
  static absl::StatusOr<Client> Connect(const ClientOptions& options = {});

  template <typename Event>
  using OnEvent = std::function<void(const Event&)>;

  // Writing tools.
  absl::StatusOr<ProofreadTextResult> ProofreadText(
      const ProofreadTextRequest& request, const CallOptions& options = {},
      const OnEvent<ProofreadTextEvent>& on_event = nullptr) const;
  Stream<ProofreadTextEvent> StreamProofreadText(const ProofreadTextRequest& request,
                                                 const CallOptions& options = {}) const;
  absl::StatusOr<RewriteTextResult> RewriteText(
      const RewriteTextRequest& request, const CallOptions& options = {},
      const OnEvent<RewriteTextEvent>& on_event = nullptr) const;
  Stream<RewriteTextEvent> StreamRewriteText(const RewriteTextRequest& request,
                                             const CallOptions& options = {}) const;
  absl::StatusOr<SummarizeTextResult> SummarizeText(
      const SummarizeTextRequest& request, const CallOptions& options = {},
      const OnEvent<SummarizeTextEvent>& on_event = nullptr) const;
  Stream<SummarizeTextEvent> StreamSummarizeText(const SummarizeTextRequest& request,
                                                 const CallOptions& options = {}) const;
  absl::StatusOr<ComposeTextResult> ComposeText(
      const ComposeTextRequest& request, const CallOptions& options = {},
      const OnEvent<ComposeTextEvent>& on_event = nullptr) const;
  Stream<ComposeTextEvent> StreamComposeText(const ComposeTextRequest& request,
                                             const CallOptions& options = {}) const;

  // Language models. intelligence/session.h has conversations that the daemon keeps.
  absl::StatusOr<GenerateTextResult> GenerateText(
      const GenerateTextRequest& request, const CallOptions& options = {},
      const OnEvent<GenerateTextEvent>& on_event = nullptr) const;
  Stream<GenerateTextEvent> StreamGenerateText(const GenerateTextRequest& request,
                                               const CallOptions& options = {}) const;
  // What GenerateText would feed the model for the same input, schema and tools; the rest of the
  // request does not matter.
  absl::StatusOr<CountTokensResult> CountTokens(const GenerateTextRequest& request,
                                                const CallOptions& options = {}) const;

  // Pictures. `on_event` gets each result as it is ready. intelligence/frames.h has videos.
  absl::StatusOr<AnalyzeImageResult> AnalyzeImage(
      const AnalyzeImageRequest& request, const CallOptions& options = {},
      const OnEvent<AnalyzeImageEvent>& on_event = nullptr) const;
  Stream<AnalyzeImageEvent> StreamAnalyzeImage(const AnalyzeImageRequest& request,
                                               const CallOptions& options = {}) const;

  // A network of one's own: what `model` takes and gives, and one run of options.model.
  absl::StatusOr<ModelSignature> GetModelSignature(const std::string& model,
                                                   const CallOptions& options = {}) const;
  absl::StatusOr<RunModelResult> RunModel(const RunModelRequest& request,
                                          const CallOptions& options) const;

  // Models. Names are taken with and without "models/".
  absl::StatusOr<std::vector<Model>> ListModels(const ListModelsRequest& request = {},
                                                const CallOptions& options = {}) const;
  absl::StatusOr<Model> GetModel(const std::string& name, const CallOptions& options = {}) const;
  // Whether `capability` can be used (by options.model, when set), and what would change it.
  absl::StatusOr<AvailabilityResult> GetAvailability(const std::string& capability,
                                                     const CallOptions& options = {}) const;
  // Cancelling keeps what has come, for a later install to resume.
  absl::StatusOr<Model> InstallModel(const InstallModelRequest& request,
                                     const CallOptions& options = {},
                                     const OnEvent<InstallModelEvent>& on_event = nullptr) const;
  Stream<InstallModelEvent> StreamInstallModel(const InstallModelRequest& request,
                                               const CallOptions& options = {}) const;
  // `on_progress` gets the bytes sent and the size of all files. NOT_FOUND or PERMISSION_DENIED
  // without a reason when a file cannot be opened here.
  absl::StatusOr<Model> ImportModel(
      const ImportModelRequest& request, const CallOptions& options = {},
      const std::function<void(uint64_t sent, uint64_t total)>& on_progress = nullptr) const;
  // The bytes that the disk got back. Also takes "MODEL/FUNCTION": only that function goes.
  absl::StatusOr<uint64_t> RemoveModel(const std::string& name,
                                       const CallOptions& options = {}) const;
  // Returns when the model is resident. options.keep_alive applies.
  absl::StatusOr<Model> LoadModel(const std::string& name, const CallOptions& options = {}) const;
  absl::StatusOr<Model> UnloadModel(const std::string& name, const CallOptions& options = {}) const;
  absl::StatusOr<Model> UpdateModel(const UpdateModelRequest& request,
                                    const CallOptions& options = {}) const;
  // How fast a model is here, and why. Takes some seconds; options.request_class applies.
  absl::StatusOr<ModelReport> MeasureModel(
      const std::string& name, const CallOptions& options = {},
      const OnEvent<MeasureModelEvent>& on_event = nullptr) const;
  // Installs the layout of a model's weights that is fastest here. Cancelling leaves nothing.
  absl::StatusOr<OptimizeModelResult> OptimizeModel(
      const OptimizeModelRequest& request, const CallOptions& options = {},
      const OnEvent<OptimizeModelEvent>& on_event = nullptr) const;
  // The present models at once, then every change, until cancelled.
  Stream<ModelChange> WatchModels(const CallOptions& options = {}) const;

  // The daemon.
  absl::StatusOr<SystemStatus> GetStatus(const CallOptions& options = {}) const;
  // A status at once and then every interval (100 ms to 60 s), until cancelled.
  Stream<SystemStatus> WatchStatus(absl::Duration interval, const CallOptions& options = {}) const;
  absl::StatusOr<ListActivityResult> ListActivity(const ListActivityRequest& request = {},
                                                  const CallOptions& options = {}) const;
  absl::StatusOr<std::vector<DiagnosticCheck>> Diagnose(const CallOptions& options = {}) const;

  const std::string& socket_path() const;

 private:
  friend class FrameStream;
  friend class ImageGenerator;
  friend class LanguageTools;
  friend class Session;
  friend class TranslationBatch;
  friend class Translator;
  friend class actions::Caller;
  friend class actions::ProviderLink;
  friend class actions::RunningCall;
  class Connection;

  Stream<GenerateTextEvent> StreamTurn(const GenerateTextRequest& request,
                                       const std::string& session,
                                       const CallOptions& options) const;
  absl::StatusOr<CountTokensResult> CountTurn(const GenerateTextRequest& request,
                                              const std::string& session,
                                              const CallOptions& options) const;
  explicit Client(std::shared_ptr<Connection> connection);
  std::shared_ptr<Connection> connection_;
};

}  // namespace intelligence

#endif  // INTELLIGENCE_CLIENT_H_
