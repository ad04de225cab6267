// mlctl completion and man
#include "clients/mlctl/documents.h"

#include <memory>
#include <ostream>
#include <string>

#include "clients/mlctl/command_tree.h"

namespace intelligenced::mlctl {

void AddDocumentCommands(CommandTree& tree) {
  auto shell = std::make_shared<std::string>();
  CLI::App* root = &tree.root();
  CLI::App* app =
      tree.Add(root, "completion", "Print the completions for a shell.",
               {"mlctl completion bash > ~/.local/share/bash-completion/completions/mlctl",
                "mlctl completion zsh > ~/.zfunc/_mlctl",
                "mlctl completion fish > ~/.config/fish/completions/mlctl.fish"},
               [root, shell](Session& session) {
                 const CommandFacts facts = Describe(*root);
                 session.out() << (*shell == "bash"  ? BashCompletion(facts)
                                   : *shell == "zsh" ? ZshCompletion(facts)
                                                     : FishCompletion(facts));
                 return kDone;
               });
  app->add_option("shell", *shell, "The shell")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->type_name("");
  tree.Add(root, "man", "Print the man page, as roff.", {"mlctl man | man -l -"},
           [root](Session& session) {
             session.out() << ManPage(Describe(*root), INTELLIGENCED_VERSION);
             return kDone;
           });
}

}  // namespace intelligenced::mlctl
