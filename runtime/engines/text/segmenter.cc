#include "runtime/engines/text/segmenter.h"

#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/uloc.h>
#include <unicode/utext.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

namespace proto = ::intelligence::engine::v1;

constexpr size_t kPiece = 64 * 1024;
// Every byte may be one: so that what a step answers stays small.
constexpr size_t kPieceOfCharacters = 16 * 1024;

absl::Status Failure(UErrorCode error) {
  return MakeError(Reason::kEngineFailure,
                   absl::StrCat("ICU cannot find the borders of the text: ", u_errorName(error),
                                ". Is libicu's data installed?"));
}

bool IsWhite(char32_t c) { return u_isUWhiteSpace(static_cast<UChar32>(c)) != 0; }

ByteSpan Trim(std::string_view text, ByteSpan span) {
  while (!span.empty()) {
    size_t next = span.start;
    if (!IsWhite(DecodeChar(text, next))) break;
    span.start = next;
  }
  while (!span.empty() && IsWhite(CharBefore(text, span.end))) {
    span.end = PrevChar(text, span.end);
  }
  return span;
}

}  // namespace

struct SegmentRules::Core {
  UBreakIterator* rules = nullptr;
  proto::TextUnit unit = proto::TEXT_UNIT_SENTENCE;
  ~Core() { ubrk_close(rules); }
};

SegmentRules::SegmentRules(std::unique_ptr<Core> core) : core_(std::move(core)) {}
SegmentRules::SegmentRules(SegmentRules&&) noexcept = default;
SegmentRules& SegmentRules::operator=(SegmentRules&&) noexcept = default;
SegmentRules::~SegmentRules() = default;

absl::StatusOr<SegmentRules> SegmentRules::Open(proto::TextUnit unit, const std::string& language) {
  UErrorCode error = U_ZERO_ERROR;
  std::string locale = "root";
  if (!language.empty()) {
    char name[ULOC_FULLNAME_CAPACITY] = "";
    int32_t parsed = 0;
    const int32_t length =
        uloc_forLanguageTag(language.c_str(), name, sizeof(name), &parsed, &error);
    if (U_SUCCESS(error) && length > 0 && parsed > 0) locale = name;
    error = U_ZERO_ERROR;
  }
  UBreakIteratorType type = UBRK_SENTENCE;
  if (unit == proto::TEXT_UNIT_WORD) type = UBRK_WORD;
  if (unit == proto::TEXT_UNIT_CHARACTER) type = UBRK_CHARACTER;
  // Abbreviations of the language do not end its sentences.
  if (type == UBRK_SENTENCE && locale != "root") locale += "@ss=standard";
  auto core = std::make_unique<Core>();
  core->unit = unit;
  core->rules = ubrk_open(type, locale.c_str(), nullptr, 0, &error);
  if (U_FAILURE(error)) return Failure(error);
  return SegmentRules(std::move(core));
}

absl::Status SegmentRun::Advance(std::vector<ByteSpan>& segments) {
  SegmentRules::Core& core = *rules_->core_;
  const std::string_view rest = text_.substr(position_);
  const std::string_view piece =
      TruncateUtf8(rest, core.unit == proto::TEXT_UNIT_CHARACTER ? kPieceOfCharacters : kPiece);
  UErrorCode error = U_ZERO_ERROR;
  UText view = UTEXT_INITIALIZER;
  utext_openUTF8(&view, piece.data(), static_cast<int64_t>(piece.size()), &error);
  ubrk_setUText(core.rules, &view, &error);
  if (U_FAILURE(error)) {
    utext_close(&view);
    return Failure(error);
  }
  struct Found {
    ByteSpan span;
    bool wanted;
  };
  std::vector<Found> found;
  int32_t start = ubrk_first(core.rules);
  for (int32_t end = ubrk_next(core.rules); end != UBRK_DONE; end = ubrk_next(core.rules)) {
    const bool between =
        core.unit == proto::TEXT_UNIT_WORD && ubrk_getRuleStatus(core.rules) < UBRK_WORD_NONE_LIMIT;
    found.push_back({{static_cast<size_t>(start), static_cast<size_t>(end)}, !between});
    start = end;
  }
  utext_close(&view);
  size_t taken = piece.size();
  if (piece.size() < rest.size()) {
    // What lies at the cut, and what a dictionary or a rule that looks ahead made of it, is found
    // again with the next piece.
    size_t kept = found.size();
    const size_t sure = piece.size() - piece.size() / 16;
    while (kept > 0 && found[kept - 1].span.end > sure) --kept;
    if (core.unit == proto::TEXT_UNIT_WORD) {
      // Dictionaries look at whole runs of letters: go on where something else stands.
      size_t border = kept;
      while (border > 0 && found[border - 1].wanted) --border;
      if (border > 0) kept = border;
    }
    if (kept > 0) {
      found.resize(kept);
      taken = found.back().span.end;
    }
  }
  for (const Found& one : found) {
    if (!one.wanted) continue;
    ByteSpan span = one.span;
    if (core.unit != proto::TEXT_UNIT_WORD && core.unit != proto::TEXT_UNIT_CHARACTER) {
      span = Trim(piece, span);
    }
    if (!span.empty()) segments.push_back({position_ + span.start, position_ + span.end});
  }
  position_ += taken;
  return absl::OkStatus();
}

}  // namespace intelligenced
