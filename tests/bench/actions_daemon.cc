// How fast a daemon with 1,000 actions of 100 connected providers says what a sentence means: whole
// calls, through the socket. See run.py, "actions".
//
//   actions_daemon SOCKET
#include <intelligence/action_provider.h>
#include <intelligence/actions.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "tests/support/actions/resolve_actions.h"
#include "tests/support/actions/resolve_sentences.h"

namespace intelligenced::resolve {
namespace {

namespace actions = ::intelligence::actions;
using Kind = actions::ValueType::Kind;

constexpr int kProviders = 100;
constexpr int kActions = 10;

actions::ValueType TypeOf(ValueKind kind, const ParameterSpec& parameter) {
  actions::ValueType type;
  switch (kind) {
    case ValueKind::kString:
      type.kind = Kind::kString;
      break;
    case ValueKind::kInteger:
      type = {.kind = Kind::kInteger, .minimum = parameter.minimum, .maximum = parameter.maximum};
      break;
    case ValueKind::kNumber:
      type = {.kind = Kind::kNumber, .minimum = parameter.minimum, .maximum = parameter.maximum};
      break;
    case ValueKind::kBoolean:
      type.kind = Kind::kBoolean;
      break;
    case ValueKind::kDateTime:
      type.kind = Kind::kDateTime;
      break;
    case ValueKind::kDate:
      type.kind = Kind::kDate;
      break;
    case ValueKind::kTime:
      type.kind = Kind::kTime;
      break;
    case ValueKind::kDuration:
      type.kind = Kind::kDuration;
      break;
    case ValueKind::kUrl:
      type = {.kind = Kind::kUrl, .schemes = parameter.schemes};
      break;
    case ValueKind::kFile:
      type.kind = Kind::kFile;
      break;
    case ValueKind::kEnumeration:
      type.kind = Kind::kEnumeration;
      for (const EnumCase& one : parameter.cases) {
        type.cases.push_back({.id = one.id, .title = one.title, .synonyms = one.synonyms});
      }
      break;
    case ValueKind::kEntity:
      type = actions::EntityOf(parameter.entity_type);
      break;
    case ValueKind::kList:
      type = actions::ListOf(TypeOf(parameter.item_kind, parameter));
      break;
  }
  return type;
}

// Each provider has some of the test's actions, with a word of its own in every phrase of all but
// the first ones.
actions::Provider MakeProvider(int number, const std::vector<ActionSpec>& base) {
  actions::Provider provider(absl::StrCat("org.example.Bench", number), "Bench");
  std::vector<std::string> kinds;
  for (int i = 0; i < kActions; ++i) {
    const size_t place = static_cast<size_t>(number) * kActions + i;
    const ActionSpec& spec = base[place % base.size()];
    const std::string tail = place < base.size() ? "" : absl::StrCat(" in app ", number);
    actions::Action action(absl::StrCat("a", i));
    action.Title(spec.title + tail);
    for (const std::string& phrase : spec.phrases) action.Phrase(phrase + tail);
    for (const ParameterSpec& parameter : spec.parameters) {
      action.Parameter(parameter.name, TypeOf(parameter.kind, parameter),
                       {.optional = !parameter.required});
      if (!parameter.entity_type.empty()) kinds.push_back(parameter.entity_type);
    }
    provider.Add(std::move(action));
  }
  std::sort(kinds.begin(), kinds.end());
  kinds.erase(std::unique(kinds.begin(), kinds.end()), kinds.end());
  for (const std::string& kind : kinds) provider.Add(actions::EntityKind(kind, kind));
  return provider;
}

int Run(const std::string& socket) {
  const std::vector<ActionSpec> base = TestActions();
  const std::vector<TestSentence> sentences = ReadTestSentences("sentences_held_out.tsv");
  const absl::StatusOr<intelligence::Client> client =
      intelligence::Client::Connect({.socket_path = socket});
  if (!client.ok() || sentences.empty()) return 1;
  absl::BlockingCounter registered(kProviders);
  const intelligence::Cancellation over;
  std::vector<std::thread> threads;
  for (int number = 0; number < kProviders; ++number) {
    threads.emplace_back([&, number] {
      const absl::Status status =
          MakeProvider(number, base)
              .Serve({.client = {.socket_path = socket},
                      .cancellation = over,
                      .on_registered = [&registered] { registered.DecrementCount(); }});
      if (!status.ok()) std::printf("provider %d: %s\n", number, status.ToString().c_str());
    });
  }
  registered.Wait();
  const actions::Caller caller(*client);
  const auto list = caller.List();
  std::vector<double> times;
  int found = 0;
  for (int round = 0; round < 3; ++round) {
    for (const TestSentence& sentence : sentences) {
      const auto start = std::chrono::steady_clock::now();
      const auto result = caller.Resolve({.utterance = sentence.text});
      const auto end = std::chrono::steady_clock::now();
      if (!result.ok()) std::printf("%s\n", result.status().ToString().c_str());
      // The first one pays for the index.
      if (round > 0)
        times.push_back(std::chrono::duration<double, std::milli>(end - start).count());
      found += result.ok() && !result->candidates.empty() ? 1 : 0;
    }
  }
  std::sort(times.begin(), times.end());
  std::printf(
      "daemon with %zu actions of %d providers: a call in %.2f ms at the median (aim under "
      "20), %.2f at the 95th percentile; %d of %zu sentences found an action\n",
      list.ok() ? list->actions.size() : 0, kProviders, times[times.size() / 2],
      times[times.size() * 95 / 100], found / 3, sentences.size());
  over.Cancel();
  for (std::thread& thread : threads) thread.join();
  return 0;
}

}  // namespace
}  // namespace intelligenced::resolve

int main(int argc, char** argv) { return argc == 2 ? intelligenced::resolve::Run(argv[1]) : 2; }
