// mlctl tensor
#include <intelligence/client.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/npy.h"
#include "clients/mlctl/tensor_json.h"
#include "runtime/base/file.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::RunModelRequest;
using intelligence::Tensor;

// Tensors of 64 MiB, and their header.
constexpr size_t kMaxFileBytes = (size_t{64} << 20) + (size_t{64} << 10);

struct Options {
  std::string model;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::string output_folder;
};

int Signature(Session& session, const Options& options) {
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  Progress progress(&session);
  progress.Show("Loading the model …");
  const absl::StatusOr<intelligence::ModelSignature> signature =
      client->GetModelSignature(options.model, session.Call());
  progress.Clear();
  if (!signature.ok()) return session.Fail(signature.status());
  if (session.options().json) {
    session.out() << Dump(ToJson(*signature)) << "\n";
  } else {
    const std::string text = RenderSignature(*signature, session.out_palette());
    session.out() << text;
  }
  return kDone;
}

// "name=file.npy".
absl::StatusOr<Tensor> ReadTensor(const std::string& argument) {
  const size_t sign = argument.find('=');
  if (sign == std::string::npos || sign == 0 || sign + 1 == argument.size()) {
    return absl::InvalidArgumentError("--input takes NAME=FILE.npy, for example x=values.npy");
  }
  const std::string path = argument.substr(sign + 1);
  const absl::StatusOr<std::string> bytes = ReadFile(path, kMaxFileBytes);
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<Tensor> tensor = ParseNpy(*bytes);
  if (!tensor.ok()) {
    return absl::Status(tensor.status().code(),
                        absl::StrCat(path, ": ", tensor.status().message()));
  }
  tensor->name = argument.substr(0, sign);
  return tensor;
}

absl::StatusOr<RunModelRequest> ReadRequest(Session& session, const Options& options) {
  RunModelRequest request;
  if (options.inputs.empty()) {
    const absl::StatusOr<std::string> text = session.host().read_input();
    if (!text.ok()) return text.status();
    absl::StatusOr<RunModelRequest> parsed = ParseRunModelRequest(*text);
    if (!parsed.ok()) return parsed.status();
    request = *std::move(parsed);
  }
  for (const std::string& argument : options.inputs) {
    absl::StatusOr<Tensor> tensor = ReadTensor(argument);
    if (!tensor.ok()) return tensor.status();
    request.inputs.push_back(*std::move(tensor));
  }
  if (!options.outputs.empty()) request.outputs = options.outputs;
  return request;
}

// The model's names may hold anything; a file's name holds letters, digits, '.', '_' and '-'.
std::string FileName(const std::string& name, std::set<std::string>& taken) {
  std::string base;
  for (const char c : name) {
    base.push_back(
        absl::ascii_isalnum(c) || c == '_' || c == '-' || (c == '.' && !base.empty()) ? c : '_');
  }
  base.resize(std::min<size_t>(base.size(), 200));
  std::string file = base + ".npy";
  for (int i = 2; !taken.insert(file).second; ++i) file = absl::StrCat(base, "-", i, ".npy");
  return file;
}

absl::Status WriteTensors(const std::vector<Tensor>& tensors, const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot make the folder ", folder));
  }
  std::set<std::string> taken;
  FileSystem files;
  for (const Tensor& tensor : tensors) {
    const absl::StatusOr<std::string> bytes = FormatNpy(tensor);
    if (!bytes.ok()) return bytes.status();
    const std::string path = absl::StrCat(folder, "/", FileName(tensor.name, taken));
    absl::Status status = WriteFileAtomically(files, path, *bytes, 0644);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

int RunOnTensors(Session& session, const Options& options) {
  const absl::StatusOr<RunModelRequest> request = ReadRequest(session, options);
  if (!request.ok()) return session.Fail(request.status());
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  intelligence::CallOptions call = session.Call();
  call.model = options.model;
  Progress progress(&session);
  progress.Show("Running the model …");
  const absl::StatusOr<intelligence::RunModelResult> result = client->RunModel(*request, call);
  progress.Clear();
  if (!result.ok()) return session.Fail(result.status());
  if (!options.output_folder.empty()) {
    absl::Status status = WriteTensors(result->outputs, options.output_folder);
    if (!status.ok()) return session.Fail(status);
  }
  if (session.options().json) {
    session.out() << Dump(ToJson(*result)) << "\n";
  } else {
    std::string text = RenderTensors(result->outputs, session.out_palette());
    session.out() << text;
  }
  session.ReportUsage(result->usage);
  return kDone;
}

}  // namespace

void AddTensorCommands(CommandTree& tree) {
  CLI::App* group = tree.AddGroup(&tree.root(), "tensor", "Run networks of your own on tensors.");
  auto signature = std::make_shared<Options>();
  CLI::App* app =
      tree.Add(group, "signature", "What a network takes and gives: names, types and shapes.",
               {"mlctl models import network.onnx --name mine", "mlctl tensor signature mine",
                "mlctl tensor signature mine --json | jq '.inputs[].name'"},
               [signature](Session& session) { return Signature(session, *signature); });
  app->add_option("model", signature->model, "The model")->required()->type_name(kModelType);

  auto run = std::make_shared<Options>();
  app = tree.Add(
      group, "run",
      "Run a network once.\n"
      "Its inputs are .npy files (numpy.save), or JSON on standard input.",
      {"mlctl tensor run mine --input x=values.npy --output-dir out",
       "mlctl tensor run mine --input x=values.npy --output y --json | jq '.outputs[0].values'",
       "echo '{\"inputs\": [{\"name\": \"x\", \"values\": [[1, 2, 3]]}]}' | mlctl tensor run mine"},
      [run](Session& session) { return RunOnTensors(session, *run); });
  app->add_option("model", run->model, "The model")->required()->type_name(kModelType);
  app->add_option("--input", run->inputs,
                  "An input and its file: NAME=FILE.npy; may be given again")
      ->allow_extra_args(false)
      ->type_name("NAME=FILE");
  app->add_option("--output", run->outputs, "Give only this output; may be given again")
      ->allow_extra_args(false)
      ->type_name("NAME");
  app->add_option("--output-dir", run->output_folder, "Write each output there as NAME.npy")
      ->type_name("FOLDER");
}

}  // namespace intelligenced::mlctl
