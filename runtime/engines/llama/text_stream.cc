#include "runtime/engines/llama/text_stream.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace intelligenced {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct Scan {
  // Bytes of the character, or of the ill-formed part to be replaced.
  size_t length = 0;
  bool valid = false;
  // Well formed as far as it goes, but the text ends inside.
  bool incomplete = false;
};

// Looks at the character at the start of `text`, which is not empty.
Scan ScanCharacter(std::string_view text) {
  const auto byte = [&](size_t index) { return static_cast<uint8_t>(text[index]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {.length = 1, .valid = true};
  size_t length = 0;
  // The second byte's range carries the rules against overlong forms, surrogates and too large.
  uint8_t low = 0x80, high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {.length = 1};
  }
  for (size_t index = 1; index < length; ++index) {
    if (index == text.size()) return {.length = index, .incomplete = true};
    if (byte(index) < low || byte(index) > high) return {.length = index};
    low = 0x80;
    high = 0xBF;
  }
  return {.length = length, .valid = true};
}

}  // namespace

std::string TextStream::Append(std::string_view bytes) {
  if (stopped_) return "";
  bytes_.append(bytes);
  Decode(/*final=*/false);
  return TakeCertain();
}

std::string TextStream::Finish() {
  if (stopped_) return "";
  Decode(/*final=*/true);
  std::string certain = TakeCertain();
  if (!stopped_) certain += std::exchange(text_, "");
  return certain;
}

void TextStream::Decode(bool final) {
  std::string_view rest = bytes_;
  while (!rest.empty()) {
    const Scan scan = ScanCharacter(rest);
    if (scan.incomplete && !final) break;
    text_.append(scan.valid ? rest.substr(0, scan.length) : kReplacement);
    rest.remove_prefix(scan.length);
  }
  bytes_.erase(0, bytes_.size() - rest.size());
}

std::string TextStream::TakeCertain() {
  size_t end = text_.size();
  for (const std::string& stop : stops_) {
    const size_t found = text_.find(stop);
    if (found != std::string::npos) {
      end = std::min(end, found);
      stopped_ = true;
    }
  }
  if (stopped_) {
    text_.resize(end);
    return std::exchange(text_, "");
  }
  for (const std::string& stop : stops_) {
    // The longest tail that begins this stop string.
    for (size_t length = std::min(stop.size() - 1, text_.size()); length > 0; --length) {
      if (std::string_view(text_).ends_with(std::string_view(stop).substr(0, length))) {
        end = std::min(end, text_.size() - length);
        break;
      }
    }
  }
  std::string certain = text_.substr(0, end);
  text_.erase(0, end);
  return certain;
}

bool ExtendUtf8(std::string& pending, std::string_view bytes) {
  pending.append(bytes);
  std::string_view rest = pending;
  while (!rest.empty()) {
    const Scan scan = ScanCharacter(rest);
    if (scan.incomplete) break;
    if (!scan.valid) return false;
    rest.remove_prefix(scan.length);
  }
  pending.erase(0, pending.size() - rest.size());
  return true;
}

}  // namespace intelligenced
