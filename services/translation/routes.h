// Which models take a text from one language to another. Pure.
#ifndef INTELLIGENCED_SERVICES_TRANSLATION_ROUTES_H_
#define INTELLIGENCED_SERVICES_TRANSLATION_ROUTES_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/models/manifest.h"

namespace intelligenced {

// Of several models for a pair, the user's default goes before all, then what is closest to the
// languages. Then:
// - kLowLatency: the smallest, unless its measured quality (Manifest::quality) is clearly below,
// less
//   than 0.9 of, that of another of at most 64 MiB, which is as good as at once.
// - kHighFidelity: the highest rank, but of those that were measured only the best.
// Measured quality is BLEU on the project's development text, 0 to 100, as the manifest says in its
// parameter "x-measured.translate:en>es.bleu"; there for some pairs or none.
enum class RouteStrategy { kLowLatency, kHighFidelity };

struct RouteStep {
  // As the model knows them; as asked for where the model is a general one.
  std::string source;
  std::string target;
  Manifest model;
};

struct Route {
  // One or two.
  std::vector<RouteStep> steps;

  bool empty() const { return steps.empty(); }
  // The language between; empty: none.
  std::string pivot() const { return steps.size() == 2 ? steps[0].target : ""; }
};

struct FoundPair {
  std::string source;
  std::string target;
  Route route;
  // With HIGH_FIDELITY, where that is another one.
  Route high_fidelity;
};

// A language model that follows instructions: it translates what it happens to know.
bool IsGeneralTranslator(const Manifest& model);

// Thread-safe once made.
class RouteTable {
 public:
  // `defaults`: the model that the user chose for a capability.
  RouteTable(std::vector<Manifest> models, std::map<std::string, std::string> defaults);

  // Direct ones first, then with a language between, then a general model (the last two the other
  // way round with HIGH_FIDELITY). Empty: none. Languages are normalized.
  Route Find(std::string_view source, std::string_view target, RouteStrategy strategy) const;
  Route FindDirect(std::string_view source, std::string_view target, RouteStrategy strategy) const;
  Route FindPivot(std::string_view source, std::string_view target, RouteStrategy strategy) const;
  Route FindGeneral(std::string_view source, std::string_view target, RouteStrategy strategy) const;

  // All of them, sorted; those with a language between only where wished.
  std::vector<FoundPair> ListPairs(bool pivots) const;
  // "en>es", sorted.
  std::vector<std::string> PairNames() const;
  std::vector<std::string> GeneralModels() const;

  // Whether any of the models translates from or into it.
  bool Knows(std::string_view language) const;

 private:
  struct Candidate {
    const Manifest* model;
    const std::string* source;
    const std::string* target;
    int distance;
    // Another one is measurably better, as far as the strategy goes.
    bool beaten = false;
  };
  struct Translator {
    Manifest model;
    std::set<std::pair<std::string, std::string>> pairs;
    // Between any two of these.
    std::set<std::string> among;
  };

  // The model's best match for a pair.
  static std::optional<Candidate> Match(const Translator& translator, std::string_view source,
                                        std::string_view target);
  static void MarkBeaten(std::vector<Candidate>& candidates, RouteStrategy strategy);
  bool Better(const Candidate& a, const Candidate& b, RouteStrategy strategy) const;
  bool IsDefault(const Candidate& candidate) const;

  std::vector<Translator> translators_;
  std::vector<Manifest> general_;
  std::map<std::string, std::string> defaults_;
  // Every language that is translated from, or into.
  std::set<std::string> sources_, targets_;
};

// The package of the system that brings a pair, for people: "apt install apertium-eng-spa". Empty:
// none is known.
std::string PackageCommand(std::string_view source, std::string_view target);
// All such pairs.
std::vector<std::pair<std::string, std::string>> PackagedPairs();

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_TRANSLATION_ROUTES_H_
