#include "services/actions/results.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "runtime/base/reasons.h"
#include "services/rpc/field_checker.h"
#include "services/rpc/proto_time.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr size_t kMaxDialog = 4096;
constexpr size_t kMaxMarkdown = size_t{64} << 10;
constexpr size_t kMaxPicture = size_t{2} << 20;

}  // namespace

absl::Status CheckResult(const v1::Action& action, const v1::ActionResult& result,
                         const v1::ProviderDeclaration& provider) {
  if (action.has_result() != result.has_value()) {
    return FieldError("result.value", action.has_result()
                                          ? "is missing, and the action declares one."
                                          : "is there, and the action declares none.");
  }
  if (result.has_value()) {
    absl::Status status = CheckValue("result.value", action.result(), result.value(), provider,
                                     ValueOrigin::kProvider);
    if (!status.ok()) return status;
  }
  if (!IsPlainLine(result.dialog(), kMaxDialog)) {
    return FieldError("result.dialog", "must be one line of at most 4,096 bytes.");
  }
  const v1::ActionSnippet& snippet = result.snippet();
  if (snippet.markdown().size() > kMaxMarkdown) {
    return TooLargeError("result.snippet.markdown", snippet.markdown().size(), kMaxMarkdown);
  }
  const bool control =
      std::any_of(snippet.markdown().begin(), snippet.markdown().end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F;
      });
  if (control) return FieldError("result.snippet.markdown", "holds control characters.");
  if (snippet.picture().size() > kMaxPicture) {
    return TooLargeError("result.snippet.picture", snippet.picture().size(), kMaxPicture);
  }
  const std::string& media = snippet.picture_media_type();
  if (!snippet.picture().empty() && media != "image/png" && media != "image/jpeg" &&
      media != "image/webp") {
    return FieldError("result.snippet.picture_media_type",
                      "must be image/png, image/jpeg or image/webp.");
  }
  return absl::OkStatus();
}

absl::Status CheckEntities(std::string_view type, const v1::EntityAnswer& answer,
                           const v1::ProviderDeclaration& provider) {
  if (answer.entities_size() > 64) return FieldError("entities", "must be at most 64.");
  std::set<std::string_view> seen;
  for (int i = 0; i < answer.entities_size(); ++i) {
    const std::string field = absl::StrCat("entities[", i, "]");
    absl::Status status =
        CheckEntity(field, type, answer.entities(i), provider, ValueOrigin::kProvider);
    if (!status.ok()) return status;
    if (!seen.insert(answer.entities(i).id()).second) {
      return FieldError(absl::StrCat(field, ".id"), "comes twice.");
    }
  }
  return absl::OkStatus();
}

std::string DescribeRun(const v1::Action& action, const v1::ProviderDeclaration& provider,
                        const ActionValues& values) {
  std::string text = absl::StrCat(action.title(), " in ", provider.title());
  bool first = true;
  for (const v1::ActionParameter& parameter : action.parameters()) {
    const auto value = values.find(parameter.id());
    if (value == values.end()) continue;
    absl::StrAppend(&text, first ? ": " : ", ", parameter.title(), " “",
                    absl::StrReplaceAll(DescribeValue(value->second), {{"“", "\""}, {"”", "\""}}),
                    "”");
    first = false;
  }
  absl::StrAppend(&text, "?");
  return text;
}

void SetSlot(int item, const v1::ActionValue& from, v1::ActionValue* value) {
  if (item < 0) {
    *value = from;
  } else if (item < value->list_value().items_size()) {
    *value->mutable_list_value()->mutable_items(item) = from;
  }
}

void SetElapsed(absl::Duration duration, v1::RunCompleted* completed) {
  SetDuration(duration, completed->mutable_duration());
}

}  // namespace intelligenced
