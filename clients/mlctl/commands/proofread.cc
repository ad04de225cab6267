// mlctl proofread
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/diff.h"
#include "clients/mlctl/json.h"

namespace intelligenced::mlctl {
namespace {

struct Options {
  std::vector<std::string> files;
  std::string text;
  bool has_text = false;
  std::string language;
  bool protect_quotations = false;
  bool in_place = false;
  bool check = false;
  bool diff = false;
};

// Nothing in it that could be corrected; the daemon refuses an empty text.
bool IsBlank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

class Proofreader {
 public:
  Proofreader(Session* session, const Options* options, const intelligence::Client* client)
      : session_(*session), options_(*options), client_(*client) {}

  absl::Status Handle(const Input& input) {
    absl::StatusOr<intelligence::ProofreadTextResult> result = Proofread(input);
    if (!result.ok()) return result.status();
    corrections_ += result->corrections.size();
    if (options_.in_place && !result->corrections.empty()) {
      if (absl::Status status = ReplaceFile(input.path, result->corrected_text); !status.ok()) {
        return status;
      }
    }
    if (session_.options().json) {
      ShowJson(input, *result);
    } else {
      Show(input, *result);
    }
    session_.ReportUsage(result->usage);
    return absl::OkStatus();
  }

  size_t corrections() const { return corrections_; }

 private:
  absl::StatusOr<intelligence::ProofreadTextResult> Proofread(const Input& input) {
    if (IsBlank(input.text) && (options_.check || options_.in_place)) {
      return intelligence::ProofreadTextResult{.corrected_text = input.text};
    }
    Progress progress(&session_);
    size_t found = 0;
    return client_.ProofreadText(
        {.text = input.text,
         .language = options_.language,
         .protect_quotations = options_.protect_quotations},
        session_.Call(), [&](const intelligence::ProofreadTextEvent& event) {
          std::visit(
              [&](const auto& value) {
                using Value = std::decay_t<decltype(value)>;
                if constexpr (std::is_same_v<Value, intelligence::Correction>) {
                  ++found;
                  progress.Show(absl::StrCat("Proofreading ", input.name, " … ", found, " ",
                                             Plural(found, "correction", "corrections")));
                } else if constexpr (!std::is_same_v<Value, intelligence::ProofreadTextResult>) {
                  progress(value);
                }
              },
              event);
        });
  }

  void ShowJson(const Input& input, const intelligence::ProofreadTextResult& result) {
    Json json = Json::object();
    if (!input.path.empty()) json["file"] = input.path;
    json.update(ToJson(result));
    session_.out() << Dump(json) << "\n";
  }

  void Show(const Input& input, const intelligence::ProofreadTextResult& result) {
    const Palette palette = session_.out_palette();
    const std::string count =
        absl::StrCat(result.corrections.size(), " ",
                     Plural(result.corrections.size(), "correction", "corrections"));
    if (options_.check) {
      session_.out() << RenderFindings(input.name, input.text, result.corrections, palette);
    } else if (options_.in_place) {
      session_.Note(absl::StrCat(input.name, ": ", count));
    } else if (options_.diff || session_.host().out_is_terminal) {
      if (options_.files.size() > 1) {
        session_.out() << palette.Paint(Style::kBold, absl::StrCat("==> ", input.name, " <=="))
                       << "\n";
      }
      const std::string diff = RenderDiff(input.text, result.corrections, palette);
      session_.out() << diff;
      if (session_.host().out_is_terminal) {
        if (!diff.ends_with('\n')) session_.out() << "\n";
        session_.out() << "\n"
                       << RenderFindings(input.name, input.text, result.corrections, palette);
        session_.out().flush();
        session_.Note(result.corrections.empty() ? "Nothing to correct." : count + ".");
      }
    } else {
      session_.out() << result.corrected_text;
    }
    session_.out().flush();
  }

  Session& session_;
  const Options& options_;
  const intelligence::Client& client_;
  size_t corrections_ = 0;
};

int Proofread(Session& session, Options& options) {
  if (options.has_text && (!options.files.empty() || options.in_place)) {
    return session.FailUsage("--text goes with neither files nor --in-place");
  }
  if (options.files.empty() && options.in_place) {
    return session.FailUsage("--in-place needs the names of files");
  }
  if (!options.has_text && options.files.empty()) options.files.push_back("-");
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  Proofreader proofreader(&session, &options, &*client);
  if (options.has_text) {
    const absl::Status status =
        proofreader.Handle({.name = "text", .path = "", .text = options.text});
    if (!status.ok()) return session.Fail(status);
  }
  int code = kDone;
  for (const std::string& file : options.files) {
    if (options.in_place && file == "-") return session.FailUsage("--in-place cannot change '-'");
    absl::StatusOr<Input> input = ReadInput(session, file);
    if (!input.ok()) {
      // One bad file does not keep the others from being done.
      if (const int failed = session.Fail(input.status()); failed == kInterrupted) return failed;
      code = kInputOutput;
      continue;
    }
    if (absl::Status status = proofreader.Handle(*input); !status.ok()) {
      return session.Fail(
          options.files.size() > 1
              ? absl::Status(status.code(), absl::StrCat(file, ": ", status.message()))
              : status);
    }
  }
  if (code != kDone) return code;
  return options.check && proofreader.corrections() > 0 ? kFound : kDone;
}

}  // namespace

void AddProofreadCommand(CommandTree& tree) {
  auto options = std::make_shared<Options>();
  CLI::App* app = tree.Add(
      &tree.root(), "proofread",
      "Correct spelling, grammar and punctuation.\n"
      "On a terminal it shows the text with its corrections marked, elsewhere it prints the "
      "corrected text.",
      {"echo \"Their is a eror here.\" | mlctl proofread",
       "mlctl proofread letter.txt > better.txt", "mlctl proofread --in-place docs/*.md",
       "mlctl proofread --check README.md    # for hooks: exits with 1 when it finds something",
       "mlctl proofread --json letter.txt | jq '.corrections[].explanation'"},
      [options](Session& session) { return Proofread(session, *options); });
  app->add_option("files", options->files, "What to proofread; '-' or nothing: standard input")
      ->type_name(kFileType);
  app->add_option_function<std::string>(
         "-t,--text",
         [options](const std::string& text) {
           options->text = text;
           options->has_text = true;
         },
         "Proofread this text")
      ->type_name("TEXT");
  app->add_option("--language", options->language,
                  "The text's language, for example en-GB (default: detected)")
      ->type_name("LANGUAGE");
  app->add_flag("--protect-quotations", options->protect_quotations,
                "Leave alone what stands in quotation marks");
  CLI::Option* in_place =
      app->add_flag("-i,--in-place", options->in_place, "Correct the files themselves");
  CLI::Option* check = app->add_flag("--check", options->check,
                                     "Only list what would be corrected; exit with 1 if anything");
  app->add_flag("--diff", options->diff, "Show the corrections marked, also without a terminal")
      ->excludes(in_place)
      ->excludes(check);
  check->excludes(in_place);
}

}  // namespace intelligenced::mlctl
