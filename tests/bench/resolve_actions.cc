// How well and how fast sentences become actions, without a model. See run.py, "actions".
//
//   resolve_actions [--problems]   wrong answers on the development half as well
#include "tests/support/actions/resolve_actions.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/actions/resolve/resolver.h"
#include "tests/support/actions/resolve_sentences.h"

namespace intelligenced::resolve {
namespace {

constexpr int kProviders = 100;
constexpr int kActions = 1000;

// The test's actions again and again, each provider's with a word of its own in every phrase.
std::vector<ActionSpec> ManyActions() {
  constexpr std::string_view kNames[] = {"alpha",  "bravo", "castor", "delta",  "ember",
                                         "falcon", "gamma", "harbor", "indigo", "jasper"};
  const std::vector<ActionSpec> base = TestActions();
  std::vector<ActionSpec> out = base;
  for (int number = static_cast<int>(base.size()); number < kActions; ++number) {
    ActionSpec action = base[number % base.size()];
    const int provider = number % kProviders;
    const std::string name = absl::StrCat(kNames[provider / 10], " ", kNames[provider % 10], "er");
    action.id = absl::StrCat(action.id, "-", number);
    absl::StrAppend(&action.title, " in ", name);
    for (std::string& phrase : action.phrases) absl::StrAppend(&phrase, " in ", name);
    out.push_back(std::move(action));
  }
  return out;
}

void Print(std::string_view half, const ResolutionScore& score, bool problems) {
  std::printf(
      "%s: right action %.1f %% of %d sentences (aim 85), all parameters too %.1f %% (aim "
      "75); resolved although they mean nothing: %d of %d (aim 0)\n",
      std::string(half).c_str(), 100.0 * score.right_action / score.sentences, score.sentences,
      100.0 * score.right_parameters / score.sentences, score.wrongly_resolved, score.nothing);
  if (!problems) return;
  for (const std::string& problem : score.problems) std::printf("  %s\n", problem.c_str());
}

double Milliseconds(const ActionIndex& index, const ResolveOptions& options,
                    const std::string& text) {
  const auto start = std::chrono::steady_clock::now();
  const absl::StatusOr<Resolution> resolution = Resolve(index, text, options);
  const auto end = std::chrono::steady_clock::now();
  if (!resolution.ok()) std::printf("%s\n", resolution.status().ToString().c_str());
  return std::chrono::duration<double, std::milli>(end - start).count();
}

int Run(bool problems) {
  const std::vector<TestSentence> dev = ReadTestSentences("sentences_dev.tsv");
  const std::vector<TestSentence> held_out = ReadTestSentences("sentences_held_out.tsv");
  const auto index = ActionIndex::Build(TestActions());
  const auto many = ActionIndex::Build(ManyActions());
  if (dev.empty() || held_out.empty() || !index.ok() || !many.ok()) return 1;
  const ResolveOptions options{.moment = TestMoment(), .query = TestEntities, .allowed = {}};
  Print("tuned on", ScoreSentences(**index, options, dev), problems);
  Print("held out", ScoreSentences(**index, options, held_out), false);

  for (const auto& [actions, which] : {std::pair((*index)->actions().size(), &**index),
                                       std::pair((*many)->actions().size(), &**many)}) {
    std::vector<double> times;
    for (int round = 0; round < 5; ++round) {
      for (const TestSentence& sentence : held_out) {
        times.push_back(Milliseconds(*which, options, sentence.text));
      }
    }
    std::sort(times.begin(), times.end());
    std::string longest;
    while (longest.size() + 20 < kMaxUtteranceBytes) longest += "remind me to buy it ";
    std::printf(
        "%zu actions: a sentence in %.2f ms at the median (aim under 20 for 1,000), %.2f "
        "at the 95th percentile; the longest allowed in %.1f ms\n",
        actions, times[times.size() / 2], times[times.size() * 95 / 100],
        Milliseconds(*which, options, longest));
  }
  return 0;
}

}  // namespace
}  // namespace intelligenced::resolve

int main(int argc, char** argv) {
  return intelligenced::resolve::Run(argc > 1 && std::string_view(argv[1]) == "--problems");
}
