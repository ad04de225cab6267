#include "runtime/engines/fake/fake_image.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"

namespace intelligenced {
namespace {

using engine_proto::Event;

constexpr uint32_t kSide = 64;
constexpr uint32_t kSteps = 4;
constexpr uint32_t kMostSide = 8192;
constexpr size_t kStoredBlock = 65'535;

void AddBig(uint32_t value, std::string* out) {
  for (int shift = 24; shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift));
}

uint32_t Crc(std::string_view bytes) {
  uint32_t crc = 0xFFFF'FFFFU;
  for (const char c : bytes) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB8'8320U : 0);
  }
  return ~crc;
}

void AddChunk(std::string_view name, std::string_view data, std::string* out) {
  AddBig(static_cast<uint32_t>(data.size()), out);
  const std::string body = absl::StrCat(name, data);
  out->append(body);
  AddBig(Crc(body), out);
}

// zlib's format without compression.
std::string Stored(std::string_view bytes) {
  std::string out = "\x78\x01";
  uint32_t a = 1;
  uint32_t b = 0;
  for (const char c : bytes) {
    a = (a + static_cast<uint8_t>(c)) % 65'521;
    b = (b + a) % 65'521;
  }
  while (!bytes.empty()) {
    const size_t size = std::min(bytes.size(), kStoredBlock);
    out.push_back(size == bytes.size() ? '\1' : '\0');
    for (const size_t half : {size, ~size}) {
      out.push_back(static_cast<char>(half & 0xFF));
      out.push_back(static_cast<char>((half >> 8) & 0xFF));
    }
    out.append(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  AddBig(b << 16 | a, &out);
  return out;
}

std::string Png(uint32_t width, uint32_t height, uint32_t colour, std::string_view text) {
  std::string out = "\x89PNG\r\n\x1a\n";
  std::string header;
  AddBig(width, &header);
  AddBig(height, &header);
  header.append("\x08\x02\x00\x00\x00", 5);
  AddChunk("IHDR", header, &out);
  AddChunk("tEXt", absl::StrCat("parameters", std::string_view("\0", 1), text), &out);
  std::string row(1, '\0');
  for (uint32_t x = 0; x < width; ++x) {
    for (int shift = 0; shift < 24; shift += 8) row.push_back(static_cast<char>(colour >> shift));
  }
  std::string rows;
  for (uint32_t y = 0; y < height; ++y) rows += row;
  AddChunk("IDAT", Stored(rows), &out);
  AddChunk("IEND", "", &out);
  return out;
}

absl::Status CheckPicture(const engine_proto::VisionImage& image) {
  if (!image.encoded().starts_with("bad")) return absl::OkStatus();
  return MakeError(Reason::kImageUndecodable, "The fake engine takes this for no picture.");
}

Event Step(uint32_t step, uint32_t steps) {
  Event event;
  event.mutable_image_step()->set_step(step);
  event.mutable_image_step()->set_steps(steps);
  event.mutable_image_step()->set_remaining_microseconds(int64_t{1000} * (steps - step));
  return event;
}

Event Picture(uint32_t index, uint64_t seed, uint32_t width, uint32_t height,
              const std::string& text) {
  Event event;
  engine_proto::GeneratedImage& image = *event.mutable_generated_image();
  image.set_index(index);
  image.set_seed(seed);
  image.set_width(width);
  image.set_height(height);
  image.set_data(Png(width, height, Crc(absl::StrCat(seed, text)), text));
  return event;
}

absl::StatusOr<FakeScript> Generate(const engine_proto::GenerateImageTask& task,
                                    const FakeAnswers& answers) {
  const engine_proto::ImageGenerationInfo info = FakeImageInfo(answers);
  engine_proto::GenerateImageTask words = task;
  for (const auto* image : {&task.source_image(), &task.mask()}) {
    if (absl::Status status = CheckPicture(*image); !status.ok()) return status;
  }
  if (task.mask().has_pixels() && task.source_image().has_pixels() &&
      (task.mask().pixels().width() != task.source_image().pixels().width() ||
       task.mask().pixels().height() != task.source_image().pixels().height())) {
    return FieldError("mask", "It must have the size of the source image.");
  }
  words.clear_source_image();
  words.clear_mask();
  const std::string text = words.ShortDebugString();
  const uint32_t steps = task.steps() == 0 ? info.default_steps() : task.steps();
  const uint32_t width = task.width() == 0 ? info.width() : task.width();
  const uint32_t height = task.height() == 0 ? info.height() : task.height();
  FakeScript script;
  for (uint32_t step = 1; step <= steps; ++step) {
    Event event = Step(step, steps + 1);
    if (task.preview_interval() > 0 && step % task.preview_interval() == 0) {
      event.mutable_image_step()->set_preview(Png(8, 8, Crc(text) ^ step, "preview"));
    }
    script.units.push_back({std::move(event)});
  }
  std::vector<Event>& last = script.units.emplace_back();
  last.push_back(Step(steps + 1, steps + 1));
  for (uint32_t i = 0; i < std::max(1U, task.count()); ++i) {
    last.push_back(Picture(i, task.seed() + i, width, height, text));
  }
  const auto has = [&](const std::string& word) {
    return !word.empty() && absl::StrContains(task.prompt(), word);
  };
  if (has(answers.crash_word)) script.crash_after_units = 2;
  if (has(answers.fail_word)) script.fail_after_units = 2;
  return script;
}

absl::StatusOr<FakeScript> Change(const engine_proto::VisionImage& image, uint32_t width,
                                  uint32_t height, const std::string& text) {
  if (absl::Status status = CheckPicture(image); !status.ok()) return status;
  FakeScript script;
  script.units.push_back(
      {Step(1, 1), Picture(0, 0, width, height, absl::StrCat(text, " ", image.encoded()))});
  return script;
}

}  // namespace

engine_proto::ImageGenerationInfo FakeImageInfo(const FakeAnswers& answers) {
  engine_proto::ImageGenerationInfo info;
  info.set_width(kSide);
  info.set_height(kSide);
  info.set_size_multiple(8);
  for (const char* const style : {"illustration", "sketch", "animation"}) info.add_styles(style);
  for (const char* const scheduler : {"ddim", "euler"}) info.add_schedulers(scheduler);
  info.set_default_steps(kSteps);
  info.set_default_guidance_scale(5);
  info.set_bytes_per_image(uint64_t{1} << 20);
  info.set_takes_source_image(!answers.words_only);
  info.set_takes_mask(!answers.words_only);
  return info;
}

absl::StatusOr<FakeScript> MakeFakePictures(const engine_proto::Task& task,
                                            const FakeAnswers& answers) {
  absl::StatusOr<FakeScript> script;
  if (task.has_generate_image()) {
    script = Generate(task.generate_image(), answers);
  } else if (task.has_restyle_image()) {
    script = Change(task.restyle_image().image(), kSide, kSide,
                    absl::StrCat("style=", task.restyle_image().style()));
  } else {
    const engine_proto::UpscaleImageTask& upscale = task.upscale_image();
    const uint32_t most = std::max(upscale.width(), upscale.height());
    if (most > kMostSide) return FieldError("width", "It is too large.");
    script = Change(upscale.image(), upscale.width() == 0 ? most : upscale.width(),
                    upscale.height() == 0 ? most : upscale.height(), "upscaled");
  }
  if (script.ok()) {
    script->completed.mutable_completed()->set_finish_reason(engine_proto::FINISH_REASON_STOP);
  }
  return script;
}

}  // namespace intelligenced
