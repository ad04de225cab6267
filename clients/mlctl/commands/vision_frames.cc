#include "clients/mlctl/commands/vision_frames.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <ostream>
#include <system_error>
#include <utility>
#include <variant>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "clients/mlctl/annotate.h"
#include "clients/mlctl/vision_json.h"
#include "runtime/base/file.h"

namespace intelligenced::mlctl {
namespace {

using intelligence::FrameResults;
using intelligence::FrameStream;
using intelligence::VisionRequest;

constexpr size_t kMaxPictureBytes = size_t{48} << 20;
// Sent ahead of the answers: one is read while the other is computed, and none has to be dropped.
constexpr uint32_t kAhead = 2;

absl::StatusOr<std::vector<std::string>> Expand(const std::vector<std::string>& files) {
  std::vector<std::string> frames;
  for (const std::string& file : files) {
    std::error_code error;
    if (!std::filesystem::is_directory(file, error)) {
      frames.push_back(file);
      continue;
    }
    std::vector<std::string> inside;
    for (const auto& entry : std::filesystem::directory_iterator(file, error)) {
      if (entry.is_regular_file(error)) inside.push_back(entry.path().string());
    }
    if (error) {
      return absl::NotFoundError(absl::StrCat(file, " cannot be read: ", error.message()));
    }
    std::sort(inside.begin(), inside.end());
    frames.insert(frames.end(), inside.begin(), inside.end());
  }
  return frames;
}

// One run of frames: what is out, and what became of it.
class FrameCommand {
 public:
  FrameCommand(Session& session, std::vector<VisionRequest> requests, std::string annotate)
      : session_(session), annotate_(std::move(annotate)) {
    request_.requests = std::move(requests);
  }

  int Run(const intelligence::Client& client, const std::vector<std::string>& files) {
    FrameStream stream = FrameStream::Open(client,
                                           {.requests = request_.requests,
                                            .max_pending_frames = kAhead,
                                            .max_unanswered_frames = kAhead},
                                           session_.Call());
    Progress progress(&session_);
    bool going = true;
    for (const std::string& file : files) {
      absl::StatusOr<std::string> bytes = ReadFile(file, kMaxPictureBytes);
      if (!bytes.ok()) {
        if (const int failed = session_.Fail(bytes.status()); failed == kInterrupted) return failed;
        code_ = kInputOutput;
        continue;
      }
      while (going && out_.size() >= kAhead) going = Read(stream, progress);
      if (!going) break;
      intelligence::VideoFrame frame;
      frame.image.encoded = *bytes;
      if (stream.SendFrame(frame) != intelligence::SendResult::kTaken) break;
      out_[sent_++] = {file, annotate_.empty() ? std::string() : *std::move(bytes)};
    }
    stream.Finish();
    while (going && Read(stream, progress)) {
    }
    // A stream that ended early is read to its end too.
    while (stream.Next().has_value()) {
    }
    progress.Clear();
    if (!stream.status().ok()) return session_.Fail(stream.status());
    return code_;
  }

 private:
  struct Sent {
    std::string file;
    std::string bytes;
  };

  // False: the stream has ended.
  bool Read(FrameStream& stream, Progress& progress) {
    const std::optional<intelligence::AnalyzeFramesEvent> event = stream.Next();
    if (!event.has_value()) return false;
    if (const auto* results = std::get_if<FrameResults>(&*event)) {
      progress.Clear();
      Show(*results);
    } else if (const auto* dropped = std::get_if<intelligence::FramesDropped>(&*event)) {
      for (uint64_t i = 0; i < dropped->count; ++i) Lose(dropped->first_frame + i);
    } else if (const auto* completed = std::get_if<intelligence::AnalyzeFramesCompleted>(&*event)) {
      session_.ReportUsage(completed->usage);
    } else if (const auto* queued = std::get_if<intelligence::Queued>(&*event)) {
      progress(*queued);
    } else if (const auto* loading = std::get_if<intelligence::ModelLoading>(&*event)) {
      progress(*loading);
    }
    return true;
  }

  // Nothing of this is sent too fast: what is left out cannot be looked at.
  void Lose(uint64_t frame) {
    const auto found = out_.find(frame);
    if (found == out_.end()) return;
    session_.Note(absl::StrCat(found->second.file, ": left out, it cannot be decoded"));
    code_ = kInputOutput;
    out_.erase(found);
  }

  void Show(const FrameResults& results) {
    const auto found = out_.find(results.frame);
    if (found == out_.end()) return;
    const Sent sent = std::move(found->second);
    out_.erase(found);
    const intelligence::AnalyzeImageResult result = {.image = results.image,
                                                     .results = results.results};
    if (session_.options().json) {
      Json json = {{"file", sent.file},
                   {"frame", results.frame},
                   {"dropped_frames", results.dropped_frames}};
      json.update(FrameJson(request_, result));
      session_.out() << Dump(json) << "\n";
    } else {
      const Palette palette = session_.out_palette();
      session_.out() << palette.Paint(Style::kBold, absl::StrCat("==> ", sent.file, " <=="))
                     << "\n";
      for (const intelligence::VisionResult& one : results.results) {
        if (request_.requests.size() > 1) {
          session_.out() << palette.Paint(Style::kBold,
                                          Name(request_.requests.at(one.request_index).kind))
                         << "\n";
        }
        std::string text = RenderVisionResult(one, results.image);
        if (session_.host().out_is_terminal) text = TerminalSafe(text);
        session_.out() << text;
      }
    }
    session_.out().flush();
    if (annotate_.empty()) return;
    absl::Status status = Draw(sent, results.frame, result);
    if (!status.ok()) {
      session_.Fail(status);
      code_ = kInputOutput;
    }
  }

  absl::Status Draw(const Sent& sent, uint64_t frame,
                    const intelligence::AnalyzeImageResult& result) const {
    absl::StatusOr<std::string> png = Annotate(sent.bytes, result);
    if (!png.ok()) return png.status();
    FileSystem files;
    const std::string stem = std::filesystem::path(sent.file).stem().string();
    return WriteFileAtomically(
        files, absl::StrCat(annotate_, "/", absl::StrFormat("%06d", frame), "-", stem, ".png"),
        *png, 0644);
  }

  Session& session_;
  intelligence::AnalyzeImageRequest request_;
  const std::string annotate_;
  std::map<uint64_t, Sent> out_;
  uint64_t sent_ = 0;
  int code_ = kDone;
};

}  // namespace

std::vector<float> ParseNumbers(std::string_view text, size_t count) {
  const std::vector<std::string> parts = absl::StrSplit(text, ',');
  if (parts.size() != count) return {};
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) {
    if (!absl::SimpleAtof(parts[i], &values[i])) return {};
  }
  return values;
}

absl::StatusOr<std::vector<VisionRequest>> FrameRequests(const FrameOptions& options) {
  std::vector<VisionRequest> requests;
  for (const std::string& text : options.track) {
    const std::vector<float> v = ParseNumbers(text, 4);
    if (v.empty()) {
      return absl::InvalidArgumentError(
          "--track takes where the thing is in the first frame, four numbers from 0 to 1: "
          "x,y,width,height, for example 0.4,0.4,0.1,0.2");
    }
    requests.push_back({.kind = intelligence::TrackObject{
                            .box = {.x = v[0], .y = v[1], .width = v[2], .height = v[3]}}});
  }
  for (const std::string& text : options.track_rectangle) {
    const std::vector<float> v = ParseNumbers(text, 8);
    if (v.empty()) {
      return absl::InvalidArgumentError(
          "--track-rectangle takes the four corners in the first frame, eight numbers from 0 to 1, "
          "clockwise from the top left: x,y,x,y,x,y,x,y");
    }
    requests.push_back(
        {.kind = intelligence::TrackRectangle{.corners = {.top_left = {v[0], v[1]},
                                                          .top_right = {v[2], v[3]},
                                                          .bottom_right = {v[4], v[5]},
                                                          .bottom_left = {v[6], v[7]}}}});
  }
  if (options.flow) requests.push_back({.kind = intelligence::TrackOpticalFlow{}});
  if (options.registration == "translation") {
    requests.push_back({.kind = intelligence::TrackTranslationalImageRegistration{}});
  } else if (options.registration == "homography") {
    requests.push_back({.kind = intelligence::TrackHomographicImageRegistration{}});
  }
  return requests;
}

int AnalyzeFrames(Session& session, const std::vector<std::string>& files,
                  std::vector<VisionRequest> requests, const std::string& annotate) {
  absl::StatusOr<std::vector<std::string>> frames = Expand(files);
  if (!frames.ok()) return session.Fail(frames.status());
  if (frames->empty()) return session.FailUsage("name the frames: files in order, or a folder");
  if (!annotate.empty()) {
    std::error_code error;
    std::filesystem::create_directories(annotate, error);
    if (error) {
      return session.Fail(
          absl::NotFoundError(absl::StrCat(annotate, " cannot be made: ", error.message())));
    }
  }
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  return FrameCommand(session, std::move(requests), annotate).Run(*client, *frames);
}

}  // namespace intelligenced::mlctl
