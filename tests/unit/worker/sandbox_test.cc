// What a worker can and cannot do, tried from inside (runtime/engines/fake/probe.h).
#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "runtime/base/reasons.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/worker/worker_fixture.h"

#ifdef __linux__
namespace intelligenced {
namespace {

using testing::AnyOf;
using testing::Contains;

class SandboxTest : public WorkerTest {
 protected:
  SandboxTest() {
    allowed_ = folder_ + "/allowed";
    secret_ = folder_ + "/secret";
    std::ofstream(allowed_) << "weights";
    std::ofstream(secret_) << "diary";
  }

  void SetUp() override {
    const auto model = MustLaunch();
    ASSERT_NE(model, nullptr);
    protections_ = model->protections();
  }
  bool Has(const std::string& protection) const {
    return std::find(protections_.begin(), protections_.end(), protection) != protections_.end();
  }
  std::string ProbeWithFile(const std::string& what) {
    engine_proto::ModelSpec spec = Spec({{"probe", what}});
    spec.add_files()->set_path(allowed_);
    auto model = launcher().Launch(spec, {}, [] {});
    EXPECT_TRUE(model.ok()) << model.status();
    return model.ok() ? Reply(**model) : "not launched";
  }

  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
  std::string allowed_;
  std::string secret_;
  std::vector<std::string> protections_;
};

TEST_F(SandboxTest, SaysWhatIsInForce) {
  EXPECT_THAT(protections_, Contains("no-new-privs"));
  EXPECT_THAT(protections_, Contains("seccomp"));
}

TEST_F(SandboxTest, ReadsItsModelAndNothingElse) {
  if (!Has("landlock")) GTEST_SKIP() << "this kernel has no Landlock";
  EXPECT_EQ(ProbeWithFile("read:" + allowed_), "ok");
  EXPECT_EQ(ProbeWithFile("read:" + secret_), "EACCES");
  EXPECT_EQ(ProbeWithFile("list:" + folder_), "EACCES");
  EXPECT_EQ(ProbeWithFile("write:" + allowed_), "EACCES");
  EXPECT_EQ(ProbeWithFile("read:/etc/passwd"), "EACCES");
  EXPECT_EQ(ProbeWithFile("list:/tmp"), "EACCES");
  EXPECT_EQ(ProbeWithFile("read:/proc/1/environ"), "EACCES");
  EXPECT_EQ(ProbeWithFile("read:/proc/self/status"), "ok");
  EXPECT_EQ(ProbeWithFile("read:/proc/cpuinfo"), "ok");
  EXPECT_EQ(ProbeWithFile("list:/usr/lib"), "ok");
  EXPECT_EQ(ProbeWithFile("write:/dev/null"), "ok");
}

TEST_F(SandboxTest, ReadsWhatTheConfigurationAdds) {
  if (!Has("landlock")) GTEST_SKIP() << "this kernel has no Landlock";
  options_.read_paths = {folder_};
  launcher_.reset();
  EXPECT_EQ(Probe("read:" + secret_), "ok");
  EXPECT_EQ(Probe("write:" + secret_), "EACCES");
}

TEST_F(SandboxTest, MakesNothing) {
  EXPECT_THAT(ProbeWithFile("create:" + folder_ + "/new"), AnyOf("EACCES", "EPERM"));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/new"));
}

TEST_F(SandboxTest, HasNoNetwork) {
  EXPECT_EQ(Probe("socket"), "EPERM");
  EXPECT_EQ(Probe("socket-unix"), "EPERM");
}

TEST_F(SandboxTest, StartsAndTouchesNoOtherProcess) {
  EXPECT_EQ(Probe("exec"), "EPERM");
  EXPECT_EQ(Probe("fork"), "EPERM");
  EXPECT_EQ(Probe("kill-parent"), "EPERM");
  EXPECT_EQ(Probe("ptrace"), "EPERM");
}

TEST_F(SandboxTest, ReachesNoPrivilegedInterface) {
  for (const char* call : {"mount", "bpf", "io-uring", "keyctl", "userfaultfd", "unshare"}) {
    EXPECT_EQ(Probe(call), "EPERM") << call;
  }
}

TEST_F(SandboxTest, CanStillWork) {
  EXPECT_EQ(Probe("thread"), "ok");
  EXPECT_EQ(Probe("memory-file"), "ok");
}

TEST_F(SandboxTest, CanBeSwitchedOff) {
  options_.sandbox = false;
  launcher_.reset();
  const auto model = MustLaunch({{"probe", "read:" + secret_}});
  ASSERT_NE(model, nullptr);
  EXPECT_TRUE(model->protections().empty());
  EXPECT_EQ(Reply(*model), "ok");
}

#ifndef INTELLIGENCED_SANITIZER
TEST_F(SandboxTest, LimitsMemory) {
  options_.memory_limit_bytes = uint64_t{100} << 20;
  launcher_.reset();
  const auto small = MustLaunch({{"resident_mb", "20"}});
  ASSERT_NE(small, nullptr);
  EXPECT_THAT(small->protections(), Contains("memory-limit"));
  const auto large = Launch({{"resident_mb", "300"}});
  EXPECT_TRUE(HasReason(large.status(), Reason::kMemoryInsufficient)) << large.status();
  // A step that asks for too much costs the job or the model, and says what it was.
  engine_proto::Task task = Deltas(1);
  task.mutable_fake()->set_payload_bytes(uint64_t{150} << 20);
  const auto job = MustStart(*small, task);
  const auto output = StepOne(*small, *job);
  const absl::Status status = output.ok() ? output->status : output.status();
  EXPECT_TRUE(HasReason(status, Reason::kMemoryInsufficient)) << status;
}
#endif

}  // namespace
}  // namespace intelligenced
#endif  // __linux__
