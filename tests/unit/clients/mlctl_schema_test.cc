// mlctl generate --schema against a server with scripted answers.
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/json.h"
#include "clients/mlctl/snapshot_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/clients/fake_daemon.h"

namespace intelligenced::mlctl {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr char kSchema[] = R"({"properties":{"name":{"type":"string"}},"required":["name"]})";

class SchemaTest : public testing::Test {
 protected:
  SchemaTest() {
    host_.environment = [](const char*) { return std::string(); };
    host_.read_input = [this] { return absl::StatusOr<std::string>(input_); };
    host_.now = [] { return absl::FromUnixSeconds(1000); };
    host_.out = &out_;
    host_.err = &err_;
    path_ = daemon_.folder() + "/person.json";
    std::ofstream(path_) << kSchema;
    Script({R"({})", R"({"name":"Ad"})", R"({"name":"Ada"})"}, R"({"name":"Ada"})",
           v1::FINISH_REASON_STOP);
  }

  void Script(const std::vector<std::string>& snapshots, const std::string& text,
              v1::FinishReason reason) {
    daemon_.scripts.generate = [this, snapshots, text, reason](
                                   grpc::ServerContext*, const v1::GenerateTextRequest& request,
                                   grpc::ServerWriter<v1::GenerateTextResponse>* writer) {
      seen_ = request;
      v1::GenerateTextResponse event;
      event.mutable_model_loading()->set_model("models/x");
      writer->Write(event);
      event.set_delta(text);
      writer->Write(event);
      for (const std::string& snapshot : snapshots) {
        event.set_snapshot(snapshot);
        writer->Write(event);
      }
      event.mutable_completed()->set_text(text);
      event.mutable_completed()->set_finish_reason(reason);
      writer->Write(event);
      return grpc::Status::OK;
    };
  }

  int Mlctl(std::vector<std::string> arguments) {
    out_.str("");
    err_.str("");
    arguments.insert(arguments.begin(), {"--socket", daemon_.socket_path()});
    return mlctl::Run(host_, arguments);
  }

  FakeDaemon daemon_;
  Host host_;
  std::ostringstream out_;
  std::ostringstream err_;
  std::string input_;
  std::string path_;
  v1::GenerateTextRequest seen_;
};

TEST_F(SchemaTest, APipeGetsTheValueAlone) {
  EXPECT_EQ(Mlctl({"generate", "--schema", path_, "Who?"}), kDone);
  EXPECT_EQ(seen_.response_schema(), kSchema);
  EXPECT_EQ(seen_.prompt(), "Who?");
  EXPECT_EQ(out_.str(), "{\"name\":\"Ada\"}\n");
  EXPECT_THAT(err_.str(), IsEmpty());
}

TEST_F(SchemaTest, ATerminalSeesItGrow) {
  host_.out_is_terminal = true;
  host_.err_is_terminal = true;
  host_.columns = 80;
  EXPECT_EQ(Mlctl({"generate", "--schema", path_, "--color", "never", "Who?"}), kDone);
  EXPECT_EQ(out_.str(), "{\n  \"name\": \"Ada\"\n}\n");
  EXPECT_THAT(err_.str(), HasSubstr("Loading x"));
  EXPECT_THAT(err_.str(), HasSubstr("{}\r\033[J{\n  \"name\": \"Ad\"\n}\r\033[2A\033[J{"));
  EXPECT_TRUE(err_.str().ends_with("\r\033[2A\033[J")) << "nothing stays";
}

TEST_F(SchemaTest, QuietAndJsonShowNothingMeanwhile) {
  host_.out_is_terminal = true;
  host_.err_is_terminal = true;
  EXPECT_EQ(Mlctl({"generate", "--schema", path_, "--quiet", "Who?"}), kDone);
  EXPECT_THAT(err_.str(), IsEmpty());
  EXPECT_EQ(Mlctl({"generate", "--schema", path_, "--json", "Who?"}), kDone);
  EXPECT_THAT(err_.str(), IsEmpty());
  EXPECT_EQ(Json::parse(out_.str())["text"], R"({"name":"Ada"})");
  EXPECT_EQ(Json::parse(out_.str())["finish_reason"], "STOP");
}

TEST_F(SchemaTest, TheSchemaMayComeFromStandardInput) {
  input_ = "true";
  EXPECT_EQ(Mlctl({"generate", "--schema", "-", "Who?"}), kDone);
  EXPECT_EQ(seen_.response_schema(), "true");
  EXPECT_EQ(Mlctl({"generate", "--schema", "-"}), kUsage);
  EXPECT_EQ(Mlctl({"generate", "--schema", "-", "-f", "-"}), kUsage);
  EXPECT_THAT(err_.str(), HasSubstr("both"));
  EXPECT_EQ(Mlctl({"generate", "--schema", daemon_.folder() + "/none", "Who?"}), kInputOutput);
  input_ = "\n";
  EXPECT_EQ(Mlctl({"generate", "--schema", "-", "Who?"}), kInputOutput);
}

TEST_F(SchemaTest, WhatWasCutShortIsJsonAndSaidToBeCut) {
  Script({R"({"name":"Ad"})"}, R"({"name":"Ad)", v1::FINISH_REASON_LENGTH);
  EXPECT_EQ(Mlctl({"generate", "--schema", path_, "Who?"}), kFound);
  EXPECT_EQ(out_.str(), "{\"name\":\"Ad\"}\n");
  EXPECT_THAT(err_.str(), HasSubstr("--max-output-tokens"));
  Script({}, "", v1::FINISH_REASON_LENGTH);
  EXPECT_EQ(Mlctl({"generate", "--schema", path_, "Who?"}), kFound);
  EXPECT_EQ(out_.str(), "null\n");
}

TEST_F(SchemaTest, ATerminalGetsHarmlessText) {
  host_.out_is_terminal = true;
  Script({}, "\"\033[2J\"", v1::FINISH_REASON_STOP);
  EXPECT_EQ(Mlctl({"generate", "--schema", path_, "Who?"}), kDone);
  EXPECT_THAT(out_.str(), Not(HasSubstr("\033")));
}

TEST(SnapshotViewTest, LongAndWideValuesAreCutToTheTerminal) {
  std::ostringstream err;
  Host host;
  host.environment = [](const char*) { return std::string(); };
  host.err = &err;
  host.err_is_terminal = true;
  host.columns = 10;
  Session session(&host);
  session.options().color = "never";
  {
    SnapshotView view(&session);
    Json list;
    for (int i = 0; i < 100; ++i) list.push_back("long string " + std::to_string(i));
    view.Show(list.dump());
  }
  std::istringstream lines(err.str());
  std::string line;
  int count = 0;
  while (std::getline(lines, line, '\n')) {
    ++count;
    if (count < 12) {
      EXPECT_LT(line.size(), 10u) << line;
    }
  }
  EXPECT_EQ(count, 12);
  EXPECT_TRUE(err.str().ends_with("\r\033[11A\033[J"));
}

TEST(SnapshotViewTest, WhatIsNoJsonOrTooDeepStaysAsItIs) {
  EXPECT_EQ(PrettyJson("{\"a\""), "{\"a\"");
  const std::string deep = std::string(500'000, '[') + std::string(500'000, ']');
  EXPECT_EQ(PrettyJson(deep), deep);
  EXPECT_EQ(PrettyJson("[\"[[[\"]"), "[\n  \"[[[\"\n]");
}

}  // namespace
}  // namespace intelligenced::mlctl
