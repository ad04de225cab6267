#include "services/models/import.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "grpcpp/server_context.h"
#include "protos/intelligence/v1/models.pb.h"
#include "protos/support/limits.h"
#include "protos/support/status_codec.h"
#include "runtime/base/reasons.h"
#include "services/models/validate.h"
#include "services/rpc/model_message.h"
#include "services/rpc/parse_request.h"
#include "services/rpc/serve.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

// The next piece is only asked for when the one before is on disk, so that a client cannot send
// faster than that. One step at a time is in progress: a read, or work on the blocking executor;
// whichever it is owns the members.
class ImportReactor final : public grpc::ServerReadReactor<grpc::ByteBuffer> {
 public:
  ImportReactor(const ServiceEnvironment& environment, const grpc::CallbackServerContext& context,
                grpc::ByteBuffer* response, ModelWatchers* watchers)
      : call_(environment, OriginOf(context, "ModelService", "ImportModel")),
        response_(response),
        watchers_(watchers) {}

  void Start() {
    if (!call_.admission().ok()) return End(call_.admission());
    StartRead(&piece_);
  }

  void OnReadDone(bool ok) override {
    call_.runtime().blocking().Run([this, ok] { ok ? Take() : Close(); });
  }
  void OnCancel() override { call_.Cancel(); }
  void OnDone() override { delete this; }

 private:
  void Take() {
    call_.NoteInput(piece_.Length());
    v1::ImportModelRequest request;
    absl::Status status = ParseRequest(piece_, request);
    piece_.Clear();
    if (status.ok()) {
      switch (request.part_case()) {
        case v1::ImportModelRequest::kHeader:
          status = Open(std::move(*request.mutable_header()));
          break;
        case v1::ImportModelRequest::kChunk:
          status = Append(request.chunk());
          break;
        case v1::ImportModelRequest::PART_NOT_SET:
          status = FieldError("part", "is required: the header, then chunks.");
          break;
      }
    }
    if (!status.ok()) return End(status);
    StartRead(&piece_);
  }

  absl::Status Open(v1::ImportHeader header) {
    if (blob_ != nullptr) return FieldError("header", "comes once, as the first message.");
    absl::Status status = Validate(header);
    if (!status.ok()) return status;
    header_ = std::move(header);
    header_.set_name(std::string(absl::StripPrefix(header_.name(), "models/")));
    header_.set_sha256(absl::AsciiStrToLower(header_.sha256()));
    if (call_.runtime().store().Get(header_.name()).ok()) {
      return MakeError(Reason::kModelBusy,
                       absl::StrCat("There is a model named ", header_.name(),
                                    " already. Choose another name or remove that one."),
                       {.metadata = {{"model", header_.name()}},
                        .retry_delay = std::nullopt,
                        .field = "header.name"});
    }
    call_.NoteModel(header_.name());
    absl::StatusOr<std::unique_ptr<BlobWriter>> blob =
        call_.runtime().store().NewBlob(header_.size_bytes(), header_.sha256());
    if (!blob.ok()) return blob.status();
    blob_ = *std::move(blob);
    return absl::OkStatus();
  }

  absl::Status Append(std::string_view chunk) {
    if (blob_ == nullptr) return FieldError("header", "must be the first message.");
    if (chunk.size() > kMaxImportChunkBytes) {
      return FieldError("chunk", absl::StrCat("has ", chunk.size(), " bytes; the limit is ",
                                              kMaxImportChunkBytes, "."));
    }
    if (chunk.size() > header_.size_bytes() - received_) {
      return FieldError(
          "chunk", absl::StrCat("goes beyond header.size_bytes (", header_.size_bytes(), ")."));
    }
    received_ += chunk.size();
    return blob_->Append(chunk);
  }

  // The client has sent everything, or is gone.
  void Close() {
    if (call_.cancel_token().cancelled()) {
      return End(MakeError(Reason::kCancelled, "The import was cancelled."));
    }
    if (blob_ == nullptr) return End(FieldError("header", "must be the first message."));
    if (received_ < header_.size_bytes()) {
      return End(FieldError("chunk", absl::StrCat("The file ended after ", received_, " of ",
                                                  header_.size_bytes(), " bytes.")));
    }
    const absl::StatusOr<std::string> sha256 = blob_->Commit();
    if (!sha256.ok()) return End(sha256.status());
    const absl::StatusOr<Manifest> manifest = call_.runtime().installer().PutBlobAsModel(
        header_.name(), *sha256, "imported", header_.license());
    if (!manifest.ok()) return End(manifest.status());
    absl::StatusOr<v1::Model> model = DescribeModel(call_.runtime(), manifest->name);
    if (!model.ok()) return End(model.status());
    watchers_->Tell(*model);
    v1::ImportModelResponse response;
    *response.mutable_model() = *std::move(model);
    *response_ = SerializeResponse(response);
    End(absl::OkStatus());
  }

  // The last thing: the reactor may be gone when this returns.
  void End(const absl::Status& status) {
    blob_.reset();  // what was not committed is thrown away here, not on gRPC's thread
    call_.Record(status);
    Finish(StatusToGrpc(status));
  }

  Call call_;
  grpc::ByteBuffer* const response_;
  ModelWatchers* const watchers_;
  grpc::ByteBuffer piece_;
  v1::ImportHeader header_;
  std::unique_ptr<BlobWriter> blob_;
  uint64_t received_ = 0;
};

}  // namespace

grpc::ServerReadReactor<grpc::ByteBuffer>* ServeImport(const ServiceEnvironment& environment,
                                                       grpc::CallbackServerContext* context,
                                                       grpc::ByteBuffer* response,
                                                       ModelWatchers* watchers) {
  auto* reactor = new ImportReactor(environment, *context, response, watchers);
  reactor->Start();
  return reactor;
}

}  // namespace intelligenced
