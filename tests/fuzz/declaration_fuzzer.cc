// Files that declare actions come from any app's package and from the user's folder. What is
// accepted must keep the registry's rules, and start nothing that a shell would have to read.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/reasons.h"
#include "services/actions/declaration.h"
#include "services/actions/resolve/phrase_template.h"
#include "services/actions/values.h"

namespace intelligenced {
namespace {

constexpr char kMcpProgram[] = "/usr/libexec/mcp";

void Require(bool condition) {
  if (!condition) abort();
}

void CheckFile(std::string_view text) {
  const absl::StatusOr<StaticProvider> provider =
      ParseDeclarationFile(text, "/x.toml", kMcpProgram);
  if (!provider.ok()) {
    Require(ReasonOf(provider.status()).has_value());
    return;
  }
  Require(CheckDeclaration(provider->declaration).ok());
  Require(IsProviderIdentifier(provider->declaration.id()));
  const ProviderStart& start = provider->start;
  Require(start.command.empty() || start.command[0].front() == '/');
  Require(provider->imports == (!start.command.empty() && start.command[0] == kMcpProgram &&
                                provider->declaration.actions_size() == 0));
  Require(!(start.possible() && provider->owner.app.empty() && provider->owner.executable.empty()));
  for (const std::string& argument : start.command) Require(IsPlainLine(argument, 8192));
  for (const std::string& variable : start.environment) {
    Require(variable.find('=') != std::string::npos && IsPlainLine(variable, 8192));
  }
  Require(start.timeout_seconds >= 1 && start.timeout_seconds <= 60);
}

void CheckPhrase(std::string_view text) {
  const auto variants = resolve::ParsePhrase(text, {"what", "when"}, "phrases[0]");
  if (!variants.ok()) {
    Require(FactsOf(variants.status()).field == "phrases[0]");
    return;
  }
  Require(!variants->empty() && variants->size() <= resolve::kMaxPhraseVariants);
  for (const resolve::PhraseVariant& variant : *variants) {
    Require(!variant.empty());
    for (const resolve::PhraseElement& element : variant) {
      Require(element.word.empty() == (element.parameter >= 0) && element.parameter < 2);
    }
  }
}

}  // namespace
}  // namespace intelligenced

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  intelligenced::CheckFile(text);
  intelligenced::CheckPhrase(text);
  return 0;
}
