// Whole commands of mlctl against a server with scripted answers.
#include <sys/stat.h>

#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/documents.h"
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

class CommandTest : public testing::Test {
 protected:
  CommandTest() {
    host_.environment = [](const char*) { return std::string(); };
    host_.read_input = [this] { return input_; };
    host_.read_line = [this] { return line_; };
    host_.run_program = [this](const std::vector<std::string>& arguments) {
      program_ = arguments;
      return absl::StatusOr<int>(program_code_);
    };
    host_.now = [] { return absl::FromUnixSeconds(1000); };
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

  // Replaces every "teh".
  void ScriptProofreading() {
    daemon_.scripts.proofread = [this](grpc::ServerContext*,
                                       const v1::ProofreadTextRequest& request,
                                       grpc::ServerWriter<v1::ProofreadTextResponse>* writer) {
      proofread_ = request;
      v1::ProofreadTextResponse last;
      std::string corrected = request.text();
      for (size_t at = 0; (at = request.text().find("teh", at)) != std::string::npos; at += 3) {
        v1::ProofreadTextResponse event;
        event.mutable_correction()->set_start(at);
        event.mutable_correction()->set_end(at + 3);
        event.mutable_correction()->set_original("teh");
        event.mutable_correction()->set_replacement("the");
        event.mutable_correction()->add_types(v1::CORRECTION_TYPE_SPELLING);
        event.mutable_correction()->set_explanation("No such word.");
        *last.mutable_completed()->add_corrections() = event.correction();
        corrected.replace(at, 3, "the");
        writer->Write(event);
      }
      last.mutable_completed()->set_corrected_text(corrected);
      writer->Write(last);
      return grpc::Status::OK;
    };
  }

  void ScriptGeneration() {
    daemon_.scripts.generate = [this](grpc::ServerContext*, const v1::GenerateTextRequest& request,
                                      grpc::ServerWriter<v1::GenerateTextResponse>* writer) {
      generate_ = request;
      v1::GenerateTextResponse event;
      event.set_delta("Once ");
      writer->Write(event);
      event.set_delta("upon\033[2J");
      writer->Write(event);
      event.mutable_completed()->set_text("Once upon\033[2J");
      event.mutable_completed()->mutable_usage()->set_model("models/stories");
      event.mutable_completed()->mutable_usage()->set_output_tokens(2);
      writer->Write(event);
      return grpc::Status::OK;
    };
  }

  FakeDaemon daemon_;
  Host host_;
  std::ostringstream out_;
  std::ostringstream err_;
  absl::StatusOr<std::string> input_ = "";
  absl::StatusOr<std::optional<std::string>> line_ = "";
  std::vector<std::string> program_;
  int program_code_ = 0;
  v1::ProofreadTextRequest proofread_;
  v1::GenerateTextRequest generate_;
};

TEST_F(CommandTest, ProofreadPrintsTheCorrectedTextExactly) {
  ScriptProofreading();
  input_ = "teh end\n\n";
  EXPECT_EQ(Mlctl({"proofread"}), kDone);
  EXPECT_EQ(out_.str(), "the end\n\n");
  EXPECT_THAT(err_.str(), IsEmpty());
}

TEST_F(CommandTest, ProofreadShowsADiffOnATerminal) {
  ScriptProofreading();
  host_.out_is_terminal = true;
  EXPECT_EQ(Mlctl({"proofread", "--text", "teh end"}), kDone);
  EXPECT_THAT(out_.str(), HasSubstr("\033[31;9mteh\033[0m\033[32;1mthe\033[0m end\n"));
  EXPECT_THAT(out_.str(), HasSubstr("No such word."));
  EXPECT_EQ(Mlctl({"proofread", "--text", "teh end", "--color", "never"}), kDone);
  EXPECT_THAT(out_.str(), HasSubstr("[-teh-]{+the+} end\n"));
}

TEST_F(CommandTest, ProofreadCheckExitsWithOneWhenItFindsSomething) {
  ScriptProofreading();
  const std::string bad = WriteFile("bad.txt", "fine\nteh end\n");
  const std::string good = WriteFile("good.txt", "fine\n");
  const std::string empty = WriteFile("empty.txt", "");
  EXPECT_EQ(Mlctl({"proofread", "--check", good, bad, empty}), kFound);
  EXPECT_EQ(out_.str(), bad + ":2:1: teh → the (spelling): No such word.\n");
  EXPECT_EQ(Mlctl({"proofread", "--check", good, empty}), kDone);
  EXPECT_THAT(out_.str(), IsEmpty());
  EXPECT_EQ(ReadBack(bad), "fine\nteh end\n") << "--check changes nothing";
}

TEST_F(CommandTest, ProofreadInPlaceKeepsModeAndLinks) {
  ScriptProofreading();
  const std::string file = WriteFile("letter.txt", "teh end\n");
  ASSERT_EQ(chmod(file.c_str(), 0640), 0);
  const std::string link = daemon_.folder() + "/link.txt";
  ASSERT_EQ(symlink(file.c_str(), link.c_str()), 0);
  EXPECT_EQ(Mlctl({"proofread", "--in-place", link}), kDone);
  EXPECT_EQ(ReadBack(file), "the end\n");
  struct stat facts = {};
  ASSERT_EQ(stat(file.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777u, 0640u);
  ASSERT_EQ(lstat(link.c_str(), &facts), 0);
  EXPECT_TRUE(S_ISLNK(facts.st_mode));
  EXPECT_EQ(err_.str(), link + ": 1 correction\n");
  EXPECT_EQ(Mlctl({"proofread", "-i"}), kUsage);
  EXPECT_EQ(Mlctl({"proofread", "-i", "-"}), kUsage);
}

TEST_F(CommandTest, ProofreadJsonIsOneObjectALine) {
  ScriptProofreading();
  const std::string a = WriteFile("a.txt", "teh");
  const std::string b = WriteFile("b.txt", "fine");
  EXPECT_EQ(Mlctl({"proofread", "--json", a, b}), kDone);
  std::istringstream lines(out_.str());
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_EQ(Json::parse(line)["file"], a);
  EXPECT_EQ(Json::parse(line)["corrections"][0]["end"], 3);
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_EQ(Json::parse(line)["corrected_text"], "fine");
}

TEST_F(CommandTest, ABadFileDoesNotKeepTheOthersFromBeingDone) {
  ScriptProofreading();
  const std::string bad = WriteFile("bad.txt", "ok\n\xff");
  const std::string good = WriteFile("good.txt", "teh\n");
  EXPECT_EQ(Mlctl({"proofread", bad, daemon_.folder() + "/none", good}), kInputOutput);
  EXPECT_EQ(out_.str(), "the\n");
  EXPECT_THAT(err_.str(), HasSubstr("bad.txt is not UTF-8: byte 3 (line 2)"));
  EXPECT_THAT(err_.str(), HasSubstr("/none"));
}

TEST_F(CommandTest, GenerateTakesAnEmptyPrompt) {
  ScriptGeneration();
  EXPECT_EQ(Mlctl({"generate", "--model", "stories", "--temperature", "0", "--max-output-tokens",
                   "60", ""}),
            kDone);
  EXPECT_EQ(generate_.input_case(), v1::GenerateTextRequest::kPrompt);
  EXPECT_EQ(generate_.prompt(), "");
  EXPECT_EQ(generate_.options().model(), "stories");
  EXPECT_TRUE(generate_.sampling().has_temperature());
  EXPECT_EQ(generate_.max_output_tokens(), 60u);
  EXPECT_EQ(out_.str(), "Once upon\033[2J") << "in a pipe the text is the model's own";
}

TEST_F(CommandTest, ATerminalGetsHarmlessTextAndALineBreak) {
  ScriptGeneration();
  host_.out_is_terminal = true;
  EXPECT_EQ(Mlctl({"generate", "x"}), kDone);
  EXPECT_EQ(out_.str(), "Once upon\uFFFD[2J\n");
}

TEST_F(CommandTest, GenerateReadsItsPromptFromStandardInputOrAFile) {
  ScriptGeneration();
  input_ = "from input";
  EXPECT_EQ(Mlctl({"generate", "--system", "brief"}), kDone);
  ASSERT_EQ(generate_.conversation().messages_size(), 2);
  EXPECT_EQ(generate_.conversation().messages(1).text(), "from input");
  EXPECT_EQ(Mlctl({"generate", "-f", WriteFile("p.txt", "from file")}), kDone);
  EXPECT_EQ(generate_.prompt(), "from file");
  EXPECT_EQ(Mlctl({"generate", "--stop", "A", "--stop", "B", "x"}), kDone);
  EXPECT_THAT(generate_.stop(), ElementsAre("A", "B"));
  EXPECT_EQ(generate_.prompt(), "x");
}

TEST_F(CommandTest, CommonOptionsStandBeforeOrAfterTheCommand) {
  ScriptGeneration();
  EXPECT_EQ(Mlctl({"--class", "background", "generate", "x"}), kDone);
  EXPECT_EQ(generate_.options().request_class(), v1::REQUEST_CLASS_BACKGROUND);
  EXPECT_EQ(Mlctl({"generate", "x", "--class", "utility", "--keep-alive", "1m30s"}), kDone);
  EXPECT_EQ(generate_.options().request_class(), v1::REQUEST_CLASS_UTILITY);
  EXPECT_EQ(generate_.options().keep_alive().seconds(), 90);
}

TEST_F(CommandTest, APromptMayLookLikeACommand) {
  ScriptGeneration();
  EXPECT_EQ(Mlctl({"generate", "status"}), kDone);
  EXPECT_EQ(generate_.prompt(), "status");
  EXPECT_EQ(Mlctl({"generate", "--", "-5 degrees"}), kDone);
  EXPECT_EQ(generate_.prompt(), "-5 degrees");
}

TEST_F(CommandTest, WrongCommandLinesExitWithTwo) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"modles"},
                                             {"generate", "--temperature", "5", "x"},
                                             {"generate", "--deadline", "soon", "x"},
                                             {"generate", "--deadline", "-5s", "x"},
                                             {"status", "--class", "vip"},
                                             {"rewrite", "--style", "custom", "-t", "x"},
                                             {"rewrite", "--candidates", "5", "-t", "x"},
                                             {"models", "install"},
                                             {"models", "install", "--url", "https://x"},
                                             {"models", "import", "x"},
                                             {"models", "show"},
                                             {"completion", "tcsh"},
                                             {"proofread", "--check", "--in-place", "x"}}) {
    EXPECT_EQ(Mlctl(arguments), kUsage) << arguments[0] << " " << arguments.back();
    EXPECT_THAT(err_.str(), HasSubstr("mlctl: "));
    EXPECT_THAT(out_.str(), IsEmpty());
  }
  EXPECT_EQ(Mlctl({"actions", "--help"}), kDone);
  EXPECT_THAT(out_.str(), HasSubstr("More, with examples: mlctl actions COMMAND --help"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("Exit codes")));
  EXPECT_EQ(Mlctl({"modles"}), kUsage);
  EXPECT_THAT(err_.str(), HasSubstr("did you mean 'models'?"));
}

TEST_F(CommandTest, ErrorsSayWhatToDoAndChooseTheExitCode) {
  absl::Status error;
  daemon_.scripts.status = [&](const v1::GetStatusRequest&, v1::SystemStatus*) {
    return StatusToGrpc(error);
  };
  const std::pair<absl::Status, int> cases[] = {
      {MakeError(Reason::kQueueFull, "Full.",
                 {.metadata = {}, .retry_delay = absl::Seconds(2), .field = ""}),
       kRefused},
      {MakeError(Reason::kWorkerLost, "Gone."), kUnavailable},
      {MakeError(Reason::kActionProviderUnavailable, "It does not start."), kBroken},
      {MakeError(Reason::kActionProviderLost, "It has ended."), kBroken},
      {MakeError(Reason::kDeadlineExceeded, "Late."), kTooLate},
      {MakeError(Reason::kEngineFailure, "Broken."), kBroken},
      {MakeError(Reason::kModelCorrupt, "Bad file."), kBroken}};
  for (const auto& [status, code] : cases) {
    error = status;
    EXPECT_EQ(Mlctl({"status"}), code) << status;
    EXPECT_THAT(err_.str(), HasSubstr(std::string(status.message())));
  }
  error = cases[0].first;
  Mlctl({"status"});
  EXPECT_THAT(err_.str(), HasSubstr("Try again in 2.0 s."));
  EXPECT_EQ(Mlctl({"status", "--json"}), kRefused);
  EXPECT_EQ(Json::parse(err_.str())["error"]["reason"], "QUEUE_FULL");
  daemon_.Stop();
  EXPECT_EQ(Mlctl({"status"}), kUnavailable);
  EXPECT_THAT(err_.str(), HasSubstr("not running"));
}

TEST_F(CommandTest, AnInterruptionExitsWith130AndSaysNothing) {
  daemon_.scripts.generate = [](grpc::ServerContext*, const v1::GenerateTextRequest&,
                                grpc::ServerWriter<v1::GenerateTextResponse>* writer) {
    v1::GenerateTextResponse event;
    event.set_delta("x");
    while (writer->Write(event)) {
    }
    return grpc::Status::OK;
  };
  host_.interruption.Cancel();
  EXPECT_EQ(Mlctl({"generate", "x"}), kInterrupted);
  EXPECT_THAT(err_.str(), IsEmpty());
  host_.interruption = intelligence::Cancellation();
  input_ = absl::CancelledError("interrupted");
  EXPECT_EQ(Mlctl({"generate"}), kInterrupted);
}

class InstallTest : public CommandTest {
 protected:
  InstallTest() {
    daemon_.scripts.install = [this](grpc::ServerContext*, const v1::InstallModelRequest& request,
                                     grpc::ServerWriter<v1::InstallModelResponse>* writer) {
      requests_.push_back(request);
      v1::InstallModelResponse event;
      if (request.accepted_license().empty()) {
        event.mutable_license()->set_model("models/big");
        event.mutable_license()->set_license("Some-License-1.0");
        event.mutable_license()->set_origin("https://example.org/big.gguf");
        event.mutable_license()->set_size_bytes(3ull << 30);
        writer->Write(event);
        return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "accept the licence first");
      }
      event.mutable_downloading()->set_bytes_done(1);
      event.mutable_downloading()->set_bytes_total(2);
      writer->Write(event);
      event.mutable_completed()->set_name("models/big");
      writer->Write(event);
      return grpc::Status::OK;
    };
  }
  std::vector<v1::InstallModelRequest> requests_;
};

TEST_F(InstallTest, AsksForTheLicenceOnATerminal) {
  host_.in_is_terminal = host_.err_is_terminal = true;
  line_ = "y";
  EXPECT_EQ(Mlctl({"models", "install", "big"}), kDone);
  EXPECT_THAT(err_.str(), HasSubstr("Some-License-1.0"));
  EXPECT_THAT(err_.str(), HasSubstr("3.0 GiB"));
  EXPECT_THAT(err_.str(), HasSubstr("Installed big"));
  ASSERT_EQ(requests_.size(), 2u);
  EXPECT_EQ(requests_[1].accepted_license(), "Some-License-1.0");
  EXPECT_EQ(requests_[1].catalogue_name(), "big");
}

TEST_F(InstallTest, AnythingButYesInstallsNothing) {
  host_.in_is_terminal = host_.err_is_terminal = true;
  for (const char* answer : {"", "n", "what?"}) {
    line_ = answer;
    EXPECT_EQ(Mlctl({"models", "install", "big"}), kRefused);
    EXPECT_EQ(requests_.back().accepted_license(), "");
  }
  line_ = absl::CancelledError("interrupted");
  EXPECT_EQ(Mlctl({"models", "install", "big"}), kInterrupted);
}

TEST_F(InstallTest, WithoutATerminalTheLicenceNeedsTheFlag) {
  EXPECT_EQ(Mlctl({"models", "install", "big"}), kRefused);
  EXPECT_THAT(err_.str(), HasSubstr("--accept-license"));
  EXPECT_EQ(Mlctl({"models", "install", "big", "--accept-license"}), kDone);
  EXPECT_THAT(err_.str(), Not(HasSubstr("\r"))) << "progress is for terminals";
}

TEST_F(InstallTest, AnAddressGoesWithItsHashAndName) {
  EXPECT_EQ(Mlctl({"models", "install", "--url", "https://example.org/x.gguf", "--sha256", "ab",
                   "--name", "x", "--accept-license"}),
            kDone);
  EXPECT_EQ(requests_.back().address().url(), "https://example.org/x.gguf");
  EXPECT_EQ(requests_.back().address().sha256(), "ab");
  EXPECT_EQ(requests_.back().address().name(), "x");
}

TEST_F(CommandTest, DefaultsAreSetListedAndCleared) {
  v1::UpdateModelRequest seen;
  daemon_.scripts.update = [&](const v1::UpdateModelRequest& request, v1::Model* model) {
    seen = request;
    model->set_name("models/stories");
    return grpc::Status::OK;
  };
  daemon_.scripts.list_models = [](const v1::ListModelsRequest&, v1::ListModelsResponse* response) {
    v1::Model* model = response->add_models();
    model->set_name("models/stories");
    model->add_default_for("language.generate");
    return grpc::Status::OK;
  };
  EXPECT_EQ(Mlctl({"models", "default", "language.generate", "stories"}), kDone);
  EXPECT_EQ(seen.set_default_for(), "language.generate");
  EXPECT_EQ(Mlctl({"models", "default"}), kDone);
  EXPECT_EQ(out_.str(), "CAPABILITY         MODEL\nlanguage.generate  stories\n");
  EXPECT_EQ(Mlctl({"models", "default", "--clear", "language.generate"}), kDone);
  EXPECT_EQ(seen.clear_default_for(), "language.generate");
  EXPECT_EQ(seen.name(), "models/stories");
  EXPECT_EQ(Mlctl({"models", "default", "language.generate"}), kUsage);
  EXPECT_EQ(Mlctl({"models", "list", "-q"}), kDone);
  EXPECT_EQ(out_.str(), "stories\n");
}

TEST_F(CommandTest, PinAndUnpin) {
  std::optional<bool> pinned;
  daemon_.scripts.update = [&](const v1::UpdateModelRequest& request, v1::Model*) {
    pinned = request.has_pinned() ? std::optional<bool>(request.pinned()) : std::nullopt;
    return grpc::Status::OK;
  };
  EXPECT_EQ(Mlctl({"models", "pin", "x"}), kDone);
  EXPECT_EQ(pinned, true);
  EXPECT_EQ(Mlctl({"models", "unpin", "x"}), kDone);
  EXPECT_EQ(pinned, false);
}

TEST_F(CommandTest, RewriteShowsCandidatesOneAfterTheOther) {
  daemon_.scripts.rewrite = [](grpc::ServerContext*, const v1::RewriteTextRequest& request,
                               grpc::ServerWriter<v1::RewriteTextResponse>* writer) {
    v1::RewriteTextResponse event;
    EXPECT_EQ(request.style(), v1::REWRITE_STYLE_CONCISE);
    EXPECT_EQ(request.tone(), v1::TONE_MORE_FORMAL);
    for (uint32_t i = 0; i < request.candidate_count(); ++i) {
      event.mutable_delta()->set_candidate(i);
      event.mutable_delta()->set_text("part");
      writer->Write(event);
    }
    event.mutable_completed()->add_candidates()->set_text("first");
    event.mutable_completed()->add_candidates()->set_text("second");
    writer->Write(event);
    return grpc::Status::OK;
  };
  EXPECT_EQ(Mlctl({"rewrite", "--style", "concise", "--tone", "more-formal", "-n", "2", "-t", "x"}),
            kDone);
  EXPECT_EQ(out_.str(), "1. first\n\n2. second\n");
}

TEST_F(CommandTest, SummarizeEndsItsLineAndSendsItsOptions) {
  v1::SummarizeTextRequest seen;
  daemon_.scripts.summarize = [&](grpc::ServerContext*, const v1::SummarizeTextRequest& request,
                                  grpc::ServerWriter<v1::SummarizeTextResponse>* writer) {
    seen = request;
    v1::SummarizeTextResponse event;
    event.set_delta("The ");
    writer->Write(event);
    event.mutable_completed()->set_summary("The gist.");
    writer->Write(event);
    return grpc::Status::OK;
  };
  EXPECT_EQ(Mlctl({"summarize", "--type", "key-points", "--length", "long", "--format", "markdown",
                   "-t", "x"}),
            kDone);
  EXPECT_EQ(out_.str(), "The gist.\n") << "what was not streamed is shown at the end";
  EXPECT_EQ(seen.type(), v1::SUMMARY_TYPE_KEY_POINTS);
  EXPECT_EQ(seen.length(), v1::SUMMARY_LENGTH_LONG);
  EXPECT_EQ(seen.format(), v1::TEXT_FORMAT_MARKDOWN);
}

TEST_F(CommandTest, NothingToWorkOnIsSaidBeforeTheDaemonIsAsked) {
  input_ = " \n";
  for (const char* tool : {"rewrite", "summarize"}) {
    EXPECT_EQ(Mlctl({tool}), kInputOutput) << tool;
    EXPECT_THAT(err_.str(), HasSubstr("standard input has no text: pipe some in")) << tool;
  }
}

TEST_F(CommandTest, DoctorExitsWithOneOnAFailure) {
  daemon_.scripts.status = [](const v1::GetStatusRequest&, v1::SystemStatus* status) {
    status->set_version(INTELLIGENCED_VERSION);
    return grpc::Status::OK;
  };
  v1::Check::Result result = v1::Check::RESULT_OK;
  daemon_.scripts.diagnose = [&](const v1::DiagnoseRequest&, v1::DiagnoseResponse* response) {
    v1::Check* check = response->add_checks();
    check->set_name("disk");
    check->set_result(result);
    return grpc::Status::OK;
  };
  EXPECT_EQ(Mlctl({"doctor"}), kDone);
  EXPECT_THAT(err_.str(), HasSubstr("All is well."));
  result = v1::Check::RESULT_FAILED;
  EXPECT_EQ(Mlctl({"doctor"}), kFound);
  daemon_.Stop();
  EXPECT_EQ(Mlctl({"doctor"}), kFound);
  EXPECT_THAT(out_.str(), HasSubstr("start the daemon"));
}

TEST_F(CommandTest, ConfigCheckAsksTheDaemonsProgram) {
  EXPECT_EQ(Mlctl({"config", "check", "/some/file.toml"}), kDone);
  EXPECT_THAT(program_, ElementsAre("intelligenced", "--check-config", "/some/file.toml"));
  program_code_ = 2;
  EXPECT_EQ(Mlctl({"config", "check", "/some/file.toml"}), kFound);
}

TEST_F(CommandTest, TopWithoutATerminalPrintsOnePicture) {
  daemon_.scripts.watch_status = [](grpc::ServerContext*, const v1::WatchStatusRequest&,
                                    grpc::ServerWriter<v1::SystemStatus>* writer) {
    v1::SystemStatus status;
    status.set_version("9.9");
    writer->Write(status);
    return grpc::Status::OK;
  };
  EXPECT_EQ(Mlctl({"top"}), kDone);
  EXPECT_THAT(out_.str(), HasSubstr("intelligenced 9.9"));
}

TEST_F(CommandTest, ActivityReadsAsManyPagesAsAskedFor) {
  daemon_.scripts.activity = [](const v1::ListActivityRequest& request,
                                v1::ListActivityResponse* response) {
    for (uint32_t i = 0; i < std::min(request.page_size(), 10u); ++i) {
      response->add_records()->set_method("X/" + request.page_token());
    }
    response->set_next_page_token(request.page_token() + "n");
    return grpc::Status::OK;
  };
  EXPECT_EQ(Mlctl({"activity", "-n", "25", "--json"}), kDone);
  const std::string text = out_.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 25);
  EXPECT_THAT(text, HasSubstr("X/nn"));
}

// Every command's words, from the same tree.
TEST_F(CommandTest, DocumentsHaveEveryCommandAndOption) {
  const char* const commands[] = {"proofread", "rewrite", "summarize",  "compose",      "generate",
                                  "status",    "ps",      "top",        "activity",     "doctor",
                                  "config",    "models",  "install",    "import",       "remove",
                                  "load",      "unload",  "pin",        "unpin",        "default",
                                  "list",      "show",    "completion", "count-tokens", "bench"};
  for (const char* shell : {"bash", "zsh", "fish"}) {
    EXPECT_EQ(Mlctl({"completion", shell}), kDone);
    for (const char* command : commands) EXPECT_THAT(out_.str(), HasSubstr(command)) << shell;
    for (const char* option : {"in-place", "max-output-tokens", "accept-license", "deadline"}) {
      EXPECT_THAT(out_.str(), HasSubstr(option)) << shell;
    }
    EXPECT_THAT(out_.str(), HasSubstr("interactive utility background")) << shell;
  }
  EXPECT_EQ(Mlctl({"man"}), kDone);
  for (const char* command : commands) {
    std::string escaped = command;
    if (const size_t dash = escaped.find('-'); dash != std::string::npos) {
      escaped.insert(dash, "\\");
    }
    EXPECT_THAT(out_.str(), HasSubstr(escaped));
  }
  EXPECT_THAT(out_.str(), HasSubstr("Exit codes:"));
}

TEST_F(CommandTest, EveryCommandHasHelpWithExamples) {
  const std::vector<std::vector<std::string>> commands = {{"proofread"},
                                                          {"rewrite"},
                                                          {"summarize"},
                                                          {"compose"},
                                                          {"generate"},
                                                          {"count-tokens"},
                                                          {"bench"},
                                                          {"status"},
                                                          {"ps"},
                                                          {"top"},
                                                          {"activity"},
                                                          {"doctor"},
                                                          {"config", "check"},
                                                          {"models", "list"},
                                                          {"models", "show"},
                                                          {"models", "install"},
                                                          {"models", "import"},
                                                          {"models", "remove"},
                                                          {"models", "load"},
                                                          {"models", "unload"},
                                                          {"models", "pin"},
                                                          {"models", "unpin"},
                                                          {"models", "default"},
                                                          {"completion"},
                                                          {"man"}};
  for (std::vector<std::string> command : commands) {
    command.push_back("--help");
    EXPECT_EQ(Mlctl(command), kDone);
    EXPECT_THAT(out_.str(), HasSubstr("Usage: mlctl " + command[0]));
    EXPECT_THAT(out_.str(), HasSubstr("Examples:\n  "));
  }
}

// Runs bash with the completions loaded and prints what it would offer.
std::string Complete(const std::string& script, const std::string& words, int cursor) {
  const std::string command = "bash -c 'source " + script + "; COMP_WORDS=(" + words +
                              "); COMP_CWORD=" + std::to_string(cursor) +
                              "; _mlctl; echo \"${COMPREPLY[@]}\"' 2>&1";
  std::string output;
  FILE* const pipe = popen(command.c_str(), "r");
  char buffer[4096];
  while (const size_t got = fread(buffer, 1, sizeof(buffer), pipe)) output.append(buffer, got);
  pclose(pipe);
  return output;
}

TEST_F(CommandTest, BashCompletes) {
  EXPECT_EQ(Mlctl({"completion", "bash"}), kDone);
  const std::string script = WriteFile("mlctl.bash", out_.str());
  EXPECT_EQ(Complete(script, "mlctl mod", 1), "models\n");
  EXPECT_EQ(Complete(script, "mlctl models un", 2), "unload unpin\n");
  EXPECT_EQ(Complete(script, "mlctl --class b", 2), "background\n");
  EXPECT_EQ(Complete(script, "mlctl summarize --type ta", 3), "table\n");
  EXPECT_EQ(Complete(script, "mlctl proofread --in", 2), "--in-place\n");
  EXPECT_EQ(Complete(script, "mlctl completion f", 2), "fish\n");
  const std::string listing =
      script + "; mlctl() { [ \"$1\" = actions ] && echo a.b/add a.b/drop; }";
  EXPECT_EQ(Complete(listing, "mlctl actions run a.b/a", 3), "a.b/add\n");
}

}  // namespace
}  // namespace intelligenced::mlctl
