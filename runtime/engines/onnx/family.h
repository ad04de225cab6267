// A family: what must be known of a published network to ask it a question about a picture. What
// goes into its tensors, and what comes out of them, is one small file for each in families/, as
// far as possible in pure functions.
#ifndef INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILY_H_
#define INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILY_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/base/cancel.h"
#include "runtime/engines/onnx/network.h"
#include "runtime/engines/onnx/view.h"

namespace intelligenced {

inline constexpr char kModelRole[] = "model";

// What a family is made of.
struct FamilyParts {
  // By the role of the file: "model" is always there, others where the family says so.
  std::map<std::string, std::unique_ptr<Network>, std::less<>> networks;
  // Lines of the file with the role "labels".
  std::vector<std::string> labels;
};

// Used by one thread at a time.
class Family {
 public:
  virtual ~Family() = default;

  using RequestKind = vision_proto::VisionRequest::KindCase;
  // At least one.
  virtual absl::Span<const RequestKind> serves() const = 0;

  // Answers a request of a kind that it serves: everything of at least the request's
  // min_confidence (its own threshold where that is 0), in any order and number: the caller sorts
  // and cuts. Errors: CANCELLED; ENGINE_FAILURE where the network's answer is not of the family's
  // shape; those of Network::Run.
  virtual absl::Status Answer(const View& view, const vision_proto::VisionRequest& request,
                              const CancelToken& cancel, vision_proto::VisionResult* result) = 0;
};

struct FamilyEntry {
  // As in a manifest.
  std::string_view name;
  // MODEL_LOAD_FAILED when the networks are not of the family's shapes, with both.
  absl::StatusOr<std::unique_ptr<Family>> (*make)(FamilyParts parts);
};

// All that there are, sorted by name.
absl::Span<const FamilyEntry> AllFamilies();

// --- For families ---

// MODEL_LOAD_FAILED unless the network has exactly this one input.
absl::Status CheckInput(const Network& network, std::string_view family, const Shape& expected);

// Where the output of this name, or of this shape, is among the network's; MODEL_LOAD_FAILED when
// there is none.
absl::StatusOr<size_t> FindOutput(const Network& network, std::string_view family,
                                  std::string_view name, const Shape& expected);
absl::StatusOr<size_t> FindOutputOfShape(const Network& network, std::string_view family,
                                         const Shape& expected);

// ENGINE_FAILURE unless the tensor has so many numbers.
absl::Status ExpectCount(const Tensor& tensor, int64_t count);

// The request's own threshold, or the family's.
float MinConfidence(const vision_proto::VisionRequest& request, float own);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_ENGINES_ONNX_FAMILY_H_
