#include "daemon/callers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemon/activity.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

using ::testing::HasSubstr;

TEST(MatchesPatternTest, Globs) {
  EXPECT_TRUE(MatchesPattern("*", ""));
  EXPECT_TRUE(MatchesPattern("*", "1000:exe:/usr/bin/vim"));
  EXPECT_TRUE(MatchesPattern("1000:*", "1000:exe:/usr/bin/vim"));
  EXPECT_TRUE(MatchesPattern("*:exe:/usr/bin/*", "1000:exe:/usr/bin/vim"));
  EXPECT_TRUE(MatchesPattern("*vim", "1000:exe:/usr/bin/vim"));
  EXPECT_TRUE(MatchesPattern("100?:*", "1001:x"));
  EXPECT_FALSE(MatchesPattern("100?:*", "100:x"));
  EXPECT_FALSE(MatchesPattern("", "x"));
  EXPECT_FALSE(MatchesPattern("vim", "nvim"));
  EXPECT_FALSE(MatchesPattern("*:exe:/usr/bin/vi", "1000:exe:/usr/bin/vim"));
  // Would take for ever with a naive matcher.
  EXPECT_FALSE(MatchesPattern("*a*a*a*a*a*a*a*a*b", std::string(2000, 'a')));
}

TEST(ClientPoliciesTest, TheMostSpecificWins) {
  const ClientPolicies policies(
      {{.pattern = "*", .weight = 1, .services = {}},
       {.pattern = "*:exe:/usr/bin/*", .weight = 2, .services = {}},
       {.pattern = "*:exe:/usr/bin/vim", .weight = 3, .services = {}},
       {.pattern = "1000:exe:/usr/bin/vim", .weight = 4, .services = {}}});
  EXPECT_EQ(policies.For("1000:exe:/usr/bin/vim").weight, 4);
  EXPECT_EQ(policies.For("1001:exe:/usr/bin/vim").weight, 3);
  EXPECT_EQ(policies.For("1001:exe:/usr/bin/ed").weight, 2);
  EXPECT_EQ(policies.For("1001:unit:x.service").weight, 1);
  EXPECT_EQ(ClientPolicies({}).For("anybody").weight, 1);
}

class CallersTest : public ::testing::Test {
 protected:
  CallersTest() {
    Identity identity;
    identity.user_id = 1000;
    identity.group_id = 100;
    identity.process_id = 42;
    identity.app = "exe:/usr/bin/vim";
    identity.display_name = "vim";
    table_.Add(5000, identity);
    identity.user_id = 0;
    table_.Add(5001, identity);
    identity.user_id = 999;
    table_.Add(5002, identity);
  }
  ConnectionTable table_{ConnectionLimits{}};
};

TEST_F(CallersTest, ResolvesAConnection) {
  TableCallerDirectory callers(&table_, 999,
                               {{.pattern = "1000:*", .weight = 2.5, .services = {}}});
  const absl::StatusOr<Caller> caller = callers.Resolve("fd:5000", "SystemService");
  ASSERT_TRUE(caller.ok()) << caller.status();
  EXPECT_EQ(caller->client.id, "1000:exe:/usr/bin/vim");
  EXPECT_EQ(caller->client.display_name, "vim");
  EXPECT_EQ(caller->client.user_id, 1000u);
  EXPECT_EQ(caller->client.weight, 2.5);
  EXPECT_EQ(caller->user_id, 1000u);
  EXPECT_EQ(caller->group_id, 100u);
  EXPECT_EQ(caller->process_id, 42);
  EXPECT_FALSE(caller->administrator);
}

TEST_F(CallersTest, RootAndTheDaemonsOwnUserAdminister) {
  TableCallerDirectory callers(&table_, 999, {});
  EXPECT_TRUE(callers.Resolve("fd:5001", "SystemService")->administrator);
  EXPECT_TRUE(callers.Resolve("fd:5002", "SystemService")->administrator);
}

TEST_F(CallersTest, ThePersonsClientsAreKnownByTheirExecutable) {
  const std::vector<std::string> trusted = {"exe:/usr/bin/mlctl", "unit:panel.service"};
  const auto is_trusted = [&](const std::string& app, const std::string& executable) {
    Identity identity;
    identity.user_id = 1000;
    identity.app = app;
    identity.executable = executable;
    table_.Add(5003, identity);
    const TableCallerDirectory callers(&table_, 999, {}, trusted);
    const Caller caller = *callers.Resolve("fd:5003", "ActionService");
    EXPECT_EQ(caller.app, app);
    EXPECT_EQ(caller.executable, executable);
    return caller.trusted;
  };
  EXPECT_TRUE(is_trusted("exe:/usr/bin/mlctl", "/usr/bin/mlctl"));
  // A terminal that is a unit of its own.
  EXPECT_TRUE(is_trusted("unit:org.gnome.Terminal", "/usr/bin/mlctl"));
  EXPECT_TRUE(is_trusted("unit:panel.service", "/usr/bin/panel"));
  EXPECT_FALSE(is_trusted("exe:/home/me/mlctl", "/home/me/mlctl"));
  // What is inside a sandbox has paths of its own, which are not read.
  EXPECT_FALSE(is_trusted("flatpak:org.example.App", ""));
  EXPECT_FALSE(is_trusted("unknown", ""));
}

TEST_F(CallersTest, RefusesStrangersAndWhatIsNotGranted) {
  TableCallerDirectory callers(
      &table_, 999,
      {{.pattern = "1000:*", .weight = 1, .services = std::vector<std::string>{"SystemService"}}});
  EXPECT_TRUE(
      HasReason(callers.Resolve("fd:7", "SystemService").status(), Reason::kCallerNotAuthorized));
  EXPECT_TRUE(callers.Resolve("fd:5000", "SystemService").ok());
  const absl::Status refused = callers.Resolve("fd:5000", "WritingToolsService").status();
  EXPECT_TRUE(HasReason(refused, Reason::kCallerNotAuthorized));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("[clients.\"1000:*\"] services"));
  callers.SetPolicies({});
  EXPECT_TRUE(callers.Resolve("fd:5000", "WritingToolsService").ok());
}

class ActivityTest : public ::testing::Test {
 protected:
  void Add(const std::string& client, uid_t user_id, const std::string& method) {
    intelligence::v1::ActivityRecord record;
    record.set_client(client);
    record.set_method(method);
    log_.Add(record, user_id);
  }
  std::vector<std::string> Methods(const intelligence::v1::ListActivityRequest& request,
                                   const Caller& caller, std::string* next = nullptr) {
    const auto response = log_.List(request, caller);
    EXPECT_TRUE(response.ok()) << response.status();
    std::vector<std::string> methods;
    for (const auto& record : response->records()) methods.push_back(record.method());
    if (next != nullptr) *next = response->next_page_token();
    return methods;
  }
  static Caller Administrator() {
    Caller caller;
    caller.administrator = true;
    return caller;
  }
  RingActivityLog log_{4, nullptr};
};

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(ActivityTest, NewestFirstAndBounded) {
  for (int i = 1; i <= 6; ++i) Add("a", 1, std::to_string(i));
  EXPECT_THAT(Methods({}, Administrator()), ElementsAre("6", "5", "4", "3"));
}

TEST_F(ActivityTest, APersonSeesTheirOwn) {
  Add("a", 1, "one");
  Add("b", 2, "two");
  Caller caller;
  caller.user_id = 1;
  EXPECT_THAT(Methods({}, caller), ElementsAre("one"));
}

TEST_F(ActivityTest, FiltersByClient) {
  Add("a", 1, "one");
  Add("b", 1, "two");
  intelligence::v1::ListActivityRequest request;
  request.set_client("b");
  EXPECT_THAT(Methods(request, Administrator()), ElementsAre("two"));
}

TEST_F(ActivityTest, PagesStayTogetherWhileRecordsComeIn) {
  for (int i = 1; i <= 4; ++i) Add("a", 1, std::to_string(i));
  intelligence::v1::ListActivityRequest request;
  request.set_page_size(2);
  std::string next;
  EXPECT_THAT(Methods(request, Administrator(), &next), ElementsAre("4", "3"));
  Add("a", 1, "5");  // pushes "1" out
  request.set_page_token(next);
  EXPECT_THAT(Methods(request, Administrator(), &next), ElementsAre("2"));
  EXPECT_THAT(next, IsEmpty());
  // Everything on an old page has left.
  for (int i = 6; i <= 12; ++i) Add("a", 1, std::to_string(i));
  EXPECT_THAT(Methods(request, Administrator(), &next), IsEmpty());
}

TEST_F(ActivityTest, RefusesBadTokensAndSizes) {
  intelligence::v1::ListActivityRequest request;
  for (const char* token : {"x", "-1", "99", "1.5"}) {
    request.set_page_token(token);
    EXPECT_TRUE(HasReason(log_.List(request, Administrator()).status(), Reason::kFieldInvalid));
  }
  request.clear_page_token();
  request.set_page_size(1001);
  EXPECT_TRUE(HasReason(log_.List(request, Administrator()).status(), Reason::kFieldInvalid));
}

TEST(ActivityCapacityTest, NoneKeepsNothing) {
  RingActivityLog log(0, nullptr);
  log.Add({}, 1);
  Caller caller;
  caller.administrator = true;
  EXPECT_EQ(log.List({}, caller)->records_size(), 0);
}

}  // namespace
}  // namespace intelligenced
