#include "services/models/install.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "runtime/base/reasons.h"
#include "services/rpc/model_message.h"
#include "services/rpc/proto_time.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr absl::Duration kProgressInterval = absl::Milliseconds(200);

// Work() runs on the blocking executor; the call is told through its Run().
class InstallRun final : public std::enable_shared_from_this<InstallRun> {
 public:
  InstallRun(std::shared_ptr<StreamCall> call, const v1::InstallModelRequest& request,
             const Manifest* entry, std::string name, ModelWatchers* watchers,
             std::atomic<int>* running)
      : call_(std::move(call)),
        request_(request),
        entry_(entry),
        name_(std::move(name)),
        watchers_(watchers),
        running_(running) {}

  void Start() {
    call_->NoteModel(name_);
    call_->runtime().blocking().Run([self = shared_from_this()] {
      const absl::Status status = self->Work();
      self->call_->Run([self, status] {
        // Before the end: the service may be gone after it.
        --*self->running_;
        self->call_->End(status);
      });
    });
  }

 private:
  absl::Status Work() {
    const CancelToken cancel = call_->cancel_token();
    Installer& installer = call_->runtime().installer();
    // Two installs of one model share a download: its thread may be the other one's.
    auto progress = [self = shared_from_this()](const InstallProgress& now) {
      self->call_->Run([self, now] { self->OnProgress(now); });
    };
    if (entry_ != nullptr) {
      // Sizes and hashes that the hub states are looked up now; without a network the licence is
      // still shown.
      absl::StatusOr<Manifest> resolved = installer.Resolve(*entry_, cancel);
      const Manifest& manifest = resolved.ok() ? *resolved : *entry_;
      if (!manifest.license.empty() && request_.accepted_license() != manifest.license) {
        return AskForLicense(manifest);
      }
      if (!resolved.ok()) return resolved.status();
      absl::Status status = installer.Install(manifest, cancel, progress);
      if (!status.ok()) return status;
    } else {
      const absl::StatusOr<Manifest> manifest = installer.InstallUrl(
          name_, request_.address().url(), absl::AsciiStrToLower(request_.address().sha256()),
          cancel, progress);
      if (!manifest.ok()) return manifest.status();
    }
    absl::StatusOr<v1::Model> model = DescribeModel(call_->runtime(), name_);
    if (!model.ok()) return model.status();
    watchers_->Tell(*model);
    v1::InstallModelResponse response;
    *response.mutable_completed() = *std::move(model);
    Write(std::move(response));
    return absl::OkStatus();
  }

  absl::Status AskForLicense(const Manifest& manifest) {
    v1::InstallModelResponse response;
    v1::LicenseNotice* notice = response.mutable_license();
    notice->set_model(ModelResourceName(manifest.name));
    notice->set_license(manifest.license);
    notice->set_origin(!manifest.origin.empty() || manifest.files.empty()
                           ? manifest.origin
                           : manifest.files.front().url);
    notice->set_size_bytes(manifest.size_bytes());
    Write(std::move(response));
    return MakeError(Reason::kModelNotInstalled,
                     absl::StrCat("The licence of ", manifest.name, " (", manifest.license,
                                  ") must be accepted: send it as accepted_license."),
                     {.metadata = {{"model", manifest.name}, {"license", manifest.license}},
                      .retry_delay = std::nullopt,
                      .field = "accepted_license"});
  }

  void OnProgress(const InstallProgress& now) {
    const absl::Time time = call_->runtime().clock().Now();
    const bool new_phase = now.phase != phase_;
    const bool complete = now.bytes_total > 0 && now.bytes_done >= now.bytes_total;
    if (!new_phase && !complete && time - told_ < kProgressInterval) return;
    phase_ = now.phase;
    told_ = time;
    v1::InstallModelResponse response;
    v1::DownloadProgress* progress = now.phase == InstallProgress::Phase::kVerifying
                                         ? response.mutable_verifying()
                                         : response.mutable_downloading();
    progress->set_bytes_done(now.bytes_done);
    progress->set_bytes_total(now.bytes_total);
    progress->set_bytes_per_second(now.bytes_per_second);
    if (now.bytes_total > now.bytes_done && now.bytes_per_second > 0) {
      SetDuration(absl::Seconds(static_cast<double>(now.bytes_total - now.bytes_done) /
                                now.bytes_per_second),
                  progress->mutable_estimated_completion());
    }
    Write(std::move(response));
  }

  void Write(v1::InstallModelResponse response) {
    call_->Run([self = shared_from_this(), response = std::move(response)] {
      self->call_->Write(response);
    });
  }

  const std::shared_ptr<StreamCall> call_;
  const v1::InstallModelRequest request_;
  const Manifest* const entry_;  // of the catalogue; null: an address
  const std::string name_;
  ModelWatchers* const watchers_;
  std::atomic<int>* const running_;  // counts this run already
  std::optional<InstallProgress::Phase> phase_;
  absl::Time told_ = absl::InfinitePast();
};

}  // namespace

absl::Status StartInstall(const std::shared_ptr<StreamCall>& call,
                          const v1::InstallModelRequest& request, ModelWatchers* watchers,
                          std::atomic<int>* running) {
  const Runtime& runtime = call->runtime();
  const std::string name(absl::StripPrefix(
      request.has_address() ? request.address().name() : request.catalogue_name(), "models/"));
  if (runtime.store().Get(name).ok()) {
    return MakeError(Reason::kModelBusy,
                     absl::StrCat("There is a model named ", name,
                                  " already. Remove it first to install it anew."),
                     {.metadata = {{"model", name}}, .retry_delay = std::nullopt, .field = ""});
  }
  const Manifest* entry = nullptr;
  if (!request.has_address()) {
    entry = runtime.catalogue().Find(name);
    if (entry == nullptr) {
      return MakeError(
          Reason::kModelNotFound,
          absl::StrCat("The catalogue has no model named ", name,
                       ". See what it has: mlctl models list --all"),
          {.metadata = {{"model", name}}, .retry_delay = std::nullopt, .field = "catalogue_name"});
    }
  }
  if (++*running > kMaxInstalls) {
    --*running;
    return MakeError(
        Reason::kQueueFull,
        absl::StrCat(kMaxInstalls, " models are being installed already. Try again later."),
        {.metadata = {{"quota", "installs"}}, .retry_delay = absl::Seconds(30), .field = ""});
  }
  std::make_shared<InstallRun>(call, request, entry, name, watchers, running)->Start();
  return absl::OkStatus();
}

}  // namespace intelligenced
