// The four writing tools. Each starts its jobs for a request that is validated already, on a model
// of its own kind (task of the tool's name) or on a language model (through a prompt).
//
// Called inside the call's Run(); the returned status is an immediate refusal, later failures end
// the call. `request` is moved into the run.
#ifndef INTELLIGENCED_SERVICES_WRITING_TOOLS_TOOLS_H_
#define INTELLIGENCED_SERVICES_WRITING_TOOLS_TOOLS_H_

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "google/protobuf/repeated_ptr_field.h"
#include "protos/intelligence/engine/v1/task.pb.h"
#include "protos/intelligence/v1/writing_tools.pb.h"
#include "runtime/base/byte_span.h"
#include "runtime/models/manifest.h"
#include "services/rpc/serve.h"

namespace intelligenced {

namespace engine_proto = ::intelligence::engine::v1;

// A model with this capability is driven through prompts.
inline constexpr std::string_view kLanguageModelCapability = "language.generate";

// Texts up to this size are cut up on the calling thread; longer ones on Runtime::blocking().
inline constexpr size_t kQuickTextBytes = 64 << 10;

void StartProofread(std::shared_ptr<StreamCall> call, Manifest model,
                    intelligence::v1::ProofreadTextRequest request);
void StartNativeProofread(std::shared_ptr<StreamCall> call, Manifest model,
                          intelligence::v1::ProofreadTextRequest request);
void StartRewrite(std::shared_ptr<StreamCall> call, Manifest model,
                  intelligence::v1::RewriteTextRequest request);
void StartNativeRewrite(std::shared_ptr<StreamCall> call, Manifest model,
                        intelligence::v1::RewriteTextRequest request);
void StartSummarize(std::shared_ptr<StreamCall> call, Manifest model,
                    intelligence::v1::SummarizeTextRequest request);
void StartNativeSummarize(std::shared_ptr<StreamCall> call, Manifest model,
                          intelligence::v1::SummarizeTextRequest request);
void StartCompose(std::shared_ptr<StreamCall> call, Manifest model,
                  intelligence::v1::ComposeTextRequest request);

// How many jobs of one call are with the scheduler at a time.
inline constexpr int kJobWindow = 16;

// What may not change in a text: code, links and the like, and the caller's ranges. Sorted.
std::vector<ByteSpan> ProtectedSpansOf(
    std::string_view text,
    const google::protobuf::RepeatedPtrField<intelligence::v1::TextRange>& ranges, bool quotations);
void SetProtectedRanges(const std::vector<ByteSpan>& spans,
                        google::protobuf::RepeatedPtrField<engine_proto::ByteRange>* ranges);

// True when all of `span` is in one of `spans` (sorted, not touching).
bool CoveredBy(const std::vector<ByteSpan>& spans, ByteSpan span);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_WRITING_TOOLS_TOOLS_H_
