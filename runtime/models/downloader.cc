#include "runtime/models/downloader.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "runtime/base/fd.h"
#include "runtime/base/reasons.h"
#include "runtime/models/http_exchange.h"
#include "runtime/models/sha256.h"

namespace intelligenced {
namespace {

constexpr int kMaxRedirects = 5;
constexpr size_t kMaxUrlBytes = 2048;
// Redirects may carry long signatures.
constexpr size_t kMaxRedirectBytes = 16384;
constexpr size_t kMaxPointerBytes = 1024;

struct UrlParts {
  std::string scheme;
  std::string host;
  bool credentials = false;
};

struct CurlUrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

bool ParseUrl(const std::string& text, UrlParts& parts) {
  const std::unique_ptr<CURLU, CurlUrlDeleter> url(curl_url());
  if (url == nullptr || curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) {
    return false;
  }
  auto get = [&](CURLUPart part, std::string& to) {
    char* value = nullptr;
    if (curl_url_get(url.get(), part, &value, 0) != CURLUE_OK) return false;
    to = value;
    curl_free(value);
    return true;
  };
  std::string unused;
  parts.credentials = get(CURLUPART_USER, unused) || get(CURLUPART_PASSWORD, unused);
  return get(CURLUPART_SCHEME, parts.scheme) && get(CURLUPART_HOST, parts.host);
}

bool IsLoopbackHost(const std::string& host) {
  if (host == "localhost" || host == "[::1]") return true;
  const std::vector<std::string> numbers = absl::StrSplit(host, '.');
  return numbers.size() == 4 && numbers[0] == "127" &&
         std::all_of(numbers.begin(), numbers.end(), [](const std::string& number) {
           int value = 0;
           return absl::SimpleAtoi(number, &value) && value >= 0 && value <= 255;
         });
}

// Why an address may not be fetched from; empty when it may.
std::string RefusalOf(std::string_view text, size_t max_bytes, UrlParts& parts) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f;
  });
  // The library takes three slashes for two.
  if (text.empty() || text.size() > max_bytes || !plain || absl::StrContains(text, ":///") ||
      !ParseUrl(std::string(text), parts) || parts.host.empty()) {
    return "It is no usable address.";
  }
  if (parts.credentials) return "It holds a name or password; none are ever sent.";
  if (parts.scheme == "https") return "";
  if (parts.scheme == "http" && IsLoopbackHost(parts.host)) return "";
  return "Only https addresses are allowed (and http to this machine itself).";
}

absl::Status HttpError(const HttpResponse& response) {
  ErrorFacts facts;
  facts.metadata = {{"http_status", absl::StrCat(response.code)}};
  std::string what = "Try again later.";
  if (response.code == 404 || response.code == 410) {
    what = "It has no such file any more: check the address.";
  } else if (response.code == 401 || response.code == 403) {
    what = "It wants an account. Download the file there yourself and use `mlctl models import`.";
  } else {
    int64_t seconds = 0;
    const bool said = absl::SimpleAtoi(response.Header("retry-after"), &seconds) && seconds > 0;
    facts.retry_delay = absl::Seconds(said ? std::min<int64_t>(seconds, 3600) : 30);
  }
  return MakeError(Reason::kDownloadFailed,
                   absl::StrCat("The server answers ", response.code, ". ", what),
                   std::move(facts));
}

bool IsRedirect(long code) {
  return code == 301 || code == 302 || code == 303 || code == 307 || code == 308;
}

// The address to go on with after a redirect.
absl::StatusOr<std::string> NextAddress(const HttpResponse& response, bool from_loopback) {
  UrlParts parts;
  const std::string refusal = RefusalOf(response.redirect_url, kMaxRedirectBytes, parts);
  if (!refusal.empty()) {
    return MakeError(Reason::kDownloadFailed,
                     absl::StrCat("The server sends the download elsewhere. ", refusal));
  }
  if (IsLoopbackHost(parts.host) && !from_loopback) {
    return MakeError(Reason::kDownloadFailed,
                     "The server sends the download to this machine itself; refused.");
  }
  return response.redirect_url;
}

// "bytes 100-199/200" or "bytes */200".
struct ContentRange {
  std::optional<uint64_t> first;
  std::optional<uint64_t> total;
};

ContentRange ParseContentRange(std::string_view text) {
  ContentRange range;
  if (!absl::ConsumePrefix(&text, "bytes ")) return range;
  const std::pair<std::string_view, std::string_view> halves =
      absl::StrSplit(text, absl::MaxSplits('/', 1));
  uint64_t number = 0;
  if (absl::SimpleAtoi(halves.second, &number)) range.total = number;
  const size_t dash = halves.first.find('-');
  if (dash != std::string_view::npos && absl::SimpleAtoi(halves.first.substr(0, dash), &number)) {
    range.first = number;
  }
  return range;
}

// One file on its way; survives redirects and one fresh start.
class PartialFile {
 public:
  PartialFile(const DownloadRequest& request, FileSystem* files)
      : request_(request), files_(files) {}

  absl::Status Open() {
    file_.reset(::open(request_.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    struct stat info;
    if (!file_.valid() || ::fstat(file_.get(), &info) != 0) {
      return FileError(errno, "cannot open", request_.path);
    }
    have_ = static_cast<uint64_t>(info.st_size);
    if (request_.size_bytes != 0 && have_ > request_.size_bytes) return Restart();
    if (::lseek(file_.get(), 0, SEEK_END) < 0)
      return FileError(errno, "cannot read", request_.path);
    return absl::OkStatus();
  }

  uint64_t have() const { return have_; }
  bool complete() const { return request_.size_bytes != 0 && have_ == request_.size_bytes; }
  bool started_over() const { return started_over_; }

  absl::Status Restart() {
    if (::ftruncate(file_.get(), 0) != 0 || ::lseek(file_.get(), 0, SEEK_SET) < 0) {
      return FileError(errno, "cannot write", request_.path);
    }
    have_ = 0;
    ::unlink(EtagPath().c_str());
    return absl::OkStatus();
  }

  void Discard() {
    file_.reset();
    ::unlink(request_.path.c_str());
    ::unlink(EtagPath().c_str());
  }

  std::vector<std::string> RangeHeaders() const {
    if (have_ == 0) return {};
    std::vector<std::string> headers = {absl::StrCat("Range: bytes=", have_, "-")};
    const absl::StatusOr<std::string> etag = ReadFile(EtagPath(), 1024);
    // Another version under the same address then comes whole instead of as a wrong tail. Without
    // one the hash of the whole file decides.
    if (etag.ok() && !etag->empty()) headers.push_back("If-Range: " + *etag);
    return headers;
  }

  absl::Status OnStart(const HttpResponse& response) {
    if (IsRedirect(response.code)) return absl::OkStatus();
    const ContentRange range = ParseContentRange(response.Header("content-range"));
    uint64_t total = 0;
    if (response.code == 206) {
      if (range.first != have_) {
        started_over_ = true;
        return MakeError(Reason::kDownloadFailed, "The server sent another part than asked for.");
      }
      total = range.total.value_or(0);
    } else if (response.code == 200) {
      if (have_ > 0) {
        if (absl::Status status = Restart(); !status.ok()) return status;
      }
      static_cast<void>(absl::SimpleAtoi(response.Header("content-length"), &total));
    } else if (response.code == 416) {
      if (range.total == have_ && request_.size_bytes == 0) {
        total_ = have_;
        return absl::OkStatus();
      }
      started_over_ = true;
      return MakeError(Reason::kDownloadFailed, "The server has no such part of the file.");
    } else {
      return HttpError(response);
    }
    if (request_.size_bytes != 0 && total != 0 && total != request_.size_bytes) {
      return WrongSize(total);
    }
    total_ = request_.size_bytes != 0 ? request_.size_bytes : total;
    if (total_ == 0) {
      return MakeError(Reason::kDownloadFailed,
                       "The server does not say how long the file is; it could fill the disk.");
    }
    if (total_ > have_ && request_.check_room) {
      if (absl::Status status = request_.check_room(total_ - have_); !status.ok()) return status;
    }
    const std::string etag = response.Header("etag");
    if (!etag.empty() && !absl::StartsWith(etag, "W/") && etag.size() < 512) {
      UniqueFd file(::open(EtagPath().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
      if (file.valid()) WriteAll(*files_, file.get(), etag, EtagPath()).IgnoreError();
    }
    accept_body_ = true;
    Report();
    return absl::OkStatus();
  }

  absl::Status OnBody(std::string_view bytes) {
    if (!accept_body_) return absl::OkStatus();
    if (request_.size_bytes != 0 && have_ + bytes.size() > request_.size_bytes) {
      return WrongSize(have_ + bytes.size());
    }
    absl::Status status = WriteAll(*files_, file_.get(), bytes, request_.path);
    if (HasReason(status, Reason::kDiskFull)) {
      const size_t slash = request_.path.rfind('/');
      const absl::StatusOr<uint64_t> free = files_->FreeBytes(request_.path.substr(0, slash));
      return MakeError(Reason::kDiskFull,
                       absl::StrCat("The disk became full during the download. Make room for ",
                                    total_, " bytes and try again."),
                       {.metadata = {{"needed_bytes", absl::StrCat(total_)},
                                     {"available_bytes", absl::StrCat(free.value_or(0) + have_)}},
                        .retry_delay = {},
                        .field = {}});
    }
    if (!status.ok()) return status;
    have_ += bytes.size();
    Report();
    return absl::OkStatus();
  }

  absl::Status AtEnd() {
    if (request_.size_bytes != 0 && have_ != request_.size_bytes) return WrongSize(have_);
    ::unlink(EtagPath().c_str());
    return absl::OkStatus();
  }

 private:
  std::string EtagPath() const { return request_.path + ".etag"; }
  void Report() {
    if (request_.progress) request_.progress(have_, total_);
  }
  absl::Status WrongSize(uint64_t size) const {
    return MakeError(Reason::kModelCorrupt,
                     absl::StrCat("The server's file has ", size, " bytes, not the expected ",
                                  request_.size_bytes, ". It was discarded."));
  }

  const DownloadRequest& request_;
  FileSystem* const files_;
  UniqueFd file_;
  uint64_t have_ = 0;
  uint64_t total_ = 0;
  bool accept_body_ = false;
  bool started_over_ = false;
};

}  // namespace

absl::Status CheckDownloadUrl(std::string_view field, std::string_view url) {
  UrlParts parts;
  const std::string refusal = RefusalOf(url, kMaxUrlBytes, parts);
  return refusal.empty() ? absl::OkStatus() : FieldError(field, refusal);
}

Downloader::Downloader(DownloadOptions options, FileSystem* files)
    : options_(options), files_(files) {}

absl::Status Downloader::Download(const DownloadRequest& request) const {
  if (absl::Status status = CheckDownloadUrl("url", request.url); !status.ok()) return status;
  absl::Status status;
  // The second time only when the first could not continue what was there.
  for (int attempt = 0; attempt < 2; ++attempt) {
    PartialFile file(request, files_);
    status = file.Open();
    if (!status.ok()) return status;
    if (attempt > 0) {
      status = file.Restart();
      if (!status.ok()) return status;
    }
    if (file.complete()) return absl::OkStatus();
    std::string url = request.url;
    bool done = false;
    for (int hop = 0; hop <= kMaxRedirects && status.ok() && !done; ++hop) {
      UrlParts parts;
      ParseUrl(url, parts);
      HttpRequest http;
      http.url = url;
      http.loopback = IsLoopbackHost(parts.host);
      http.headers = file.RangeHeaders();
      auto response = ExchangeHttp(
          http, options_, request.cancel, [&](const HttpResponse& r) { return file.OnStart(r); },
          [&](std::string_view bytes) { return file.OnBody(bytes); });
      status = response.status();
      if (!status.ok()) break;
      done = !IsRedirect(response->code);
      if (done) break;
      auto next = NextAddress(*response, http.loopback);
      status = next.status();
      if (next.ok()) url = *std::move(next);
    }
    if (status.ok() && !done) {
      status = MakeError(Reason::kDownloadFailed, "The server sends the download in circles.");
    }
    if (status.ok()) status = file.AtEnd();
    if (HasReason(status, Reason::kModelCorrupt) || HasReason(status, Reason::kDiskFull)) {
      file.Discard();
    }
    if (!file.started_over()) return status;
  }
  return status;
}

absl::StatusOr<RemoteFile> Downloader::AskHub(const std::string& url,
                                              const CancelToken& cancel) const {
  if (absl::Status status = CheckDownloadUrl("url", url); !status.ok()) return status;
  auto nothing = [](auto&&...) { return absl::OkStatus(); };
  RemoteFile file;
  UrlParts origin;
  ParseUrl(url, origin);
  std::string at = url;
  for (int hop = 0; hop <= kMaxRedirects; ++hop) {
    HttpRequest http{
        .url = at, .headers = {}, .head = true, .loopback = IsLoopbackHost(origin.host)};
    auto response = ExchangeHttp(http, options_, cancel, nothing, nothing);
    if (!response.ok()) return response.status();
    std::string etag = response->Header("x-linked-etag");
    etag = std::string(absl::StripSuffix(absl::StripPrefix(etag, "\""), "\""));
    if (IsSha256(etag) && absl::SimpleAtoi(response->Header("x-linked-size"), &file.size_bytes) &&
        file.size_bytes > 0) {
      file.sha256 = etag;
      return file;
    }
    if (!IsRedirect(response->code)) {
      if (response->code != 200) return HttpError(*response);
      break;
    }
    auto next = NextAddress(*response, http.loopback);
    if (!next.ok()) return next.status();
    UrlParts parts;
    ParseUrl(*next, parts);
    // Elsewhere is where the bytes are; only the hub itself says what they should be.
    if (parts.host != origin.host) break;
    at = *std::move(next);
  }
  const size_t resolve = url.find("/resolve/");
  if (resolve != std::string::npos) {
    HttpRequest http;
    http.url = absl::StrCat(url.substr(0, resolve), "/raw/", url.substr(resolve + 9));
    http.loopback = IsLoopbackHost(origin.host);
    std::string body;
    auto response = ExchangeHttp(http, options_, cancel, nothing, [&](std::string_view bytes) {
      if (body.size() + bytes.size() > kMaxPointerBytes) {
        return MakeError(Reason::kModelCorrupt, "The hub gave no Git LFS pointer for the file.");
      }
      body.append(bytes);
      return absl::OkStatus();
    });
    if (!response.ok()) return response.status();
    for (std::string_view line : absl::StrSplit(body, '\n')) {
      if (absl::ConsumePrefix(&line, "oid sha256:")) file.sha256 = std::string(line);
      if (absl::ConsumePrefix(&line, "size ")) {
        static_cast<void>(absl::SimpleAtoi(line, &file.size_bytes));
      }
    }
    if (response->code == 200 && IsSha256(file.sha256) && file.size_bytes > 0) return file;
  }
  return MakeError(Reason::kModelCorrupt,
                   "The hub states no SHA-256 for the file, so it could not be verified. Give its "
                   "address with a SHA-256 instead.");
}

}  // namespace intelligenced
