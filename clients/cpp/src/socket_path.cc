#include <intelligence/socket_path.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "protos/support/attachment_frame.h"

namespace intelligence {
namespace {

constexpr char kSystemPath[] = "/run/intelligenced/intelligenced.sock";
constexpr char kName[] = "/intelligenced/intelligenced.sock";

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

}  // namespace

std::string DefaultSocketPath() {
  if (std::string path = Environment("INTELLIGENCED_SOCKET"); !path.empty()) return path;
  const std::string runtime = Environment("XDG_RUNTIME_DIR");
  const std::string user_path = runtime.empty() ? "" : runtime + kName;
  if (!user_path.empty() && Exists(user_path)) return user_path;
  std::string state = Environment("XDG_STATE_HOME");
  if (state.empty()) {
    if (const std::string home = Environment("HOME"); !home.empty()) state = home + "/.local/state";
  }
  const std::string home_path = state.empty() ? "" : state + kName;
  if (user_path.empty() && geteuid() != 0 && !home_path.empty() && Exists(home_path)) {
    return home_path;
  }
  if (Exists(kSystemPath)) return kSystemPath;
  if (!user_path.empty()) return user_path;
  if (geteuid() != 0 && !home_path.empty()) return home_path;
  return kSystemPath;
}

std::string AttachmentSocketPath(const std::string& socket_path) {
  const std::string named = Environment("INTELLIGENCED_ATTACHMENT_SOCKET");
  if (!named.empty() && socket_path == Environment("INTELLIGENCED_SOCKET")) return named;
  return intelligenced::AttachmentSocketPath(socket_path);
}

}  // namespace intelligence
