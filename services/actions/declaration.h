// What a provider says it offers: checked and completed before anything else sees it. Pure.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_DECLARATION_H_
#define INTELLIGENCED_SERVICES_ACTIONS_DECLARATION_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "protos/intelligence/v1/action_types.pb.h"

namespace intelligenced {

// FIELD_INVALID ("declaration.actions[3].parameters[0].type") for what breaks the rules of
// action_types.proto: identifiers that are malformed or come twice, types that are not known,
// entity types that lead back to themselves, phrases with unknown parameters, defaults of the wrong
// type. INPUT_TOO_LARGE beyond 1 MiB.
absl::Status CheckDeclaration(const intelligence::v1::ProviderDeclaration& declaration);

// The declaration with names and titles filled in; `declaration` has passed CheckDeclaration().
intelligence::v1::ProviderDeclaration CompleteDeclaration(
    intelligence::v1::ProviderDeclaration declaration);

// Who may own a provider's identifier. Empty members match nobody; one that matches is enough.
struct ProviderOwner {
  std::string executable;  // absolute, links resolved
  std::string app;         // "unit:x.service", "flatpak:ID", "snap:NAME"
};

// How a provider is started that is not running. At most one member is set.
struct ProviderStart {
  // Run as it is, without a shell; [0] is an absolute path.
  std::vector<std::string> command;
  std::string dbus_name;
  std::string systemd_unit;
  // "NAME=value", for `command` beside the daemon's own.
  std::vector<std::string> environment;
  int timeout_seconds = 10;

  bool possible() const { return !command.empty() || !dbus_name.empty() || !systemd_unit.empty(); }
};

// A provider that a file declares.
struct StaticProvider {
  intelligence::v1::ProviderDeclaration declaration;
  ProviderOwner owner;
  ProviderStart start;
  std::string path;
  // The file names a server of the Model Context Protocol. Which actions there are is what its
  // provider says when it comes; `declaration` has none before that.
  bool imports = false;
  // Of what the imported actions depend on: another one, and what is remembered of them is void.
  std::string fingerprint;
};

// One file's content (packaging/actions/README.md has the format). FIELD_INVALID with the place.
// `mcp_program` is what speaks to servers of the Model Context Protocol (clients/mcp_provider);
// empty: such files are refused.
absl::StatusOr<StaticProvider> ParseDeclarationFile(std::string_view text, const std::string& path,
                                                    const std::string& mcp_program);

struct LoadedDeclarations {
  std::vector<StaticProvider> providers;
  // A sentence for each file that was left out.
  std::vector<std::string> problems;
};

// All *.toml files of the folders, earlier folders first: a later file cannot declare a provider
// that an earlier one has. Folders that are not there are skipped. At most 256 files of 1 MiB.
// Reads files.
LoadedDeclarations LoadDeclarations(const std::vector<std::string>& folders,
                                    const std::string& mcp_program);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_ACTIONS_DECLARATION_H_
