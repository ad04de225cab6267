#include "runtime/engines/onnx/encoders/encoder.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/embedding_prefix.h"
#include "runtime/base/file.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "runtime/engines/onnx/encoders/encoder_network.h"
#include "runtime/engines/onnx/encoders/label_spans.h"
#include "runtime/engines/onnx/tokenizers/bert_tokenizer.h"

namespace intelligenced {
namespace {

using Json = nlohmann::json;
using engine_proto::Event;
using engine_proto::Task;

constexpr uint64_t kMaxFileBytes = uint64_t{128} << 20;
constexpr int kMaxTexts = 4096;
constexpr size_t kMaxRows = 32;
constexpr size_t kMaxLabels = 100'000;
// Text that one unit makes tokens of.
constexpr size_t kTokenizedBytes = 64 * 1024;
constexpr size_t kDefaultContext = 512;
// Padded tokens of a run until it is known how long they take.
constexpr size_t kFirstTokens = 256, kLeastTokens = 64, kMostTokens = 8192;
constexpr uint32_t kMaxBatch = 8;

absl::Status Failed(std::string_view what) { return MakeError(Reason::kModelLoadFailed, what); }

absl::StatusOr<std::string> ReadRole(const TextFamilyParts& parts, std::string_view role) {
  const auto path = parts.paths.find(role);
  if (path == parts.paths.end()) return std::string();
  return ReadFile(path->second, kMaxFileBytes);
}

// What the configuration says, as far as it is needed.
struct EncoderConfig {
  size_t context_tokens = kDefaultContext;
  std::vector<std::string> labels;
  bool each_for_itself = false;
  std::string name;
};

absl::StatusOr<EncoderConfig> ReadConfig(const TextFamilyParts& parts, bool needs_labels) {
  EncoderConfig config;
  const absl::StatusOr<std::string> text = ReadRole(parts, "config");
  if (!text.ok()) return text.status();
  const Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    if (!text->empty() || needs_labels) {
      return Failed("The model's config.json is missing, or no JSON: what do its answers mean?");
    }
    return config;
  }
  if (const auto tokens = json.find("max_position_embeddings");
      tokens != json.end() && tokens->is_number_unsigned()) {
    config.context_tokens = std::clamp<size_t>(tokens->get<size_t>(), 2, 1 << 20);
  }
  if (const auto name = json.find("_name_or_path"); name != json.end() && name->is_string()) {
    config.name = name->get<std::string>();
  }
  const auto problem = json.find("problem_type");
  config.each_for_itself = problem != json.end() && *problem == "multi_label_classification";
  if (!needs_labels) return config;
  const auto labels = json.find("id2label");
  if (labels == json.end() || !labels->is_object() || labels->empty() ||
      labels->size() > kMaxLabels) {
    return Failed("The model's config.json has no id2label: nobody knows what its classes are.");
  }
  config.labels.resize(labels->size());
  for (const auto& [id, label] : labels->items()) {
    size_t place = 0;
    if (!absl::SimpleAtoi(id, &place) || place >= config.labels.size() || !label.is_string()) {
      return Failed("The id2label of the model's config.json does not count from 0.");
    }
    config.labels[place] = label.get<std::string>();
  }
  return config;
}

std::vector<double> Softmax(absl::Span<const float> scores) {
  const double most = *std::max_element(scores.begin(), scores.end());
  std::vector<double> shares;
  double sum = 0;
  for (const float score : scores) sum += shares.emplace_back(std::exp(score - most));
  for (double& share : shares) share /= sum;
  return shares;
}

// A text on its way.
struct Prepared {
  int index = 0;
  BertTokens tokens;
};

// What the kinds of encoders differ in. Outlives the jobs.
struct Kind {
  Task::KindCase task;
  // Adds the answer for a row of the network's output.
  std::function<absl::Status(const Task& task, const Prepared& text, const Tensor& output,
                             size_t row, Event* event)>
      answer;
  // What stands before a text.
  std::function<std::string(const Task& task)> prefix;
};

struct Encoder {
  EncoderNetwork network;
  BertTokenizer tokenizer;
  EncoderConfig config;
  Kind kind;
  const Clock* clock;
  size_t batch_tokens = kFirstTokens;
};

const google::protobuf::RepeatedPtrField<std::string>& TextsOf(const Task& task) {
  if (task.has_embed_text()) return task.embed_text().texts();
  if (task.has_classify_text()) return task.classify_text().texts();
  return task.find_entities().texts();
}

// First the texts become tokens; then they are computed, those of like length side by side.
class EncoderJob final : public OnnxJob {
 public:
  EncoderJob(Encoder* encoder, Task task, CancelToken cancel)
      : OnnxJob(std::move(cancel)), encoder_(encoder), task_(std::move(task)) {}

 private:
  absl::Status Advance(JobOutput& output) override {
    if (next_text_ < TextsOf(task_).size()) return Tokenize();
    if (next_ < prepared_.size()) {
      if (absl::Status status = RunSome(output); !status.ok()) return status;
    }
    if (next_ < prepared_.size()) return absl::OkStatus();
    Complete(output);
    output.events.back().mutable_completed()->set_input_tokens(input_tokens_);
    return absl::OkStatus();
  }

  absl::Status Tokenize() {
    size_t bytes = 0;
    const auto& texts = TextsOf(task_);
    for (; next_text_ < texts.size() && bytes < kTokenizedBytes; ++next_text_) {
      const std::string& text = texts.Get(next_text_);
      bytes += text.size();
      const std::string prefix = encoder_->kind.prefix ? encoder_->kind.prefix(task_) : "";
      Prepared one = {next_text_,
                      encoder_->tokenizer.Encode(prefix.empty() ? text : prefix + text)};
      const size_t tokens = one.tokens.ids.size();
      if (tokens > encoder_->config.context_tokens) {
        ErrorFacts facts;
        facts.metadata = {{"input_tokens", absl::StrCat(tokens)},
                          {"context_tokens", absl::StrCat(encoder_->config.context_tokens)}};
        facts.field = absl::StrCat("texts[", next_text_, "]");
        return MakeError(
            Reason::kContextWindowExceeded,
            absl::StrCat("The text has ", tokens, " tokens; the model takes ",
                         encoder_->config.context_tokens, ". Cut it into parts (SegmentText)."),
            std::move(facts));
      }
      input_tokens_ += static_cast<uint32_t>(tokens);
      prepared_.push_back(std::move(one));
    }
    if (next_text_ == texts.size()) {
      std::stable_sort(prepared_.begin(), prepared_.end(),
                       [](const Prepared& a, const Prepared& b) {
                         return a.tokens.ids.size() < b.tokens.ids.size();
                       });
    }
    return absl::OkStatus();
  }

  absl::Status RunSome(JobOutput& output) {
    std::vector<const std::vector<int64_t>*> rows;
    while (next_ + rows.size() < prepared_.size() && rows.size() < kMaxRows) {
      const std::vector<int64_t>& ids = prepared_[next_ + rows.size()].tokens.ids;
      if (!rows.empty() && ids.size() * (rows.size() + 1) > encoder_->batch_tokens) break;
      rows.push_back(&ids);
    }
    const absl::Time begin = encoder_->clock->Now();
    const absl::StatusOr<Tensor> answers =
        encoder_->network.Run(rows, encoder_->tokenizer.padding(), cancel());
    if (!answers.ok()) return answers.status();
    Learn(rows.size() * rows.back()->size(), encoder_->clock->Now() - begin);
    for (size_t i = 0; i < rows.size(); ++i) {
      output.work += static_cast<double>(rows[i]->size());
      Event event;
      absl::Status status = encoder_->kind.answer(task_, prepared_[next_ + i], *answers, i, &event);
      if (!status.ok()) return status;
      output.events.push_back(std::move(event));
    }
    next_ += rows.size();
    return absl::OkStatus();
  }

  // So that the next run takes about a unit.
  void Learn(size_t tokens, absl::Duration took) {
    const double each = absl::ToDoubleSeconds(took) / static_cast<double>(tokens);
    if (each <= 0) return;
    const double fits = absl::ToDoubleSeconds(StepOptions::kUnit) / each;
    const double next = (static_cast<double>(encoder_->batch_tokens) + fits) / 2;
    encoder_->batch_tokens = static_cast<size_t>(
        std::clamp(next, double{kLeastTokens}, static_cast<double>(kMostTokens)));
  }

  Encoder* const encoder_;
  const Task task_;
  int next_text_ = 0;
  std::vector<Prepared> prepared_;
  size_t next_ = 0;
  uint32_t input_tokens_ = 0;
};

class EncoderFamily final : public TextFamily {
 public:
  EncoderFamily(Encoder encoder, engine_proto::TaskKind kind, uint32_t dimensions)
      : encoder_(std::move(encoder)), kind_(kind), dimensions_(dimensions) {}

  void Describe(engine_proto::ModelInfo* info) const override {
    info->set_max_batch(kMaxBatch);
    info->add_task_kinds(kind_);
    info->set_context_tokens(static_cast<uint32_t>(encoder_.config.context_tokens));
    info->set_embedding_dimensions(dimensions_);
  }

  bool Serves(Task::KindCase kind) const override { return kind == encoder_.kind.task; }

  absl::StatusOr<std::unique_ptr<OnnxJob>> Start(const Task& task, CancelToken cancel) override {
    const auto& texts = TextsOf(task);
    if (texts.size() > kMaxTexts) {
      return FieldError("texts",
                        absl::StrCat("has ", texts.size(), " texts; the most is ", kMaxTexts, "."));
    }
    for (int i = 0; i < texts.size(); ++i) {
      if (IsValidUtf8(texts.Get(i))) continue;
      return FieldError(absl::StrCat("texts[", i, "]"), "The text is not UTF-8.");
    }
    if (task.has_embed_text() && task.embed_text().dimensions() > dimensions_) {
      return FieldError("dimensions",
                        absl::StrCat("The model's vectors have ", dimensions_, " values."));
    }
    return std::make_unique<EncoderJob>(&encoder_, task, std::move(cancel));
  }

 private:
  Encoder encoder_;
  const engine_proto::TaskKind kind_;
  const uint32_t dimensions_;
};

struct Loaded {
  Encoder encoder;
  // The extent of the output's last dimension; 0: the network leaves it open.
  size_t width = 0;
};

absl::StatusOr<Loaded> Load(const TextFamilyParts& parts,
                            absl::Span<const std::string_view> outputs, size_t dimensions,
                            bool needs_labels) {
  const auto session = parts.sessions.find("model");
  if (session == parts.sessions.end()) return Failed("The model has no file with the role model.");
  const absl::StatusOr<std::string> vocabulary = ReadRole(parts, "tokenizer");
  if (!vocabulary.ok()) return vocabulary.status();
  if (vocabulary->empty()) {
    return Failed("The model has no tokenizer.json or vocab.txt: nobody can read its tokens.");
  }
  const absl::StatusOr<std::string> tokenizer_config = ReadRole(parts, "tokenizer-config");
  if (!tokenizer_config.ok()) return tokenizer_config.status();
  absl::StatusOr<BertTokenizer> tokenizer = BertTokenizer::Parse(*vocabulary, *tokenizer_config);
  if (!tokenizer.ok()) return tokenizer.status();
  absl::StatusOr<EncoderConfig> config = ReadConfig(parts, needs_labels);
  if (!config.ok()) return config.status();
  absl::StatusOr<EncoderNetwork> network =
      EncoderNetwork::Make(session->second, outputs, dimensions);
  if (!network.ok()) return network.status();
  // One empty text: shows whether the network computes, and how wide its answers are.
  const std::vector<int64_t> ids = tokenizer->Encode("").ids;
  const std::vector<int64_t>* const rows[] = {&ids};
  const absl::StatusOr<Tensor> answer = network->Run(rows, tokenizer->padding(), parts.cancel);
  if (!answer.ok()) return answer.status();
  const auto width = static_cast<size_t>(answer->shape.back());
  if (width == 0 || (dimensions != 0 && answer->shape.size() != dimensions)) {
    return Failed(absl::StrCat("The network answers ", ShapeText(answer->shape),
                               " numbers, which is no answer of this kind."));
  }
  if (needs_labels && config->labels.size() != width) {
    return Failed(absl::StrCat("The network knows ", width, " classes, and its config.json names ",
                               config->labels.size(), "."));
  }
  return Loaded{.encoder = {.network = *std::move(network),
                            .tokenizer = *std::move(tokenizer),
                            .config = *std::move(config),
                            .kind = {},
                            .clock = parts.clock},
                .width = width};
}

absl::Status NoNumbers() {
  return MakeError(Reason::kEngineFailure, "The network computes no numbers for a text.");
}

absl::Status Embed(const Task& task, const Prepared& text, const Tensor& output, size_t row,
                   bool first_token, Event* event) {
  const auto width = static_cast<size_t>(output.shape.back());
  std::vector<double> sum(width, 0);
  if (output.shape.size() == 2) {
    for (size_t j = 0; j < width; ++j) sum[j] = output.values[row * width + j];
  } else {
    const auto length = static_cast<size_t>(output.shape[1]);
    const size_t tokens = first_token ? 1 : text.tokens.ids.size();
    for (size_t i = 0; i < tokens; ++i) {
      const float* values = output.values.data() + (row * length + i) * width;
      for (size_t j = 0; j < width; ++j) sum[j] += values[j];
    }
  }
  const uint32_t asked = task.embed_text().dimensions();
  if (asked > 0) sum.resize(asked);
  double square = 0;
  for (const double value : sum) square += value * value;
  if (!std::isfinite(square) || square <= 0) return NoNumbers();
  engine_proto::EmbeddingResult& result = *event->mutable_embedding();
  result.set_index(static_cast<uint32_t>(text.index));
  result.set_input_tokens(static_cast<uint32_t>(text.tokens.ids.size()));
  for (const double value : sum) result.add_values(static_cast<float>(value / std::sqrt(square)));
  return absl::OkStatus();
}

absl::Status Classify(const Prepared& text, const Tensor& output, size_t row,
                      const EncoderConfig& config, Event* event) {
  const size_t width = config.labels.size();
  const absl::Span<const float> scores(output.values.data() + row * width, width);
  std::vector<double> shares = Softmax(scores);
  if (config.each_for_itself || width == 1) {
    for (size_t i = 0; i < width; ++i) shares[i] = 1 / (1 + std::exp(-double{scores[i]}));
  }
  std::vector<size_t> order(width);
  for (size_t i = 0; i < width; ++i) {
    if (!std::isfinite(shares[i])) return NoNumbers();
    order[i] = i;
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return shares[a] > shares[b]; });
  engine_proto::TextClasses& result = *event->mutable_classes();
  result.set_index(static_cast<uint32_t>(text.index));
  for (const size_t i : order) {
    engine_proto::TextClass& one = *result.add_classes();
    one.set_label(config.labels[i]);
    one.set_confidence(static_cast<float>(shares[i]));
  }
  return absl::OkStatus();
}

absl::Status FindNames(const Prepared& text, const Tensor& output, size_t row,
                       const EncoderConfig& config, Event* event) {
  const size_t width = config.labels.size();
  const auto length = static_cast<size_t>(output.shape[1]);
  std::vector<LabelledWord> words;
  for (size_t i = 0; i < text.tokens.ids.size(); ++i) {
    if (text.tokens.spans[i].empty()) continue;
    if (!text.tokens.begins_word[i]) {
      if (!words.empty()) words.back().span.end = text.tokens.spans[i].end;
      continue;
    }
    const std::vector<double> shares =
        Softmax({output.values.data() + (row * length + i) * width, width});
    const auto best =
        static_cast<size_t>(std::max_element(shares.begin(), shares.end()) - shares.begin());
    if (!std::isfinite(shares[best])) return NoNumbers();
    words.push_back({text.tokens.spans[i], config.labels[best], shares[best]});
  }
  engine_proto::TextEntities& result = *event->mutable_entities();
  result.set_index(static_cast<uint32_t>(text.index));
  for (const LabelledSpan& span : MergeLabels(words)) {
    engine_proto::TextEntity& entity = *result.add_entities();
    entity.set_start(static_cast<uint32_t>(span.span.start));
    entity.set_end(static_cast<uint32_t>(span.span.end));
    entity.set_label(span.label);
    entity.set_confidence(static_cast<float>(span.confidence));
  }
  return absl::OkStatus();
}

std::string ParameterOf(const TextFamilyParts& parts, std::string_view name,
                        std::string otherwise) {
  const auto found = parts.parameters.find(name);
  return found == parts.parameters.end() ? std::move(otherwise) : found->second;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TextFamily>> MakeSentenceEncoder(TextFamilyParts parts) {
  const std::string pooling = ParameterOf(parts, "pooling", "mean");
  if (pooling != "mean" && pooling != "cls") {
    return FieldError("parameters.pooling", "The model parameter pooling is mean or cls.");
  }
  absl::StatusOr<Loaded> loaded =
      Load(parts, {"sentence_embedding", "last_hidden_state", "token_embeddings"}, 0, false);
  if (!loaded.ok()) return loaded.status();
  Encoder& encoder = loaded->encoder;
  EmbeddingPrefixes prefixes = FindEmbeddingPrefixes(encoder.config.name);
  prefixes.query = ParameterOf(parts, "query_prefix", prefixes.query);
  prefixes.document = ParameterOf(parts, "document_prefix", prefixes.document);
  prefixes.similarity = ParameterOf(parts, "similarity_prefix", prefixes.similarity);
  encoder.kind.task = Task::kEmbedText;
  encoder.kind.prefix = [prefixes](const Task& task) {
    switch (task.embed_text().purpose()) {
      case engine_proto::EMBEDDING_PURPOSE_QUERY:
        return prefixes.query;
      case engine_proto::EMBEDDING_PURPOSE_DOCUMENT:
        return prefixes.document;
      default:
        return prefixes.similarity;
    }
  };
  encoder.kind.answer = [first = pooling == "cls"](const Task& task, const Prepared& text,
                                                   const Tensor& output, size_t row, Event* event) {
    return Embed(task, text, output, row, first, event);
  };
  return std::make_unique<EncoderFamily>(std::move(encoder), engine_proto::TASK_KIND_EMBED_TEXT,
                                         static_cast<uint32_t>(loaded->width));
}

absl::StatusOr<std::unique_ptr<TextFamily>> MakeTextClassifier(TextFamilyParts parts) {
  absl::StatusOr<Loaded> loaded = Load(parts, {"logits"}, 2, true);
  if (!loaded.ok()) return loaded.status();
  Encoder& encoder = loaded->encoder;
  encoder.kind.task = Task::kClassifyText;
  encoder.kind.answer = [config = encoder.config](const Task&, const Prepared& text,
                                                  const Tensor& output, size_t row, Event* event) {
    return Classify(text, output, row, config, event);
  };
  return std::make_unique<EncoderFamily>(std::move(encoder), engine_proto::TASK_KIND_CLASSIFY_TEXT,
                                         0);
}

absl::StatusOr<std::unique_ptr<TextFamily>> MakeTokenClassifier(TextFamilyParts parts) {
  absl::StatusOr<Loaded> loaded = Load(parts, {"logits"}, 3, true);
  if (!loaded.ok()) return loaded.status();
  Encoder& encoder = loaded->encoder;
  encoder.kind.task = Task::kFindEntities;
  encoder.kind.answer = [config = encoder.config](const Task&, const Prepared& text,
                                                  const Tensor& output, size_t row, Event* event) {
    return FindNames(text, output, row, config, event);
  };
  return std::make_unique<EncoderFamily>(std::move(encoder), engine_proto::TASK_KIND_FIND_ENTITIES,
                                         0);
}

}  // namespace intelligenced
