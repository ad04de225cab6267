#include "clients/cpp/src/convert_translation.h"

#include <utility>
#include <vector>

namespace intelligence {
namespace {

template <typename Repeated>
void AddRanges(const std::vector<TextRange>& ranges, Repeated* out) {
  for (const TextRange& range : ranges) {
    auto* added = out->Add();
    added->set_start(range.start);
    added->set_end(range.end);
  }
}

template <typename Repeated>
std::vector<TextRange> RangesFrom(const Repeated& ranges) {
  std::vector<TextRange> out;
  out.reserve(ranges.size());
  for (const v1::TextRange& range : ranges) {
    out.push_back({.start = range.start(), .end = range.end()});
  }
  return out;
}

template <typename Repeated>
std::vector<TranslationStep> StepsFrom(const Repeated& steps) {
  std::vector<TranslationStep> out;
  for (const v1::TranslationStep& step : steps) {
    out.push_back({.source_language = step.source_language(),
                   .target_language = step.target_language(),
                   .model = step.model()});
  }
  return out;
}

Translation FromProto(const v1::Translation& translation) {
  return {.text = translation.text(),
          .untranslated = RangesFrom(translation.untranslated()),
          .truncated = RangesFrom(translation.truncated())};
}

// `how` is the message that says how a text was translated.
template <typename Message>
TranslationRoute RouteFrom(const Message& how) {
  return {.source_language = how.source_language(),
          .source_detected = how.source_detected(),
          .steps = StepsFrom(how.steps()),
          .pivot_language = how.pivot_language()};
}

TranslateItemResult FromProto(const v1::TranslateBatchResult& result) {
  TranslateItemResult out = {.client_identifier = result.client_identifier(),
                             .index = result.index()};
  if (result.has_error()) {
    out.error_reason = result.error().reason();
    out.error_message = result.error().message();
  } else {
    out.translation = FromProto(result.translation());
  }
  return out;
}

InstallProgress FromProto(const v1::DownloadProgress& progress, InstallProgress::Phase phase) {
  InstallProgress out = {.phase = phase,
                         .bytes_done = progress.bytes_done(),
                         .bytes_total = progress.bytes_total(),
                         .bytes_per_second = progress.bytes_per_second()};
  if (progress.has_estimated_completion()) {
    out.estimated_completion = intelligence::FromProto(progress.estimated_completion());
  }
  return out;
}

}  // namespace

v1::TranslateTextRequest ToProto(const TranslateTextRequest& request, const CallOptions& options) {
  v1::TranslateTextRequest out;
  out.set_text(request.text);
  out.set_source_language(request.source_language);
  out.set_target_language(request.target_language);
  out.set_strategy(EnumToProto<v1::TranslationStrategy>(request.strategy));
  out.set_format(EnumToProto<v1::TranslationFormat>(request.format));
  AddRanges(request.do_not_translate, out.mutable_do_not_translate());
  out.set_mark_unknown(request.mark_unknown);
  ToProto(options, out.mutable_options());
  return out;
}

v1::TranslateBatchStart ToProto(const TranslateBatchRequest& request, const CallOptions& options) {
  v1::TranslateBatchStart out;
  out.set_source_language(request.source_language);
  out.set_target_language(request.target_language);
  out.set_strategy(EnumToProto<v1::TranslationStrategy>(request.strategy));
  out.set_format(EnumToProto<v1::TranslationFormat>(request.format));
  out.set_mark_unknown(request.mark_unknown);
  out.set_order(EnumToProto<v1::BatchOrder>(request.order));
  ToProto(options, out.mutable_options());
  return out;
}

void ToProto(const TranslateItem& item, v1::TranslateItem* out) {
  out->set_client_identifier(item.client_identifier);
  out->set_text(item.text);
  AddRanges(item.do_not_translate, out->mutable_do_not_translate());
}

v1::PrepareTranslationRequest ToProto(const PrepareTranslationRequest& request,
                                      const CallOptions& options) {
  v1::PrepareTranslationRequest out;
  out.set_source_language(request.source_language);
  out.set_target_language(request.target_language);
  out.set_strategy(EnumToProto<v1::TranslationStrategy>(request.strategy));
  for (const std::string& license : request.accepted_licenses) out.add_accepted_licenses(license);
  ToProto(options, out.mutable_options());
  return out;
}

std::optional<TranslateTextEvent> FromProto(const v1::TranslateTextResponse& response) {
  switch (response.event_case()) {
    case v1::TranslateTextResponse::kQueued:
      return FromProto(response.queued());
    case v1::TranslateTextResponse::kModelLoading:
      return ModelLoading{.model = response.model_loading().model()};
    case v1::TranslateTextResponse::kProgress:
      return WorkProgress{.done = response.progress().done(), .total = response.progress().total()};
    case v1::TranslateTextResponse::kDelta:
      return TextDelta{.text = response.delta()};
    case v1::TranslateTextResponse::kCompleted: {
      const v1::TranslateTextCompleted& completed = response.completed();
      return TranslateTextResult{.translation = FromProto(completed.translation()),
                                 .route = RouteFrom(completed),
                                 .usage = FromProto(completed.usage())};
    }
    case v1::TranslateTextResponse::EVENT_NOT_SET:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<TranslateBatchEvent> FromProto(const v1::TranslateBatchResponse& response) {
  switch (response.event_case()) {
    case v1::TranslateBatchResponse::kQueued:
      return FromProto(response.queued());
    case v1::TranslateBatchResponse::kModelLoading:
      return ModelLoading{.model = response.model_loading().model()};
    case v1::TranslateBatchResponse::kStarted:
      return RouteFrom(response.started());
    case v1::TranslateBatchResponse::kResult:
      return FromProto(response.result());
    case v1::TranslateBatchResponse::kCompleted:
      return TranslateBatchResult{.items = response.completed().items(),
                                  .failed_items = response.completed().failed_items(),
                                  .usage = FromProto(response.completed().usage())};
    case v1::TranslateBatchResponse::EVENT_NOT_SET:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<PrepareTranslationEvent> FromProto(const v1::PrepareTranslationResponse& response) {
  switch (response.event_case()) {
    case v1::PrepareTranslationResponse::kLicense:
      return LicenseNotice{.model = response.license().model(),
                           .license = response.license().license(),
                           .origin = response.license().origin(),
                           .size_bytes = response.license().size_bytes()};
    case v1::PrepareTranslationResponse::kDownloading:
      return FromProto(response.downloading(), InstallProgress::Phase::kDownloading);
    case v1::PrepareTranslationResponse::kVerifying:
      return FromProto(response.verifying(), InstallProgress::Phase::kVerifying);
    case v1::PrepareTranslationResponse::kModelLoading:
      return ModelLoading{.model = response.model_loading().model()};
    case v1::PrepareTranslationResponse::kCompleted:
      return PrepareTranslationResult{.steps = StepsFrom(response.completed().steps()),
                                      .pivot_language = response.completed().pivot_language()};
    case v1::PrepareTranslationResponse::EVENT_NOT_SET:
      return std::nullopt;
  }
  return std::nullopt;
}

DetectLanguageResult FromProto(const v1::DetectLanguageResponse& response) {
  DetectLanguageResult out = {.results = {}, .usage = FromProto(response.usage())};
  for (const v1::DetectedLanguages& result : response.results()) {
    DetectedLanguages& to = out.results.emplace_back();
    to.unreliable = result.unreliable();
    for (const v1::DetectedLanguage& candidate : result.candidates()) {
      to.candidates.push_back({.language_code = candidate.language_code(),
                               .confidence = candidate.confidence(),
                               .script = candidate.script(),
                               .share = candidate.share()});
    }
  }
  return out;
}

ListLanguagePairsResult FromProto(const v1::ListLanguagePairsResponse& response) {
  ListLanguagePairsResult out;
  for (const v1::LanguagePair& pair : response.pairs()) {
    out.pairs.push_back(
        {.source_language = pair.source_language(),
         .target_language = pair.target_language(),
         .availability = EnumFromProto(pair.availability(), Availability::kAvailable),
         .reason = pair.reason(),
         .steps = StepsFrom(pair.steps()),
         .high_fidelity_steps = StepsFrom(pair.high_fidelity_steps()),
         .pivot_language = pair.pivot_language(),
         .engine = pair.engine()});
  }
  out.general_models = {response.general_models().begin(), response.general_models().end()};
  return out;
}

}  // namespace intelligence
