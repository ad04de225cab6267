#include "services/writing_tools/output_cleaner.h"

#include <array>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace intelligenced {
namespace {

constexpr std::string_view kReasoningOpen = "<think>";
constexpr std::string_view kReasoningClose = "</think>";
constexpr std::string_view kFence = "```";
// A first line that begins with one of these and ends with a colon announces the answer.
constexpr std::array<std::string_view, 14> kOpeners = {
    "sure",     "certainly",      "of course",     "here is",   "here's",
    "here are", "corrected text", "the corrected", "rewritten", "revised",
    "summary",  "the summary",    "proofread",     "headline"};
constexpr size_t kMaxPreambleBytes = 160;

struct QuotePair {
  std::string_view open;
  std::string_view close;
};
constexpr std::array<QuotePair, 3> kQuotes = {QuotePair{"\"", "\""}, QuotePair{"“", "”"},
                                              QuotePair{"«", "»"}};

std::string_view TrimStart(std::string_view text) {
  return absl::StripLeadingAsciiWhitespace(text);
}
std::string_view TrimEnd(std::string_view text) { return absl::StripTrailingAsciiWhitespace(text); }

// `text` may still become `pattern`.
bool IsBeginningOf(std::string_view text, std::string_view pattern) {
  return text.size() < pattern.size() && absl::StartsWithIgnoreCase(pattern, text);
}

// What wraps `source` itself is part of it.
bool IsWrappedIn(std::string_view source, std::string_view mark) {
  return absl::StartsWith(TrimStart(source), mark);
}

bool HasQuotes(std::string_view source) {
  for (const QuotePair& pair : kQuotes) {
    if (IsWrappedIn(source, pair.open)) return true;
  }
  return false;
}

}  // namespace

OutputCleaner::OutputCleaner(std::string_view source)
    : keep_quotes_(HasQuotes(source)), keep_fences_(IsWrappedIn(source, kFence)) {}

bool OutputCleaner::Begin(bool final) {
  if (state_ == State::kReasoning) {
    const size_t end = held_.find(kReasoningClose);
    if (end == std::string::npos) {
      // Only what may be the beginning of the closing mark matters.
      if (held_.size() > kReasoningClose.size()) {
        held_.erase(0, held_.size() - kReasoningClose.size());
      }
      return false;
    }
    held_.erase(0, end + kReasoningClose.size());
    state_ = State::kStart;
  }
  std::string_view text = TrimStart(held_);
  if (text.empty()) return false;
  if (absl::StartsWith(text, kReasoningOpen)) {
    held_.erase(0, held_.size() - text.size() + kReasoningOpen.size());
    state_ = State::kReasoning;
    return Begin(final);
  }
  if (!final && IsBeginningOf(text, kReasoningOpen)) return false;

  for (const std::string_view opener : kOpeners) {
    if (!final && IsBeginningOf(text, opener)) return false;
    if (!absl::StartsWithIgnoreCase(text, opener)) continue;
    const size_t line_end = text.find('\n');
    if (line_end == std::string_view::npos) {
      if (!final && text.size() < kMaxPreambleBytes) return false;
      break;
    }
    if (absl::EndsWith(TrimEnd(text.substr(0, line_end)), ":")) {
      text = TrimStart(text.substr(line_end));
      if (text.empty() && !final) return false;
    }
    break;
  }

  if (!keep_fences_) {
    if (!final && IsBeginningOf(text, kFence)) return false;
    if (absl::StartsWith(text, kFence)) {
      const size_t line_end = text.find('\n');
      if (line_end == std::string_view::npos && !final) return false;
      if (line_end != std::string_view::npos) {
        text = text.substr(line_end + 1);
        closing_ = kFence;
      }
    }
  }
  if (!keep_quotes_ && closing_.empty()) {
    for (const QuotePair& pair : kQuotes) {
      if (!final && IsBeginningOf(text, pair.open)) return false;
      if (!absl::StartsWith(text, pair.open)) continue;
      // A quotation that ends inside the answer belongs to it; that is seen at the end.
      closing_ = pair.close;
    }
  }
  held_ = std::string(text);
  state_ = State::kBody;
  return true;
}

std::string OutputCleaner::TakeBody(bool final) {
  if (final) {
    std::string body(TrimEnd(held_));
    held_.clear();
    if (closing_ == kFence) {
      body = std::string(TrimEnd(absl::StripSuffix(body, kFence)));
    } else if (!closing_.empty() && absl::EndsWith(body, closing_)) {
      for (const QuotePair& pair : kQuotes) {
        if (pair.close != closing_ || body.size() < pair.open.size() + pair.close.size()) continue;
        const std::string_view inner = std::string_view(body).substr(
            pair.open.size(), body.size() - pair.open.size() - pair.close.size());
        // "Yes," he said, "no." is quoted at both ends and yet not as a whole.
        if (!absl::StrContains(inner, pair.open)) return std::string(inner);
      }
    }
    return body;
  }
  // Inside quotation marks nothing can be given before it is known where they end.
  if (!closing_.empty() && closing_ != kFence) return std::string();
  size_t keep = TrimEnd(held_).size();
  if (!closing_.empty()) {
    while (keep > 0 && held_[keep - 1] == '`') --keep;
    keep = TrimEnd(std::string_view(held_).substr(0, keep)).size();
  }
  std::string ready = held_.substr(0, keep);
  held_.erase(0, keep);
  return ready;
}

std::string OutputCleaner::Push(std::string_view delta) {
  held_.append(delta);
  if (state_ != State::kBody && !Begin(false)) return std::string();
  return TakeBody(false);
}

std::string OutputCleaner::Finish() {
  if (state_ != State::kBody && !Begin(true)) {
    // Nothing but white space, or reasoning that never came to an end.
    held_.clear();
    return std::string();
  }
  return TakeBody(true);
}

std::string CleanOutput(std::string_view source, std::string_view answer) {
  OutputCleaner cleaner(source);
  std::string clean = cleaner.Push(answer);
  clean += cleaner.Finish();
  return clean;
}

}  // namespace intelligenced
