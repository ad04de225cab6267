#include "runtime/engines/llama/llama_engine.h"

#include <ggml-backend.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/base/clock.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/llama/border.h"
#include "runtime/engines/llama/embedding_model.h"
#include "runtime/engines/llama/gguf_check.h"
#include "runtime/engines/llama/llama_library.h"
#include "runtime/engines/llama/llama_model.h"
#include "runtime/engines/llama/parameters.h"
#include "runtime/engines/llama/translation_model.h"

namespace intelligenced {
namespace {

// Rows of the largest batch. What a batch takes in time bounds it further.
constexpr int kMaxRows = 512;
// Weights that one thread goes through in a second for a row of a prompt, as a first guess: about
// what a Zen 4 core does with four bits a weight.
constexpr double kWeightBytesPerThreadSecond = 32e9;
// Beginnings of prompts that all clients share: tools and their variants.
constexpr int kSharedPrefixes = 24;

absl::Status Cancelled() { return MakeError(Reason::kCancelled, "The loading was cancelled."); }

absl::StatusOr<std::vector<std::string>> ModelFiles(const engine_proto::ModelSpec& spec) {
  std::vector<std::string> files;
  for (const engine_proto::ModelFile& file : spec.files()) {
    if (file.role() == "model" || file.role().empty()) files.push_back(file.path());
  }
  if (files.empty()) {
    return MakeError(Reason::kModelLoadFailed, "The model has no file with the role \"model\".");
  }
  for (const std::string& file : files) {
    absl::StatusOr<GgufSummary> summary = CheckGguf(file);
    if (!summary.ok()) return summary.status();
    if (file == files.front() && summary->architecture.empty()) {
      return MakeError(Reason::kModelCorrupt,
                       absl::StrCat("The model file ", file, " does not name an architecture."));
    }
  }
  return files;
}

uint64_t MetaNumber(const llama_model* model, const std::string& key) {
  char text[32];
  uint64_t value = 0;
  const int32_t length = llama_model_meta_val_str(model, key.c_str(), text, sizeof(text));
  if (length <= 0 || !absl::SimpleAtoi(text, &value)) return 0;
  return value;
}

ModelShape ShapeOf(const llama_model* model) {
  char architecture[64] = "";
  llama_model_meta_val_str(model, "general.architecture", architecture, sizeof(architecture));
  uint64_t head = MetaNumber(model, absl::StrCat(architecture, ".attention.key_length"));
  if (head == 0) head = llama_model_n_embd(model) / std::max(1, llama_model_n_head(model));
  ModelShape shape;
  shape.trained_context = llama_model_n_ctx_train(model);
  // Keys of 16 bits and values of up to 32 (TokenPoolOptions::reproducible).
  shape.cell_bytes = uint64_t{6} * llama_model_n_layer(model) * llama_model_n_head_kv(model) * head;
  shape.weight_bytes = llama_model_size(model);
  return shape;
}

// The first graphics processor that ggml has found; null when there is none.
ggml_backend_dev_t FindGpu() {
  for (size_t index = 0; index < ggml_backend_dev_count(); ++index) {
    ggml_backend_dev_t device = ggml_backend_dev_get(index);
    const auto type = ggml_backend_dev_type(device);
    if (type == GGML_BACKEND_DEVICE_TYPE_GPU || type == GGML_BACKEND_DEVICE_TYPE_IGPU) {
      return device;
    }
  }
  return nullptr;
}

uint64_t FreeBytes(ggml_backend_dev_t device) {
  size_t free = 0, total = 0;
  if (device != nullptr) ggml_backend_dev_memory(device, &free, &total);
  return free;
}

// Gives vectors or translations and does not go on with texts.
bool IsOfAnotherKind(const llama_model* model) {
  return IsEmbeddingModel(model) || IsTranslationModel(model);
}

class LlamaEngine final : public Engine {
 public:
  std::string_view name() const override { return "llama"; }

  absl::StatusOr<std::unique_ptr<Model>> Load(const engine_proto::ModelSpec& spec,
                                              CancelToken cancel) override {
    return GuardBorder(Reason::kModelLoadFailed, [&]() -> absl::StatusOr<std::unique_ptr<Model>> {
      absl::StatusOr<LoadedLlama> loaded = LoadAll(spec, cancel);
      if (cancel.cancelled()) return Cancelled();
      if (!loaded.ok()) return loaded.status();
      if (IsOfAnotherKind(loaded->model.get())) return LoadOther(spec, *std::move(loaded));
      return std::make_unique<LlamaModel>(*std::move(loaded), &clock_);
    });
  }

 private:
  absl::StatusOr<LoadedLlama> LoadAll(const engine_proto::ModelSpec& spec,
                                      const CancelToken& cancel);
  absl::StatusOr<std::unique_ptr<Model>> LoadOther(const engine_proto::ModelSpec& spec,
                                                   LoadedLlama loaded);
  absl::StatusOr<LlamaModelPtr> LoadWeights(const std::vector<std::string>& files,
                                            const LlamaParameters& parameters,
                                            const CancelToken& cancel);
  absl::Status SetUp(const LlamaParameters& parameters, bool gpu, LoadedLlama& loaded);
  static absl::Status WarmUp(LoadedLlama& loaded, const CancelToken& cancel);

  SystemClock clock_;
  LlamaLibrary library_;
};

absl::StatusOr<LlamaModelPtr> LlamaEngine::LoadWeights(const std::vector<std::string>& files,
                                                       const LlamaParameters& parameters,
                                                       const CancelToken& cancel) {
  llama_model_params params = llama_model_default_params();
  params.n_gpu_layers = parameters.gpu_layers.value_or(-1);
  // Pages of the file are shared with other processes and with the system's cache.
  params.load_mode = LLAMA_LOAD_MODE_MMAP;
  params.progress_callback = [](float, void* token) {
    return !static_cast<const CancelToken*>(token)->cancelled();
  };
  params.progress_callback_user_data = const_cast<CancelToken*>(&cancel);
  library_.TakeErrors();
  std::vector<const char*> paths;
  for (const std::string& file : files) paths.push_back(file.c_str());
  LlamaModelPtr model(paths.size() == 1
                          ? llama_model_load_from_file(paths[0], params)
                          : llama_model_load_from_splits(paths.data(), paths.size(), params));
  if (cancel.cancelled()) return Cancelled();
  if (model == nullptr) {
    const std::string words = library_.TakeErrors();
    return MakeError(Reason::kModelLoadFailed,
                     absl::StrCat("libllama does not take the model file ", files.front(), ": ",
                                  words.empty() ? "it does not say why" : words));
  }
  const llama_vocab* vocab = llama_model_get_vocab(model.get());
  if (IsOfAnotherKind(model.get()) && llama_vocab_n_tokens(vocab) > 0) return model;
  if (!llama_model_has_decoder(model.get()) || llama_model_has_encoder(model.get()) ||
      llama_model_is_diffusion(model.get()) || llama_vocab_type(vocab) == LLAMA_VOCAB_TYPE_NONE ||
      llama_vocab_n_tokens(vocab) <= 0) {
    return MakeError(
        Reason::kModelLoadFailed,
        absl::StrCat("The model in ", files.front(), " does not generate text token by token."));
  }
  return model;
}

absl::StatusOr<LoadedLlama> LlamaEngine::LoadAll(const engine_proto::ModelSpec& spec,
                                                 const CancelToken& cancel) {
  absl::StatusOr<LlamaParameters> parameters = ParseLlamaParameters(spec);
  if (!parameters.ok()) return parameters.status();
  absl::StatusOr<std::vector<std::string>> files = ModelFiles(spec);
  if (!files.ok()) return files.status();
  if (cancel.cancelled()) return Cancelled();

  if (!parameters->blas) LlamaLibrary::DropBlas();
  ggml_backend_dev_t gpu = parameters->gpu_layers.value_or(1) == 0 ? nullptr : FindGpu();
  const uint64_t free_before = FreeBytes(gpu);
  LoadedLlama loaded;
  {
    const AssertionsThrow scope;
    absl::StatusOr<LlamaModelPtr> model = LoadWeights(*files, *parameters, cancel);
    if (!model.ok()) return model.status();
    loaded.model = *std::move(model);
    if (IsOfAnotherKind(loaded.model.get())) return loaded;
    loaded.functions = LlamaFunctions::Load(spec, loaded.model.get(), library_);
    if (absl::Status status = SetUp(*parameters, gpu != nullptr, loaded); !status.ok()) {
      return status;
    }
    auto projector = PictureProjector::Load(
        spec, loaded.model.get(),
        {.threads = ChooseThreads(*parameters, ShapeOf(loaded.model.get()), CountPhysicalCores()),
         .gpu = gpu != nullptr,
         .max_rows = kMaxRows},
        library_, &clock_, cancel);
    if (!projector.ok()) return projector.status();
    loaded.projector = *std::move(projector);
    loaded.info.set_takes_images(loaded.projector != nullptr && loaded.chat_template.has_value());
  }
  if (gpu != nullptr) {
    loaded.info.set_device(absl::AsciiStrToLower(ggml_backend_dev_name(gpu)));
  }
  if (absl::Status status = WarmUp(loaded, cancel); !status.ok()) return status;
  const uint64_t free_after = FreeBytes(gpu);
  loaded.device_bytes = free_before > free_after ? free_before - free_after : 0;
  return loaded;
}

// The weights are there; the rest is made for vectors or translations.
absl::StatusOr<std::unique_ptr<Model>> LlamaEngine::LoadOther(const engine_proto::ModelSpec& spec,
                                                              LoadedLlama loaded) {
  absl::StatusOr<LlamaParameters> parameters = ParseLlamaParameters(spec);
  if (!parameters.ok()) return parameters.status();
  const int threads = ChooseThreads(*parameters, ShapeOf(loaded.model.get()), CountPhysicalCores());
  const bool gpu = parameters->gpu_layers.value_or(1) != 0 && FindGpu() != nullptr;
  const AssertionsThrow scope;
  if (IsTranslationModel(loaded.model.get())) {
    return MakeTranslationModel(
        std::move(loaded.model),
        {.parameters = *std::move(parameters), .threads = threads, .gpu = gpu}, library_, &clock_);
  }
  return MakeEmbeddingModel(
      std::move(loaded.model),
      {.parameters = *std::move(parameters), .name = spec.name(), .threads = threads, .gpu = gpu},
      library_, &clock_);
}

// Everything around the weights: context, chat template, what the model says of itself.
absl::Status LlamaEngine::SetUp(const LlamaParameters& parameters, bool gpu, LoadedLlama& loaded) {
  llama_model* model = loaded.model.get();
  const ModelShape shape = ShapeOf(model);
  absl::StatusOr<PoolSize> size = ChoosePoolSize(parameters, shape);
  if (!size.ok()) return size.status();
  absl::StatusOr<std::optional<ChatTemplate>> chat_template =
      ChatTemplate::Choose(model, parameters.chat_template);
  if (!chat_template.ok()) return chat_template.status();
  loaded.chat_template = *std::move(chat_template);

  const int threads = ChooseThreads(parameters, shape, CountPhysicalCores());
  // Jobs that wait their turn keep their state in the pool as long as there is room.
  const bool states_are_large = llama_model_is_recurrent(model) || llama_model_is_hybrid(model);
  loaded.cache_tokens = size->cache_tokens;
  if (!states_are_large && size->cache_tokens > 0) loaded.shared_prefixes = kSharedPrefixes;
  loaded.max_rows = kMaxRows;
  if (!gpu) {
    loaded.row_time = absl::Seconds(shape.weight_bytes / (kWeightBytesPerThreadSecond * threads));
  }
  absl::StatusOr<std::unique_ptr<TokenPool>> pool =
      TokenPool::Create(model,
                        {.cells = size->pool_tokens,
                         .slots = parameters.max_batch * (states_are_large ? 1 : 2),
                         .shared_slots = loaded.shared_prefixes,
                         .max_rows = kMaxRows,
                         .max_outputs = parameters.max_batch + kMaxDraftRows,
                         .threads = threads,
                         .reproducible = parameters.reproducible && !gpu},
                        library_);
  if (!pool.ok()) return pool.status();
  loaded.pool = *std::move(pool);

  char description[128] = "";
  llama_model_desc(model, description, sizeof(description));
  loaded.info.set_max_batch(parameters.max_batch);
  loaded.info.set_width(gpu ? 1 : threads);
  loaded.info.set_device("cpu");
  loaded.info.set_context_tokens(size->context_tokens);
  loaded.info.set_has_chat_template(loaded.chat_template.has_value());
  loaded.info.add_task_kinds(engine_proto::TASK_KIND_GENERATE);
  loaded.info.add_task_kinds(engine_proto::TASK_KIND_COUNT_TOKENS);
  loaded.info.set_description(
      absl::StrFormat("%s, %.1f MB of weights, pool of %d tokens, %d threads, %s", description,
                      shape.weight_bytes / 1e6, size->pool_tokens, threads,
                      loaded.chat_template ? loaded.chat_template->name() : "no chat template"));
  return absl::OkStatus();
}

// One token: brings the weights into memory, and shows before the first request whether the model
// can compute at all.
absl::Status LlamaEngine::WarmUp(LoadedLlama& loaded, const CancelToken& cancel) {
  const llama_vocab* vocab = llama_model_get_vocab(loaded.model.get());
  const llama_token bos = llama_vocab_bos(vocab);
  Sequence sequence;
  loaded.pool->Admit(sequence);
  const TokenPool::Row row = {&sequence, bos == LLAMA_TOKEN_NULL ? 0 : bos, true};
  absl::StatusOr<TokenPool::Outcome> outcome =
      loaded.pool->Decode({&row, 1}, [&] { return cancel.cancelled(); });
  loaded.pool->Release(sequence);
  if (!outcome.ok() || *outcome == TokenPool::Outcome::kNoRoom) {
    return MakeError(Reason::kModelLoadFailed, "The model loads, but cannot compute one token.");
  }
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<Engine> MakeLlamaEngine() { return std::make_unique<LlamaEngine>(); }

}  // namespace intelligenced
