// The models of this machine: what there is, what is resident, and getting more.
#ifndef INTELLIGENCE_MODELS_H_
#define INTELLIGENCE_MODELS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"

namespace intelligence {

enum class Availability { kUnspecified, kUnavailable, kDownloadable, kDownloading, kAvailable };

enum class ModelState {
  kUnspecified,
  kNotInstalled,  // in the catalogue only
  kDownloading,
  kInstalled,
  kLoading,
  kReady,     // resident
  kDraining,  // finishing its requests before it unloads
  kUnloading,
  kFailed,  // the last load failed; state_reason says why
};

// Another function of the same weights: an adapter, chosen per request (CallOptions.model).
struct ModelFunction {
  std::string name = {};  // "models/{model}/functions/{function}"
  std::vector<std::string> capabilities = {};
  double scale = 1;
  uint64_t size_bytes = 0;
};

struct Model {
  std::string name = {};  // "models/{model}"
  std::string version = {};
  std::string title = {};
  std::string description = {};
  std::string engine = {};
  std::string family = {};
  std::vector<std::string> capabilities = {};  // "writing.proofread", "language.generate", …
  std::string license = {};
  std::string origin = {};  // an address, "built-in" or "imported"
  uint64_t size_bytes = 0;  // on disk
  ModelState state = ModelState::kUnspecified;
  std::string state_reason = {};
  // Measured: the worker's proportional share of memory, now and at its highest.
  uint64_t resident_bytes = 0;
  uint64_t peak_bytes = 0;
  bool pinned = false;
  absl::Duration keep_alive = {};
  uint32_t leases = 0;      // requests that hold it now
  uint32_t worker_pid = 0;  // 0: not resident
  uint32_t context_tokens = 0;
  std::string device = {};
  std::optional<absl::Time> last_used_time = {};
  absl::Duration last_load_time = {};
  bool built_in = false;
  std::vector<std::string> default_for = {};  // capabilities for which the user chose this model
  std::vector<ModelFunction> functions = {};
};

struct ListModelsRequest {
  std::string capability = {};     // only models with this one
  bool include_catalogue = false;  // also what could be installed
};

struct AvailabilityResult {
  Availability availability = Availability::kUnspecified;
  std::string model = {};
  std::string reason = {};  // why, and what would change it
};

struct InstallModelRequest {
  // Either a name from the catalogue …
  std::string catalogue_name = {};
  // … or an address (https) with the SHA-256 of its file and the name to install it under.
  std::string url = {};
  std::string sha256 = {};
  std::string name = {};
  // The licence identifier that the person was shown. Without it the first event is a
  // LicenseNotice and the call ends with FAILED_PRECONDITION, unless nothing needs accepting.
  std::string accepted_license = {};
};

struct LicenseNotice {
  std::string model = {};
  std::string license = {};
  std::string origin = {};
  uint64_t size_bytes = 0;
};

struct InstallProgress {
  enum class Phase { kDownloading, kVerifying } phase = Phase::kDownloading;
  uint64_t bytes_done = 0;
  uint64_t bytes_total = 0;  // 0: not known
  double bytes_per_second = 0;
  std::optional<absl::Duration> estimated_completion = {};
};

using InstallModelEvent = std::variant<LicenseNotice, InstallProgress, Model>;

struct ImportFunction {
  std::string name = {};  // required
  std::string path = {};  // required: a LoRA adapter for the model, in a GGUF file
  double scale = 1;       // -16 to 16
  std::vector<std::string> capabilities = {};  // what it serves before its base does
};

struct ImportModelRequest {
  // Required, unless functions are added to a model that is installed: a file that the caller can
  // read. Its bytes are sent; the daemon opens no paths. Or a folder with a model of several files,
  // as Hugging Face Optimum exports them: config.json, the tokenizer and networks in ONNX, which
  // may lie in "onnx" in it; or model_index.json and a folder for each part of a pipeline. Then
  // there is no `sha256`, no family, no projector and no function.
  std::string path = {};
  std::string name = {};     // required: the name to install it under, or of the installed model
  std::string sha256 = {};   // empty: not checked
  std::string license = {};  // empty: from the file's own metadata
  // A network's: what it is ("face-mesh"). Empty: what an ONNX file tells; required for TensorFlow
  // Lite's files.
  std::string family = {};
  // A language model's projector (mmproj, GGUF): with it the model takes pictures.
  std::string projector_path = {};
  std::vector<ImportFunction> functions = {};
  // Of a folder whose networks are there in several precisions: "quantized", "int8", "fp16". Empty:
  // the plain one, or else the quantized.
  std::string variant = {};
};

struct UpdateModelRequest {
  std::string name = {};  // required
  std::optional<bool> pinned = {};
  std::optional<absl::Duration> keep_alive = {};
  std::string set_default_for = {};    // a capability
  std::string clear_default_for = {};  // a capability
};

struct ModelChange {
  Model model = {};
  bool removed = false;
};

}  // namespace intelligence

#endif  // INTELLIGENCE_MODELS_H_
