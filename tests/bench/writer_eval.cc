// Proofreads many texts through the SDK: what ./dev bench writer judges.
//
// usage: writer_eval SOCKET MODEL [CLIENTS] < texts
// Standard input: a JSON string on each line. Standard output: for each, in order, an object with
// "text" (corrected), "edits" ([start, end, replacement, confidence] each), "first_ms" (until the
// first correction, else until the end), "ms", or "error" with the error's words.
#include <intelligence/client.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "runtime/base/clock.h"

namespace {

using nlohmann::json;

std::string Judge(const intelligence::Client& client, const std::string& model,
                  const std::string& text, const intelligenced::Clock& clock) {
  const absl::Time start = clock.Now();
  std::optional<absl::Time> first;
  const absl::StatusOr<intelligence::ProofreadTextResult> result = client.ProofreadText(
      {.text = text}, {.model = model}, [&](const intelligence::ProofreadTextEvent& event) {
        if (std::holds_alternative<intelligence::Correction>(event) && !first) {
          first = clock.Now();
        }
      });
  const absl::Time end = clock.Now();
  json line;
  if (!result.ok()) {
    line["error"] = std::string(result.status().message());
  } else {
    line["text"] = result->corrected_text;
    line["edits"] = json::array();
    for (const intelligence::Correction& edit : result->corrections) {
      line["edits"].push_back({edit.start, edit.end, edit.replacement, edit.confidence});
    }
  }
  line["first_ms"] = absl::ToDoubleMilliseconds(first.value_or(end) - start);
  line["ms"] = absl::ToDoubleMilliseconds(end - start);
  return line.dump();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: writer_eval SOCKET MODEL [CLIENTS] < texts\n");
    return 2;
  }
  const int clients = argc > 3 ? std::clamp(std::atoi(argv[3]), 1, 64) : 1;
  const absl::StatusOr<intelligence::Client> client =
      intelligence::Client::Connect({.socket_path = argv[1]});
  if (!client.ok()) {
    std::fprintf(stderr, "%s\n", client.status().ToString().c_str());
    return 1;
  }
  std::vector<std::string> texts;
  for (std::string line; std::getline(std::cin, line);) {
    const json text = json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!text.is_string()) {
      std::fprintf(stderr, "Line %zu is no JSON string.\n", texts.size() + 1);
      return 1;
    }
    texts.push_back(text.get<std::string>());
  }
  const intelligenced::SystemClock clock;
  std::vector<std::string> answers(texts.size());
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < texts.size(); i = next++) {
      answers[i] = Judge(*client, argv[2], texts[i], clock);
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < clients; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  for (const std::string& answer : answers) std::printf("%s\n", answer.c_str());
  return 0;
}
