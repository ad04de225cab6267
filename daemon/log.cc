#include "daemon/log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "spdlog/pattern_formatter.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace intelligenced {
namespace {

constexpr size_t kMaxLine = 2000;

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

// %J: the journal's priority (sd-daemon(3)).
class PriorityFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    std::string_view priority = "<6>";
    if (message.level == spdlog::level::debug) priority = "<7>";
    if (message.level == spdlog::level::warn) priority = "<4>";
    if (message.level == spdlog::level::err) priority = "<3>";
    out.append(priority.data(), priority.data() + priority.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<PriorityFlag>();
  }
};

}  // namespace

class Log::Core {
 public:
  Core(LogLevel level, bool journal)
      : logger("intelligenced", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<PriorityFlag>('J').set_pattern(journal ? "%J%v"
                                                               : "%Y-%m-%dT%H:%M:%S.%e%z %l: %v");
    logger.set_formatter(std::move(formatter));
    logger.set_level(SpdlogLevel(level));
    logger.flush_on(spdlog::level::debug);
  }
  void Write(spdlog::level::level_enum level, std::string_view message) {
    if (logger.should_log(level)) logger.log(level, LogSafe(message));
  }
  spdlog::logger logger;
};

Log::Log(LogLevel level, bool journal) : core_(std::make_unique<Core>(level, journal)) {}
Log::~Log() = default;

void Log::SetLevel(LogLevel level) { core_->logger.set_level(SpdlogLevel(level)); }
void Log::Debug(std::string_view message) { core_->Write(spdlog::level::debug, message); }
void Log::Info(std::string_view message) { core_->Write(spdlog::level::info, message); }
void Log::Warning(std::string_view message) { core_->Write(spdlog::level::warn, message); }
void Log::Error(std::string_view message) { core_->Write(spdlog::level::err, message); }

bool StderrIsJournal(const std::string& journal_stream) {
  struct stat info;
  if (journal_stream.empty() || fstat(STDERR_FILENO, &info) != 0) return false;
  return journal_stream ==
         absl::StrCat(static_cast<uint64_t>(info.st_dev), ":", static_cast<uint64_t>(info.st_ino));
}

std::string LogSafe(std::string_view text) {
  const bool cut = text.size() > kMaxLine;
  std::string safe(text.substr(0, kMaxLine));
  for (char& byte : safe) {
    const auto value = static_cast<unsigned char>(byte);
    if (value < 0x20 || value == 0x7f) byte = ' ';
  }
  if (cut) safe += "…";
  return safe;
}

}  // namespace intelligenced
