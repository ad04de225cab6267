// Questions to the person at the terminal.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_COMMANDS_ACTIONS_PERSON_H_
#define INTELLIGENCED_CLIENTS_MLCTL_COMMANDS_ACTIONS_PERSON_H_

#include <intelligence/actions.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/mlctl/session.h"

namespace intelligenced::mlctl {

// CANCELLED where nobody answers any more.
class Person {
 public:
  // `yes`: --yes was given, which answers what policy lets a flag answer.
  Person(Session* session, bool yes) : session_(*session), yes_(yes) {}

  bool there() const { return session_.host().in_is_terminal; }
  absl::StatusOr<intelligence::actions::Value> AskValue(
      const intelligence::actions::ValueQuestion& question);
  absl::StatusOr<intelligence::actions::Decision> Confirm(
      const intelligence::actions::Confirmation& confirmation);
  // One of several, from 0; nothing: none of them.
  absl::StatusOr<std::optional<size_t>> Choose(const std::string& prompt,
                                               const std::vector<std::string>& lines);
  void Say(std::string_view text);
  // What was to be confirmed while nobody was there, and why no flag did it; empty: nothing.
  const std::string& unanswered() const { return unanswered_; }

 private:
  absl::StatusOr<std::string> ReadLine(std::string_view prompt);

  Session& session_;
  const bool yes_;
  std::string unanswered_;
  // What a value looks like, said when the daemon did not understand the last one either.
  std::string example_;
};

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_COMMANDS_ACTIONS_PERSON_H_
