// A tiny HTTP/1.1 server on 127.0.0.1 for tests: one answer a connection, given by a function.
#ifndef INTELLIGENCED_TESTS_UNIT_MODELS_HTTP_SERVER_H_
#define INTELLIGENCED_TESTS_UNIT_MODELS_HTTP_SERVER_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"

namespace intelligenced {

struct TestRequest {
  std::string method;
  std::string path;
  std::map<std::string, std::string> headers;  // names in lower case
};

struct TestAnswer {
  int code = 200;
  std::vector<std::string> headers;
  std::string body;
  // Sends only so many bytes of the body, then cuts the connection.
  size_t cut_after = std::string::npos;
  // After the bytes that are sent: waits until the client is gone instead of closing.
  bool hang = false;
  // No Content-Length: the body ends with the connection.
  bool no_length = false;
};

class TestHttpServer {
 public:
  using Handler = std::function<TestAnswer(const TestRequest&)>;

  explicit TestHttpServer(Handler handler) : handler_(std::move(handler)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    ::listen(listener_, 16);
    socklen_t size = sizeof(address);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { Accept(); });
  }

  ~TestHttpServer() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    std::vector<std::thread> threads;
    {
      absl::MutexLock lock(mutex_);
      threads.swap(threads_);
    }
    for (std::thread& thread : threads) thread.join();
    ::close(listener_);
  }

  std::string Url(std::string_view path) const {
    return absl::StrCat("http://127.0.0.1:", port_, path);
  }
  std::vector<TestRequest> requests() const {
    absl::MutexLock lock(mutex_);
    return requests_;
  }

  // The usual answer for a file: whole, or the part that was asked for.
  static TestAnswer File(const TestRequest& request, const std::string& content,
                         const std::string& etag = "\"1\"") {
    TestAnswer answer;
    answer.body = content;
    answer.headers = {"ETag: " + etag, "Accept-Ranges: bytes"};
    const auto range = request.headers.find("range");
    const auto condition = request.headers.find("if-range");
    if (range == request.headers.end()) return answer;
    if (condition != request.headers.end() && condition->second != etag) return answer;
    size_t first = 0;
    static_cast<void>(absl::SimpleAtoi(range->second.substr(6, range->second.size() - 7), &first));
    if (first >= content.size()) {
      return {.code = 416,
              .headers = {absl::StrCat("Content-Range: bytes */", content.size())},
              .body = {}};
    }
    answer.code = 206;
    answer.headers.push_back(
        absl::StrCat("Content-Range: bytes ", first, "-", content.size() - 1, "/", content.size()));
    answer.body = content.substr(first);
    return answer;
  }

 private:
  void Accept() {
    while (true) {
      const int connection = ::accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      absl::MutexLock lock(mutex_);
      threads_.emplace_back([this, connection] {
        Serve(connection);
        ::close(connection);
      });
    }
  }

  void Serve(int connection) {
    std::string text;
    char buffer[4096];
    while (!absl::StrContains(text, "\r\n\r\n")) {
      const ssize_t got = ::recv(connection, buffer, sizeof(buffer), 0);
      if (got <= 0) return;
      text.append(buffer, static_cast<size_t>(got));
    }
    TestRequest request;
    std::vector<std::string> lines = absl::StrSplit(text, "\r\n");
    const std::vector<std::string> words = absl::StrSplit(lines[0], ' ');
    request.method = words[0];
    request.path = words.at(1);
    for (size_t i = 1; i < lines.size(); ++i) {
      const std::pair<std::string, std::string> parts =
          absl::StrSplit(lines[i], absl::MaxSplits(": ", 1));
      if (!parts.first.empty()) request.headers[absl::AsciiStrToLower(parts.first)] = parts.second;
    }
    {
      absl::MutexLock lock(mutex_);
      requests_.push_back(request);
    }
    const TestAnswer answer = handler_(request);
    std::string out = absl::StrCat("HTTP/1.1 ", answer.code, " x\r\nConnection: close\r\n");
    for (const std::string& header : answer.headers) absl::StrAppend(&out, header, "\r\n");
    if (!answer.no_length) {
      absl::StrAppend(&out, "Content-Length: ", answer.body.size(), "\r\n");
    }
    out += "\r\n";
    if (request.method != "HEAD") out += answer.body.substr(0, answer.cut_after);
    std::string_view left = out;
    while (!left.empty()) {
      const ssize_t put = ::send(connection, left.data(), left.size(), MSG_NOSIGNAL);
      if (put <= 0) return;
      left.remove_prefix(static_cast<size_t>(put));
    }
    if (answer.hang) {
      while (::recv(connection, buffer, sizeof(buffer), 0) > 0) {
      }
    }
  }

  const Handler handler_;
  int listener_ = -1;
  int port_ = 0;
  std::thread acceptor_;
  mutable absl::Mutex mutex_;
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  std::vector<TestRequest> requests_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_UNIT_MODELS_HTTP_SERVER_H_
