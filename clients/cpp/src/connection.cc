#include "clients/cpp/src/connection.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "clients/cpp/src/cancellation.h"
#include "grpc/grpc.h"
#include "grpcpp/channel.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"
#include "protos/support/status_codec.h"
#include "runtime/base/reasons.h"
#include "runtime/base/utf8.h"

namespace intelligence {
namespace {

using intelligenced::Reason;

// A proofread text of 4 MiB comes back whole and with its corrections twice.
// Tensors of 64 MiB, and room for the rest.
constexpr int kMaxMessageBytes = 72 << 20;

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& path) {
  grpc::ChannelArguments arguments;
  // Without these two, gRPC's receive window grows to megabytes and a reader that pauses would not
  // pause the work in the daemon.
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 65535);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // One connection per Client, so that Connect() tells about this one.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  return grpc::CreateCustomChannel(absl::StrCat("unix:", path), grpc::InsecureChannelCredentials(),
                                   arguments);
}

constexpr char kHowToStart[] =
    "start it with `systemctl --user start intelligenced` or by running `intelligenced`";

}  // namespace

absl::Status ProbeSocket(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.find('\0') != std::string::npos) {
    return intelligenced::FieldError("socket_path", "a socket's path is not empty");
  }
  if (path.size() >= sizeof(address.sun_path)) {
    return intelligenced::FieldError(
        "socket_path", absl::StrCat("the path is ", path.size(), " bytes long and a socket's has ",
                                    sizeof(address.sun_path) - 1, " at most: ", path));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
  if (descriptor < 0) return absl::ErrnoToStatus(errno, "no socket can be made");
  const int result =
      connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = errno;
  close(descriptor);
  if (result == 0) return absl::OkStatus();
  switch (error) {
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(
          absl::StrCat("The socket ", path,
                       " may not be used by this user; ask for access to its folder, or run a "
                       "daemon of your own"));
    case ENOENT:
    case ENOTDIR:
    case ECONNREFUSED:
      return absl::UnavailableError(
          absl::StrCat("The daemon is not running (", path, "): ", kHowToStart));
    default:
      return absl::UnavailableError(absl::StrCat("The daemon cannot be reached at ", path, ": ",
                                                 std::strerror(error), "; ", kHowToStart));
  }
}

absl::Status CheckUtf8(std::string_view field, std::string_view text) {
  const size_t invalid = intelligenced::FindInvalidUtf8(text);
  if (invalid == std::string_view::npos) return absl::OkStatus();
  return intelligenced::FieldError(
      field, absl::StrCat("the text is not UTF-8: its byte ", invalid, " begins no character"));
}

Client::Connection::Connection(std::string path)
    : path_(std::move(path)),
      channel_(MakeChannel(path_)),
      writing_tools(v1::WritingToolsService::NewStub(channel_)),
      language_model(v1::LanguageModelService::NewStub(channel_)),
      models(v1::ModelService::NewStub(channel_)),
      performance(v1::ModelPerformanceService::NewStub(channel_)),
      system_service(v1::SystemService::NewStub(channel_)),
      vision(v1::VisionService::NewStub(channel_)),
      tensor(v1::TensorService::NewStub(channel_)),
      image_generation(v1::ImageGenerationService::NewStub(channel_)),
      language(v1::LanguageService::NewStub(channel_)),
      translation(v1::TranslationService::NewStub(channel_)),
      actions(v1::ActionService::NewStub(channel_)),
      attachments(AttachmentSocketPath(path_)) {}

absl::Status Client::Connection::WaitUntilReady(absl::Duration timeout) {
  if (absl::Status status = ProbeSocket(path_); !status.ok()) return status;
  const auto deadline = absl::ToChronoTime(clock_.WallTime() + timeout);
  if (channel_->WaitForConnected(deadline)) return absl::OkStatus();
  if (absl::Status status = ProbeSocket(path_); !status.ok()) return status;
  return absl::UnavailableError(
      absl::StrCat("Something accepts connections at ", path_, " but did not answer within ",
                   absl::FormatDuration(timeout), "; look at the daemon's log"));
}

absl::Status Client::Connection::Prepare(const CallOptions& options, CallContext& call) {
  if (options.timeout <= absl::ZeroDuration()) {
    // gRPC rounds deadlines up by as much as a short call takes.
    return intelligenced::MakeError(Reason::kDeadlineExceeded,
                                    "The deadline had passed before the call was made.");
  }
  if (channel_->GetState(false) == GRPC_CHANNEL_TRANSIENT_FAILURE) {
    if (absl::Status status = ProbeSocket(path_); !status.ok()) return status;
    grpc::experimental::ChannelResetConnectionBackoff(channel_.get());
    call.context.set_wait_for_ready(true);
  }
  call.timeout = options.timeout;
  if (options.timeout != absl::InfiniteDuration()) {
    call.context.set_deadline(absl::ToChronoTime(clock_.WallTime() + options.timeout));
  }
  if (options.cancellation.has_value()) {
    call.registration = options.cancellation->state()->source.token().OnCancel(
        [context = &call.context] { context->TryCancel(); });
  }
  return absl::OkStatus();
}

absl::Status Client::Connection::Decode(const grpc::Status& status, const CallContext& call) const {
  const absl::Status decoded = intelligenced::StatusFromGrpc(status);
  // Errors that the daemon made have its own sentence already.
  if (!status.error_details().empty()) return decoded;
  switch (decoded.code()) {
    case absl::StatusCode::kCancelled:
      return intelligenced::MakeError(Reason::kCancelled, "The call was cancelled.");
    case absl::StatusCode::kDeadlineExceeded:
      return intelligenced::MakeError(
          Reason::kDeadlineExceeded,
          call.timeout == absl::InfiniteDuration()
              ? "The deadline passed before there was a result."
              : absl::StrCat("There was no result within the deadline of ",
                             absl::FormatDuration(call.timeout), "."));
    case absl::StatusCode::kUnavailable:
      if (absl::Status probe = ProbeSocket(path_); !probe.ok()) return probe;
      return absl::UnavailableError(
          "The connection to the daemon was lost before the call ended; try again.");
    case absl::StatusCode::kUnimplemented:
      return absl::UnimplementedError(
          "The daemon is older than this client and does not know the call; update it.");
    default:
      return decoded;
  }
}

}  // namespace intelligence
