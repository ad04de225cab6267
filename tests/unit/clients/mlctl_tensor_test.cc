// mlctl tensor against a server with scripted answers.
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/npy.h"
#include "clients/mlctl/tensor_json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/clients/fake_daemon.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::MakeTensor;
using intelligence::Tensor;
using testing::ElementsAre;
using testing::HasSubstr;

class TensorCommandTest : public testing::Test {
 protected:
  TensorCommandTest() {
    host_.environment = [](const char*) { return std::string(); };
    host_.read_input = [this] { return input_; };
    host_.now = [] { return absl::FromUnixSeconds(1000); };
    // Gives back what it is given, under names that no file may have.
    daemon_.scripts.run_model = [this](const v1::RunModelRequest& request,
                                       v1::RunModelResponse* response) {
      asked_ = request;
      *response->mutable_outputs() = request.inputs();
      for (v1::Tensor& tensor : *response->mutable_outputs()) {
        tensor.set_name("../" + tensor.name());
      }
      return grpc::Status::OK;
    };
    daemon_.scripts.signature = [](const v1::GetModelSignatureRequest& request,
                                   v1::GetModelSignatureResponse* response) {
      response->set_model("models/" + request.options().model());
      v1::TensorSpec& spec = *response->add_inputs();
      spec.set_name("x");
      spec.set_type(v1::TENSOR_TYPE_FLOAT32);
      for (const int64_t extent : {-1, 3, -1}) spec.add_shape(extent);
      for (const char* const name : {"batch", "", ""}) spec.add_dimension_names(name);
      response->add_outputs()->set_name("y");
      return grpc::Status::OK;
    };
  }

  int Mlctl(std::vector<std::string> arguments) {
    out_.str("");
    err_.str("");
    host_.out = &out_;
    host_.err = &err_;
    arguments.insert(arguments.begin(), {"--socket", daemon_.socket_path()});
    return mlctl::Run(host_, arguments);
  }
  std::string Write(const std::string& name, const std::string& bytes) {
    const std::string path = daemon_.folder() + "/" + name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  std::string Read(const std::string& path) {
    std::ostringstream content;
    content << std::ifstream(path, std::ios::binary).rdbuf();
    return content.str();
  }

  FakeDaemon daemon_;
  Host host_;
  std::ostringstream out_;
  std::ostringstream err_;
  absl::StatusOr<std::string> input_ = "";
  v1::RunModelRequest asked_;
};

TEST_F(TensorCommandTest, ShowsASignature) {
  EXPECT_EQ(Mlctl({"tensor", "signature", "net"}), kDone) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("FLOAT32"));
  EXPECT_THAT(out_.str(), HasSubstr("batch×3×?"));
  EXPECT_THAT(out_.str(), HasSubstr("cannot be passed"));
  EXPECT_EQ(Mlctl({"tensor", "signature", "net", "--json"}), kDone);
  const Json json = Json::parse(out_.str());
  EXPECT_EQ(json["inputs"][0]["shape"], Json::parse("[-1, 3, -1]"));
  EXPECT_EQ(json["inputs"][0]["dimension_names"][0], "batch");
}

TEST_F(TensorCommandTest, RunsOnFilesAndWritesFiles) {
  const std::string x = Write("x.npy", *FormatNpy(MakeTensor<float>("", {1, 2}, {0.5F, 2})));
  const std::string y = Write("y.npy", *FormatNpy(MakeTensor<int64_t>("", {}, {7})));
  const std::string folder = daemon_.folder() + "/out/deep";
  EXPECT_EQ(Mlctl({"tensor", "run", "net", "--input", "x=" + x, "--input", "y=" + y, "--output",
                   "a", "--output-dir", folder}),
            kDone)
      << err_.str();
  EXPECT_EQ(asked_.options().model(), "net");
  EXPECT_EQ(asked_.inputs(0).name(), "x");
  EXPECT_EQ(asked_.inputs(1).type(), v1::TENSOR_TYPE_INT64);
  EXPECT_THAT(asked_.outputs(), ElementsAre("a"));
  EXPECT_THAT(out_.str(), HasSubstr("0.5, 2"));
  const auto written = ParseNpy(Read(folder + "/_._x.npy"));
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_THAT(written->shape, ElementsAre(1, 2));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 2);
}

TEST_F(TensorCommandTest, JsonInAndOut) {
  input_ = R"({"inputs": [
    {"name": "x", "values": [[1, 2.5, -3], [4, 5, 6]]},
    {"name": "n", "type": "UINT8", "shape": [2, 1], "values": [0, 255]},
    {"name": "h", "type": "FLOAT16", "values": [1, -2, 65504, 6e-8, 0.1]},
    {"name": "b", "type": "BOOL", "values": [true, false]},
    {"name": "t", "values": ["a", "b"]},
    {"name": "d", "type": "INT16", "shape": [2], "data": "AQACAA=="}], "outputs": []})";
  EXPECT_EQ(Mlctl({"tensor", "run", "net", "--json"}), kDone) << err_.str();
  EXPECT_THAT(asked_.inputs(0).shape(), ElementsAre(2, 3));
  EXPECT_EQ(asked_.inputs(0).type(), v1::TENSOR_TYPE_FLOAT32);
  EXPECT_THAT(asked_.inputs(1).shape(), ElementsAre(2, 1));
  EXPECT_EQ(asked_.inputs(1).data(), std::string("\0\xff", 2));
  EXPECT_EQ(asked_.inputs(4).type(), v1::TENSOR_TYPE_STRING);
  const Json outputs = Json::parse(out_.str())["outputs"];
  EXPECT_EQ(outputs[0]["values"], Json::parse("[1, 2.5, -3, 4, 5, 6]"));
  EXPECT_EQ(outputs[1]["values"], Json::parse("[0, 255]"));
  EXPECT_EQ(outputs[2]["values"][1], -2);
  EXPECT_EQ(outputs[2]["values"][2], 65504);
  EXPECT_NEAR(outputs[2]["values"][3].get<double>(), 6e-8, 1e-9);
  EXPECT_NEAR(outputs[2]["values"][4].get<double>(), 0.1, 1e-4);
  EXPECT_EQ(outputs[3]["values"], Json::parse("[true, false]"));
  EXPECT_EQ(outputs[4]["values"], Json::parse(R"(["a", "b"])"));
  EXPECT_EQ(outputs[5]["values"], Json::parse("[1, 2]"));
}

TEST_F(TensorCommandTest, WrongInput) {
  for (const char* const text :
       {"", "[]", R"({"other": []})", R"({"inputs": 5})", R"({"inputs": [5]})",
        R"({"inputs": [{"values": [1]}]})", R"({"inputs": [{"name": "x"}]})",
        R"({"inputs": [{"name": "x", "values": [1], "data": ""}]})",
        R"({"inputs": [{"name": "x", "values": [[1, 2], [3]]}]})",
        R"({"inputs": [{"name": "x", "values": [1, [2]]}]})",
        R"({"inputs": [{"name": "x", "type": "UINT8", "values": [256]}]})",
        R"({"inputs": [{"name": "x", "type": "UINT8", "values": [-1]}]})",
        R"({"inputs": [{"name": "x", "type": "INT8", "values": [1.5]}]})",
        R"({"inputs": [{"name": "x", "type": "COMPLEX", "values": [1]}]})",
        R"({"inputs": [{"name": "x", "data": "???"}]})",
        R"({"inputs": [{"name": "x", "values": [1], "shape": ["a"]}]})",
        R"({"inputs": [{"name": "x", "values": [1], "extra": 1}]})", R"({"outputs": [5]})"}) {
    EXPECT_EQ(ParseRunModelRequest(text).status().code(), absl::StatusCode::kInvalidArgument)
        << text;
  }
  EXPECT_NE(Mlctl({"tensor", "run", "net", "--input", "x"}), kDone);
  EXPECT_THAT(err_.str(), HasSubstr("NAME=FILE.npy"));
  EXPECT_NE(Mlctl({"tensor", "run", "net", "--input", "x=/no/such/file.npy"}), kDone);
  const std::string bad = Write("bad.npy", "bad");
  EXPECT_NE(Mlctl({"tensor", "run", "net", "--input", "x=" + bad}), kDone);
  EXPECT_THAT(err_.str(), HasSubstr("bad.npy"));
  EXPECT_EQ(Mlctl({"tensor", "run"}), kUsage);
}

}  // namespace
}  // namespace intelligenced::mlctl
