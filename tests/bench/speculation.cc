// Decoding with and without guesses from the input, on texts that the model copies: the same
// engine, the same texts, in turns.
//
// usage: speculation MODEL_FILE SAMPLES.tsv [ROUNDS] [TEXTS] [THREADS] [eager|loose|-] [BEFORE]
//   [AFTER]
// SAMPLES: a line for each text, as given, a tab, as meant. Prints JSON. What is timed is
// generation after the first token, by the clock and (cpu_ratio) in processor time, which means
// something with one thread on a machine that others use too. Medians over the rounds. "eager":
// drafts are not chosen by what pays. "loose": the model's parameter reproducible is false, and a
// text may come out otherwise where two tokens are as likely. BEFORE and AFTER stand around a text
// in the prompt; by default nothing and a line end.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/engines/llama/llama_engine.h"

namespace {

namespace proto = intelligenced::engine_proto;

struct Sample {
  std::string given;
  std::string meant;
};

struct Pass {
  double seconds = 0;
  double cpu_seconds = 0;
  uint64_t tokens = 0;
  uint64_t drafted = 0;
  uint64_t accepted = 0;
  uint64_t batches = 0;
  int as_meant = 0;
  std::vector<std::string> texts;
};

[[noreturn]] void Fail(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

double CpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

struct Form {
  std::string before;
  std::string after = "\n";
};

Pass Run(intelligenced::Model& model, const std::vector<Sample>& samples, const Form& form,
         bool guided, bool eager) {
  Pass pass;
  for (const Sample& sample : samples) {
    proto::Task task;
    proto::GenerateTask* generate = task.mutable_generate();
    generate->set_prompt(form.before + sample.given + form.after);
    generate->set_max_output_tokens(static_cast<uint32_t>(sample.given.size() / 2));
    generate->mutable_sampling()->set_temperature(0);
    if (guided) generate->set_guide_text(sample.given);
    if (guided && eager) generate->set_speculation(proto::SPECULATION_EAGER);
    auto job = model.Start(task, {});
    if (!job.ok()) Fail(job.status().ToString());
    std::string text;
    bool begun = false;
    for (bool done = false; !done;) {
      intelligenced::Job* raw = job->get();
      const auto start = std::chrono::steady_clock::now();
      const double cpu_start = CpuSeconds();
      // One batch at a time.
      auto outputs = model.Step({&raw, 1}, {.budget = absl::ZeroDuration()});
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      const double cpu_took = CpuSeconds() - cpu_start;
      if (!outputs.ok()) Fail(outputs.status().ToString());
      if (!outputs->front().status.ok()) Fail(outputs->front().status.ToString());
      done = outputs->front().done;
      if (begun) {
        pass.seconds += took.count();
        pass.cpu_seconds += cpu_took;
        ++pass.batches;
      }
      for (const proto::Event& event : outputs->front().events) {
        text += event.delta();
        begun = begun || !event.delta().empty();
        if (!event.has_completed()) continue;
        pass.tokens += event.completed().output_tokens() - 1;
        pass.drafted += event.completed().drafted_tokens();
        pass.accepted += event.completed().accepted_tokens();
      }
    }
    pass.as_meant += text == sample.meant;
    pass.texts.push_back(std::move(text));
  }
  return pass;
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3)
    Fail(
        "usage: speculation MODEL_FILE SAMPLES.tsv [ROUNDS] [TEXTS] [THREADS] [eager|loose|-] "
        "[BEFORE] [AFTER]");
  const int rounds = argc > 3 ? std::max(1, std::atoi(argv[3])) : 5;
  const size_t texts = argc > 4 ? std::max(1, std::atoi(argv[4])) : 10;
  std::vector<Sample> samples;
  std::ifstream file(argv[2]);
  for (std::string line; samples.size() < texts && std::getline(file, line);) {
    const size_t tab = line.find('\t');
    if (tab != std::string::npos) samples.push_back({line.substr(0, tab), line.substr(tab + 1)});
  }
  if (samples.empty()) Fail("there are no samples");

  proto::ModelSpec spec;
  spec.set_name("copier");
  spec.set_engine("llama");
  spec.set_threads(argc > 5 ? std::atoi(argv[5]) : 0);
  proto::ModelFile* model_file = spec.add_files();
  model_file->set_role("model");
  model_file->set_path(argv[1]);
  const std::string mode = argc > 6 ? argv[6] : "";
  const bool eager = mode == "eager", loose = mode == "loose";
  if (loose) (*spec.mutable_parameters())["reproducible"] = "false";
  const auto engine = intelligenced::MakeLlamaEngine();
  const auto model = engine->Load(spec, {});
  if (!model.ok()) Fail(model.status().ToString());

  Form form;
  if (argc > 8) form = {argv[7], argv[8]};
  std::vector<double> plain_speed, guided_speed, ratios, cpu_ratios;
  Pass plain, guided;
  Run(**model, {samples.front()}, form, /*guided=*/true, eager);
  for (int round = 0; round < rounds; ++round) {
    plain = Run(**model, samples, form, /*guided=*/false, eager);
    guided = Run(**model, samples, form, /*guided=*/true, eager);
    if (!loose && plain.texts != guided.texts) Fail("speculation changed a text");
    plain_speed.push_back(plain.tokens / plain.seconds);
    guided_speed.push_back(guided.tokens / guided.seconds);
    ratios.push_back(guided_speed.back() / plain_speed.back());
    cpu_ratios.push_back(plain.cpu_seconds / guided.cpu_seconds);
  }
  std::printf(
      "{\"texts\": %zu, \"tokens\": %llu, \"as_meant\": %d, \"plain_tokens_s\": %.1f, "
      "\"guided_tokens_s\": %.1f, \"ratio\": %.3f, \"cpu_ratio\": %.3f, \"drafted\": %llu, "
      "\"accepted\": %llu, "
      "\"tokens_a_batch\": %.2f}\n",
      samples.size(), static_cast<unsigned long long>(guided.tokens), guided.as_meant,
      Median(plain_speed), Median(guided_speed), Median(ratios), Median(cpu_ratios),
      static_cast<unsigned long long>(guided.drafted),
      static_cast<unsigned long long>(guided.accepted),
      static_cast<double>(guided.tokens) / static_cast<double>(guided.batches));
  return 0;
}
