#include "services/models/import.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

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
        case v1::ImportModelRequest::kFunction:
          status = OpenFunction(std::move(*request.mutable_function()));
          break;
        case v1::ImportModelRequest::kProjector:
          status = OpenProjector(request.projector());
          break;
        case v1::ImportModelRequest::kFile:
          status = OpenFile(request.file());
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
    model_ = absl::StripPrefix(header_->name(), "models/");
    if (call_.runtime().store().Get(model_).ok()) {
      return MakeError(
          Reason::kModelBusy,
          absl::StrCat("There is a model named ", model_,
                       " already. Choose another name or remove that one."),
          {.metadata = {{"model", model_}}, .retry_delay = std::nullopt, .field = "header.name"});
    }
    call_.NoteModel(model_);
    if (!header_->file_name().empty()) {
      files_.push_back({.name = header_->file_name(), .sha256 = ""});
    }
    return Begin("header.size_bytes", header_->size_bytes(), header_->sha256());
  }

  absl::Status OpenFile(const v1::ImportFile& file) {
    if (absl::Status status = Validate(file); !status.ok()) return status;
    if (files_.empty()) {
      return FieldError("file", "comes after a header with a file_name, as another file of it.");
    }
    if (files_.size() >= kMaxImportFiles) {
      return FieldError("file", "comes more often than 62 times.");
    }
    for (const NewFile& other : files_) {
      if (other.name != file.name()) continue;
      return FieldError("file.name", absl::StrCat("comes twice: ", file.name(), "."));
    }
    if (absl::Status status = CloseFile(); !status.ok()) return status;
    files_.push_back({.name = file.name(), .sha256 = ""});
    return Begin("file.size_bytes", file.size_bytes(), file.sha256());
  }

  absl::Status OpenFunction(const v1::ImportFunction& function) {
    absl::Status status = Validate(function, header_.has_value());
    if (!status.ok()) return status;
    if (!files_.empty()) return FieldError("function", "goes with a model of one file.");
    if (functions_.size() >= kMaxImportFunctions) {
      return FieldError("function", "comes more often than 64 times.");
    }
    if (blob_ == nullptr) {
      model_ = absl::StripPrefix(function.model(), "models/");
      // MODEL_NOT_FOUND before a byte is sent.
      status = call_.runtime().store().Get(model_).status();
      call_.NoteModel(model_);
    } else if (!header_.has_value() && absl::StripPrefix(function.model(), "models/") != model_) {
      status = FieldError("function.model", "must be the same for all functions of an import.");
    } else {
      status = CloseFile();
    }
    if (!status.ok()) return status;
    NewFunction added;
    added.name = function.name();
    if (function.has_scale()) added.scale = function.scale();
    added.capabilities.assign(function.capabilities().begin(), function.capabilities().end());
    functions_.push_back(std::move(added));
    return Begin("function.size_bytes", function.size_bytes(), function.sha256());
  }

  absl::Status OpenProjector(const v1::ImportProjector& projector) {
    if (absl::Status status = Validate(projector); !status.ok()) return status;
    if (!files_.empty()) return FieldError("projector", "goes with a model of one file.");
    if (!header_.has_value() || projector_.has_value() || !functions_.empty()) {
      return FieldError("projector", "comes once, after the model's own file.");
    }
    if (absl::Status status = CloseFile(); !status.ok()) return status;
    projector_ = "";
    return Begin("projector.size_bytes", projector.size_bytes(), projector.sha256());
  }

  absl::Status Begin(std::string_view field, uint64_t size_bytes, std::string_view sha256) {
    absl::StatusOr<std::unique_ptr<BlobWriter>> blob =
        call_.runtime().store().NewBlob(size_bytes, absl::AsciiStrToLower(sha256));
    if (!blob.ok()) return blob.status();
    blob_ = *std::move(blob);
    size_field_ = field;
    size_bytes_ = size_bytes;
    received_ = 0;
    return absl::OkStatus();
  }

  absl::Status Append(std::string_view chunk) {
    if (blob_ == nullptr) return FieldError("header", "must be the first message.");
    if (chunk.size() > kMaxImportChunkBytes) {
      return FieldError("chunk", absl::StrCat("has ", chunk.size(), " bytes; the limit is ",
                                              kMaxImportChunkBytes, "."));
    }
    if (chunk.size() > size_bytes_ - received_) {
      return FieldError("chunk",
                        absl::StrCat("goes beyond ", size_field_, " (", size_bytes_, ")."));
    }
    received_ += chunk.size();
    return blob_->Append(chunk);
  }

  // One file is whole.
  absl::Status CloseFile() {
    if (received_ < size_bytes_) {
      return FieldError("chunk", absl::StrCat("The file ended after ", received_, " of ",
                                              size_bytes_, " bytes."));
    }
    absl::StatusOr<std::string> sha256 = blob_->Commit();
    if (!sha256.ok()) return sha256.status();
    if (!files_.empty()) {
      TakeFile(*std::move(sha256));
    } else if (!functions_.empty()) {
      functions_.back().sha256 = *std::move(sha256);
    } else if (projector_.has_value()) {
      projector_ = *std::move(sha256);
    } else {
      base_ = *std::move(sha256);
    }
    return absl::OkStatus();
  }

  void TakeFile(std::string sha256) {
    for (const NewFile& other : files_) {
      // Two names for one content (an OPUS-MT model's pieces of both sides): it is held once.
      if (other.sha256 == sha256) {
        call_.runtime().store().ReleaseBlob(sha256);
        break;
      }
    }
    files_.back().sha256 = std::move(sha256);
  }

  absl::StatusOr<Manifest> PutModel(Installer& installer) {
    if (!files_.empty()) {
      return installer.PutBlobsAsModel(model_, std::exchange(files_, {}), "imported",
                                       header_->license());
    }
    return installer.PutBlobAsModel(
        model_, std::exchange(base_, ""),
        {.origin = "imported",
         .license = header_->license(),
         .family = header_->family(),
         .functions = std::exchange(functions_, {}),
         .projector_sha256 = std::exchange(projector_, std::nullopt).value_or("")});
  }

  // The client has sent everything, or is gone.
  void Close() {
    if (call_.cancel_token().cancelled()) {
      return End(MakeError(Reason::kCancelled, "The import was cancelled."));
    }
    if (blob_ == nullptr) return End(FieldError("header", "must be the first message."));
    if (absl::Status status = CloseFile(); !status.ok()) return End(status);
    Installer& installer = call_.runtime().installer();
    const absl::StatusOr<Manifest> manifest =
        header_.has_value() ? PutModel(installer)
                            : installer.AddFunctions(model_, std::exchange(functions_, {}));
    if (!manifest.ok()) return End(manifest.status());
    if (!header_.has_value()) {
      // A resident copy does not know its new function.
      absl::Status unloaded = call_.runtime().models().Unload(model_, call_.cancel_token());
      if (!unloaded.ok()) return End(unloaded);
    }
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
    // And what was, but belongs to nothing.
    if (!base_.empty()) call_.runtime().store().ReleaseBlob(base_);
    if (!projector_.value_or("").empty()) call_.runtime().store().ReleaseBlob(*projector_);
    std::set<std::string> hashes;
    for (const NewFile& file : files_) hashes.insert(file.sha256);
    hashes.erase("");
    for (const std::string& sha256 : hashes) call_.runtime().store().ReleaseBlob(sha256);
    for (const NewFunction& function : functions_) {
      if (!function.sha256.empty()) call_.runtime().store().ReleaseBlob(function.sha256);
    }
    call_.Record(status);
    Finish(StatusToGrpc(status));
  }

  Call call_;
  grpc::ByteBuffer* const response_;
  ModelWatchers* const watchers_;
  grpc::ByteBuffer piece_;
  // Absent when functions are added to an installed model.
  std::optional<v1::ImportHeader> header_;
  std::string model_;
  // Hashes of whole files that nothing names yet; empty for the one that is coming.
  std::string base_;
  std::optional<std::string> projector_;
  std::vector<NewFunction> functions_;
  // Of a model of several files; the last is the one that is coming. Empty: it is one file.
  std::vector<NewFile> files_;
  // The file that is coming.
  std::unique_ptr<BlobWriter> blob_;
  std::string size_field_;
  uint64_t size_bytes_ = 0;
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
