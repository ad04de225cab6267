// mlctl rewrite, summarize and compose
#include <memory>
#include <ostream>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/commands/text_work.h"
#include "clients/mlctl/json.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::RewriteStyle;
using intelligence::SummaryInputType;
using intelligence::SummaryLength;
using intelligence::SummaryType;
using intelligence::TextFormat;
using intelligence::TextLength;
using intelligence::Tone;

Tone ToneOf(std::string_view word) {
  return ChoiceOf<Tone>(word, {{"as-is", Tone::kAsIs},
                               {"more-formal", Tone::kMoreFormal},
                               {"more-casual", Tone::kMoreCasual}});
}

SummaryLength LengthOf(std::string_view word) {
  return ChoiceOf<SummaryLength>(word, {{"short", SummaryLength::kShort},
                                        {"medium", SummaryLength::kMedium},
                                        {"long", SummaryLength::kLong}});
}

TextFormat FormatOf(std::string_view word) {
  return ChoiceOf<TextFormat>(
      word, {{"plain-text", TextFormat::kPlainText}, {"markdown", TextFormat::kMarkdown}});
}

void AddTone(CLI::App* app, std::string& tone) {
  AddChoice(app, "--tone", tone, {"as-is", "more-formal", "more-casual"}, "The tone");
}

void AddLengthAndFormat(CLI::App* app, std::string& length, std::string& format) {
  AddChoice(app, "--length", length, {"short", "medium", "long"}, "How long (default: short)");
  AddChoice(app, "--format", format, {"plain-text", "markdown"}, "The format");
}

void AddLanguage(CLI::App* app, std::string& language) {
  app->add_option("--language", language, "The language, for example en-GB (default: detected)")
      ->type_name("LANGUAGE");
}

void AddContext(CLI::App* app, std::string& context, const std::string& description) {
  app->add_option("--context", context, description)->type_name("TEXT");
}

// Reads the text, connects, runs call(client, text, stream) and shows its end.
// `text_of` picks the whole text out of the result.
template <typename Call, typename TextOf>
int RunTextWork(Session& session, const TextSource& source, Call call, TextOf text_of) {
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  absl::StatusOr<std::string> text = source.Read(session);
  if (!text.ok()) {
    const int code = session.Fail(text.status());
    return code == kInterrupted ? code : kInputOutput;
  }
  TextStream stream(&session, /*exact=*/false);
  auto result = call(*client, *text, stream);
  if (!result.ok()) {
    stream.Break();
    return session.Fail(result.status());
  }
  stream.Finish(text_of(*result));
  if (session.options().json) session.out() << Dump(ToJson(*result)) << "\n";
  session.ReportUsage(result->usage);
  return kDone;
}

struct RewriteOptions {
  TextSource source;
  std::string style;
  std::string tone;
  std::string length;
  std::string instruction;
  uint32_t candidates = 0;
  std::string language;
};

int Rewrite(Session& session, const RewriteOptions& options) {
  if (options.style == "custom" && options.instruction.empty()) {
    return session.FailUsage("--style custom needs --instruction");
  }
  if (!options.style.empty() && options.style != "custom" && !options.instruction.empty()) {
    return session.FailUsage("--instruction goes with --style custom only");
  }
  const RewriteStyle style =
      !options.instruction.empty()
          ? RewriteStyle::kCustom
          : ChoiceOf<RewriteStyle>(options.style, {{"rephrase", RewriteStyle::kRephrase},
                                                   {"friendly", RewriteStyle::kFriendly},
                                                   {"professional", RewriteStyle::kProfessional},
                                                   {"concise", RewriteStyle::kConcise},
                                                   {"elaborate", RewriteStyle::kElaborate},
                                                   {"emojify", RewriteStyle::kEmojify}});
  auto call = [&](const intelligence::Client& client, const std::string& text, TextStream& stream) {
    const intelligence::RewriteTextRequest request = {
        .text = text,
        .style = style,
        .tone = ToneOf(options.tone),
        .length = ChoiceOf<TextLength>(options.length, {{"as-is", TextLength::kAsIs},
                                                        {"shorter", TextLength::kShorter},
                                                        {"longer", TextLength::kLonger}}),
        .instruction = options.instruction,
        .candidate_count = options.candidates,
        .language = options.language};
    Progress progress(&session);
    return client.RewriteText(
        request, session.Call(), [&](const intelligence::RewriteTextEvent& event) {
          std::visit(
              [&](const auto& value) {
                using Value = std::decay_t<decltype(value)>;
                if constexpr (std::is_same_v<Value, intelligence::CandidateDelta>) {
                  // Several candidates are written side by side and shown when they are whole.
                  progress.Clear();
                  if (options.candidates <= 1) stream.Write(value.text);
                } else if constexpr (!std::is_same_v<Value, intelligence::RewriteTextResult>) {
                  progress(value);
                }
              },
              event);
        });
  };
  return RunTextWork(session, options.source, call,
                     [&](const intelligence::RewriteTextResult& result) {
                       std::string text;
                       for (size_t i = 0; i < result.candidates.size(); ++i) {
                         const intelligence::RewriteCandidate& candidate = result.candidates[i];
                         if (i > 0) absl::StrAppend(&text, text.ends_with('\n') ? "" : "\n", "\n");
                         if (result.candidates.size() > 1) absl::StrAppend(&text, i + 1, ". ");
                         absl::StrAppend(&text, candidate.text);
                         ReportFinish(session, candidate.finish_reason);
                       }
                       return text;
                     });
}

struct SummarizeOptions {
  TextSource source;
  std::string type;
  std::string length;
  std::string format;
  std::string input_type;
  std::string context;
  std::string language;
};

int Summarize(Session& session, const SummarizeOptions& options) {
  auto call = [&](const intelligence::Client& client, const std::string& text, TextStream& stream) {
    const intelligence::SummarizeTextRequest request = {
        .text = text,
        .type = ChoiceOf<SummaryType>(options.type, {{"tldr", SummaryType::kTldr},
                                                     {"teaser", SummaryType::kTeaser},
                                                     {"key-points", SummaryType::kKeyPoints},
                                                     {"headline", SummaryType::kHeadline},
                                                     {"list", SummaryType::kList},
                                                     {"table", SummaryType::kTable}}),
        .length = LengthOf(options.length),
        .format = FormatOf(options.format),
        .input_type = ChoiceOf<SummaryInputType>(
            options.input_type, {{"article", SummaryInputType::kArticle},
                                 {"conversation", SummaryInputType::kConversation}}),
        .shared_context = options.context,
        .language = options.language};
    return client.SummarizeText(
        request, session.Call(),
        [&](const intelligence::SummarizeTextEvent& event) { stream(event); });
  };
  return RunTextWork(session, options.source, call,
                     [&](const intelligence::SummarizeTextResult& result) {
                       ReportFinish(session, result.finish_reason);
                       return result.summary;
                     });
}

struct ComposeOptions {
  TextSource source;
  std::string tone;
  std::string length;
  std::string format;
  std::string context;
  std::string context_file;
  std::string language;
};

int Compose(Session& session, const ComposeOptions& options) {
  std::string context = options.context;
  if (!options.context_file.empty()) {
    absl::StatusOr<Input> input = ReadInput(session, options.context_file);
    if (!input.ok()) {
      session.Fail(input.status());
      return kInputOutput;
    }
    context = std::move(input->text);
  }
  auto call = [&](const intelligence::Client& client, const std::string& instruction,
                  TextStream& stream) {
    const intelligence::ComposeTextRequest request = {.instruction = instruction,
                                                      .tone = ToneOf(options.tone),
                                                      .length = LengthOf(options.length),
                                                      .format = FormatOf(options.format),
                                                      .shared_context = context,
                                                      .language = options.language};
    return client.ComposeText(request, session.Call(),
                              [&](const intelligence::ComposeTextEvent& event) { stream(event); });
  };
  return RunTextWork(session, options.source, call,
                     [&](const intelligence::ComposeTextResult& result) {
                       ReportFinish(session, result.finish_reason);
                       return result.text;
                     });
}

}  // namespace

void AddWritingCommands(CommandTree& tree) {
  auto rewrite = std::make_shared<RewriteOptions>();
  CLI::App* app = tree.Add(&tree.root(), "rewrite", "Say the same in another way.",
                           {"mlctl rewrite --style concise letter.txt",
                            "mlctl rewrite --tone more-formal --text \"Can't make it, sorry!\"",
                            "mlctl rewrite --instruction \"as a pirate would say it\" < notes.txt"},
                           [rewrite](Session& session) { return Rewrite(session, *rewrite); });
  rewrite->source.AddTo(app);
  AddChoice(app, "-s,--style", rewrite->style,
            {"rephrase", "friendly", "professional", "concise", "elaborate", "emojify", "custom"},
            "The style (default: rephrase)");
  AddTone(app, rewrite->tone);
  AddChoice(app, "--length", rewrite->length, {"as-is", "shorter", "longer"}, "The length");
  app->add_option("--instruction", rewrite->instruction, "How to rewrite, in words")
      ->type_name("TEXT");
  app->add_option("-n,--candidates", rewrite->candidates, "How many different answers, 1 to 4")
      ->check(CLI::Range(1, 4))
      ->type_name("N");
  AddLanguage(app, rewrite->language);

  auto summarize = std::make_shared<SummarizeOptions>();
  app = tree.Add(&tree.root(), "summarize", "Say the gist of a text.",
                 {"mlctl summarize article.txt",
                  "mlctl summarize --type key-points --length long "
                  "report.txt",
                  "mlctl summarize --input-type conversation --type list chat.log"},
                 [summarize](Session& session) { return Summarize(session, *summarize); });
  summarize->source.AddTo(app);
  AddChoice(app, "--type", summarize->type,
            {"tldr", "teaser", "key-points", "headline", "list", "table"},
            "What kind of summary (default: tldr)");
  AddLengthAndFormat(app, summarize->length, summarize->format);
  AddChoice(app, "--input-type", summarize->input_type, {"article", "conversation"},
            "What the text is (default: article)");
  AddContext(app, summarize->context, "What the reader knows already, or wants it for");
  AddLanguage(app, summarize->language);

  auto compose = std::make_shared<ComposeOptions>();
  app = tree.Add(&tree.root(), "compose", "Write a text from an instruction.",
                 {"mlctl compose --text \"Decline the invitation politely\"",
                  "mlctl compose --context-file mail.txt -t \"Answer that Tuesday suits us\"",
                  "echo \"A limerick about sockets\" | mlctl compose"},
                 [compose](Session& session) { return Compose(session, *compose); });
  app->add_option_function<std::string>(
         "instruction",
         [compose](const std::string& text) {
           if (text == "-") return;
           compose->source.text = text;
           compose->source.has_text = true;
         },
         "What to write; '-' or nothing: standard input")
      ->type_name("TEXT");
  app->add_option_function<std::string>(
         "-t,--text",
         [compose](const std::string& text) {
           compose->source.text = text;
           compose->source.has_text = true;
         },
         "The same as an option")
      ->type_name("TEXT");
  AddTone(app, compose->tone);
  AddLengthAndFormat(app, compose->length, compose->format);
  AddContext(app, compose->context, "Text to take into account");
  app->add_option("--context-file", compose->context_file, "Take the context from a file")
      ->type_name(kFileType);
  AddLanguage(app, compose->language);
}

}  // namespace intelligenced::mlctl
