// Where the daemon listens.
#ifndef INTELLIGENCE_SOCKET_PATH_H_
#define INTELLIGENCE_SOCKET_PATH_H_

#include <string>

namespace intelligence {

// $INTELLIGENCED_SOCKET, when set and not empty. Else the first of these that exists, and when none
// does, the first that applies:
//   1. $XDG_RUNTIME_DIR/intelligenced/intelligenced.sock, when the variable is set;
//   2. without it and not as root, $XDG_STATE_HOME/intelligenced/intelligenced.sock, where
//      XDG_STATE_HOME is $HOME/.local/state by default;
//   3. /run/intelligenced/intelligenced.sock, the daemon of the whole system.
// This file is the only place where the SDK reads the environment. Not safe against a concurrent
// setenv(), like every reader of the environment.
std::string DefaultSocketPath();

// Where the daemon behind `socket_path` takes descriptors: beside it, with ".fd" at the end; or
// $INTELLIGENCED_ATTACHMENT_SOCKET, when it is set and `socket_path` is $INTELLIGENCED_SOCKET
// (launchd chooses both). There need not be one: the SDK then sends bytes.
std::string AttachmentSocketPath(const std::string& socket_path);

}  // namespace intelligence

#endif  // INTELLIGENCE_SOCKET_PATH_H_
