// Translation: one text, languages, pairs.
#include <intelligence/translation.h>

#include <string>
#include <utility>

#include "clients/cpp/src/call.h"
#include "clients/cpp/src/connection.h"
#include "clients/cpp/src/convert_translation.h"

namespace intelligence {
namespace {

absl::Status CheckLanguages(const std::string& source, const std::string& target,
                            const CallOptions& options) {
  absl::Status status = CheckUtf8("source_language", source);
  if (status.ok()) status = CheckUtf8("target_language", target);
  if (status.ok()) status = CheckUtf8("options.model", options.model);
  return status;
}

}  // namespace

Stream<TranslateTextEvent> Translator::StreamTranslate(const TranslateTextRequest& request,
                                                       const CallOptions& options) const {
  absl::Status status = CheckUtf8("text", request.text);
  if (status.ok()) {
    status = CheckLanguages(request.source_language, request.target_language, options);
  }
  if (!status.ok()) return FailedStream<TranslateTextEvent>(std::move(status));
  const v1::TranslateTextRequest proto = ToProto(request, options);
  return StartStream<TranslateTextEvent, v1::TranslateTextResponse>(
      client_.connection_, options,
      [&](grpc::ClientContext* context) {
        return client_.connection_->translation->TranslateText(context, proto);
      },
      &FromProto);
}

absl::StatusOr<TranslateTextResult> Translator::Translate(
    const TranslateTextRequest& request, const CallOptions& options,
    const OnEvent<TranslateTextEvent>& on_event) const {
  return ReadResult<TranslateTextResult>(StreamTranslate(request, options), on_event);
}

absl::StatusOr<DetectLanguageResult> Translator::Detect(const DetectLanguageRequest& request,
                                                        const CallOptions& options) const {
  v1::DetectLanguageRequest proto;
  for (const std::string& text : request.texts) {
    if (absl::Status status = CheckUtf8("texts", text); !status.ok()) return status;
    proto.add_texts(text);
  }
  if (absl::Status status = CheckUtf8("options.model", options.model); !status.ok()) return status;
  proto.set_max_candidates(request.max_candidates);
  ToProto(options, proto.mutable_options());
  const absl::StatusOr<v1::DetectLanguageResponse> response = CallUnary<v1::DetectLanguageResponse>(
      *client_.connection_, options,
      [&](grpc::ClientContext* context, v1::DetectLanguageResponse* out) {
        return client_.connection_->translation->DetectLanguage(context, proto, out);
      });
  if (!response.ok()) return response.status();
  return FromProto(*response);
}

absl::StatusOr<ListLanguagePairsResult> Translator::Pairs(const ListLanguagePairsRequest& request,
                                                          const CallOptions& options) const {
  if (absl::Status status =
          CheckLanguages(request.source_language, request.target_language, options);
      !status.ok()) {
    return status;
  }
  v1::ListLanguagePairsRequest proto;
  proto.set_source_language(request.source_language);
  proto.set_target_language(request.target_language);
  proto.set_direct_only(request.direct_only);
  proto.set_available_only(request.available_only);
  const absl::StatusOr<v1::ListLanguagePairsResponse> response =
      CallUnary<v1::ListLanguagePairsResponse>(
          *client_.connection_, options,
          [&](grpc::ClientContext* context, v1::ListLanguagePairsResponse* out) {
            return client_.connection_->translation->ListLanguagePairs(context, proto, out);
          });
  if (!response.ok()) return response.status();
  return FromProto(*response);
}

Stream<PrepareTranslationEvent> Translator::StreamPrepare(const PrepareTranslationRequest& request,
                                                          const CallOptions& options) const {
  absl::Status status = CheckLanguages(request.source_language, request.target_language, options);
  for (const std::string& license : request.accepted_licenses) {
    if (status.ok()) status = CheckUtf8("accepted_licenses", license);
  }
  if (!status.ok()) return FailedStream<PrepareTranslationEvent>(std::move(status));
  const v1::PrepareTranslationRequest proto = ToProto(request, options);
  return StartStream<PrepareTranslationEvent, v1::PrepareTranslationResponse>(
      client_.connection_, options,
      [&](grpc::ClientContext* context) {
        return client_.connection_->translation->PrepareTranslation(context, proto);
      },
      &FromProto);
}

absl::StatusOr<PrepareTranslationResult> Translator::Prepare(
    const PrepareTranslationRequest& request, const CallOptions& options,
    const OnEvent<PrepareTranslationEvent>& on_event) const {
  return ReadResult<PrepareTranslationResult>(StreamPrepare(request, options), on_event);
}

}  // namespace intelligence
