// Help, completions and the man page, made from the CLI11 app itself. Pure functions.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_DOCUMENTS_H_
#define INTELLIGENCED_CLIENTS_MLCTL_DOCUMENTS_H_

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace intelligenced::mlctl {

// What documents need to know of an option or positional.
struct OptionFacts {
  std::vector<std::string> names;  // "-m", "--model"; empty for a positional
  std::string positional;          // its name, for a positional
  std::string type;                // "MODEL"; empty for a flag
  std::vector<std::string> words;  // what it may be, where that is a choice
  std::string description;
  bool required = false;
  bool repeated = false;
};

struct CommandFacts {
  std::vector<std::string> path;  // {"mlctl", "models", "list"}
  std::string description;
  std::string footer;
  std::vector<OptionFacts> options;
  std::vector<CommandFacts> commands;
};

CommandFacts Describe(const CLI::App& app);

// What --help prints, in lines of at most 80 characters where words allow it.
std::string HelpText(const CommandFacts& command);

std::string BashCompletion(const CommandFacts& root);
std::string ZshCompletion(const CommandFacts& root);
std::string FishCompletion(const CommandFacts& root);
// roff for section 1, with "version" at the foot of each page.
std::string ManPage(const CommandFacts& root, std::string_view version);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_DOCUMENTS_H_
