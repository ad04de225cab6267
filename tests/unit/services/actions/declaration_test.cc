// Declarations, static files, the registry and grants.
#include "services/actions/declaration.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "services/actions/grants.h"
#include "services/actions/registry.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/services/actions/action_fixture.h"

namespace intelligenced {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string FieldOf(const std::string& inside) {
  const absl::Status status =
      CheckDeclaration(Declaration("id: 'org.example.X' title: 'X' " + inside));
  EXPECT_FALSE(status.ok()) << inside;
  return FactsOf(status).field;
}

std::string Parameter(const std::string& type) {
  return "actions { id: 'a' title: 'A' parameters { id: 'p' " + type + " } }";
}

TEST(DeclarationTest, RefusesWhatBreaksTheRules) {
  EXPECT_TRUE(CheckDeclaration(Declaration(kListsDeclaration)).ok());
  EXPECT_EQ(FactsOf(CheckDeclaration(Declaration("id: '../x' title: 'X'"))).field,
            "declaration.id");
  EXPECT_EQ(FactsOf(CheckDeclaration(Declaration("id: 'a..b' title: 'X'"))).field,
            "declaration.id");
  EXPECT_EQ(FieldOf("actions { id: 'a' title: 'A' } actions { id: 'a' title: 'B' }"),
            "declaration.actions[1].id");
  EXPECT_EQ(FieldOf("actions { id: 'Up' title: 'A' }"), "declaration.actions[0].id");
  EXPECT_EQ(FieldOf("actions { id: 'a' }"), "declaration.actions[0].title");
  EXPECT_EQ(FieldOf("actions { id: 'a' title: '\\x1b[2J' }"), "declaration.actions[0].title");
  EXPECT_EQ(FieldOf(Parameter("")), "declaration.actions[0].parameters[0].type");
  EXPECT_EQ(FieldOf(Parameter("type { }")), "declaration.actions[0].parameters[0].type");
  EXPECT_EQ(FieldOf(Parameter("type { entity { id: 'none' } }")),
            "declaration.actions[0].parameters[0].type.entity.id");
  EXPECT_EQ(FieldOf(Parameter("type { integer { minimum: 2 maximum: 1 } }")),
            "declaration.actions[0].parameters[0].type.integer");
  EXPECT_EQ(FieldOf(Parameter("type { number { minimum: nan } }")),
            "declaration.actions[0].parameters[0].type.number");
  EXPECT_EQ(FieldOf(Parameter("type { enumeration { } }")),
            "declaration.actions[0].parameters[0].type.enumeration.cases");
  EXPECT_EQ(FieldOf(Parameter("type { enumeration { cases { id: 'x' } cases { id: 'x' } } }")),
            "declaration.actions[0].parameters[0].type.enumeration.cases");
  EXPECT_EQ(FieldOf(Parameter("type { list { item { list { item { list { item { string { } } } } } "
                              "} } }")),
            "declaration.actions[0].parameters[0].type.list.item.list.item");
  EXPECT_EQ(FieldOf(Parameter("type { integer { } } default_value { string_value: 'x' }")),
            "declaration.actions[0].parameters[0].default_value");
  EXPECT_EQ(FieldOf("actions { id: 'a' title: 'A' phrases: 'do {nothing}' }"),
            "declaration.actions[0].phrases[0]");
  EXPECT_EQ(FieldOf("actions { id: 'a' title: 'A' result { } }"), "declaration.actions[0].result");
}

TEST(DeclarationTest, EntitiesDoNotLeadBackToThemselves) {
  EXPECT_EQ(FieldOf("entity_types { id: 'a' title: 'A' properties { id: 'p' type { entity { id: "
                    "'a' } } } }"),
            "declaration.entity_types");
  const absl::Status status = CheckDeclaration(Declaration(R"(
    id: 'org.example.X' title: 'X'
    entity_types { id: 'a' title: 'A' properties { id: 'p' type { entity { id: 'b' } } } }
    entity_types { id: 'b' title: 'B'
      properties { id: 'p' type { list { item { entity { id: 'c' } } } } } }
    entity_types { id: 'c' title: 'C' properties { id: 'p' type { entity { id: 'a' } } } })"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("a → b → c → a"));
  // Two ways to one type are no circle.
  EXPECT_TRUE(CheckDeclaration(Declaration(R"(
    id: 'org.example.X' title: 'X'
    entity_types { id: 'a' title: 'A' properties { id: 'p' type { entity { id: 'c' } } }
                                      properties { id: 'q' type { entity { id: 'b' } } } }
    entity_types { id: 'b' title: 'B' properties { id: 'p' type { entity { id: 'c' } } } }
    entity_types { id: 'c' title: 'C' })"))
                  .ok());
}

constexpr char kMcp[] = "/usr/libexec/mcp";

constexpr char kFile[] = R"(
id = "org.example.Lists"
title = "Lists"
[start]
command = ["/usr/bin/lists", "--serve", "$(touch /tmp/never); `x` | y"]
[[entity_types]]
id = "list"
title = "list"
[[actions]]
id = "add"
title = "Add"
phrases = ["add {item} to [my] {list}"]
[[actions.parameters]]
id = "item"
type = "string"
[[actions.parameters]]
id = "list"
type = "entity"
entity = "list"
[[actions.parameters]]
id = "when"
type = "date_time"
default_time = 09:00:00
optional = true
[[actions.parameters]]
id = "level"
type = "enumeration"
cases = ["low", { id = "high", synonyms = ["urgent"] }]
default = "low"
)";

TEST(DeclarationFileTest, SaysWhatAProviderOffersAndHowItIsStarted) {
  const absl::StatusOr<StaticProvider> provider = ParseDeclarationFile(kFile, "/x.toml", kMcp);
  ASSERT_TRUE(provider.ok()) << provider.status() << FactsOf(provider.status()).field;
  const v1::Action& action = provider->declaration.actions(0);
  EXPECT_EQ(action.name(), "org.example.Lists/add");
  EXPECT_EQ(action.parameters_size(), 4);
  EXPECT_EQ(action.parameters(2).type().date_time().default_time().hours(), 9);
  EXPECT_EQ(action.parameters(3).default_value().enumeration_value(), "low");
  EXPECT_EQ(action.parameters(3).type().enumeration().cases(1).synonyms(0), "urgent");
  // An argument is passed as it stands; no shell sees it.
  EXPECT_EQ(provider->start.command[2], "$(touch /tmp/never); `x` | y");
  EXPECT_EQ(provider->owner.executable, "/usr/bin/lists");
}

TEST(DeclarationFileTest, RefusesCommandsForAShell) {
  const auto parse = [](const std::string& start) {
    return ParseDeclarationFile("id = 'a.b'\ntitle = 'A'\n" + start, "/x.toml", kMcp).status();
  };
  for (const char* command :
       {R"(["sh", "-c", "x"])", R"(["/bin/sh -c x"])", R"(["/bin/x;rm"])", R"(["/bin/$HOME"])",
        R"(["/bin/x|y"])", R"(["/bin/`x`"])", R"(["~/x"])", R"(["/bin/x", "a\u0000b"])",
        R"(["/bin/x", "a\nb"])", R"([])", R"("/bin/x --serve")", R"([1, 2])"}) {
    const absl::Status status = parse(absl::StrCat("[start]\ncommand = ", command));
    EXPECT_TRUE(HasReason(status, Reason::kFieldInvalid)) << command << status;
    EXPECT_EQ(FactsOf(status).field, "start.command") << command;
  }
  EXPECT_EQ(FactsOf(parse("[start]\ndbus_name = 'no dots'\n[owner]\nexecutable = '/x'")).field,
            "start.dbus_name");
  EXPECT_EQ(FactsOf(parse("[start]\nsystemd_unit = '../../x.service'")).field,
            "start.systemd_unit");
  EXPECT_EQ(FactsOf(parse("[start]\nsystemd_unit = 'x.socket'")).field, "start.systemd_unit");
  EXPECT_EQ(FactsOf(parse("[start]\ncommand = ['/x']\ndbus_name = 'a.b'")).field, "start.command");
  EXPECT_EQ(FactsOf(parse("[start]\ndbus_name = 'a.b'")).field, "owner");
  EXPECT_EQ(FactsOf(parse("[owner]\nexecutable = 'x'")).field, "owner.executable");
  EXPECT_EQ(FactsOf(parse("colour = 'red'\n[owner]\nexecutable = '/x'")).field, "colour");
  EXPECT_TRUE(HasReason(parse("[start"), Reason::kFieldInvalid));
}

TEST(DeclarationFileTest, AServerOfTheModelContextProtocolIsSpokenForByItsProgram) {
  const std::string head = "id = 'a.b'\ntitle = 'A b'\n[mcp]\n";
  const auto parse = [&](const std::string& rest) {
    return ParseDeclarationFile(head + rest, "/x.toml", kMcp);
  };
  const absl::StatusOr<StaticProvider> provider = parse(
      "command = ['/usr/bin/npx', '-y', '$(x)']\ntools = ['read file', 'b']\n"
      "environment = { API_KEY = 'a b;c' }\n");
  ASSERT_TRUE(provider.ok()) << provider.status();
  EXPECT_TRUE(provider->imports);
  EXPECT_EQ(provider->declaration.actions_size(), 0);
  EXPECT_EQ(provider->owner.executable, kMcp);
  EXPECT_THAT(provider->start.command,
              testing::ElementsAre(kMcp, "--id=a.b", "--title=A b", "--tool=read file", "--tool=b",
                                   "--", "/usr/bin/npx", "-y", "$(x)"));
  EXPECT_THAT(provider->start.environment, testing::ElementsAre("API_KEY=a b;c"));
  EXPECT_EQ(provider->start.timeout_seconds, 30);
  EXPECT_NE(provider->fingerprint, parse("command = ['/usr/bin/npx', '-y', 'x']")->fingerprint);
  for (const auto& [text, field] : std::vector<std::pair<std::string, std::string>>{
           {"", "mcp.command"},
           {"command = ['npx']", "mcp.command"},
           {"command = ['/bin/x; rm']", "mcp.command"},
           {"command = ['/x']\ntools = ['']", "mcp.tools"},
           {"command = ['/x']\ntools = [\"a\\nb\"]", "mcp.tools"},
           {"command = ['/x']\nenvironment = { 'A-B' = 'x' }", "mcp.environment.A-B"},
           {"command = ['/x']\nenvironment = { A = 1 }", "mcp.environment.A"},
           {"command = ['/x']\nenvironment = { INTELLIGENCED_SOCKET = 'x' }",
            "mcp.environment.INTELLIGENCED_SOCKET"},
           {"command = ['/x']\nshell = true", "mcp.shell"},
           {"command = ['/x']\ntimeout_seconds = 61", "mcp.timeout_seconds"},
           {"command = ['/x']\n[start]\ncommand = ['/y']", "start"},
           {"command = ['/x']\n[owner]\nexecutable = '/y'", "owner"},
           {"command = ['/x']\n[[actions]]\nid = 'a'\ntitle = 'A'", "actions"}}) {
    EXPECT_EQ(FactsOf(parse(text).status()).field, field) << text;
  }
  // Where the program is not installed.
  EXPECT_EQ(FactsOf(ParseDeclarationFile(head + "command = ['/x']", "/x.toml", "").status()).field,
            "mcp.command");
}

TEST(DeclarationFileTest, ABadFileAndASecondClaimAreLeftOut) {
  const TemporaryFolder temporary;
  const std::string& folder = temporary.path();
  std::filesystem::create_directories(folder + "/system");
  std::filesystem::create_directories(folder + "/user");
  std::ofstream(folder + "/system/lists.toml") << kFile;
  std::ofstream(folder + "/user/lists.toml")
      << "id = 'org.example.Lists'\ntitle = 'Mine'\n[owner]\nexecutable = '/home/thief'\n";
  std::ofstream(folder + "/user/bad.toml") << "id = 3";
  std::ofstream(folder + "/user/notes.txt") << "no declaration";
  const LoadedDeclarations loaded =
      LoadDeclarations({folder + "/system", folder + "/user", folder + "/nowhere"}, kMcp);
  ASSERT_THAT(loaded.providers, SizeIs(1));
  EXPECT_EQ(loaded.providers[0].owner.executable, "/usr/bin/lists");
  ASSERT_THAT(loaded.problems, SizeIs(2));
  EXPECT_THAT(loaded.problems[0], HasSubstr("bad.toml"));
  EXPECT_THAT(loaded.problems[1], HasSubstr("declared by an earlier file"));
}

class RegistryTest : public ExchangeTest {
 protected:
  ActionRegistry& registry() { return exchange_.registry(); }
};

TEST_F(RegistryTest, AnIdentifierBelongsToOneAppOfOneUser) {
  ASSERT_TRUE(Register(1, lists_).ok());
  const absl::Status taken = Register(2, App("thief"));
  EXPECT_TRUE(HasReason(taken, Reason::kActionOwnedByOther)) << taken;
  // Another user's is another one.
  EXPECT_TRUE(Register(3, App("thief", false, 1001)).ok());
  EXPECT_EQ(registry().FindProvider(1000, "org.example.Lists")->owner, lists_.app);
  EXPECT_EQ(registry().FindProvider(1001, "org.example.Lists")->owner, "exe:/usr/bin/thief");
  ActionActor unknown = lists_;
  unknown.app = "unknown";
  EXPECT_TRUE(HasReason(Register(4, unknown), Reason::kCallerNotAuthorized));
}

TEST_F(RegistryTest, ADeclaredOwnerIsTheOnlyOne) {
  StaticProvider file;
  file.declaration = CompleteDeclaration(Declaration(kListsDeclaration));
  file.owner.app = "unit:lists.service";
  registry().SetStatic({file});
  EXPECT_TRUE(HasReason(Register(1, lists_), Reason::kActionOwnedByOther));
  ActionActor unit = lists_;
  unit.app = "unit:lists.service";
  EXPECT_TRUE(Register(1, unit).ok());
}

TEST_F(RegistryTest, ImportedActionsAreThoseOfTheProvider) {
  StaticProvider file;
  file.declaration = Declaration("id: 'org.example.Lists' title: 'Lists'");
  file.owner.executable = "/usr/bin/lists";
  file.imports = true;
  registry().SetStatic({file});
  EXPECT_TRUE(HasReason(registry().FindAction(1000, "add").status(), Reason::kActionNotFound));
  ASSERT_TRUE(Register(1, lists_).ok());
  EXPECT_THAT(output_.imported, testing::ElementsAre("org.example.Lists"));
  registry().SetImported(std::make_shared<const v1::ProviderDeclaration>(
      CompleteDeclaration(Declaration(kListsDeclaration))));
  exchange_.ProviderGone(1, now_);
  EXPECT_TRUE(registry().FindAction(1000, "add").ok());
  EXPECT_FALSE(registry().FindProvider(1000, "org.example.Lists")->startable());
  // Of a provider whose file lists its actions, or that has none, nothing is taken over.
  file.imports = false;
  registry().SetStatic({file});
  registry().SetImported(std::make_shared<const v1::ProviderDeclaration>(
      CompleteDeclaration(Declaration(kListsDeclaration))));
  EXPECT_FALSE(registry().FindAction(1000, "add").ok());
}

TEST_F(RegistryTest, NamesAreFullOrUnique) {
  ASSERT_TRUE(Register(1, lists_).ok());
  ASSERT_TRUE(Register(2, App("b"), "id: 'b' title: 'B' actions { id: 'add' title: 'Add' }").ok());
  EXPECT_TRUE(registry().FindAction(1000, "drop").ok());
  EXPECT_EQ(registry().FindAction(1000, "b/add")->action->name(), "b/add");
  EXPECT_TRUE(HasReason(registry().FindAction(1000, "add").status(), Reason::kFieldInvalid));
  for (const char* name : {"", "/", "b/", "/add", "b/add/", "nobody/add"}) {
    EXPECT_TRUE(HasReason(registry().FindAction(1000, name).status(), Reason::kActionNotFound))
        << name;
  }
}

TEST_F(RegistryTest, AUserHasSoManyProviders) {
  for (uint64_t i = 1; i <= 256; ++i) {
    ASSERT_TRUE(Register(i, lists_, absl::StrCat("id: 'p", i, "' title: 'P'")).ok());
  }
  EXPECT_TRUE(
      HasReason(Register(300, lists_, "id: 'more' title: 'P'"), Reason::kClientQuotaExceeded));
  // Those that are there may come again.
  EXPECT_TRUE(Register(301, lists_, "id: 'p7' title: 'P'").ok());
}

TEST(GrantTableTest, SurvivesTheDiskAndTrustsNothingElse) {
  GrantTable table;
  ASSERT_TRUE(table.Set({1000, "exe:/a \"b\"", "p", "exe:/p"}, v1::GRANT_POLICY_ALWAYS).ok());
  ASSERT_TRUE(table.Set({1000, "exe:/c", "p", "exe:/p"}, v1::GRANT_POLICY_NEVER).ok());
  ASSERT_TRUE(table.Set({1001, "exe:/c", "p", "exe:/p"}, v1::GRANT_POLICY_ALWAYS).ok());
  absl::StatusOr<GrantTable> back = GrantTable::Parse(table.Serialize());
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->Find({1000, "exe:/a \"b\"", "p", "exe:/p"}), v1::GRANT_POLICY_ALWAYS);
  EXPECT_EQ(back->Find({1000, "exe:/c", "p", "exe:/p"}), v1::GRANT_POLICY_NEVER);
  EXPECT_EQ(back->Find({1000, "exe:/c", "p", "exe:/other"}), v1::GRANT_POLICY_ASK_ONCE);
  EXPECT_THAT(back->List(1000, ""), SizeIs(2));
  EXPECT_TRUE(back->Revoke(1000, "exe:/c", "p"));
  EXPECT_FALSE(back->Revoke(1000, "exe:/c", "p"));
  EXPECT_THAT(back->List(1000, "exe:/c"), IsEmpty());
  for (const char* text :
       {"", "{", "[]", "{}", "{\"grants\": 3}", "{\"grants\": [{}]}",
        "{\"grants\": [{\"user\": 1, \"caller\": \"a\", \"provider\": \"b\", \"owner\": \"c\", "
        "\"policy\": \"perhaps\"}]}",
        "{\"grants\": [{\"user\": -1, \"caller\": \"a\", \"provider\": \"b\", \"owner\": \"c\", "
        "\"policy\": \"always\"}]}"}) {
    EXPECT_FALSE(GrantTable::Parse(text).ok()) << text;
  }
}

}  // namespace
}  // namespace intelligenced
