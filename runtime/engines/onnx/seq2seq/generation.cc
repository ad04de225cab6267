#include "runtime/engines/onnx/seq2seq/generation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMaxVocabulary = 4'000'000;
constexpr int kMaxPositions = 1 << 16;

absl::Status Corrupt(std::string_view what) {
  return MakeError(Reason::kModelCorrupt,
                   absl::StrCat("The model's configuration is not right: ", what, "."));
}

// Two objects, of which the first goes before the second.
class Values {
 public:
  Values(Json generation, Json config)
      : generation_(std::move(generation)), config_(std::move(config)) {}

  // Null where neither says anything.
  const Json* Find(const char* key) const {
    for (const Json* object : {&generation_, &config_}) {
      const auto found = object->find(key);
      if (found != object->end() && !found->is_null()) return &*found;
    }
    return nullptr;
  }

  // A whole number; a list of one is one (eos_token_id in newer files).
  std::optional<int64_t> Number(const char* key, int64_t least, int64_t most) {
    const Json* value = Find(key);
    if (value == nullptr) return std::nullopt;
    if (value->is_array() && value->size() == 1) value = &value->front();
    if (!value->is_number_integer() || value->get<int64_t>() < least ||
        value->get<int64_t>() > most) {
      Fail(absl::StrCat(key, " is no whole number from ", least, " to ", most));
      return std::nullopt;
    }
    return value->get<int64_t>();
  }

  void Fail(std::string_view what) {
    if (status_.ok()) status_ = Corrupt(what);
  }
  const absl::Status& status() const { return status_; }

 private:
  const Json generation_;
  const Json config_;
  absl::Status status_;
};

void ReadBanned(Values& values, std::vector<int64_t>& banned) {
  const Json* const lists = values.Find("bad_words_ids");
  if (lists == nullptr) return;
  for (const Json& list : *lists) {
    // Longer ones would need a look at what stands before; no published model of these has any.
    if (!list.is_array() || list.size() != 1 || !list.front().is_number_unsigned()) {
      return values.Fail("bad_words_ids holds more than single tokens");
    }
    banned.push_back(list.front().get<int64_t>());
  }
}

void ReadBeams(Values& values, SearchSettings& search) {
  search.beams = static_cast<int>(
      std::min<int64_t>(values.Number("num_beams", 1, 1000).value_or(1), kMaxBeams));
  if (const Json* penalty = values.Find("length_penalty")) {
    if (!penalty->is_number() || !(std::abs(penalty->get<double>()) <= 100)) {
      values.Fail("length_penalty is no number from -100 to 100");
    } else {
      search.length_penalty = penalty->get<double>();
    }
  }
  if (const Json* early = values.Find("early_stopping")) {
    if (early->is_boolean()) {
      search.early = early->get<bool>() ? EarlyStopping::kAtOnce : EarlyStopping::kHeuristic;
    } else if (*early == "never") {
      search.early = EarlyStopping::kNever;
    } else {
      values.Fail("early_stopping is neither true, false nor \"never\"");
    }
  }
  if (const Json* value = values.Find("renormalize_logits")) search.renormalize = *value == true;
}

}  // namespace

absl::StatusOr<Seq2SeqConfig> ParseSeq2SeqConfig(std::string_view config,
                                                 std::string_view generation) {
  Json main = Json::parse(config, nullptr, /*allow_exceptions=*/false);
  Json more = generation.empty() ? Json::object()
                                 : Json::parse(generation, nullptr, /*allow_exceptions=*/false);
  if (!main.is_object() || !more.is_object()) return Corrupt("it is no JSON object");
  Seq2SeqConfig result;
  if (main.contains("model_type") && main["model_type"].is_string()) {
    result.model_type = main["model_type"].get<std::string>();
  }
  if (result.model_type != "marian" && result.model_type != "m2m_100") {
    return MakeError(Reason::kModelLoadFailed,
                     absl::StrCat("Models of the kind \"", result.model_type,
                                  "\" are not translated with; those that are: marian (OPUS-MT), "
                                  "m2m_100 (M2M100 and NLLB)."));
  }
  Values values(std::move(more), std::move(main));
  const auto vocabulary = values.Number("vocab_size", 1, kMaxVocabulary);
  if (!vocabulary.has_value()) values.Fail("vocab_size is missing");
  result.vocabulary = vocabulary.value_or(1);
  const int64_t last = result.vocabulary - 1;
  result.max_positions =
      static_cast<int>(values.Number("max_position_embeddings", 2, kMaxPositions).value_or(0));
  result.heads = values.Number("decoder_attention_heads", 1, 1024).value_or(0);
  const int64_t width = values.Number("d_model", 1, 1 << 16).value_or(0);
  if (result.heads > 0) result.head_width = width / result.heads;

  SearchSettings& search = result.search;
  const auto end = values.Number("eos_token_id", 0, last);
  const auto padding = values.Number("pad_token_id", 0, last);
  if (!end.has_value()) values.Fail("eos_token_id is missing");
  if (!padding.has_value()) values.Fail("pad_token_id is missing");
  search.end = end.value_or(0);
  search.padding = padding.value_or(0);
  search.start = values.Number("decoder_start_token_id", 0, last).value_or(search.padding);
  search.forced_end = values.Number("forced_eos_token_id", 0, last);
  search.max_length = static_cast<int>(values.Number("max_length", 2, kMaxPositions).value_or(512));
  if (result.max_positions > 0) {
    search.max_length = std::min(search.max_length, result.max_positions);
  }
  ReadBanned(values, search.banned);
  for (const int64_t token : search.banned) {
    if (token > last) values.Fail("bad_words_ids holds a token that there is not");
  }
  ReadBeams(values, search);
  if (!values.status().ok()) return values.status();
  return result;
}

}  // namespace intelligenced
