#include "runtime/engines/llama/adapters.h"

#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/llama/border.h"
#include "runtime/engines/llama/gguf_check.h"

namespace intelligenced {
namespace {

absl::StatusOr<LlamaAdapterPtr> LoadAdapter(const std::string& path, llama_model* model,
                                            LlamaLibrary& library) {
  const absl::StatusOr<GgufSummary> summary = CheckGguf(path);
  if (!summary.ok()) return summary.status();
  library.TakeErrors();
  const AssertionsThrow scope;
  LlamaAdapterPtr adapter(llama_adapter_lora_init(model, path.c_str()));
  if (adapter == nullptr) {
    const std::string words = library.TakeErrors();
    return MakeError(Reason::kModelLoadFailed,
                     absl::StrCat("libllama does not take the adapter for this model: ",
                                  words.empty() ? "it does not say why" : words));
  }
  if (llama_adapter_get_alora_n_invocation_tokens(adapter.get()) > 0) {
    return MakeError(Reason::kModelLoadFailed,
                     "The adapter begins to work only after certain tokens (aLoRA); such adapters "
                     "are not supported.");
  }
  return adapter;
}

}  // namespace

LlamaFunctions LlamaFunctions::Load(const intelligence::engine::v1::ModelSpec& spec,
                                    llama_model* model, LlamaLibrary& library) {
  LlamaFunctions functions;
  for (const intelligence::engine::v1::ModelFunction& function : spec.functions()) {
    LlamaFunction& loaded = functions.functions_[function.name()];
    loaded.scale = function.scale();
    absl::StatusOr<LlamaAdapterPtr> adapter =
        GuardBorder(Reason::kModelLoadFailed, [&]() -> absl::StatusOr<LlamaAdapterPtr> {
          return LoadAdapter(function.path(), model, library);
        });
    if (adapter.ok()) {
      loaded.adapter = *std::move(adapter);
    } else {
      ErrorFacts facts;
      facts.metadata = {{"model", spec.name()}, {"function", function.name()}};
      loaded.status = MakeError(Reason::kModelLoadFailed,
                                absl::StrCat("The function ", function.name(), " of ", spec.name(),
                                             " cannot be used: ", adapter.status().message()),
                                std::move(facts));
    }
  }
  return functions;
}

absl::StatusOr<const LlamaFunction*> LlamaFunctions::Find(std::string_view name) const {
  if (name.empty()) return nullptr;
  const auto found = functions_.find(name);
  if (found == functions_.end()) {
    return FieldError(
        "function",
        absl::StrCat("The model has no function of that name; it has ",
                     functions_.empty() ? "none"
                                        : absl::StrJoin(functions_, ", ",
                                                        [](std::string* out, const auto& entry) {
                                                          out->append(entry.first);
                                                        }),
                     "."));
  }
  if (!found->second.status.ok()) return found->second.status;
  return &found->second;
}

}  // namespace intelligenced
