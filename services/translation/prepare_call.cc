#include "services/translation/prepare_call.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "services/rpc/proto_time.h"
#include "services/translation/find_route.h"
#include "services/translation/languages.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

constexpr absl::Duration kProgressInterval = absl::Milliseconds(200);

// Installing runs on the blocking executor; everything else inside the call's Run().
class PrepareCall final : public std::enable_shared_from_this<PrepareCall> {
 public:
  PrepareCall(std::shared_ptr<StreamCall> call, const v1::PrepareTranslationRequest& request,
              Route route)
      : call_(std::move(call)), request_(request), route_(std::move(route)) {}

  // Takes up the step's model: installs it where it is not, loads it, and goes on.
  void Next() {
    if (call_->cancel_token().cancelled()) {
      return call_->End(MakeError(Reason::kCancelled, "The call was cancelled."));
    }
    if (step_ == route_.steps.size()) return Complete();
    const Manifest& model = route_.steps[step_].model;
    call_->NoteModel(model.name);
    if (call_->runtime().store().Get(model.name).ok()) return Load(model.name);
    call_->runtime().blocking().Run([self = shared_from_this()] {
      const absl::Status status = self->Install(self->route_.steps[self->step_].model);
      self->call_->Run([self, status] {
        if (!status.ok()) return self->call_->End(status);
        self->Load(self->route_.steps[self->step_].model.name);
      });
    });
  }

 private:
  absl::Status Install(const Manifest& entry) {
    const CancelToken cancel = call_->cancel_token();
    Installer& installer = call_->runtime().installer();
    // Sizes and hashes that the hub states; without a network the licence is still shown.
    absl::StatusOr<Manifest> resolved = installer.Resolve(entry, cancel);
    const Manifest& manifest = resolved.ok() ? *resolved : entry;
    const auto& accepted = request_.accepted_licenses();
    if (!manifest.license.empty() &&
        std::find(accepted.begin(), accepted.end(), manifest.license) == accepted.end()) {
      return AskForLicense(manifest);
    }
    if (!resolved.ok()) return resolved.status();
    return installer.Install(manifest, cancel,
                             [self = shared_from_this()](const InstallProgress& now) {
                               self->call_->Run([self, now] { self->OnProgress(now); });
                             });
  }

  absl::Status AskForLicense(const Manifest& manifest) {
    v1::PrepareTranslationResponse response;
    v1::LicenseNotice& notice = *response.mutable_license();
    notice.set_model(ModelResourceName(manifest.name));
    notice.set_license(manifest.license);
    notice.set_origin(!manifest.origin.empty() || manifest.files.empty()
                          ? manifest.origin
                          : manifest.files.front().url);
    notice.set_size_bytes(manifest.size_bytes());
    call_->Run([self = shared_from_this(), response] { self->call_->Write(response); });
    return MakeError(Reason::kModelNotInstalled,
                     absl::StrCat("The licence of ", manifest.name, " (", manifest.license,
                                  ") must be accepted: send it among accepted_licenses."),
                     {.metadata = {{"model", manifest.name}, {"license", manifest.license}},
                      .retry_delay = std::nullopt,
                      .field = "accepted_licenses"});
  }

  void OnProgress(const InstallProgress& now) {
    const absl::Time time = call_->runtime().clock().Now();
    const bool complete = now.bytes_total > 0 && now.bytes_done >= now.bytes_total;
    if (now.phase == phase_ && !complete && time - told_ < kProgressInterval) return;
    phase_ = now.phase;
    told_ = time;
    v1::PrepareTranslationResponse response;
    v1::DownloadProgress& progress = now.phase == InstallProgress::Phase::kVerifying
                                         ? *response.mutable_verifying()
                                         : *response.mutable_downloading();
    progress.set_bytes_done(now.bytes_done);
    progress.set_bytes_total(now.bytes_total);
    progress.set_bytes_per_second(now.bytes_per_second);
    if (now.bytes_total > now.bytes_done && now.bytes_per_second > 0) {
      SetDuration(absl::Seconds(static_cast<double>(now.bytes_total - now.bytes_done) /
                                now.bytes_per_second),
                  progress.mutable_estimated_completion());
    }
    call_->Write(response);
  }

  void Load(const std::string& name) {
    AcquireOptions options;
    const v1::RequestOptions& asked = request_.options();
    if (asked.has_keep_alive()) options.keep_alive = GetDuration(asked.keep_alive());
    options.cancel = call_->cancel_token();
    options.interactive = ToRequestClass(asked.request_class()) == RequestClass::kInteractive;
    options.on_loading = [self = shared_from_this(), name] {
      self->call_->Run([self, name] {
        if (self->call_->ended()) return;
        v1::PrepareTranslationResponse response;
        response.mutable_model_loading()->set_model(ModelResourceName(name));
        self->call_->Write(response);
      });
    };
    call_->runtime().models().Acquire(
        name, std::move(options), [self = shared_from_this()](absl::StatusOr<ModelLease> lease) {
          self->call_->Run([self, lease = std::move(lease)]() mutable {
            if (!lease.ok()) return self->call_->End(lease.status());
            // Held until all are there, so that the second does not put out the first.
            self->leases_.push_back(*std::move(lease));
            ++self->step_;
            self->Next();
          });
        });
  }

  void Complete() {
    leases_.clear();
    v1::PrepareTranslationResponse response;
    AddSteps(route_, response.mutable_completed()->mutable_steps());
    response.mutable_completed()->set_pivot_language(route_.pivot());
    call_->Write(response);
    call_->End(absl::OkStatus());
  }

  const std::shared_ptr<StreamCall> call_;
  const v1::PrepareTranslationRequest request_;
  const Route route_;
  size_t step_ = 0;
  std::vector<ModelLease> leases_;
  std::optional<InstallProgress::Phase> phase_;
  absl::Time told_ = absl::InfinitePast();
};

}  // namespace

absl::Status StartPrepareTranslation(const std::shared_ptr<StreamCall>& call,
                                     const v1::PrepareTranslationRequest& request) {
  const Runtime& runtime = call->runtime();
  const std::string source = NormalizeLanguage(request.source_language());
  const std::string target = NormalizeLanguage(request.target_language());
  const RouteStrategy strategy = ToRouteStrategy(request.strategy());
  absl::StatusOr<Route> route =
      FindRoute(runtime, source, target, strategy, request.options().model());
  const bool general = route.ok() && IsGeneralTranslator(route->steps.front().model);
  if (request.options().model().empty() && (!route.ok() || general)) {
    // What the catalogue has for the pair goes before what some model happens to know.
    Route offered = MakeRouteTable(runtime, true).FindDirect(source, target, strategy);
    if (!offered.empty()) route = std::move(offered);
  }
  if (!route.ok()) return route.status();
  call->NoteRequestClass(ToRequestClass(request.options().request_class()));
  std::make_shared<PrepareCall>(call, request, *std::move(route))->Next();
  return absl::OkStatus();
}

}  // namespace intelligenced
