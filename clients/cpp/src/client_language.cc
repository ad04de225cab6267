// What can be said of texts.
#include <intelligence/language.h>

#include <string>
#include <utility>
#include <vector>

#include "clients/cpp/src/call.h"
#include "clients/cpp/src/connection.h"
#include "clients/cpp/src/convert.h"
#include "protos/intelligence/v1/language.pb.h"

namespace intelligence {
namespace {

template <typename Proto>
absl::Status Prepare(const std::vector<std::string>& texts, const CallOptions& options,
                     Proto& proto) {
  for (const std::string& text : texts) {
    if (absl::Status status = CheckUtf8("texts", text); !status.ok()) return status;
    proto.add_texts(text);
  }
  if (absl::Status status = CheckUtf8("options.model", options.model); !status.ok()) return status;
  ToProto(options, proto.mutable_options());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SegmentTextResult> LanguageTools::Segment(const SegmentTextRequest& request,
                                                         const CallOptions& options) const {
  v1::SegmentTextRequest proto;
  absl::Status status = Prepare(request.texts, options, proto);
  if (status.ok()) status = CheckUtf8("language", request.language);
  if (!status.ok()) return status;
  proto.set_unit(EnumToProto<v1::SegmentUnit>(request.unit));
  proto.set_language(request.language);
  const absl::StatusOr<v1::SegmentTextResponse> response = CallUnary<v1::SegmentTextResponse>(
      *client_.connection_, options,
      [&](grpc::ClientContext* context, v1::SegmentTextResponse* out) {
        return client_.connection_->language->SegmentText(context, proto, out);
      });
  if (!response.ok()) return response.status();
  SegmentTextResult result;
  for (const v1::TextSegments& text : response->texts()) {
    std::vector<TextRange>& segments = result.segments.emplace_back();
    for (const v1::TextRange& range : text.segments()) {
      segments.push_back({.start = range.start(), .end = range.end()});
    }
  }
  result.usage = FromProto(response->usage());
  return result;
}

absl::StatusOr<EmbedTextResult> LanguageTools::Embed(const EmbedTextRequest& request,
                                                     const CallOptions& options) const {
  v1::EmbedTextRequest proto;
  if (absl::Status status = Prepare(request.texts, options, proto); !status.ok()) return status;
  proto.set_purpose(EnumToProto<v1::EmbedPurpose>(request.purpose));
  proto.set_dimensions(request.dimensions);
  const absl::StatusOr<v1::EmbedTextResponse> response = CallUnary<v1::EmbedTextResponse>(
      *client_.connection_, options, [&](grpc::ClientContext* context, v1::EmbedTextResponse* out) {
        return client_.connection_->language->EmbedText(context, proto, out);
      });
  if (!response.ok()) return response.status();
  EmbedTextResult result;
  for (const v1::TextEmbedding& embedding : response->embeddings()) {
    result.embeddings.push_back({.values = {embedding.values().begin(), embedding.values().end()},
                                 .input_tokens = embedding.input_tokens()});
  }
  result.usage = FromProto(response->usage());
  return result;
}

absl::StatusOr<ClassifyTextResult> LanguageTools::Classify(const ClassifyTextRequest& request,
                                                           const CallOptions& options) const {
  v1::ClassifyTextRequest proto;
  if (absl::Status status = Prepare(request.texts, options, proto); !status.ok()) return status;
  proto.set_classification(EnumToProto<v1::TextClassification>(request.classification));
  const absl::StatusOr<v1::ClassifyTextResponse> response = CallUnary<v1::ClassifyTextResponse>(
      *client_.connection_, options,
      [&](grpc::ClientContext* context, v1::ClassifyTextResponse* out) {
        return client_.connection_->language->ClassifyText(context, proto, out);
      });
  if (!response.ok()) return response.status();
  ClassifyTextResult result;
  for (const v1::TextLabels& text : response->texts()) {
    std::vector<TextLabel>& labels = result.labels.emplace_back();
    for (const v1::TextLabel& label : text.labels()) {
      labels.push_back({.label = label.label(), .confidence = label.confidence()});
    }
  }
  result.usage = FromProto(response->usage());
  return result;
}

absl::StatusOr<FindEntitiesResult> LanguageTools::FindEntities(const FindEntitiesRequest& request,
                                                               const CallOptions& options) const {
  v1::FindEntitiesRequest proto;
  if (absl::Status status = Prepare(request.texts, options, proto); !status.ok()) return status;
  const absl::StatusOr<v1::FindEntitiesResponse> response = CallUnary<v1::FindEntitiesResponse>(
      *client_.connection_, options,
      [&](grpc::ClientContext* context, v1::FindEntitiesResponse* out) {
        return client_.connection_->language->FindEntities(context, proto, out);
      });
  if (!response.ok()) return response.status();
  FindEntitiesResult result;
  for (const v1::NamedEntities& text : response->texts()) {
    std::vector<NamedEntity>& entities = result.entities.emplace_back();
    for (const v1::NamedEntity& entity : text.entities()) {
      entities.push_back({.start = entity.start(),
                          .end = entity.end(),
                          .text = entity.text(),
                          .label = entity.label(),
                          .confidence = entity.confidence()});
    }
  }
  result.usage = FromProto(response->usage());
  return result;
}

}  // namespace intelligence
