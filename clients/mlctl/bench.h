// What `mlctl bench` measures, put together and shown. Pure functions.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_BENCH_H_
#define INTELLIGENCED_CLIENTS_MLCTL_BENCH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "clients/mlctl/format.h"
#include "clients/mlctl/json.h"

namespace intelligenced::mlctl {

// One generation as its client saw it. Times are from the request on.
struct BenchSample {
  uint32_t input_tokens = 0;
  uint32_t output_tokens = 0;
  // Until the first text came.
  absl::Duration first_text;
  absl::Duration end;
  // Between two pieces of text that followed each other.
  absl::Duration longest_gap;
};

// Requests that ran side by side, and how long all of them took.
struct BenchRound {
  int clients = 1;
  absl::Duration elapsed;
  std::vector<BenchSample> samples;
};

struct BenchResult {
  std::string model;  // as it answered
  std::string device;
  absl::Duration load_time;    // zero: it was resident
  uint32_t prompt_tokens = 0;  // as measured
  // A prompt and one token.
  std::vector<BenchSample> prompts;
  // A short prompt and one token, and the same with many: the difference is generation.
  std::vector<BenchSample> beginnings;
  std::vector<BenchSample> generations;
  std::vector<BenchRound> sweep;
  // A short interactive request, on the idle model and while a long background prompt comes in.
  // Empty: left out.
  uint32_t background_tokens = 0;
  std::vector<BenchSample> idle;
  std::vector<BenchSample> loaded;
};

// The middle one; of an even number the mean of the two. Zero for none.
double Median(std::vector<double> values);
absl::Duration Median(std::vector<absl::Duration> values);

// Input tokens a second of requests for one token: what comes before the first text is the prompt.
double PromptSpeed(const std::vector<BenchSample>& prompts);
// Tokens a second after the first one, by the medians of both. Not by when pieces of text arrived:
// a fast model's first piece may be most of its answer.
double GenerationSpeed(const std::vector<BenchSample>& beginnings,
                       const std::vector<BenchSample>& generations);
// Output tokens of one client a second, its wait for the first one included; the median.
double ClientSpeed(const BenchRound& round);
// Of all clients together: output tokens by the time until the last was done.
double AggregateSpeed(const BenchRound& round);

std::string RenderBench(const BenchResult& result, const Palette& palette);
Json ToJson(const BenchResult& result);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_BENCH_H_
