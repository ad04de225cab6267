// How long one step of the text engine takes on texts of the greatest size, 4 MiB, of every shape.
//
// usage: text_steps [--bytes N] [--prose FILE] [KIND…]
// Kinds: prose word words slips punctuation newlines long quotes; default all.
// Prints for each kind and task the longest unit, which is what a step is made of and cannot be
// cut, and the longest step with the usual budget: a step ends with the unit in which its budget
// runs out. All in the thread's own processor time, so that other programs do not count.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "runtime/engines/text/text_engine.h"

namespace intelligenced {
namespace {

constexpr char kParagraph[] =
    "The city council decided on Monday to rebuild the old harbour bridge, which has been closed "
    "since the storm. Their is a eror in this sentance, and it dont look good. She asked whether "
    "the `make` step of https://example.org/build had failed again. Shops on the island have lost "
    "half of their customers; in order to help them the council will pay for their losses.\n\n";

// `piece` again and again.
std::string Repeated(const std::string& piece, size_t bytes) {
  std::string text;
  while (text.size() + piece.size() <= bytes) text += piece;
  return text;
}

std::string TextOf(const std::string& kind, size_t bytes, const std::string& prose) {
  if (kind == "prose") return Repeated(prose.empty() ? kParagraph : prose, bytes);
  if (kind == "word") return std::string(bytes, 'x');
  if (kind == "words") return Repeated("word ", bytes);
  if (kind == "slips") {
    bytes /= 32;  // each is looked for: a whole text takes minutes
    // Every third word is misspelt, no two alike, and no sentence ends.
    const char* const kWords[] = {"separate", "recommend", "environment", "accommodate",
                                  "beginning"};
    std::string text;
    for (uint32_t i = 0; text.size() + 32 < bytes; ++i) {
      std::string word = kWords[i % 5];
      const uint32_t place = 1 + i / 5 % (static_cast<uint32_t>(word.size()) - 2);
      word[place] = static_cast<char>('a' + i / 40 % 26);
      word.insert(1 + i / 1040 % (word.size() - 1), 1, static_cast<char>('a' + i / 9360 % 26));
      text += word + " the bridge ";
    }
    return text;
  }
  if (kind == "punctuation") return Repeated("?!,.;:-(\"'", bytes);
  if (kind == "newlines") return std::string(bytes, '\n');
  if (kind == "long")
    return Repeated("and the bridge which they could of seen their is a long one ", bytes);
  if (kind == "quotes") return Repeated("> - `a <b \"c ", bytes);
  return "";
}

absl::Duration ProcessorTime() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return absl::DurationFromTimespec(now);
}

// The engine's clock, so that its budget is in the same time.
class ProcessorClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::UnixEpoch() + ProcessorTime(); }
  absl::Time WallTime() const override { return absl::Now(); }
};

engine_proto::Task TaskOf(int number, const std::string& text) {
  engine_proto::Task task;
  if (number == 0) {
    task.mutable_proofread()->set_text(text);
    task.mutable_proofread()->set_language("en");
  } else if (number == 1) {
    task.mutable_rewrite()->set_text(text);
    task.mutable_rewrite()->set_language("en");
    task.mutable_rewrite()->set_style(4);
  } else {
    task.mutable_summarize()->set_text(text);
    task.mutable_summarize()->set_type(3);
    task.mutable_summarize()->set_length(3);
  }
  return task;
}

// The longest step and the whole, or false when the task failed.
bool Measure(Model& model, const engine_proto::Task& task, absl::Duration budget,
             absl::Duration& longest, absl::Duration& whole, size_t& steps) {
  absl::Duration before = ProcessorTime();
  const absl::Duration began = before;
  auto job = model.Start(task, {});
  if (!job.ok()) {
    std::cerr << job.status().message() << "\n";
    return false;
  }
  longest = ProcessorTime() - before;
  steps = 0;
  for (bool done = false; !done; ++steps) {
    Job* const jobs[] = {job->get()};
    before = ProcessorTime();
    const auto outputs = model.Step(jobs, {.budget = budget});
    longest = std::max(longest, ProcessorTime() - before);
    if (!outputs.ok() || !outputs->at(0).status.ok()) {
      std::cerr << (outputs.ok() ? outputs->at(0).status : outputs.status()).message() << "\n";
      return false;
    }
    done = outputs->at(0).done;
  }
  whole = ProcessorTime() - began;
  return true;
}

int Run(std::vector<std::string> kinds, size_t bytes, const std::string& prose) {
  const ProcessorClock clock;
  const auto engine = MakeTextEngine(&clock);
  engine_proto::ModelSpec spec;
  spec.set_name("writing-rules");
  for (const auto& [role, path] : {std::pair("affixes", "/usr/share/hunspell/en_US.aff"),
                                   std::pair("dictionary", "/usr/share/hunspell/en_US.dic")}) {
    spec.add_files()->set_role(role);
    spec.mutable_files()->rbegin()->set_path(path);
  }
  const auto model = engine->Load(spec, {});
  if (!model.ok()) {
    std::cerr << model.status().message() << "\n";
    return 1;
  }
  constexpr const char* kTasks[] = {"proofread", "rewrite", "summarize"};
  if (kinds.empty()) {
    kinds = {"prose", "word", "words", "slips", "punctuation", "newlines", "long", "quotes"};
  }
  for (const std::string& kind : kinds) {
    const std::string text = TextOf(kind, bytes, prose);
    for (int number = 0; number < 3; ++number) {
      const engine_proto::Task task = TaskOf(number, text);
      absl::Duration step, unit, whole;
      size_t steps = 0, units = 0;
      if (!Measure(**model, task, absl::ZeroDuration(), unit, whole, units) ||
          !Measure(**model, task, StepOptions().budget, step, whole, steps)) {
        return 1;
      }
      std::printf("%-12s %-10s longest step %6.1f ms, unit %6.1f ms; %zu steps, %.1f s in all\n",
                  kind.c_str(), kTasks[number], absl::ToDoubleMilliseconds(step),
                  absl::ToDoubleMilliseconds(unit), steps, absl::ToDoubleSeconds(whole));
      std::fflush(stdout);
    }
  }
  return 0;
}

}  // namespace
}  // namespace intelligenced

int main(int argc, char** argv) {
  std::vector<std::string> kinds;
  size_t bytes = size_t{4} << 20;
  std::string prose;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--bytes" && i + 1 < argc) {
      if (!absl::SimpleAtoi(argv[++i], &bytes)) return 2;
    } else if (argument == "--prose" && i + 1 < argc) {
      std::ifstream file(argv[++i]);
      prose.assign(std::istreambuf_iterator<char>(file), {});
    } else {
      kinds.push_back(argument);
    }
  }
  return intelligenced::Run(std::move(kinds), bytes, prose);
}
