// Encoders of text: networks made by hand whose answers can be told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/encoders/label_spans.h"
#include "runtime/engines/onnx/onnx_engine.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/engines/onnx/networks.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Row = std::vector<float>;

constexpr int kInt64 = 7;
constexpr char kWords[] =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\nada\n##lie\nlives\nin\nnew\nyork\ngood\nbad\n";
// What stands for padding must not be seen.
const std::vector<Row> kTable = {{90, -70, 50}, {0.5, 0.5, 0.5}, {1, 0, 0},  {0, 1, 0},
                                 {3, 0, 1},     {0, 4, 0},       {0, 0, 5},  {1, 1, 0},
                                 {0, 1, 1},     {1, 0, 1},       {-1, 2, 0}, {2, -1, 0}};

std::string FloatWeight(std::string_view name, const std::vector<Row>& rows) {
  std::string raw;
  for (const Row& row : rows) {
    raw.append(reinterpret_cast<const char*>(row.data()), row.size() * sizeof(float));
  }
  return OnnxNumber(1, rows.size()) + OnnxNumber(1, rows[0].size()) + OnnxNumber(2, 1) +
         OnnxBytes(8, name) + OnnxBytes(9, raw);
}

// Of a batch of texts, each of so many tokens; with a width, of values.
std::string Port(std::string_view name, int type, int64_t width, bool tokens = true) {
  std::string dimensions = OnnxBytes(1, OnnxBytes(2, "batch"));
  if (tokens) dimensions += OnnxBytes(1, OnnxBytes(2, "sequence"));
  if (width > 0) dimensions += OnnxBytes(1, OnnxNumber(1, static_cast<uint64_t>(width)));
  const std::string tensor = OnnxNumber(1, static_cast<uint64_t>(type)) + OnnxBytes(2, dimensions);
  return OnnxBytes(1, name) + OnnxBytes(2, OnnxBytes(1, tensor));
}

// Each token's row of the table; summed over the tokens when `sums`.
std::string NetworkBytes(const std::vector<Row>& table, const std::string& output, bool sums,
                         bool types = true) {
  OnnxParts parts;
  const auto width = static_cast<int64_t>(table[0].size());
  parts.weights = {FloatWeight("table", table)};
  parts.nodes = {OnnxNode("Gather", {"table", "input_ids"}, {sums ? "rows" : output})};
  parts.inputs = {Port("input_ids", kInt64, 0), Port("attention_mask", kInt64, 0)};
  if (types) parts.inputs.push_back(Port("token_type_ids", kInt64, 0));
  if (sums) {
    parts.weights.push_back(OnnxShapeWeight("axes", {1}));
    const std::string keep =
        OnnxBytes(5, OnnxBytes(1, "keepdims") + OnnxNumber(3, 0) + OnnxNumber(20, 2));
    parts.nodes.push_back(OnnxNode("ReduceSum", {"rows", "axes"}, {output}, "", keep));
    parts.outputs = {Port(output, 1, width, /*tokens=*/false)};
  } else {
    parts.outputs = {Port(output, 1, width)};
  }
  return OnnxModelBytes(parts);
}

class EncodersTest : public testing::Test {
 protected:
  absl::Status Load(const std::string& family, const std::string& network,
                    const std::string& config, const std::string& words = kWords,
                    const std::map<std::string, std::string>& parameters = {}) {
    engine_proto::ModelSpec spec;
    spec.set_engine("onnx");
    spec.set_family(family);
    spec.set_threads(1);
    for (const auto& [role, name, content] :
         {std::tuple("model", "model.onnx", network), std::tuple("tokenizer", "vocab.txt", words),
          std::tuple("config", "config.json", config)}) {
      if (content.empty()) continue;
      const std::string path = folder_ + "/" + name;
      std::ofstream(path, std::ios::binary) << content;
      engine_proto::ModelFile& file = *spec.add_files();
      file.set_role(role);
      file.set_path(path);
    }
    for (const auto& [name, value] : parameters) (*spec.mutable_parameters())[name] = value;
    auto model = engine_->Load(spec, {});
    model_ = model.ok() ? *std::move(model) : nullptr;
    return model.status();
  }

  // Events by their texts, and the status.
  std::map<uint32_t, engine_proto::Event> Run(const engine_proto::Task& task) {
    std::map<uint32_t, engine_proto::Event> events;
    auto job = model_->Start(task, {});
    status_ = job.status();
    if (!job.ok()) return events;
    Job* const jobs[] = {job->get()};
    for (bool done = false; !done;) {
      auto outputs = model_->Step(jobs, {.budget = absl::ZeroDuration()});
      EXPECT_TRUE(outputs.ok());
      if (!outputs.ok()) return events;
      done = outputs->front().done;
      status_ = outputs->front().status;
      for (const engine_proto::Event& event : outputs->front().events) {
        uint32_t index =
            event.embedding().index() + event.classes().index() + event.entities().index();
        if (event.has_completed()) index = UINT32_MAX;
        EXPECT_FALSE(events.contains(index));
        events[index] = event;
      }
    }
    return events;
  }

  static engine_proto::Task Embed(const std::vector<std::string>& texts) {
    engine_proto::Task task;
    task.mutable_embed_text()->mutable_texts()->Add(texts.begin(), texts.end());
    return task;
  }
  static Row Values(const engine_proto::Event& event) {
    return {event.embedding().values().begin(), event.embedding().values().end()};
  }
  static Row MeanOf(const std::vector<int>& tokens) {
    Row sum(3, 0);
    for (const int token : tokens) {
      for (size_t i = 0; i < 3; ++i) sum[i] += kTable[static_cast<size_t>(token)][i];
    }
    const float length = std::sqrt(sum[0] * sum[0] + sum[1] * sum[1] + sum[2] * sum[2]);
    for (float& value : sum) value /= length;
    return sum;
  }
  static testing::Matcher<Row> Near(const Row& row) {
    return testing::Pointwise(testing::FloatNear(1e-5F), row);
  }

  const std::unique_ptr<Engine> engine_ = MakeOnnxEngine();
  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
  std::unique_ptr<Model> model_;
  absl::Status status_;
};

TEST_F(EncodersTest, VectorsAreTheMeanUnderTheMask) {
  const absl::Status status =
      Load("sentence-encoder", NetworkBytes(kTable, "last_hidden_state", false), "{}");
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(model_->info().embedding_dimensions(), 3U);
  EXPECT_EQ(model_->info().context_tokens(), 512U);
  auto events = Run(Embed({"Ada lives in New York", "Adalie", "good"}));
  ASSERT_TRUE(status_.ok()) << status_;
  ASSERT_EQ(events.size(), 4U);
  EXPECT_THAT(Values(events[0]), Near(MeanOf({2, 4, 6, 7, 8, 9, 3})));
  EXPECT_THAT(Values(events[1]), Near(MeanOf({2, 4, 5, 3})));
  EXPECT_THAT(Values(events[2]), Near(MeanOf({2, 10, 3})));
  EXPECT_EQ(events[1].embedding().input_tokens(), 4U);
  EXPECT_EQ(events[UINT32_MAX].completed().input_tokens(), 14U);
}

TEST_F(EncodersTest, ManyTextsAndFewerDimensions) {
  ASSERT_TRUE(
      Load("sentence-encoder", NetworkBytes(kTable, "token_embeddings", false, false), "{}").ok());
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i) texts.push_back(i % 3 == 0 ? "good" : "bad york new ada");
  engine_proto::Task task = Embed(texts);
  task.mutable_embed_text()->set_dimensions(2);
  auto events = Run(task);
  ASSERT_EQ(events.size(), 301U);
  EXPECT_EQ(Values(events[0]).size(), 2U);
  EXPECT_THAT(Values(events[0]), Near({0, 1}));
  EXPECT_EQ(Values(events[1]), Values(events[298]));
  task.mutable_embed_text()->set_dimensions(4);
  Run(task);
  EXPECT_EQ(FactsOf(status_).field, "dimensions");
}

TEST_F(EncodersTest, FirstTokenAndPrefixesAsTheManifestSays) {
  ASSERT_TRUE(Load("sentence-encoder", NetworkBytes(kTable, "last_hidden_state", false), "{}",
                   kWords, {{"pooling", "cls"}})
                  .ok());
  EXPECT_THAT(Values(Run(Embed({"good york"}))[0]), Near({1, 0, 0}));
  ASSERT_TRUE(Load("sentence-encoder", NetworkBytes(kTable, "last_hidden_state", false), "{}",
                   kWords, {{"query_prefix", "in "}})
                  .ok());
  engine_proto::Task query = Embed({"york"});
  query.mutable_embed_text()->set_purpose(engine_proto::EMBEDDING_PURPOSE_QUERY);
  EXPECT_THAT(Values(Run(query)[0]), Near(MeanOf({2, 7, 9, 3})));
  EXPECT_THAT(Values(Run(Embed({"york"}))[0]), Near(MeanOf({2, 9, 3})));
}

TEST_F(EncodersTest, ClassesAreThoseOfTheConfiguration) {
  std::vector<Row> table = kTable;
  table[0] = {0, 0, 0};
  const std::string labels = R"("id2label": {"0": "NEGATIVE", "1": "POSITIVE", "2": "NEUTRAL"})";
  const absl::Status status =
      Load("text-classifier", NetworkBytes(table, "logits", true), "{" + labels + "}");
  ASSERT_TRUE(status.ok()) << status;
  engine_proto::Task task;
  task.mutable_classify_text()->add_texts("good");
  task.mutable_classify_text()->add_texts("bad bad in");
  auto events = Run(task);
  ASSERT_TRUE(status_.ok()) << status_;
  const engine_proto::TextClasses& good = events[0].classes();
  ASSERT_EQ(good.classes_size(), 3);
  EXPECT_EQ(good.classes(0).label(), "POSITIVE");
  // The sum of [CLS], good and [SEP] is (0, 3, 0).
  EXPECT_NEAR(good.classes(0).confidence(), std::exp(3) / (std::exp(3) + 2), 1e-5);
  EXPECT_EQ(events[1].classes().classes(0).label(), "NEGATIVE");
  ASSERT_TRUE(Load("text-classifier", NetworkBytes(table, "logits", true),
                   R"({"problem_type": "multi_label_classification", )" + labels + "}")
                  .ok());
  EXPECT_NEAR(Run(task)[0].classes().classes(0).confidence(), 1 / (1 + std::exp(-3)), 1e-5);
}

TEST_F(EncodersTest, NamesAreSpansOfTheText) {
  // Classes: O, B-PER, I-PER, B-LOC, I-LOC. By word: ada a person, new and york a place.
  std::vector<Row> table(12, Row{5, 0, 0, 0, 0});
  table[4] = {0, 6, 0, 0, 0};
  table[5] = {0, 0, 0, 0, 9};
  table[8] = {0, 0, 0, 6, 0};
  table[9] = {0, 0, 0, 0, 6};
  const absl::Status status =
      Load("token-classifier", NetworkBytes(table, "logits", false),
           R"({"id2label": {"0": "O", "1": "B-PER", "2": "I-PER", "3": "B-LOC", "4": "I-LOC"}})");
  ASSERT_TRUE(status.ok()) << status;
  engine_proto::Task task;
  task.mutable_find_entities()->add_texts("„Adalie“ lives in New York, good.");
  task.mutable_find_entities()->add_texts("good");
  auto events = Run(task);
  ASSERT_TRUE(status_.ok()) << status_;
  const engine_proto::TextEntities& found = events[0].entities();
  ASSERT_EQ(found.entities_size(), 2);
  const std::string& text = task.find_entities().texts(0);
  const auto part = [&](int i) {
    return text.substr(found.entities(i).start(),
                       found.entities(i).end() - found.entities(i).start());
  };
  EXPECT_EQ(part(0), "Adalie");
  EXPECT_EQ(found.entities(0).label(), "PER");
  EXPECT_EQ(part(1), "New York");
  EXPECT_EQ(found.entities(1).label(), "LOC");
  EXPECT_NEAR(found.entities(1).confidence(), std::exp(6) / (std::exp(6) + 4), 1e-4);
  EXPECT_EQ(events[1].entities().entities_size(), 0);
}

TEST_F(EncodersTest, WhatIsTooLongIsRefusedWithItsPlace) {
  ASSERT_TRUE(Load("sentence-encoder", NetworkBytes(kTable, "last_hidden_state", false),
                   R"({"max_position_embeddings": 6})")
                  .ok());
  Run(Embed({"good", "good good good good good"}));
  EXPECT_TRUE(HasReason(status_, Reason::kContextWindowExceeded)) << status_;
  EXPECT_EQ(FactsOf(status_).field, "texts[1]");
  EXPECT_EQ(FactsOf(status_).metadata.at("input_tokens"), "7");
  EXPECT_EQ(FactsOf(status_).metadata.at("context_tokens"), "6");
}

TEST_F(EncodersTest, FilesThatDoNotFitAreRefused) {
  const std::string network = NetworkBytes(kTable, "logits", true);
  const std::string labels = R"({"id2label": {"0": "A", "1": "B"}})";
  const auto message = [](const absl::Status& status) {
    EXPECT_TRUE(HasReason(status, Reason::kModelLoadFailed)) << status;
    return std::string(status.message());
  };
  EXPECT_THAT(message(Load("text-classifier", network, labels)), HasSubstr("3 classes"));
  EXPECT_THAT(message(Load("text-classifier", network, "{}")), HasSubstr("id2label"));
  EXPECT_THAT(message(Load("text-classifier", network, "no json")), HasSubstr("config.json"));
  EXPECT_THAT(message(Load("text-classifier", network, R"({"id2label": {"1": "A"}})")),
              HasSubstr("count from 0"));
  EXPECT_THAT(message(Load("sentence-encoder", network, "{}", R"({"model": {"type": "BPE"}})")),
              HasSubstr("BPE"));
  EXPECT_THAT(message(Load("sentence-encoder", UltralightBytes(), "{}")), HasSubstr("input_ids"));
  EXPECT_TRUE(HasReason(Load("sentence-encoder", network, "{}", kWords, {{"pooling", "max"}}),
                        Reason::kFieldInvalid));
}

TEST_F(EncodersTest, RefusesOtherTasksAndBadText) {
  ASSERT_TRUE(
      Load("sentence-encoder", NetworkBytes(kTable, "last_hidden_state", false), "{}").ok());
  engine_proto::Task task;
  task.mutable_classify_text()->add_texts("good");
  Run(task);
  EXPECT_TRUE(HasReason(status_, Reason::kFieldInvalid)) << status_;
  Run(Embed({"good", "b\xFF"}));
  EXPECT_EQ(FactsOf(status_).field, "texts[1]");
  EXPECT_EQ(Run(Embed({})).size(), 1U);
}

std::vector<std::string> Merged(const std::vector<std::string_view>& labels) {
  std::vector<LabelledWord> words;
  for (size_t i = 0; i < labels.size(); ++i) words.push_back({{i * 2, i * 2 + 1}, labels[i], 0.5});
  std::vector<std::string> out;
  for (const LabelledSpan& span : MergeLabels(words)) {
    out.push_back(span.label + " " + std::to_string(span.span.start) + "-" +
                  std::to_string(span.span.end));
  }
  return out;
}

TEST(LabelSpansTest, AllWaysToWriteThem) {
  EXPECT_THAT(Merged({"O", "B-X", "I-X", "B-X", "O", "I-Y", "I-X"}),
              ElementsAre("X 2-5", "X 6-7", "Y 10-11", "X 12-13"));
  EXPECT_THAT(Merged({"S-X", "S-X", "B-X", "E-X", "I-X"}),
              ElementsAre("X 0-1", "X 2-3", "X 4-7", "X 8-9"));
  EXPECT_THAT(Merged({"U-X", "B-Y", "L-Y"}), ElementsAre("X 0-1", "Y 2-5"));
  EXPECT_THAT(Merged({"PER", "PER", "O", "LOC"}), ElementsAre("PER 0-3", "LOC 6-7"));
  EXPECT_THAT(Merged({}), ElementsAre());
}

}  // namespace
}  // namespace intelligenced
