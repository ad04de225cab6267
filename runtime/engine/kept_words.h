// Parts of a segment that a network was not told to keep, and perhaps kept. Pure.
#ifndef INTELLIGENCED_RUNTIME_ENGINE_KEPT_WORDS_H_
#define INTELLIGENCED_RUNTIME_ENGINE_KEPT_WORDS_H_

#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "runtime/engine/engine.h"

namespace intelligenced {

// FIELD_INVALID unless the spans are sorted, apart, not empty and on character borders.
absl::Status CheckKeptSpans(const engine_proto::TranslateSegment& segment);

// Whether translating the segment can keep them at all: inline markup is nothing that a network of
// this kind carries over.
bool MayKeep(const engine_proto::TranslateSegment& segment);

// Where the segment's spans stand in `translated`, in their order: each must be there exactly as
// often as in the source, and not inside of a longer word. Nothing when one is not.
std::optional<std::vector<engine_proto::KeptSpan>> FindKept(
    const engine_proto::TranslateSegment& segment, std::string_view translated);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINE_KEPT_WORDS_H_
