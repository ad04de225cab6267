// What a server of the Model Context Protocol may write: messages, lists of tools, answers. What is
// made of them must pass the registry's own rules, whatever it was.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "clients/cpp/src/convert_actions.h"
#include "clients/mcp_provider/imported_tool.h"
#include "clients/mcp_provider/provider.h"
#include "clients/mcp_provider/session.h"
#include "services/actions/declaration.h"
#include "services/actions/results.h"

namespace intelligenced::mcp {
namespace {

namespace v1 = ::intelligence::v1;

void Require(bool condition) {
  if (!condition) abort();
}

v1::ProviderDeclaration Declare(const std::vector<ImportedTool>& tools) {
  v1::ProviderDeclaration declaration;
  declaration.set_id("org.example.Server");
  declaration.set_title("Server");
  const actions::Provider provider = MakeProvider({}, tools, nullptr);
  for (const actions::Action& action : provider.actions()) {
    actions::ToProto(action.info(), declaration.add_actions());
  }
  return declaration;
}

// As the answer to tools/list, and as each tool's answer to tools/call.
void CheckTools(const Json& body) {
  std::vector<Json> listed;
  for (const Json& tool : Member(body, "tools")) listed.push_back(tool);
  if (body.is_object()) listed.push_back(body);
  const ImportedTools imported = ImportTools(listed, {});
  const v1::ProviderDeclaration declaration = Declare(imported.tools);
  // Beyond 1 MiB it is refused as a whole, which is no one's harm.
  if (declaration.ByteSizeLong() < (size_t{1} << 20)) Require(CheckDeclaration(declaration).ok());
  for (size_t i = 0; i < imported.tools.size(); ++i) {
    const absl::StatusOr<actions::Result> result = ResultOf(imported.tools[i], body);
    if (!result.ok()) continue;
    v1::ActionResult proto;
    actions::ToProto(*result, &proto);
    Require(CheckResult(declaration.actions(static_cast<int>(i)), proto, declaration).ok());
  }
}

}  // namespace
}  // namespace intelligenced::mcp

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace intelligenced::mcp;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Session session({.write = [](const std::string& line) {
    if (line.find('\n') != std::string::npos) abort();
    return true;
  }});
  static_cast<void>(session.Receive(text));
  if (const auto message = ParseServerMessage(text); message.ok()) CheckTools(message->body);
  if (const auto json = ParseJson(text); json.ok()) CheckTools(*json);
  return 0;
}
