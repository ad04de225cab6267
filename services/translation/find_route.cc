#include "services/translation/find_route.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/reasons.h"
#include "runtime/models/translation_capability.h"
#include "services/rpc/call.h"
#include "services/translation/languages.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr size_t kMostNamedPairs = 32;

bool PackagesKnow(std::string_view language) {
  const std::vector<std::pair<std::string, std::string>> pairs = PackagedPairs();
  return std::any_of(pairs.begin(), pairs.end(),
                     [&](const auto& pair) { return pair.first == BaseLanguage(language); });
}

absl::Status NoRoute(const Runtime& runtime, std::string_view source, std::string_view target) {
  const RouteTable all = MakeRouteTable(runtime, true);
  const auto known = [&](std::string_view language) {
    return all.Knows(language) || PackagesKnow(language);
  };
  ErrorFacts facts;
  if (!known(source) || !known(target)) {
    const std::string_view unknown = known(source) ? target : source;
    facts.metadata = {{"source", std::string(source)}, {"target", std::string(target)}};
    std::vector<std::string> pairs = MakeRouteTable(runtime, false).PairNames();
    if (pairs.size() > kMostNamedPairs) pairs.resize(kMostNamedPairs);
    facts.metadata["available"] = absl::StrJoin(pairs, " ");
    return MakeError(
        Reason::kLanguageUnsupported,
        absl::StrCat("No model here or in the catalogue knows the language \"", unknown, "\".",
                     pairs.empty()
                         ? " No language pair is installed."
                         : absl::StrCat(" Installed pairs: ", absl::StrJoin(pairs, ", "), ".")),
        std::move(facts));
  }
  const std::string capability = TranslationCapabilityName(source, target);
  facts.metadata["capability"] = capability;
  std::string& install = facts.metadata["install"];
  const Route offered = all.Find(source, target, RouteStrategy::kLowLatency);
  for (const RouteStep& step : offered.steps) {
    if (runtime.store().Get(step.model.name).ok()) continue;
    absl::StrAppend(&install, install.empty() ? "" : " && ", "mlctl models install ",
                    step.model.name);
  }
  if (install.empty()) install = PackageCommand(source, target);
  if (install.empty()) {
    // With a language between.
    for (const auto& [first, between] : PackagedPairs()) {
      if (first != BaseLanguage(source) || between == BaseLanguage(target)) continue;
      const std::string second = PackageCommand(between, target);
      if (!second.empty()) {
        install = absl::StrCat(PackageCommand(first, between), " && ", second);
        break;
      }
    }
  }
  if (install.empty()) install = "mlctl models import FILE.gguf --name NAME";
  return MakeError(Reason::kNoCapableModel,
                   absl::StrCat("No installed model translates from ", source, " to ", target,
                                ". Install one: ", install),
                   std::move(facts));
}

absl::StatusOr<Route> FindRequested(const Runtime& runtime, std::string_view source,
                                    std::string_view target, std::string_view requested) {
  const absl::StatusOr<ModelReference> reference = ParseModelReference("options.model", requested);
  if (!reference.ok()) return reference.status();
  const absl::StatusOr<Manifest> manifest = runtime.store().Get(reference->model);
  if (manifest.ok()) {
    const RouteTable own({*manifest}, {});
    Route route = own.FindDirect(source, target, RouteStrategy::kLowLatency);
    if (!route.empty() && reference->function.empty() && runtime.CanRun(*manifest)) return route;
    if (IsGeneralTranslator(*manifest)) {
      absl::StatusOr<Manifest> model = runtime.FindModel("language.generate", requested);
      if (!model.ok()) return model.status();
      route.steps.clear();
      route.steps.push_back({std::string(source), std::string(target), *std::move(model)});
      return route;
    }
  }
  // Which says what it has, or that it is not there.
  const absl::StatusOr<Manifest> model =
      runtime.FindModel(TranslationCapabilityName(source, target), requested);
  if (!model.ok()) return model.status();
  Route route;
  route.steps.push_back({std::string(source), std::string(target), *model});
  return route;
}

}  // namespace

RouteTable MakeRouteTable(const Runtime& runtime, bool catalogue) {
  std::vector<Manifest> models = runtime.store().List();
  std::erase_if(models, [&](const Manifest& model) { return !runtime.CanRun(model); });
  if (catalogue) {
    for (const Manifest& model : runtime.catalogue().models()) {
      const bool there = std::any_of(models.begin(), models.end(), [&](const Manifest& other) {
        return other.name == model.name;
      });
      // What any language model may know is no offer of a pair.
      if (there || !runtime.CanRun(model) || IsGeneralTranslator(model)) continue;
      models.push_back(model);
    }
  }
  return RouteTable(std::move(models), runtime.store().Defaults());
}

absl::StatusOr<Route> FindRoute(const Runtime& runtime, std::string_view source,
                                std::string_view target, RouteStrategy strategy,
                                std::string_view requested) {
  if (!requested.empty()) return FindRequested(runtime, source, target, requested);
  Route route = MakeRouteTable(runtime, false).Find(source, target, strategy);
  // A package that was installed just now.
  if (route.empty() && runtime.store().RefreshBuiltIn()) {
    route = MakeRouteTable(runtime, false).Find(source, target, strategy);
  }
  if (route.empty()) return NoRoute(runtime, source, target);
  return route;
}

RouteStrategy ToRouteStrategy(v1::TranslationStrategy strategy) {
  return strategy == v1::TRANSLATION_STRATEGY_HIGH_FIDELITY ? RouteStrategy::kHighFidelity
                                                            : RouteStrategy::kLowLatency;
}

void AddSteps(const Route& route, google::protobuf::RepeatedPtrField<v1::TranslationStep>* steps) {
  for (const RouteStep& step : route.steps) {
    v1::TranslationStep& to = *steps->Add();
    to.set_source_language(step.source);
    to.set_target_language(step.target);
    to.set_model(ModelResourceName(step.model.name));
  }
}

v1::ListLanguagePairsResponse ListPairs(const Runtime& runtime,
                                        const v1::ListLanguagePairsRequest& request) {
  v1::ListLanguagePairsResponse response;
  runtime.store().RefreshBuiltIn();
  const std::string source = NormalizeLanguage(request.source_language());
  const std::string target = NormalizeLanguage(request.target_language());
  std::map<std::pair<std::string, std::string>, v1::LanguagePair> pairs;
  const auto wanted = [&](const std::string& from, const std::string& into) {
    return (source.empty() || LanguageDistance(source, from).has_value()) &&
           (target.empty() || LanguageDistance(target, into).has_value());
  };
  const auto make = [](const FoundPair& found) {
    v1::LanguagePair pair;
    pair.set_source_language(found.source);
    pair.set_target_language(found.target);
    AddSteps(found.route, pair.mutable_steps());
    AddSteps(found.high_fidelity, pair.mutable_high_fidelity_steps());
    pair.set_pivot_language(found.route.pivot());
    pair.set_engine(found.route.steps.front().model.engine);
    return pair;
  };
  const RouteTable installed = MakeRouteTable(runtime, false);
  for (const FoundPair& found : installed.ListPairs(!request.direct_only())) {
    if (!wanted(found.source, found.target)) continue;
    v1::LanguagePair pair = make(found);
    pair.set_availability(v1::AVAILABILITY_AVAILABLE);
    pairs.emplace(std::make_pair(found.source, found.target), std::move(pair));
  }
  if (!request.available_only()) {
    const std::vector<std::string> coming = runtime.installer().InProgress();
    // Directly only: what two downloads would bring is no offer for a list.
    for (const FoundPair& found : MakeRouteTable(runtime, true).ListPairs(false)) {
      if (!wanted(found.source, found.target)) continue;
      const std::string& model = found.route.steps.front().model.name;
      if (runtime.store().Get(model).ok()) continue;
      v1::LanguagePair pair = make(found);
      const bool downloading = std::find(coming.begin(), coming.end(), model) != coming.end();
      pair.set_availability(downloading ? v1::AVAILABILITY_DOWNLOADING
                                        : v1::AVAILABILITY_DOWNLOADABLE);
      pair.set_reason(downloading
                          ? absl::StrCat("The model ", model, " is being downloaded.")
                          : absl::StrCat("Install the model: mlctl models install ", model));
      pairs.emplace(std::make_pair(found.source, found.target), std::move(pair));
    }
    for (const auto& [from, into] : PackagedPairs()) {
      if (!wanted(from, into)) continue;
      v1::LanguagePair pair;
      pair.set_source_language(from);
      pair.set_target_language(into);
      pair.set_availability(v1::AVAILABILITY_UNAVAILABLE);
      pair.set_engine("apertium");
      pair.set_reason(
          absl::StrCat("A package of the system brings it: ", PackageCommand(from, into)));
      pairs.emplace(std::make_pair(from, into), std::move(pair));
    }
  }
  for (auto& [languages, pair] : pairs) *response.add_pairs() = std::move(pair);
  for (const std::string& model : installed.GeneralModels()) {
    response.add_general_models(ModelResourceName(model));
  }
  return response;
}

}  // namespace intelligenced
