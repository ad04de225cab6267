// What any client may send as a request, and any daemon as error details: parsing and validating
// must end in a message or an error that can itself be sent, and what is valid must be fit for the
// text helpers behind it.
//
// The first byte chooses the message (or the decoder of error details, or the aligner).
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/stubs/logging.h"
#include "protos/intelligence/v1/image_generation.pb.h"
#include "protos/intelligence/v1/language.pb.h"
#include "protos/intelligence/v1/language_model.pb.h"
#include "protos/intelligence/v1/models.pb.h"
#include "protos/intelligence/v1/system.pb.h"
#include "protos/intelligence/v1/tensor.pb.h"
#include "protos/intelligence/v1/vision.pb.h"
#include "protos/intelligence/v1/writing_tools.pb.h"
#include "protos/support/status_codec.h"
#include "runtime/base/protected_spans.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "runtime/engine/tensor_check.h"
#include "services/image_generation/engine_task.h"
#include "services/image_generation/validate.h"
#include "services/language/validate.h"
#include "services/language_model/guided_request.h"
#include "services/language_model/validate.h"
#include "services/models/validate.h"
#include "services/rpc/parse_request.h"
#include "services/system/validate.h"
#include "services/tensor/convert.h"
#include "services/tensor/validate.h"
#include "services/vision/frame_requests.h"
#include "services/vision/validate.h"
#include "services/writing_tools/alignment.h"
#include "services/writing_tools/output_cleaner.h"
#include "services/writing_tools/placeholders.h"
#include "services/writing_tools/text_parts.h"
#include "services/writing_tools/tools.h"
#include "services/writing_tools/validate.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

void Require(bool condition) {
  if (!condition) abort();
}

void CheckError(const absl::Status& status) {
  if (status.ok()) return;
  Require(ReasonOf(status).has_value());
  Require(IsValidUtf8(StatusToGrpc(status).error_message()));
  Require(ReasonOf(StatusFromGrpc(StatusToGrpc(status))) == ReasonOf(status));
}

template <typename Request>
bool Check(std::string_view bytes, Request& request) {
  absl::Status status = ParseRequest(bytes, request);
  if (status.ok()) status = Validate(request);
  CheckError(status);
  return status.ok();
}

template <typename Request>
void Check(std::string_view bytes) {
  Request request;
  Check(bytes, request);
}

template <typename Request>
void CheckText(std::string_view bytes) {
  Request request;
  if (!Check(bytes, request)) return;
  const std::string& text = request.text();
  const std::vector<ByteSpan> spans = ProtectedSpansOf(text, request.protected_ranges(), true);
  size_t end = 0;
  for (const ByteSpan& part : SplitSpan(text, {0, text.size()}, 200)) {
    Require(part.start == end && part.end > part.start);
    end = part.end;
    for (const ByteSpan& inner : SpansWithin(spans, part)) Require(inner.end <= part.size());
    const Placeholders marks(part.In(text), SpansWithin(spans, part));
    Require(marks.Restore(marks.masked()) == part.In(text));
  }
  Require(end == text.size());
}

void CheckGenerate(std::string_view bytes) {
  v1::GenerateTextRequest request;
  if (!Check(bytes, request)) return;
  const OutputShape shape = ShapeOf(request);
  if (shape.guided()) CheckError(CompileShape(shape).status());
  intelligence::engine::v1::Conversation conversation;
  AddMessages(RefsOf(request.conversation().messages()), Instructions(shape), &conversation);
  for (const auto& message : conversation.messages()) Require(IsValidUtf8(message.text()));
}

void CheckTensorRequest(std::string_view bytes) {
  v1::RunModelRequest request;
  if (Check(bytes, request)) CheckError(CheckTensors(ToTask(std::move(request))));
}

void CheckAlignment(std::string_view bytes) {
  const size_t middle = bytes.find('\x01');
  const std::string_view original = bytes.substr(0, middle);
  const std::string_view answer =
      middle == std::string_view::npos ? std::string_view() : bytes.substr(middle + 1);
  const std::string revised = CleanOutput(original, answer);
  const auto edits = AlignTexts(original, revised);
  if (edits.has_value()) Require(ApplyEdits(original, *edits) == revised);
  const std::vector<ByteSpan> spans = FindProtectedSpans(original);
  for (const TextEdit& edit : CorrectionsOf(original, revised, spans)) {
    Require(!OverlapsAny(spans, edit.range));
  }
}

void CheckImageRequest(std::string_view bytes) {
  v1::GenerateImageRequest request;
  if (!Check(bytes, request)) return;
  const auto task = ToTask(request, 7);
  Require(!task.prompt().empty() && IsValidUtf8(task.prompt()));
  Require(task.has_strength() == (request.has_source_image() || PictureConcept(request) >= 0));
}

// A stream's messages, the change against a stream that has some requests.
void CheckFrames(std::string_view bytes) {
  v1::AnalyzeFramesRequest request;
  absl::Status status = ParseRequest(bytes, request);
  if (!status.ok()) return CheckError(status);
  CheckError(Validate(request.start()));
  CheckError(Validate(request.frame()));
  status = Validate(request.change());
  CheckError(status);
  v1::AnalyzeFramesStart start;
  for (int i = 0; i < 4; ++i) start.add_requests()->mutable_detect_horizon();
  FrameRequests requests;
  requests.Start(start.requests());
  if (status.ok()) CheckError(requests.Apply(request.change()));
  Require(requests.snapshot()->size() <= 32);
}

void CheckOne(uint8_t kind, std::string_view bytes) {
  switch (kind % 18) {
    case 0:
      return CheckText<v1::ProofreadTextRequest>(bytes);
    case 1:
      return CheckText<v1::RewriteTextRequest>(bytes);
    case 2:
      return Check<v1::SummarizeTextRequest>(bytes);
    case 3:
      return Check<v1::ComposeTextRequest>(bytes);
    case 4:
      Check<v1::CreateSessionRequest>(bytes);
      Check<v1::AppendToSessionRequest>(bytes);
      Check<v1::ForkSessionRequest>(bytes);
      Check<v1::PrewarmSessionRequest>(bytes);
      return CheckGenerate(bytes);
    case 5:
      return Check<v1::CountTokensRequest>(bytes);
    case 6:
      return Check<v1::ListModelsRequest>(bytes);
    case 7:
      return Check<v1::GetModelRequest>(bytes);
    case 8:
      return Check<v1::GetAvailabilityRequest>(bytes);
    case 9:
      return Check<v1::InstallModelRequest>(bytes);
    case 10:
      return Check<v1::ImportHeader>(bytes);
    case 11:
      return Check<v1::UpdateModelRequest>(bytes);
    case 12:
      Check<v1::GetModelSignatureRequest>(bytes);
      CheckTensorRequest(bytes);
      Check<v1::SegmentTextRequest>(bytes);
      Check<v1::EmbedTextRequest>(bytes);
      Check<v1::ClassifyTextRequest>(bytes);
      Check<v1::FindEntitiesRequest>(bytes);
      return Check<v1::LoadModelRequest>(bytes);
    case 13:
      Check<v1::WatchStatusRequest>(bytes);
      return Check<v1::ListActivityRequest>(bytes);
    case 14: {
      const google::protobuf::LogSilencer silencer;
      const grpc::Status hostile(grpc::StatusCode::UNAVAILABLE, "words", std::string(bytes));
      return Require(StatusFromGrpc(hostile).code() == absl::StatusCode::kUnavailable);
    }
    case 17:
      Check<v1::RestyleImageRequest>(bytes);
      Check<v1::UpscaleImageRequest>(bytes);
      Check<v1::GetImageModelRequest>(bytes);
      return CheckImageRequest(bytes);
    case 16:
      CheckFrames(bytes);
      return Check<v1::AnalyzeImageRequest>(bytes);
    default:
      return CheckAlignment(bytes);
  }
}

}  // namespace
}  // namespace intelligenced

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  intelligenced::CheckOne(data[0],
                          std::string_view(reinterpret_cast<const char*>(data) + 1, size - 1));
  return 0;
}
