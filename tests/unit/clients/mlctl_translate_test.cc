// mlctl translate, languages, detect and language against a server with scripted answers.
#include <algorithm>
#include <cctype>
#include <deque>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/support/status_codec.h"
#include "runtime/base/reasons.h"
#include "tests/unit/clients/fake_daemon.h"

namespace intelligenced::mlctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class TranslateCommandTest : public testing::Test {
 protected:
  TranslateCommandTest() {
    host_.environment = [](const char*) { return std::string(); };
    host_.read_input = [this] { return input_; };
    host_.read_line = [this]() -> absl::StatusOr<std::optional<std::string>> {
      if (lines_.empty()) return std::nullopt;
      std::string line = lines_.front();
      lines_.pop_front();
      return line;
    };
    host_.now = [] { return absl::FromUnixSeconds(1000); };
    ScriptTranslation();
  }

  int Mlctl(std::vector<std::string> arguments) {
    out_.str("");
    err_.str("");
    host_.out = &out_;
    host_.err = &err_;
    arguments.insert(arguments.begin(), {"--socket", daemon_.socket_path()});
    return mlctl::Run(host_, arguments);
  }

  std::string WriteFile(const std::string& name, const std::string& content) {
    const std::string path = daemon_.folder() + "/" + name;
    std::ofstream(path) << content;
    return path;
  }
  static std::string ReadBack(const std::string& path) {
    std::ostringstream content;
    content << std::ifstream(path).rdbuf();
    return content.str();
  }

  // Puts texts in capitals; "bad" fails in a batch.
  void ScriptTranslation() {
    daemon_.scripts.translate = [this](grpc::ServerContext*,
                                       const v1::TranslateTextRequest& request,
                                       grpc::ServerWriter<v1::TranslateTextResponse>* writer) {
      text_ = request;
      v1::TranslateTextResponse event;
      const std::string capitals = absl::AsciiStrToUpper(request.text());
      event.set_delta(capitals);
      writer->Write(event);
      v1::TranslateTextCompleted& completed = *event.mutable_completed();
      completed.mutable_translation()->set_text(capitals);
      completed.set_source_language("en");
      completed.set_pivot_language(request.target_language() == "pt" ? "es" : "");
      completed.add_steps()->set_model("models/rules");
      writer->Write(event);
      return grpc::Status::OK;
    };
    daemon_.scripts.translate_batch =
        [this](grpc::ServerReaderWriter<v1::TranslateBatchResponse, v1::TranslateBatchRequest>*
                   stream) {
          v1::TranslateBatchRequest request;
          v1::TranslateBatchResponse response;
          uint64_t index = 0;
          uint64_t failed = 0;
          while (stream->Read(&request)) {
            if (request.has_start()) {
              start_ = request.start();
              continue;
            }
            v1::TranslateBatchResult& result = *response.mutable_result();
            result.Clear();
            result.set_index(index++);
            result.set_client_identifier(request.item().client_identifier());
            if (request.item().text() == "bad") {
              ++failed;
              result.mutable_error()->set_reason("WORKER_LOST");
              result.mutable_error()->set_message("It was lost.");
            } else {
              result.mutable_translation()->set_text(absl::AsciiStrToUpper(request.item().text()));
            }
            stream->Write(response);
          }
          response.mutable_completed()->set_items(index);
          response.mutable_completed()->set_failed_items(failed);
          stream->Write(response);
          return grpc::Status::OK;
        };
  }

  FakeDaemon daemon_;
  Host host_;
  std::ostringstream out_;
  std::ostringstream err_;
  absl::StatusOr<std::string> input_ = "";
  std::deque<std::string> lines_;
  v1::TranslateTextRequest text_;
  v1::TranslateBatchStart start_;
};

TEST_F(TranslateCommandTest, APipeGetsTheTranslationExactly) {
  input_ = "good morning\n\n";
  EXPECT_EQ(Mlctl({"translate", "--to", "es"}), kDone);
  EXPECT_EQ(out_.str(), "GOOD MORNING\n\n");
  EXPECT_EQ(text_.target_language(), "es");
  EXPECT_EQ(text_.source_language(), "");
  EXPECT_EQ(text_.format(), v1::TRANSLATION_FORMAT_PLAIN_TEXT);
  EXPECT_EQ(Mlctl({"translate", "--to", "es", "--from", "en", "--html", "--mark-unknown",
                   "--strategy", "high-fidelity", "--text", "<b>x"}),
            kDone);
  EXPECT_EQ(text_.source_language(), "en");
  EXPECT_EQ(text_.format(), v1::TRANSLATION_FORMAT_HTML);
  EXPECT_EQ(text_.strategy(), v1::TRANSLATION_STRATEGY_HIGH_FIDELITY);
  EXPECT_TRUE(text_.mark_unknown());
}

TEST_F(TranslateCommandTest, BlankTextIsNobodysWork) {
  daemon_.scripts.translate = nullptr;
  for (const char* blank : {"", "\n", " \t\n"}) {
    input_ = blank;
    EXPECT_EQ(Mlctl({"translate", "--to", "es"}), kDone);
    EXPECT_EQ(out_.str(), blank);
  }
}

TEST_F(TranslateCommandTest, ALanguageBetweenIsSaid) {
  EXPECT_EQ(Mlctl({"translate", "--to", "pt", "--text", "x"}), kDone);
  EXPECT_THAT(err_.str(), HasSubstr("through es"));
  EXPECT_EQ(Mlctl({"translate", "--to", "pt", "--text", "x", "--json"}), kDone);
  const Json json = Json::parse(out_.str());
  EXPECT_EQ(json["text"], "X");
  EXPECT_EQ(json["route"]["pivot_language"], "es");
}

TEST_F(TranslateCommandTest, FilesByTheirKind) {
  const std::string plain = WriteFile("letter.txt", "one\n");
  const std::string page = WriteFile("page.html", "<p>one");
  const std::string notes = WriteFile("notes.md", "# one");
  EXPECT_EQ(Mlctl({"translate", "--to", "es", plain}), kDone);
  EXPECT_EQ(text_.format(), v1::TRANSLATION_FORMAT_PLAIN_TEXT);
  EXPECT_EQ(Mlctl({"translate", "--to", "es", page}), kDone);
  EXPECT_EQ(text_.format(), v1::TRANSLATION_FORMAT_HTML);
  EXPECT_EQ(Mlctl({"translate", "--to", "es", notes}), kDone);
  EXPECT_EQ(text_.format(), v1::TRANSLATION_FORMAT_MARKDOWN);
  const std::string cues =
      WriteFile("film.srt",
                "1\n00:00:01,000 --> 00:00:02,000\nhello\n\n2\n00:00:03,000 --> "
                "00:00:04,000\nworld\n");
  EXPECT_EQ(Mlctl({"translate", "--to", "es", cues}), kDone);
  EXPECT_THAT(out_.str(), HasSubstr("00:00:01,000 --> 00:00:02,000\nHELLO\n"));
  EXPECT_EQ(start_.format(), v1::TRANSLATION_FORMAT_HTML);
  const std::string po = WriteFile("es.po", "msgid \"hello\"\nmsgstr \"\"\n");
  EXPECT_EQ(Mlctl({"translate", "--to", "es", "--in-place", po}), kDone);
  EXPECT_THAT(out_.str(), IsEmpty());
  EXPECT_THAT(ReadBack(po), HasSubstr("msgstr \"HELLO\""));
  EXPECT_THAT(ReadBack(po), HasSubstr("fuzzy"));
  const std::string out = daemon_.folder() + "/out.txt";
  EXPECT_EQ(Mlctl({"translate", "--to", "es", "-o", out, plain}), kDone);
  EXPECT_EQ(ReadBack(out), "ONE\n");
}

TEST_F(TranslateCommandTest, AFileThatCannotBeReadIsNamed) {
  const std::string bad = WriteFile("bad.txt", "ok\n\xff");
  EXPECT_EQ(Mlctl({"translate", "--to", "es", bad}), kInputOutput);
  EXPECT_THAT(err_.str(), HasSubstr("bad.txt is not UTF-8"));
  EXPECT_EQ(Mlctl({"translate", "--to", "es", daemon_.folder() + "/none"}), kInputOutput);
  EXPECT_EQ(Mlctl({"translate", "--to", "es", WriteFile("bad.po", "msgid \"x")}), kInputOutput);
  EXPECT_THAT(err_.str(), HasSubstr("bad.po"));
}

TEST_F(TranslateCommandTest, BatchesAreJsonLines) {
  lines_ = {R"({"id": "a", "text": "one"})", "", R"({"id": 7, "text": "two"})",
            R"({"text": "three"})"};
  EXPECT_EQ(Mlctl({"translate", "--to", "es", "--batch", "--in-order"}), kDone);
  std::istringstream answers(out_.str());
  std::vector<std::string> got;
  for (std::string line; std::getline(answers, line);) {
    const Json json = Json::parse(line);
    got.push_back(
        absl::StrCat(json["id"].get<std::string>(), " ", json["text"].get<std::string>()));
  }
  EXPECT_THAT(got, ElementsAre("a ONE", "7 TWO", "4 THREE"));
  EXPECT_EQ(start_.order(), v1::BATCH_ORDER_AS_SENT);
  const std::string file = WriteFile("b.jsonl", "{\"text\": \"x\"}\n{\"text\": \"bad\"}\n");
  EXPECT_EQ(Mlctl({"translate", "--to", "es", "--batch", file}), kFound);
  EXPECT_THAT(out_.str(), HasSubstr("\"WORKER_LOST\""));
  EXPECT_THAT(out_.str(), HasSubstr("\"X\""));
}

TEST_F(TranslateCommandTest, ABadLineIsNamedAndWhatWasSentIsAnswered) {
  for (const char* bad : {"nonsense", "[1]", R"({"id": 1})", R"({"text": 5})",
                          R"({"text": "x", "id": [1]})", "{\"text\": \"\xff\"}"}) {
    lines_ = {R"({"text": "one"})", bad, R"({"text": "two"})"};
    EXPECT_EQ(Mlctl({"translate", "--to", "es", "--batch"}), kInputOutput) << bad;
    EXPECT_THAT(err_.str(), HasSubstr("line 2"));
    EXPECT_THAT(out_.str(), HasSubstr("ONE"));
    EXPECT_THAT(out_.str(), Not(HasSubstr("TWO")));
  }
}

TEST_F(TranslateCommandTest, WhatDoesNotGoTogetherIsRefused) {
  const std::string file = WriteFile("a.txt", "x");
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"translate"},
           {"translate", "--to", "es", "--html", "--markdown"},
           {"translate", "--to", "es", "--in-place"},
           {"translate", "--to", "es", "--in-place", "-"},
           {"translate", "--to", "es", "--in-place", "-o", "x", file},
           {"translate", "--to", "es", "--text", "x", file},
           {"translate", "--to", "es", "--batch", "--text", "x"},
           {"translate", "--to", "es", "--strategy", "best"},
           {"translate", "--to", "es", "-o", "x", file, file}}) {
    EXPECT_EQ(Mlctl(arguments), kUsage) << arguments.back();
    EXPECT_THAT(out_.str(), IsEmpty());
  }
}

TEST_F(TranslateCommandTest, TheDaemonsRefusalIsShown) {
  daemon_.scripts.translate = [](auto&&...) {
    return StatusToGrpc(MakeError(Reason::kLanguageUnsupported, "Nobody translates into tlh."));
  };
  EXPECT_NE(Mlctl({"translate", "--to", "tlh", "--text", "x"}), kDone);
  EXPECT_THAT(err_.str(), HasSubstr("Nobody translates into tlh."));
  EXPECT_THAT(out_.str(), IsEmpty());
}

TEST_F(TranslateCommandTest, LanguagesAreListed) {
  daemon_.scripts.language_pairs = [](const v1::ListLanguagePairsRequest& request,
                                      v1::ListLanguagePairsResponse* response) {
    if (request.source_language() == "xx") return grpc::Status::OK;
    EXPECT_TRUE(request.direct_only() && request.available_only());
    v1::LanguagePair& pair = *response->add_pairs();
    pair.set_source_language("en");
    pair.set_target_language("es");
    pair.set_availability(v1::AVAILABILITY_AVAILABLE);
    pair.add_steps()->set_model("models/rules");
    return grpc::Status::OK;
  };
  EXPECT_EQ(Mlctl({"languages", "--direct", "--available"}), kDone);
  EXPECT_THAT(out_.str(), HasSubstr("available"));
  EXPECT_THAT(out_.str(), HasSubstr("rules"));
  EXPECT_EQ(Mlctl({"languages", "--direct", "--available", "--quiet"}), kDone);
  EXPECT_EQ(out_.str(), "en>es\n");
  EXPECT_EQ(Mlctl({"languages", "--direct", "--available", "--json"}), kDone);
  EXPECT_EQ(Json::parse(out_.str())["availability"], "AVAILABLE");
  EXPECT_EQ(Mlctl({"languages", "--from", "xx"}), kDone);
  EXPECT_THAT(err_.str(), HasSubstr("No installed model"));
}

TEST_F(TranslateCommandTest, DetectionOfLinesAndTexts) {
  daemon_.scripts.detect = [](const v1::DetectLanguageRequest& request,
                              v1::DetectLanguageResponse* response) {
    for (const std::string& text : request.texts()) {
      v1::DetectedLanguages& one = *response->add_results();
      one.set_unreliable(text == "?");
      if (text == "?") continue;
      one.add_candidates()->set_language_code("de");
      one.mutable_candidates(0)->set_script("Latn");
    }
    return grpc::Status::OK;
  };
  EXPECT_EQ(Mlctl({"detect", "--text", "Guten Tag"}), kDone);
  EXPECT_THAT(out_.str(), HasSubstr("de (Latn)"));
  input_ = "Guten Tag\n?\n";
  EXPECT_EQ(Mlctl({"detect", "--lines", "--json"}), kDone);
  std::istringstream lines(out_.str());
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_EQ(Json::parse(line)["candidates"][0]["language_code"], "de");
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_EQ(Json::parse(line)["unreliable"], true);
  EXPECT_EQ(Mlctl({"detect", "-n", "17", "--text", "x"}), kUsage);
}

TEST_F(TranslateCommandTest, LanguageToolsPrintWhatTheyFound) {
  daemon_.scripts.segment = [](const v1::SegmentTextRequest& request,
                               v1::SegmentTextResponse* response) {
    v1::TextSegments& segments = *response->add_texts();
    const size_t half = request.texts(0).size() / 2;
    segments.add_segments()->set_end(half);
    segments.add_segments()->set_start(half);
    segments.mutable_segments(1)->set_end(request.texts(0).size());
    return grpc::Status::OK;
  };
  EXPECT_EQ(Mlctl({"language", "segment", "--text", "abcd"}), kDone);
  EXPECT_EQ(out_.str(), "ab\ncd\n");
  daemon_.scripts.classify = [](const v1::ClassifyTextRequest&,
                                v1::ClassifyTextResponse* response) {
    response->add_texts()->add_labels()->set_label("POSITIVE");
    return grpc::Status::OK;
  };
  EXPECT_EQ(Mlctl({"language", "sentiment", "--text", "good"}), kDone);
  EXPECT_THAT(out_.str(), HasSubstr("POSITIVE"));
  EXPECT_EQ(Mlctl({"language", "classify", "--text", "good"}), kUsage);
  daemon_.scripts.find_entities = [](const v1::FindEntitiesRequest&,
                                     v1::FindEntitiesResponse* response) {
    v1::NamedEntity& entity = *response->add_texts()->add_entities();
    entity.set_end(3);
    entity.set_text("Ada");
    entity.set_label("PER");
    return grpc::Status::OK;
  };
  EXPECT_EQ(Mlctl({"language", "entities", "--json", "--text", "Ada"}), kDone);
  EXPECT_EQ(Json::parse(out_.str())["entities"][0]["label"], "PER");
  daemon_.scripts.embed = [](const v1::EmbedTextRequest& request, v1::EmbedTextResponse* response) {
    for (int i = 0; i < request.texts_size(); ++i) response->add_embeddings()->add_values(1);
    return grpc::Status::OK;
  };
  EXPECT_EQ(Mlctl({"language", "embed", "--json", "--text", "a", "--text", "b"}), kDone);
  const std::string vectors = out_.str();
  EXPECT_EQ(std::count(vectors.begin(), vectors.end(), '\n'), 2);
  daemon_.scripts.embed = [](auto&&...) {
    return StatusToGrpc(MakeError(Reason::kNoCapableModel, "Nothing turns texts into vectors."));
  };
  EXPECT_NE(Mlctl({"language", "embed", "--text", "a"}), kDone);
  EXPECT_THAT(err_.str(), HasSubstr("Nothing turns texts into vectors."));
}

}  // namespace
}  // namespace intelligenced::mlctl
