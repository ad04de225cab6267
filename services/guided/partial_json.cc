#include "services/guided/partial_json.h"

#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

bool IsJsonSpace(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

}  // namespace

void PartialJson::Append(std::string_view text) {
  const size_t begin = text_.size();
  text_ += text;
  for (size_t at = begin; at < text_.size(); ++at) Take(text_[at], at);
}

void PartialJson::EndValue(size_t end) {
  state_ = State::kAfter;
  if (open_.empty()) {
    complete_ = true;
  } else {
    open_.back().safe = end;
  }
}

void PartialJson::Take(char c, size_t at) {
  if (state_ == State::kString) return TakeInString(c, at);
  if (state_ == State::kScalar) {
    if (!IsJsonSpace(c) && c != ',' && c != ']' && c != '}') return;
    EndValue(at);
  }
  if (IsJsonSpace(c)) return;
  switch (c) {
    case '"':
      in_name_ = state_ == State::kName;
      state_ = State::kString;
      string_safe_ = at + 1;
      half_surrogate_ = false;
      break;
    case '{':
    case '[':
      open_.push_back({c == '{' ? '}' : ']', at + 1});
      state_ = c == '{' ? State::kName : State::kValue;
      break;
    case '}':
    case ']':
      if (!open_.empty()) open_.pop_back();
      EndValue(at + 1);
      break;
    case ',':
      state_ = !open_.empty() && open_.back().close == '}' ? State::kName : State::kValue;
      break;
    case ':':
      state_ = State::kValue;
      break;
    default:
      state_ = State::kScalar;
  }
}

void PartialJson::TakeInString(char c, size_t at) {
  if (escape_begins_) {
    escape_begins_ = false;
    escape_ = c == 'u' ? 4 : 0;
    escape_digits_.clear();
    if (escape_ == 0) {
      half_surrogate_ = false;
      string_safe_ = at + 1;
    }
  } else if (escape_ > 0) {
    escape_digits_ += c;
    if (--escape_ > 0) return;
    // The first half of a pair is no character.
    const char first = static_cast<char>(escape_digits_[0] | 0x20);
    const char second = static_cast<char>(escape_digits_[1] | 0x20);
    half_surrogate_ = !half_surrogate_ && first == 'd' &&
                      (second == '8' || second == '9' || second == 'a' || second == 'b');
    if (!half_surrogate_) string_safe_ = at + 1;
  } else if (c == '\\') {
    escape_begins_ = true;
  } else if (c == '"') {
    if (in_name_) {
      state_ = State::kColon;
    } else {
      EndValue(at + 1);
    }
  } else {
    half_surrogate_ = false;
    string_safe_ = at + 1;
  }
}

std::optional<std::string> PartialJson::Snapshot() const {
  if (complete_) return text_;
  std::string out;
  if (state_ == State::kString && !in_name_) {
    // Whole characters only.
    out = text_.substr(0, FloorToCharBorder(text_, string_safe_)) + '"';
  } else if (!open_.empty()) {
    out = text_.substr(0, open_.back().safe);
  } else {
    return std::nullopt;
  }
  for (auto container = open_.rbegin(); container != open_.rend(); ++container) {
    out += container->close;
  }
  return out;
}

}  // namespace intelligenced
