#include "clients/mlctl/mcp_actions.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace intelligenced::mlctl {
namespace {

namespace actions = ::intelligence::actions;

actions::ActionInfo Declared() {
  actions::ActionInfo action;
  action.name = "org.example.Notes/create-reminder";
  action.title = "Create a reminder";
  action.parameters = {
      {.id = "task", .title = "Task", .type = actions::TypeOf<std::string>()},
      {.id = "when", .title = "When", .type = actions::TypeOf<actions::DateTime>()},
      {.id = "level", .title = "Level", .type = actions::TypeOf<int>(), .optional = true},
      {.id = "loud", .title = "Loud", .type = actions::TypeOf<bool>(), .optional = true},
      {.id = "list",
       .title = "List",
       .type = actions::OneOf({{.id = "work"}, {.id = "home"}}),
       .default_value = actions::Value(actions::Choice{"home"})},
      {.id = "tags",
       .title = "Tags",
       .type = actions::ListOf(actions::TypeOf<std::string>()),
       .optional = true},
  };
  return action;
}

TEST(McpActions, NamesThatEveryClientTakes) {
  EXPECT_EQ(ActionToolName("org.example.Notes/create-note"), "org_example_Notes-create-note");
  const std::string end(80, 'x');
  const std::string one = ActionToolName("org.a/" + end);
  const std::string other = ActionToolName("org.b/" + end);
  EXPECT_EQ(one.size(), 64U);
  EXPECT_NE(one, other);
  EXPECT_EQ(one, ActionToolName("org.a/" + end));
}

TEST(McpActions, CallersAreNamedByWhatGrantsCanHold) {
  EXPECT_EQ(McpCaller("Claude Desktop"), "mcp:Claude_Desktop");
  EXPECT_EQ(McpCaller(""), "mcp:unnamed");
  EXPECT_EQ(McpCaller("a#b\nc"), "mcp:a_b_c");
  EXPECT_LE(McpCaller(std::string(1000, 'a')).size(), 128U);
}

TEST(McpActions, TheSchemaSaysWhatIsNeeded) {
  const Json schema = ActionInputSchema(Declared());
  EXPECT_EQ(schema["required"], Json::array({"task", "when"}));
  EXPECT_EQ(schema["properties"]["level"]["type"], "integer");
  EXPECT_EQ(schema["properties"]["list"]["enum"], Json::array({"work", "home"}));
  EXPECT_EQ(schema["properties"]["tags"]["items"]["type"], "string");
  EXPECT_EQ(schema["additionalProperties"], false);
}

TEST(McpActions, ArgumentsBecomeValues) {
  const auto values = ActionArguments(Declared(), {{"task", "call Ana"},
                                                   {"when", "2026-11-24 09:00"},
                                                   {"level", 3},
                                                   {"loud", true},
                                                   {"list", "work"},
                                                   {"tags", {"a", "b"}}});
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_EQ(*values->at("task").As<std::string>(), "call Ana");
  EXPECT_EQ(values->at("when").As<actions::DateTime>()->time.hours, 9);
  EXPECT_EQ(*values->at("level").As<int64_t>(), 3);
  EXPECT_EQ(*values->at("loud").As<bool>(), true);
  EXPECT_EQ(values->at("list").As<actions::Choice>()->id, "work");
  EXPECT_EQ(values->at("tags").As<actions::List>()->size(), 2U);
}

TEST(McpActions, ArgumentsOfTheWrongTypeAreRefused) {
  for (const Json& arguments : std::vector<Json>{{{"nobody", 1}},
                                                 {{"task", 7}},
                                                 {{"when", "some day"}},
                                                 {{"when", 5}},
                                                 {{"level", "3"}},
                                                 {{"level", 1.5}},
                                                 {{"loud", "yes"}},
                                                 {{"list", "moon"}},
                                                 {{"tags", "a"}},
                                                 {{"tags", Json::array({1})}}}) {
    EXPECT_FALSE(ActionArguments(Declared(), arguments).ok()) << Dump(arguments);
  }
}

TEST(McpActions, OneToolForEachAction) {
  actions::ActionInfo remove = Declared();
  remove.name = "org.example.Notes/delete";
  remove.is_destructive = true;
  const std::vector<McpTool> tools =
      ActionTools({.actions = {Declared(), remove}}, []() -> absl::StatusOr<intelligence::Client> {
        return absl::UnavailableError("The daemon is not running.");
      });
  ASSERT_EQ(tools.size(), 2U);
  EXPECT_FALSE(tools[0].destructive);
  EXPECT_TRUE(tools[1].destructive);
  EXPECT_FALSE(tools[0].read_only);
}

}  // namespace
}  // namespace intelligenced::mlctl
