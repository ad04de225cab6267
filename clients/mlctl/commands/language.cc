// mlctl detect and mlctl language
#include <intelligence/language.h>
#include <intelligence/translation.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/json.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::LanguageTools;

// Of one request.
constexpr size_t kMostTexts = 1024;
constexpr size_t kMostBytes = size_t{4} << 20;
// Values of a vector that are shown to a person.
constexpr size_t kShownValues = 6;

struct Options {
  std::vector<std::string> files;
  std::vector<std::string> given;
  bool lines = false;
  // segment
  std::string unit;
  std::string language;
  // embed
  std::string purpose;
  std::string similar_to;
  uint32_t dimensions = 0;
  // detect
  uint32_t candidates = 0;
};

struct Text {
  // "file.txt", "file.txt:3", "standard input"; empty for --text.
  std::string name;
  std::string text;
};

absl::StatusOr<std::vector<Text>> ReadTexts(Session& session, const Options& options) {
  std::vector<Text> texts;
  for (const std::string& text : options.given) texts.push_back({.name = "", .text = text});
  std::vector<std::string> files = options.files;
  if (files.empty() && texts.empty()) files.emplace_back("-");
  for (const std::string& file : files) {
    absl::StatusOr<Input> input = ReadText(session, file);
    if (!input.ok()) return input.status();
    if (!options.lines) {
      texts.push_back({.name = input->name, .text = std::move(input->text)});
      continue;
    }
    size_t number = 0;
    for (std::string_view line : absl::StrSplit(input->text, '\n')) {
      ++number;
      absl::ConsumeSuffix(&line, "\r");
      if (absl::StripAsciiWhitespace(line).empty()) continue;
      texts.push_back({.name = absl::StrCat(input->name, ":", number), .text = std::string(line)});
    }
  }
  return texts;
}

// Calls work(client, texts of one request) for one part after another.
template <typename Work>
int ForAll(Session& session, const Options& options, Work work) {
  absl::StatusOr<std::vector<Text>> texts = ReadTexts(session, options);
  if (!texts.ok()) {
    const int code = session.Fail(texts.status());
    return code == kInterrupted ? code : kInputOutput;
  }
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  for (size_t begin = 0; begin < texts->size();) {
    std::vector<Text> part;
    size_t bytes = 0;
    while (begin < texts->size() && part.size() < kMostTexts &&
           (part.empty() || bytes + (*texts)[begin].text.size() <= kMostBytes)) {
      bytes += (*texts)[begin].text.size();
      part.push_back(std::move((*texts)[begin++]));
    }
    absl::Status status = work(*client, part);
    if (!status.ok()) return session.Fail(status);
  }
  return kDone;
}

std::vector<std::string> StringsOf(const std::vector<Text>& texts) {
  std::vector<std::string> strings;
  for (const Text& text : texts) strings.push_back(text.text);
  return strings;
}

std::string OneLine(std::string_view text) {
  return absl::StrReplaceAll(text, {{"\r\n", " "}, {"\n", " "}, {"\t", " "}});
}

// What stands before each answer when there are several.
std::string Prefix(const Options& options, const Text& text) {
  const bool several = options.lines || options.files.size() + options.given.size() > 1;
  if (!several) return "";
  return absl::StrCat(text.name.empty() ? OneLine(text.text) : text.name, ": ");
}

Json Begin(const Text& text) {
  Json json = Json::object();
  if (text.name.empty()) {
    json["text"] = text.text;
  } else {
    json["input"] = text.name;
  }
  return json;
}

void Print(Session& session, const Json& json) { session.out() << Dump(json) << "\n"; }

std::string Percent(float share) { return absl::StrFormat("%.0f %%", share * 100); }

int Detect(Session& session, const Options& options) {
  return ForAll(
      session, options,
      [&](const intelligence::Client& client, const std::vector<Text>& texts) -> absl::Status {
        const auto result = intelligence::Translator(client).Detect(
            {.texts = StringsOf(texts), .max_candidates = options.candidates}, session.Call());
        if (!result.ok()) return result.status();
        for (size_t i = 0; i < texts.size() && i < result->results.size(); ++i) {
          const intelligence::DetectedLanguages& found = result->results[i];
          if (session.options().json) {
            Json json = Begin(texts[i]);
            json["unreliable"] = found.unreliable;
            json["candidates"] = Json::array();
            for (const intelligence::DetectedLanguage& one : found.candidates) {
              json["candidates"].push_back({{"language_code", one.language_code},
                                            {"confidence", one.confidence},
                                            {"script", one.script},
                                            {"share", one.share}});
            }
            Print(session, json);
            continue;
          }
          std::string line = Prefix(options, texts[i]);
          for (size_t c = 0; c < found.candidates.size(); ++c) {
            const intelligence::DetectedLanguage& one = found.candidates[c];
            absl::StrAppend(&line, c > 0 ? ", " : "", one.language_code, " (", one.script, ") ",
                            Percent(one.confidence));
          }
          if (found.candidates.empty()) {
            line += "no letters";
          } else if (found.unreliable) {
            line += "; unsure";
          }
          session.WriteText(line + "\n");
        }
        session.ReportUsage(result->usage);
        return absl::OkStatus();
      });
}

int Segment(Session& session, const Options& options) {
  using intelligence::SegmentUnit;
  const SegmentUnit unit =
      ChoiceOf<SegmentUnit>(options.unit, {{"sentence", SegmentUnit::kSentence},
                                           {"word", SegmentUnit::kWord},
                                           {"character", SegmentUnit::kCharacter}});
  return ForAll(
      session, options,
      [&](const intelligence::Client& client, const std::vector<Text>& texts) -> absl::Status {
        const auto result = LanguageTools(client).Segment(
            {.texts = StringsOf(texts), .unit = unit, .language = options.language},
            session.Call());
        if (!result.ok()) return result.status();
        for (size_t i = 0; i < texts.size() && i < result->segments.size(); ++i) {
          Json json = Begin(texts[i]);
          json["segments"] = Json::array();
          std::string lines;
          for (const intelligence::TextRange& range : result->segments[i]) {
            const std::string text = texts[i].text.substr(range.start, range.end - range.start);
            absl::StrAppend(&lines, OneLine(text), "\n");
            if (session.options().json) {
              json["segments"].push_back(
                  {{"start", range.start}, {"end", range.end}, {"text", text}});
            }
          }
          if (session.options().json) {
            Print(session, json);
          } else {
            session.WriteText(lines);
          }
        }
        session.ReportUsage(result->usage);
        return absl::OkStatus();
      });
}

std::string ShowVector(const intelligence::TextEmbedding& embedding) {
  std::string line = absl::StrCat(embedding.values.size(), " values:");
  for (size_t i = 0; i < embedding.values.size() && i < kShownValues; ++i) {
    absl::StrAppendFormat(&line, " %.4f", embedding.values[i]);
  }
  return embedding.values.size() > kShownValues ? line + " …" : line;
}

// The texts by how alike they are to another, the likest first.
int Rank(Session& session, const Options& options) {
  struct Ranked {
    double similarity;
    Text text;
  };
  std::vector<Ranked> ranked;
  std::vector<float> query;
  const int code = ForAll(
      session, options,
      [&](const intelligence::Client& client, const std::vector<Text>& texts) -> absl::Status {
        const LanguageTools tools(client);
        if (query.empty()) {
          const auto result = tools.Embed({.texts = {options.similar_to},
                                           .purpose = intelligence::EmbedPurpose::kQuery,
                                           .dimensions = options.dimensions},
                                          session.Call());
          if (!result.ok()) return result.status();
          if (!result->embeddings.empty()) query = result->embeddings[0].values;
        }
        const auto result = tools.Embed({.texts = StringsOf(texts),
                                         .purpose = intelligence::EmbedPurpose::kDocument,
                                         .dimensions = options.dimensions},
                                        session.Call());
        if (!result.ok()) return result.status();
        for (size_t i = 0; i < texts.size() && i < result->embeddings.size(); ++i) {
          const std::vector<float>& values = result->embeddings[i].values;
          if (values.size() != query.size()) continue;
          ranked.push_back(
              {std::inner_product(values.begin(), values.end(), query.begin(), 0.0), texts[i]});
        }
        session.ReportUsage(result->usage);
        return absl::OkStatus();
      });
  if (code != kDone) return code;
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const Ranked& a, const Ranked& b) { return a.similarity > b.similarity; });
  for (const Ranked& one : ranked) {
    if (session.options().json) {
      Json json = Begin(one.text);
      json["similarity"] = one.similarity;
      Print(session, json);
    } else {
      const bool whole_file = !options.lines && !one.text.name.empty();
      session.WriteText(absl::StrFormat("%6.3f  %s\n", one.similarity,
                                        whole_file ? one.text.name : OneLine(one.text.text)));
    }
  }
  return kDone;
}

int Embed(Session& session, const Options& options) {
  using intelligence::EmbedPurpose;
  if (!options.similar_to.empty()) {
    if (!options.purpose.empty()) {
      return session.FailUsage("--similar-to compares a query with documents: no --purpose");
    }
    return Rank(session, options);
  }
  const EmbedPurpose purpose =
      ChoiceOf<EmbedPurpose>(options.purpose, {{"similarity", EmbedPurpose::kSimilarity},
                                               {"query", EmbedPurpose::kQuery},
                                               {"document", EmbedPurpose::kDocument}});
  return ForAll(
      session, options,
      [&](const intelligence::Client& client, const std::vector<Text>& texts) -> absl::Status {
        const auto result = LanguageTools(client).Embed(
            {.texts = StringsOf(texts), .purpose = purpose, .dimensions = options.dimensions},
            session.Call());
        if (!result.ok()) return result.status();
        for (size_t i = 0; i < texts.size() && i < result->embeddings.size(); ++i) {
          const intelligence::TextEmbedding& embedding = result->embeddings[i];
          if (session.options().json) {
            Json json = Begin(texts[i]);
            json["values"] = embedding.values;
            json["input_tokens"] = embedding.input_tokens;
            Print(session, json);
          } else {
            session.WriteText(Prefix(options, texts[i]) + ShowVector(embedding) + "\n");
          }
        }
        session.ReportUsage(result->usage);
        return absl::OkStatus();
      });
}

int Classify(Session& session, const Options& options, bool sentiment) {
  if (!sentiment && session.options().model.empty()) {
    return session.FailUsage("classify needs the model whose classes are asked for: --model NAME");
  }
  return ForAll(
      session, options,
      [&](const intelligence::Client& client, const std::vector<Text>& texts) -> absl::Status {
        const auto result = LanguageTools(client).Classify(
            {.texts = StringsOf(texts),
             .classification = sentiment ? intelligence::TextClassification::kSentiment
                                         : intelligence::TextClassification::kDefault},
            session.Call());
        if (!result.ok()) return result.status();
        for (size_t i = 0; i < texts.size() && i < result->labels.size(); ++i) {
          Json json = Begin(texts[i]);
          json["labels"] = Json::array();
          std::string line = Prefix(options, texts[i]);
          for (size_t l = 0; l < result->labels[i].size(); ++l) {
            const intelligence::TextLabel& label = result->labels[i][l];
            json["labels"].push_back({{"label", label.label}, {"confidence", label.confidence}});
            absl::StrAppend(&line, l > 0 ? ", " : "", label.label, " ", Percent(label.confidence));
          }
          if (session.options().json) {
            Print(session, json);
          } else {
            session.WriteText(line + "\n");
          }
        }
        session.ReportUsage(result->usage);
        return absl::OkStatus();
      });
}

int Entities(Session& session, const Options& options) {
  return ForAll(
      session, options,
      [&](const intelligence::Client& client, const std::vector<Text>& texts) -> absl::Status {
        const auto result =
            LanguageTools(client).FindEntities({.texts = StringsOf(texts)}, session.Call());
        if (!result.ok()) return result.status();
        for (size_t i = 0; i < texts.size() && i < result->entities.size(); ++i) {
          Json json = Begin(texts[i]);
          json["entities"] = Json::array();
          for (const intelligence::NamedEntity& entity : result->entities[i]) {
            if (session.options().json) {
              json["entities"].push_back({{"start", entity.start},
                                          {"end", entity.end},
                                          {"text", entity.text},
                                          {"label", entity.label},
                                          {"confidence", entity.confidence}});
            } else {
              session.WriteText(absl::StrCat(Prefix(options, texts[i]), entity.label, "\t",
                                             OneLine(entity.text), "\t", Percent(entity.confidence),
                                             "\n"));
            }
          }
          if (session.options().json) Print(session, json);
        }
        session.ReportUsage(result->usage);
        return absl::OkStatus();
      });
}

std::shared_ptr<Options> AddTexts(CLI::App* app, std::shared_ptr<Options> options) {
  app->add_option("file", options->files, "The texts; '-' or nothing: standard input")
      ->type_name(kFileType);
  app->add_option("-t,--text", options->given, "Take this text; may be given again")
      ->allow_extra_args(false)
      ->type_name("TEXT");
  app->add_flag("--lines", options->lines, "Each line is a text of its own");
  return options;
}

}  // namespace

void AddLanguageCommands(CommandTree& tree) {
  auto detect = std::make_shared<Options>();
  CLI::App* app = tree.Add(&tree.root(), "detect", "Say which language a text is in.",
                           {"mlctl detect letter.txt", "mlctl detect --text \"Guten Morgen\"",
                            "mlctl detect --lines --json < names.txt | jq -r '.candidates[0]'"},
                           [detect](Session& session) { return Detect(session, *detect); });
  AddTexts(app, detect);
  app->add_option("-n,--candidates", detect->candidates, "At most so many languages, 1 to 16")
      ->check(CLI::Range(1, 16))
      ->type_name("N");

  CLI::App* group = tree.AddGroup(&tree.root(), "language",
                                  "Sentences and words, likeness, moods and names of texts.");
  auto segment = std::make_shared<Options>();
  app = tree.Add(group, "segment", "Cut a text into sentences, words or characters, one a line.",
                 {"mlctl language segment article.txt",
                  "mlctl language segment --unit word --text \"ฉันรักเธอ\"",
                  "mlctl language segment --language en --json < article.txt"},
                 [segment](Session& session) { return Segment(session, *segment); });
  AddTexts(app, segment);
  AddChoice(app, "--unit", segment->unit, {"sentence", "word", "character"},
            "What to cut it into (default: sentence)");
  app->add_option("--language", segment->language,
                  "The language, for example en (default: the rules for all)")
      ->type_name("LANGUAGE");

  auto embed = std::make_shared<Options>();
  app = tree.Add(group, "embed", "Turn texts into vectors, or sort them by likeness.",
                 {"mlctl language embed --json --text \"A cat sleeps.\"",
                  "mlctl language embed --similar-to \"animals at rest\" --lines notes.txt"},
                 [embed](Session& session) { return Embed(session, *embed); });
  AddTexts(app, embed);
  AddChoice(app, "--purpose", embed->purpose, {"similarity", "query", "document"},
            "What the vectors will be compared with (default: similarity)");
  app->add_option("--similar-to", embed->similar_to, "Sort the texts by their likeness to this one")
      ->type_name("TEXT");
  app->add_option("--dimensions", embed->dimensions, "Only the first so many values")
      ->type_name("N");

  auto sentiment = std::make_shared<Options>();
  app = tree.Add(
      group, "sentiment", "Say which mood a text is in.",
      {"mlctl language sentiment --text \"What a lovely day!\"",
       "mlctl language sentiment --lines reviews.txt"},
      [sentiment](Session& session) { return Classify(session, *sentiment, /*sentiment=*/true); });
  AddTexts(app, sentiment);
  auto classify = std::make_shared<Options>();
  app = tree.Add(
      group, "classify", "Say which of a model's classes a text is of.",
      {"mlctl language classify --model topics article.txt"},
      [classify](Session& session) { return Classify(session, *classify, /*sentiment=*/false); });
  AddTexts(app, classify);
  auto entities = std::make_shared<Options>();
  app = tree.Add(group, "entities", "Find names of people, places and organisations.",
                 {"mlctl language entities article.txt",
                  "mlctl language entities --json --text \"Ada Lovelace lived in London.\""},
                 [entities](Session& session) { return Entities(session, *entities); });
  AddTexts(app, entities);
}

}  // namespace intelligenced::mlctl
