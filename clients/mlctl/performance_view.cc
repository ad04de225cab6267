#include "clients/mlctl/performance_view.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::LayoutResult;
using intelligence::ModelReport;
using intelligence::OperationTime;
using intelligence::OptimizeModelResult;
using intelligence::OptimizeProgress;

std::string Rate(double tokens_per_second) {
  return absl::StrFormat("%.*f", tokens_per_second < 100 ? 1 : 0, tokens_per_second);
}

std::string Percent(double share) { return absl::StrFormat("%.0f %%", 100 * share); }

// Shares of a limit that a model can get past when it stays in a cache.
std::string Share(double share, std::string_view of) {
  return absl::StrCat(Percent(share), " of ", of,
                      share > 1 ? " (part of the weights stays in the cache)" : "");
}

// A network has no prompt and no tokens.
std::string RenderNetwork(const ModelReport& report, const Palette& palette) {
  std::string text = FormatPairs(
      {{"Model", ShortName(report.model)},
       {"Weights", FormatBytes(report.weight_bytes)},
       {"Threads", absl::StrCat(report.threads)},
       {"Loaded in", DurationText(report.load_time)},
       {"Memory", FormatBytes(report.resident_bytes)},
       {"Values", absl::StrCat(FormatBytes(report.working_bytes), " at most, beside the weights")},
       {"One run", absl::StrCat(DurationText(report.run_time), ", the median of ", report.runs)}},
      palette);
  std::vector<std::vector<std::string>> rows;
  for (const intelligence::Partition& partition : report.partitions) {
    rows.push_back(
        {partition.provider, absl::StrCat(partition.operations), Percent(partition.share)});
  }
  absl::StrAppend(&text, "\n",
                  FormatTable({{.title = "PARTITION"},
                               {.title = "OPERATIONS", .right = true},
                               {.title = "SHARE", .right = true}},
                              rows, 0, palette));
  // Every kind of operation, and the nodes that take longest.
  constexpr size_t kMostNodes = 12;
  rows.clear();
  size_t nodes = 0;
  for (const OperationTime& operation : report.operations) {
    if (operation.phase == "node" && ++nodes > kMostNodes) continue;
    rows.push_back({operation.phase == "node" ? "node" : "kind", operation.operation,
                    Percent(operation.share), absl::StrCat(operation.count),
                    DurationText(operation.time), operation.provider});
  }
  absl::StrAppend(&text, "\n",
                  FormatTable({{.title = ""},
                               {.title = "OPERATION"},
                               {.title = "SHARE", .right = true},
                               {.title = "COUNT", .right = true},
                               {.title = "TIME", .right = true},
                               {.title = "PROVIDER"}},
                              rows, 0, palette));
  return text;
}

}  // namespace

std::string RenderReport(const ModelReport& report, const Palette& palette) {
  if (report.runs > 0) return RenderNetwork(report, palette);
  std::vector<std::pair<std::string, std::string>> pairs = {
      {"Model", ShortName(report.model)},
      {"Weights", absl::StrCat(FormatBytes(report.weight_bytes), ", mostly ", report.layout)},
      {"Threads", absl::StrCat(report.threads)},
      {"Loaded in", DurationText(report.load_time)},
      {"Memory", FormatBytes(report.resident_bytes)},
      {"Prompt", absl::StrCat(Rate(report.prompt_tokens_per_second), " tokens/s in batches of ",
                              report.prompt_batch_tokens)},
      {"Generation", absl::StrCat(Rate(report.output_tokens_per_second), " tokens/s")},
      {"Perplexity", absl::StrFormat("%.3f on %u tokens of the sample text", report.perplexity,
                                     report.perplexity_tokens)}};
  if (report.memory_bytes_per_second > 0) {
    pairs.emplace_back("Memory limit", absl::StrFormat("%.1f GB/s read; generation uses %s",
                                                       report.memory_bytes_per_second / 1e9,
                                                       Share(report.memory_share, "it")));
  }
  if (report.operations_per_second > 0) {
    pairs.emplace_back("Arithmetic limit",
                       absl::StrFormat("%.1f G operations/s with %s; the prompt uses %s",
                                       report.operations_per_second / 1e9, report.layout,
                                       Percent(report.arithmetic_share) + " of it"));
  }
  std::string text = FormatPairs(pairs, palette);
  std::vector<std::vector<std::string>> rows;
  for (const OperationTime& operation : report.operations) {
    rows.push_back({operation.phase, operation.operation, Percent(operation.share),
                    absl::StrCat(operation.count), DurationText(operation.time)});
  }
  if (!rows.empty()) {
    absl::StrAppend(&text, "\n",
                    FormatTable({{.title = "PHASE"},
                                 {.title = "OPERATION"},
                                 {.title = "SHARE", .right = true},
                                 {.title = "COUNT", .right = true},
                                 {.title = "TIME", .right = true}},
                                rows, 0, palette));
  }
  return text;
}

Json ToJson(const ModelReport& report) {
  Json operations = Json::array();
  for (const OperationTime& operation : report.operations) {
    operations.push_back({{"phase", operation.phase},
                          {"operation", operation.operation},
                          {"share", operation.share},
                          {"count", operation.count},
                          {"time_seconds", absl::ToDoubleSeconds(operation.time)}});
    if (!operation.provider.empty()) operations.back()["provider"] = operation.provider;
  }
  if (report.runs > 0) {
    Json partitions = Json::array();
    for (const intelligence::Partition& partition : report.partitions) {
      partitions.push_back({{"provider", partition.provider},
                            {"operations", partition.operations},
                            {"share", partition.share}});
    }
    return {{"model", report.model},
            {"weight_bytes", report.weight_bytes},
            {"threads", report.threads},
            {"load_time_seconds", absl::ToDoubleSeconds(report.load_time)},
            {"resident_bytes", report.resident_bytes},
            {"working_bytes", report.working_bytes},
            {"run_time_seconds", absl::ToDoubleSeconds(report.run_time)},
            {"runs", report.runs},
            {"partitions", std::move(partitions)},
            {"operations", std::move(operations)}};
  }
  return {{"model", report.model},
          {"layout", report.layout},
          {"weight_bytes", report.weight_bytes},
          {"threads", report.threads},
          {"load_time_seconds", absl::ToDoubleSeconds(report.load_time)},
          {"resident_bytes", report.resident_bytes},
          {"prompt_tokens_per_second", report.prompt_tokens_per_second},
          {"prompt_batch_tokens", report.prompt_batch_tokens},
          {"output_tokens_per_second", report.output_tokens_per_second},
          {"perplexity", report.perplexity},
          {"perplexity_tokens", report.perplexity_tokens},
          {"memory_bytes_per_second", report.memory_bytes_per_second},
          {"operations_per_second", report.operations_per_second},
          {"memory_share", report.memory_share},
          {"arithmetic_share", report.arithmetic_share},
          {"operations", std::move(operations)}};
}

std::string RenderLayouts(const OptimizeModelResult& result, const Palette& palette) {
  std::vector<std::vector<std::string>> rows;
  for (const LayoutResult& layout : result.results) {
    std::string note = layout.is_source ? "as it is" : layout.within_bound ? "" : "too much lost";
    if (layout.layout == result.best_layout)
      absl::StrAppend(&note, note.empty() ? "" : ", ", "best");
    rows.push_back({layout.layout, FormatBytes(layout.size_bytes),
                    Rate(layout.prompt_tokens_per_second), Rate(layout.output_tokens_per_second),
                    absl::StrFormat("%.2f s", layout.typical_seconds),
                    absl::StrFormat("%.3f", layout.perplexity),
                    absl::StrFormat("%+.1f %%", 100 * layout.perplexity_increase), note});
  }
  return FormatTable({{.title = "LAYOUT"},
                      {.title = "SIZE", .right = true},
                      {.title = "PROMPT TOKENS/S", .right = true},
                      {.title = "OUTPUT TOKENS/S", .right = true},
                      {.title = "512 + 128", .right = true},
                      {.title = "PERPLEXITY", .right = true},
                      {.title = "CHANGE", .right = true},
                      {.title = ""}},
                     rows, 0, palette);
}

Json ToJson(const OptimizeModelResult& result) {
  Json layouts = Json::array();
  for (const LayoutResult& layout : result.results) {
    layouts.push_back({{"layout", layout.layout},
                       {"is_source", layout.is_source},
                       {"size_bytes", layout.size_bytes},
                       {"prompt_tokens_per_second", layout.prompt_tokens_per_second},
                       {"output_tokens_per_second", layout.output_tokens_per_second},
                       {"perplexity", layout.perplexity},
                       {"perplexity_increase", layout.perplexity_increase},
                       {"within_bound", layout.within_bound},
                       {"typical_seconds", layout.typical_seconds}});
  }
  Json json = {{"results", std::move(layouts)}, {"best_layout", result.best_layout}};
  if (result.model.has_value()) json["model"] = ToJson(*result.model);
  return json;
}

std::string RenderProgress(const OptimizeProgress& progress) {
  const std::string what =
      progress.phase == OptimizeProgress::Phase::kConverting
          ? absl::StrCat("Converting to ", progress.layout)
          : absl::StrCat("Measuring ", progress.layout.empty() ? "as it is" : progress.layout);
  if (progress.total == 0) return what + " …";
  return absl::StrFormat("%s … %d %%", what, 100 * progress.done / progress.total);
}

}  // namespace intelligenced::mlctl
