// mlctl generate and count-tokens
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <ostream>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/commands/sampling.h"
#include "clients/mlctl/commands/text_work.h"
#include "clients/mlctl/json.h"
#include "clients/mlctl/snapshot_view.h"
#include "runtime/base/file.h"

namespace intelligenced::mlctl {
namespace {

// A small picture costs less as bytes than a descriptor, of which an app has few.
absl::StatusOr<intelligence::VisionImage> PictureFrom(const std::string& path) {
  constexpr uintmax_t kSmall = 64 * 1024;
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error) &&
      std::filesystem::file_size(path, error) <= kSmall) {
    std::ifstream file(path, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(file), {}};
    if (file && !bytes.empty()) return intelligence::VisionImage{.encoded = std::move(bytes)};
  }
  return intelligence::VisionImage::FromFile(path);
}

struct PromptOptions {
  std::string prompt;
  bool has_prompt = false;
  std::string file;
  std::string system;
  std::vector<std::string> images;
  bool chat = false;

  void AddTo(CLI::App* app) {
    app->add_option_function<std::string>(
           "prompt",
           [this](const std::string& text) {
             prompt = text;
             has_prompt = text != "-";
           },
           "The text; '-' or nothing: standard input")
        ->type_name("PROMPT");
    app->add_option("-f,--file", file, "Take the text from a file")->type_name(kFileType);
    app->add_flag("--chat", chat, "Ask the model through its chat template");
    app->add_option("--image", images,
                    "Show the model this picture; may be repeated; implies --chat")
        ->allow_extra_args(false)
        ->type_name(kFileType);
    app->add_option("--system", system, "Tell the model first how to be; implies --chat")
        ->type_name("TEXT");
  }

  bool ReadsInput() const { return file.empty() ? !has_prompt : file == "-"; }

  absl::StatusOr<intelligence::GenerateInput> Read(Session& session) const {
    std::string text = prompt;
    if (!has_prompt || !file.empty()) {
      absl::StatusOr<Input> input = ReadInput(session, file.empty() ? "-" : file);
      if (!input.ok()) return input.status();
      text = std::move(input->text);
    }
    if (!chat && system.empty() && images.empty()) return text;
    intelligence::Conversation conversation;
    if (!system.empty()) {
      conversation.messages.push_back({.role = intelligence::Role::kSystem, .text = system});
    }
    conversation.messages.push_back({.role = intelligence::Role::kUser, .text = std::move(text)});
    for (const std::string& file : images) {
      absl::StatusOr<intelligence::VisionImage> image = PictureFrom(file);
      if (!image.ok()) return image.status();
      conversation.messages.back().images.push_back(*std::move(image));
    }
    return conversation;
  }
};

struct GenerateOptions {
  PromptOptions prompt;
  SamplingFlags sampling;
  std::string schema;
};

int FailInput(Session& session, const absl::Status& status) {
  const int code = session.Fail(status);
  return code == kInterrupted ? code : kInputOutput;
}

// Shows an answer inside a schema while it comes, and what came of it at the end.
int GenerateJson(Session& session, const intelligence::Client& client,
                 const intelligence::GenerateTextRequest& request) {
  Progress progress(&session);
  SnapshotView view(&session);
  std::string known = "null";
  absl::StatusOr<intelligence::GenerateTextResult> result = client.GenerateText(
      request, session.Call(), [&](const intelligence::GenerateTextEvent& event) {
        if (const auto* snapshot = std::get_if<intelligence::JsonSnapshot>(&event)) {
          progress.Clear();
          known = snapshot->json;
          view.Show(known);
        } else if (const auto* queued = std::get_if<intelligence::Queued>(&event)) {
          progress(*queued);
        } else if (const auto* loading = std::get_if<intelligence::ModelLoading>(&event)) {
          progress(*loading);
        } else if (const auto* work = std::get_if<intelligence::WorkProgress>(&event)) {
          progress(*work);
        }
      });
  progress.Clear();
  view.Clear();
  if (!result.ok()) return session.Fail(result.status());
  const bool whole = result->finish_reason == intelligence::FinishReason::kStop;
  if (session.options().json) {
    session.out() << Dump(ToJson(*result)) << "\n";
  } else {
    // What was cut short is still JSON.
    const std::string& value = whole ? result->text : known;
    session.WriteText(session.host().out_is_terminal ? PrettyJson(value) : value);
    session.WriteText("\n");
  }
  if (!whole) {
    ReportFinish(session, result->finish_reason);
    session.Note(
        "The answer was cut short, by --max-output-tokens or the end of the model's context; it "
        "need "
        "not follow the schema.");
  }
  session.ReportUsage(result->usage);
  return whole ? kDone : kFound;
}

int FailBothFromInput(Session& session) {
  return session.FailUsage("Standard input cannot be both the schema and the prompt.");
}

int Generate(Session& session, const GenerateOptions& options) {
  if (options.schema == "-" && options.prompt.ReadsInput()) return FailBothFromInput(session);
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  absl::StatusOr<intelligence::GenerateInput> input = options.prompt.Read(session);
  if (!input.ok()) return FailInput(session, input.status());
  intelligence::GenerateTextRequest request = options.sampling.Request(*std::move(input));
  if (!options.schema.empty()) {
    absl::StatusOr<Input> schema = ReadText(session, options.schema);
    if (!schema.ok()) return FailInput(session, schema.status());
    request.response_schema = std::move(schema->text);
    return GenerateJson(session, *client, request);
  }
  // In a pipe the text is exactly the model's.
  TextStream stream(&session, /*exact=*/true);
  absl::StatusOr<intelligence::GenerateTextResult> result =
      client->GenerateText(request, session.Call(),
                           [&](const intelligence::GenerateTextEvent& event) { stream(event); });
  if (!result.ok()) {
    stream.Break();
    return session.Fail(result.status());
  }
  stream.Finish(result->text);
  ReportFinish(session, result->finish_reason);
  if (session.options().json) session.out() << Dump(ToJson(*result)) << "\n";
  session.ReportUsage(result->usage);
  return kDone;
}

struct CountOptions {
  PromptOptions prompt;
  std::string schema;
};

int CountTokens(Session& session, const CountOptions& options) {
  if (options.schema == "-" && options.prompt.ReadsInput()) return FailBothFromInput(session);
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  absl::StatusOr<intelligence::GenerateInput> input = options.prompt.Read(session);
  if (!input.ok()) return FailInput(session, input.status());
  intelligence::GenerateTextRequest request = {.input = *std::move(input)};
  if (!options.schema.empty()) {
    absl::StatusOr<Input> schema = ReadText(session, options.schema);
    if (!schema.ok()) return FailInput(session, schema.status());
    request.response_schema = std::move(schema->text);
  }
  absl::StatusOr<intelligence::CountTokensResult> result =
      client->CountTokens(request, session.Call());
  if (!result.ok()) return session.Fail(result.status());
  if (session.options().json) {
    session.out() << Dump(ToJson(*result)) << "\n";
  } else if (session.host().out_is_terminal && !session.options().quiet) {
    session.out() << FormatCount(result->tokens) << " of the "
                  << FormatCount(result->context_tokens) << " tokens that "
                  << TerminalSafe(ShortName(result->model)) << " takes\n";
  } else {
    session.out() << result->tokens << "\n";
  }
  return kDone;
}

}  // namespace

void AddLanguageModelCommands(CommandTree& tree) {
  auto generate = std::make_shared<GenerateOptions>();
  CLI::App* app =
      tree.Add(&tree.root(), "generate", "Continue a text, or answer with --chat.",
               {"mlctl generate \"Once upon a time\"",
                "mlctl generate --chat \"Name three rivers of Europe.\"",
                "mlctl generate --system \"Answer in one word.\" \"The capital of France?\"",
                "mlctl generate --model stories --temperature 0 --max-output-tokens 60 \"\"",
                "mlctl generate --image cat.jpg \"What animal is this?\"",
                "mlctl generate --chat --schema person.json \"Who wrote the first program?\""},
               [generate](Session& session) { return Generate(session, *generate); });
  generate->prompt.AddTo(app);
  generate->sampling.AddTo(app);
  app->add_option("--schema", generate->schema,
                  "Answer with JSON that follows the JSON Schema in this file; '-': standard input")
      ->type_name(kFileType);

  auto count = std::make_shared<CountOptions>();
  app = tree.Add(
      &tree.root(), "count-tokens", "Count the tokens that a text takes.",
      {"mlctl count-tokens --model stories \"Once upon a time\"", "mlctl count-tokens -f book.txt"},
      [count](Session& session) { return CountTokens(session, *count); });
  count->prompt.AddTo(app);
  app->add_option("--schema", count->schema,
                  "Count what an answer by the JSON Schema in this file adds; '-': standard input")
      ->type_name(kFileType);
}

}  // namespace intelligenced::mlctl
