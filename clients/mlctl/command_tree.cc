#include "clients/mlctl/command_tree.h"

#include <algorithm>
#include <ostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "clients/mlctl/commands/mcp.h"
#include "clients/mlctl/documents.h"

namespace intelligenced::mlctl {
namespace {

constexpr char kRootFooter[] = R"(Exit codes:
  0 done; 1 something was found (proofread --check, doctor, config check), or an
  answer is not whole (generate --schema); 2 wrong command line; 3 the daemon is
  not running or was lost; 4 the daemon refused; 5 the deadline passed; 6 the
  daemon, a model or an app failed; 7 a file could not be read or written; 130
  interrupted.

Examples:
  echo "Their is a eror here." | mlctl proofread
  mlctl summarize --type key-points report.txt
  mlctl models list --catalogue
  mlctl COMMAND --help)";

absl::Duration ParseSeconds(const std::string& text, bool& ok) {
  double seconds = 0;
  absl::Duration duration;
  ok = true;
  if (absl::SimpleAtod(text, &seconds)) return absl::Seconds(seconds);
  ok = absl::ParseDuration(text, &duration);
  return duration;
}

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

// What is wrong with the names of commands in the arguments; empty when nothing is.
std::string UnknownCommand(CLI::App& root, const std::vector<std::string>& arguments) {
  CLI::App* app = &root;
  for (size_t i = 0; i < arguments.size() && !app->get_subcommands(nullptr).empty(); ++i) {
    const std::string& argument = arguments[i];
    if (argument.starts_with("-")) {
      const CLI::Option* option = root.get_option_no_throw(argument);
      if (option != nullptr && option->get_items_expected_max() > 0) ++i;
      continue;
    }
    std::string best;
    size_t best_distance = 3;
    CLI::App* found = nullptr;
    for (CLI::App* sub : app->get_subcommands(nullptr)) {
      const size_t distance = EditDistance(argument, sub->get_name());
      if (distance == 0) found = sub;
      if (distance < best_distance) {
        best_distance = distance;
        best = sub->get_name();
      }
    }
    if (found == nullptr) {
      return absl::StrCat("there is no command '", argument, "'",
                          best.empty() ? "" : absl::StrCat("; did you mean '", best, "'?"));
    }
    app = found;
  }
  return "";
}

class HelpFormatter final : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* app, std::string /*name*/,
                        CLI::AppFormatMode /*mode*/) const override {
    return HelpText(Describe(*app));
  }
};

}  // namespace

CommandTree::CommandTree()
    : root_("Writing tools and language models from intelligenced, the machine's shared models.",
            "mlctl") {
  root_.require_subcommand(1);
  root_.footer(kRootFooter);
  root_.formatter(std::make_shared<HelpFormatter>());
  root_.set_help_flag("-h,--help", "Show this help");
  root_.set_version_flag("-V,--version", std::string("mlctl ") + INTELLIGENCED_VERSION,
                         "Show the version");
  AddCommonOptions();
}

void CommandTree::AddCommonOptions() {
  root_.add_option("--socket", common_.socket, "The daemon's socket (default: where it listens)")
      ->type_name(kFileType);
  root_
      .add_option("-m,--model", common_.model, "The model to use (default: the best for the work)")
      ->type_name(kModelType);
  AddChoice(&root_, "--class", common_.request_class, {"interactive", "utility", "background"},
            "How urgent the work is (default: interactive)");
  AddDuration(&root_, "--deadline", common_.deadline,
              "Give up after this time, for example 30s or 2m");
  AddDuration(&root_, "--keep-alive", common_.keep_alive,
              "Keep the model resident this long afterwards");
  AddChoice(&root_, "--color", common_.color, {"auto", "always", "never"},
            "Colour the output (default: auto, on a terminal)");
  root_.add_flag("--json", common_.json, "Print JSON, one object a line");
  root_.add_flag("--usage", common_.usage, "Say on standard error what the work took");
  root_.add_flag("-q,--quiet", common_.quiet, "No remarks or progress; lists print names only");
}

CLI::App* CommandTree::AddGroup(CLI::App* parent, const std::string& name,
                                const std::string& description) {
  CLI::App* app = parent->add_subcommand(name, description);
  app->fallthrough();
  app->require_subcommand(1);
  std::string path = name;
  for (; parent != &root_; parent = parent->get_parent()) {
    path = absl::StrCat(parent->get_name(), " ", path);
  }
  app->footer(absl::StrCat("More, with examples: mlctl ", path, " COMMAND --help"));
  return app;
}

CLI::App* CommandTree::Add(CLI::App* parent, const std::string& name,
                           const std::string& description, const std::vector<std::string>& examples,
                           Handler handler) {
  CLI::App* app = parent->add_subcommand(name, description);
  app->fallthrough();
  if (!examples.empty()) {
    app->footer(absl::StrCat("Examples:\n  ", absl::StrJoin(examples, "\n  "),
                             "\n\nCommon options: mlctl --help"));
  }
  handlers_[app] = std::move(handler);
  return app;
}

const CommandTree::Handler* CommandTree::Chosen() const {
  const CLI::App* app = &root_;
  while (true) {
    const std::vector<CLI::App*> parsed =
        const_cast<CLI::App*>(app)->get_subcommands();  // NOLINT: the const overload is absent
    if (parsed.empty()) break;
    app = parsed.front();
  }
  const auto found = handlers_.find(app);
  return found == handlers_.end() ? nullptr : &found->second;
}

CLI::Option* AddChoice(CLI::App* app, const std::string& names, std::string& value,
                       const std::vector<std::string>& words, const std::string& description) {
  return app->add_option(names, value, description)->check(CLI::IsMember(words))->type_name("");
}

CLI::Option* AddDuration(CLI::App* app, const std::string& names,
                         std::optional<absl::Duration>& value, const std::string& description) {
  return app
      ->add_option_function<std::string>(
          names,
          [&value](const std::string& text) {
            bool ok = false;
            value = ParseSeconds(text, ok);
          },
          description)
      ->check(CLI::Validator(
          [](const std::string& text) -> std::string {
            bool ok = false;
            const absl::Duration duration = ParseSeconds(text, ok);
            if (!ok || duration < absl::ZeroDuration()) {
              return absl::StrCat("'", text, "' is no duration such as 30s, 2m or 500ms");
            }
            return "";
          },
          "", ""))
      ->type_name("DURATION");
}

int Run(Host& host, const std::vector<std::string>& arguments) {
  // CLI11 and the JSON library throw; nothing above this function expects it.
  try {
    CommandTree tree;
    AddProofreadCommand(tree);
    AddWritingCommands(tree);
    AddLanguageModelCommands(tree);
    AddChatCommand(tree);
    AddSessionCommands(tree);
    AddTranslationCommands(tree);
    AddVisionCommands(tree);
    AddImageGenerationCommands(tree);
    AddLanguageCommands(tree);
    AddTensorCommands(tree);
    AddActionCommands(tree);
    AddModelCommands(tree);
    AddSystemCommands(tree);
    AddBenchCommand(tree);
    AddTopCommand(tree);
    AddDoctorCommands(tree);
    AddDocumentCommands(tree);
    AddMcpCommands(tree);
    try {
      std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
      tree.root().parse(std::move(reversed));
    } catch (const CLI::Success& success) {
      return tree.root().exit(success, *host.out, *host.err);
    } catch (const CLI::ParseError& error) {
      const std::string unknown = UnknownCommand(tree.root(), arguments);
      *host.err << "mlctl: " << (unknown.empty() ? error.what() : unknown) << "\n";
      *host.err << "       More with: mlctl --help, mlctl COMMAND --help\n" << std::flush;
      return kUsage;
    }
    const CommandTree::Handler* handler = tree.Chosen();
    if (handler == nullptr) {
      *host.err << tree.root().help() << std::flush;
      return kUsage;
    }
    Session session(&host);
    session.options() = tree.common();
    const int code = (*handler)(session);
    host.out->flush();
    if (!*host.out) {
      *host.err << "mlctl: standard output could not be written; is the disk full?\n";
      return kInputOutput;
    }
    return code;
  } catch (const std::exception& error) {
    *host.err << "mlctl: unexpected failure: " << error.what() << "\n" << std::flush;
    return kBroken;
  }
}

}  // namespace intelligenced::mlctl
