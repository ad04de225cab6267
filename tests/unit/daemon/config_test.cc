#include "daemon/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "daemon/config_reader.h"
#include "tests/support/paths.h"
#include "tests/support/temporary_folder.h"

namespace intelligenced {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string ProblemsOf(std::string_view text) {
  std::vector<ConfigProblem> problems;
  const std::optional<Config> config = ParseConfig(text, &problems);
  EXPECT_EQ(config.has_value(), problems.empty());
  return FormatProblems("f.toml", problems);
}

Config Parse(std::string_view text) {
  std::vector<ConfigProblem> problems;
  std::optional<Config> config = ParseConfig(text, &problems);
  EXPECT_TRUE(config.has_value()) << FormatProblems("f.toml", problems);
  return config.value_or(Config{});
}

TEST(ConfigTest, AnEmptyFileIsTheDefaults) {
  const Config config = Parse("");
  EXPECT_EQ(config.daemon.drain_grace, absl::Seconds(10));
  EXPECT_EQ(config.memory.margin_bytes, uint64_t{2} << 30);
  EXPECT_EQ(config.models.keep_alive, absl::Minutes(5));
  EXPECT_TRUE(config.worker.sandbox);
  EXPECT_THAT(config.clients, IsEmpty());
}

TEST(ConfigTest, TakesEveryKey) {
  const Config config = Parse(R"(
[daemon]
socket = "/run/x/x.sock"
mode = "0660"
group = "users"
max_connections = 10
max_connections_per_user = 5
drain_grace = "3s"
activity_records = 100
[memory]
ceiling = "12 GiB"
margin = 1073741824
[models]
store = "/srv/models"
catalogue = ["/a", "/b"]
built_in = []
keep_alive = "1h30m"
threads = 6
[models.engine.llama]
context_tokens = 8192
flash_attention = true
scale = 1.5
cache = "q8_0"
[scheduler]
max_queued_jobs = 7
max_queued_bytes = "64 MiB"
max_client_jobs = 3
max_client_bytes = "8 MiB"
contended_quantum = "10ms"
idle_quantum = "30ms"
ageing = "4s"
[scheduler.lanes]
cpu = 4
vulkan0 = 1
[worker]
directory = "/opt/workers"
sandbox = false
memory_limit = "4 GiB"
start_timeout = "2s"
oom_score_adj = 900
[logging]
level = "debug"
target = "journal"
[clients."*:exe:/usr/bin/vim"]
weight = 2
services = ["WritingToolsService"]
)");
  EXPECT_EQ(config.daemon.socket, "/run/x/x.sock");
  EXPECT_EQ(config.daemon.mode, mode_t{0660});
  EXPECT_EQ(config.daemon.group, "users");
  EXPECT_EQ(config.daemon.max_connections, 10);
  EXPECT_EQ(config.daemon.max_connections_per_user, 5);
  EXPECT_EQ(config.daemon.drain_grace, absl::Seconds(3));
  EXPECT_EQ(config.daemon.activity_records, 100);
  EXPECT_EQ(config.memory.ceiling_bytes, uint64_t{12} << 30);
  EXPECT_EQ(config.memory.margin_bytes, uint64_t{1} << 30);
  EXPECT_EQ(config.models.store, "/srv/models");
  EXPECT_THAT(*config.models.catalogue_directories, ElementsAre("/a", "/b"));
  EXPECT_THAT(*config.models.built_in_directories, IsEmpty());
  EXPECT_EQ(config.models.keep_alive, absl::Minutes(90));
  EXPECT_EQ(config.models.threads, 6u);
  const auto& llama = config.models.engine_parameters.at("llama");
  EXPECT_EQ(llama.at("context_tokens"), "8192");
  EXPECT_EQ(llama.at("flash_attention"), "true");
  EXPECT_EQ(llama.at("scale"), "1.5");
  EXPECT_EQ(llama.at("cache"), "q8_0");
  EXPECT_EQ(config.scheduler.limits.max_queued_jobs, 7);
  EXPECT_EQ(config.scheduler.limits.max_queued_bytes, uint64_t{64} << 20);
  EXPECT_EQ(config.scheduler.limits.max_client_jobs, 3);
  EXPECT_EQ(config.scheduler.limits.max_client_bytes, uint64_t{8} << 20);
  EXPECT_EQ(config.scheduler.contended_quantum, absl::Milliseconds(10));
  EXPECT_EQ(config.scheduler.idle_quantum, absl::Milliseconds(30));
  EXPECT_EQ(config.scheduler.ageing, absl::Seconds(4));
  EXPECT_EQ(config.scheduler.lanes.at("cpu"), 4);
  EXPECT_EQ(config.scheduler.lanes.at("vulkan0"), 1);
  EXPECT_EQ(config.worker.directory, "/opt/workers");
  EXPECT_FALSE(config.worker.sandbox);
  EXPECT_EQ(config.worker.memory_limit_bytes, uint64_t{4} << 30);
  EXPECT_EQ(config.worker.start_timeout, absl::Seconds(2));
  EXPECT_EQ(config.worker.oom_score_adj, 900);
  EXPECT_EQ(config.logging.level, LogLevel::kDebug);
  EXPECT_EQ(config.logging.target, LogTarget::kJournal);
  ASSERT_EQ(config.clients.size(), 1u);
  EXPECT_EQ(config.clients[0].pattern, "*:exe:/usr/bin/vim");
  EXPECT_EQ(config.clients[0].weight, 2);
  EXPECT_THAT(*config.clients[0].services, ElementsAre("WritingToolsService"));
}

TEST(ConfigTest, UnknownKeysAreErrorsWithASuggestion) {
  EXPECT_THAT(ProblemsOf("[memory]\nceilling = 1\n"),
              HasSubstr("f.toml:2: There is no 'ceilling' in [memory]. Did you mean 'ceiling'?"));
  EXPECT_THAT(ProblemsOf("[modles]\n"), HasSubstr("Did you mean 'models'?"));
  EXPECT_THAT(ProblemsOf("[logging]\nqqqqqqqqqqqq = 1\n"),
              HasSubstr("Allowed are 'level', 'target'."));
  EXPECT_THAT(ProblemsOf("[clients.\"a\"]\nweigth = 2\n"), HasSubstr("Did you mean 'weight'?"));
}

TEST(ConfigTest, TellsEverythingThatIsWrongInTheOrderOfTheLines) {
  const std::string problems = ProblemsOf(R"([daemon]
mode = "777"
max_connections = 0
[logging]
level = "loud"
[worker]
sandbox = "yes"
)");
  const size_t mode = problems.find("f.toml:2: 'mode' in [daemon]");
  const size_t connections = problems.find("f.toml:3: 'max_connections'");
  const size_t level = problems.find("f.toml:5: 'level' in [logging] must be one of 'debug'");
  const size_t sandbox = problems.find("f.toml:7: 'sandbox' in [worker] must be true or false");
  EXPECT_NE(mode, std::string::npos) << problems;
  EXPECT_LT(mode, connections);
  EXPECT_LT(connections, level) << problems;
  EXPECT_LT(level, sandbox) << problems;
  EXPECT_NE(sandbox, std::string::npos) << problems;
}

struct BadCase {
  const char* text;
  const char* expected;
};

class BadConfigTest : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadConfigTest, IsRefusedWithWords) {
  EXPECT_THAT(ProblemsOf(GetParam().text), HasSubstr(GetParam().expected));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, BadConfigTest,
    ::testing::Values(
        BadCase{"[daemon\n", "This is not TOML"}, BadCase{"\xff\xfe", "This is not TOML"},
        BadCase{"daemon = 1", "'daemon' must be a section: [daemon]."},
        BadCase{"[daemon]\nsocket = 5", "must be text in quotation marks"},
        BadCase{"[daemon]\nsocket = \"~/x\"", "must be an absolute path"},
        BadCase{"[daemon]\nmode = \"0066\"", "must be a file mode"},
        BadCase{"[daemon]\nmode = \"0689\"", "must be a file mode"},
        BadCase{"[daemon]\nmode = 0o660", "must be a file mode"},
        BadCase{"[daemon]\ndrain_grace = 10", "must be a time such as"},
        BadCase{"[daemon]\ndrain_grace = \"-1s\"", "from 0 to 10m"},
        BadCase{"[daemon]\ndrain_grace = \"inf\"", "from 0 to 10m"},
        BadCase{"[memory]\nceiling = \"12 parsecs\"", "must be a size such as"},
        BadCase{"[memory]\nceiling = -1", "must be a size such as"},
        BadCase{"[memory]\nceiling = 4096", "0 or at least"},
        BadCase{"[memory]\nceiling = \"9999999999999999999999 TiB\"", "must be a size such as"},
        BadCase{"[models]\ncatalogue = \"/x\"", "must be a list of absolute paths"},
        BadCase{"[models]\ncatalogue = [\"x\"]", "which is no absolute path"},
        BadCase{"[models]\nthreads = 1.5", "must be a whole number from 0 to 1024"},
        BadCase{"[models.engine]\nllama = 1", "must be a section of parameters"},
        BadCase{"[models.engine.llama]\nx = [1]", "must be text, a number, true or false"},
        BadCase{"[scheduler.lanes]\ncpu = 0", "from 1 to 1024"},
        BadCase{"[scheduler]\ncontended_quantum = \"50ms\"", "must not be longer than"},
        BadCase{"[clients]\nvim = 2", "must be a section"},
        BadCase{"[clients.\"*\"]\nweight = 0", "must be a number from 0.01 to 100"},
        BadCase{"[clients.\"*\"]\nweight = nan", "must be a number from 0.01 to 100"},
        BadCase{"[clients.\"*\"]\nservices = [\"Everything\"]", "allowed are 'ActionService'"},
        BadCase{"[worker]\noom_score_adj = -5", "from 0 to 1000"}));

TEST(ConfigTest, AnExecutableMayBeTrustedByItsPathAlone) {
  const Config config =
      Parse("[actions]\ntrusted_clients = [\"/usr/bin/panel\", \"unit:panel.service\"]");
  EXPECT_THAT(config.actions.trusted_clients,
              ElementsAre("exe:/usr/bin/panel", "unit:panel.service"));
}

TEST(ConfigTest, FilesThatCannotBeRead) {
  const TemporaryFolder folder;
  EXPECT_THAT(std::string(LoadConfig("/nonexistent/x.toml").status().message()),
              HasSubstr("/nonexistent/x.toml cannot be read: No such file"));
  EXPECT_THAT(std::string(LoadConfig(folder.path()).status().message()),
              HasSubstr("cannot be read"));
  const std::string path = folder / "config.toml";
  std::ofstream(path) << std::string((1 << 20) + 1, '#');
  EXPECT_THAT(std::string(LoadConfig(path).status().message()), HasSubstr("longer than 1 MiB"));
}

// The example must be good as it is, and as good with every setting switched on.
TEST(ConfigTest, TheExampleIsGoodAndShowsTheDefaults) {
  std::ifstream file(SourcePath("packaging/config/intelligenced.toml"));
  ASSERT_TRUE(file.good());
  std::stringstream text;
  text << file.rdbuf();
  const Config commented = Parse(text.str());
  EXPECT_THAT(KeysThatNeedRestart(Config{}, commented), IsEmpty());

  std::string all;
  std::string line;
  while (std::getline(text, line)) {
    // "#key = value" is a setting, "# words" is a comment.
    const bool setting = line.size() > 1 && line[0] == '#' && line[1] != ' ' && line[1] != '#';
    all += (setting ? line.substr(1) : line) + "\n";
  }
  const Config config = Parse(all);
  const Config defaults;
  EXPECT_EQ(config.daemon.max_connections, defaults.daemon.max_connections);
  EXPECT_EQ(config.daemon.max_connections_per_user, defaults.daemon.max_connections_per_user);
  EXPECT_EQ(config.daemon.drain_grace, defaults.daemon.drain_grace);
  EXPECT_EQ(config.daemon.activity_records, defaults.daemon.activity_records);
  EXPECT_EQ(config.memory.ceiling_bytes, defaults.memory.ceiling_bytes);
  EXPECT_EQ(config.memory.margin_bytes, defaults.memory.margin_bytes);
  EXPECT_EQ(config.models.keep_alive, defaults.models.keep_alive);
  EXPECT_EQ(config.models.threads, defaults.models.threads);
  EXPECT_EQ(config.scheduler.limits.max_queued_jobs, defaults.scheduler.limits.max_queued_jobs);
  EXPECT_EQ(config.scheduler.limits.max_queued_bytes, defaults.scheduler.limits.max_queued_bytes);
  EXPECT_EQ(config.scheduler.limits.max_client_jobs, defaults.scheduler.limits.max_client_jobs);
  EXPECT_EQ(config.scheduler.limits.max_client_bytes, defaults.scheduler.limits.max_client_bytes);
  EXPECT_EQ(config.scheduler.contended_quantum, defaults.scheduler.contended_quantum);
  EXPECT_EQ(config.scheduler.idle_quantum, defaults.scheduler.idle_quantum);
  EXPECT_EQ(config.scheduler.ageing, defaults.scheduler.ageing);
  EXPECT_EQ(config.worker.sandbox, defaults.worker.sandbox);
  EXPECT_EQ(config.worker.memory_limit_bytes, defaults.worker.memory_limit_bytes);
  EXPECT_EQ(config.worker.start_timeout, defaults.worker.start_timeout);
  EXPECT_EQ(config.worker.oom_score_adj, defaults.worker.oom_score_adj);
  EXPECT_EQ(config.logging.level, defaults.logging.level);
  EXPECT_EQ(config.logging.target, defaults.logging.target);
}

TEST(ConfigTest, KnowsWhatNeedsARestart) {
  const Config running;
  Config fresh;
  fresh.clients.push_back({.pattern = "*", .weight = 3, .services = std::nullopt});
  fresh.logging.level = LogLevel::kDebug;
  fresh.daemon.max_connections = 5;
  EXPECT_THAT(KeysThatNeedRestart(running, fresh), IsEmpty());
  fresh.models.store = "/elsewhere";
  fresh.memory.ceiling_bytes = 1 << 30;
  EXPECT_THAT(KeysThatNeedRestart(running, fresh),
              ElementsAre("[memory] ceiling", "[models] store"));
}

TEST(ParseSizeTest, TakesUnits) {
  EXPECT_EQ(ParseSize("0"), 0u);
  EXPECT_EQ(ParseSize("512 MiB"), uint64_t{512} << 20);
  EXPECT_EQ(ParseSize("2GiB"), uint64_t{2} << 30);
  EXPECT_EQ(ParseSize("1.5 GB"), 1'500'000'000u);
  EXPECT_EQ(ParseSize("10kB"), 10'000u);
  EXPECT_EQ(ParseSize(""), std::nullopt);
  EXPECT_EQ(ParseSize("GiB"), std::nullopt);
  EXPECT_EQ(ParseSize("1 gib"), std::nullopt);
  EXPECT_EQ(ParseSize("1..5 MB"), std::nullopt);
  EXPECT_EQ(ParseSize("-5"), std::nullopt);
}

}  // namespace
}  // namespace intelligenced
