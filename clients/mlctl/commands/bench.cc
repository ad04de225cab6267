// mlctl bench: how fast a model serves, as its clients see it
#include "clients/mlctl/bench.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/mlctl/command_tree.h"
#include "runtime/base/clock.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::CallOptions;
using intelligence::Client;
using intelligence::GenerateTextEvent;
using intelligence::GenerateTextResult;
using intelligence::TextDelta;

// A long prompt that comes in while somebody waits: what a summary of some pages is.
constexpr uint32_t kBackgroundTokens = 2000;
constexpr uint32_t kShortPromptTokens = 32;

struct BenchOptions {
  std::string model;
  uint32_t prompt_tokens = 256;
  uint32_t output_tokens = 64;
  std::vector<int> concurrency = {1, 2, 4, 8};
  int repeat = 3;
  bool no_background = false;
};

class Bench {
 public:
  Bench(Session* session, const Client* client, const BenchOptions& options)
      : client_(*client), options_(options), progress_(session) {
    call_ = session->Call();
    if (!options.model.empty()) call_.model = options.model;
  }

  absl::StatusOr<BenchResult> Run() {
    if (absl::Status status = Prepare(); !status.ok()) return status;
    absl::Status status = MeasureAlone();
    if (status.ok()) status = MeasureSweep();
    if (status.ok() && !options_.no_background) status = MeasureBesideBackground();
    if (!status.ok()) return status;
    return std::move(result_);
  }

 private:
  // Words enough for about so many tokens. No two prompts begin alike, so that nothing of one helps
  // another.
  std::string Prompt(uint32_t tokens) {
    static constexpr std::string_view kWords[] = {"the",   "sea",  "was",   "calm", "and",  "a",
                                                  "small", "boat", "moved", "on",   "past", "it"};
    std::string text = absl::StrCat(++prompts_, " ", absl::ToUnixMicros(clock_.Now()), ":");
    const auto words = static_cast<size_t>(tokens * words_per_token_);
    for (size_t i = 0; i < words; ++i) {
      absl::StrAppend(&text, " ", kWords[(i * 7 + i / 12 + prompts_) % std::size(kWords)]);
    }
    return text;
  }

  // Loads the model and finds out how its tokens relate to words.
  absl::Status Prepare() {
    progress_.Show("Loading the model …");
    const absl::StatusOr<GenerateTextResult> first = client_.GenerateText(
        {.input = Prompt(8), .sampling = {.temperature = 0}, .max_output_tokens = 1}, call_);
    if (!first.ok()) return first.status();
    result_.model = first->usage.model;
    result_.device = first->usage.device;
    result_.load_time = first->usage.load_time;
    // The same model for everything, also where the choice was the daemon's.
    call_.model = first->usage.model;
    constexpr uint32_t kProbeWords = 200;
    const absl::StatusOr<intelligence::CountTokensResult> count =
        client_.CountTokens({.input = Prompt(kProbeWords)}, call_);
    if (!count.ok()) return count.status();
    words_per_token_ = static_cast<double>(kProbeWords) / std::max(1u, count->tokens);
    context_tokens_ = count->context_tokens;
    // Room for the output, and for a prompt that comes out somewhat longer than meant.
    const uint32_t most = context_tokens_ > 64 ? context_tokens_ * 3 / 4 : 16;
    prompt_tokens_ = std::min(options_.prompt_tokens, most);
    output_tokens_ = std::min(options_.output_tokens, std::max(2u, context_tokens_ / 8));
    return absl::OkStatus();
  }

  // One request, timed from here.
  absl::StatusOr<BenchSample> Generate(std::string prompt, uint32_t output_tokens,
                                       const CallOptions& call) const {
    BenchSample sample;
    const absl::Time begin = clock_.Now();
    absl::Time last = absl::InfinitePast();
    const absl::StatusOr<GenerateTextResult> result =
        client_.GenerateText({.input = std::move(prompt),
                              .sampling = {.temperature = 0.8f, .seed = 1},
                              .max_output_tokens = output_tokens},
                             call, [&](const GenerateTextEvent& event) {
                               if (!std::holds_alternative<TextDelta>(event)) return;
                               const absl::Time now = clock_.Now();
                               if (last == absl::InfinitePast()) {
                                 sample.first_text = now - begin;
                               } else {
                                 sample.longest_gap = std::max(sample.longest_gap, now - last);
                               }
                               last = now;
                             });
    if (!result.ok()) return result.status();
    sample.end = clock_.Now() - begin;
    // A model may have nothing to say.
    if (last == absl::InfinitePast()) sample.first_text = sample.end;
    sample.input_tokens = result->usage.input_tokens;
    sample.output_tokens = result->usage.output_tokens;
    return sample;
  }

  absl::Status Add(std::vector<BenchSample>& samples, absl::StatusOr<BenchSample> sample) {
    if (sample.ok()) samples.push_back(*sample);
    return sample.status();
  }

  absl::Status MeasureAlone() {
    for (int i = 0; i < options_.repeat; ++i) {
      progress_.Show("Measuring the prompt's speed …");
      absl::Status status = Add(result_.prompts, Generate(Prompt(prompt_tokens_), 1, call_));
      if (!status.ok()) return status;
      progress_.Show("Measuring generation …");
      status = Add(result_.beginnings, Generate(Prompt(kShortPromptTokens), 1, call_));
      if (!status.ok()) return status;
      status =
          Add(result_.generations, Generate(Prompt(kShortPromptTokens), output_tokens_, call_));
      if (!status.ok()) return status;
    }
    result_.prompt_tokens = result_.prompts.back().input_tokens;
    return absl::OkStatus();
  }

  absl::Status MeasureSweep() {
    for (int clients : options_.concurrency) {
      progress_.Show(absl::StrCat("Measuring ", clients, " at a time …"));
      BenchRound round;
      round.clients = clients;
      std::vector<std::string> prompts;
      for (int i = 0; i < clients; ++i) prompts.push_back(Prompt(prompt_tokens_ / 4));
      std::vector<absl::StatusOr<BenchSample>> samples(clients, absl::UnknownError(""));
      std::vector<std::thread> threads;
      const absl::Time begin = clock_.Now();
      for (int i = 0; i < clients; ++i) {
        threads.emplace_back([this, &sample = samples[i], prompt = prompts[i]] {
          sample = Generate(prompt, output_tokens_, call_);
        });
      }
      for (std::thread& thread : threads) thread.join();
      round.elapsed = clock_.Now() - begin;
      for (absl::StatusOr<BenchSample>& sample : samples) {
        if (absl::Status status = Add(round.samples, std::move(sample)); !status.ok()) {
          return status;
        }
      }
      result_.sweep.push_back(std::move(round));
    }
    return absl::OkStatus();
  }

  absl::Status MeasureBesideBackground() {
    CallOptions interactive = call_;
    interactive.request_class = intelligence::RequestClass::kInteractive;
    CallOptions background = call_;
    background.request_class = intelligence::RequestClass::kBackground;
    const uint32_t tokens = std::min(kBackgroundTokens, context_tokens_ * 3 / 4);
    for (int i = 0; i < options_.repeat; ++i) {
      progress_.Show("Measuring beside background work …");
      absl::Status status =
          Add(result_.idle, Generate(Prompt(kShortPromptTokens), output_tokens_ / 2, interactive));
      if (!status.ok()) return status;
      intelligence::Stream<GenerateTextEvent> stream = client_.StreamGenerateText(
          {.input = Prompt(tokens), .max_output_tokens = output_tokens_}, background);
      // Computing has begun when it says so, or when the prompt was through in no time.
      while (std::optional<GenerateTextEvent> event = stream.Next()) {
        if (std::holds_alternative<intelligence::WorkProgress>(*event) ||
            std::holds_alternative<TextDelta>(*event)) {
          break;
        }
      }
      if (!stream.status().ok()) return stream.status();
      std::thread reader([&] {
        while (stream.Next().has_value()) continue;
      });
      status = Add(result_.loaded,
                   Generate(Prompt(kShortPromptTokens), output_tokens_ / 2, interactive));
      // What counts has been measured; the background work need not end.
      stream.Cancel();
      reader.join();
      if (!status.ok()) return status;
    }
    result_.background_tokens = tokens;
    return absl::OkStatus();
  }

  const Client& client_;
  const BenchOptions& options_;
  const SystemClock clock_;
  Progress progress_;
  CallOptions call_;
  BenchResult result_;
  int prompts_ = 0;
  double words_per_token_ = 1;
  uint32_t context_tokens_ = 0;
  uint32_t prompt_tokens_ = 0;
  uint32_t output_tokens_ = 0;
};

int RunBench(Session& session, const BenchOptions& options) {
  absl::StatusOr<Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  const absl::StatusOr<BenchResult> result = Bench(&session, &*client, options).Run();
  if (!result.ok()) return session.Fail(result.status());
  if (session.options().json) {
    session.out() << Dump(ToJson(*result)) << "\n";
  } else {
    session.out() << RenderBench(*result, session.out_palette());
  }
  return kDone;
}

}  // namespace

void AddBenchCommand(CommandTree& tree) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* app = tree.Add(
      &tree.root(), "bench",
      "Measure how fast a language model serves: prompt and generation speed, several clients at a "
      "time, and how long a request waits beside background work. Medians; other work on the "
      "machine shows in them.",
      {"mlctl bench stories", "mlctl bench stories --concurrency 1,4,16 --repeat 5",
       "mlctl bench --json --no-background | jq .generation"},
      [options](Session& session) { return RunBench(session, *options); });
  app->add_option("name", options->model, "The model, or MODEL/FUNCTION; default: the daemon's")
      ->type_name(kModelType);
  app->add_option("--prompt-tokens", options->prompt_tokens,
                  "Length of the prompts, at most three quarters of the context")
      ->check(CLI::Range(1u, 1'000'000u))
      ->capture_default_str();
  app->add_option("--output-tokens", options->output_tokens, "Length of the answers")
      ->check(CLI::Range(2u, 100'000u))
      ->capture_default_str();
  app->add_option("--concurrency", options->concurrency, "Clients at a time, one round for each")
      ->delimiter(',')
      ->check(CLI::Range(1, 64))
      ->type_name("N,N,…")
      ->capture_default_str();
  app->add_option("--repeat", options->repeat, "Measure everything so often and take the median")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app->add_flag("--no-background", options->no_background, "Leave the background load out");
}

}  // namespace intelligenced::mlctl
