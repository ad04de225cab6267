// mlctl models: list, show, remove, load, unload, pin, unpin, default
#include <algorithm>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/json.h"
#include "clients/mlctl/views.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::Client;
using intelligence::Model;

struct NameOptions {
  std::string name;
};

struct ListOptions {
  bool catalogue = false;
  std::string capability;
};

int List(Session& session, const ListOptions& options) {
  absl::StatusOr<Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  absl::StatusOr<std::vector<Model>> models = client->ListModels(
      {.capability = options.capability, .include_catalogue = options.catalogue}, session.Call());
  if (!models.ok()) return session.Fail(models.status());
  if (session.options().json) {
    for (const Model& model : *models) session.out() << Dump(ToJson(model)) << "\n";
  } else if (session.options().quiet) {
    for (const Model& model : *models) session.out() << TerminalSafe(ShortName(model.name)) << "\n";
  } else if (models->empty()) {
    session.Note(options.catalogue ? "There are no such models."
                                   : "No such models are installed. What can be installed: "
                                     "mlctl models list --catalogue");
  } else {
    session.out() << RenderModelList(*models, session.host().columns, session.out_palette());
  }
  return kDone;
}

// Connects, gets one model by invoke(client) and shows or notes it.
template <typename Invoke>
int ChangeModel(Session& session, Invoke invoke, std::string_view done) {
  absl::StatusOr<Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  const absl::StatusOr<Model> model = invoke(*client);
  if (!model.ok()) return session.Fail(model.status());
  if (session.options().json) {
    session.out() << Dump(ToJson(*model)) << "\n";
  } else {
    std::string line = absl::StrCat(TerminalSafe(ShortName(model->name)), " ", done);
    if (model->resident_bytes > 0) {
      absl::StrAppend(&line, " (", FormatBytes(model->resident_bytes), " resident)");
    }
    session.Note(line + ".");
  }
  return kDone;
}

int Show(Session& session, const NameOptions& options) {
  absl::StatusOr<Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  absl::StatusOr<Model> model = client->GetModel(options.name, session.Call());
  if (!model.ok()) return session.Fail(model.status());
  if (session.options().json) {
    session.out() << Dump(ToJson(*model)) << "\n";
  } else {
    session.out() << RenderModel(*model, session.host().now(), session.out_palette());
  }
  return kDone;
}

int Remove(Session& session, const NameOptions& options) {
  absl::StatusOr<Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  absl::StatusOr<uint64_t> freed = client->RemoveModel(options.name, session.Call());
  if (!freed.ok()) return session.Fail(freed.status());
  if (session.options().json) {
    session.out() << Dump({{"freed_bytes", *freed}}) << "\n";
  } else {
    session.Note(absl::StrCat("Removed ", TerminalSafe(ShortName(options.name)), ": ",
                              FormatBytes(*freed), " freed."));
  }
  return kDone;
}

struct DefaultOptions {
  std::string capability;
  std::string model;
  bool clear = false;
};

int ListDefaults(Session& session, const Client& client) {
  absl::StatusOr<std::vector<Model>> models = client.ListModels({}, session.Call());
  if (!models.ok()) return session.Fail(models.status());
  std::vector<std::vector<std::string>> rows;
  Json json = Json::object();
  for (const Model& model : *models) {
    for (const std::string& capability : model.default_for) {
      rows.push_back({capability, ShortName(model.name)});
      json[capability] = model.name;
    }
  }
  if (session.options().json) {
    session.out() << Dump(json) << "\n";
  } else if (rows.empty()) {
    session.Note("No defaults are set: the daemon takes the best model for each capability.");
  } else {
    std::sort(rows.begin(), rows.end());
    session.out() << FormatTable({{.title = "CAPABILITY"}, {.title = "MODEL"}}, rows,
                                 session.host().columns, session.out_palette());
  }
  return kDone;
}

int SetDefault(Session& session, DefaultOptions options) {
  if (!options.capability.empty() && options.model.empty() && !options.clear) {
    return session.FailUsage("say which model: mlctl models default CAPABILITY MODEL");
  }
  absl::StatusOr<Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  if (options.capability.empty()) return ListDefaults(session, *client);
  if (!options.clear) {
    return ChangeModel(
        session,
        [&](const Client& connected) {
          return connected.UpdateModel(
              {.name = options.model, .set_default_for = options.capability}, session.Call());
        },
        absl::StrCat("is now the default for ", options.capability));
  }
  if (options.model.empty()) {
    absl::StatusOr<std::vector<Model>> models = client->ListModels({}, session.Call());
    if (!models.ok()) return session.Fail(models.status());
    for (const Model& model : *models) {
      if (std::count(model.default_for.begin(), model.default_for.end(), options.capability) > 0) {
        options.model = model.name;
      }
    }
    if (options.model.empty()) {
      session.Note(absl::StrCat("There is no default for ", options.capability, "."));
      return kDone;
    }
  }
  return ChangeModel(
      session,
      [&](const Client& connected) {
        return connected.UpdateModel(
            {.name = options.model, .clear_default_for = options.capability}, session.Call());
      },
      absl::StrCat("is no longer the default for ", options.capability));
}

// A command that does one thing to a named model.
template <typename Invoke>
CLI::App* AddNamed(CommandTree& tree, CLI::App* parent, const std::string& name,
                   const std::string& description, const std::string& done, Invoke invoke) {
  auto options = std::make_shared<NameOptions>();
  CLI::App* app = tree.Add(
      parent, name, description, {absl::StrCat("mlctl models ", name, " stories")},
      [options, done, invoke](Session& session) {
        return ChangeModel(
            session, [&](const Client& client) { return invoke(session, client, options->name); },
            done);
      });
  app->add_option("name", options->name, "The model")->required()->type_name(kModelType);
  return app;
}

}  // namespace

void AddModelCommands(CommandTree& tree) {
  CLI::App* models = tree.AddGroup(&tree.root(), "models", "List, get and manage models.");

  auto list = std::make_shared<ListOptions>();
  CLI::App* app = tree.Add(models, "list", "List the models of this machine.",
                           {"mlctl models list", "mlctl models list --catalogue",
                            "mlctl models list --capability writing.proofread"},
                           [list](Session& session) { return List(session, *list); });
  app->add_flag("-a,--all,--catalogue", list->catalogue, "Also what can be installed");
  app->add_option("--capability", list->capability, "Only models with this capability")
      ->type_name("CAPABILITY");

  auto show = std::make_shared<NameOptions>();
  app = tree.Add(models, "show", "Show everything about a model.", {"mlctl models show stories"},
                 [show](Session& session) { return Show(session, *show); });
  app->add_option("name", show->name, "The model")->required()->type_name(kModelType);

  AddModelInstallCommands(tree, models);
  AddModelPerformanceCommands(tree, models);

  auto remove = std::make_shared<NameOptions>();
  app = tree.Add(models, "remove",
                 "Remove an installed model, or one of its functions, from the disk.",
                 {"mlctl models remove stories", "mlctl models remove base/formal"},
                 [remove](Session& session) { return Remove(session, *remove); });
  app->add_option("name", remove->name, "The model")->required()->type_name(kModelType);

  AddNamed(tree, models, "load", "Make a model resident now.", "is ready",
           [](Session& session, const Client& client, const std::string& name) {
             Progress progress(&session);
             progress(intelligence::ModelLoading{.model = name});
             return client.LoadModel(name, session.Call());
           });
  AddNamed(tree, models, "unload", "End a model's residency, once its requests are done.",
           "is unloaded", [](Session& session, const Client& client, const std::string& name) {
             return client.UnloadModel(name, session.Call());
           });
  AddNamed(tree, models, "pin", "Keep a model resident until it is unpinned.", "is pinned",
           [](Session& session, const Client& client, const std::string& name) {
             return client.UpdateModel(
                 {.name = name, .pinned = true, .keep_alive = session.options().keep_alive},
                 session.Call());
           });
  AddNamed(tree, models, "unpin", "Let a pinned model leave when it is idle.", "is unpinned",
           [](Session& session, const Client& client, const std::string& name) {
             return client.UpdateModel(
                 {.name = name, .pinned = false, .keep_alive = session.options().keep_alive},
                 session.Call());
           });

  auto defaults = std::make_shared<DefaultOptions>();
  app = tree.Add(models, "default", "Show or choose the default model for a capability.",
                 {"mlctl models default", "mlctl models default language.generate stories",
                  "mlctl models default --clear language.generate"},
                 [defaults](Session& session) { return SetDefault(session, *defaults); });
  app->add_option("capability", defaults->capability, "For example writing.proofread")
      ->type_name("CAPABILITY");
  app->add_option("name", defaults->model, "The model")->type_name(kModelType);
  app->add_flag("--clear", defaults->clear, "Leave the choice to the daemon again");
}

}  // namespace intelligenced::mlctl
