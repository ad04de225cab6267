#include "services/vision/frames.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "protos/intelligence/v1/vision.pb.h"
#include "runtime/base/reasons.h"
#include "services/rpc/model_run.h"
#include "services/rpc/parse_request.h"
#include "services/rpc/proto_time.h"
#include "services/rpc/task_picture.h"
#include "services/vision/capabilities.h"
#include "services/vision/frame_queue.h"
#include "services/vision/frame_requests.h"
#include "services/vision/frame_route.h"
#include "services/vision/frame_task.h"
#include "services/vision/validate.h"

namespace intelligenced {
namespace {

namespace v1 = ::intelligence::v1;

// Frames that do not decode one after another: this is no damaged frame but a wrong sender.
constexpr int kMaxUndecodable = 8;
// Drops that come faster are told together.
constexpr absl::Duration kDropInterval = absl::Milliseconds(50);

struct FramePayload {
  v1::VideoFrame frame;
  // Of a frame that names an attachment: taken when it came, so that one that is dropped lets go of
  // it. Bytes are only made ready for a frame that is computed.
  std::optional<TaskPicture> picture;
  // As they were when it came.
  FrameRequests::Snapshot requests;
};
using Frames = FrameQueue<FramePayload>;

// Hears of the stream's last task; nobody else is left to.
class SilentSink final : public JobSink {
 public:
  void OnEvents(std::vector<engine_proto::Event>) override {}
  void OnEnd(const absl::Status&, const JobUsage&) override {}
};

// Everything happens inside the call's Run(). Alive while the reactor, the model's loading, a timer
// or a job holds it.
class FramesHandler final : public DuplexHandler,
                            public std::enable_shared_from_this<FramesHandler> {
 public:
  FramesHandler(std::shared_ptr<StreamCall> call, FrameStreams* streams)
      : call_(std::move(call)), streams_(*streams) {}

  void Bind() {
    call_->SetPauseHook([self = shared_from_this()](bool paused) {
      self->paused_ = paused;
      self->Advance();
    });
    cancelled_ = call_->cancel_token().OnCancel([weak = weak_from_this(), call = call_.get()] {
      if (const auto self = weak.lock()) call->Run([self] { self->OnCancelled(); });
    });
  }

  void OnMessage(const grpc::ByteBuffer& bytes) override {
    call_->NoteInput(bytes.Length());
    v1::AnalyzeFramesRequest request;
    absl::Status status = ParseRequest(bytes, request);
    NotePictures(*call_, request);
    if (status.ok()) status = Take(request, bytes.Length());
    if (!status.ok()) failure_.Update(status);
    Advance();
  }

  void OnHalfClose() override {
    half_closed_ = true;
    if (frames_ == nullptr) failure_.Update(StartMissing());
    Advance();
  }

 private:
  class Sink;

  // The frame that is computed.
  struct Running {
    uint64_t number = 0;
    v1::FrameResults results;
    FrameRequests::Snapshot requests;
    // By the engine's own index.
    std::map<uint32_t, v1::VisionResult> by_index;
    CancelSource cancel;
    // When it must have begun.
    absl::Time expiry;
    bool begun = false;
    bool too_old = false;
  };

  static absl::Status StartMissing() {
    return FieldError("start", "must be the first message of the stream.");
  }

  absl::Status Take(v1::AnalyzeFramesRequest& request, uint64_t bytes) {
    if (!request.has_start() && frames_ == nullptr) return StartMissing();
    switch (request.message_case()) {
      case v1::AnalyzeFramesRequest::kStart:
        return Start(request.start());
      case v1::AnalyzeFramesRequest::kFrame:
        return TakeFrame(*request.mutable_frame(), bytes);
      case v1::AnalyzeFramesRequest::kChange:
        return Change(request.change());
      default:
        return FieldError("message", "is required: start, a frame or a change.");
    }
  }

  absl::Status Start(const v1::AnalyzeFramesStart& start) {
    if (frames_ != nullptr) return FieldError("start", "comes once, as the first message.");
    if (absl::Status status = Validate(start); !status.ok()) return status;
    if (!start.requests().empty()) {
      absl::StatusOr<Manifest> model = FindModelForAll(call_->runtime(), start.requests(),
                                                       start.options().model(), "start.requests");
      if (!model.ok()) return model.status();
      model_ = *std::move(model);
    }
    const absl::StatusOr<uint64_t> id = streams_.Open(call_->caller().client.id);
    if (!id.ok()) return id.status();
    id_ = *id;
    options_ = start.options();
    FrameLimits limits;
    if (start.max_pending_frames() > 0) limits.max_frames = start.max_pending_frames();
    if (start.has_max_frame_age()) limits.max_age = GetDuration(start.max_frame_age());
    frames_ = std::make_unique<Frames>(limits);
    requests_.Start(start.requests());
    NoteTrackers(start.requests());
    if (model_.has_value()) LoadModel();
    return absl::OkStatus();
  }

  absl::Status TakeFrame(v1::VideoFrame& frame, uint64_t bytes) {
    if (absl::Status status = Validate(frame); !status.ok()) return status;
    std::optional<TaskPicture> picture;
    if (!frame.image().attachment().empty()) {
      absl::StatusOr<TaskPicture> taken = TakeImage(frame);
      if (!taken.ok()) return taken.status();
      bytes += taken->attachment->size();
      picture = *std::move(taken);
    }
    frames_->Add({std::move(frame), std::move(picture), requests_.snapshot()}, bytes, Now());
    return absl::OkStatus();
  }

  absl::StatusOr<TaskPicture> TakeImage(v1::VideoFrame& frame) {
    return TakePicture(*call_, "frame.image", std::move(*frame.mutable_image()));
  }

  absl::Status Change(const v1::ChangeRequests& change) {
    absl::Status status = Validate(change);
    if (status.ok() && !change.add().empty()) {
      if (model_.has_value()) {
        status = CheckServed(call_->runtime(), model_->name, change.add(), "change.add");
      } else {
        absl::StatusOr<Manifest> model =
            FindModelForAll(call_->runtime(), change.add(), options_.model(), "change.add");
        status = model.status();
        if (model.ok()) model_ = *std::move(model);
      }
    }
    if (status.ok()) status = requests_.Apply(change);
    if (!status.ok()) return status;
    NoteTrackers(change.add());
    if (model_.has_value() && !loading_.has_value()) LoadModel();
    return absl::OkStatus();
  }

  void NoteTrackers(const VisionRequests& requests) {
    for (const v1::VisionRequest& request : requests) {
      has_trackers_ = has_trackers_ || IsTrackingRequest(request);
    }
  }

  void LoadModel() {
    job_ = call_->MakeJob(options_, model_->name);
    job_.models = &streams_;
    loading_.emplace();
    AcquireOptions options;
    options.keep_alive = job_.keep_alive;
    options.cancel = loading_->token();
    options.interactive = job_.request_class == RequestClass::kInteractive;
    options.on_loading = [self = shared_from_this()] {
      self->call_->Run([self] {
        if (self->call_->ended()) return;
        v1::AnalyzeFramesResponse response;
        response.mutable_model_loading()->set_model(ModelResourceName(self->model_->name));
        self->call_->Write(response);
      });
    };
    call_->runtime().models().Acquire(
        model_->name, std::move(options),
        [self = shared_from_this()](absl::StatusOr<ModelLease> lease) {
          self->call_->Run(
              [self, lease = std::move(lease)]() mutable { self->OnModel(std::move(lease)); });
        });
  }

  void OnModel(absl::StatusOr<ModelLease> lease) {
    if (call_->ended()) return;
    if (lease.ok()) {
      streams_.SetModel(id_, *std::move(lease));
      ready_ = true;
    } else {
      failure_.Update(lease.status());
    }
    Advance();
  }

  // Does whatever can be done now.
  void Advance() {
    if (call_->ended()) return;
    if (!failure_.ok()) {
      if (running_ == nullptr) return End();
      running_->cancel.Cancel();
      return;
    }
    if (frames_ == nullptr) return;
    const absl::Time now = Now();
    frames_->Expire(now);
    while (running_ == nullptr && !paused_ && failure_.ok() && !frames_->empty()) {
      if (model_.has_value() && !ready_) break;
      std::optional<Frames::Frame> frame = frames_->Take(now);
      if (frame.has_value()) Compute(*std::move(frame));
    }
    if (!failure_.ok()) return Advance();
    const bool complete = half_closed_ && running_ == nullptr && frames_->empty();
    TellDrops(now, complete);
    if (complete) return Complete();
    ArmTimer(now);
  }

  void Compute(Frames::Frame frame) {
    auto running = std::make_shared<Running>();
    running->number = frame.number;
    running->requests = frame.payload.requests;
    running->expiry = frames_->ExpiryOf(frame);
    running->results.set_frame(frame.number);
    if (frame.payload.frame.has_time()) {
      *running->results.mutable_time() = frame.payload.frame.time();
    }
    if (running->requests->empty()) return TellResults(*running);
    absl::StatusOr<TaskPicture> picture = frame.payload.picture.has_value()
                                              ? *std::move(frame.payload.picture)
                                              : TakeImage(frame.payload.frame);
    if (!picture.ok()) {
      failure_.Update(picture.status());
      return;
    }
    JobRequest job = job_;
    ToTask(*running->requests, id_, *picture, &job.task, &job.attachments);
    job.input_bytes = picture->input_bytes;
    job.cancel = running->cancel.token();
    job.sink = MakeSink(running);
    running_ = running;
    const absl::StatusOr<std::shared_ptr<ScheduledJob>> submitted =
        call_->runtime().scheduler().Submit(std::move(job));
    if (submitted.ok()) {
      computed_ = true;
      return;
    }
    running_ = nullptr;
    if (!absl::IsResourceExhausted(submitted.status())) {
      failure_.Update(submitted.status());
      return;
    }
    // No room in the queue: there is a frame less to compute.
    frames_->Drop(running->number);
  }

  std::shared_ptr<JobSink> MakeSink(const std::shared_ptr<Running>& running);

  void OnQueued(const QueuePlace& place) {
    if (told_results_ || call_->ended() || place.position == told_place_) return;
    told_place_ = place.position;
    v1::AnalyzeFramesResponse response;
    response.mutable_queued()->set_position(static_cast<uint32_t>(place.position));
    if (place.expected_wait.has_value()) {
      SetDuration(*place.expected_wait, response.mutable_queued()->mutable_expected_wait());
    }
    call_->Write(response);
  }

  void OnEvent(Running& running, const engine_proto::Event& event) {
    running.begun = true;
    if (event.has_image()) {
      Mirror(event.image(), running.results.mutable_image());
    } else if (event.has_vision()) {
      Mirror(event.vision(), &running.by_index[event.vision().request_index()]);
    }
  }

  void OnEnd(Running& running, const absl::Status& status, const JobUsage& usage) {
    call_->NoteUsage(usage);
    running_ = nullptr;
    if (call_->ended()) return;
    if (status.ok()) {
      undecodable_ = 0;
      decoded_ = true;
      for (auto& [index, result] : running.by_index) {
        if (index >= running.requests->size()) continue;
        result.set_request_index((*running.requests)[index].place);
        result.set_model(ModelResourceName(model_->name));
        *running.results.add_results() = std::move(result);
      }
      if (failure_.ok()) TellResults(running);
    } else if (running.too_old && absl::IsCancelled(status)) {
      frames_->Drop(running.number);
    } else if (HasReason(status, Reason::kImageUndecodable) && decoded_ &&
               ++undecodable_ < kMaxUndecodable) {
      frames_->Drop(running.number);
    } else {
      failure_.Update(InStream(running, status));
    }
    Advance();
  }

  // The engine knows its own list of requests only, and one frame.
  absl::Status InStream(const Running& running, const absl::Status& status) const {
    const std::optional<Reason> reason = ReasonOf(status);
    if (reason == Reason::kImageUndecodable) {
      return MakeError(*reason, absl::StrCat("Frame ", running.number, ": ", status.message()),
                       FactsOf(status));
    }
    if (reason != Reason::kFieldInvalid) return status;
    ErrorFacts facts = FactsOf(status);
    if (facts.field.starts_with("image")) facts.field = absl::StrCat("frame.", facts.field);
    for (size_t i = 0; i < running.requests->size(); ++i) {
      const std::string local = absl::StrCat("requests[", i, "]");
      if (!facts.field.starts_with(local)) continue;
      facts.field = absl::StrCat("requests[", (*running.requests)[i].place, "]",
                                 facts.field.substr(local.size()));
      break;
    }
    return MakeError(*reason, status.message(), std::move(facts));
  }

  void TellResults(Running& running) {
    told_results_ = true;
    ++analyzed_;
    // What was dropped before this frame is told before it.
    TellDrops(Now(), true);
    v1::AnalyzeFramesResponse response;
    *response.mutable_frame() = std::move(running.results);
    response.mutable_frame()->set_dropped_frames(frames_->drops().total());
    call_->Write(response);
  }

  void TellDrops(absl::Time now, bool at_once) {
    if (!at_once && (paused_ || now < drops_told_ + kDropInterval)) return;
    while (const std::optional<FrameRun> run = frames_->drops().Take()) {
      drops_told_ = now;
      v1::AnalyzeFramesResponse response;
      response.mutable_dropped()->set_first_frame(run->first);
      response.mutable_dropped()->set_count(run->count);
      response.mutable_dropped()->set_dropped_frames(frames_->drops().total());
      call_->Write(response);
    }
  }

  // For frames that become too old, and for drops that wait to be told.
  void ArmTimer(absl::Time now) {
    absl::Time when = frames_->next_expiry();
    if (running_ != nullptr && !running_->begun && !running_->too_old) {
      when = std::min(when, running_->expiry);
    }
    if (frames_->drops().has_untold() && !paused_) {
      when = std::min(when, std::max(now, drops_told_ + kDropInterval));
    }
    if (when == armed_for_) return;
    Disarm();
    if (when == absl::InfiniteFuture()) return;
    armed_for_ = when;
    timer_ = call_->runtime().timer().Schedule(when, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->call_->Run([self] { self->OnTimer(); });
    });
  }
  void Disarm() {
    if (armed_for_ != absl::InfiniteFuture()) call_->runtime().timer().Cancel(timer_);
    armed_for_ = absl::InfiniteFuture();
  }

  void OnTimer() {
    armed_for_ = absl::InfiniteFuture();
    if (running_ != nullptr && !running_->begun && running_->expiry <= Now()) {
      running_->too_old = true;
      running_->cancel.Cancel();
    }
    Advance();
  }

  void OnCancelled() {
    failure_.Update(MakeError(Reason::kCancelled, "The call was cancelled."));
    Advance();
  }

  void Complete() {
    v1::AnalyzeFramesResponse response;
    *response.mutable_completed()->mutable_usage() = call_->usage().ToProto();
    response.mutable_completed()->set_analyzed_frames(analyzed_);
    response.mutable_completed()->set_dropped_frames(frames_->drops().total());
    call_->Write(response);
    End();
  }

  // No job is running.
  void End() {
    Disarm();
    if (loading_.has_value()) loading_->Cancel();
    if (computed_ && has_trackers_ && !HasReason(failure_, Reason::kWorkerLost)) CloseInModel();
    if (id_ != 0) streams_.Close(id_);
    call_->End(failure_);
  }

  // The trackers' memory. Where there is no room for the task the model forgets in time.
  void CloseInModel() {
    JobRequest job = job_;
    engine_proto::FrameStream& stream = *job.task.mutable_vision()->mutable_stream();
    stream.set_id(id_);
    stream.set_close(true);
    job.deadline = absl::InfiniteFuture();
    job.cancel = CancelToken();
    job.sink = std::make_shared<SilentSink>();
    call_->runtime().scheduler().Submit(std::move(job)).IgnoreError();
  }

  absl::Time Now() const { return call_->runtime().clock().Now(); }

  const std::shared_ptr<StreamCall> call_;
  FrameStreams& streams_;
  uint64_t id_ = 0;
  v1::RequestOptions options_;
  // Null before `start`.
  std::unique_ptr<Frames> frames_;
  FrameRequests requests_;
  bool has_trackers_ = false;
  // Nothing before the first request.
  std::optional<Manifest> model_;
  // Set once the model was asked for.
  std::optional<CancelSource> loading_;
  bool ready_ = false;
  // What every frame's job begins as.
  JobRequest job_;
  std::shared_ptr<Running> running_;
  bool computed_ = false;
  bool paused_ = false;
  bool half_closed_ = false;
  // Why the stream ends; the first counts.
  absl::Status failure_;
  uint64_t analyzed_ = 0;
  // Whether any frame was a picture, and how many were none since the last one that was.
  bool decoded_ = false;
  int undecodable_ = 0;
  bool told_results_ = false;
  int told_place_ = -1;
  absl::Time drops_told_ = absl::InfinitePast();
  Timer::Id timer_ = 0;
  absl::Time armed_for_ = absl::InfiniteFuture();
  CancelRegistration cancelled_;
};

// Carries what the scheduler says of one frame into the call's strand.
class FramesHandler::Sink final : public JobSink {
 public:
  Sink(std::shared_ptr<FramesHandler> handler, std::shared_ptr<Running> running)
      : handler_(std::move(handler)), running_(std::move(running)) {}

  void OnQueued(const QueuePlace& place) override {
    Run([place](FramesHandler& handler, Running&) { handler.OnQueued(place); });
  }
  void OnEvents(std::vector<engine_proto::Event> events) override {
    Run([events = std::move(events)](FramesHandler& handler, Running& running) {
      for (const engine_proto::Event& event : events) handler.OnEvent(running, event);
    });
  }
  void OnEnd(const absl::Status& status, const JobUsage& usage) override {
    Run([status, usage](FramesHandler& handler, Running& running) {
      handler.OnEnd(running, status, usage);
    });
  }

 private:
  template <typename Work>
  void Run(Work work) {
    handler_->call_->Run([handler = handler_, running = running_,
                          work = std::move(work)]() mutable { work(*handler, *running); });
  }

  const std::shared_ptr<FramesHandler> handler_;
  const std::shared_ptr<Running> running_;
};

std::shared_ptr<JobSink> FramesHandler::MakeSink(const std::shared_ptr<Running>& running) {
  return std::make_shared<Sink>(shared_from_this(), running);
}

}  // namespace

std::shared_ptr<DuplexHandler> MakeFramesHandler(std::shared_ptr<StreamCall> call,
                                                 FrameStreams* streams) {
  const auto handler = std::make_shared<FramesHandler>(std::move(call), streams);
  handler->Bind();
  return handler;
}

}  // namespace intelligenced
