// The engine with the system's Apertium.
#include "runtime/engines/apertium/apertium_engine.h"

#include <signal.h>

#include <map>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"
#include "runtime/engine/translation_modes.h"
#include "tests/unit/engines/apertium/apertium_programs.h"

namespace intelligenced {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Sentences of no particular language pair: what is not known must come out right as well.
const std::vector<std::string>& Sentences(const std::string& language) {
  static const auto& all = *new std::map<std::string, std::vector<std::string>>{
      {"en",
       {"The train to the coast leaves at half past seven.", "I have not seen her since Monday",
        "Where did you put the keys, and why?", "My sister's new bicycle was stolen last night!",
        "It rained for three days; then the sun came out.", "Do not open the window (it is cold).",
        "They gave him 25% of the money [in cash].", "Send {name} the file ^now$ @ 10:30.",
        "A zorglub lives in Kirkwall.", "no", "", "   leading and trailing   ", "one\ntwo\n\nthree",
        "\"Yes,\" she said, \"we can.\"", "He is taller than his father's brothers were.",
        "C:\\path\\file <tag> a/b", "The children were playing in the garden of the old house.",
        "You should've told me that he's gone.", "Mr. Smith arrived. He was late. Nobody cared."}},
      {"es",
       {"El tren sale a las siete y media.", "No la he visto desde el lunes",
        "¿Dónde están las llaves?", "La bicicleta nueva de mi hermana fue robada anoche.",
        "Llovió tres días; luego salió el sol.", "Dámelo ahora mismo, por favor.",
        "Un zorglub vive en Kirkwall.", "", "no\n\nsí", "El 25 % del dinero [en efectivo].",
        "¡Qué frío hace aquí!", "Se lo dije ayer a los niños."}},
      {"ca",
       {"El tren surt a dos quarts de vuit.", "No l'he vista des de dilluns", "On són les claus?",
        "La bicicleta nova de la meva germana.", "L'home que viu a l'illa és vell.", "",
        "Un zorglub."}},
      {"fr",
       {"Le train part à sept heures et demie.", "Je ne l'ai pas vue depuis lundi",
        "Où sont les clés ?", "Le vélo neuf de ma sœur a été volé.", "L'arbre de l'île est vieux.",
        "", "Un zorglub."}},
      {"pt",
       {"O trem sai às sete e meia.", "Não a vejo desde segunda-feira", "Onde estão as chaves?",
        "A bicicleta nova da minha irmã foi roubada.", "Está a chover há três dias.", "",
        "Um zorglub."}}};
  static const auto& none = *new std::vector<std::string>();
  const auto found = all.find(language);
  return found == all.end() ? none : found->second;
}

class ApertiumEngineTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!HasMode("eng-spa")) GTEST_SKIP() << "Apertium is not installed";
    Load({{"x-measured.translate:en>es.bleu", "24.6"}});
  }
  void Load(const std::map<std::string, std::string>& parameters) {
    engine_proto::ModelSpec spec;
    engine_proto::ModelFile* file = spec.add_files();
    file->set_role("apertium-modes");
    file->set_path(kModesFolder);
    for (const auto& [key, value] : parameters) (*spec.mutable_parameters())[key] = value;
    auto model = engine_->Load(spec, {});
    ASSERT_TRUE(model.ok()) << model.status();
    model_ = *std::move(model);
  }

  static engine_proto::Task TaskFor(const std::vector<std::string>& texts, const std::string& from,
                                    const std::string& to) {
    engine_proto::Task task;
    task.mutable_translate()->set_source_language(from);
    task.mutable_translate()->set_target_language(to);
    for (const std::string& text : texts) task.mutable_translate()->add_segments()->set_text(text);
    return task;
  }
  // What comes out, by the segments' places; each must come once. `each_step` sees every step.
  std::map<uint32_t, engine_proto::TranslatedSegment> Run(
      const engine_proto::Task& task, const std::function<void()>& each_step = [] {}) {
    std::map<uint32_t, engine_proto::TranslatedSegment> segments;
    auto job = model_->Start(task, {});
    status_ = job.status();
    for (bool done = !job.ok(); !done;) {
      Job* const jobs[] = {job->get()};
      auto outputs = model_->Step(jobs, {});
      EXPECT_TRUE(outputs.ok()) << outputs.status();
      for (const engine_proto::Event& event : outputs->front().events) {
        if (!event.has_translated()) continue;
        EXPECT_TRUE(segments.try_emplace(event.translated().index(), event.translated()).second);
      }
      status_ = outputs->front().status;
      done = outputs->front().done;
      each_step();
    }
    return segments;
  }
  std::string Translate(const std::string& text, const std::string& from = "en",
                        const std::string& to = "es") {
    auto segments = Run(TaskFor({text}, from, to));
    EXPECT_TRUE(status_.ok()) << status_;
    return segments[0].text();
  }

  const std::unique_ptr<Engine> engine_ = MakeApertiumEngine();
  std::unique_ptr<Model> model_;
  absl::Status status_;
};

TEST_F(ApertiumEngineTest, EveryPairEqualsTheCommand) {
  for (const TranslationMode& mode : ListTranslationModes(kModesFolder)) {
    // Variants run the same rules.
    if (mode.name.find('_') != std::string::npos && mode.name != "es-pt_BR") continue;
    // Each start of the command takes a good part of a second: some sentences alone, then the page
    // as one text.
    const std::vector<std::string>& all = Sentences(mode.source);
    ASSERT_GT(all.size(), 3u) << "no sentences in " << mode.source;
    std::vector<std::string> sentences(all.begin(), all.begin() + 3);
    sentences.push_back(absl::StrJoin(all, "\n\n"));
    std::vector<std::string> expected;
    for (const std::string& sentence : sentences) {
      expected.push_back(OutputOfCommand(absl::StrCat("apertium -u ", mode.name), sentence));
    }
    auto segments = Run(TaskFor(sentences, mode.source, mode.target));
    EXPECT_TRUE(status_.ok()) << status_;
    for (size_t i = 0; i < sentences.size(); ++i) {
      EXPECT_EQ(segments[static_cast<uint32_t>(i)].text(), expected[i])
          << mode.name << ": " << sentences[i];
    }
  }
}

TEST_F(ApertiumEngineTest, UnknownWordsAreMarkedAsTheCommandDoes) {
  engine_proto::Task task = TaskFor(Sentences("en"), "en", "es");
  task.mutable_translate()->set_mark_unknown(true);
  auto segments = Run(task);
  for (size_t i = 0; i < Sentences("en").size(); ++i) {
    EXPECT_EQ(segments[static_cast<uint32_t>(i)].text(),
              OutputOfCommand("apertium eng-spa", Sentences("en")[i]));
  }
}

TEST_F(ApertiumEngineTest, UnknownWordsAreReported) {
  auto segments = Run(TaskFor({"The zorglub sees the garglub."}, "en", "es"));
  const std::string& text = segments[0].text();
  EXPECT_THAT(text, testing::Not(HasSubstr("*")));
  ASSERT_THAT(segments[0].untranslated(), SizeIs(2));
  const auto word = [&](int i) {
    const auto& span = segments[0].untranslated(i);
    return text.substr(span.start(), span.end() - span.start());
  };
  EXPECT_EQ(word(0), "zorglub");
  EXPECT_EQ(word(1), "garglub");
}

TEST_F(ApertiumEngineTest, ATextDoesNotChangeTheNext) {
  // Alone, then among others in another order.
  std::vector<std::string> sentences = Sentences("en");
  std::map<std::string, std::string> alone;
  for (const char* target : {"es", "ca"}) {
    for (const std::string& sentence : sentences)
      alone[sentence] = Translate(sentence, "en", target);
    std::vector<std::string> mixed;
    std::mt19937 random(1);
    for (int i = 0; i < 200; ++i) mixed.push_back(sentences[random() % sentences.size()]);
    auto segments = Run(TaskFor(mixed, "en", target));
    for (size_t i = 0; i < mixed.size(); ++i) {
      EXPECT_EQ(segments[static_cast<uint32_t>(i)].text(), alone[mixed[i]]) << target;
    }
  }
}

TEST_F(ApertiumEngineTest, KeptSpansStandByTheirWords) {
  engine_proto::Task task = TaskFor({"I see the <b>red</b> house of {name}."}, "en", "es");
  engine_proto::TranslateSegment& segment = *task.mutable_translate()->mutable_segments(0);
  for (const auto& [part, kind] : {std::pair("<b>", engine_proto::KEPT_KIND_MARKUP),
                                   std::pair("</b>", engine_proto::KEPT_KIND_MARKUP),
                                   std::pair("{name}", engine_proto::KEPT_KIND_WORD)}) {
    engine_proto::KeptSpan* span = segment.add_kept();
    span->set_start(static_cast<uint32_t>(segment.text().find(part)));
    span->set_end(static_cast<uint32_t>(span->start() + strlen(part)));
    span->set_kind(kind);
  }
  auto segments = Run(task);
  const std::string& text = segments[0].text();
  ASSERT_THAT(segments[0].kept(), SizeIs(3)) << text;
  EXPECT_THAT(text, HasSubstr("{name}"));
  EXPECT_THAT(text, HasSubstr("<b>"));
  for (int i = 0; i < 3; ++i) {
    const auto& now = segments[0].kept(i);
    const auto& then = segment.kept(i);
    EXPECT_EQ(text.substr(now.start(), now.end() - now.start()),
              segment.text().substr(then.start(), then.end() - then.start()));
  }
  EXPECT_THAT(segments[0].untranslated(), IsEmpty());
}

TEST_F(ApertiumEngineTest, AnyTextComesBackOnceAndValid) {
  std::mt19937 random(9);
  constexpr std::string_view kPieces[] = {"house",
                                          " ",
                                          "the ",
                                          "\n\n",
                                          "[",
                                          "]",
                                          "{",
                                          "}",
                                          "^",
                                          "$",
                                          "\\",
                                          "/",
                                          "@",
                                          "<",
                                          ">",
                                          "*",
                                          "~",
                                          "\xf0\x9f\x99\x82",
                                          "\xe2\x80\xae",
                                          "\xe2\x80\x8b",
                                          "\xd7\x90",
                                          "\xef\xbb\xbf",
                                          "'",
                                          "xq",
                                          ".",
                                          "de",
                                          "#",
                                          "+",
                                          "\x01",
                                          "-",
                                          "_",
                                          "1",
                                          "%"};
  std::vector<std::string> texts = {std::string(20'000, 'a'), std::string("a\0b\0", 4),
                                    std::string(3000, '['), std::string(3000, '\n')};
  while (texts.size() < 150) {
    std::string text;
    for (uint32_t i = random() % 30; i > 0; --i) text += kPieces[random() % std::size(kPieces)];
    texts.push_back(std::move(text));
  }
  auto segments = Run(TaskFor(texts, "en", "es"));
  EXPECT_TRUE(status_.ok()) << status_;
  EXPECT_THAT(segments, SizeIs(texts.size()));
  for (const auto& [index, segment] : segments) EXPECT_TRUE(IsValidUtf8(segment.text()));
}

TEST_F(ApertiumEngineTest, ALongTextIsCutAndComesBackWhole) {
  const std::string paragraph = "The old dog sleeps in the garden. I saw it {yesterday}.\n\n";
  const std::string expected = OutputOfCommand("apertium -u eng-spa", paragraph);
  std::string text, whole;
  engine_proto::Task task = TaskFor({""}, "en", "es");
  engine_proto::TranslateSegment& segment = *task.mutable_translate()->mutable_segments(0);
  for (int i = 0; i < 200; ++i) {
    engine_proto::KeptSpan* span = segment.add_kept();
    span->set_start(static_cast<uint32_t>(text.size() + paragraph.find('{')));
    span->set_end(static_cast<uint32_t>(text.size() + paragraph.find('}') + 1));
    span->set_kind(engine_proto::KEPT_KIND_WORD);
    text += paragraph;
  }
  segment.set_text(text);
  auto segments = Run(task);
  EXPECT_TRUE(status_.ok()) << status_;
  const std::string& got = segments[0].text();
  ASSERT_THAT(segments[0].kept(), SizeIs(200));
  for (const engine_proto::KeptSpan& span : segments[0].kept()) {
    EXPECT_EQ(got.substr(span.start(), span.end() - span.start()), "{yesterday}");
  }
  // The same paragraphs one after another.
  std::vector<std::string> paragraphs = absl::StrSplit(got, "\n\n");
  EXPECT_THAT(paragraphs, SizeIs(201));
  for (int i = 1; i < 200; ++i) EXPECT_EQ(paragraphs[i], paragraphs[0]);
}

TEST_F(ApertiumEngineTest, AWordOfManyKilobytesHoldsNobodyUp) {
  const std::string word(300'000, 'a');
  auto segments = Run(TaskFor({"The house. " + word + " The garden.", "The house."}, "en", "es"));
  EXPECT_TRUE(status_.ok()) << status_;
  EXPECT_THAT(segments[0].text(), HasSubstr(word));
  EXPECT_THAT(segments[0].text(), HasSubstr(Translate("The garden.")));
  ASSERT_THAT(segments[0].untranslated(), SizeIs(1));
  EXPECT_EQ(segments[0].untranslated(0).end() - segments[0].untranslated(0).start(), word.size());
  EXPECT_EQ(segments[1].text(), Translate("The house."));
}

TEST_F(ApertiumEngineTest, AKilledProgramCostsNoSegment) {
  std::vector<std::string> texts(600, "The old dog sleeps in the garden.");
  int step = 0;
  auto segments = Run(TaskFor(texts, "en", "es"), [&] {
    const std::vector<pid_t> children = Children();
    // Once: the segments that were in its pipeline are tried again, and only again.
    if (++step == 3 && !children.empty()) kill(children[children.size() / 3], SIGKILL);
  });
  EXPECT_TRUE(status_.ok()) << status_;
  EXPECT_THAT(segments, SizeIs(600));
  const std::string expected = OutputOfCommand("apertium -u eng-spa", texts[0]);
  for (const auto& [index, segment] : segments) EXPECT_EQ(segment.text(), expected);
  EXPECT_EQ(Translate("The dog sleeps."),
            OutputOfCommand("apertium -u eng-spa", "The dog sleeps."));
}

TEST_F(ApertiumEngineTest, AProgramThatHangsIsStartedAgain) {
  Load({{"hang_milliseconds", "1500"}});
  Translate("Good morning.");
  const std::vector<pid_t> children = Children();
  ASSERT_FALSE(children.empty());
  kill(children[children.size() / 2], SIGSTOP);
  EXPECT_EQ(Translate("The dog sleeps."),
            OutputOfCommand("apertium -u eng-spa", "The dog sleeps."));
}

TEST_F(ApertiumEngineTest, SaysWhatItTranslates) {
  EXPECT_FALSE(model_->info().translation().sentences());
  bool found = false;
  for (const auto& pair : model_->info().translation().pairs()) {
    found = found || (pair.source_language() == "en" && pair.target_language() == "es");
  }
  EXPECT_TRUE(found);
}

TEST_F(ApertiumEngineTest, BadTasksAreRefusedWithWords) {
  const auto refused = [&](engine_proto::Task task) { return model_->Start(task, {}).status(); };
  EXPECT_EQ(FactsOf(refused(TaskFor({}, "en", "es"))).field, "segments");
  EXPECT_EQ(FactsOf(refused(TaskFor({"a"}, "", "es"))).field, "source_language");
  EXPECT_EQ(FactsOf(refused(TaskFor({"a"}, "en", ""))).field, "target_language");
  EXPECT_EQ(FactsOf(refused(TaskFor(std::vector<std::string>(1025, "a"), "en", "es"))).field,
            "segments");
  const absl::Status nobody = refused(TaskFor({"a"}, "en", "xx-not-a-language"));
  EXPECT_TRUE(HasReason(nobody, Reason::kLanguageUnsupported)) << nobody;
  EXPECT_EQ(FactsOf(nobody).metadata.at("target"), "xx-not-a-language");
  for (const auto& [start, end] : std::vector<std::pair<uint32_t, uint32_t>>{
           {1, 1}, {2, 1}, {0, 9}, {0, 2}, {4'000'000'000, 4'000'000'001}}) {
    engine_proto::Task task = TaskFor({"a\xc3\xa9"}, "en", "es");
    engine_proto::KeptSpan* span = task.mutable_translate()->mutable_segments(0)->add_kept();
    span->set_start(start);
    span->set_end(end);
    EXPECT_EQ(FactsOf(refused(task)).field, "segments[0].kept[0]") << start << "-" << end;
  }
}

TEST(ApertiumLoadTest, WhatIsMissingIsSaid) {
  const std::unique_ptr<Engine> engine = MakeApertiumEngine();
  engine_proto::ModelSpec spec;
  EXPECT_TRUE(HasReason(engine->Load(spec, {}).status(), Reason::kModelLoadFailed));
  spec.add_files()->set_role("apertium-modes");
  spec.mutable_files(0)->set_path("/nonexistent");
  EXPECT_TRUE(HasReason(engine->Load(spec, {}).status(), Reason::kModelLoadFailed));
  for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{
           {"pipelines", "0"}, {"pipelines", "x"}, {"programs", "bin"}, {"colour", "red"}}) {
    engine_proto::ModelSpec wrong = spec;
    (*wrong.mutable_parameters())[key] = value;
    EXPECT_TRUE(HasReason(engine->Load(wrong, {}).status(), Reason::kModelLoadFailed)) << key;
  }
}

}  // namespace
}  // namespace intelligenced
