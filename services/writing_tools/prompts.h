// What a language model is asked for each writing tool: a system message with the rules, examples
// where they help small models, and the text as the user's message, never as an instruction.
// Pure and thread-safe.
//
// Rules and examples are marked as shared between clients (GenerateTask.shared_messages) where they
// hold nothing of the request but the name of a language. A custom instruction, a context and a
// language tag with more in it than language and country are the client's words and are not.
#ifndef INTELLIGENCED_SERVICES_WRITING_TOOLS_PROMPTS_H_
#define INTELLIGENCED_SERVICES_WRITING_TOOLS_PROMPTS_H_

#include <cstdint>
#include <string_view>

#include "protos/intelligence/engine/v1/task.pb.h"
#include "protos/intelligence/v1/writing_tools.pb.h"

namespace intelligenced {

namespace engine_proto = ::intelligence::engine::v1;

// The tasks leave max_output_tokens to the caller, which knows the context.
engine_proto::GenerateTask ProofreadPrompt(std::string_view text, std::string_view language);
// The same for a model that was trained on one form of prompt: `form` has "{text}" once.
engine_proto::GenerateTask TrainedProofreadPrompt(std::string_view form, std::string_view text);

// `candidate` counts from 0: later ones are drawn with more freedom, so that they differ.
// `has_marks`: protected parts were replaced by marks in double brackets (placeholders.h).
engine_proto::GenerateTask RewritePrompt(const intelligence::v1::RewriteTextRequest& request,
                                         std::string_view text, bool has_marks, uint32_t candidate);

// One text that fits, or joined notes of a longer one (`from_notes`).
engine_proto::GenerateTask SummarizePrompt(const intelligence::v1::SummarizeTextRequest& request,
                                           std::string_view text, bool from_notes);
// Notes on one part of a longer text.
engine_proto::GenerateTask NotesPrompt(const intelligence::v1::SummarizeTextRequest& request,
                                       std::string_view text);

engine_proto::GenerateTask ComposePrompt(const intelligence::v1::ComposeTextRequest& request);

// Tokens of everything but the text, by EstimateTokens(), chat template included.
uint32_t PromptTokens(const engine_proto::GenerateTask& task, std::string_view text);

// "at most" of vocabulary and API, by type and length. 0: no such limit.
int MaxKeyPoints(intelligence::v1::SummaryLength length);
int MaxHeadlineWords(intelligence::v1::SummaryLength length);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_WRITING_TOOLS_PROMPTS_H_
