// One HTTP request and its answer, blocking, with libcurl. No redirects are followed, no
// credentials sent. Part of the downloader.
#ifndef INTELLIGENCED_RUNTIME_MODELS_HTTP_EXCHANGE_H_
#define INTELLIGENCED_RUNTIME_MODELS_HTTP_EXCHANGE_H_

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/base/cancel.h"
#include "runtime/models/downloader.h"

namespace intelligenced {

struct HttpRequest {
  std::string url;
  // "Name: value".
  std::vector<std::string> headers;
  // Without the body.
  bool head = false;
  // This machine's own address: no proxy.
  bool loopback = false;
};

struct HttpResponse {
  long code = 0;
  // Names in lower case.
  std::map<std::string, std::string> headers;
  // Absolute; empty unless `code` redirects.
  std::string redirect_url;

  std::string Header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

// `on_start` gets code and headers before the first byte of the body (or at the end without one);
// an error from it or from `on_body` ends the exchange and is its result. Other errors:
// DOWNLOAD_FAILED, CANCELLED. Thread-safe.
absl::StatusOr<HttpResponse> ExchangeHttp(const HttpRequest& request,
                                          const DownloadOptions& options, const CancelToken& cancel,
                                          std::function<absl::Status(const HttpResponse&)> on_start,
                                          std::function<absl::Status(std::string_view)> on_body);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_MODELS_HTTP_EXCHANGE_H_
