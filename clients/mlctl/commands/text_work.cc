#include "clients/mlctl/commands/text_work.h"

#include <ostream>

namespace intelligenced::mlctl {

void TextSource::AddTo(CLI::App* app) {
  app->add_option("file", file, "The text; '-' or nothing: standard input")->type_name(kFileType);
  app->add_option_function<std::string>(
         "-t,--text",
         [this](const std::string& given) {
           text = given;
           has_text = true;
         },
         "Take this text")
      ->type_name("TEXT");
}

absl::StatusOr<std::string> TextSource::Read(Session& session) const {
  if (has_text) return text;
  absl::StatusOr<Input> input = ReadText(session, file.empty() ? "-" : file);
  if (!input.ok()) return input.status();
  return std::move(input->text);
}

void TextStream::Write(const std::string& text) {
  if (session_.options().json) return;
  progress_.Clear();
  session_.WriteText(text);
  written_ += text;
  wrote_ = true;
}

void TextStream::Finish(const std::string& text) {
  progress_.Clear();
  if (session_.options().json) return;
  if (text.starts_with(written_) && text.size() > written_.size()) {
    Write(text.substr(written_.size()));
  }
  if (!written_.ends_with('\n') && (!exact_ || session_.host().out_is_terminal)) {
    session_.WriteText("\n");
  }
}

void TextStream::Break() {
  progress_.Clear();
  if (wrote_ && !written_.ends_with('\n') && session_.host().out_is_terminal) {
    session_.WriteText("\n");
  }
}

void ReportFinish(Session& session, intelligence::FinishReason reason) {
  switch (reason) {
    case intelligence::FinishReason::kRefusal:
      session.Note("The model declined.");
      break;
    case intelligence::FinishReason::kCancelledByLimit:
      session.Note("The daemon ended the text at a limit of its policy.");
      break;
    default:
      break;
  }
}

}  // namespace intelligenced::mlctl
