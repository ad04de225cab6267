#include "runtime/engines/onnx/diffusion/clip_tokenizer.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

using Json = nlohmann::json;

constexpr size_t kLongestWord = 512;
constexpr size_t kMaxTokens = 1 << 22;
constexpr size_t kMaxWindow = 4096;
constexpr std::string_view kWordEnd = "</w>";

absl::Status Corrupt(std::string_view why) {
  return MakeError(Reason::kModelCorrupt, absl::StrCat("The tokenizer's ", why, "."));
}

// The character that stands for a byte in the files: printable ones for themselves, the others
// from U+0100 on, in order.
std::array<std::string, 256> CharactersOfBytes() {
  std::array<std::string, 256> characters;
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool itself =
        (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    AppendChar(itself ? static_cast<char32_t>(byte) : next++,
               characters[static_cast<size_t>(byte)]);
  }
  return characters;
}

bool IsMarkOf(char32_t character, uint32_t mask) {
  return (U_GET_GC_MASK(static_cast<UChar32>(character)) & mask) != 0;
}

enum class Kind { kSpace, kLetter, kNumber, kOther };

Kind KindOf(char32_t character) {
  if (u_isUWhiteSpace(static_cast<UChar32>(character)) != 0) return Kind::kSpace;
  if (IsMarkOf(character, U_GC_L_MASK)) return Kind::kLetter;
  if (IsMarkOf(character, U_GC_N_MASK)) return Kind::kNumber;
  return Kind::kOther;
}

std::string Normalized(std::string_view text) {
  UErrorCode error = U_ZERO_ERROR;
  const UNormalizer2* const nfc = unorm2_getNFCInstance(&error);
  std::vector<UChar> from;
  for (size_t at = 0; at < text.size();) {
    char32_t character = DecodeChar(text, at);
    if (character > 0xFFFF) {
      character -= 0x10000;
      from.push_back(static_cast<UChar>(0xD800 + (character >> 10)));
      from.push_back(static_cast<UChar>(0xDC00 + (character & 0x3FF)));
    } else {
      from.push_back(static_cast<UChar>(character));
    }
  }
  // The composed form has at most three times as many units.
  std::vector<UChar> to(from.size() * 3 + 1);
  int32_t count = static_cast<int32_t>(from.size());
  if (U_SUCCESS(error)) {
    count = unorm2_normalize(nfc, from.data(), count, to.data(), static_cast<int32_t>(to.size()),
                             &error);
  }
  if (U_FAILURE(error)) {
    to = std::move(from);
    count = static_cast<int32_t>(to.size());
  }
  std::string result;
  for (int32_t i = 0; i < count;) {
    UChar32 character = 0;
    U16_NEXT(to.data(), i, count, character);
    AppendChar(static_cast<char32_t>(u_tolower(character)), result);
  }
  return result;
}

// "'s", "'re" and so on at the beginning of `rest`; 0 when there is none.
size_t ContractionLength(std::string_view rest) {
  for (const std::string_view one : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}) {
    if (rest.substr(0, one.size()) == one) return one.size();
  }
  return 0;
}

uint64_t PairKey(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

// A token in tokenizer_config.json: text, or an object with a content.
std::string TokenText(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end()) return "";
  if (found->is_string()) return found->get<std::string>();
  if (!found->is_object()) return "";
  const auto content = found->find("content");
  return content != found->end() && content->is_string() ? content->get<std::string>() : "";
}

}  // namespace

absl::StatusOr<ClipTokenizer> ClipTokenizer::Parse(std::string_view vocabulary,
                                                   std::string_view merges,
                                                   std::string_view config) {
  ClipTokenizer tokenizer;
  absl::Status status = tokenizer.ReadVocabulary(vocabulary);
  if (status.ok()) status = tokenizer.ReadMerges(merges);
  if (status.ok()) status = tokenizer.ReadConfig(config);
  if (!status.ok()) return status;
  return tokenizer;
}

absl::Status ClipTokenizer::ReadVocabulary(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.empty() || json.size() > kMaxTokens) {
    return Corrupt("vocab.json is no object with tokens");
  }
  for (const auto& [token, number] : json.items()) {
    if (!number.is_number_integer() || number.get<int64_t>() < 0 ||
        number.get<int64_t>() >= static_cast<int64_t>(kMaxTokens)) {
      return Corrupt("vocab.json has a token without its number");
    }
    vocabulary_[token] = number.get<int64_t>();
    size_ = std::max(size_, number.get<int64_t>() + 1);
  }
  return absl::OkStatus();
}

int32_t ClipTokenizer::SymbolOf(const std::string& text) {
  const auto [found, added] = symbols_.emplace(text, static_cast<int32_t>(token_of_symbol_.size()));
  if (added) {
    const auto token = vocabulary_.find(text);
    token_of_symbol_.push_back(token == vocabulary_.end() ? -1 : token->second);
  }
  return found->second;
}

absl::Status ClipTokenizer::ReadMerges(std::string_view text) {
  const std::array<std::string, 256> characters = CharactersOfBytes();
  for (size_t byte = 0; byte < 256; ++byte) {
    inner_byte_[byte] = SymbolOf(characters[byte]);
    last_byte_[byte] = SymbolOf(absl::StrCat(characters[byte], kWordEnd));
  }
  int64_t rank = 0;
  for (std::string_view line : absl::StrSplit(text, '\n')) {
    absl::ConsumeSuffix(&line, "\r");
    // The first line names the format's version.
    if (line.empty() || (rank == 0 && line.substr(0, 9) == "#version:")) continue;
    const std::vector<std::string> parts = absl::StrSplit(line, ' ');
    if (parts.size() != 2 || parts[0].empty() || parts[1].empty()) {
      return Corrupt("merges.txt has a line that is no pair");
    }
    if (token_of_symbol_.size() > kMaxTokens) return Corrupt("merges.txt is too long");
    const int32_t left = SymbolOf(parts[0]);
    const int32_t right = SymbolOf(parts[1]);
    const int32_t both = SymbolOf(absl::StrCat(parts[0], parts[1]));
    if (token_of_symbol_[static_cast<size_t>(both)] < 0) {
      return Corrupt("merges.txt makes what vocab.json does not have");
    }
    merges_.try_emplace(PairKey(left, right), Merge{rank++, both});
  }
  return absl::OkStatus();
}

absl::Status ClipTokenizer::ReadConfig(std::string_view text) {
  const Json json =
      text.empty() ? Json::object() : Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Corrupt("tokenizer_config.json is no JSON object");
  const auto find = [&](const char* key, std::string_view otherwise, int64_t& to) -> absl::Status {
    std::string token = TokenText(json, key);
    if (token.empty()) token = std::string(otherwise);
    const auto found = vocabulary_.find(token);
    if (found == vocabulary_.end()) {
      return MakeError(Reason::kModelLoadFailed,
                       absl::StrCat("The tokenizer's vocab.json has no ", token, "."));
    }
    to = found->second;
    return absl::OkStatus();
  };
  absl::Status status = find("bos_token", "<|startoftext|>", begin_);
  if (status.ok()) status = find("eos_token", "<|endoftext|>", end_);
  if (!status.ok()) return status;
  padding_ = end_;
  const std::string padding = TokenText(json, "pad_token");
  if (!padding.empty()) status = find("pad_token", padding, padding_);
  if (!status.ok()) return status;
  const auto length = json.find("model_max_length");
  // Published ones without a limit say 1e30.
  if (length != json.end() && length->is_number() && length->get<double>() <= kMaxWindow) {
    if (length->get<double>() < 3) return Corrupt("model_max_length is below 3");
    window_ = static_cast<size_t>(length->get<double>());
  }
  return absl::OkStatus();
}

std::vector<int64_t> ClipTokenizer::Encode(std::string_view text) const {
  const std::string clean = Normalized(text);
  const std::string_view all = clean;
  std::vector<int64_t> tokens;
  size_t at = 0;
  while (at < all.size()) {
    const size_t contraction = ContractionLength(all.substr(at));
    if (contraction > 0) {
      AddWord(all.substr(at, contraction), tokens);
      at += contraction;
      continue;
    }
    const size_t first = at;
    const Kind kind = KindOf(DecodeChar(all, at));
    if (kind == Kind::kSpace) continue;
    // Numbers go digit by digit.
    while (kind != Kind::kNumber && at < all.size()) {
      size_t next = at;
      if (KindOf(DecodeChar(all, next)) != kind || next - first > kLongestWord) break;
      at = next;
    }
    AddWord(all.substr(first, at - first), tokens);
  }
  return tokens;
}

void ClipTokenizer::AddWord(std::string_view word, std::vector<int64_t>& tokens) const {
  std::vector<int32_t> parts;
  for (size_t i = 0; i < word.size(); ++i) {
    const auto byte = static_cast<uint8_t>(word[i]);
    parts.push_back(i + 1 == word.size() ? last_byte_[byte] : inner_byte_[byte]);
  }
  while (parts.size() > 1) {
    const Merge* best = nullptr;
    std::pair<int32_t, int32_t> pair;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto found = merges_.find(PairKey(parts[i], parts[i + 1]));
      if (found == merges_.end() || (best != nullptr && best->rank <= found->second.rank)) continue;
      best = &found->second;
      pair = {parts[i], parts[i + 1]};
    }
    if (best == nullptr) break;
    // All pairs of this kind, from the left.
    size_t to = 0;
    for (size_t from = 0; from < parts.size(); ++to) {
      if (from + 1 < parts.size() && std::pair(parts[from], parts[from + 1]) == pair) {
        parts[to] = best->to;
        from += 2;
      } else {
        parts[to] = parts[from++];
      }
    }
    parts.resize(to);
  }
  for (const int32_t part : parts) {
    const int64_t token = token_of_symbol_[static_cast<size_t>(part)];
    tokens.push_back(token < 0 ? end_ : token);
  }
}

}  // namespace intelligenced
