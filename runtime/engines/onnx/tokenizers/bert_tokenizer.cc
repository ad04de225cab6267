#include "runtime/engines/onnx/tokenizers/bert_tokenizer.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"

namespace intelligenced {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxVocabulary = 2'000'000;

absl::Status Bad(std::string_view what) {
  return MakeError(Reason::kModelLoadFailed, absl::StrCat("The tokenizer's file ", what, "."));
}

// The member, where it is of the type of `value`.
template <typename Value>
void Read(const Json& json, const char* name, Value& value) {
  const auto found = json.find(name);
  if (found == json.end()) return;
  if constexpr (std::is_same_v<Value, bool>) {
    if (found->is_boolean()) value = found->template get<bool>();
  } else if constexpr (std::is_same_v<Value, std::string>) {
    if (found->is_string()) value = found->template get<std::string>();
  } else if (found->is_number_unsigned()) {
    value = found->template get<Value>();
  }
}

bool IsIdeograph(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool IsMark(char32_t c) {
  const bool ascii = (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
                     (c >= 123 && c <= 126);
  return ascii || u_ispunct(static_cast<UChar32>(c));
}

bool IsWhite(char32_t c) {
  return c == '\t' || c == '\n' || c == '\r' || u_isUWhiteSpace(static_cast<UChar32>(c));
}

// What the tokenizer takes out of a text.
bool IsControl(char32_t c) {
  if (c == 0 || c == 0xFFFD) return true;
  return (U_GET_GC_MASK(static_cast<UChar32>(c)) & U_GC_C_MASK) != 0;
}

}  // namespace

absl::StatusOr<BertTokenizer> BertTokenizer::Parse(std::string_view tokenizer,
                                                   std::string_view config) {
  BertTokenizer out;
  const std::string_view begin = absl::StripLeadingAsciiWhitespace(tokenizer);
  const bool is_json = begin.starts_with('{');
  if (!is_json) {
    for (std::string_view line : absl::StrSplit(tokenizer, '\n')) {
      absl::ConsumeSuffix(&line, "\r");
      const auto id = static_cast<int64_t>(out.vocabulary_.size());
      if (!line.empty()) out.vocabulary_.try_emplace(line, id);
      if (out.vocabulary_.size() > kMaxVocabulary) return Bad("has too many words");
    }
    const Json json = Json::parse(config, nullptr, /*allow_exceptions=*/false);
    if (json.is_object()) {
      Read(json, "do_lower_case", out.lower_);
      out.strip_accents_ = out.lower_;
      Read(json, "strip_accents", out.strip_accents_);
      Read(json, "tokenize_chinese_chars", out.space_ideographs_);
      Read(json, "unk_token", out.unknown_token_);
    }
    if (absl::Status status = out.Finish(); !status.ok()) return status;
    return out;
  }
  const Json json = Json::parse(tokenizer, nullptr, /*allow_exceptions=*/false);
  const auto model = json.is_object() ? json.find("model") : json.end();
  if (!json.is_object() || model == json.end() || !model->is_object()) {
    return Bad("is no tokenizer.json");
  }
  std::string type = "WordPiece";
  Read(*model, "type", type);
  const auto vocabulary = model->find("vocab");
  if (type != "WordPiece" || vocabulary == model->end() || !vocabulary->is_object()) {
    return Bad(absl::StrCat("is of the kind ", type,
                            "; encoders with word pieces (BERT, DistilBERT, MiniLM, BGE, E5 of one "
                            "language, GTE) are known here"));
  }
  if (vocabulary->size() > kMaxVocabulary) return Bad("has too many words");
  for (const auto& [word, id] : vocabulary->items()) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > kMaxVocabulary) {
      return Bad("gives a word no number");
    }
    out.vocabulary_[word] = id.get<int64_t>();
  }
  Read(*model, "unk_token", out.unknown_token_);
  Read(*model, "continuing_subword_prefix", out.rest_);
  Read(*model, "max_input_chars_per_word", out.longest_word_);
  const auto normalizer = json.find("normalizer");
  if (normalizer != json.end() && normalizer->is_object()) {
    Read(*normalizer, "clean_text", out.clean_);
    Read(*normalizer, "handle_chinese_chars", out.space_ideographs_);
    Read(*normalizer, "lowercase", out.lower_);
    out.strip_accents_ = out.lower_;
    Read(*normalizer, "strip_accents", out.strip_accents_);
  }
  if (absl::Status status = out.Finish(); !status.ok()) return status;
  return out;
}

absl::Status BertTokenizer::Finish() {
  for (const auto& [word, id] : vocabulary_) size_ = std::max(size_, id + 1);
  const auto find = [this](const std::string& word, int64_t& id) {
    const auto found = vocabulary_.find(word);
    if (found != vocabulary_.end()) id = found->second;
    return found != vocabulary_.end();
  };
  for (const auto& [word, id] :
       {std::pair(unknown_token_, &unknown_), std::pair(std::string("[CLS]"), &first_),
        std::pair(std::string("[SEP]"), &last_)}) {
    if (!find(word, *id)) return Bad(absl::StrCat("has no word ", word));
  }
  find("[PAD]", padding_);
  return absl::OkStatus();
}

void BertTokenizer::AddLetter(char32_t character, ByteSpan place, std::vector<Letter>& word) const {
  const auto add = [&](char32_t c) {
    if (lower_) c = static_cast<char32_t>(u_tolower(static_cast<UChar32>(c)));
    word.push_back({c, place});
  };
  if (!strip_accents_) return add(character);
  UErrorCode error = U_ZERO_ERROR;
  const UNormalizer2* const nfd = unorm2_getNFDInstance(&error);
  UChar parts[32];
  const int32_t size =
      U_SUCCESS(error)
          ? unorm2_getDecomposition(nfd, static_cast<UChar32>(character), parts, 32, &error)
          : -1;
  if (size < 0 || U_FAILURE(error)) {
    if (u_charType(static_cast<UChar32>(character)) != U_NON_SPACING_MARK) add(character);
    return;
  }
  for (int32_t i = 0; i < size;) {
    UChar32 c = 0;
    U16_NEXT(parts, i, size, c);
    if (u_charType(c) != U_NON_SPACING_MARK) add(static_cast<char32_t>(c));
  }
}

void BertTokenizer::EndWord(std::vector<Letter>& word, BertTokens& tokens) const {
  if (word.empty()) return;
  const size_t before = tokens.ids.size();
  const auto add = [&](int64_t id, size_t from, size_t to) {
    tokens.ids.push_back(id);
    tokens.spans.push_back({word[from].place.start, word[to - 1].place.end});
    tokens.begins_word.push_back(tokens.ids.size() == before + 1);
  };
  bool known = word.size() <= longest_word_;
  for (size_t from = 0; known && from < word.size();) {
    // The longest piece that there is.
    std::vector<size_t> ends;
    std::string text = from > 0 ? rest_ : "";
    for (size_t i = from; i < word.size(); ++i) {
      AppendChar(word[i].character, text);
      ends.push_back(text.size());
    }
    size_t length = ends.size();
    auto found = vocabulary_.end();
    for (; length > 0; --length) {
      found = vocabulary_.find(std::string_view(text).substr(0, ends[length - 1]));
      if (found != vocabulary_.end()) break;
    }
    known = length > 0;
    if (!known) break;
    add(found->second, from, from + length);
    from += length;
  }
  if (!known) {
    tokens.ids.resize(before);
    tokens.spans.resize(before);
    tokens.begins_word.resize(before);
    add(unknown_, 0, word.size());
  }
  word.clear();
}

BertTokens BertTokenizer::Encode(std::string_view text) const {
  BertTokens tokens;
  const auto mark = [&](int64_t id, size_t at) {
    tokens.ids.push_back(id);
    tokens.spans.push_back({at, at});
    tokens.begins_word.push_back(false);
  };
  mark(first_, 0);
  std::vector<Letter> word;
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    const char32_t c = DecodeChar(text, at);
    if (IsWhite(c)) {
      EndWord(word, tokens);
    } else if (clean_ && IsControl(c)) {
      continue;
    } else if (IsMark(c) || (space_ideographs_ && IsIdeograph(c))) {
      EndWord(word, tokens);
      AddLetter(c, {start, at}, word);
      EndWord(word, tokens);
    } else {
      AddLetter(c, {start, at}, word);
    }
  }
  EndWord(word, tokens);
  mark(last_, text.size());
  return tokens;
}

}  // namespace intelligenced
