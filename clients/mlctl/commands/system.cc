// mlctl status, ps and activity
#include <algorithm>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/json.h"
#include "clients/mlctl/views.h"

namespace intelligenced::mlctl {
namespace {

int Status(Session& session) {
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  absl::StatusOr<intelligence::SystemStatus> status = client->GetStatus(session.Call());
  if (!status.ok()) return session.Fail(status.status());
  if (session.options().json) {
    session.out() << Dump(ToJson(*status)) << "\n";
  } else {
    session.out() << RenderStatus(*status, session.out_palette());
  }
  return kDone;
}

int Resident(Session& session) {
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  absl::StatusOr<intelligence::SystemStatus> status = client->GetStatus(session.Call());
  if (!status.ok()) return session.Fail(status.status());
  if (session.options().json) {
    for (const intelligence::Model& model : status->resident_models) {
      session.out() << Dump(ToJson(model)) << "\n";
    }
  } else if (session.options().quiet) {
    for (const intelligence::Model& model : status->resident_models) {
      session.out() << TerminalSafe(ShortName(model.name)) << "\n";
    }
  } else if (status->resident_models.empty()) {
    session.Note("No model is resident.");
  } else {
    session.out() << RenderResident(status->resident_models, session.host().now(),
                                    session.host().columns, session.out_palette());
  }
  return kDone;
}

struct ActivityOptions {
  uint32_t count = 20;
  std::string client;
};

int Activity(Session& session, const ActivityOptions& options) {
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  std::vector<intelligence::ActivityRecord> records;
  intelligence::ListActivityRequest request = {.client = options.client};
  do {
    request.page_size = std::min<uint32_t>(1000, options.count - records.size());
    absl::StatusOr<intelligence::ListActivityResult> page =
        client->ListActivity(request, session.Call());
    if (!page.ok()) return session.Fail(page.status());
    records.insert(records.end(), page->records.begin(), page->records.end());
    request.page_token = page->next_page_token;
  } while (!request.page_token.empty() && records.size() < options.count);
  if (session.options().json) {
    for (const intelligence::ActivityRecord& record : records) {
      session.out() << Dump(ToJson(record)) << "\n";
    }
  } else if (records.empty()) {
    session.Note("Nothing has been asked of the daemon yet.");
  } else {
    session.out() << RenderActivity(records, absl::LocalTimeZone(), session.host().columns,
                                    session.out_palette());
  }
  return kDone;
}

}  // namespace

void AddSystemCommands(CommandTree& tree) {
  tree.Add(&tree.root(), "status", "Show how the daemon is: memory, queues, devices.",
           {"mlctl status", "mlctl status --json | jq .memory"}, Status);
  tree.Add(&tree.root(), "ps", "List the models that are in memory.", {"mlctl ps"}, Resident);
  auto options = std::make_shared<ActivityOptions>();
  CLI::App* app =
      tree.Add(&tree.root(), "activity", "List what was done lately, for whom, and what it took.",
               {"mlctl activity", "mlctl activity -n 100 --json"},
               [options](Session& session) { return Activity(session, *options); });
  app->add_option("-n,--count", options->count, "How many requests (default: 20)")
      ->check(CLI::Range(1, 100000).description(""))
      ->type_name("N");
  app->add_option("--client", options->client, "Only of this client, as the list names it")
      ->type_name("CLIENT");
}

}  // namespace intelligenced::mlctl
