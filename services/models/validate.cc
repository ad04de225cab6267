#include "services/models/validate.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "protos/support/limits.h"
#include "runtime/base/reasons.h"
#include "runtime/models/manifest.h"
#include "services/rpc/field_checker.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

absl::Status CheckName(std::string_view field, std::string_view name) {
  if (name.empty()) return FieldError(field, "is required.");
  return ParseModelName(field, name).status();
}

// What is installed is named without the prefix that addresses it.
absl::Status CheckNewName(std::string_view field, std::string_view name) {
  if (name.empty()) return FieldError(field, "is required.");
  if (!IsValidModelName(absl::StripPrefix(name, "models/"))) {
    return FieldError(field,
                      "must be 1 to 63 of a-z, 0-9, '-', '_' and '.', beginning with a letter or "
                      "digit.");
  }
  return absl::OkStatus();
}

void CheckCapability(std::string_view field, std::string_view value, FieldChecker& check) {
  check.OptionalText(field, value, kMaxCapabilityBytes);
  const bool printable = std::all_of(value.begin(), value.end(),
                                     [](unsigned char byte) { return absl::ascii_isgraph(byte); });
  if (!printable) check.Fail(field, "is no capability such as \"writing.proofread\".");
}

bool IsPlainName(std::string_view part) {
  return !part.empty() && part[0] != '.' &&
         std::all_of(part.begin(), part.end(), [](unsigned char byte) {
           return absl::ascii_isalnum(byte) || byte == '.' || byte == '_' || byte == '-';
         });
}

// A name in the folder of a model, at most two folders deep. Never used as a path.
void CheckFileName(std::string_view field, std::string_view value, FieldChecker& check) {
  const std::vector<std::string_view> parts = absl::StrSplit(value, '/');
  if (value.size() > 255 || parts.size() > 3 ||
      !std::all_of(parts.begin(), parts.end(), IsPlainName)) {
    check.Fail(field,
               "must be a file's name such as unet/model.onnx: at most 255 bytes and two folders, "
               "each part of a-z, A-Z, 0-9, '.', '_' and '-'.");
  }
}

bool IsSha256(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](unsigned char byte) {
           return absl::ascii_isxdigit(byte);
         });
}

void CheckKeepAlive(const google::protobuf::Duration& value, FieldChecker& check) {
  check.Duration("keep_alive", value, 0, absl::ToDoubleSeconds(kMaxKeepAlive));
}

}  // namespace

bool IsAllowedUrl(std::string_view url) {
  const bool plain = std::all_of(url.begin(), url.end(), [](unsigned char byte) {
    return absl::ascii_isgraph(byte) && byte != '\\';
  });
  if (!plain || url.size() > kMaxUrlBytes) return false;
  const bool secure = absl::ConsumePrefix(&url, "https://");
  if (!secure && !absl::ConsumePrefix(&url, "http://")) return false;
  std::string_view host = url.substr(0, url.find_first_of("/?#"));
  if (host.empty() || absl::StrContains(host, '@')) return false;
  if (secure) return true;
  if (host.starts_with('[')) {
    const size_t end = host.find(']');
    if (end == std::string_view::npos) return false;
    return host.substr(0, end + 1) == "[::1]";
  }
  host = host.substr(0, host.find(':'));
  return host == "localhost" || host == "127.0.0.1";
}

absl::Status Validate(const v1::ListModelsRequest& request) {
  FieldChecker check;
  CheckCapability("capability", request.capability(), check);
  return check.status();
}

absl::Status Validate(const v1::GetModelRequest& request) {
  return CheckName("name", request.name());
}

absl::Status Validate(const v1::GetAvailabilityRequest& request) {
  FieldChecker check;
  if (request.capability().empty()) check.Fail("capability", "is required.");
  CheckCapability("capability", request.capability(), check);
  if (!check.status().ok() || request.model().empty()) return check.status();
  return CheckName("model", request.model());
}

absl::Status Validate(const v1::InstallModelRequest& request) {
  FieldChecker check;
  check.OptionalText("accepted_license", request.accepted_license(), kMaxLicenseBytes);
  if (!check.status().ok()) return check.status();
  switch (request.source_case()) {
    case v1::InstallModelRequest::kCatalogueName:
      return CheckName("catalogue_name", request.catalogue_name());
    case v1::InstallModelRequest::kAddress: {
      const v1::ModelAddress& address = request.address();
      if (!IsAllowedUrl(address.url())) {
        return FieldError("address.url",
                          "must be an https:// address (http:// only to this machine itself).");
      }
      if (!IsSha256(address.sha256())) {
        return FieldError("address.sha256", "is required: 64 hexadecimal digits.");
      }
      return CheckNewName("address.name", address.name());
    }
    case v1::InstallModelRequest::SOURCE_NOT_SET:
      return FieldError("source", "is required: a catalogue name or an address.");
  }
  return absl::OkStatus();
}

absl::Status Validate(const v1::ImportHeader& header) {
  absl::Status name = CheckNewName("header.name", header.name());
  if (!name.ok()) return name;
  FieldChecker check;
  if (header.size_bytes() == 0) check.Fail("header.size_bytes", "is required and above 0.");
  if (!header.sha256().empty() && !IsSha256(header.sha256())) {
    check.Fail("header.sha256", "must be 64 hexadecimal digits.");
  }
  check.OptionalText("header.license", header.license(), kMaxLicenseBytes);
  check.OptionalText("header.family", header.family(), kMaxFamilyBytes);
  if (!header.file_name().empty()) CheckFileName("header.file_name", header.file_name(), check);
  if (!header.file_name().empty() && !header.family().empty()) {
    check.Fail("header.family", "goes with a model of one file.");
  }
  return check.status();
}

absl::Status Validate(const v1::ImportFile& file) {
  FieldChecker check;
  CheckFileName("file.name", file.name(), check);
  if (file.size_bytes() == 0) check.Fail("file.size_bytes", "is required and above 0.");
  if (!file.sha256().empty() && !IsSha256(file.sha256())) {
    check.Fail("file.sha256", "must be 64 hexadecimal digits.");
  }
  return check.status();
}

absl::Status Validate(const v1::ImportProjector& projector) {
  FieldChecker check;
  if (projector.size_bytes() == 0) check.Fail("projector.size_bytes", "is required and above 0.");
  if (!projector.sha256().empty() && !IsSha256(projector.sha256())) {
    check.Fail("projector.sha256", "must be 64 hexadecimal digits.");
  }
  return check.status();
}

absl::Status Validate(const v1::ImportFunction& function, bool with_header) {
  if (with_header && !function.model().empty()) {
    return FieldError("function.model", "must be empty: the function goes to the new model.");
  }
  absl::Status model =
      with_header ? absl::OkStatus() : CheckName("function.model", function.model());
  if (!model.ok()) return model;
  if (!IsValidModelName(function.name())) {
    return FieldError("function.name",
                      "is required: 1 to 63 of a-z, 0-9, '-', '_' and '.', beginning with a letter "
                      "or digit.");
  }
  FieldChecker check;
  if (function.size_bytes() == 0) check.Fail("function.size_bytes", "is required and above 0.");
  if (!function.sha256().empty() && !IsSha256(function.sha256())) {
    check.Fail("function.sha256", "must be 64 hexadecimal digits.");
  }
  if (function.has_scale()) {
    check.InRange("function.scale", function.scale(), -kMaxFunctionScale, kMaxFunctionScale);
  }
  if (function.capabilities_size() > kMaxFunctionCapabilities) {
    check.Fail("function.capabilities", "has more than 16 names.");
  }
  for (const std::string& capability : function.capabilities()) {
    if (capability.empty()) check.Fail("function.capabilities", "holds an empty name.");
    CheckCapability("function.capabilities", capability, check);
  }
  return check.status();
}

absl::Status Validate(const v1::RemoveModelRequest& request) {
  if (request.name().empty()) return FieldError("name", "is required.");
  return ParseModelReference("name", request.name()).status();
}

absl::Status Validate(const v1::LoadModelRequest& request) {
  absl::Status name = CheckName("name", request.name());
  if (!name.ok()) return name;
  FieldChecker check;
  if (request.has_keep_alive()) CheckKeepAlive(request.keep_alive(), check);
  return check.status();
}

absl::Status Validate(const v1::UnloadModelRequest& request) {
  return CheckName("name", request.name());
}

absl::Status Validate(const v1::UpdateModelRequest& request) {
  absl::Status name = CheckName("name", request.name());
  if (!name.ok()) return name;
  FieldChecker check;
  if (request.has_keep_alive()) CheckKeepAlive(request.keep_alive(), check);
  CheckCapability("set_default_for", request.set_default_for(), check);
  CheckCapability("clear_default_for", request.clear_default_for(), check);
  return check.status();
}

}  // namespace intelligenced
