// How many frames of 640×480 raw pixels a stream answers in a second, and how many are dropped when
// they come at twice that speed: frame_stream SOCKET. Prints JSON. Run by vision.py.
#include <intelligence/frames.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"

namespace {

using intelligence::AnalyzeFramesEvent;
using intelligence::FrameStream;
using intelligence::VisionRequest;

constexpr uint32_t kWidth = 640, kHeight = 480, kSide = 96;
constexpr int kFrames = 32;
constexpr absl::Duration kTime = absl::Seconds(4);

// A square of spots that moves over a ground of spots, as RGB.
std::vector<intelligence::VideoFrame> MakeFrames() {
  const auto spots = [](uint32_t seed) {
    std::mt19937 random(seed);
    std::vector<uint8_t> values(size_t{kWidth / 4} * (kHeight / 4));
    for (uint8_t& value : values) value = static_cast<uint8_t>(random());
    return values;
  };
  const std::vector<uint8_t> ground = spots(1), thing = spots(2);
  std::vector<intelligence::VideoFrame> frames(kFrames);
  for (uint32_t t = 0; t < kFrames; ++t) {
    const uint32_t left = 60 + 8 * t, top = 120 + 4 * t;
    std::string data;
    data.reserve(size_t{3} * kWidth * kHeight);
    for (uint32_t y = 0; y < kHeight; ++y) {
      for (uint32_t x = 0; x < kWidth; ++x) {
        const bool inside = x >= left && x < left + kSide && y >= top && y < top + kSide;
        const uint8_t value = inside ? thing[(y - top) / 4 * (kWidth / 4) + (x - left) / 4]
                                     : ground[y / 4 * (kWidth / 4) + x / 4];
        data.append(3, static_cast<char>(inside ? value : 64 + value / 2));
      }
    }
    frames[t].image.pixels = intelligence::PixelBuffer{.format = intelligence::PixelFormat::kRgb,
                                                       .width = kWidth,
                                                       .height = kHeight,
                                                       .data = std::move(data)};
  }
  return frames;
}

struct Measured {
  uint64_t sent = 0;
  uint64_t answered = 0;
  uint64_t dropped = 0;
  double seconds = 0;
};

// `interval` zero: as fast as frames are answered.
Measured Run(const intelligence::Client& client, const VisionRequest& request,
             const std::vector<intelligence::VideoFrame>& frames, absl::Duration interval) {
  const intelligenced::SystemClock clock;
  const bool paced = interval > absl::ZeroDuration();
  FrameStream stream = FrameStream::Open(client, {.requests = {request},
                                                  .max_pending_frames = paced ? 1U : 2U,
                                                  .max_unanswered_frames = paced ? 0U : 2U});
  Measured measured;
  const auto read = [&] {
    const std::optional<AnalyzeFramesEvent> event = stream.Next();
    if (!event.has_value()) return false;
    if (std::holds_alternative<intelligence::FrameResults>(*event)) ++measured.answered;
    if (const auto* drop = std::get_if<intelligence::FramesDropped>(&*event)) {
      measured.dropped += drop->count;
    }
    return true;
  };
  // There and back, so that the thing never jumps.
  const auto frame = [&](uint64_t i) -> const intelligence::VideoFrame& {
    const uint64_t place = i % (2 * kFrames - 2);
    return frames[place < kFrames ? place : 2 * kFrames - 2 - place];
  };
  stream.SendFrame(frame(measured.sent++));
  while (measured.answered == 0 && read()) {  // the model is loaded
  }
  const absl::Time begin = clock.Now();
  if (paced) {
    std::thread reader([&] {
      while (read()) {
      }
    });
    for (int i = 0; clock.Now() - begin < kTime; ++i) {
      if (stream.SendFrame(frame(measured.sent++)) != intelligence::SendResult::kTaken) break;
      absl::Notification never;
      never.WaitForNotificationWithTimeout(begin + interval * (i + 1) - clock.Now());
    }
    measured.seconds = absl::ToDoubleSeconds(clock.Now() - begin);
    stream.Finish();
    reader.join();
  } else {
    while (clock.Now() - begin < kTime) {
      const intelligence::SendResult result = stream.SendFrame(frame(measured.sent));
      if (result == intelligence::SendResult::kTaken) ++measured.sent;
      if (result == intelligence::SendResult::kBusy && read()) continue;
      if (result != intelligence::SendResult::kTaken) break;
    }
    stream.Finish();
    while (read()) {
    }
    measured.seconds = absl::ToDoubleSeconds(clock.Now() - begin);
  }
  if (!stream.status().ok()) {
    fprintf(stderr, "%s\n", stream.status().ToString().c_str());
    exit(1);
  }
  return measured;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const absl::StatusOr<intelligence::Client> client =
      intelligence::Client::Connect({.socket_path = argv[1]});
  if (!client.ok()) {
    fprintf(stderr, "%s\n", client.status().ToString().c_str());
    return 1;
  }
  const std::vector<intelligence::VideoFrame> frames = MakeFrames();
  const VisionRequest track = {
      .kind = intelligence::TrackObject{.box = {.x = 60.F / kWidth,
                                                .y = 120.F / kHeight,
                                                .width = static_cast<float>(kSide) / kWidth,
                                                .height = static_cast<float>(kSide) / kHeight}}};
  const VisionRequest barcodes = {.kind = intelligence::DetectBarcodes{}};
  printf("[");
  bool first = true;
  for (const auto& [name, request] :
       {std::pair("TrackObject", &track), std::pair("DetectBarcodes", &barcodes)}) {
    const Measured alone = Run(*client, *request, frames, absl::ZeroDuration());
    const double speed = static_cast<double>(alone.answered) / alone.seconds;
    const Measured twice = Run(*client, *request, frames, absl::Seconds(0.5 / speed));
    printf(
        "%s{\"request\": \"%s\", \"frames_s\": %.1f, \"sent_s\": %.1f, \"sent\": %llu, "
        "\"answered\": %llu, \"dropped\": %llu}",
        first ? "" : ", ", name, speed, static_cast<double>(twice.sent) / twice.seconds,
        static_cast<unsigned long long>(twice.sent),
        static_cast<unsigned long long>(twice.answered),
        static_cast<unsigned long long>(twice.dropped));
    first = false;
  }
  printf("]\n");
  return 0;
}
