#include "runtime/worker/wire_check.h"

#include <string>

#include "gtest/gtest.h"
#include "protos/intelligence/engine/v1/worker.pb.h"

namespace intelligenced {
namespace {

namespace proto = ::intelligence::engine::v1;

bool Fits(const google::protobuf::Message& message, uint64_t parts) {
  std::string bytes;
  message.SerializeToString(&bytes);
  return HasAtMostParts(*message.GetDescriptor(),
                        {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, parts);
}

TEST(WireCheckTest, CountsPartsAtEveryDepth) {
  proto::WorkReply reply;
  for (int i = 0; i < 10; ++i) {
    auto* const output = reply.mutable_step()->add_outputs();
    output->add_events()->set_delta("x");
    output->add_events()->set_delta("y");
  }
  // step, 10 outputs, 20 events, 20 texts
  EXPECT_TRUE(Fits(reply, 51));
  EXPECT_FALSE(Fits(reply, 50));
}

TEST(WireCheckTest, CountsMapsAndPackedNumbers) {
  proto::WorkReply reply;
  for (int i = 0; i < 5; ++i)
    (*reply.mutable_status()->mutable_metadata())[std::string(1, 'a' + i)];
  EXPECT_TRUE(Fits(reply, 16));
  EXPECT_FALSE(Fits(reply, 15));
  proto::StepRequest request;
  for (int i = 0; i < 100; ++i) request.add_step_jobs(1);
  EXPECT_TRUE(Fits(request, 101));
  EXPECT_FALSE(Fits(request, 100));
}

TEST(WireCheckTest, CountsWhatItDoesNotKnow) {
  const std::string unknown(2000, '\x78');  // field 15, a number; 1000 of them
  EXPECT_FALSE(HasAtMostParts(*proto::StatsRequest::descriptor(),
                              {reinterpret_cast<const uint8_t*>(unknown.data()), unknown.size()},
                              999));
}

TEST(WireCheckTest, SurvivesAnything) {
  std::string bytes;
  uint32_t state = 1;
  for (int round = 0; round < 20'000; ++round) {
    bytes.clear();
    for (int i = 0; i < 40; ++i) {
      state = state * 1664525 + 1013904223;
      bytes.push_back(static_cast<char>(state >> 24));
    }
    HasAtMostParts(*proto::WorkReply::descriptor(),
                   {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, 1000);
  }
}

TEST(WireCheckTest, FindsBadTextAnywhere) {
  proto::ModelSpec spec;
  spec.set_name("ok");
  EXPECT_TRUE(HasOnlyUtf8(spec));
  spec.add_files()->set_path("/caf\xe9");
  EXPECT_FALSE(HasOnlyUtf8(spec));
  spec.clear_files();
  (*spec.mutable_parameters())["reply"] = "\xff";
  EXPECT_FALSE(HasOnlyUtf8(spec));
  proto::FakeTask task;
  task.add_deltas("good");
  EXPECT_TRUE(HasOnlyUtf8(task));
  task.add_deltas("\xed\xa0\x80");
  EXPECT_FALSE(HasOnlyUtf8(task));
}

TEST(WireCheckTest, MakesUtf8OfAnything) {
  EXPECT_EQ(ToUtf8("plain, grün, 🙂"), "plain, grün, 🙂");
  EXPECT_EQ(ToUtf8("caf\xe9!"), "caf?!");
  EXPECT_EQ(ToUtf8("\xff\xfe"), "??");
  EXPECT_EQ(ToUtf8(""), "");
}

}  // namespace
}  // namespace intelligenced
