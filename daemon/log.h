// The daemon's log. It holds who, what, how long and how much; never a user's text.
#ifndef INTELLIGENCED_DAEMON_LOG_H_
#define INTELLIGENCED_DAEMON_LOG_H_

#include <memory>
#include <string>
#include <string_view>

#include "daemon/config.h"

namespace intelligenced {

// Thread-safe. Writes to standard error, one line an entry: with the time, or, when a journal reads
// it, with the priority that the journal takes off ("<6>…").
class Log {
 public:
  Log(LogLevel level, bool journal);
  ~Log();

  void SetLevel(LogLevel level);
  void Debug(std::string_view message);
  void Info(std::string_view message);
  void Warning(std::string_view message);
  void Error(std::string_view message);

 private:
  class Core;
  const std::unique_ptr<Core> core_;
};

// Whether standard error is the journal's stream: `journal_stream` is JOURNAL_STREAM.
bool StderrIsJournal(const std::string& journal_stream);

// One line without control characters, at most 2,000 bytes: text of a worker or a client cannot
// forge entries.
std::string LogSafe(std::string_view text);

}  // namespace intelligenced

#endif  // INTELLIGENCED_DAEMON_LOG_H_
