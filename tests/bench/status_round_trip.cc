// What the daemon adds to a round trip: GetStatus against a bare echo of the same message type,
// both over Unix sockets, interleaved in one run so that the machine's mood hits both alike.
//
// usage: status_round_trip DAEMON_SOCKET [ROUNDS]
// Prints JSON: medians in microseconds and their ratio.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "grpcpp/grpcpp.h"
#include "protos/intelligence/v1/system.grpc.pb.h"

namespace {

using intelligence::v1::GetStatusRequest;
using intelligence::v1::SystemService;
using intelligence::v1::SystemStatus;

class Echo final : public SystemService::CallbackService {
 public:
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context, const GetStatusRequest*,
                                      SystemStatus*) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

// Runs the echo server in a process of its own, as the daemon is; returns its pid.
pid_t StartEcho(const std::string& socket) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  Echo echo;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials());
  builder.RegisterService(&echo);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  server->Wait();
  _exit(0);
}

double RoundTrip(SystemService::Stub& stub) {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  SystemStatus status;
  const auto start = std::chrono::steady_clock::now();
  const grpc::Status result = stub.GetStatus(&context, GetStatusRequest(), &status);
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
  if (!result.ok()) {
    std::fprintf(stderr, "GetStatus: %s\n", result.error_message().c_str());
    std::exit(1);
  }
  return took.count();
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: status_round_trip DAEMON_SOCKET [ROUNDS]\n");
    return 2;
  }
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5000;
  const std::string echo_socket = "/tmp/intelligenced-echo-" + std::to_string(getpid()) + ".sock";
  const pid_t echo = StartEcho(echo_socket);
  {
    const auto daemon_stub = SystemService::NewStub(
        grpc::CreateChannel(std::string("unix:") + argv[1], grpc::InsecureChannelCredentials()));
    const auto echo_stub = SystemService::NewStub(
        grpc::CreateChannel("unix:" + echo_socket, grpc::InsecureChannelCredentials()));
    for (int i = 0; i < 200; ++i) {
      RoundTrip(*daemon_stub);
      RoundTrip(*echo_stub);
    }
    std::vector<double> daemon_times;
    std::vector<double> echo_times;
    for (int i = 0; i < rounds; ++i) {
      daemon_times.push_back(RoundTrip(*daemon_stub));
      echo_times.push_back(RoundTrip(*echo_stub));
    }
    const double daemon_median = Median(daemon_times);
    const double echo_median = Median(echo_times);
    std::printf("{\"daemon_us\": %.1f, \"echo_us\": %.1f, \"ratio\": %.3f, \"rounds\": %d}\n",
                daemon_median, echo_median, daemon_median / echo_median, rounds);
  }
  kill(echo, SIGTERM);
  waitpid(echo, nullptr, 0);
  unlink(echo_socket.c_str());
  return 0;
}
