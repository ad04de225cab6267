#include "services/translation/routes.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "runtime/models/translation_capability.h"
#include "services/translation/languages.h"

namespace intelligenced {
namespace {

struct PackagedPair {
  const char* first;
  const char* second;
  const char* package;
};
// Debian's packages of Apertium's pairs; each has both directions.
constexpr PackagedPair kPackages[] = {
    {"ca", "en", "apertium-eng-cat"}, {"en", "es", "apertium-eng-spa"},
    {"es", "pt", "apertium-es-pt"},   {"es", "fr", "apertium-fr-es"},
    {"ca", "fr", "apertium-fra-cat"}, {"ca", "es", "apertium-spa-cat"}};

// Languages that a route may go through, the likeliest to serve first.
constexpr int kMaxPivots = 64;

// A network of so many bytes translates a sentence in some tens of milliseconds on a processor.
constexpr uint64_t kLightBytes = uint64_t{64} << 20;
// Of a better one's measured quality: what is less is clearly worse.
constexpr double kAsGood = 0.9;
constexpr double kMaxBleu = 100;

}  // namespace

bool IsGeneralTranslator(const Manifest& model) {
  return model.BaseHasCapability("language.generate") && model.BaseHasCapability("writing.rewrite");
}

RouteTable::RouteTable(std::vector<Manifest> models, std::map<std::string, std::string> defaults)
    : defaults_(std::move(defaults)) {
  for (Manifest& model : models) {
    if (IsGeneralTranslator(model)) general_.push_back(model);
    Translator translator;
    for (const std::string& name : model.capabilities) {
      const std::optional<TranslationCapability> pair = ParseTranslationCapability(name);
      if (!pair.has_value()) continue;
      if (pair->target == "*") {
        translator.among.insert(pair->source);
      } else {
        translator.pairs.emplace(pair->source, pair->target);
      }
    }
    if (translator.pairs.empty() && translator.among.size() < 2) continue;
    translator.model = std::move(model);
    for (const auto& [source, target] : translator.pairs) {
      sources_.insert(source);
      targets_.insert(target);
    }
    sources_.insert(translator.among.begin(), translator.among.end());
    targets_.insert(translator.among.begin(), translator.among.end());
    translators_.push_back(std::move(translator));
  }
}

std::optional<RouteTable::Candidate> RouteTable::Match(const Translator& translator,
                                                       std::string_view source,
                                                       std::string_view target) {
  std::optional<Candidate> best;
  const auto consider = [&](const std::string& from, const std::string& into) {
    const std::optional<int> first = LanguageDistance(source, from);
    const std::optional<int> second = LanguageDistance(target, into);
    if (!first.has_value() || !second.has_value() || from == into) return;
    const int distance = *first + *second;
    if (!best.has_value() || distance < best->distance) {
      best = Candidate{
          .model = &translator.model, .source = &from, .target = &into, .distance = distance};
    }
  };
  for (const auto& [from, into] : translator.pairs) consider(from, into);
  for (const std::string& from : translator.among) {
    if (!LanguageDistance(source, from).has_value()) continue;
    for (const std::string& into : translator.among) consider(from, into);
  }
  return best;
}

bool RouteTable::IsDefault(const Candidate& candidate) const {
  const auto found =
      defaults_.find(TranslationCapabilityName(*candidate.source, *candidate.target));
  return found != defaults_.end() && found->second == candidate.model->name;
}

bool RouteTable::Better(const Candidate& a, const Candidate& b, RouteStrategy strategy) const {
  const auto key = [&](const Candidate& c) {
    const auto size = static_cast<int64_t>(c.model->size_bytes());
    const int64_t rank = c.model->rank;
    // Equal ones go to the first name, always the same one.
    return strategy == RouteStrategy::kLowLatency
               ? std::make_tuple(!IsDefault(c), c.distance, c.beaten, size, rank, c.model->name)
               : std::make_tuple(!IsDefault(c), c.distance, c.beaten, -rank, -size, c.model->name);
  };
  return key(a) < key(b);
}

void RouteTable::MarkBeaten(std::vector<Candidate>& candidates, RouteStrategy strategy) {
  const auto quality = [](const Candidate& candidate) -> std::optional<double> {
    const std::map<std::string, std::string>& parameters = candidate.model->parameters;
    const auto found = parameters.find(absl::StrCat(
        "x-measured.", TranslationCapabilityName(*candidate.source, *candidate.target), ".bleu"));
    double value = 0;
    if (found == parameters.end() || !absl::SimpleAtod(found->second, &value) ||
        !(value >= 0 && value <= kMaxBleu)) {
      return std::nullopt;
    }
    return value;
  };
  std::optional<double> best;
  for (const Candidate& candidate : candidates) {
    const bool light = candidate.model->size_bytes() <= kLightBytes;
    if (strategy == RouteStrategy::kLowLatency && !light) continue;
    best = std::max(best, quality(candidate));
  }
  if (!best.has_value()) return;
  const double enough = strategy == RouteStrategy::kLowLatency ? kAsGood * *best : *best;
  for (Candidate& candidate : candidates) {
    // What was not measured is not known to be worse.
    candidate.beaten = quality(candidate).value_or(enough) < enough;
  }
}

Route RouteTable::FindDirect(std::string_view source, std::string_view target,
                             RouteStrategy strategy) const {
  std::vector<Candidate> candidates;
  for (const Translator& translator : translators_) {
    std::optional<Candidate> candidate = Match(translator, source, target);
    if (candidate.has_value()) candidates.push_back(*candidate);
  }
  MarkBeaten(candidates, strategy);
  std::optional<Candidate> best;
  for (const Candidate& candidate : candidates) {
    if (!best.has_value() || Better(candidate, *best, strategy)) best = candidate;
  }
  Route route;
  if (best.has_value()) route.steps.push_back({*best->source, *best->target, *best->model});
  return route;
}

Route RouteTable::FindPivot(std::string_view source, std::string_view target,
                            RouteStrategy strategy) const {
  // English is what most models know best; else the first by name, always the same one.
  std::vector<std::string> pivots;
  if (sources_.contains("en") && targets_.contains("en")) pivots.emplace_back("en");
  for (const std::string& language : targets_) {
    if (language != "en" && sources_.contains(language)) pivots.push_back(language);
  }
  Route best;
  int64_t best_cost = 0;
  int tried = 0;
  for (const std::string& pivot : pivots) {
    if (LanguageDistance(source, pivot).has_value() ||
        LanguageDistance(target, pivot).has_value()) {
      continue;
    }
    Route first = FindDirect(source, pivot, strategy);
    if (first.empty()) continue;
    // From what the first model speaks, not from a relative of it.
    const Route second = FindDirect(first.steps[0].target, target, strategy);
    if (second.empty() || second.steps[0].source != first.steps[0].target) continue;
    first.steps.push_back(second.steps[0]);
    const auto weight = [&](const Manifest& model) {
      return strategy == RouteStrategy::kLowLatency ? static_cast<int64_t>(model.size_bytes())
                                                    : -static_cast<int64_t>(model.rank);
    };
    const int64_t cost = weight(first.steps[0].model) + weight(first.steps[1].model);
    if (best.empty() || cost < best_cost) {
      best = std::move(first);
      best_cost = cost;
    }
    if (++tried == kMaxPivots) break;
  }
  return best;
}

Route RouteTable::FindGeneral(std::string_view source, std::string_view target,
                              RouteStrategy strategy) const {
  Route route;
  if (LanguageName(source).empty() || LanguageName(target).empty()) return route;
  const std::string from(source), into(target);
  std::optional<Candidate> best;
  for (const Manifest& model : general_) {
    const Candidate candidate = {.model = &model, .source = &from, .target = &into, .distance = 0};
    if (!best.has_value() || Better(candidate, *best, strategy)) best = candidate;
  }
  if (best.has_value()) route.steps.push_back({from, into, *best->model});
  return route;
}

Route RouteTable::Find(std::string_view source, std::string_view target,
                       RouteStrategy strategy) const {
  Route route = FindDirect(source, target, strategy);
  const bool pivot_first = strategy == RouteStrategy::kLowLatency;
  for (const bool pivot : {pivot_first, !pivot_first}) {
    if (!route.empty()) break;
    route = pivot ? FindPivot(source, target, strategy) : FindGeneral(source, target, strategy);
  }
  return route;
}

std::vector<FoundPair> RouteTable::ListPairs(bool pivots) const {
  std::set<std::pair<std::string, std::string>> direct;
  for (const Translator& translator : translators_) {
    direct.insert(translator.pairs.begin(), translator.pairs.end());
    for (const std::string& source : translator.among) {
      for (const std::string& target : translator.among) {
        if (source != target) direct.emplace(source, target);
      }
    }
  }
  std::vector<FoundPair> found;
  const auto add = [&](const std::string& source, const std::string& target, Route low,
                       Route high) {
    const auto names = [](const Route& route) {
      std::vector<std::string> models;
      for (const RouteStep& step : route.steps) models.push_back(step.model.name);
      return models;
    };
    if (names(low) == names(high)) high.steps.clear();
    found.push_back({source, target, std::move(low), std::move(high)});
  };
  for (const auto& [source, target] : direct) {
    add(source, target, FindDirect(source, target, RouteStrategy::kLowLatency),
        FindDirect(source, target, RouteStrategy::kHighFidelity));
  }
  if (pivots) {
    for (const std::string& source : sources_) {
      for (const std::string& target : targets_) {
        if (LanguageDistance(source, target).has_value() || direct.contains({source, target})) {
          continue;
        }
        Route low = FindPivot(source, target, RouteStrategy::kLowLatency);
        if (low.empty()) continue;
        add(source, target, std::move(low),
            FindPivot(source, target, RouteStrategy::kHighFidelity));
      }
    }
    std::sort(found.begin(), found.end(), [](const FoundPair& a, const FoundPair& b) {
      return std::tie(a.source, a.target) < std::tie(b.source, b.target);
    });
  }
  return found;
}

std::vector<std::string> RouteTable::PairNames() const {
  std::vector<std::string> names;
  for (const FoundPair& pair : ListPairs(false)) {
    names.push_back(absl::StrCat(pair.source, ">", pair.target));
  }
  return names;
}

std::vector<std::string> RouteTable::GeneralModels() const {
  std::vector<std::string> names;
  for (const Manifest& model : general_) names.push_back(model.name);
  return names;
}

bool RouteTable::Knows(std::string_view language) const {
  const auto related = [&](const std::string& known) {
    return LanguageDistance(language, known).has_value();
  };
  return std::any_of(sources_.begin(), sources_.end(), related) ||
         std::any_of(targets_.begin(), targets_.end(), related);
}

std::string PackageCommand(std::string_view source, std::string_view target) {
  const std::string_view from = BaseLanguage(source), into = BaseLanguage(target);
  for (const PackagedPair& pair : kPackages) {
    if ((pair.first == from && pair.second == into) ||
        (pair.first == into && pair.second == from)) {
      return absl::StrCat("apt install ", pair.package);
    }
  }
  return "";
}

std::vector<std::pair<std::string, std::string>> PackagedPairs() {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const PackagedPair& pair : kPackages) {
    pairs.emplace_back(pair.first, pair.second);
    pairs.emplace_back(pair.second, pair.first);
  }
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

}  // namespace intelligenced
