#include "clients/mlctl/mcp_tools.h"

#include <intelligence/translation.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/file.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::CallOptions;
using intelligence::Client;

constexpr uint64_t kMaxPictureFile = uint64_t{64} << 20;

using Words = std::vector<std::string_view>;

Json TextProperty(std::string_view description) {
  return {{"type", "string"}, {"description", description}};
}
Json WordProperty(const Words& words, std::string_view description) {
  return {{"type", "string"}, {"enum", words}, {"description", description}};
}
Json ObjectSchema(Json properties, const Words& required) {
  return {{"type", "object"},
          {"properties", std::move(properties)},
          {"required", required},
          {"additionalProperties", false}};
}

// Text, required or not, and nothing else than the schema has.
absl::Status CheckArguments(const Json& arguments, const Json& schema) {
  for (const auto& [name, value] : arguments.items()) {
    const auto property = schema["properties"].find(name);
    if (property == schema["properties"].end()) {
      return absl::InvalidArgumentError(absl::StrCat("There is no argument \"", name, "\"."));
    }
    if (!value.is_string()) {
      return absl::InvalidArgumentError(absl::StrCat("\"", name, "\" is a text."));
    }
    if (property->contains("enum")) {
      bool known = false;
      for (const Json& word : (*property)["enum"]) known = known || word == value;
      if (!known) {
        return absl::InvalidArgumentError(
            absl::StrCat("\"", name, "\" is one of ", Dump((*property)["enum"]), "."));
      }
    }
  }
  for (const Json& name : schema["required"]) {
    if (!arguments.contains(name.get<std::string>())) {
      return absl::InvalidArgumentError(
          absl::StrCat("The argument \"", name.get<std::string>(), "\" is required."));
    }
  }
  return absl::OkStatus();
}

std::string Get(const Json& arguments, const char* name) {
  const auto found = arguments.find(name);
  return found == arguments.end() ? "" : found->get<std::string>();
}

// The place of a word in a list that has the order of the enumeration, from 1; 0 for none.
template <typename Enum>
Enum Choice(const Json& arguments, const char* name, const Words& words) {
  const std::string said = Get(arguments, name);
  for (size_t index = 0; index < words.size(); ++index) {
    if (words[index] == said) return static_cast<Enum>(index + 1);
  }
  return Enum{};
}

const Words& Styles() {
  static const Words kWords = {"rephrase",  "friendly", "professional", "concise",
                               "elaborate", "emojify",  "custom"};
  return kWords;
}
const Words& Tones() {
  static const Words kWords = {"as-is", "more-formal", "more-casual"};
  return kWords;
}
const Words& SummaryTypes() {
  static const Words kWords = {"tldr", "teaser", "key-points", "headline", "list", "table"};
  return kWords;
}
const Words& Lengths() {
  static const Words kWords = {"short", "medium", "long"};
  return kWords;
}

// Progress of any work, told on.
template <typename Event>
Client::OnEvent<Event> Tell(McpCall& call) {
  return [&call](const Event& event) {
    if (const auto* progress = std::get_if<intelligence::WorkProgress>(&event)) {
      call.Progress(progress->done, progress->total, "");
    } else if (std::holds_alternative<intelligence::ModelLoading>(event)) {
      call.Progress(0, 0, "loading the model");
    }
  };
}

using Work = std::function<absl::StatusOr<Json>(const Client&, McpCall&, const Json& arguments,
                                                const CallOptions&)>;

class Maker {
 public:
  explicit Maker(std::function<absl::StatusOr<Client>()> connect) : connect_(std::move(connect)) {}

  void Add(std::string name, std::string title, std::string description, Json properties,
           const Words& required, Work work) {
    McpTool tool{.name = std::move(name),
                 .title = std::move(title),
                 .description = std::move(description),
                 .input_schema = ObjectSchema(std::move(properties), required),
                 .read_only = true};
    tool.run = [connect = connect_, schema = tool.input_schema, work = std::move(work)](
                   McpCall& call, const Json& arguments) -> absl::StatusOr<Json> {
      if (absl::Status status = CheckArguments(arguments, schema); !status.ok()) return status;
      absl::StatusOr<Client> client = connect();
      if (!client.ok()) return client.status();
      return work(*client, call, arguments, {.cancellation = call.cancellation()});
    };
    tools_.push_back(std::move(tool));
  }
  std::vector<McpTool> Take() { return std::move(tools_); }

 private:
  const std::function<absl::StatusOr<Client>()> connect_;
  std::vector<McpTool> tools_;
};

void AddWriting(Maker& maker) {
  maker.Add("proofread", "Proofread a text",
            "Finds mistakes of spelling, grammar and punctuation, on this machine.",
            {{"text", TextProperty("What to proofread.")},
             {"language", TextProperty("BCP-47, for example en-GB. Default: detected.")}},
            {"text"},
            [](const Client& client, McpCall& call, const Json& arguments,
               const CallOptions& options) -> absl::StatusOr<Json> {
              auto result = client.ProofreadText(
                  {.text = Get(arguments, "text"), .language = Get(arguments, "language")}, options,
                  Tell<intelligence::ProofreadTextEvent>(call));
              if (!result.ok()) return result.status();
              return McpText(result->corrected_text, ToJson(*result));
            });
  maker.Add("rewrite", "Rewrite a text", "Rewrites a text in another style or tone.",
            {{"text", TextProperty("What to rewrite.")},
             {"style", WordProperty(Styles(), "Default: rephrase.")},
             {"tone", WordProperty(Tones(), "Default: as the style wants it.")},
             {"instruction", TextProperty("What to do, with the style custom.")}},
            {"text"},
            [](const Client& client, McpCall& call, const Json& arguments,
               const CallOptions& options) -> absl::StatusOr<Json> {
              auto result = client.RewriteText(
                  {.text = Get(arguments, "text"),
                   .style = Choice<intelligence::RewriteStyle>(arguments, "style", Styles()),
                   .tone = Choice<intelligence::Tone>(arguments, "tone", Tones()),
                   .instruction = Get(arguments, "instruction")},
                  options, Tell<intelligence::RewriteTextEvent>(call));
              if (!result.ok()) return result.status();
              return McpText(result->candidates.empty() ? "" : result->candidates[0].text,
                             ToJson(*result));
            });
  maker.Add("summarize", "Summarize a text", "Summarizes a text of any length.",
            {{"text", TextProperty("What to summarize.")},
             {"type", WordProperty(SummaryTypes(), "Default: tldr.")},
             {"length", WordProperty(Lengths(), "Default: medium.")}},
            {"text"},
            [](const Client& client, McpCall& call, const Json& arguments,
               const CallOptions& options) -> absl::StatusOr<Json> {
              auto result = client.SummarizeText(
                  {.text = Get(arguments, "text"),
                   .type = Choice<intelligence::SummaryType>(arguments, "type", SummaryTypes()),
                   .length = Choice<intelligence::SummaryLength>(arguments, "length", Lengths())},
                  options, Tell<intelligence::SummarizeTextEvent>(call));
              if (!result.ok()) return result.status();
              return McpText(result->summary, ToJson(*result));
            });
  maker.Add("compose", "Compose a text", "Writes a text as an instruction says.",
            {{"instruction", TextProperty("What to write.")},
             {"tone", WordProperty(Tones(), "Default: as the instruction wants it.")},
             {"length", WordProperty(Lengths(), "Default: medium.")}},
            {"instruction"},
            [](const Client& client, McpCall& call, const Json& arguments,
               const CallOptions& options) -> absl::StatusOr<Json> {
              auto result = client.ComposeText(
                  {.instruction = Get(arguments, "instruction"),
                   .tone = Choice<intelligence::Tone>(arguments, "tone", Tones()),
                   .length = Choice<intelligence::SummaryLength>(arguments, "length", Lengths())},
                  options, Tell<intelligence::ComposeTextEvent>(call));
              if (!result.ok()) return result.status();
              return McpText(result->text, ToJson(*result));
            });
}

void AddLanguages(Maker& maker) {
  maker.Add("translate", "Translate a text", "Translates a text, on this machine.",
            {{"text", TextProperty("What to translate.")},
             {"target_language", TextProperty("BCP-47: es, fr, pt-BR.")},
             {"source_language", TextProperty("BCP-47. Default: detected.")}},
            {"text", "target_language"},
            [](const Client& client, McpCall& call, const Json& arguments,
               const CallOptions& options) -> absl::StatusOr<Json> {
              auto result = intelligence::Translator(client).Translate(
                  {.text = Get(arguments, "text"),
                   .source_language = Get(arguments, "source_language"),
                   .target_language = Get(arguments, "target_language")},
                  options, Tell<intelligence::TranslateTextEvent>(call));
              if (!result.ok()) return result.status();
              return McpText(result->translation.text,
                             {{"text", result->translation.text},
                              {"source_language", result->route.source_language}});
            });
  maker.Add(
      "detect_language", "Tell a text's language", "Tells which language a text is in.",
      {{"text", TextProperty("The text.")}}, {"text"},
      [](const Client& client, McpCall&, const Json& arguments,
         const CallOptions& options) -> absl::StatusOr<Json> {
        auto result =
            intelligence::Translator(client).Detect({.texts = {Get(arguments, "text")}}, options);
        if (!result.ok()) return result.status();
        Json candidates = Json::array();
        for (const auto& one : result->results.at(0).candidates) {
          candidates.push_back({{"language", one.language_code}, {"confidence", one.confidence}});
        }
        const std::string best =
            candidates.empty() ? "unknown" : candidates[0]["language"].get<std::string>();
        return McpText(best, {{"candidates", std::move(candidates)}});
      });
}

// A picture's file, looked at.
absl::StatusOr<intelligence::AnalyzeImageResult> Look(const Client& client, McpCall& call,
                                                      const Json& arguments,
                                                      const CallOptions& options,
                                                      intelligence::VisionRequestKind kind) {
  const std::string path = Get(arguments, "path");
  if (!absl::StartsWith(path, "/")) {
    return absl::InvalidArgumentError("\"path\" is the absolute path of a picture.");
  }
  absl::StatusOr<std::string> bytes = ReadFile(path, kMaxPictureFile);
  if (!bytes.ok()) return bytes.status();
  return client.AnalyzeImage(
      {.image = {.encoded = *std::move(bytes)}, .requests = {{.kind = std::move(kind)}}}, options,
      Tell<intelligence::AnalyzeImageEvent>(call));
}

void AddPictures(Maker& maker) {
  maker.Add("read_picture", "Read the text in a picture",
            "Recognizes printed text in a picture or a scanned page, on this machine.",
            {{"path", TextProperty("The absolute path of the picture.")}}, {"path"},
            [](const Client& client, McpCall& call, const Json& arguments,
               const CallOptions& options) -> absl::StatusOr<Json> {
              const auto result =
                  Look(client, call, arguments, options, intelligence::RecognizeText{});
              if (!result.ok()) return result.status();
              const auto* text =
                  result->results.empty()
                      ? nullptr
                      : std::get_if<intelligence::RecognizedText>(&result->results[0].kind);
              if (text == nullptr) {
                return absl::InternalError("The model answered something else.");
              }
              return McpText(text->text);
            });
  maker.Add(
      "describe_picture", "Describe a picture", "Says in a sentence what a picture shows.",
      {{"path", TextProperty("The absolute path of the picture.")}}, {"path"},
      [](const Client& client, McpCall& call, const Json& arguments,
         const CallOptions& options) -> absl::StatusOr<Json> {
        const auto result = Look(client, call, arguments, options, intelligence::DescribeImage{});
        if (!result.ok()) return result.status();
        const auto* text = result->results.empty()
                               ? nullptr
                               : std::get_if<intelligence::Description>(&result->results[0].kind);
        if (text == nullptr) {
          return absl::InternalError("The model answered something else.");
        }
        return McpText(text->text);
      });
}

}  // namespace

std::vector<McpTool> ServiceTools(std::function<absl::StatusOr<Client>()> connect) {
  Maker maker(std::move(connect));
  AddWriting(maker);
  AddLanguages(maker);
  AddPictures(maker);
  return maker.Take();
}

}  // namespace intelligenced::mlctl
