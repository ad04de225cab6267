#include "daemon/identity.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

#include "daemon/connection_table.h"

namespace intelligenced {
namespace {

constexpr char kUserSlice[] = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/";

TEST(AppFromControlGroupTest, KnowsSandboxesUnitsAndDesktopApps) {
  const std::string slice = kUserSlice;
  EXPECT_EQ(AppFromControlGroup(slice + "app-flatpak-org.gnome.TextEditor-4711.scope\n"),
            "flatpak:org.gnome.TextEditor");
  EXPECT_EQ(AppFromControlGroup(slice + "flatpak-org.videolan.VLC-99.scope"),
            "flatpak:org.videolan.VLC");
  EXPECT_EQ(AppFromControlGroup(slice + "snap.firefox.firefox-6b1a4f0e.scope"), "snap:firefox");
  EXPECT_EQ(AppFromControlGroup("0::/system.slice/snap.lxd.daemon.service"), "snap:lxd");
  EXPECT_EQ(AppFromControlGroup(slice + "app-gnome-org.gnome.gedit-1234.scope"),
            "unit:org.gnome.gedit");
  EXPECT_EQ(AppFromControlGroup(slice + "app-org.kde.kate@5f3c.service"), "unit:org.kde.kate");
  EXPECT_EQ(AppFromControlGroup(slice + "app-gnome-code\\x2dinsiders-7.scope"),
            "unit:code-insiders");
  EXPECT_EQ(AppFromControlGroup(slice + "mailer.service\n"), "unit:mailer.service");
  EXPECT_EQ(AppFromControlGroup("0::/system.slice/cups.service"), "unit:cups.service");
  // What a unit makes below itself does not name another app.
  EXPECT_EQ(AppFromControlGroup("0::/system.slice/cups.service/worker/7"), "unit:cups.service");
}

TEST(AppFromControlGroupTest, SessionsAndTerminalsNameNoApp) {
  EXPECT_EQ(AppFromControlGroup("0::/user.slice/user-1000.slice/session-2.scope"), "");
  EXPECT_EQ(AppFromControlGroup(std::string(kUserSlice) + "vte-spawn-1b2c.scope"), "");
  EXPECT_EQ(AppFromControlGroup(std::string(kUserSlice) + "run-r12.scope"), "");
  EXPECT_EQ(AppFromControlGroup("0::/user.slice/user-1000.slice/user@1000.service"), "");
  EXPECT_EQ(AppFromControlGroup("0::/init.scope"), "");
}

TEST(AppFromControlGroupTest, OddInput) {
  EXPECT_EQ(AppFromControlGroup(""), "");
  EXPECT_EQ(AppFromControlGroup("0::/"), "");
  EXPECT_EQ(AppFromControlGroup("nonsense"), "");
  EXPECT_EQ(AppFromControlGroup("0::/app-flatpak--1.scope"), "");
  EXPECT_EQ(AppFromControlGroup("0::/x/snap..scope"), "");
  // Version 1 beside systemd's own hierarchy.
  EXPECT_EQ(AppFromControlGroup("5:cpu:/a.service\n1:name=systemd:/system.slice/b.service\n"),
            "unit:b.service");
}

TEST(AppFromExecutableTest, TakesPaths) {
  EXPECT_EQ(AppFromExecutable("/usr/bin/vim"), "exe:/usr/bin/vim");
  EXPECT_EQ(AppFromExecutable("/opt/a (deleted)"), "exe:/opt/a");
  EXPECT_EQ(AppFromExecutable(""), "");
  EXPECT_EQ(AppFromExecutable("memfd:x"), "");
}

TEST(DisplayNameTest, IsShort) {
  EXPECT_EQ(DisplayName("exe:/usr/bin/vim"), "vim");
  EXPECT_EQ(DisplayName("unit:mailer.service"), "mailer");
  EXPECT_EQ(DisplayName("flatpak:org.gnome.TextEditor"), "org.gnome.TextEditor");
  EXPECT_EQ(DisplayName("unknown"), "unknown");
}

TEST(IdentifyPeerTest, SaysWhoTheKernelSays) {
  std::array<int, 2> fds;
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()), 0);
  const absl::StatusOr<Identity> identity = IdentifyPeer(fds[0]);
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(identity->user_id, getuid());
  EXPECT_EQ(identity->group_id, getgid());
  EXPECT_EQ(identity->process_id, getpid());
  EXPECT_NE(identity->app, "unknown");
  EXPECT_NE(identity->app, "");
  EXPECT_EQ(identity->id(), std::to_string(getuid()) + ":" + identity->app);
  close(fds[0]);
  close(fds[1]);
}

TEST(IdentifyPeerTest, RefusesWhatIsNoSocket) {
  std::array<int, 2> fds;
  ASSERT_EQ(pipe(fds.data()), 0);
  EXPECT_FALSE(IdentifyPeer(fds[0]).ok());
  close(fds[0]);
  close(fds[1]);
}

Identity Somebody(uid_t user_id) {
  Identity identity;
  identity.user_id = user_id;
  identity.app = "exe:/bin/x";
  return identity;
}

TEST(ConnectionTableTest, FindsByWhatGrpcSays) {
  ConnectionTable table({.total = 10, .per_user = 10});
  table.Add(5000, Somebody(7));
  ASSERT_NE(table.Find("fd:5000"), nullptr);
  EXPECT_EQ(table.Find("fd:5000")->id(), "7:exe:/bin/x");
  for (const char* peer : {"fd:5001", "unix:", "fd:", "fd:x", "", "fd:50000000000000"}) {
    EXPECT_EQ(table.Find(peer), nullptr) << peer;
  }
}

TEST(ConnectionTableTest, AnOldEndDoesNotTakeANewConnection) {
  ConnectionTable table({.total = 10, .per_user = 10});
  const uint64_t first = table.Add(5000, Somebody(1));
  const uint64_t second = table.Add(5000, Somebody(2));
  table.Remove(5000, first);
  ASSERT_NE(table.Find("fd:5000"), nullptr);
  EXPECT_EQ(table.Find("fd:5000")->user_id, 2u);
  EXPECT_EQ(table.size(), 1u);
  table.Remove(5000, second);
  EXPECT_EQ(table.Find("fd:5000"), nullptr);
}

TEST(ConnectionTableTest, BoundsUsersAndAll) {
  ConnectionTable table({.total = 3, .per_user = 2});
  table.Add(1, Somebody(1));
  const uint64_t second = table.Add(2, Somebody(1));
  EXPECT_FALSE(table.HasRoomFor(1));
  EXPECT_TRUE(table.HasRoomFor(2));
  table.Add(3, Somebody(2));
  EXPECT_FALSE(table.HasRoomFor(2));
  table.Remove(2, second);
  EXPECT_TRUE(table.HasRoomFor(1));
  // Replacing an entry counts for the new user only.
  table.Add(1, Somebody(3));
  table.Add(2, Somebody(1));
  EXPECT_FALSE(table.HasRoomFor(1));
  table.SetLimits({.total = 10, .per_user = 2});
  EXPECT_TRUE(table.HasRoomFor(1));
}

}  // namespace
}  // namespace intelligenced
