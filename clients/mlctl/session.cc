#include "clients/mlctl/session.h"

#include <sys/stat.h>

#include <cstdlib>
#include <ostream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "clients/mlctl/diff.h"
#include "clients/mlctl/json.h"
#include "runtime/base/file.h"
#include "runtime/base/utf8.h"

namespace intelligenced::mlctl {
namespace {

// More than the daemon takes; it names its own limit.
constexpr uint64_t kMaxInputBytes = 64 << 20;

intelligence::RequestClass ClassFrom(std::string_view name) {
  if (name == "interactive") return intelligence::RequestClass::kInteractive;
  if (name == "utility") return intelligence::RequestClass::kUtility;
  if (name == "background") return intelligence::RequestClass::kBackground;
  return intelligence::RequestClass::kDefault;
}

}  // namespace

ExitCode ExitCodeFor(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kDone;
    case absl::StatusCode::kCancelled:
      return kInterrupted;
    case absl::StatusCode::kUnavailable:
      // An app that is gone is no daemon that is gone.
      return absl::StartsWith(intelligence::ErrorReason(status), "ACTION_PROVIDER_") ? kBroken
                                                                                     : kUnavailable;
    case absl::StatusCode::kDeadlineExceeded:
      return kTooLate;
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kUnknown:
      return kBroken;
    default:
      return kRefused;
  }
}

std::string AdviceFor(const absl::Status& status) {
  const intelligence::ErrorDetails details = intelligence::GetErrorDetails(status);
  if (const auto install = details.metadata.find("install"); install != details.metadata.end()) {
    // The sentence mostly has the command already.
    if (absl::StrContains(status.message(), install->second)) return "";
    return absl::StrCat("Install one with: ", install->second);
  }
  if (details.retry_delay.has_value()) {
    return absl::StrCat("Try again in ", DurationText(*details.retry_delay), ".");
  }
  if (absl::StrContains(status.message(), "mlctl ")) return "";
  if (details.reason == "MODEL_NOT_FOUND") {
    return "See what there is with: mlctl models list --catalogue";
  }
  if (details.reason == "MEMORY_INSUFFICIENT") {
    return "See what is resident with `mlctl ps`, and let go of it with `mlctl models unload`.";
  }
  if (details.reason == "MODEL_CORRUPT") {
    return "The file is broken or incomplete. An installed model: `mlctl models remove`, then "
           "install it again.";
  }
  if (details.reason == "INPUT_TOO_LARGE" || details.reason == "CONTEXT_WINDOW_EXCEEDED") {
    return "Give it in smaller parts.";
  }
  if (details.reason == "ACTION_VALUE_MISSING") {
    return "Say it, or run this on a terminal, where it is asked for.";
  }
  if (status.code() == absl::StatusCode::kInternal) {
    return "The daemon's log may say more; `mlctl doctor` checks the rest.";
  }
  return "";
}

Palette Session::out_palette() const {
  return Palette(ChooseColor(options_.color, host_->out_is_terminal, host_->environment("NO_COLOR"),
                             host_->environment("TERM")));
}

Palette Session::err_palette() const {
  return Palette(ChooseColor(options_.color, host_->err_is_terminal, host_->environment("NO_COLOR"),
                             host_->environment("TERM")));
}

absl::StatusOr<intelligence::Client> Session::Connect() const {
  intelligence::ClientOptions options = {.socket_path = options_.socket};
  if (options_.deadline.has_value()) {
    options.connect_timeout = std::min(options.connect_timeout, *options_.deadline);
  }
  return intelligence::Client::Connect(options);
}

intelligence::CallOptions Session::Call() const {
  intelligence::CallOptions call;
  if (options_.deadline.has_value()) call.timeout = *options_.deadline;
  call.model = options_.model;
  call.request_class = ClassFrom(options_.request_class);
  call.keep_alive = options_.keep_alive;
  call.cancellation = host_->interruption;
  return call;
}

void Session::Note(std::string_view text) {
  if (!options_.quiet) *host_->err << text << "\n" << std::flush;
}

int Session::Fail(const absl::Status& status) {
  const ExitCode code = ExitCodeFor(status);
  // The person knows that Ctrl-C was pressed.
  if (code == kInterrupted) return code;
  out().flush();
  if (options_.json) {
    *host_->err << Dump(ErrorToJson(status)) << "\n" << std::flush;
    return code;
  }
  const Palette palette = err_palette();
  *host_->err << palette.Paint(Style::kBad, "mlctl:") << " " << TerminalSafe(status.message())
              << "\n";
  if (const std::string advice = AdviceFor(status); !advice.empty()) {
    *host_->err << "       " << TerminalSafe(advice) << "\n";
  }
  host_->err->flush();
  return code;
}

int Session::FailUsage(std::string_view message) {
  *host_->err << err_palette().Paint(Style::kBad, "mlctl:") << " " << message << "\n" << std::flush;
  return kUsage;
}

void Session::WriteText(std::string_view text) {
  if (host_->out_is_terminal) {
    out() << TerminalSafe(text);
  } else {
    out() << text;
  }
  out() << std::flush;
}

void Session::ReportUsage(const intelligence::Usage& usage) {
  if (!options_.usage || options_.json) return;
  std::string line = absl::StrCat(ShortName(usage.model), " on ", usage.device, ": ");
  if (usage.input_tokens + usage.output_tokens > 0) {
    absl::StrAppend(&line, FormatCount(usage.input_tokens), " tokens in");
    if (usage.cached_tokens > 0) {
      absl::StrAppend(&line, " (", FormatCount(usage.cached_tokens), " cached)");
    }
    absl::StrAppend(&line, ", ", FormatCount(usage.output_tokens), " out, ");
  }
  absl::StrAppend(&line, "queued ", DurationText(usage.queue_time), ", loaded ",
                  DurationText(usage.load_time), ", computed ", DurationText(usage.compute_time));
  if (const double seconds = absl::ToDoubleSeconds(usage.compute_time);
      usage.output_tokens > 0 && seconds > 0) {
    absl::StrAppendFormat(&line, " (%.1f tokens/s)", usage.output_tokens / seconds);
  }
  Note(err_palette().Paint(Style::kDim, TerminalSafe(line)));
}

void Progress::Show(std::string_view line) {
  if (!session_->shows_progress()) return;
  Host& host = session_->host();
  std::string safe = TerminalSafe(line);
  if (host.columns > 1) safe = std::string(TruncateUtf8(safe, host.columns - 1));
  *host.err << "\r\033[K" << session_->err_palette().Paint(Style::kDim, safe) << std::flush;
  shown_ = true;
}

void Progress::Clear() {
  if (shown_) *session_->host().err << "\r\033[K" << std::flush;
  shown_ = false;
}

void Progress::operator()(const intelligence::Queued& queued) {
  std::string line =
      queued.position == 0 ? "Waiting: next" : absl::StrCat("Waiting: ", queued.position, " ahead");
  if (queued.expected_wait.has_value()) {
    absl::StrAppend(&line, ", about ", DurationText(*queued.expected_wait));
  }
  Show(line);
}

void Progress::operator()(const intelligence::ModelLoading& loading) {
  Show(absl::StrCat("Loading ", ShortName(loading.model), " …"));
}

void Progress::operator()(const intelligence::WorkProgress& progress) {
  if (progress.total == 0) {
    Show("Working …");
  } else {
    Show(absl::StrFormat("Working … %d %%", 100 * progress.done / progress.total));
  }
}

absl::StatusOr<Input> ReadInput(Session& session, const std::string& path) {
  Input input;
  if (path == "-") {
    input.name = "standard input";
    if (session.host().in_is_terminal) {
      session.Note("Reading from the terminal; end with Ctrl-D on a line of its own.");
    }
    absl::StatusOr<std::string> text = session.host().read_input();
    if (!text.ok()) return text.status();
    input.text = *std::move(text);
  } else {
    input.name = path;
    input.path = path;
    absl::StatusOr<std::string> text = ReadFile(path, kMaxInputBytes);
    if (!text.ok()) return text.status();
    input.text = *std::move(text);
  }
  if (const size_t invalid = FindInvalidUtf8(input.text); invalid != std::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat(
        input.name, " is not UTF-8: byte ", invalid, " (line ", FindPlace(input.text, invalid).line,
        ") begins no character. Convert it first, for example with iconv."));
  }
  return input;
}

absl::StatusOr<Input> ReadText(Session& session, const std::string& path) {
  absl::StatusOr<Input> input = ReadInput(session, path);
  if (input.ok() && absl::StripAsciiWhitespace(input->text).empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(input->name, " has no text",
                     input->path.empty() ? ": pipe some in, name a file, or give --text." : "."));
  }
  return input;
}

absl::Status ReplaceFile(const std::string& path, std::string_view content) {
  char* const resolved = realpath(path.c_str(), nullptr);
  if (resolved == nullptr && errno == ENOENT) {
    const mode_t kept_back = umask(0);
    umask(kept_back);
    FileSystem files;
    return WriteFileAtomically(files, path, content, 0666 & ~kept_back);
  }
  if (resolved == nullptr) return FileError(errno, "cannot find", path);
  const std::string target = resolved;
  std::free(resolved);
  struct stat facts = {};
  if (stat(target.c_str(), &facts) != 0) return FileError(errno, "cannot read", path);
  FileSystem files;
  return WriteFileAtomically(files, target, content, facts.st_mode & 07777);
}

}  // namespace intelligenced::mlctl
