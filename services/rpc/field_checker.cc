#include "services/rpc/field_checker.h"

#include <cmath>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "protos/support/limits.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "runtime/models/manifest.h"

namespace intelligenced {

absl::Status TooLargeError(std::string_view field, uint64_t size_bytes, uint64_t limit_bytes) {
  return MakeError(Reason::kInputTooLarge,
                   absl::StrCat(field, " has ", size_bytes, " bytes; the limit is ", limit_bytes,
                                ". Send it in several requests."),
                   {.metadata = {{"size_bytes", absl::StrCat(size_bytes)},
                                 {"limit_bytes", absl::StrCat(limit_bytes)}},
                    .retry_delay = std::nullopt,
                    .field = std::string(field)});
}

void FieldChecker::Fail(std::string_view field, std::string_view message) {
  if (status_.ok()) status_ = FieldError(field, message);
}

void FieldChecker::Text(std::string_view field, std::string_view value) {
  const size_t nul = value.find('\0');
  if (nul != std::string_view::npos) {
    Fail(field, absl::StrCat("has a NUL character at byte ", nul, "; remove it."));
  }
}

void FieldChecker::RequiredText(std::string_view field, std::string_view value, size_t limit) {
  if (!status_.ok()) return;
  if (value.size() > limit) {
    status_ = TooLargeError(field, value.size(), limit);
    return;
  }
  size_t at = 0;
  while (at < value.size()) {
    size_t next = at;
    if (!IsSpace(DecodeChar(value, next))) break;
    at = next;
  }
  if (at >= value.size()) {
    Fail(field, value.empty() ? "is required." : "has nothing but white space.");
    return;
  }
  Text(field, value);
}

void FieldChecker::OptionalText(std::string_view field, std::string_view value, size_t limit) {
  if (!status_.ok()) return;
  if (value.size() > limit) {
    Fail(field, absl::StrCat("has ", value.size(), " bytes; the limit is ", limit, "."));
    return;
  }
  Text(field, value);
}

void FieldChecker::Language(std::string_view field, std::string_view value) {
  if (!status_.ok() || value.empty()) return;
  bool good = value.size() <= kMaxLanguageBytes;
  size_t run = 0;
  for (size_t i = 0; good && i <= value.size(); ++i) {
    if (i == value.size() || value[i] == '-') {
      good = run >= 1 && run <= 8;
      run = 0;
    } else {
      good = absl::ascii_isalnum(static_cast<unsigned char>(value[i]));
      ++run;
    }
  }
  good = good && value.size() >= 2 && absl::ascii_isalpha(static_cast<unsigned char>(value[0]));
  if (!good) Fail(field, "is no BCP-47 language tag such as \"en\" or \"en-GB\".");
}

void FieldChecker::Enum(std::string_view field, int value, bool valid) {
  if (!valid) Fail(field, absl::StrCat("has the unknown value ", value, "."));
}

void FieldChecker::AtMost(std::string_view field, uint64_t value, uint64_t limit) {
  if (value > limit) Fail(field, absl::StrCat("is ", value, "; the most is ", limit, "."));
}

void FieldChecker::InRange(std::string_view field, double value, double low, double high) {
  // Written so that NaN fails.
  if (!(value >= low && value <= high)) {
    Fail(field, absl::StrCat("is ", value, "; it must be from ", low, " to ", high, "."));
  }
}

void FieldChecker::Duration(std::string_view field, const google::protobuf::Duration& value,
                            double low_seconds, double high_seconds) {
  const double seconds =
      static_cast<double>(value.seconds()) + static_cast<double>(value.nanos()) * 1e-9;
  if (!(seconds >= low_seconds && seconds <= high_seconds)) {
    Fail(field, absl::StrCat("is ", seconds, " s; it must be from ", low_seconds, " s to ",
                             high_seconds, " s."));
  }
}

void FieldChecker::Ranges(
    std::string_view field,
    const google::protobuf::RepeatedPtrField<intelligence::v1::TextRange>& ranges,
    std::string_view text, int max_count) {
  if (!status_.ok()) return;
  if (ranges.size() > max_count) {
    Fail(field, absl::StrCat("has ", ranges.size(), " ranges; the most is ", max_count, "."));
    return;
  }
  for (int i = 0; i < ranges.size(); ++i) {
    const auto& range = ranges.Get(i);
    const std::string name = absl::StrCat(field, "[", i, "]");
    if (range.start() > range.end()) {
      Fail(name, absl::StrCat("ends (", range.end(), ") before it starts (", range.start(), ")."));
    } else if (range.end() > text.size()) {
      Fail(name, absl::StrCat("ends at byte ", range.end(), "; the text has ", text.size(), "."));
    } else if (!IsCharBorder(text, range.start()) || !IsCharBorder(text, range.end())) {
      Fail(name, "begins or ends inside a character; offsets are bytes on character borders.");
    } else {
      continue;
    }
    return;
  }
}

void FieldChecker::Options(const intelligence::v1::RequestOptions& options) {
  if (!status_.ok()) return;
  if (!options.model().empty()) {
    const absl::StatusOr<ModelReference> name =
        ParseModelReference("options.model", options.model());
    if (!name.ok()) {
      status_ = name.status();
      return;
    }
  }
  Enum("options.request_class", options.request_class(),
       intelligence::v1::RequestClass_IsValid(options.request_class()));
  if (options.has_keep_alive()) {
    Duration("options.keep_alive", options.keep_alive(), 0, absl::ToDoubleSeconds(kMaxKeepAlive));
  }
}

}  // namespace intelligenced
