// Tools of an MCP server as actions: schemas, answers, messages. Nothing a server says is trusted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/mcp_provider/imported_tool.h"
#include "clients/mcp_provider/plain_text.h"
#include "clients/mcp_provider/session.h"

namespace intelligenced::mcp {
namespace {

using actions::Choice;
using actions::Date;
using actions::DateTime;
using actions::List;
using actions::Time;
using actions::Url;
using actions::Value;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Kind = actions::ValueType::Kind;

Json Parse(const std::string& text) { return *ParseJson(text); }

ImportedTool Import(const std::string& tool) {
  ImportedTools imported = ImportTools({Parse(tool)}, {});
  EXPECT_THAT(imported.tools, SizeIs(1)) << tool;
  return std::move(imported.tools.at(0));
}

ImportedTool WithProperties(const std::string& properties, const std::string& required = "") {
  return Import(R"({"name":"t","inputSchema":{"type":"object","properties":{)" + properties +
                R"(},"required":[)" + required + "]}}");
}

TEST(PlainTextTest, WordsBecomeHarmless) {
  EXPECT_EQ(PlainLine("a\nb\x1b[2Jc\r\n", 100), "a b\xEF\xBF\xBD[2Jc");
  EXPECT_EQ(PlainLine("äöü", 3), "ä");
  EXPECT_EQ(PlainLines("a\r\nb\tc\x07"), "a\nb\tc\xEF\xBF\xBD");
  EXPECT_EQ(IdentifierOf("readFile"), "read-file");
  EXPECT_EQ(IdentifierOf("  Read/The  file!"), "read-the-file");
  EXPECT_EQ(IdentifierOf("_x"), "x");
  EXPECT_EQ(IdentifierOf("日本"), "x");
  EXPECT_EQ(IdentifierOf(""), "x");
  EXPECT_EQ(IdentifierOf(std::string(200, 'a')).size(), 64U);
  EXPECT_EQ(TitleOf("read_fileNow"), "Read file now");
}

TEST(ImportedToolTest, ASchemaBecomesTypedParameters) {
  const ImportedTool tool = WithProperties(
      R"("filePath":{"type":"string","minLength":1,"maxLength":9,"description":"Where.\nReally."},
         "count":{"type":"integer","minimum":1,"maximum":20,"default":5},
         "share":{"type":["number","null"]},
         "deep":{"anyOf":[{"type":"boolean"},{"type":"null"}]},
         "when":{"type":"string","format":"date-time"},
         "day":{"type":"string","format":"date"},
         "site":{"type":"string","format":"uri","title":"The site"},
         "unit":{"enum":["°C","°F",3]},
         "names":{"type":"array","items":{"type":"string"},"minItems":1,"maxItems":3},
         "options":{"type":"object","properties":{}},
         "any":{})",
      R"("count","filePath")");
  std::vector<std::string> ids;
  for (const auto& parameter : tool.parameters) ids.push_back(parameter.id);
  // Required ones first, else in the author's order.
  EXPECT_THAT(ids, ElementsAre("file-path", "count", "share", "deep", "when", "day", "site", "unit",
                               "names", "options", "any"));
  EXPECT_EQ(tool.parameters[0].type.minimum, 1);
  EXPECT_EQ(tool.parameters[0].type.maximum, 9);
  EXPECT_EQ(tool.parameters[0].title, "File path");
  EXPECT_EQ(tool.parameters[0].description, "Where. Really.");
  EXPECT_FALSE(tool.parameters[0].optional);
  EXPECT_EQ(tool.parameters[1].type.kind, Kind::kInteger);
  EXPECT_EQ(tool.parameters[1].description, "(Default: 5.)");
  EXPECT_EQ(tool.parameters[2].type.kind, Kind::kNumber);
  EXPECT_TRUE(tool.parameters[2].optional);
  EXPECT_EQ(tool.parameters[3].type.kind, Kind::kBoolean);
  EXPECT_EQ(tool.parameters[4].type.kind, Kind::kDateTime);
  EXPECT_EQ(tool.parameters[5].type.kind, Kind::kDate);
  EXPECT_EQ(tool.parameters[6].type.kind, Kind::kUrl);
  EXPECT_EQ(tool.parameters[6].title, "The site");
  ASSERT_THAT(tool.parameters[7].type.cases, SizeIs(3));
  EXPECT_EQ(tool.parameters[7].type.cases[1].id, "f");
  EXPECT_EQ(tool.parameters[8].type.item->kind, Kind::kString);
  EXPECT_EQ(tool.parameters[9].type.kind, Kind::kString);
  EXPECT_TRUE(tool.arguments[9].shape.json);
  EXPECT_TRUE(tool.arguments[10].shape.json);

  const absl::StatusOr<Json> arguments = ArgumentsOf(
      tool, {{"file-path", Value("/x")},
             {"count", Value(3)},
             {"share", Value(0.5)},
             {"deep", Value(true)},
             {"when", Value(DateTime{
                          .date = {2026, 11, 24}, .time = {9, 0, 0}, .utc_offset_seconds = 3600})},
             {"day", Value(Date{2026, 1, 2})},
             {"site", Value(Url{"https://x.org"})},
             {"unit", Value(Choice{"3"})},
             {"names", Value(List{Value("a"), Value("b")})},
             {"options", Value(R"({"a":[1]})")}});
  ASSERT_TRUE(arguments.ok()) << arguments.status();
  EXPECT_EQ(*arguments, Parse(R"({"filePath":"/x","count":3,"share":0.5,"deep":true,
                      "when":"2026-11-24T09:00:00+01:00","day":"2026-01-02","site":"https://x.org",
                      "unit":3,"names":["a","b"],"options":{"a":[1]}})"));
  const absl::Status wrong = ArgumentsOf(tool, {{"options", Value("{a")}}).status();
  EXPECT_EQ(wrong.message(), "Options must be JSON. It is no JSON.");
}

TEST(ImportedToolTest, BoundsThatMakeNoSenseAreLeftToTheServer) {
  const ImportedTool tool = WithProperties(
      R"("a":{"type":"integer","minimum":5,"maximum":1},
         "b":{"type":"integer","minimum":-1e300,"maximum":"x"},
         "c":{"type":"string","minLength":-1,"maxLength":0},
         "d":{"type":"integer","minimum":0.2,"maximum":0.8},
         "e":{"type":"array","items":{"type":"array","items":{"type":"array","items":{}}}},
         "f":{"enum":[]}, "g":{"enum":[{"x":1}]}, "h":{"type":7}, "i":[1], "j":null,
         "k":{"type":"array","items":{"type":"object"}})");
  for (const auto& parameter : tool.parameters) {
    if (parameter.id == "d") continue;
    EXPECT_FALSE(parameter.type.minimum.has_value()) << parameter.id;
    EXPECT_FALSE(parameter.type.maximum.has_value()) << parameter.id;
  }
  for (const size_t index : {3, 4, 5, 6, 7, 8, 9, 10}) {
    EXPECT_TRUE(tool.arguments[index].shape.json) << tool.parameters[index].id;
  }
}

TEST(ImportedToolTest, NamesThatLookAlikeStayApart) {
  const ImportedTool tool = WithProperties(R"("a b":{},"a-b":{},"aB":{},"":{})");
  std::vector<std::string> ids;
  for (const auto& parameter : tool.parameters) ids.push_back(parameter.id);
  EXPECT_THAT(ids, ElementsAre("a-b", "a-b-2", "a-b-3", "x"));
  const ImportedTools imported =
      ImportTools({Parse(R"({"name":"read_x"})"), Parse(R"({"name":"read_x"})"),
                   Parse(R"({"name":"Read_x"})"), Parse(R"({"title":"nameless"})"), Parse("3")},
                  {});
  ASSERT_THAT(imported.tools, SizeIs(2));
  EXPECT_EQ(imported.tools[1].id, "read_x-2");
  EXPECT_EQ(imported.tools[1].name, "Read_x");
  EXPECT_THAT(imported.problems, SizeIs(3));
}

TEST(ImportedToolTest, WhatIsTooMuchIsLeftOutAndSaid) {
  std::string properties;
  std::string required;
  for (int i = 0; i < 40; ++i) {
    absl::StrAppend(&properties, i == 0 ? "" : ",", "\"p", i, "\":{\"type\":\"string\"}");
    absl::StrAppend(&required, i == 0 ? "" : ",", "\"p", i, "\"");
  }
  EXPECT_THAT(WithProperties(properties).parameters, SizeIs(32));
  const std::string needy = absl::StrCat(R"({"name":"needy","inputSchema":{"properties":{)",
                                         properties, R"(},"required":[)", required, "]}}");
  ImportedTools imported = ImportTools({Parse(needy)}, {});
  EXPECT_THAT(imported.tools, IsEmpty());
  EXPECT_THAT(imported.problems, ElementsAre(HasSubstr("more than 32 arguments")));
  std::vector<Json> many;
  for (int i = 0; i < 300; ++i) many.push_back({{"name", absl::StrCat("t", i)}});
  imported = ImportTools(many, {});
  EXPECT_THAT(imported.tools, SizeIs(256));
  imported = ImportTools(many, {"t1", "t299", "gone"});
  EXPECT_THAT(imported.tools, SizeIs(2));
  EXPECT_THAT(imported.problems, ElementsAre(HasSubstr("no tool “gone”")));
}

TEST(ImportedToolTest, HintsDecideWhetherAPersonIsAsked) {
  const auto import = [](const std::string& annotations) {
    return Import(R"({"name":"t","annotations":)" + annotations + "}");
  };
  EXPECT_FALSE(import(R"({"readOnlyHint":true})").requires_confirmation);
  EXPECT_FALSE(import(R"({"readOnlyHint":true,"destructiveHint":true})").is_destructive);
  EXPECT_TRUE(import(R"({"destructiveHint":true})").is_destructive);
  EXPECT_FALSE(import(R"({"destructiveHint":false})").requires_confirmation);
  EXPECT_TRUE(import("{}").requires_confirmation);
  EXPECT_FALSE(import("{}").is_destructive);
  EXPECT_TRUE(Import(R"({"name":"t"})").requires_confirmation);
  EXPECT_TRUE(import(R"({"destructiveHint":"no"})").requires_confirmation);
  EXPECT_TRUE(import(R"({"readOnlyHint":1})").requires_confirmation);
}

TEST(ImportedToolTest, AnswersBecomeResults) {
  const ImportedTool tool = Import(R"({"name":"t"})");
  absl::StatusOr<actions::Result> result =
      ResultOf(tool, Parse(R"({"content":[{"type":"text","text":"It is 5."}]})"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result->value.As<std::string>(), "It is 5.");
  EXPECT_EQ(result->dialog, "It is 5.");
  result = ResultOf(tool, Parse(R"({"content":[{"type":"text","text":"# One\r\n\u001b[2J"},
      {"type":"text","text":"two"},{"type":"image","mimeType":"image/png","data":"iVBORw=="},
      {"type":"image","mimeType":"image/gif","data":"AAAA"},
      {"type":"resource","resource":{"uri":"x://y","text":"three"}},
      {"type":"resource_link","uri":"x://z"},{"type":"audio","data":"AAAA"},{"type":7},3]})"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->snippet.markdown,
            "# One\n\xEF\xBF\xBD[2J\ntwo\n[A picture (image/gif)]\nthree\nx://z\n[audio]\n[]\n[]");
  EXPECT_EQ(result->snippet.picture, "\x89PNG");
  EXPECT_EQ(result->snippet.picture_media_type, "image/png");
  EXPECT_TRUE(result->dialog.empty());
  EXPECT_TRUE(ResultOf(tool, Parse(R"({"content":[]})")).ok());
}

TEST(ImportedToolTest, AnswersThatAreNoneFailTheRun) {
  const ImportedTool tool = Import(R"({"name":"t"})");
  for (const char* answer : {"{}", "3", "[]", "null", R"({"content":"x"})"}) {
    EXPECT_EQ(ResultOf(tool, Parse(answer)).status().code(), absl::StatusCode::kInternal) << answer;
  }
  const absl::Status failed =
      ResultOf(
          tool,
          Parse(R"({"isError":true,"content":[{"type":"text","text":"No\nsuch \u0007file"}]})"))
          .status();
  EXPECT_EQ(failed.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(failed.message(),
            "No such \xEF\xBF\xBD"
            "file");
  const Json huge = {{"content", {{{"type", "text"}, {"text", std::string(300'000, 'x')}}}}};
  EXPECT_THAT(std::string(ResultOf(tool, huge).status().message()), HasSubstr("300000 bytes"));
}

TEST(ImportedToolTest, AStructuredAnswerOfOneValueIsThatValue) {
  const auto import = [](const std::string& type) {
    return Import(R"({"name":"t","outputSchema":{"type":"object","properties":{"result":)" + type +
                  "}}}");
  };
  const ImportedTool whole = import(R"({"type":"integer","maximum":3})");
  EXPECT_EQ(whole.result.type.kind, Kind::kInteger);
  absl::StatusOr<actions::Result> result = ResultOf(
      whole, Parse(R"({"content":[{"type":"text","text":"7"}],"structuredContent":{"result":7}})"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result->value.As<int64_t>(), 7);
  for (const char* wrong : {R"({"result":"7"})", R"({})", R"({"result":18446744073709551615})"}) {
    const Json answer = {{"content", Json::array()}, {"structuredContent", Parse(wrong)}};
    EXPECT_EQ(ResultOf(whole, answer).status().code(), absl::StatusCode::kInternal) << wrong;
  }
  const ImportedTool list = import(R"({"type":"array","items":{"type":"string"}})");
  result = ResultOf(list, Parse(R"({"content":[],"structuredContent":{"result":["a","b"]}})"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(*result->value.As<List>(), SizeIs(2));
  EXPECT_EQ(import(R"({"type":"object"})").result.type.kind, Kind::kString);
  EXPECT_EQ(import(R"({"type":"string","format":"date"})").result.type.kind, Kind::kString);
}

TEST(JsonRpcTest, WhatIsNoMessageIsRefused) {
  for (const std::string& line :
       {std::string("x"), std::string("[]"), std::string("3"), std::string(R"({"id":1})"),
        std::string(R"({"jsonrpc":"1.0","id":1,"result":{}})"),
        std::string(R"({"jsonrpc":"2.0","id":1})"), std::string(R"({"jsonrpc":"2.0","result":{}})"),
        std::string(R"({"jsonrpc":"2.0","id":-1,"result":{}})"),
        std::string(R"({"jsonrpc":"2.0","id":"1","result":{}})"),
        std::string(R"({"jsonrpc":"2.0","id":{},"method":"ping"})"),
        std::string("{\"jsonrpc\":\"2.0\",\"method\":\"\xff\"}"), std::string(100'000, '['),
        std::string(100, '[') + std::string(100, ']')}) {
    EXPECT_FALSE(ParseServerMessage(line).ok()) << line.substr(0, 80);
  }
  // Brackets in texts are no depth.
  EXPECT_TRUE(ParseJson("\"" + std::string(1000, '[') + "\\\"[\"").ok());
}

// A server that answers by a function, on the caller's thread.
class SessionTest : public testing::Test {
 protected:
  SessionTest()
      : session_({.write =
                      [this](const std::string& line) {
                        sent_.push_back(Parse(line));
                        return serve_ == nullptr || serve_(sent_.back());
                      },
                  .tools_changed = [this] { ++changes_; },
                  .version = "1"}) {}
  void Reply(const Json& request, const std::string& result) {
    EXPECT_TRUE(session_
                    .Receive(absl::StrCat(R"({"jsonrpc":"2.0","id":)", DumpJson(request["id"]), ",",
                                          result, "}"))
                    .ok());
  }

  std::function<bool(const Json&)> serve_;
  std::vector<Json> sent_;
  int changes_ = 0;
  Session session_;
};

TEST_F(SessionTest, GreetsAndListsAllPages) {
  serve_ = [this](const Json& request) {
    const std::string method = TextMember(request, "method");
    if (method == "initialize") {
      EXPECT_EQ(request["params"]["protocolVersion"], "2025-06-18");
      Reply(request, R"("result":{"protocolVersion":"2024-11-05","capabilities":{"tools":{}}})");
    } else if (method == "tools/list") {
      const bool second = TextMember(request["params"], "cursor") == "more";
      Reply(request, second ? R"("result":{"tools":[{"name":"b"}]})"
                            : R"("result":{"tools":[{"name":"a"}],"nextCursor":"more"})");
    }
    return true;
  };
  ASSERT_TRUE(session_.Initialize(absl::Seconds(9)).ok());
  EXPECT_EQ(sent_.back()["method"], "notifications/initialized");
  const auto tools = session_.ListTools(absl::Seconds(9));
  ASSERT_TRUE(tools.ok());
  EXPECT_THAT(*tools, SizeIs(2));
}

TEST_F(SessionTest, RefusesServersOfAnotherKind) {
  std::string answer;
  serve_ = [&](const Json& request) {
    if (request.contains("id")) Reply(request, answer);
    return true;
  };
  answer = R"("result":{"protocolVersion":"1999-01-01","capabilities":{"tools":{}}})";
  EXPECT_EQ(session_.Initialize(absl::Seconds(9)).code(), absl::StatusCode::kFailedPrecondition);
  answer = R"("result":{"protocolVersion":"2025-06-18","capabilities":{}})";
  EXPECT_EQ(session_.Initialize(absl::Seconds(9)).code(), absl::StatusCode::kFailedPrecondition);
  answer = R"("error":{"code":-1,"message":"Not\nnow"})";
  EXPECT_EQ(session_.Initialize(absl::Seconds(9)).message(), "Not now");
  answer = R"("result":{"tools":3})";
  EXPECT_FALSE(session_.ListTools(absl::Seconds(9)).ok());
}

TEST_F(SessionTest, AServerThatPagesForEverIsNotFollowed) {
  serve_ = [this](const Json& request) {
    Reply(request, R"("result":{"tools":[{"name":"a"}],"nextCursor":"again"})");
    return true;
  };
  const auto tools = session_.ListTools(absl::Seconds(9));
  ASSERT_TRUE(tools.ok());
  EXPECT_THAT(*tools, SizeIs(64));
}

TEST_F(SessionTest, CallsHearOfProgressAndIgnoreWhatIsNotTheirs) {
  std::vector<std::string> heard;
  serve_ = [this](const Json& request) {
    const std::string id = DumpJson(request["id"]);
    for (const std::string& params :
         {R"("progressToken":)" + id + R"(,"progress":1,"total":4,"message":"a\nb")",
          std::string(R"("progressToken":99,"progress":2)"),
          R"("progressToken":)" + id + R"(,"progress":-3,"total":"x")"}) {
      EXPECT_TRUE(session_
                      .Receive(R"({"jsonrpc":"2.0","method":"notifications/progress","params":{)" +
                               params + "}}")
                      .ok());
    }
    EXPECT_TRUE(session_.Receive(R"({"jsonrpc":"2.0","id":77,"result":{"of":"nobody"}})").ok());
    Reply(request, R"("result":{"n":1})");
    Reply(request, R"("result":{"n":2})");
    return true;
  };
  const auto answer = session_.CallTool(
      "t", Json::object(),
      {.progress = [&](uint64_t done, uint64_t total, const std::string& message) {
        heard.push_back(absl::StrCat(done, "/", total, " ", message));
      }});
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ((*answer)["n"], 1);
  EXPECT_THAT(heard, ElementsAre("1/4 a b", "0/0 "));
  EXPECT_TRUE(
      session_.Receive(R"({"jsonrpc":"2.0","method":"notifications/tools/list_changed"})").ok());
  EXPECT_EQ(changes_, 1);
}

TEST_F(SessionTest, ServersAskForNothingHere) {
  EXPECT_TRUE(session_.Receive(R"({"jsonrpc":"2.0","id":"p","method":"ping"})").ok());
  EXPECT_EQ(sent_.back(), Parse(R"({"jsonrpc":"2.0","id":"p","result":{}})"));
  EXPECT_TRUE(
      session_.Receive(R"({"jsonrpc":"2.0","id":5,"method":"sampling/createMessage","params":{}})")
          .ok());
  EXPECT_EQ(sent_.back()["error"]["code"], -32601);
}

TEST_F(SessionTest, ACallThatNobodyWantsAnyMoreIsTakenBack) {
  EXPECT_EQ(
      session_.CallTool("t", Json::object(), {.cancelled = [] { return true; }}).status().code(),
      absl::StatusCode::kCancelled);
  EXPECT_EQ(sent_.back()["method"], "notifications/cancelled");
  EXPECT_EQ(sent_.back()["params"]["requestId"], sent_.front()["id"]);
  EXPECT_EQ(session_.Initialize(absl::Milliseconds(100)).code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST_F(SessionTest, TheEndOfTheServerEndsWhatWaits) {
  serve_ = [this](const Json&) {
    session_.Close(absl::UnavailableError("The server has ended."));
    return true;
  };
  const absl::Status ended = session_.CallTool("t", Json::object(), {}).status();
  EXPECT_EQ(ended.message(), "The server has ended.");
  EXPECT_TRUE(session_.closed());
  serve_ = nullptr;
  sent_.clear();
  EXPECT_EQ(session_.CallTool("t", Json::object(), {}).status(), ended);
  EXPECT_THAT(sent_, IsEmpty());
}

TEST_F(SessionTest, AServerThatOnlyWritesItsLogIsLeft) {
  absl::Status status;
  int lines = 0;
  while (status.ok() && lines < 1000) {
    status = session_.Receive(absl::StrCat("listening on ", lines++));
  }
  EXPECT_EQ(lines, 100);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace intelligenced::mcp
