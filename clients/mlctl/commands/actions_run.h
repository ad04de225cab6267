// mlctl ask and mlctl actions run.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_COMMANDS_ACTIONS_RUN_H_
#define INTELLIGENCED_CLIENTS_MLCTL_COMMANDS_ACTIONS_RUN_H_

#include <string>

#include "clients/mlctl/command_tree.h"

namespace intelligenced::mlctl {

// `command` is what examples begin with.
void AddAsk(CommandTree& tree, CLI::App* parent, const std::string& command);
void AddRun(CommandTree& tree, CLI::App* group);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_COMMANDS_ACTIONS_RUN_H_
