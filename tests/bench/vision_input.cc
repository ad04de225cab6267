// What it costs to bring a raw frame of 48 MB to the model: vision_input SOCKET.
//
// The question is a small one (a feature print of a part), so that the way of the picture is what
// takes the time. The work itself is the same engine in this process on the same memory.
#include <intelligence/client.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "runtime/base/attachment.h"
#include "runtime/base/clock.h"
#include "runtime/engines/vision/vision_engine.h"
#include "tests/unit/engines/vision/pictures.h"

namespace intelligenced {
namespace {

constexpr uint32_t kSide = 4000;
constexpr float kPart = 0.1F;
constexpr int kRounds = 40;

struct Frame {
  intelligence::PixelBuffer layout = {
      .format = intelligence::PixelFormat::kRgb, .width = kSide, .height = kSide};
  std::string bytes;
};

Frame MakeFrame() {
  Frame frame;
  frame.bytes.resize(size_t{3} * kSide * kSide);
  for (size_t i = 0; i < frame.bytes.size(); ++i) {
    frame.bytes[i] = static_cast<char>((i / 3 % kSide) * (i / 3 / kSide) >> 8);
  }
  return frame;
}

intelligence::AnalyzeImageRequest Ask(intelligence::VisionImage image) {
  intelligence::AnalyzeImageRequest request = {.image = std::move(image)};
  request.requests.push_back(
      {.kind = intelligence::GenerateImageFeaturePrint{},
       .region_of_interest = intelligence::Rect{.width = kPart, .height = kPart}});
  return request;
}

// The engine in this process.
class Alone {
 public:
  static absl::StatusOr<std::unique_ptr<Alone>> Make(const Frame& frame) {
    auto alone = std::make_unique<Alone>();
    alone->engine_ = MakeVisionEngine();
    absl::StatusOr<std::unique_ptr<Model>> model = alone->engine_->Load(VisionSpec(), {});
    if (!model.ok()) return model.status();
    alone->model_ = *std::move(model);
    absl::StatusOr<std::shared_ptr<const Attachment>> memory = Attachment::Copy(frame.bytes);
    if (!memory.ok()) return memory.status();
    alone->attachments_ = {*std::move(memory)};
    engine_proto::VisionImage& image = *alone->task_.mutable_vision()->mutable_image();
    image.mutable_pixels()->set_format(engine_proto::PIXEL_FORMAT_RGB);
    image.mutable_pixels()->set_width(kSide);
    image.mutable_pixels()->set_height(kSide);
    image.set_attachment("0");
    engine_proto::VisionRequest& request = *alone->task_.mutable_vision()->add_requests();
    request.mutable_generate_image_feature_print();
    request.mutable_region_of_interest()->set_width(kPart);
    request.mutable_region_of_interest()->set_height(kPart);
    return alone;
  }
  absl::Status Run() {
    absl::StatusOr<std::unique_ptr<Job>> job = model_->StartWith(task_, attachments_, {});
    if (!job.ok()) return job.status();
    Job* const one = job->get();
    while (true) {
      const auto outputs = model_->Step({&one, 1}, {.budget = absl::Seconds(1)});
      if (!outputs.ok()) return outputs.status();
      if ((*outputs)[0].done) return (*outputs)[0].status;
    }
  }

 private:
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Model> model_;
  Attachments attachments_;
  engine_proto::Task task_;
};

struct Way {
  const char* name;
  std::function<absl::Status()> run;
  std::vector<double> milliseconds = {};
};

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

int Main(const std::string& socket) {
  const SystemClock clock;
  const Frame frame = MakeFrame();
  absl::StatusOr<intelligence::Client> client =
      intelligence::Client::Connect({.socket_path = socket});
  absl::StatusOr<std::unique_ptr<Alone>> alone = Alone::Make(frame);
  absl::StatusOr<intelligence::SharedMemory> memory =
      intelligence::SharedMemory::Make(frame.bytes.size());
  for (const absl::Status& status : {client.status(), alone.status(), memory.status()}) {
    if (status.ok()) continue;
    fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  std::copy(frame.bytes.begin(), frame.bytes.end(), memory->data());
  absl::StatusOr<intelligence::VisionImage> shared =
      intelligence::VisionImage::FromSharedMemory(*std::move(memory), frame.layout);
  if (!shared.ok()) return 1;
  const intelligence::AnalyzeImageRequest by_descriptor = Ask(*shared);
  intelligence::PixelBuffer pixels = frame.layout;
  pixels.data = frame.bytes;
  const intelligence::AnalyzeImageRequest by_bytes = Ask({.pixels = std::move(pixels)});

  Way ways[] = {
      {"alone", [&] { return (*alone)->Run(); }},
      {"descriptor", [&] { return client->AnalyzeImage(by_descriptor).status(); }},
      {"bytes", [&] { return client->AnalyzeImage(by_bytes).status(); }},
  };
  // In turn, so that a busy moment falls on all of them. The first round warms up.
  for (int round = 0; round <= kRounds; ++round) {
    for (Way& way : ways) {
      const absl::Time begin = clock.Now();
      const absl::Status status = way.run();
      if (!status.ok()) {
        fprintf(stderr, "%s: %s\n", way.name, status.ToString().c_str());
        return 1;
      }
      if (round > 0) way.milliseconds.push_back(absl::ToDoubleMilliseconds(clock.Now() - begin));
    }
  }
  const double work = Median(ways[0].milliseconds);
  const double descriptor = Median(ways[1].milliseconds);
  const double bytes = Median(ways[2].milliseconds);
  printf(
      "raw frame of 48 MB, a small question: the work alone %.2f ms; with a descriptor %.2f ms, "
      "%.2f ms more (aim: 2); as message bytes %.1f ms, %.1f ms more\n",
      work, descriptor, descriptor - work, bytes, bytes - work);
  return 0;
}

}  // namespace
}  // namespace intelligenced

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "vision_input SOCKET\n");
    return 2;
  }
  return intelligenced::Main(argv[1]);
}
