// The engine's vision messages are those of the API, field by field: the service passes them on by
// their bytes.
#include <set>
#include <string>

#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"
#include "protos/intelligence/engine/v1/vision.pb.h"
#include "protos/intelligence/v1/vision_types.pb.h"

namespace intelligenced {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;

void ExpectSame(const EnumDescriptor& api, const EnumDescriptor& engine) {
  ASSERT_EQ(api.value_count(), engine.value_count()) << api.full_name();
  for (int i = 0; i < api.value_count(); ++i) {
    EXPECT_EQ(api.value(i)->name(), engine.value(i)->name());
    EXPECT_EQ(api.value(i)->number(), engine.value(i)->number());
  }
}

void ExpectSame(const Descriptor& api, const Descriptor& engine) {
  ASSERT_EQ(api.field_count(), engine.field_count()) << api.full_name();
  for (int i = 0; i < api.field_count(); ++i) {
    const FieldDescriptor& a = *api.field(i);
    const FieldDescriptor* const b = engine.FindFieldByNumber(a.number());
    ASSERT_NE(b, nullptr) << a.full_name();
    EXPECT_EQ(a.name(), b->name());
    EXPECT_EQ(a.type(), b->type()) << a.full_name();
    EXPECT_EQ(a.is_repeated(), b->is_repeated()) << a.full_name();
    EXPECT_EQ(a.real_containing_oneof() == nullptr, b->real_containing_oneof() == nullptr);
    if (a.message_type() != nullptr) EXPECT_EQ(a.message_type()->name(), b->message_type()->name());
    if (a.enum_type() != nullptr) EXPECT_EQ(a.enum_type()->name(), b->enum_type()->name());
  }
}

TEST(VisionMirrorTest, EveryTypeIsTheSame) {
  const auto& api = *intelligence::v1::VisionRequest::descriptor()->file();
  const auto& engine = *intelligence::engine::v1::VisionRequest::descriptor()->file();
  // The engine's file has VisionTask and FrameStream beside them.
  ASSERT_EQ(api.message_type_count() + 2, engine.message_type_count());
  ASSERT_EQ(api.enum_type_count(), engine.enum_type_count());
  for (int i = 0; i < api.message_type_count(); ++i) {
    const Descriptor* const other = engine.FindMessageTypeByName(api.message_type(i)->name());
    ASSERT_NE(other, nullptr) << api.message_type(i)->name();
    ExpectSame(*api.message_type(i), *other);
  }
  for (int i = 0; i < api.enum_type_count(); ++i) {
    const EnumDescriptor* const other = engine.FindEnumTypeByName(api.enum_type(i)->name());
    ASSERT_NE(other, nullptr) << api.enum_type(i)->name();
    ExpectSame(*api.enum_type(i), *other);
  }
}

}  // namespace
}  // namespace intelligenced
