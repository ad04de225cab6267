#include "runtime/worker/wire_check.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// The parser's own limit on nesting is 100.
constexpr int kMaxDepth = 100;

struct Reader {
  const uint8_t* at;
  const uint8_t* end;

  bool Varint(uint64_t* value) {
    *value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (at == end) return false;
      const uint8_t byte = *at++;
      if (shift < 64) *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return true;
    }
    return false;
  }
  bool Skip(uint64_t count) {
    if (static_cast<uint64_t>(end - at) < count) return false;
    at += count;
    return true;
  }
};

// In a packed field.
uint64_t NumbersIn(const FieldDescriptor& field, absl::Span<const uint8_t> bytes) {
  switch (field.type()) {
    case FieldDescriptor::TYPE_FLOAT:
    case FieldDescriptor::TYPE_FIXED32:
    case FieldDescriptor::TYPE_SFIXED32:
      return bytes.size() / 4;
    case FieldDescriptor::TYPE_DOUBLE:
    case FieldDescriptor::TYPE_FIXED64:
    case FieldDescriptor::TYPE_SFIXED64:
      return bytes.size() / 8;
    default:
      // The last byte of each has no high bit.
      return static_cast<uint64_t>(
          std::count_if(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte < 0x80; }));
  }
}

// Takes the parts of one message off `left`; false when there are more. Stops at malformed bytes.
bool TakeParts(const Descriptor& type, Reader reader, int depth, uint64_t* left) {
  if (depth > kMaxDepth) return true;
  while (reader.at != reader.end) {
    uint64_t tag = 0;
    uint64_t value = 0;
    if (!reader.Varint(&tag)) return true;
    const FieldDescriptor* const field =
        (tag >> 3) <= static_cast<uint64_t>(FieldDescriptor::kMaxNumber)
            ? type.FindFieldByNumber(static_cast<int>(tag >> 3))
            : nullptr;
    // Unknown fields are kept by the parser, so they count as well.
    if ((*left)-- == 0) return false;
    switch (tag & 7) {
      case 0:
        if (!reader.Varint(&value)) return true;
        break;
      case 1:
        if (!reader.Skip(8)) return true;
        break;
      case 2: {
        if (!reader.Varint(&value)) return true;
        const uint8_t* const begin = reader.at;
        if (!reader.Skip(value)) return true;
        if (field == nullptr) break;
        if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
          if (!TakeParts(*field->message_type(), {begin, reader.at}, depth + 1, left)) return false;
        } else if (field->is_packable()) {
          const uint64_t numbers = NumbersIn(*field, {begin, static_cast<size_t>(value)});
          if (*left < numbers) return false;
          *left -= numbers;
        }
        break;
      }
      case 5:
        if (!reader.Skip(4)) return true;
        break;
      default:
        // Groups do not occur in proto3; an unknown one costs a part for each of its fields, which
        // this loop counts as if they stood here.
        break;
    }
  }
  return true;
}

// Most texts are mostly ASCII: eight bytes at a time until something else comes.
std::string_view AfterAscii(std::string_view text) {
  uint64_t eight = 0;
  while (text.size() >= sizeof(eight)) {
    memcpy(&eight, text.data(), sizeof(eight));
    if ((eight & 0x8080808080808080) != 0) break;
    text.remove_prefix(sizeof(eight));
  }
  return text;
}

}  // namespace

bool HasAtMostParts(const Descriptor& type, absl::Span<const uint8_t> encoded, uint64_t max_parts) {
  uint64_t left = max_parts;
  return TakeParts(type, {encoded.data(), encoded.data() + encoded.size()}, 0, &left);
}

std::string ToUtf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (true) {
    const size_t bad = FindInvalidUtf8(text);
    result.append(text.substr(0, bad));
    if (bad == std::string_view::npos) return result;
    result.push_back('?');
    text.remove_prefix(bad + 1);
  }
}

bool HasOnlyUtf8(const Message& message) {
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  std::string scratch;
  for (const FieldDescriptor* field : fields) {
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (field->type() == FieldDescriptor::TYPE_STRING) {
        const std::string& text =
            field->is_repeated()
                ? reflection.GetRepeatedStringReference(message, field, i, &scratch)
                : reflection.GetStringReference(message, field, &scratch);
        if (!IsValidUtf8(AfterAscii(text))) return false;
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        const Message& part = field->is_repeated()
                                  ? reflection.GetRepeatedMessage(message, field, i)
                                  : reflection.GetMessage(message, field);
        if (!HasOnlyUtf8(part)) return false;
      } else {
        break;
      }
    }
  }
  return true;
}

}  // namespace intelligenced
