// The SDK's types as JSON, and the API's names for their values. Pure functions.
//
// Keys are the API's field names; durations are seconds ("queue_time_seconds"), times are RFC 3339,
// sizes are bytes, enumerations have the API's names without their prefix ("SPELLING").
#ifndef INTELLIGENCED_CLIENTS_MLCTL_JSON_H_
#define INTELLIGENCED_CLIENTS_MLCTL_JSON_H_

#include <intelligence/client.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace intelligenced::mlctl {

using Json = nlohmann::ordered_json;

std::string_view Name(intelligence::RequestClass value);
std::string_view Name(intelligence::FinishReason value);
std::string_view Name(intelligence::Role value);
std::string_view Name(intelligence::CorrectionType value);
std::string_view Name(intelligence::ModelState value);
std::string_view Name(intelligence::Availability value);
std::string_view Name(intelligence::ServingState value);
std::string_view Name(intelligence::DiagnosticCheck::Result value);

Json ToJson(const intelligence::Usage& usage);
Json ToJson(const intelligence::Correction& correction);
Json ToJson(const intelligence::ProofreadTextResult& result);
Json ToJson(const intelligence::RewriteTextResult& result);
Json ToJson(const intelligence::SummarizeTextResult& result);
Json ToJson(const intelligence::ComposeTextResult& result);
Json ToJson(const intelligence::ToolCall& call);
Json ToJson(const intelligence::Message& message);
Json ToJson(const intelligence::GenerateTextResult& result);
Json ToJson(const intelligence::CountTokensResult& result);
Json ToJson(const intelligence::SessionInfo& session);
Json ToJson(const intelligence::Model& model);
Json ToJson(const intelligence::SystemStatus& status);
Json ToJson(const intelligence::ActivityRecord& record);
Json ToJson(const intelligence::DiagnosticCheck& check);
Json ErrorToJson(const absl::Status& status);

// One line. Bytes that are not UTF-8 become U+FFFD instead of failing.
std::string Dump(const Json& json);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_JSON_H_
