#include "runtime/models/http_exchange.h"

#include <curl/curl.h>

#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

constexpr size_t kMaxHeaderBytes = size_t{256} << 10;

struct State {
  CURL* easy = nullptr;
  HttpResponse response;
  std::function<absl::Status(const HttpResponse&)> on_start;
  std::function<absl::Status(std::string_view)> on_body;
  size_t header_bytes = 0;
  bool started = false;
  // Why we ended the exchange ourselves.
  absl::Status stop;

  bool Start() {
    if (started) return stop.ok();
    started = true;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &response.code);
    stop = on_start(response);
    return stop.ok();
  }
};

size_t OnHeader(char* data, size_t size, size_t count, void* user) {
  State& state = *static_cast<State*>(user);
  const size_t bytes = size * count;
  state.header_bytes += bytes;
  if (state.header_bytes > kMaxHeaderBytes) {
    state.stop = MakeError(Reason::kDownloadFailed, "The server's answer has too many headers.");
    return 0;
  }
  std::string_view line(data, bytes);
  // A new answer begins (after "100 Continue").
  if (absl::StartsWith(line, "HTTP/")) state.response.headers.clear();
  if (const size_t colon = line.find(':'); colon != std::string_view::npos) {
    state.response.headers[absl::AsciiStrToLower(line.substr(0, colon))] =
        std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
  }
  return bytes;
}

size_t OnBody(char* data, size_t size, size_t count, void* user) {
  State& state = *static_cast<State*>(user);
  if (!state.Start()) return 0;
  state.stop = state.on_body(std::string_view(data, size * count));
  return state.stop.ok() ? size * count : 0;
}

// The library's handles are all `void`.
struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

absl::Status Failed(CURLcode code, const char* detail, const DownloadOptions& options) {
  std::string what = detail[0] != '\0' ? detail : curl_easy_strerror(code);
  if (code == CURLE_OPERATION_TIMEDOUT) {
    what = absl::StrCat("it did not answer, or for ", absl::ToInt64Seconds(options.low_speed_time),
                        " s hardly anything came");
  }
  ErrorFacts facts;
  facts.retry_delay = absl::Seconds(5);
  return MakeError(Reason::kDownloadFailed,
                   absl::StrCat("The download was interrupted: ", what,
                                ". What has come is kept; try again to continue."),
                   std::move(facts));
}

}  // namespace

absl::StatusOr<HttpResponse> ExchangeHttp(const HttpRequest& request,
                                          const DownloadOptions& options, const CancelToken& cancel,
                                          std::function<absl::Status(const HttpResponse&)> on_start,
                                          std::function<absl::Status(std::string_view)> on_body) {
  // Here and not earlier: it makes the TLS library resident, 4 MB that an idle daemon does not
  // need. Thread-safe, and counts its calls; nothing is undone because others may use the library.
  curl_global_init(CURL_GLOBAL_DEFAULT);
  std::unique_ptr<CURL, EasyDeleter> easy(curl_easy_init());
  std::unique_ptr<CURLM, MultiDeleter> multi(curl_multi_init());
  std::unique_ptr<curl_slist, ListDeleter> headers;
  if (easy == nullptr || multi == nullptr) {
    return MakeError(Reason::kDownloadFailed, "The download cannot start: out of memory.");
  }
  for (const std::string& line : request.headers) {
    curl_slist* const list = curl_slist_append(headers.get(), line.c_str());
    if (list == nullptr) continue;
    static_cast<void>(headers.release());
    headers.reset(list);
  }
  State state;
  state.easy = easy.get();
  state.on_start = std::move(on_start);
  state.on_body = std::move(on_body);
  char detail[CURL_ERROR_SIZE] = "";
  CURL* const handle = easy.get();
  curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, request.loopback ? "http,https" : "https");
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(handle, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_NOBODY, request.head ? 1L : 0L);
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "intelligenced");
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, detail);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(absl::ToInt64Milliseconds(options.connect_timeout)));
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(options.low_speed_bytes));
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME,
                   static_cast<long>(absl::ToInt64Seconds(options.low_speed_time)));
  if (request.loopback) curl_easy_setopt(handle, CURLOPT_PROXY, "");
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, OnHeader);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &state);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &state);

  CURLcode result = CURLE_OK;
  curl_multi_add_handle(multi.get(), handle);
  {
    CURLM* const waking = multi.get();
    const CancelRegistration registration =
        cancel.OnCancel([waking] { curl_multi_wakeup(waking); });
    int running = 1;
    while (running > 0 && !cancel.cancelled()) {
      if (curl_multi_perform(multi.get(), &running) != CURLM_OK) break;
      int left = 0;
      while (const CURLMsg* message = curl_multi_info_read(multi.get(), &left)) {
        if (message->msg == CURLMSG_DONE) result = message->data.result;
      }
      if (running > 0) curl_multi_poll(multi.get(), nullptr, 0, 1000, nullptr);
    }
    if (running > 0) result = CURLE_ABORTED_BY_CALLBACK;
  }
  // The body's end is the last moment to look at an answer without one.
  if (result == CURLE_OK) state.Start();
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &state.response.code);
  if (const char* url = nullptr;
      curl_easy_getinfo(handle, CURLINFO_REDIRECT_URL, &url) == CURLE_OK && url != nullptr) {
    state.response.redirect_url = url;
  }
  curl_multi_remove_handle(multi.get(), handle);
  if (cancel.cancelled()) {
    return MakeError(
        Reason::kCancelled,
        "The download was cancelled. What has come is kept; install again to continue.");
  }
  if (!state.stop.ok()) return state.stop;
  if (result != CURLE_OK) return Failed(result, detail, options);
  return std::move(state.response);
}

}  // namespace intelligenced
