// Models: the list, installing, residency.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cpp/src/call.h"
#include "clients/cpp/src/connection.h"
#include "clients/cpp/src/convert.h"
#include "clients/cpp/src/export_files.h"
#include "runtime/base/fd.h"
#include "runtime/base/reasons.h"

namespace intelligence {
namespace {

constexpr size_t kChunkBytes = 1 << 20;

// A regular file that is open for reading.
class SourceFile {
 public:
  static absl::StatusOr<SourceFile> Open(const std::string& path) {
    SourceFile file;
    file.descriptor_ = intelligenced::UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.descriptor_.valid()) {
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
    }
    struct stat facts = {};
    if (fstat(file.descriptor_.get(), &facts) != 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path));
    }
    if (!S_ISREG(facts.st_mode)) {
      return intelligenced::FieldError("path", absl::StrCat(path, " is not a regular file"));
    }
    file.size_ = facts.st_size;
    return file;
  }

  uint64_t size() const { return size_; }

  // Sends the file and counts in `sent`; stops early when the daemon does (its status says why).
  absl::Status Send(grpc::ClientWriterInterface<v1::ImportModelRequest>& writer, uint64_t& sent,
                    uint64_t total,
                    const std::function<void(uint64_t, uint64_t)>& on_progress) const {
    v1::ImportModelRequest message;
    uint64_t left = size_;
    while (left > 0) {
      std::string& chunk = *message.mutable_chunk();
      chunk.resize(std::min<uint64_t>(kChunkBytes, left));
      const ssize_t got = read(descriptor_.get(), chunk.data(), chunk.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return absl::ErrnoToStatus(errno, "the file cannot be read");
      if (got == 0) {
        return absl::AbortedError("the file became shorter while it was sent; import it again");
      }
      chunk.resize(got);
      if (!writer.Write(message)) return absl::OkStatus();
      left -= got;
      sent += got;
      if (on_progress) on_progress(sent, total);
    }
    return absl::OkStatus();
  }

 private:
  intelligenced::UniqueFd descriptor_;
  uint64_t size_ = 0;
};

// What is sent before each file, and the files.
struct ImportPart {
  v1::ImportModelRequest header;
  SourceFile file;
};

absl::StatusOr<std::vector<ImportPart>> PartsOfFolder(const ImportModelRequest& request) {
  if (!request.sha256.empty() || !request.family.empty() || !request.projector_path.empty() ||
      !request.functions.empty()) {
    return intelligenced::FieldError(
        "path", "A folder is imported without a hash, a family, a projector and functions.");
  }
  const auto files = FindExportedFiles(request.path, request.variant);
  if (!files.ok()) return files.status();
  std::vector<ImportPart> parts;
  for (const ExportedFile& exported : *files) {
    absl::StatusOr<SourceFile> file = SourceFile::Open(exported.path);
    if (!file.ok()) return file.status();
    ImportPart& part = parts.emplace_back(v1::ImportModelRequest(), *std::move(file));
    if (parts.size() == 1) {
      v1::ImportHeader& header = *part.header.mutable_header();
      header.set_name(request.name);
      header.set_size_bytes(part.file.size());
      header.set_license(request.license);
      header.set_file_name(exported.name);
    } else {
      v1::ImportFile& header = *part.header.mutable_file();
      header.set_name(exported.name);
      header.set_size_bytes(part.file.size());
    }
  }
  return parts;
}

absl::StatusOr<std::vector<ImportPart>> PartsOf(const ImportModelRequest& request) {
  std::error_code error;
  if (std::filesystem::is_directory(request.path, error)) return PartsOfFolder(request);
  if (!request.variant.empty()) {
    return intelligenced::FieldError("variant",
                                     "A precision is chosen in a folder, not of a file.");
  }
  std::vector<ImportPart> parts;
  if (!request.path.empty()) {
    absl::StatusOr<SourceFile> file = SourceFile::Open(request.path);
    if (!file.ok()) return file.status();
    ImportPart& part = parts.emplace_back(v1::ImportModelRequest(), *std::move(file));
    v1::ImportHeader& header = *part.header.mutable_header();
    header.set_name(request.name);
    header.set_size_bytes(part.file.size());
    header.set_sha256(request.sha256);
    header.set_license(request.license);
    header.set_family(request.family);
  }
  if (!request.projector_path.empty()) {
    if (request.path.empty()) {
      return intelligenced::FieldError("projector_path",
                                       "A projector is imported together with its model.");
    }
    absl::StatusOr<SourceFile> file = SourceFile::Open(request.projector_path);
    if (!file.ok()) return file.status();
    ImportPart& part = parts.emplace_back(v1::ImportModelRequest(), *std::move(file));
    part.header.mutable_projector()->set_size_bytes(part.file.size());
  }
  for (const ImportFunction& function : request.functions) {
    absl::StatusOr<SourceFile> file = SourceFile::Open(function.path);
    if (!file.ok()) return file.status();
    ImportPart& part = parts.emplace_back(v1::ImportModelRequest(), *std::move(file));
    v1::ImportFunction& header = *part.header.mutable_function();
    if (request.path.empty()) header.set_model(request.name);
    header.set_name(function.name);
    header.set_size_bytes(part.file.size());
    header.set_scale(function.scale);
    for (const std::string& name : function.capabilities) header.add_capabilities(name);
  }
  if (parts.empty()) return intelligenced::FieldError("path", "There is no file to import.");
  return parts;
}

template <typename Invoke>
absl::StatusOr<Model> CallForModel(auto& connection, const CallOptions& options, Invoke invoke) {
  absl::StatusOr<v1::Model> model = CallUnary<v1::Model>(connection, options, invoke);
  if (!model.ok()) return model.status();
  return FromProto(*model);
}

}  // namespace

absl::StatusOr<std::vector<Model>> Client::ListModels(const ListModelsRequest& request,
                                                      const CallOptions& options) const {
  v1::ListModelsRequest proto;
  proto.set_capability(request.capability);
  proto.set_include_catalogue(request.include_catalogue);
  absl::StatusOr<v1::ListModelsResponse> response = CallUnary<v1::ListModelsResponse>(
      *connection_, options, [&](grpc::ClientContext* context, v1::ListModelsResponse* out) {
        return connection_->models->ListModels(context, proto, out);
      });
  if (!response.ok()) return response.status();
  std::vector<Model> models;
  for (const v1::Model& model : response->models()) models.push_back(FromProto(model));
  return models;
}

absl::StatusOr<Model> Client::GetModel(const std::string& name, const CallOptions& options) const {
  if (absl::Status status = CheckUtf8("name", name); !status.ok()) return status;
  v1::GetModelRequest request;
  request.set_name(name);
  return CallForModel(*connection_, options, [&](grpc::ClientContext* context, v1::Model* out) {
    return connection_->models->GetModel(context, request, out);
  });
}

absl::StatusOr<AvailabilityResult> Client::GetAvailability(const std::string& capability,
                                                           const CallOptions& options) const {
  v1::GetAvailabilityRequest request;
  request.set_capability(capability);
  request.set_model(options.model);
  absl::StatusOr<v1::GetAvailabilityResponse> response = CallUnary<v1::GetAvailabilityResponse>(
      *connection_, options, [&](grpc::ClientContext* context, v1::GetAvailabilityResponse* out) {
        return connection_->models->GetAvailability(context, request, out);
      });
  if (!response.ok()) return response.status();
  return AvailabilityResult{
      .availability = EnumFromProto(response->availability(), Availability::kAvailable),
      .model = response->model(),
      .reason = response->reason()};
}

Stream<InstallModelEvent> Client::StreamInstallModel(const InstallModelRequest& request,
                                                     const CallOptions& options) const {
  v1::InstallModelRequest proto;
  if (!request.url.empty()) {
    proto.mutable_address()->set_url(request.url);
    proto.mutable_address()->set_sha256(request.sha256);
    proto.mutable_address()->set_name(request.name);
  } else {
    proto.set_catalogue_name(request.catalogue_name);
  }
  proto.set_accepted_license(request.accepted_license);
  return StartStream<InstallModelEvent, v1::InstallModelResponse>(
      connection_, options,
      [&](grpc::ClientContext* context) {
        return connection_->models->InstallModel(context, proto);
      },
      static_cast<std::optional<InstallModelEvent> (*)(const v1::InstallModelResponse&)>(
          &FromProto));
}

absl::StatusOr<Model> Client::InstallModel(const InstallModelRequest& request,
                                           const CallOptions& options,
                                           const OnEvent<InstallModelEvent>& on_event) const {
  return ReadResult<Model>(StreamInstallModel(request, options), on_event);
}

absl::StatusOr<Model> Client::ImportModel(
    const ImportModelRequest& request, const CallOptions& options,
    const std::function<void(uint64_t, uint64_t)>& on_progress) const {
  const absl::StatusOr<std::vector<ImportPart>> parts = PartsOf(request);
  if (!parts.ok()) return parts.status();
  CallContext call;
  if (absl::Status status = connection_->Prepare(options, call); !status.ok()) return status;
  v1::ImportModelResponse response;
  auto writer = connection_->models->ImportModel(&call.context, &response);
  uint64_t total = 0, sent_bytes = 0;
  for (const ImportPart& part : *parts) total += part.file.size();
  absl::Status sent = absl::OkStatus();
  for (const ImportPart& part : *parts) {
    if (!writer->Write(part.header)) break;
    sent = part.file.Send(*writer, sent_bytes, total, on_progress);
    if (!sent.ok()) break;
  }
  if (sent.ok()) {
    writer->WritesDone();
  } else {
    call.context.TryCancel();
  }
  const grpc::Status status = writer->Finish();
  if (!sent.ok()) return sent;
  if (!status.ok()) return connection_->Decode(status, call);
  return FromProto(response.model());
}

absl::StatusOr<uint64_t> Client::RemoveModel(const std::string& name,
                                             const CallOptions& options) const {
  v1::RemoveModelRequest request;
  request.set_name(name);
  absl::StatusOr<v1::RemoveModelResponse> response = CallUnary<v1::RemoveModelResponse>(
      *connection_, options, [&](grpc::ClientContext* context, v1::RemoveModelResponse* out) {
        return connection_->models->RemoveModel(context, request, out);
      });
  if (!response.ok()) return response.status();
  return response->freed_bytes();
}

absl::StatusOr<Model> Client::LoadModel(const std::string& name, const CallOptions& options) const {
  v1::LoadModelRequest request;
  request.set_name(name);
  if (options.keep_alive.has_value()) ToProto(*options.keep_alive, request.mutable_keep_alive());
  return CallForModel(*connection_, options, [&](grpc::ClientContext* context, v1::Model* out) {
    return connection_->models->LoadModel(context, request, out);
  });
}

absl::StatusOr<Model> Client::UnloadModel(const std::string& name,
                                          const CallOptions& options) const {
  v1::UnloadModelRequest request;
  request.set_name(name);
  return CallForModel(*connection_, options, [&](grpc::ClientContext* context, v1::Model* out) {
    return connection_->models->UnloadModel(context, request, out);
  });
}

absl::StatusOr<Model> Client::UpdateModel(const UpdateModelRequest& request,
                                          const CallOptions& options) const {
  v1::UpdateModelRequest proto;
  proto.set_name(request.name);
  if (request.pinned.has_value()) proto.set_pinned(*request.pinned);
  if (request.keep_alive.has_value()) ToProto(*request.keep_alive, proto.mutable_keep_alive());
  proto.set_set_default_for(request.set_default_for);
  proto.set_clear_default_for(request.clear_default_for);
  return CallForModel(*connection_, options, [&](grpc::ClientContext* context, v1::Model* out) {
    return connection_->models->UpdateModel(context, proto, out);
  });
}

Stream<ModelChange> Client::WatchModels(const CallOptions& options) const {
  return StartStream<ModelChange, v1::WatchModelsResponse>(
      connection_, options,
      [&](grpc::ClientContext* context) {
        return connection_->models->WatchModels(context, v1::WatchModelsRequest());
      },
      +[](const v1::WatchModelsResponse& response) {
        return std::optional<ModelChange>(
            {.model = FromProto(response.model()), .removed = response.removed()});
      });
}

}  // namespace intelligence
