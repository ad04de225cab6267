// One app's requests to a language model, with the time of everything that comes back.
//
// usage: llm_load SOCKET MODEL      takes one request a line of JSON from standard input, each on a
//                                   thread of its own, and prints what came of each
//        llm_load --prompt TEXT TYPE LENGTH FORMAT
//                                   the messages that a summary of the conversation TEXT asks the
//                                   model, as JSON
//
// A request: {"id": 1, "at": nanoseconds of the monotonic clock, "class": 1 to 3, and either
// "messages": [["user", "…"], …], "max_tokens": n or "text": "…", "type": n, "length": n, "format":
// n}. The daemon knows an app by its executable: copies of this file are different clients.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "grpcpp/grpcpp.h"
#include "nlohmann/json.hpp"
#include "protos/intelligence/v1/language_model.grpc.pb.h"
#include "protos/intelligence/v1/writing_tools.grpc.pb.h"
#include "services/writing_tools/prompts.h"

namespace {

namespace api = intelligence::v1;
using nlohmann::json;

int64_t Now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

api::SummarizeTextRequest Summarize(const std::string& text, int type, int length, int format) {
  api::SummarizeTextRequest request;
  request.set_text(text);
  request.set_type(static_cast<api::SummaryType>(type));
  request.set_length(static_cast<api::SummaryLength>(length));
  request.set_format(static_cast<api::TextFormat>(format));
  request.set_input_type(api::SUMMARY_INPUT_TYPE_CONVERSATION);
  return request;
}

int PrintPrompt(char** arguments) {
  const std::string text = arguments[2];
  const auto task = intelligenced::SummarizePrompt(
      Summarize(text, std::stoi(arguments[3]), std::stoi(arguments[4]), std::stoi(arguments[5])),
      text, /*from_notes=*/false);
  json messages = json::array();
  for (const auto& message : task.conversation().messages()) {
    const bool system = message.role() == intelligenced::engine_proto::ROLE_SYSTEM;
    messages.push_back({{"role", system ? "system" : "user"}, {"content", message.text()}});
  }
  std::cout << messages << std::endl;
  return 0;
}

// Reads a stream to its end and notes when what came.
template <typename Response, typename Reader>
void Follow(Reader& reader, json& result) {
  json times = json::array();
  for (Response response; reader.Read(&response);) {
    if (response.has_delta()) times.push_back(Now());
    if (!response.has_completed()) continue;
    const api::Usage& usage = response.completed().usage();
    result["input_tokens"] = usage.input_tokens();
    result["cached_tokens"] = usage.cached_tokens();
    result["output_tokens"] = usage.output_tokens();
  }
  result["end"] = Now();
  result["deltas"] = std::move(times);
  const grpc::Status status = reader.Finish();
  if (!status.ok()) result["error"] = status.error_message();
}

json Run(const std::shared_ptr<grpc::Channel>& channel, const std::string& model,
         const json& wanted) {
  std::this_thread::sleep_until(std::chrono::steady_clock::time_point(
      std::chrono::nanoseconds(wanted.value("at", int64_t{0}))));
  json result = {{"id", wanted["id"]}, {"begin", Now()}};
  grpc::ClientContext context;
  api::RequestOptions options;
  options.set_model(model);
  options.set_request_class(static_cast<api::RequestClass>(wanted.value("class", 1)));
  if (wanted.contains("text")) {
    api::SummarizeTextRequest request =
        Summarize(wanted["text"], wanted["type"], wanted["length"], wanted["format"]);
    *request.mutable_options() = options;
    const auto stub = api::WritingToolsService::NewStub(channel);
    Follow<api::SummarizeTextResponse>(*stub->SummarizeText(&context, request), result);
    return result;
  }
  api::GenerateTextRequest request;
  *request.mutable_options() = options;
  request.set_max_output_tokens(wanted["max_tokens"]);
  request.mutable_sampling()->set_temperature(0);
  for (const json& message : wanted["messages"]) {
    api::Message* added = request.mutable_conversation()->add_messages();
    added->set_role(message[0] == "system" ? api::ROLE_SYSTEM : api::ROLE_USER);
    added->set_text(message[1]);
  }
  const auto stub = api::LanguageModelService::NewStub(channel);
  Follow<api::GenerateTextResponse>(*stub->GenerateText(&context, request), result);
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 6 && std::string(argv[1]) == "--prompt") return PrintPrompt(argv);
  if (argc != 3) {
    std::cerr << "usage: llm_load SOCKET MODEL\n";
    return 2;
  }
  const auto channel =
      grpc::CreateChannel(std::string("unix:") + argv[1], grpc::InsecureChannelCredentials());
  if (!channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(20))) {
    std::cerr << "llm_load: the daemon does not answer\n";
    return 1;
  }
  std::cout << "{}" << std::endl;
  std::vector<std::thread> threads;
  std::mutex mutex;
  for (std::string line; std::getline(std::cin, line);) {
    threads.emplace_back([&, wanted = json::parse(line)] {
      const json result = Run(channel, argv[2], wanted);
      const std::lock_guard<std::mutex> lock(mutex);
      std::cout << result << std::endl;
    });
  }
  for (std::thread& thread : threads) thread.join();
  return 0;
}
