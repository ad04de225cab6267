// mlctl chat
#include <intelligence/session.h>

#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/commands/sampling.h"
#include "clients/mlctl/commands/text_work.h"
#include "clients/mlctl/json.h"
#include "runtime/base/file.h"
#include "runtime/base/utf8.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::SessionInfo;

struct ChatOptions {
  std::string session;
  std::string system;
  bool keep = false;
  SamplingFlags sampling;
};

// From this share of the context on, the person is told after every answer.
constexpr double kFullShare = 0.8;

constexpr std::string_view kHelp =
    "/image FILE  show a picture with the next question\n"
    "/undo    take the last question and its answer back\n"
    "/reset   begin anew\n"
    "/tokens  how much of the model's context is used\n"
    "/help    this\n"
    "Ctrl-C stops an answer, Ctrl-D ends the chat.";

std::string ContextUse(const SessionInfo& info) {
  std::string text = absl::StrCat(FormatCount(info.used_tokens), " of ",
                                  FormatCount(info.context_tokens), " tokens used");
  if (info.context_tokens > 0) {
    absl::StrAppend(&text, " (", uint64_t{100} * info.used_tokens / info.context_tokens, " %)");
  }
  return text;
}

class Chat {
 public:
  Chat(Session* session, const intelligence::Client& client, const ChatOptions* options)
      : session_(*session), client_(client), options_(*options) {}

  int Run() {
    if (const absl::Status status = Begin(); !status.ok()) return session_.Fail(status);
    const bool terminal = session_.host().in_is_terminal;
    if (terminal) session_.Note("Type /help for what there is; Ctrl-D ends the chat.");
    int code = kDone;
    while (true) {
      absl::StatusOr<std::optional<std::string>> line = ReadLine();
      if (!line.ok()) {
        if (GoOnAfter(line.status())) continue;
        code = absl::IsCancelled(line.status()) ? session_.Fail(line.status()) : kInputOutput;
        if (code == kInputOutput) session_.Fail(line.status());
        break;
      }
      if (!line->has_value()) break;
      const std::string text(absl::StripAsciiWhitespace(**line));
      if (text.empty()) continue;
      const absl::Status status = terminal && text[0] == '/' ? Obey(text) : Turn(text);
      if (status.ok() || GoOnAfter(status)) continue;
      code = session_.Fail(status);
      if (!terminal) break;
      Advise(status);
    }
    End();
    return code == kInterrupted || !terminal ? code : kDone;
  }

 private:
  // Calls of the session say nothing of the model, which is the session's own.
  intelligence::CallOptions Call() const {
    intelligence::CallOptions call = session_.Call();
    call.model.clear();
    return call;
  }

  absl::Status Begin() {
    if (options_.session.empty()) {
      instructions_ = options_.system;
      return Create();
    }
    chat_ = intelligence::Session::Open(client_, options_.session);
    const absl::StatusOr<SessionInfo> info = chat_->Get(Call());
    if (!info.ok()) return info.status();
    model_ = info->model;
    if (!info->messages.empty() && info->messages[0].role == intelligence::Role::kSystem) {
      instructions_ = info->messages[0].text;
    }
    session_.Note(absl::StrCat("Going on with ", ShortName(info->model), " after ",
                               info->message_count, " messages; ", ContextUse(*info), "."));
    return absl::OkStatus();
  }

  absl::Status Create() {
    intelligence::CallOptions call = session_.Call();
    if (!model_.empty()) call.model = model_;
    absl::StatusOr<intelligence::Session> made =
        intelligence::Session::Create(client_, {.instructions = instructions_}, call);
    if (!made.ok()) return made.status();
    Replace(*std::move(made));
    return absl::OkStatus();
  }

  // What this chat made itself it also takes away.
  void Replace(intelligence::Session next) {
    if (chat_.has_value() && own_) chat_->Delete(Call()).IgnoreError();
    chat_ = std::move(next);
    own_ = true;
  }

  absl::StatusOr<std::optional<std::string>> ReadLine() {
    Host& host = session_.host();
    if (host.in_is_terminal && !session_.options().quiet) {
      *host.err << session_.err_palette().Paint(Style::kBold, ">") << " " << std::flush;
    }
    absl::StatusOr<std::optional<std::string>> line = host.read_line();
    const bool ended = !line.ok() || !line->has_value();
    if (host.in_is_terminal && ended) *host.err << "\n" << std::flush;
    if (line.ok() && line->has_value() && FindInvalidUtf8(**line) != std::string_view::npos) {
      return absl::InvalidArgumentError("The line is not UTF-8.");
    }
    return line;
  }

  // A Ctrl-C of a person at a terminal stops what runs, and no more.
  bool GoOnAfter(const absl::Status& status) {
    if (!session_.host().in_is_terminal) return false;
    if (absl::IsInvalidArgument(status) && intelligence::ErrorReason(status).empty()) {
      session_.Fail(status);
      return true;
    }
    return absl::IsCancelled(status) && session_.host().renew_interruption();
  }

  absl::Status Turn(const std::string& text) {
    TextStream stream(&session_, /*exact=*/false);
    absl::StatusOr<intelligence::GenerateTextResult> result =
        chat_->GenerateText(options_.sampling.Request(InputOf(text)), Call(),
                            [&](const intelligence::GenerateTextEvent& event) { stream(event); });
    if (!result.ok()) {
      stream.Break();
      if (absl::IsCancelled(result.status()) && session_.host().in_is_terminal) {
        session_.Note("Stopped; neither the question nor the answer is kept.");
      }
      return result.status();
    }
    stream.Finish(result->text);
    ReportFinish(session_, result->finish_reason);
    if (session_.options().json) session_.out() << Dump(ToJson(*result)) << "\n" << std::flush;
    session_.ReportUsage(result->usage);
    const std::optional<SessionInfo>& info = result->session;
    if (info.has_value() && info->context_tokens > 0 &&
        info->used_tokens >= kFullShare * info->context_tokens) {
      session_.Note(absl::StrCat("The model's context is nearly full: ", ContextUse(*info), "."));
    }
    return absl::OkStatus();
  }

  // The text with the pictures that were given for it.
  intelligence::GenerateInput InputOf(const std::string& text) {
    if (images_.empty()) return text;
    intelligence::Conversation conversation;
    conversation.messages.push_back({.role = intelligence::Role::kUser, .text = text});
    conversation.messages.back().images = std::exchange(images_, {});
    return conversation;
  }

  absl::Status AddImage(std::string_view path) {
    absl::StatusOr<intelligence::VisionImage> image =
        intelligence::VisionImage::FromFile(std::string(absl::StripAsciiWhitespace(path)));
    if (!image.ok()) {
      session_.Note(absl::StrCat("The picture is not read: ", image.status().message()));
      return absl::OkStatus();
    }
    images_.push_back(*std::move(image));
    session_.Note("The picture goes with the next question.");
    return absl::OkStatus();
  }

  absl::Status Obey(std::string_view command) {
    if (absl::ConsumePrefix(&command, "/image ")) return AddImage(command);
    if (command == "/help") {
      session_.Note(kHelp);
      return absl::OkStatus();
    }
    if (command == "/reset") {
      absl::Status status = Create();
      if (status.ok()) session_.Note("The chat begins anew.");
      return status;
    }
    if (command == "/undo") return Undo();
    if (command == "/tokens") return ShowTokens();
    session_.Note(absl::StrCat("There is no ", TerminalSafe(command), ". These are:\n", kHelp));
    return absl::OkStatus();
  }

  absl::Status Undo() {
    const absl::StatusOr<SessionInfo> info = chat_->Get(Call());
    if (!info.ok()) return info.status();
    size_t last = info->messages.size();
    while (last > 0 && info->messages[last - 1].role != intelligence::Role::kUser) --last;
    if (last == 0) {
      session_.Note("There is nothing to take back.");
      return absl::OkStatus();
    }
    absl::StatusOr<intelligence::Session> fork =
        chat_->Fork({.message_count = static_cast<uint32_t>(last - 1)}, Call());
    if (!fork.ok()) return fork.status();
    const bool was_own = own_;
    Replace(*std::move(fork));
    session_.Note(
        absl::StrCat("Taken back: ", TerminalSafe(info->messages[last - 1].text),
                     was_own ? "" : absl::StrCat("\nThe chat goes on in ", chat_->name(), ".")));
    return absl::OkStatus();
  }

  absl::Status ShowTokens() {
    const absl::StatusOr<intelligence::CountTokensResult> count = chat_->CountTokens({}, Call());
    if (!count.ok()) return count.status();
    const absl::StatusOr<SessionInfo> info = chat_->Get(Call());
    if (!info.ok()) return info.status();
    session_.Note(ContextUse(*info) + ".");
    return absl::OkStatus();
  }

  void Advise(const absl::Status& status) {
    const std::string reason = intelligence::ErrorReason(status);
    if (reason == "CONTEXT_WINDOW_EXCEEDED") {
      session_.Note("       /undo takes the last turn back, /reset begins anew.");
    } else if (reason == "SESSION_NOT_FOUND") {
      session_.Note("       /reset begins anew.");
    }
  }

  void End() {
    if (!chat_.has_value()) return;
    // An interruption must not keep this from being done; a daemon that is gone must not either.
    intelligence::CallOptions call;
    call.timeout = absl::Seconds(2);
    if (!own_) return;
    if (!options_.keep) {
      chat_->Delete(call).IgnoreError();
      return;
    }
    session_.Note(absl::StrCat("Go on with: mlctl chat --session ", chat_->name()));
  }

  Session& session_;
  const intelligence::Client client_;
  const ChatOptions& options_;
  std::optional<intelligence::Session> chat_;
  bool own_ = false;
  std::string model_;
  std::string instructions_;
  // Of the next question.
  std::vector<intelligence::VisionImage> images_;
};

int RunChat(Session& session, const ChatOptions& options) {
  if (!options.session.empty() && (!session.options().model.empty() || !options.system.empty())) {
    return session.FailUsage(
        "a session keeps its model and its instructions: leave out --model "
        "and --system beside --session");
  }
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  return Chat(&session, *client, &options).Run();
}

}  // namespace

void AddChatCommand(CommandTree& tree) {
  auto options = std::make_shared<ChatOptions>();
  CLI::App* app =
      tree.Add(&tree.root(), "chat", "Talk with a language model; in a pipe, every line is a turn.",
               {"mlctl chat", "mlctl chat --system \"Answer in French.\" --keep",
                "mlctl chat --session sessions/0123456789abcdef0123456789abcdef",
                "printf 'My name is Ada.\\nWhat is my name?\\n' | mlctl chat"},
               [options](Session& session) { return RunChat(session, *options); });
  app->add_option("--session", options->session, "Go on with this session (mlctl sessions list)")
      ->type_name("SESSION");
  app->add_option("--system", options->system, "Tell the model first how to be")->type_name("TEXT");
  app->add_flag("--keep", options->keep, "Keep the session at the end, until it expires");
  options->sampling.AddTo(app);
}

}  // namespace intelligenced::mlctl
