// The public API may grow but not change: every line of api.txt must still hold, and a new line is
// added to it on purpose. INTELLIGENCED_UPDATE_API=1 in the environment writes the listing anew.
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"
#include "protos/intelligence/v1/image_generation.pb.h"
#include "protos/intelligence/v1/language.pb.h"
#include "protos/intelligence/v1/language_model.pb.h"
#include "protos/intelligence/v1/model_performance.pb.h"
#include "protos/intelligence/v1/models.pb.h"
#include "protos/intelligence/v1/system.pb.h"
#include "protos/intelligence/v1/tensor.pb.h"
#include "protos/intelligence/v1/vision.pb.h"
#include "protos/intelligence/v1/writing_tools.pb.h"
#include "tests/support/paths.h"

namespace intelligenced {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;

void ListEnum(const EnumDescriptor& type, std::set<std::string>& lines) {
  for (int i = 0; i < type.value_count(); ++i) {
    lines.insert(absl::StrCat("enum ", type.full_name(), " ", type.value(i)->name(), " = ",
                              type.value(i)->number()));
  }
}

std::string TypeName(const FieldDescriptor& field) {
  std::string name = field.is_repeated() ? "repeated " : "";
  if (field.message_type() != nullptr) return name + field.message_type()->full_name();
  if (field.enum_type() != nullptr) return name + field.enum_type()->full_name();
  return name + field.type_name();
}

void ListMessage(const Descriptor& type, std::set<std::string>& lines) {
  lines.insert(absl::StrCat("message ", type.full_name()));
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const auto* oneof = field.real_containing_oneof();
    lines.insert(absl::StrCat("field ", field.full_name(), " = ", field.number(), " ",
                              TypeName(field), oneof == nullptr ? "" : " in ",
                              oneof == nullptr ? "" : oneof->name()));
  }
  for (int i = 0; i < type.nested_type_count(); ++i) ListMessage(*type.nested_type(i), lines);
  for (int i = 0; i < type.enum_type_count(); ++i) ListEnum(*type.enum_type(i), lines);
}

void ListFile(const FileDescriptor& file, std::set<std::string>& lines) {
  for (int i = 0; i < file.message_type_count(); ++i) ListMessage(*file.message_type(i), lines);
  for (int i = 0; i < file.enum_type_count(); ++i) ListEnum(*file.enum_type(i), lines);
  for (int i = 0; i < file.service_count(); ++i) {
    for (int j = 0; j < file.service(i)->method_count(); ++j) {
      const auto& method = *file.service(i)->method(j);
      lines.insert(absl::StrCat(
          "rpc ", method.full_name(), " ", method.client_streaming() ? "stream " : "",
          method.input_type()->full_name(), " -> ", method.server_streaming() ? "stream " : "",
          method.output_type()->full_name()));
    }
  }
}

std::set<std::string> CurrentApi() {
  std::set<std::string> lines;
  ListFile(*intelligence::v1::RequestOptions::descriptor()->file(), lines);
  ListFile(*intelligence::v1::ProofreadTextRequest::descriptor()->file(), lines);
  ListFile(*intelligence::v1::GenerateTextRequest::descriptor()->file(), lines);
  ListFile(*intelligence::v1::Model::descriptor()->file(), lines);
  ListFile(*intelligence::v1::ModelReport::descriptor()->file(), lines);
  ListFile(*intelligence::v1::SystemStatus::descriptor()->file(), lines);
  ListFile(*intelligence::v1::TensorSpec::descriptor()->file(), lines);
  ListFile(*intelligence::v1::GenerateImageRequest::descriptor()->file(), lines);
  ListFile(*intelligence::v1::EmbedTextRequest::descriptor()->file(), lines);
  ListFile(*intelligence::v1::VisionRequest::descriptor()->file(), lines);
  ListFile(*intelligence::v1::AnalyzeImageRequest::descriptor()->file(), lines);
  return lines;
}

std::string Listing() { return ::intelligenced::SourcePath("tests/lint/api.txt"); }

TEST(ApiCompatibilityTest, NothingPublishedChanged) {
  const std::set<std::string> current = CurrentApi();
  if (std::getenv("INTELLIGENCED_UPDATE_API") != nullptr) {
    std::ofstream out(Listing());
    for (const std::string& line : current) out << line << "\n";
    ASSERT_TRUE(out.good());
    return;
  }
  std::ifstream in(Listing());
  ASSERT_TRUE(in.good()) << Listing();
  std::set<std::string> stored;
  for (std::string line; std::getline(in, line);) stored.insert(line);
  for (const std::string& line : stored) {
    EXPECT_TRUE(current.contains(line)) << "no longer in the API: " << line;
  }
  for (const std::string& line : current) {
    EXPECT_TRUE(stored.contains(line))
        << "new in the API: " << line
        << "\nAdd it with INTELLIGENCED_UPDATE_API=1 api_compatibility_test";
  }
}

}  // namespace
}  // namespace intelligenced
