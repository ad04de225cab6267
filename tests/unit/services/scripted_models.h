// Models of the service tests: what they do is said by the test.
#ifndef INTELLIGENCED_TESTS_UNIT_SERVICES_SCRIPTED_MODELS_H_
#define INTELLIGENCED_TESTS_UNIT_SERVICES_SCRIPTED_MODELS_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/engine/engine.h"
#include "runtime/models/model_manager.h"

namespace intelligenced {

// What the model "script" answers to a GENERATE task. Thread-safe use.
using Answer = std::function<absl::StatusOr<std::string>(const engine_proto::GenerateTask&)>;

struct ScriptBehaviour {
  // Default: echoes the last message. Is not asked where a task only wants its prefix computed.
  Answer answer;
  // How sure the model is of its answer, where the task asks. Default: it does not say.
  std::function<engine_proto::TokenLikelihoods(const std::string& answer)> likelihoods;
  // Bytes of one delta; one a step for each job.
  size_t delta_bytes = 64;
  uint32_t context_tokens = 4096;
  // Jobs make no progress while this is true.
  std::atomic<bool> held = false;
  // Jobs emit 16 KiB a step and never end by themselves.
  std::atomic<bool> flood = false;
  std::atomic<int> jobs_started = 0;
  // Pictures that came as descriptors.
  std::atomic<int> attachments_seen = 0;
  std::atomic<int> jobs_alive = 0;
  std::atomic<int> flood_steps = 0;
  // Asked for every VISION task; its answers, in order. Default: one thing found for each request.
  std::function<absl::StatusOr<std::vector<engine_proto::VisionResult>>(
      const engine_proto::VisionTask&)>
      look;
  // The process is gone.
  std::atomic<bool> lost = false;
};

// What the llama workbench does.
struct BenchBehaviour {
  // The bytes of a file in another layout, and what is measured of a file with such bytes.
  std::function<absl::StatusOr<std::string>(const std::string& layout)> convert;
  std::function<absl::StatusOr<engine_proto::Measurement>(const std::string& bytes)> measure;
  // Conversions stop half way while this is true.
  std::atomic<bool> held = false;
  std::atomic<int> half_way = 0;
  std::atomic<int> conversions = 0;
};

// The last message of a task: the text that a tool works on.
std::string TextOf(const engine_proto::GenerateTask& task);
// The first message: the rules.
std::string RulesOf(const engine_proto::GenerateTask& task);

// Manifests with the engine "script" get the script's model, those with "llama-workbench" or "onnx"
// the bench's, others the fake engine's.
class ScriptedLoader final : public ModelLoader {
 public:
  // Both outlive the loader and its models.
  ScriptedLoader(ScriptBehaviour* script, BenchBehaviour* bench);
  absl::StatusOr<LoadedModel> Load(const engine_proto::ModelSpec& spec, CancelToken cancel,
                                   absl::AnyInvocable<void()> on_lost) override;

 private:
  ScriptBehaviour* const script_;
  BenchBehaviour* const bench_;
  const std::unique_ptr<Engine> fake_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_UNIT_SERVICES_SCRIPTED_MODELS_H_
