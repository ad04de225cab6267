// Between the SDK's types and the messages of protos/intelligence/v1. Pure functions.
#ifndef INTELLIGENCED_CLIENTS_CPP_SRC_CONVERT_H_
#define INTELLIGENCED_CLIENTS_CPP_SRC_CONVERT_H_

#include <intelligence/client.h>
#include <intelligence/frames.h>

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "protos/intelligence/v1/language_model.pb.h"
#include "protos/intelligence/v1/models.pb.h"
#include "protos/intelligence/v1/system.pb.h"
#include "protos/intelligence/v1/vision.pb.h"
#include "protos/intelligence/v1/writing_tools.pb.h"

namespace intelligence {

// The SDK's enumerations have the values of the API's, so that a value is only checked for being
// known; unknown ones become 0.
template <typename To, typename From>
To EnumFromProto(From value, To last) {
  return static_cast<int>(value) >= 0 && static_cast<int>(value) <= static_cast<int>(last)
             ? static_cast<To>(value)
             : To{};
}
template <typename To, typename From>
To EnumToProto(From value) {
  return static_cast<To>(static_cast<int>(value));
}

absl::Duration FromProto(const google::protobuf::Duration& duration);
void ToProto(absl::Duration duration, google::protobuf::Duration* out);
absl::Time FromProto(const google::protobuf::Timestamp& time);
Usage FromProto(const v1::Usage& usage);
void ToProto(const CallOptions& options, v1::RequestOptions* out);

v1::ProofreadTextRequest ToProto(const ProofreadTextRequest& request, const CallOptions& options);
v1::RewriteTextRequest ToProto(const RewriteTextRequest& request, const CallOptions& options);
v1::SummarizeTextRequest ToProto(const SummarizeTextRequest& request, const CallOptions& options);
v1::ComposeTextRequest ToProto(const ComposeTextRequest& request, const CallOptions& options);
// `session` may be empty. With one, an empty input is left out.
v1::GenerateTextRequest ToProto(const GenerateTextRequest& request, const std::string& session,
                                const CallOptions& options);
v1::CountTokensRequest ToCountProto(const GenerateTextRequest& request, const std::string& session,
                                    const CallOptions& options);
v1::Message ToProto(const Message& message);
void ToProto(const VisionImage& image, v1::VisionImage* out);
VisionImage FromProto(const v1::VisionImage& image);

std::optional<ProofreadTextEvent> FromProto(const v1::ProofreadTextResponse& response);
std::optional<RewriteTextEvent> FromProto(const v1::RewriteTextResponse& response);
std::optional<SummarizeTextEvent> FromProto(const v1::SummarizeTextResponse& response);
std::optional<ComposeTextEvent> FromProto(const v1::ComposeTextResponse& response);
std::optional<GenerateTextEvent> FromProto(const v1::GenerateTextResponse& response);

SessionInfo FromProto(const v1::Session& session);
v1::AnalyzeImageRequest ToProto(const AnalyzeImageRequest& request, const CallOptions& options);
std::optional<AnalyzeImageEvent> FromProto(const v1::AnalyzeImageResponse& response);
void ToProto(const VisionRequest& request, v1::VisionRequest* out);
VisionResult FromProto(const v1::VisionResult& result);
ImageInfo FromProto(const v1::ImageInfo& image);
Queued FromProto(const v1::Queued& queued);

v1::AnalyzeFramesStart ToProto(const AnalyzeFramesRequest& request, const CallOptions& options);
std::optional<AnalyzeFramesEvent> FromProto(const v1::AnalyzeFramesResponse& response);

Model FromProto(const v1::Model& model);
std::optional<InstallModelEvent> FromProto(const v1::InstallModelResponse& response);
SystemStatus FromProto(const v1::SystemStatus& status);
ActivityRecord FromProto(const v1::ActivityRecord& record);
DiagnosticCheck FromProto(const v1::Check& check);

}  // namespace intelligence

#endif  // INTELLIGENCED_CLIENTS_CPP_SRC_CONVERT_H_
