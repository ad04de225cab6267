// What serving adds to decoding: the same jobs stepped on the engine in this process, and streamed
// from the daemon to as many clients, taken in turn in one run.
//
// usage: stream_overhead DAEMON_SOCKET MODEL_NAME MODEL_FILE [CLIENTS] [TOKENS] [ROUNDS]
// Prints JSON: tokens a second of both (medians over the rounds) and their ratio.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "grpcpp/grpcpp.h"
#include "protos/intelligence/v1/language_model.grpc.pb.h"
#include "runtime/engines/llama/llama_engine.h"

namespace {

namespace api = intelligence::v1;
using intelligenced::engine_proto::Task;

struct Setup {
  std::string socket;
  std::string model;
  std::string file;
  int clients = 16;
  int tokens = 200;
};

double Seconds(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Tokens a second of the engine alone.
double InProcess(intelligenced::Model& model, const Setup& setup) {
  std::vector<std::unique_ptr<intelligenced::Job>> jobs;
  for (int i = 0; i < setup.clients; ++i) {
    Task task;
    task.mutable_generate()->set_prompt("Once upon a time");
    task.mutable_generate()->set_max_output_tokens(setup.tokens);
    task.mutable_generate()->mutable_sampling()->set_temperature(1);
    task.mutable_generate()->mutable_sampling()->set_seed(i + 1);
    auto job = model.Start(task, {});
    if (!job.ok()) std::exit(1);
    jobs.push_back(*std::move(job));
  }
  std::vector<intelligenced::Job*> running;
  for (const auto& job : jobs) running.push_back(job.get());
  double tokens = 0;
  const auto start = std::chrono::steady_clock::now();
  while (!running.empty()) {
    const auto outputs = model.Step(running, {});
    if (!outputs.ok()) std::exit(1);
    std::vector<intelligenced::Job*> left;
    for (size_t i = 0; i < running.size(); ++i) {
      const intelligenced::JobOutput& output = (*outputs)[i];
      if (!output.done) left.push_back(running[i]);
      if (output.done && !output.events.empty()) {
        tokens += output.events.back().completed().output_tokens();
      }
    }
    running = left;
  }
  return tokens / Seconds(start);
}

// Tokens a second over all clients of the daemon.
double Served(const Setup& setup) {
  std::vector<std::thread> threads;
  std::vector<double> tokens(setup.clients, 0);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < setup.clients; ++i) {
    threads.emplace_back([&, i] {
      grpc::ChannelArguments arguments;
      arguments.SetInt("client", i);  // a connection each
      const auto stub = api::LanguageModelService::NewStub(grpc::CreateCustomChannel(
          "unix:" + setup.socket, grpc::InsecureChannelCredentials(), arguments));
      grpc::ClientContext context;
      api::GenerateTextRequest request;
      request.set_prompt("Once upon a time");
      request.set_max_output_tokens(setup.tokens);
      request.mutable_sampling()->set_temperature(1);
      request.mutable_sampling()->set_seed(i + 1);
      request.mutable_options()->set_model(setup.model);
      const auto reader = stub->GenerateText(&context, request);
      for (api::GenerateTextResponse response; reader->Read(&response);) {
        if (response.has_completed()) tokens[i] = response.completed().usage().output_tokens();
      }
      if (!reader->Finish().ok()) std::exit(1);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = Seconds(start);
  double total = 0;
  for (const double count : tokens) total += count;
  return total / seconds;
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(
        stderr,
        "usage: stream_overhead SOCKET MODEL_NAME MODEL_FILE [CLIENTS] [TOKENS] [ROUNDS]\n");
    return 2;
  }
  Setup setup{.socket = argv[1], .model = argv[2], .file = argv[3]};
  if (argc > 4) setup.clients = std::atoi(argv[4]);
  if (argc > 5) setup.tokens = std::atoi(argv[5]);
  const int rounds = argc > 6 ? std::atoi(argv[6]) : 5;

  intelligenced::engine_proto::ModelSpec spec;
  spec.set_name(setup.model);
  spec.set_engine("llama");
  auto* file = spec.add_files();
  file->set_role("model");
  file->set_path(setup.file);
  const auto engine = intelligenced::MakeLlamaEngine();
  const auto model = engine->Load(spec, {});
  if (!model.ok()) {
    std::fprintf(stderr, "%s\n", std::string(model.status().message()).c_str());
    return 1;
  }
  InProcess(**model, setup);
  Served(setup);
  std::vector<double> in_process;
  std::vector<double> served;
  for (int i = 0; i < rounds; ++i) {
    in_process.push_back(InProcess(**model, setup));
    served.push_back(Served(setup));
  }
  std::printf(
      "{\"clients\": %d, \"in_process_tokens_s\": %.1f, \"served_tokens_s\": %.1f, \"ratio\": "
      "%.3f}\n",
      setup.clients, Median(in_process), Median(served), Median(served) / Median(in_process));
  return 0;
}
