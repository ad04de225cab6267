#include "clients/mlctl/commands/actions_person.h"

#include <ostream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "clients/mlctl/action_values.h"

namespace intelligenced::mlctl {

namespace actions = ::intelligence::actions;

absl::StatusOr<actions::Value> Person::AskValue(const actions::ValueQuestion& question) {
  if (!question.problem.empty()) Say(example_.empty() ? question.problem : example_);
  example_.clear();
  while (true) {
    Say(question.prompt);
    for (size_t i = 0; i < question.options.size(); ++i) {
      const auto* entity = question.options[i].As<actions::Entity>();
      Say(absl::StrCat("  ", i + 1, ". ", DescribeActionValue(question.options[i]),
                       entity == nullptr || entity->subtitle.empty()
                           ? ""
                           : absl::StrCat(" (", entity->subtitle, ")")));
    }
    const absl::StatusOr<std::string> line = ReadLine("> ");
    if (!line.ok()) return line.status();
    size_t place = 0;
    if (absl::SimpleAtoi(*line, &place) && place >= 1 && place <= question.options.size()) {
      return question.options[place - 1];
    }
    if (absl::StripAsciiWhitespace(*line).empty()) continue;
    absl::StatusOr<actions::Value> value = ParseActionValue(question.type, *line);
    if (value.ok()) return value;
    const std::string example = absl::StrCat(value.status().message(), ".");
    if (IsSayable(question.type)) {
      example_ = example;
      return actions::Value(*line);
    }
    Say(example);
  }
}

absl::StatusOr<actions::Decision> Person::Confirm(const actions::Confirmation& confirmation) {
  // What cannot be undone, and who may do what at all, is said by a person and by no flag.
  const bool flag_counts =
      !confirmation.is_destructive && confirmation.kind != actions::ConfirmationKind::kGrant;
  if (yes_ && flag_counts) return actions::Decision::kAllow;
  if (!there()) {
    unanswered_ = absl::StrCat(confirmation.prompt,
                               yes_ ? " --yes does not answer this: a person at a terminal does."
                                    : " Nobody is here to answer: run it on a terminal.");
    return actions::Decision::kDecline;
  }
  Say(confirmation.prompt);
  if (confirmation.is_destructive) Say("This cannot be undone.");
  const bool grant = confirmation.kind == actions::ConfirmationKind::kGrant;
  const absl::StatusOr<std::string> line =
      ReadLine(grant ? "[y]es, always / [N]o / ne[v]er: " : "[y/N] ");
  if (!line.ok()) return line.status();
  const std::string word = absl::AsciiStrToLower(absl::StripAsciiWhitespace(*line));
  if (word == "y" || word == "yes") return actions::Decision::kAllow;
  if (grant && (word == "v" || word == "never")) return actions::Decision::kNever;
  return actions::Decision::kDecline;
}

absl::StatusOr<std::optional<size_t>> Person::Choose(const std::string& prompt,
                                                     const std::vector<std::string>& lines) {
  Say(prompt);
  for (size_t i = 0; i < lines.size(); ++i) Say(absl::StrCat("  ", i + 1, ". ", lines[i]));
  const absl::StatusOr<std::string> line = ReadLine("> ");
  if (!line.ok()) return line.status();
  size_t place = 0;
  if (!absl::SimpleAtoi(*line, &place) || place < 1 || place > lines.size()) {
    return std::optional<size_t>();
  }
  return std::optional<size_t>(place - 1);
}

void Person::Say(std::string_view text) {
  *session_.host().err << TerminalSafe(text) << "\n" << std::flush;
}

absl::StatusOr<std::string> Person::ReadLine(std::string_view prompt) {
  *session_.host().err << prompt << std::flush;
  absl::StatusOr<std::optional<std::string>> line = session_.host().read_line();
  if (line.ok() && line->has_value()) return **std::move(line);
  // The question stands in a line of its own.
  *session_.host().err << "\n" << std::flush;
  return line.ok() ? absl::CancelledError("nobody answers") : line.status();
}

}  // namespace intelligenced::mlctl
