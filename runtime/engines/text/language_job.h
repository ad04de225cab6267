// DetectLanguageTask and SegmentTextTask as jobs of bounded units.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_TEXT_LANGUAGE_JOB_H_
#define INTELLIGENCED_RUNTIME_ENGINES_TEXT_LANGUAGE_JOB_H_

#include <memory>

#include "absl/status/statusor.h"
#include "runtime/engines/text/language_detector.h"
#include "runtime/engines/text/text_job.h"

namespace intelligenced {

// A unit is a text to be identified, or 64 KiB to be segmented. A text with more than 8,192
// segments has several SegmentsResult, one after the other. Errors: FIELD_INVALID (another kind of
// task, text that is not UTF-8, above 4,096 texts). `detector` outlives the job.
absl::StatusOr<std::unique_ptr<TextJob>> MakeLanguageJob(const engine_proto::Task& task,
                                                         CancelToken cancel,
                                                         const LanguageDetector* detector);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_TEXT_LANGUAGE_JOB_H_
