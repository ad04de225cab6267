// Who is at the other end of a connection, as far as the kernel vouches for it.
#ifndef INTELLIGENCED_DAEMON_IDENTITY_H_
#define INTELLIGENCED_DAEMON_IDENTITY_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace intelligenced {

// An app is its user plus one of, best first:
//   flatpak:ID, snap:NAME    the sandbox's name: what is inside cannot leave its control group
//   unit:NAME                the systemd service, or the app that the session started
//   exe:PATH                 the executable: sessions, terminals, and systems without systemd
//   unknown                  none of these could be read
// A process can leave its unit for another of the same user (users own their control groups), and
// can run any executable it may read. So these names keep apps of one user apart for fair shares
// and limits; between users only the user id counts, which the kernel fixes at connect().
struct Identity {
  uid_t user_id = 0;
  gid_t group_id = 0;
  pid_t process_id = 0;
  // "flatpak:org.gnome.TextEditor", "exe:/usr/bin/vim".
  std::string app;
  // For people: "org.gnome.TextEditor", "vim".
  std::string display_name;
  // Where /proc has it, also of an app that goes by its unit. Empty: not known, or a sandboxed
  // app's (flatpak, snap), whose paths are its own.
  std::string executable;

  // "1000:exe:/usr/bin/vim": what shares, limits and [clients] patterns go by.
  std::string id() const;
};

// Asks the kernel about the peer of a connected Unix socket. Reads a few files of /proc. A peer
// that is gone already, or whose process id was given to another process meanwhile, is "unknown"
// with its user. Fails only when there are no credentials at all.
absl::StatusOr<Identity> IdentifyPeer(int fd);

// The part that is text: an app from the content of /proc/PID/cgroup, such as
// "unit:foo.service". Empty: the control group names no app.
std::string AppFromControlGroup(std::string_view cgroup);

// "exe:/usr/bin/vim" from what /proc/PID/exe links to (a deleted file's suffix is taken off).
std::string AppFromExecutable(std::string_view link);

// What a person would call it: the last part, without ".service" and the like.
std::string DisplayName(std::string_view app);

}  // namespace intelligenced

#endif  // INTELLIGENCED_DAEMON_IDENTITY_H_
