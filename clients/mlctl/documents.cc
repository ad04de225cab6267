#include "clients/mlctl/documents.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "clients/mlctl/command_tree.h"

namespace intelligenced::mlctl {
namespace {

// What lists the things of a type that can be named, for shells; empty: nothing does.
std::string_view ListingOf(std::string_view type) {
  if (type == kModelType) return "mlctl models list -q 2>/dev/null";
  if (type == kActionType) return "mlctl actions list -q 2>/dev/null";
  return "";
}

std::string FirstLine(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

// Text inside single quotes of a POSIX shell.
std::string ShellQuoted(std::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

// Calls visit(command) for the command and all below it.
template <typename Visitor>
void VisitAll(const CommandFacts& command, Visitor visit) {
  visit(command);
  for (const CommandFacts& sub : command.commands) VisitAll(sub, visit);
}

std::string Words(const CommandFacts& command) {
  return absl::StrJoin(command.commands, " ", [](std::string* out, const CommandFacts& sub) {
    absl::StrAppend(out, sub.path.back());
  });
}

bool TakesValue(const OptionFacts& option) { return !option.type.empty() || !option.words.empty(); }

// The first positional that completions can say something about.
const OptionFacts* Positional(const CommandFacts& command) {
  const OptionFacts* found = nullptr;
  for (const OptionFacts& option : command.options) {
    if (option.positional.empty()) continue;
    const bool known =
        !option.words.empty() || option.type == kFileType || !ListingOf(option.type).empty();
    if (known && found == nullptr) found = &option;
  }
  return found;
}

std::string BashCandidates(const OptionFacts& option) {
  if (!option.words.empty()) {
    return absl::StrCat("COMPREPLY=($(compgen -W ", ShellQuoted(absl::StrJoin(option.words, " ")),
                        " -- \"$current\"))");
  }
  if (const std::string_view listing = ListingOf(option.type); !listing.empty()) {
    return absl::StrCat("COMPREPLY=($(compgen -W \"$(", listing, ")\" -- \"$current\"))");
  }
  if (option.type == kFileType) return "COMPREPLY=($(compgen -f -- \"$current\"))";
  return "COMPREPLY=()";
}

}  // namespace

CommandFacts Describe(const CLI::App& app) {
  CommandFacts facts;
  for (const CLI::App* at = &app; at != nullptr; at = at->get_parent()) {
    facts.path.insert(facts.path.begin(), at->get_name());
  }
  facts.description = app.get_description();
  facts.footer = app.get_footer();
  for (const CLI::Option* option : app.get_options()) {
    OptionFacts& added = facts.options.emplace_back();
    for (const std::string& name : option->get_snames()) added.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) added.names.push_back("--" + name);
    if (added.names.empty()) added.positional = option->get_name(true);
    added.description = option->get_description();
    added.required = option->get_required();
    added.repeated = option->get_items_expected_max() > 1;
    if (option->get_items_expected_max() == 0) continue;
    // The type's name followed by the validators': "MODEL" or ":{auto,always,never}".
    const std::string type = option->get_type_name();
    const size_t open = type.find('{');
    if (open != std::string::npos && type.ends_with("}")) {
      added.words = absl::StrSplit(type.substr(open + 1, type.size() - open - 2), ',');
    } else {
      added.type = type.substr(0, type.find_first_of(" :"));
      if (added.type.empty()) added.type = "VALUE";
    }
  }
  for (const CLI::App* sub : app.get_subcommands(nullptr)) {
    if (!sub->get_group().empty()) facts.commands.push_back(Describe(*sub));
  }
  return facts;
}

namespace {

constexpr size_t kHelpWidth = 80;
constexpr size_t kHelpIndent = 28;

// Words of `text` in lines, each after the first behind `indent` spaces. `column` is where the
// first line begins.
std::string Wrap(std::string_view text, size_t indent, size_t column) {
  std::string out;
  for (std::string_view line : absl::StrSplit(text, '\n')) {
    if (!out.empty()) {
      absl::StrAppend(&out, "\n", std::string(indent, ' '));
      column = indent;
    }
    bool first = true;
    for (std::string_view word : absl::StrSplit(line, ' ')) {
      if (!first && column + 1 + word.size() > kHelpWidth) {
        absl::StrAppend(&out, "\n", std::string(indent, ' '));
        column = indent;
        first = true;
      }
      absl::StrAppend(&out, first ? "" : " ", word);
      column += word.size() + (first ? 0 : 1);
      first = false;
    }
  }
  return out;
}

// "  left        right", the right side wrapped.
std::string HelpLine(std::string_view left, std::string_view right) {
  std::string out = absl::StrCat("  ", left);
  if (out.size() + 2 > kHelpIndent) {
    absl::StrAppend(&out, "\n", std::string(kHelpIndent, ' '));
  } else {
    out.resize(kHelpIndent, ' ');
  }
  return absl::StrCat(out, Wrap(right, kHelpIndent, kHelpIndent), "\n");
}

std::string UsageLine(const CommandFacts& command) {
  std::string out = absl::StrJoin(command.path, " ");
  absl::StrAppend(&out, " [OPTIONS]");
  for (const OptionFacts& option : command.options) {
    if (option.positional.empty()) continue;
    std::string name = absl::AsciiStrToUpper(option.positional);
    if (option.repeated) name += "...";
    absl::StrAppend(&out, " ", option.required ? name : absl::StrCat("[", name, "]"));
  }
  if (!command.commands.empty()) absl::StrAppend(&out, " COMMAND");
  return out;
}

std::string OptionLine(const OptionFacts& option) {
  std::string left;
  if (option.names.empty()) {
    left = absl::AsciiStrToUpper(option.positional);
  } else {
    left = absl::StrCat(option.names.front().starts_with("--") ? "    " : "",
                        absl::StrJoin(option.names, ", "));
    if (!option.type.empty()) absl::StrAppend(&left, " ", option.type);
    if (!option.words.empty()) absl::StrAppend(&left, " WORD");
  }
  std::string right = option.description;
  if (!option.words.empty()) {
    absl::StrAppend(&right, ": ", absl::StrJoin(option.words, ", "));
  }
  return HelpLine(left, right);
}

}  // namespace

std::string HelpText(const CommandFacts& command) {
  std::string out =
      absl::StrCat("Usage: ", UsageLine(command), "\n\n", Wrap(command.description, 0, 0), "\n");
  if (!command.commands.empty()) {
    absl::StrAppend(&out, "\nCommands:\n");
    for (const CommandFacts& sub : command.commands) {
      absl::StrAppend(&out, HelpLine(sub.path.back(), FirstLine(sub.description)));
    }
  }
  std::string arguments;
  std::string options;
  for (const OptionFacts& option : command.options) {
    absl::StrAppend(option.names.empty() ? &arguments : &options, OptionLine(option));
  }
  if (!arguments.empty()) absl::StrAppend(&out, "\nArguments:\n", arguments);
  absl::StrAppend(
      &out, command.path.size() == 1 ? "\nOptions, before or after the command:\n" : "\nOptions:\n",
      options);
  if (!command.footer.empty()) absl::StrAppend(&out, "\n", command.footer, "\n");
  return out;
}

std::string BashCompletion(const CommandFacts& root) {
  std::string commands;  // finds the command that the words before the cursor name
  std::string candidates;
  VisitAll(root, [&](const CommandFacts& command) {
    const std::string path = absl::StrJoin(command.path, " ");
    if (!command.commands.empty()) {
      for (const CommandFacts& sub : command.commands) {
        absl::StrAppend(&commands, "      ", ShellQuoted(absl::StrCat(path, " ", sub.path.back())),
                        ") command=\"$command $word\" ;;\n");
      }
    }
    std::string names;
    std::string values;
    for (const OptionFacts& option : command.options) {
      if (option.names.empty()) continue;
      absl::StrAppend(&names, names.empty() ? "" : " ", absl::StrJoin(option.names, " "));
      if (!TakesValue(option)) continue;
      absl::StrAppend(&values, "        ", absl::StrJoin(option.names, "|"), ") ",
                      BashCandidates(option), "; return ;;\n");
    }
    absl::StrAppend(&candidates, "    ", ShellQuoted(path), ")\n");
    if (!values.empty()) {
      absl::StrAppend(&candidates, "      case \"$previous\" in\n", values, "      esac\n");
    }
    absl::StrAppend(&candidates, "      options=", ShellQuoted(names), "\n");
    if (!command.commands.empty()) {
      absl::StrAppend(&candidates, "      words=", ShellQuoted(Words(command)), "\n");
    } else if (const OptionFacts* positional = Positional(command); positional != nullptr) {
      absl::StrAppend(&candidates, "      if [[ $current != -* ]]; then ",
                      BashCandidates(*positional), "; return; fi\n");
    }
    absl::StrAppend(&candidates, "      ;;\n");
  });
  std::string common_values;
  std::string common_names;
  for (const OptionFacts& option : root.options) {
    absl::StrAppend(&common_names, " ", absl::StrJoin(option.names, " "));
    if (!TakesValue(option)) continue;
    absl::StrAppend(&common_values, "    ", absl::StrJoin(option.names, "|"), ") ",
                    BashCandidates(option), "; return ;;\n");
  }
  return absl::StrCat(R"(# bash completion for mlctl, made by `mlctl completion bash`
_mlctl() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
  local command=mlctl options='' words='' word
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$command $word" in
)",
                      commands, R"(    esac
  done
  case "$command" in
)",
                      candidates, R"(  esac
  case "$previous" in
)",
                      common_values, R"(  esac
  if [[ $current == -* || -z $words ]]; then
    COMPREPLY=($(compgen -W "$options)",
                      common_names, R"(" -- "$current"))
  else
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
}
complete -o filenames -o bashdefault -F _mlctl mlctl
)");
}

namespace {

// Text of a zsh specification: brackets and colons mean something there.
std::string ZshText(std::string_view text) {
  return absl::StrReplaceAll(FirstLine(text),
                             {{"[", "\\["}, {"]", "\\]"}, {":", "\\:"}, {"'", "'\\''"}});
}

std::string ZshAction(const OptionFacts& option) {
  if (!option.words.empty()) return absl::StrCat("(", absl::StrJoin(option.words, " "), ")");
  if (option.type == kFileType) return "_files";
  if (option.type == kModelType) return "_mlctl_model_names";
  if (option.type == kActionType) return "_mlctl_action_names";
  return " ";
}

std::string ZshOption(const OptionFacts& option) {
  const std::string names = option.names.size() > 1
                                ? absl::StrCat("'(", absl::StrJoin(option.names, " "), ")'{",
                                               absl::StrJoin(option.names, ","), "}'")
                                : absl::StrCat("'", option.names.front());
  std::string out = absl::StrCat(names, "[", ZshText(option.description), "]");
  if (TakesValue(option)) {
    absl::StrAppend(&out, ":", option.type.empty() ? "choice" : ZshText(option.type), ":",
                    ZshAction(option));
  }
  return out + "'";
}

}  // namespace

std::string ZshCompletion(const CommandFacts& root) {
  std::string common;
  for (const OptionFacts& option : root.options) {
    absl::StrAppend(&common, "    ", ZshOption(option), "\n");
  }
  std::string functions;
  VisitAll(root, [&](const CommandFacts& command) {
    const std::string name =
        absl::StrCat("_", absl::StrReplaceAll(absl::StrJoin(command.path, "_"), {{"-", "_"}}));
    absl::StrAppend(&functions, name, "() {\n  local -a context line state\n",
                    command.commands.empty() ? "  _arguments -S" : "  _arguments -C -S",
                    " $_mlctl_common \\\n");
    if (command.path.size() > 1) {
      for (const OptionFacts& option : command.options) {
        if (option.names.empty() || option.names.back() == "--help") continue;
        absl::StrAppend(&functions, "    ", ZshOption(option), " \\\n");
      }
    }
    if (command.commands.empty()) {
      int place = 1;
      for (const OptionFacts& option : command.options) {
        if (option.positional.empty()) continue;
        absl::StrAppend(&functions, "    '", option.repeated ? "*" : absl::StrCat(place++), ":",
                        option.positional, ":", ZshAction(option), "' \\\n");
      }
      absl::StrAppend(&functions, "    && return\n}\n\n");
      return;
    }
    absl::StrAppend(&functions, "    '1: :->command' '*:: :->rest' && return\n  case $state in\n",
                    "    command)\n      local -a commands=(\n");
    for (const CommandFacts& sub : command.commands) {
      absl::StrAppend(&functions, "        '", sub.path.back(), ":", ZshText(sub.description),
                      "'\n");
    }
    absl::StrAppend(&functions, "      )\n      _describe command commands ;;\n",
                    "    rest)\n      case $line[1] in\n");
    for (const CommandFacts& sub : command.commands) {
      absl::StrAppend(&functions, "        ", sub.path.back(), ") ", name, "_",
                      absl::StrReplaceAll(sub.path.back(), {{"-", "_"}}), " ;;\n");
    }
    absl::StrAppend(&functions, "      esac ;;\n  esac\n}\n\n");
  });
  return absl::StrCat("#compdef mlctl\n# zsh completion, made by `mlctl completion zsh`\n\n",
                      "typeset -ga _mlctl_common=(\n", common, ")\n\n",
                      "_mlctl_model_names() {\n  local -a models=(${(f)\"$(", ListingOf(kModelType),
                      ")\"})\n  _describe model models\n}\n\n",
                      "_mlctl_action_names() {\n  local -a actions=(${(f)\"$(",
                      ListingOf(kActionType), ")\"})\n  _describe action actions\n}\n\n", functions,
                      "_mlctl \"$@\"\n");
}

std::string FishCompletion(const CommandFacts& root) {
  auto add_option = [](std::string& out, const std::string& condition, const OptionFacts& option) {
    absl::StrAppend(&out, "complete -c mlctl", condition);
    for (const std::string& name : option.names) {
      absl::StrAppend(&out, name.starts_with("--") ? " -l " : " -s ",
                      name.substr(name.starts_with("--") ? 2 : 1));
    }
    if (!option.words.empty()) {
      absl::StrAppend(&out, " -x -a ", ShellQuoted(absl::StrJoin(option.words, " ")));
    } else if (const std::string_view listing = ListingOf(option.type); !listing.empty()) {
      absl::StrAppend(&out, " -x -a '(", listing, ")'");
    } else if (option.type == kFileType) {
      absl::StrAppend(&out, " -r -F");
    } else if (TakesValue(option)) {
      absl::StrAppend(&out, " -x");
    }
    absl::StrAppend(&out, " -d ", ShellQuoted(FirstLine(option.description)), "\n");
  };
  std::string out = "# fish completion for mlctl, made by `mlctl completion fish`\n";
  absl::StrAppend(&out, "complete -c mlctl -f\n");
  for (const OptionFacts& option : root.options) add_option(out, "", option);
  VisitAll(root, [&](const CommandFacts& command) {
    std::string condition = "__fish_use_subcommand";
    if (command.path.size() > 1) {
      condition = absl::StrCat("__fish_seen_subcommand_from ", command.path[1]);
    }
    if (command.path.size() > 2) {
      absl::StrAppend(&condition, "; and __fish_seen_subcommand_from ", command.path[2]);
    }
    std::string none_yet = condition;
    if (command.path.size() > 1 && !command.commands.empty()) {
      absl::StrAppend(&none_yet, "; and not __fish_seen_subcommand_from ", Words(command));
    }
    for (const CommandFacts& sub : command.commands) {
      absl::StrAppend(&out, "complete -c mlctl -n ", ShellQuoted(none_yet), " -a ", sub.path.back(),
                      " -d ", ShellQuoted(FirstLine(sub.description)), "\n");
    }
    if (command.path.size() == 1) return;
    for (const OptionFacts& option : command.options) {
      if (option.names.empty() || option.names.back() == "--help") continue;
      add_option(out, absl::StrCat(" -n ", ShellQuoted(condition)), option);
    }
    if (const OptionFacts* positional = Positional(command); positional != nullptr) {
      absl::StrAppend(
          &out, "complete -c mlctl -n ", ShellQuoted(condition),
          positional->type == kFileType ? std::string(" -F")
          : !ListingOf(positional->type).empty()
              ? absl::StrCat(" -a '(", ListingOf(positional->type), ")'")
              : absl::StrCat(" -a ", ShellQuoted(absl::StrJoin(positional->words, " "))),
          "\n");
    }
  });
  return out;
}

namespace {

std::string Roff(std::string_view text) {
  std::string out = absl::StrReplaceAll(text, {{"\\", "\\e"}, {"-", "\\-"}});
  // A line that begins with a dot or quote would be a request.
  if (out.starts_with('.') || out.starts_with('\'')) out.insert(0, "\\&");
  return absl::StrReplaceAll(out, {{"\n.", "\n\\&."}, {"\n'", "\n\\&'"}});
}

std::string ValueName(const OptionFacts& option) {
  if (!option.words.empty()) return absl::StrJoin(option.words, "|");
  return option.type;
}

void AppendOptions(std::string& out, const CommandFacts& command) {
  for (const OptionFacts& option : command.options) {
    if (option.names.empty()) {
      absl::StrAppend(&out, ".TP\n.I ", Roff(option.positional), "\n");
    } else {
      absl::StrAppend(&out, ".TP\n\\fB",
                      absl::StrJoin(option.names, "\\fR, \\fB",
                                    [](std::string* to, const std::string& name) {
                                      absl::StrAppend(to, Roff(name));
                                    }),
                      "\\fR");
      if (TakesValue(option)) absl::StrAppend(&out, " \\fI", Roff(ValueName(option)), "\\fR");
      out += '\n';
    }
    absl::StrAppend(&out, Roff(option.description), "\n");
  }
}

// "Examples:" and the lines under it as they stand.
void AppendFooter(std::string& out, std::string_view footer) {
  if (footer.empty()) return;
  std::vector<std::string_view> kept;
  for (std::string_view line : absl::StrSplit(footer, '\n')) {
    if (!line.starts_with("Common options:")) kept.push_back(line);
  }
  while (!kept.empty() && kept.back().empty()) kept.pop_back();
  absl::StrAppend(&out, ".PP\n.nf\n", Roff(absl::StrJoin(kept, "\n")), "\n.fi\n");
}

}  // namespace

std::string ManPage(const CommandFacts& root, std::string_view version) {
  std::string out = absl::StrCat(".TH MLCTL 1 \"\" \"intelligenced ", Roff(version),
                                 "\" \"User Commands\"\n.SH NAME\nmlctl \\- ",
                                 "use the machine's shared models from the command line\n",
                                 ".SH SYNOPSIS\n.B mlctl\n[\\fIOPTIONS\\fR] \\fICOMMAND\\fR "
                                 "[\\fIARGUMENTS\\fR]\n.SH DESCRIPTION\n",
                                 Roff(root.description), "\n.SH OPTIONS\n",
                                 "These may stand before or after the command.\n");
  AppendOptions(out, root);
  absl::StrAppend(&out, ".SH COMMANDS\n");
  VisitAll(root, [&](const CommandFacts& command) {
    if (command.path.size() == 1 || !command.commands.empty()) return;
    std::string usage = Roff(absl::StrJoin(command.path, " "));
    for (const OptionFacts& option : command.options) {
      if (option.positional.empty()) continue;
      const std::string name =
          absl::StrCat("\\fI", Roff(option.positional), "\\fR", option.repeated ? "..." : "");
      absl::StrAppend(&usage, " ", option.required ? name : absl::StrCat("[", name, "]"));
    }
    absl::StrAppend(&out, ".SS ", usage, "\n", Roff(command.description), "\n");
    CommandFacts own = command;
    std::erase_if(own.options, [](const OptionFacts& option) {
      return !option.names.empty() && option.names.back() == "--help";
    });
    AppendOptions(out, own);
    AppendFooter(out, command.footer);
  });
  absl::StrAppend(&out, ".SH NOTES\n");
  AppendFooter(out, root.footer);
  absl::StrAppend(&out, R"(.SH ENVIRONMENT
.TP
.B INTELLIGENCED_SOCKET
The daemon's socket, where \fB\-\-socket\fR does not name one. Default:
$XDG_RUNTIME_DIR/intelligenced/intelligenced.sock, else /run/intelligenced/intelligenced.sock.
.TP
.B NO_COLOR
When set, output is not coloured on terminals.
.SH SEE ALSO
.BR intelligenced (8)
)");
  return out;
}

}  // namespace intelligenced::mlctl
