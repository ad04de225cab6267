// mlctl models install and import
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/json.h"
#include "clients/mlctl/views.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::Client;
using intelligence::Model;

struct InstallOptions {
  std::string name;
  std::string url;
  std::string sha256;
  std::string install_as;
  bool accept_license = false;
};

// Installs, showing progress; `notice` is set when the daemon wants a licence accepted first.
absl::StatusOr<Model> InstallOnce(Session& session, const Client& client,
                                  const intelligence::InstallModelRequest& request,
                                  std::optional<intelligence::LicenseNotice>& notice) {
  Progress progress(&session);
  return client.InstallModel(
      request, session.Call(), [&](const intelligence::InstallModelEvent& event) {
        if (const auto* license = std::get_if<intelligence::LicenseNotice>(&event)) {
          notice = *license;
        } else if (const auto* step = std::get_if<intelligence::InstallProgress>(&event)) {
          progress.Show(RenderDownload(*step, session.host().columns));
        }
      });
}

// Whether the person accepts. CANCELLED on Ctrl-C.
absl::StatusOr<bool> AskForLicense(Session& session, const intelligence::LicenseNotice& notice) {
  Host& host = session.host();
  *host.err << FormatPairs({{"Model", ShortName(notice.model)},
                            {"Licence", notice.license.empty() ? "not stated" : notice.license},
                            {"From", notice.origin},
                            {"Size", notice.size_bytes == 0 ? "not known"
                                                            : FormatBytes(notice.size_bytes)}},
                           session.err_palette())
            << std::flush;
  *host.err << "Accept the licence and install? [y/N] " << std::flush;
  const absl::StatusOr<std::optional<std::string>> answer = host.read_line();
  if (!answer.ok()) {
    *host.err << "\n" << std::flush;
    return answer.status();
  }
  const std::string word = absl::AsciiStrToLower(absl::StripAsciiWhitespace(answer->value_or("")));
  return word == "y" || word == "yes";
}

int Install(Session& session, const InstallOptions& options) {
  if (options.name.empty() == options.url.empty()) {
    return session.FailUsage(
        "give either a name from the catalogue, or --url with --sha256 and "
        "--name");
  }
  if (!options.url.empty() && (options.sha256.empty() || options.install_as.empty())) {
    return session.FailUsage("--url needs --sha256 and --name");
  }
  absl::StatusOr<Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  intelligence::InstallModelRequest request = {.catalogue_name = options.name,
                                               .url = options.url,
                                               .sha256 = options.sha256,
                                               .name = options.install_as};
  std::optional<intelligence::LicenseNotice> notice;
  absl::StatusOr<Model> model = InstallOnce(session, *client, request, notice);
  if (!model.ok() && model.status().code() == absl::StatusCode::kFailedPrecondition &&
      notice.has_value()) {
    if (options.accept_license) {
      session.Note(absl::StrCat("Accepted the licence ", TerminalSafe(notice->license), " of ",
                                TerminalSafe(ShortName(notice->model)), "."));
    } else if (!session.host().in_is_terminal || !session.host().err_is_terminal) {
      return session.Fail(absl::FailedPreconditionError(
          absl::StrCat(ShortName(notice->model), " comes under the licence ", notice->license,
                       ". Read it, then install with --accept-license")));
    } else {
      absl::StatusOr<bool> accepted = AskForLicense(session, *notice);
      if (!accepted.ok()) return session.Fail(accepted.status());
      if (!*accepted) {
        session.Note("Nothing was installed.");
        return kRefused;
      }
    }
    request.accepted_license = notice->license;
    notice.reset();
    model = InstallOnce(session, *client, request, notice);
  }
  if (!model.ok()) {
    const int code = session.Fail(model.status());
    if (code == kInterrupted) session.Note("Stopped. The same command goes on where it was.");
    return code;
  }
  if (session.options().json) {
    session.out() << Dump(ToJson(*model)) << "\n";
  } else {
    session.Note(absl::StrCat("Installed ", TerminalSafe(ShortName(model->name)), " (",
                              FormatBytes(model->size_bytes), ")."));
  }
  return kDone;
}

struct ImportOptions {
  std::string file;
  std::string name;
  std::string sha256;
  std::string license;
  std::string family;
  std::string projector;
  std::string variant;
  std::vector<std::string> functions;
  std::vector<std::string> capabilities;
};

// "NAME=FILE", "NAME=FILE:SCALE". Nothing when it is neither.
std::optional<intelligence::ImportFunction> ParseFunction(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0 || equals + 1 == text.size()) return {};
  intelligence::ImportFunction function;
  function.name = text.substr(0, equals);
  function.path = text.substr(equals + 1);
  const size_t colon = function.path.rfind(':');
  double scale = 0;
  // A colon may belong to the file's name as well.
  if (colon != std::string::npos && colon > 0 &&
      absl::SimpleAtod(std::string_view(function.path).substr(colon + 1), &scale)) {
    function.scale = scale;
    function.path.resize(colon);
  }
  return function;
}

// "CAPABILITY", for the only function, or "NAME=CAPABILITY".
absl::Status AddCapability(std::string_view text,
                           std::vector<intelligence::ImportFunction>& functions) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    if (functions.size() != 1) {
      return absl::InvalidArgumentError(
          "with several functions, or none, say whose the capability is: --capability "
          "NAME=CAPABILITY");
    }
    functions.front().capabilities.emplace_back(text);
    return absl::OkStatus();
  }
  for (intelligence::ImportFunction& function : functions) {
    if (function.name != text.substr(0, equals)) continue;
    function.capabilities.emplace_back(text.substr(equals + 1));
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--capability names no function of this import: ", text));
}

int Import(Session& session, const ImportOptions& options) {
  intelligence::ImportModelRequest request = {.path = options.file,
                                              .name = options.name,
                                              .sha256 = options.sha256,
                                              .license = options.license,
                                              .family = options.family,
                                              .projector_path = options.projector,
                                              .functions = {},
                                              .variant = options.variant};
  if (!request.projector_path.empty() && request.path.empty()) {
    return session.FailUsage("--projector goes with the model's own file");
  }
  if (!request.family.empty() && request.path.empty()) {
    return session.FailUsage("--family goes with the network's file");
  }
  for (const std::string& text : options.functions) {
    std::optional<intelligence::ImportFunction> function = ParseFunction(text);
    if (!function.has_value()) {
      return session.FailUsage("--function takes NAME=FILE or NAME=FILE:SCALE");
    }
    request.functions.push_back(*std::move(function));
  }
  for (const std::string& text : options.capabilities) {
    if (absl::Status status = AddCapability(text, request.functions); !status.ok()) {
      return session.FailUsage(status.message());
    }
  }
  if (request.path.empty() && request.functions.empty()) {
    return session.FailUsage("give a file, or --function to add one to an installed model");
  }
  absl::StatusOr<Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  absl::StatusOr<Model> model = absl::UnknownError("");
  {
    Progress progress(&session);
    model = client->ImportModel(request, session.Call(), [&](uint64_t sent, uint64_t total) {
      progress.Show(sent == total ? "Checking …"
                                  : absl::StrFormat("Importing … %d %% of %s", 100 * sent / total,
                                                    FormatBytes(total)));
    });
  }
  if (!model.ok()) return session.Fail(model.status());
  if (session.options().json) {
    session.out() << Dump(ToJson(*model)) << "\n";
  } else {
    for (const intelligence::ImportFunction& function : request.functions) {
      session.Note(absl::StrCat("Function: ", ShortName(model->name), "/", function.name));
    }
    session.Note(absl::StrCat(
        "Imported ", TerminalSafe(ShortName(model->name)), " (", FormatBytes(model->size_bytes),
        ", ", model->license.empty() ? "licence unknown" : TerminalSafe(model->license), ")."));
  }
  return kDone;
}

}  // namespace

void AddModelInstallCommands(CommandTree& tree, CLI::App* models) {
  auto install = std::make_shared<InstallOptions>();
  CLI::App* app =
      tree.Add(models, "install",
               "Download a model, verify it and install it. An interrupted download is resumed.",
               {"mlctl models list --catalogue    # what there is", "mlctl models install NAME",
                "mlctl models install --url https://… --sha256 HEX --name my-model"},
               [install](Session& session) { return Install(session, *install); });
  app->add_option("model", install->name, "A name from the catalogue")->type_name(kModelType);
  app->add_option("--url", install->url, "Download from this address instead")->type_name("URL");
  app->add_option("--sha256", install->sha256, "What the file's SHA-256 must be")->type_name("HEX");
  app->add_option("--name", install->install_as, "The name to install it under")->type_name("NAME");
  app->add_flag("--accept-license", install->accept_license, "Accept the licence without asking");

  auto import = std::make_shared<ImportOptions>();
  app = tree.Add(
      models, "import",
      "Install a model from a file or a folder of this machine, or add functions (LoRA "
      "adapters on the same weights) to one.\n"
      "Language models are GGUF files, networks ONNX or TensorFlow Lite files. A folder is "
      "an ONNX export of several files: translators, encoders of text, pipelines that draw.",
      {"mlctl models import stories260K.gguf --name stories",
       "mlctl models import base.gguf --name base --function fix=fix-lora.gguf "
       "--capability writing.proofread",
       "mlctl models import --name base --function formal=formal-lora.gguf:0.8",
       "mlctl models import gemma.gguf --name gemma --projector mmproj-gemma.gguf",
       "mlctl models import faces.onnx --name faces",
       "mlctl models import face_landmark.tflite --name mesh --family face-mesh",
       "mlctl models import opus-mt-en-es/ --name en-es --variant quantized",
       "mlctl models import stable-diffusion/ --name sd --variant fp16",
       "mlctl generate --model base/formal \"Dear\"    # one function of a model"},
      [import](Session& session) { return Import(session, *import); });
  app->add_option("file", import->file,
                  "The file or the folder; none to add functions to an installed model")
      ->type_name(kFileType);
  app->add_option("--name", import->name, "The name to install it under, or of the installed model")
      ->required()
      ->type_name("NAME");
  app->add_option("--family", import->family,
                  "What a network is, for example yunet or face-mesh (default: told by an ONNX "
                  "file's inputs and outputs)")
      ->type_name("FAMILY");
  app->add_option("--projector", import->projector,
                  "The model's projector (mmproj): with it the model takes pictures")
      ->type_name(kFileType);
  app->add_option("--variant", import->variant,
                  "Of a folder with networks in several precisions: quantized, int8 or fp16")
      ->type_name("NAME");
  app->add_option("--function", import->functions,
                  "An adapter of the model; may be given several times. Scale 1 is as trained")
      ->allow_extra_args(false)
      ->type_name("NAME=FILE[:SCALE]");
  app->add_option("--capability", import->capabilities,
                  "What the function serves before its base does, for example writing.proofread")
      ->allow_extra_args(false)
      ->type_name("[NAME=]CAPABILITY");
  app->add_option("--sha256", import->sha256, "What the file's SHA-256 must be")->type_name("HEX");
  app->add_option("--license", import->license, "Its licence (default: what the file says)")
      ->type_name("SPDX");
}

}  // namespace intelligenced::mlctl
