#include "runtime/engines/onnx/tokenizers/sentence_pieces.h"

#include <sentencepiece_processor.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "runtime/base/file.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/border.h"

namespace intelligenced {
namespace {

// The largest published one (NLLB, M2M100) has 4.9 MB.
constexpr uint64_t kMaxModelBytes = uint64_t{64} << 20;

template <typename Result, typename Work>
absl::StatusOr<Result> Guarded(const Work& work) {
  return GuardOnnx(Reason::kEngineFailure, [&]() -> absl::StatusOr<Result> {
    Result result;
    const auto status = work(&result);
    if (status.ok()) return result;
    return MakeError(Reason::kEngineFailure,
                     absl::StrCat("SentencePiece failed: ", status.ToString()));
  });
}

}  // namespace

struct SentencePieces::Core {
  sentencepiece::SentencePieceProcessor processor;
};

SentencePieces::SentencePieces(std::unique_ptr<Core> core) : core_(std::move(core)) {}

SentencePieces::~SentencePieces() = default;

absl::StatusOr<std::unique_ptr<SentencePieces>> SentencePieces::Load(const std::string& path) {
  const absl::StatusOr<std::string> bytes = ReadFile(path, kMaxModelBytes);
  if (!bytes.ok()) return bytes.status();
  return GuardOnnx(Reason::kModelCorrupt, [&]() -> absl::StatusOr<std::unique_ptr<SentencePieces>> {
    auto core = std::make_unique<Core>();
    const auto status = core->processor.LoadFromSerializedProto(*bytes);
    if (!status.ok() || core->processor.GetPieceSize() == 0) {
      return MakeError(Reason::kModelCorrupt,
                       "The file with the pieces of words is no "
                       "SentencePiece model.");
    }
    return std::unique_ptr<SentencePieces>(new SentencePieces(std::move(core)));
  });
}

absl::StatusOr<std::vector<std::string>> SentencePieces::Encode(std::string_view text) const {
  return Guarded<std::vector<std::string>>(
      [&](auto* pieces) { return core_->processor.Encode(text, pieces); });
}

absl::StatusOr<std::vector<int>> SentencePieces::EncodeNumbers(std::string_view text) const {
  return Guarded<std::vector<int>>(
      [&](auto* numbers) { return core_->processor.Encode(text, numbers); });
}

absl::StatusOr<std::string> SentencePieces::Decode(const std::vector<std::string>& pieces) const {
  return Guarded<std::string>(
      [&](auto* text) { return core_->processor.Decode(absl::MakeConstSpan(pieces), text); });
}

int SentencePieces::size() const { return core_->processor.GetPieceSize(); }

std::string SentencePieces::Piece(int number) const { return core_->processor.IdToPiece(number); }

}  // namespace intelligenced
