// What the commands share that turn a text into another one.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_COMMANDS_TEXT_WORK_H_
#define INTELLIGENCED_CLIENTS_MLCTL_COMMANDS_TEXT_WORK_H_

#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/json.h"

namespace intelligenced::mlctl {

// Where the text to work on comes from.
struct TextSource {
  std::string file;
  std::string text;
  bool has_text = false;

  // Adds the positional `file` and --text.
  void AddTo(CLI::App* app);
  absl::StatusOr<std::string> Read(Session& session) const;
};

// Shows text as it is written: progress before it, a line break after it.
class TextStream {
 public:
  // `exact`: add no line break where standard output is no terminal.
  TextStream(Session* session, bool exact)
      : session_(*session), progress_(session), exact_(exact) {}

  template <typename Result, typename... Others>
  void operator()(const std::variant<intelligence::Queued, intelligence::ModelLoading,
                                     intelligence::WorkProgress, intelligence::TextDelta, Result,
                                     Others...>& event) {
    if (const auto* delta = std::get_if<intelligence::TextDelta>(&event)) {
      Write(delta->text);
    } else if (const auto* queued = std::get_if<intelligence::Queued>(&event)) {
      if (!wrote_) progress_(*queued);
    } else if (const auto* loading = std::get_if<intelligence::ModelLoading>(&event)) {
      if (!wrote_) progress_(*loading);
    } else if (const auto* progress = std::get_if<intelligence::WorkProgress>(&event)) {
      if (!wrote_) progress_(*progress);
    }
  }

  void Write(const std::string& text);
  // `text` is the whole result: what of it was not streamed is written now.
  void Finish(const std::string& text);
  // Ends a line that was left open, so that a message does not stand in it.
  void Break();

 private:
  Session& session_;
  Progress progress_;
  const bool exact_;
  bool wrote_ = false;
  std::string written_;
};

// Says why a result ended when that was not by itself.
void ReportFinish(Session& session, intelligence::FinishReason reason);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_COMMANDS_TEXT_WORK_H_
