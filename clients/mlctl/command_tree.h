// mlctl's commands: a CLI11 app and what each of its commands does.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_COMMAND_TREE_H_
#define INTELLIGENCED_CLIENTS_MLCTL_COMMAND_TREE_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "clients/mlctl/session.h"

namespace intelligenced::mlctl {

class CommandTree {
 public:
  using Handler = std::function<int(Session&)>;

  CommandTree();

  CLI::App& root() { return root_; }
  CommonOptions& common() { return common_; }

  // Adds a command that does something. `examples` are lines shown under its help, each a command
  // or, after "# ", a remark. Common options may be given after the command too.
  CLI::App* Add(CLI::App* parent, const std::string& name, const std::string& description,
                const std::vector<std::string>& examples, Handler handler);
  // Adds a command that only has commands of its own.
  CLI::App* AddGroup(CLI::App* parent, const std::string& name, const std::string& description);

  // What the command line chose; null when it chose nothing that can be run.
  const Handler* Chosen() const;

 private:
  void AddCommonOptions();

  CLI::App root_;
  CommonOptions common_;
  std::map<const CLI::App*, Handler> handlers_;
};

// An option that takes one of some words. `value` holds the chosen word; empty when not given.
CLI::Option* AddChoice(CLI::App* app, const std::string& names, std::string& value,
                       const std::vector<std::string>& words, const std::string& description);

// The enumeration value that stands beside a word; Enum{} for the empty word.
template <typename Enum>
Enum ChoiceOf(std::string_view word,
              std::initializer_list<std::pair<std::string_view, Enum>> values) {
  for (const auto& [name, value] : values) {
    if (name == word) return value;
  }
  return Enum{};
}

// An option that takes "30s", "1m30s", "500ms" or a number of seconds.
CLI::Option* AddDuration(CLI::App* app, const std::string& names,
                         std::optional<absl::Duration>& value, const std::string& description);

// Where a command takes a file, a model or an action, completions offer some.
inline constexpr char kFileType[] = "FILE";
inline constexpr char kModelType[] = "MODEL";
inline constexpr char kActionType[] = "ACTION";

void AddWritingCommands(CommandTree& tree);
void AddProofreadCommand(CommandTree& tree);
void AddLanguageModelCommands(CommandTree& tree);
void AddChatCommand(CommandTree& tree);
void AddSessionCommands(CommandTree& tree);
// translate, languages
void AddTranslationCommands(CommandTree& tree);
void AddModelCommands(CommandTree& tree);
void AddModelInstallCommands(CommandTree& tree, CLI::App* models);
void AddModelPerformanceCommands(CommandTree& tree, CLI::App* models);
void AddSystemCommands(CommandTree& tree);
void AddVisionCommands(CommandTree& tree);
// imagine, restyle, upscale
void AddImageGenerationCommands(CommandTree& tree);
void AddTensorCommands(CommandTree& tree);
void AddLanguageCommands(CommandTree& tree);
void AddActionCommands(CommandTree& tree);
void AddBenchCommand(CommandTree& tree);
void AddTopCommand(CommandTree& tree);
void AddDoctorCommands(CommandTree& tree);
void AddDocumentCommands(CommandTree& tree);

// Runs mlctl: parses, executes, and returns the exit code. Never throws.
int Run(Host& host, const std::vector<std::string>& arguments);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_COMMAND_TREE_H_
