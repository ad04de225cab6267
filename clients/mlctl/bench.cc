#include "clients/mlctl/bench.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace intelligenced::mlctl {
namespace {

template <typename Value>
std::vector<Value> Each(const std::vector<BenchSample>& samples,
                        const std::function<Value(const BenchSample&)>& of) {
  std::vector<Value> values;
  for (const BenchSample& sample : samples) values.push_back(of(sample));
  return values;
}

absl::Duration MedianFirstText(const std::vector<BenchSample>& samples) {
  return Median(
      Each<absl::Duration>(samples, [](const auto& sample) { return sample.first_text; }));
}

absl::Duration MedianGap(const std::vector<BenchSample>& samples) {
  return Median(
      Each<absl::Duration>(samples, [](const auto& sample) { return sample.longest_gap; }));
}

std::string Speed(double tokens_per_second) {
  return absl::StrFormat("%.*f tokens/s", tokens_per_second < 100 ? 1 : 0, tokens_per_second);
}

double Ratio(absl::Duration value, absl::Duration of) {
  return of > absl::ZeroDuration() ? absl::FDivDuration(value, of) : 0;
}

}  // namespace

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

absl::Duration Median(std::vector<absl::Duration> values) {
  std::vector<double> seconds;
  for (absl::Duration value : values) seconds.push_back(absl::ToDoubleSeconds(value));
  return absl::Seconds(Median(std::move(seconds)));
}

double PromptSpeed(const std::vector<BenchSample>& prompts) {
  return Median(Each<double>(prompts, [](const BenchSample& sample) {
    const double seconds = absl::ToDoubleSeconds(sample.end);
    return seconds > 0 ? sample.input_tokens / seconds : 0.0;
  }));
}

double GenerationSpeed(const std::vector<BenchSample>& beginnings,
                       const std::vector<BenchSample>& generations) {
  const auto end = [](const BenchSample& sample) { return sample.end; };
  const double seconds = absl::ToDoubleSeconds(Median(Each<absl::Duration>(generations, end)) -
                                               Median(Each<absl::Duration>(beginnings, end)));
  const double tokens = Median(
      Each<double>(generations, [](const BenchSample& sample) { return sample.output_tokens; }));
  return seconds > 0 && tokens > 1 ? (tokens - 1) / seconds : 0;
}

double ClientSpeed(const BenchRound& round) {
  return Median(Each<double>(round.samples, [](const BenchSample& sample) {
    const double seconds = absl::ToDoubleSeconds(sample.end);
    return seconds > 0 ? sample.output_tokens / seconds : 0.0;
  }));
}

double AggregateSpeed(const BenchRound& round) {
  double tokens = 0;
  for (const BenchSample& sample : round.samples) tokens += sample.output_tokens;
  const double seconds = absl::ToDoubleSeconds(round.elapsed);
  return seconds > 0 ? tokens / seconds : 0;
}

std::string RenderBench(const BenchResult& result, const Palette& palette) {
  std::vector<std::pair<std::string, std::string>> pairs = {
      {"Model", absl::StrCat(ShortName(result.model), " on ", result.device)},
      {"Loaded in",
       result.load_time > absl::ZeroDuration() ? DurationText(result.load_time) : "was resident"},
      {"Prompt", absl::StrCat(Speed(PromptSpeed(result.prompts)), " (", result.prompt_tokens,
                              " tokens in ", DurationText(MedianFirstText(result.prompts)), ")")},
      {"Generation", Speed(GenerationSpeed(result.beginnings, result.generations))}};
  std::string text = FormatPairs(pairs, palette);
  if (!result.sweep.empty()) {
    std::vector<std::vector<std::string>> rows;
    for (const BenchRound& round : result.sweep) {
      const double speed = AggregateSpeed(round);
      rows.push_back(
          {absl::StrCat(round.clients), Speed(speed),
           absl::StrFormat("%.2f", speed / std::max(1e-9, AggregateSpeed(result.sweep.front()))),
           Speed(ClientSpeed(round)), DurationText(MedianFirstText(round.samples))});
    }
    absl::StrAppend(&text, "\n",
                    FormatTable({{.title = "CLIENTS", .right = true},
                                 {.title = "TOGETHER", .right = true},
                                 {.title = "TIMES", .right = true},
                                 {.title = "EACH", .right = true},
                                 {.title = "FIRST TEXT", .right = true}},
                                rows, 0, palette));
  }
  if (!result.loaded.empty()) {
    const auto row = [](std::string name, absl::Duration idle, absl::Duration loaded) {
      return std::vector<std::string>{std::move(name), DurationText(idle), DurationText(loaded),
                                      absl::StrFormat("%.1f", Ratio(loaded, idle))};
    };
    absl::StrAppend(
        &text, "\n",
        FormatTable(
            {{.title = "INTERACTIVE REQUEST"},
             {.title = "IDLE", .right = true},
             {.title = absl::StrCat("BESIDE ", result.background_tokens, " TOKENS OF BACKGROUND"),
              .right = true},
             {.title = "TIMES", .right = true}},
            {row("First text", MedianFirstText(result.idle), MedianFirstText(result.loaded)),
             row("Longest gap", MedianGap(result.idle), MedianGap(result.loaded))},
            0, palette));
  }
  return text;
}

Json ToJson(const BenchResult& result) {
  const auto seconds = [](absl::Duration duration) { return absl::ToDoubleSeconds(duration); };
  Json json = {{"model", result.model},
               {"device", result.device},
               {"load_time_seconds", seconds(result.load_time)},
               {"prompt",
                {{"tokens", result.prompt_tokens},
                 {"tokens_per_second", PromptSpeed(result.prompts)},
                 {"first_text_seconds", seconds(MedianFirstText(result.prompts))}}},
               {"generation",
                {{"tokens_per_second", GenerationSpeed(result.beginnings, result.generations)}}}};
  Json sweep = Json::array();
  for (const BenchRound& round : result.sweep) {
    sweep.push_back({{"clients", round.clients},
                     {"tokens_per_second", AggregateSpeed(round)},
                     {"each_tokens_per_second", ClientSpeed(round)},
                     {"first_text_seconds", seconds(MedianFirstText(round.samples))}});
  }
  json["concurrency"] = std::move(sweep);
  if (!result.loaded.empty()) {
    const auto state = [&](const std::vector<BenchSample>& samples) {
      return Json{{"first_text_seconds", seconds(MedianFirstText(samples))},
                  {"longest_gap_seconds", seconds(MedianGap(samples))}};
    };
    json["beside_background"] = {{"background_tokens", result.background_tokens},
                                 {"idle", state(result.idle)},
                                 {"loaded", state(result.loaded)}};
  }
  return json;
}

}  // namespace intelligenced::mlctl
