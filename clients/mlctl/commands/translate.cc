// mlctl translate and languages
#include <intelligence/translation.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/commands/text_work.h"
#include "clients/mlctl/json.h"
#include "clients/mlctl/translatable.h"
#include "runtime/base/utf8.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::TranslateBatchEvent;
using intelligence::TranslateItem;
using intelligence::TranslateItemResult;
using intelligence::TranslationFormat;
using intelligence::TranslationRoute;

// A text longer than this goes as a batch of paragraphs.
constexpr size_t kWholeText = 1 << 20;

struct TranslateOptions {
  std::string to;
  std::string from;
  std::vector<std::string> files;
  std::string text;
  bool has_text = false;
  bool batch = false;
  bool in_order = false;
  bool html = false;
  bool markdown = false;
  bool mark_unknown = false;
  bool in_place = false;
  bool no_fuzzy = false;
  std::string output;
  std::string strategy;

  intelligence::TranslationStrategy strategy_value() const {
    return ChoiceOf<intelligence::TranslationStrategy>(
        strategy, {{"low-latency", intelligence::TranslationStrategy::kLowLatency},
                   {"high-fidelity", intelligence::TranslationStrategy::kHighFidelity}});
  }
  TranslationFormat format() const {
    if (html) return TranslationFormat::kHtml;
    return markdown ? TranslationFormat::kMarkdown : TranslationFormat::kPlainText;
  }
  intelligence::TranslateBatchRequest BatchRequest(TranslationFormat format) const {
    return {
        .source_language = from,
        .target_language = to,
        .strategy = strategy_value(),
        .format = format,
        .mark_unknown = mark_unknown,
        .order = in_order ? intelligence::BatchOrder::kAsSent : intelligence::BatchOrder::kAsReady};
  }
};

Json RangesToJson(const std::vector<intelligence::TextRange>& ranges) {
  Json list = Json::array();
  for (const intelligence::TextRange& range : ranges) {
    list.push_back({{"start", range.start}, {"end", range.end}});
  }
  return list;
}

Json RouteToJson(const TranslationRoute& route) {
  Json steps = Json::array();
  for (const intelligence::TranslationStep& step : route.steps) {
    steps.push_back({{"source_language", step.source_language},
                     {"target_language", step.target_language},
                     {"model", step.model}});
  }
  return {{"source_language", route.source_language},
          {"source_detected", route.source_detected},
          {"pivot_language", route.pivot_language},
          {"steps", std::move(steps)}};
}

void NoteRoute(Session& session, const TranslationRoute& route) {
  if (!route.pivot_language.empty()) {
    session.Note(
        absl::StrCat("There is no direct way: translated through ", route.pivot_language, "."));
  }
}

// Translates the texts of a file, in order. The first failure of an item is the file's.
absl::StatusOr<std::vector<std::string>> TranslateAll(Session& session,
                                                      const intelligence::Translator& translator,
                                                      const TranslateOptions& options,
                                                      TranslationFormat format,
                                                      const std::vector<std::string>& texts) {
  std::vector<std::string> translations(texts.size());
  if (texts.empty()) return translations;
  Progress progress(&session);
  absl::Status failed;
  size_t next = 0;
  size_t done = 0;
  const auto result = translator.Batch(
      options.BatchRequest(format),
      [&]() -> std::optional<TranslateItem> {
        if (next >= texts.size()) return std::nullopt;
        return TranslateItem{.text = texts[next++]};
      },
      [&](const TranslateBatchEvent& event) {
        if (const auto* item = std::get_if<TranslateItemResult>(&event)) {
          if (!item->error_reason.empty() && failed.ok()) {
            failed = absl::InvalidArgumentError(
                absl::StrCat("Text ", item->index + 1, " of ", texts.size(), ": ",
                             item->error_message, " (", item->error_reason, ")"));
          }
          if (item->index < translations.size()) {
            translations[item->index] = item->translation.text;
          }
          progress.Show(absl::StrCat("Translated ", ++done, " of ", texts.size()));
        } else if (const auto* route = std::get_if<TranslationRoute>(&event)) {
          progress.Clear();
          NoteRoute(session, *route);
        } else if (const auto* queued = std::get_if<intelligence::Queued>(&event)) {
          progress(*queued);
        } else if (const auto* loading = std::get_if<intelligence::ModelLoading>(&event)) {
          progress(*loading);
        }
      },
      session.Call());
  if (!result.ok()) return result.status();
  if (!failed.ok()) return failed;
  return translations;
}

std::vector<std::string> Paragraphs(std::string_view text) {
  std::vector<std::string> paragraphs;
  while (!text.empty()) {
    size_t end = text.find("\n\n");
    end = end == std::string_view::npos ? text.size() : end + 2;
    // A paragraph without end is cut between characters.
    end = std::min(end, FloorToCharBorder(text, std::min(text.size(), kWholeText)));
    paragraphs.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return paragraphs;
}

// What a file is, by its name.
absl::StatusOr<std::optional<Translatable>> ParseByName(const TranslateOptions& options,
                                                        const Input& input) {
  const std::string name = absl::AsciiStrToLower(input.path);
  absl::StatusOr<Translatable> parsed = absl::NotFoundError("");
  if (absl::EndsWith(name, ".srt")) {
    parsed = ParseSubtitles(input.text, SubtitleFormat::kSubRip);
  } else if (absl::EndsWith(name, ".vtt")) {
    parsed = ParseSubtitles(input.text, SubtitleFormat::kWebVtt);
  } else if (absl::EndsWith(name, ".po") || absl::EndsWith(name, ".pot")) {
    parsed = ParsePo(input.text, {.mark_fuzzy = !options.no_fuzzy});
  } else {
    return std::nullopt;
  }
  if (!parsed.ok()) {
    return absl::Status(parsed.status().code(),
                        absl::StrCat(input.name, ": ", parsed.status().message()));
  }
  return *std::move(parsed);
}

TranslationFormat FormatFor(const TranslateOptions& options, const Input& input) {
  if (options.html || options.markdown) return options.format();
  const std::string name = absl::AsciiStrToLower(input.path);
  // Cues have tags like <i>.
  if (absl::EndsWith(name, ".srt") || absl::EndsWith(name, ".vtt") ||
      absl::EndsWith(name, ".html") || absl::EndsWith(name, ".htm")) {
    return TranslationFormat::kHtml;
  }
  return absl::EndsWith(name, ".md") ? TranslationFormat::kMarkdown : TranslationFormat::kPlainText;
}

struct Translated {
  std::string text;
  bool shown = false;
};

// A plain text, shown as it comes where `show`.
absl::StatusOr<Translated> TranslateWhole(Session& session,
                                          const intelligence::Translator& translator,
                                          const TranslateOptions& options, const Input& input,
                                          bool show) {
  if (absl::StripAsciiWhitespace(input.text).empty()) return Translated{.text = input.text};
  TextStream stream(&session, /*exact=*/true);
  const auto result =
      translator.Translate({.text = input.text,
                            .source_language = options.from,
                            .target_language = options.to,
                            .strategy = options.strategy_value(),
                            .format = FormatFor(options, input),
                            .mark_unknown = options.mark_unknown},
                           session.Call(), [&](const intelligence::TranslateTextEvent& event) {
                             if (show || !std::holds_alternative<intelligence::TextDelta>(event))
                               stream(event);
                           });
  if (!result.ok()) {
    stream.Break();
    return result.status();
  }
  if (show) stream.Finish(result->translation.text);
  NoteRoute(session, result->route);
  if (show && session.options().json) {
    Json json = {{"text", result->translation.text},
                 {"untranslated", RangesToJson(result->translation.untranslated)},
                 {"truncated", RangesToJson(result->translation.truncated)},
                 {"route", RouteToJson(result->route)},
                 {"usage", ToJson(result->usage)}};
    if (!input.path.empty()) json["file"] = input.path;
    session.out() << Dump(json) << "\n";
  }
  if (show) session.ReportUsage(result->usage);
  return Translated{.text = result->translation.text, .shown = show};
}

int TranslateFile(Session& session, const intelligence::Translator& translator,
                  const TranslateOptions& options, const Input& input) {
  const std::string target = options.in_place ? input.path : options.output;
  absl::StatusOr<std::optional<Translatable>> parsed = ParseByName(options, input);
  if (!parsed.ok()) {
    session.Fail(parsed.status());
    return kInputOutput;
  }
  absl::StatusOr<Translated> done = Translated{};
  if (!parsed->has_value() && input.text.size() <= kWholeText) {
    done = TranslateWhole(session, translator, options, input, target.empty());
  } else {
    const std::vector<std::string> texts =
        parsed->has_value() ? (*parsed)->texts : Paragraphs(input.text);
    const auto translations =
        TranslateAll(session, translator, options, FormatFor(options, input), texts);
    if (!translations.ok()) {
      done = translations.status();
    } else {
      done->text =
          parsed->has_value() ? (*parsed)->render(*translations) : absl::StrJoin(*translations, "");
    }
  }
  if (!done.ok()) return session.Fail(done.status());
  if (done->shown) return kDone;
  if (target.empty()) {
    if (session.options().json) {
      session.out() << Dump(Json{{"file", input.path}, {"text", done->text}}) << "\n";
    } else {
      session.WriteText(done->text);
    }
    return kDone;
  }
  if (absl::Status status = ReplaceFile(target, done->text); !status.ok()) {
    session.Fail(status);
    return kInputOutput;
  }
  session.Note(absl::StrCat("Wrote ", target, "."));
  return kDone;
}

// One line of a batch: {"id": …, "text": "…"}.
absl::StatusOr<TranslateItem> ParseItem(const std::string& line, size_t number) {
  const auto wrong = [&](std::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("line ", number, ": ", what));
  };
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded() || !json.is_object()) return wrong("this is no JSON object.");
  const auto text = json.find("text");
  if (text == json.end() || !text->is_string()) return wrong("\"text\" is missing or no string.");
  const auto id = json.find("id");
  TranslateItem item;
  item.text = text->get<std::string>();
  item.client_identifier = absl::StrCat(number);
  if (id != json.end()) {
    if (id->is_string()) {
      item.client_identifier = id->get<std::string>();
    } else if (id->is_number_integer()) {
      item.client_identifier = id->dump();
    } else {
      return wrong("\"id\" is neither a string nor a whole number.");
    }
  }
  return item;
}

Json ItemToJson(const TranslateItemResult& item) {
  Json json = {{"id", item.client_identifier}};
  if (!item.error_reason.empty()) {
    json["error"] = {{"reason", item.error_reason}, {"message", item.error_message}};
    return json;
  }
  json["text"] = item.translation.text;
  if (!item.translation.untranslated.empty()) {
    json["untranslated"] = RangesToJson(item.translation.untranslated);
  }
  if (!item.translation.truncated.empty()) {
    json["truncated"] = RangesToJson(item.translation.truncated);
  }
  return json;
}

int TranslateBatchLines(Session& session, const intelligence::Translator& translator,
                        const TranslateOptions& options) {
  // Lines of a file, or standard input as it comes.
  std::deque<std::string> lines;
  const bool from_input = options.files.empty() || options.files[0] == "-";
  if (!from_input) {
    const absl::StatusOr<Input> input = ReadInput(session, options.files[0]);
    if (!input.ok()) {
      session.Fail(input.status());
      return kInputOutput;
    }
    size_t start = 0;
    while (start < input->text.size()) {
      const size_t end = std::min(input->text.size(), input->text.find('\n', start));
      lines.push_back(input->text.substr(start, end - start));
      start = end + 1;
    }
  }
  absl::Status bad_line;
  size_t number = 0;
  size_t done = 0;
  Progress progress(&session);
  const auto next = [&]() -> std::optional<TranslateItem> {
    while (true) {
      std::optional<std::string> line;
      if (from_input) {
        absl::StatusOr<std::optional<std::string>> read = session.host().read_line();
        if (!read.ok()) bad_line = read.status();
        if (read.ok()) line = *std::move(read);
      } else if (!lines.empty()) {
        line = std::move(lines.front());
        lines.pop_front();
      }
      if (!line.has_value()) return std::nullopt;
      ++number;
      if (absl::StripAsciiWhitespace(*line).empty()) continue;
      absl::StatusOr<TranslateItem> item = ParseItem(*line, number);
      if (item.ok()) return *std::move(item);
      // What was sent is still answered.
      bad_line = item.status();
      return std::nullopt;
    }
  };
  const auto result = translator.Batch(
      options.BatchRequest(options.format()), next,
      [&](const TranslateBatchEvent& event) {
        if (const auto* item = std::get_if<TranslateItemResult>(&event)) {
          progress.Clear();
          session.out() << Dump(ItemToJson(*item)) << "\n" << std::flush;
          if (!session.host().out_is_terminal) progress.Show(absl::StrCat("Translated ", ++done));
        } else if (const auto* route = std::get_if<TranslationRoute>(&event)) {
          progress.Clear();
          NoteRoute(session, *route);
        }
      },
      session.Call());
  progress.Clear();
  if (!result.ok()) return session.Fail(result.status());
  if (!bad_line.ok()) {
    const int code = session.Fail(bad_line);
    return code == kInterrupted ? code : kInputOutput;
  }
  session.ReportUsage(result->usage);
  return result->failed_items > 0 ? kFound : kDone;
}

int Translate(Session& session, const TranslateOptions& options) {
  if (options.html && options.markdown) return session.FailUsage("--html or --markdown, not both");
  if (options.in_place && !options.output.empty()) {
    return session.FailUsage("--in-place or --output, not both");
  }
  if (options.has_text && !options.files.empty()) return session.FailUsage("a file or --text");
  if (options.in_place && (options.files.empty() || options.batch)) {
    return session.FailUsage("--in-place needs a file");
  }
  if (options.in_place &&
      std::find(options.files.begin(), options.files.end(), "-") != options.files.end()) {
    return session.FailUsage("standard input cannot be replaced");
  }
  if (!options.output.empty() && (options.files.size() > 1 || options.batch)) {
    return session.FailUsage("--output goes with one text");
  }
  if (options.batch && (options.has_text || options.files.size() > 1)) {
    return session.FailUsage("--batch reads one file or standard input");
  }
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  const intelligence::Translator translator(*client);
  if (options.batch) return TranslateBatchLines(session, translator, options);
  if (options.has_text) {
    return TranslateFile(session, translator, options,
                         {.name = "--text", .path = "", .text = options.text});
  }
  std::vector<std::string> files = options.files;
  if (files.empty()) files.emplace_back("-");
  for (const std::string& file : files) {
    const absl::StatusOr<Input> input = ReadInput(session, file);
    if (!input.ok()) {
      const int code = session.Fail(input.status());
      return code == kInterrupted ? code : kInputOutput;
    }
    const int code = TranslateFile(session, translator, options, *input);
    if (code != kDone) return code;
  }
  return kDone;
}

struct LanguagesOptions {
  std::string from;
  std::string to;
  bool direct = false;
  bool available = false;
};

int Languages(Session& session, const LanguagesOptions& options) {
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  const auto result = intelligence::Translator(*client).Pairs({.source_language = options.from,
                                                               .target_language = options.to,
                                                               .direct_only = options.direct,
                                                               .available_only = options.available},
                                                              session.Call());
  if (!result.ok()) return session.Fail(result.status());
  std::vector<std::vector<std::string>> rows;
  for (const intelligence::LanguagePair& pair : result->pairs) {
    std::vector<std::string> models;
    for (const intelligence::TranslationStep& step : pair.steps) {
      if (models.empty() || models.back() != ShortName(step.model)) {
        models.push_back(ShortName(step.model));
      }
    }
    if (session.options().json) {
      TranslationRoute route;
      route.steps = pair.steps;
      TranslationRoute better;
      better.steps = pair.high_fidelity_steps;
      session.out() << Dump(Json{{"source_language", pair.source_language},
                                 {"target_language", pair.target_language},
                                 {"availability", Name(pair.availability)},
                                 {"reason", pair.reason},
                                 {"pivot_language", pair.pivot_language},
                                 {"engine", pair.engine},
                                 {"steps", RouteToJson(route)["steps"]},
                                 {"high_fidelity_steps", RouteToJson(better)["steps"]}})
                    << "\n";
    } else if (session.options().quiet) {
      session.out() << TerminalSafe(pair.source_language) << ">"
                    << TerminalSafe(pair.target_language) << "\n";
    }
    rows.push_back({pair.source_language, pair.target_language,
                    absl::AsciiStrToLower(Name(pair.availability)), pair.pivot_language,
                    absl::StrJoin(models, ", ")});
  }
  if (session.options().json || session.options().quiet) return kDone;
  if (rows.empty()) {
    session.Note(
        "No installed model translates that. Packages named apertium-… do, and models "
        "from mlctl models list.");
    return kDone;
  }
  session.out() << FormatTable({{"FROM"}, {"TO"}, {"AVAILABILITY"}, {"THROUGH"}, {"MODEL"}}, rows,
                               session.host().columns, session.out_palette());
  return kDone;
}

}  // namespace

void AddTranslationCommands(CommandTree& tree) {
  auto translate = std::make_shared<TranslateOptions>();
  CLI::App* app =
      tree.Add(&tree.root(), "translate", "Translate texts and files.",
               {"echo \"Good morning.\" | mlctl translate --to es",
                "mlctl translate --to ca --from en --text \"The house is red.\"",
                "mlctl translate --to es page.html -o pagina.html",
                "# subtitles and gettext catalogues keep their structure",
                "mlctl translate --to es film.srt > film.es.srt",
                "mlctl translate --from en --to es --in-place es.po",
                "# lines like {\"id\": \"a\", \"text\": \"…\"} in and out, as they are ready",
                "mlctl translate --to es --batch strings.jsonl"},
               [translate](Session& session) { return Translate(session, *translate); });
  app->add_option("files", translate->files,
                  "What to translate; '-' or nothing: standard input. By their names: .srt, .vtt, "
                  ".po, .html, .md; others are plain text")
      ->type_name(kFileType);
  app->add_option_function<std::string>(
         "-t,--text",
         [translate](const std::string& text) {
           translate->text = text;
           translate->has_text = true;
         },
         "Take this text")
      ->type_name("TEXT");
  app->add_option("--to", translate->to, "Into this language, for example es or pt-BR")
      ->required()
      ->type_name("LANGUAGE");
  app->add_option("--from", translate->from, "From this language (default: detected)")
      ->type_name("LANGUAGE");
  app->add_flag("--batch", translate->batch,
                "JSON lines in and out: {\"id\": …, \"text\": …}; answers come as they are ready");
  app->add_flag("--in-order", translate->in_order,
                "With --batch: answers in the order of the lines");
  app->add_flag("--html", translate->html, "It is HTML: tags stay");
  app->add_flag("--markdown", translate->markdown,
                "It is Markdown: its marks, links and code stay");
  app->add_flag("--mark-unknown", translate->mark_unknown,
                "Put an asterisk before each word that the model does not know");
  app->add_flag("--in-place", translate->in_place, "Write each translation over its file");
  app->add_option("-o,--output", translate->output, "Write the translation to this file")
      ->type_name(kFileType);
  app->add_flag("--no-fuzzy", translate->no_fuzzy,
                "Do not mark new translations in .po files as fuzzy (to be looked at)");
  AddChoice(app, "--strategy", translate->strategy, {"low-latency", "high-fidelity"},
            "Which of several models (default: low-latency)");

  auto languages = std::make_shared<LanguagesOptions>();
  app = tree.Add(&tree.root(), "languages", "List what can be translated into what.",
                 {"mlctl languages", "mlctl languages --from en --available",
                  "mlctl languages --json | jq .pivot_language"},
                 [languages](Session& session) { return Languages(session, *languages); });
  app->add_option("--from", languages->from, "Only from this language")->type_name("LANGUAGE");
  app->add_option("--to", languages->to, "Only into this language")->type_name("LANGUAGE");
  app->add_flag("--direct", languages->direct, "Only without a language between");
  app->add_flag("--available", languages->available, "Only what can be used now");
}

}  // namespace intelligenced::mlctl
