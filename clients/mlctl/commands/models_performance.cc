// mlctl models report and optimize
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/performance_view.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::Client;

int Report(Session& session, const std::string& name) {
  absl::StatusOr<Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  absl::StatusOr<intelligence::ModelReport> report = absl::UnknownError("");
  {
    Progress progress(&session);
    progress.Show("Loading the model …");
    report = client->MeasureModel(
        name, session.Call(), [&](const intelligence::MeasureModelEvent& event) {
          if (const auto* step = std::get_if<intelligence::WorkProgress>(&event)) {
            progress(*step);
          }
        });
  }
  if (!report.ok()) return session.Fail(report.status());
  if (session.options().json) {
    session.out() << Dump(ToJson(*report)) << "\n";
  } else {
    session.out() << RenderReport(*report, session.out_palette());
  }
  return kDone;
}

struct OptimizeOptions {
  std::string name;
  std::vector<std::string> layouts;
  double max_loss = 2;
  std::string new_name;
  bool dry_run = false;
};

int Optimize(Session& session, const OptimizeOptions& options) {
  absl::StatusOr<Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  absl::StatusOr<intelligence::OptimizeModelResult> result = absl::UnknownError("");
  {
    Progress progress(&session);
    result = client->OptimizeModel(
        {.name = options.name,
         .layouts = options.layouts,
         .max_perplexity_increase = options.max_loss / 100,
         .new_name = options.new_name,
         .dry_run = options.dry_run},
        session.Call(), [&](const intelligence::OptimizeModelEvent& event) {
          if (const auto* step = std::get_if<intelligence::OptimizeProgress>(&event)) {
            progress.Show(RenderProgress(*step));
          }
        });
  }
  if (!result.ok()) {
    const int code = session.Fail(result.status());
    if (code == kInterrupted) session.Note("Stopped. Nothing was installed.");
    return code;
  }
  if (session.options().json) {
    session.out() << Dump(ToJson(*result)) << "\n";
    return kDone;
  }
  session.out() << RenderLayouts(*result, session.out_palette());
  if (result->model.has_value()) {
    session.Note(absl::StrCat("Installed: ", TerminalSafe(ShortName(result->model->name)), " (",
                              FormatBytes(result->model->size_bytes),
                              "). It goes before the source, which stays."));
  } else if (options.dry_run) {
    session.Note(absl::StrCat("Best: ", result->best_layout, ". Nothing was installed."));
  } else {
    session.Note("No other layout is faster within the bound. Nothing was installed.");
  }
  return kDone;
}

}  // namespace

void AddModelPerformanceCommands(CommandTree& tree, CLI::App* models) {
  auto name = std::make_shared<std::string>();
  CLI::App* app = tree.Add(
      models, "report",
      "Measure a model on this machine: speeds, memory, load time and where the time goes; of a "
      "language model also how much of the machine's memory bandwidth and arithmetic it uses, of a "
      "network in ONNX the time of each operation, and who runs it.",
      {"mlctl models report stories", "mlctl models report stories --json | jq .memory_share",
       "mlctl models report yunet --json | jq '.operations[0]'"},
      [name](Session& session) { return Report(session, *name); });
  app->add_option("name", *name, "The model")->required()->type_name(kModelType);

  auto options = std::make_shared<OptimizeOptions>();
  app = tree.Add(
      models, "optimize",
      "Convert a language model's weights into the layout that is fastest on this machine: each is "
      "measured, and the best one that is about as good as the source is installed beside it.",
      {"mlctl models optimize base", "mlctl models optimize base --dry-run",
       "mlctl models optimize base --layout Q4_0 --max-loss 5 --name base-fast"},
      [options](Session& session) { return Optimize(session, *options); });
  // "name" would be --name again.
  app->add_option("model", options->name, "The model")->required()->type_name(kModelType);
  app->add_option("--layout", options->layouts, "Try this layout; may be given several times")
      ->allow_extra_args(false)
      ->check(CLI::IsMember({"F16", "Q8_0", "Q4_K_M", "Q4_0"}));
  app->add_option("--max-loss", options->max_loss,
                  "How many percent the perplexity may rise on the sample text")
      ->check(CLI::Range(0.0, 1000.0))
      ->capture_default_str();
  app->add_option("--name", options->new_name,
                  "The name to install it under (default: with the layout behind it)")
      ->type_name("NAME");
  app->add_flag("--dry-run", options->dry_run, "Measure everything, install nothing");
}

}  // namespace intelligenced::mlctl
