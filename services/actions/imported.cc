#include "services/actions/imported.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/file.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

// The declaration's own bound and the line before it.
constexpr size_t kMaxBytes = (size_t{1} << 20) + 256;

// An identifier is safe as a part of a path: no '/' and no "..".
std::string PathOf(const std::string& folder, const std::string& id) {
  return absl::StrCat(folder, "/imported/", id);
}

}  // namespace

absl::Status LoadImported(const std::string& folder, StaticProvider* provider) {
  const std::string& id = provider->declaration.id();
  const absl::StatusOr<std::string> text = ReadFile(PathOf(folder, id), kMaxBytes);
  if (!text.ok()) return text.status();
  const size_t line = text->find('\n');
  if (line == std::string::npos || text->substr(0, line) != provider->fingerprint) {
    return absl::NotFoundError("Another server was declared then.");
  }
  v1::ProviderDeclaration declaration;
  if (!declaration.ParseFromString(text->substr(line + 1)) || declaration.id() != id) {
    return absl::InvalidArgumentError("It holds no actions of this provider.");
  }
  if (absl::Status status = CheckDeclaration(declaration); !status.ok()) return status;
  provider->declaration = CompleteDeclaration(std::move(declaration));
  return absl::OkStatus();
}

absl::Status SaveImported(const std::string& folder, const std::string& fingerprint,
                          const v1::ProviderDeclaration& declaration) {
  absl::Status status = CreateDirectories(absl::StrCat(folder, "/imported"), 0700);
  if (!status.ok()) return status;
  FileSystem files;
  return WriteFileAtomically(files, PathOf(folder, declaration.id()),
                             absl::StrCat(fingerprint, "\n", declaration.SerializeAsString()),
                             0600);
}

}  // namespace intelligenced
