// How a declaration's file says that its provider is started and who it is. Pure.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_DECLARATION_START_H_
#define INTELLIGENCED_SERVICES_ACTIONS_DECLARATION_START_H_

#include <string>

#include "services/actions/declaration.h"
#include "services/actions/toml_reader.h"

namespace intelligenced {

// [start]: a command, a name on D-Bus or a unit of systemd.
void ReadStart(TomlReader& reader, ProviderStart* start);

// [owner]: an executable or an app.
void ReadOwner(TomlReader& reader, ProviderOwner* owner);

// [mcp]: a server of the Model Context Protocol, which `program` speaks for under the declaration's
// id and title.
void ReadMcp(TomlReader& reader, const std::string& program,
             const intelligence::v1::ProviderDeclaration& declaration, ProviderStart* start);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_ACTIONS_DECLARATION_START_H_
