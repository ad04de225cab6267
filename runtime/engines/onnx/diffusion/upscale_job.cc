#include "runtime/engines/onnx/diffusion/upscale_job.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/diffusion/memory_plan.h"
#include "runtime/engines/task_image/task_image.h"
#include "runtime/media/image_write.h"
#include "runtime/media/lanczos.h"

namespace intelligenced {
namespace {

// Numbers of a result's rows that a unit makes: some milliseconds.
constexpr int kNumbersAtOnce = 1 << 19;

class UpscaleJob final : public OnnxJob {
 public:
  UpscaleJob(engine_proto::UpscaleImageTask task, Attachments attachments, uint64_t room,
             CancelToken cancel)
      : OnnxJob(std::move(cancel)),
        task_(std::move(task)),
        attachments_(std::move(attachments)),
        room_(room) {}

 private:
  absl::Status Advance(JobOutput& output) override {
    if (source_.empty()) return Read();
    if (result_.empty()) {
      if (resizer_->Advance(std::max(1, kNumbersAtOnce / (width_ * source_.channels())))) {
        result_ = resizer_->Take();
        resizer_.reset();
      }
      return absl::OkStatus();
    }
    const ImageOrigin origin = {.source = ImageSource::kEnhanced};
    absl::StatusOr<std::string> file = task_.format() == engine_proto::IMAGE_FILE_FORMAT_WEBP
                                           ? WriteWebp(result_, origin)
                                           : WritePng(result_, origin);
    if (!file.ok()) return file.status();
    engine_proto::GeneratedImage& made = *output.events.emplace_back().mutable_generated_image();
    made.set_width(static_cast<uint32_t>(width_));
    made.set_height(static_cast<uint32_t>(height_));
    made.set_data(*std::move(file));
    Complete(output, /*images_decoded=*/1);
    return absl::OkStatus();
  }

  absl::Status Read() {
    engine_proto::ImageInfo info;
    absl::StatusOr<Image> image = DecodeTaskImage(task_.image(), attachments_, &info);
    if (!image.ok()) return image.status();
    source_ = *std::move(image);
    task_.clear_image();
    const double ratio = static_cast<double>(source_.width()) / source_.height();
    double width = task_.width(), height = task_.height();
    if (width == 0) width = std::max(1.0, std::round(height * ratio));
    if (height == 0) height = std::max(1.0, std::round(width / ratio));
    if (width > kMostUpscaledSide || height > kMostUpscaledSide) {
      return FieldError(task_.width() == 0 ? "height" : "width",
                        absl::StrCat("would make a picture of ", width, "×", height, "; at most ",
                                     kMostUpscaledSide, " a side."));
    }
    width_ = static_cast<int>(width);
    height_ = static_cast<int>(height);
    // The result, its file, and the numbers between the two passes.
    const uint64_t row = static_cast<uint64_t>(width_) * source_.channels();
    const uint64_t needed = row * static_cast<uint64_t>(height_) * 2 +
                            row * static_cast<uint64_t>(source_.height()) * sizeof(float);
    if (needed > room_) {
      ErrorFacts facts;
      facts.metadata = {{"needed_bytes", absl::StrCat(needed)},
                        {"available_bytes", absl::StrCat(room_)}};
      return MakeError(Reason::kMemoryInsufficient,
                       absl::StrCat("A picture of ", width_, "×", height_, " would take ", needed,
                                    " bytes, and there are ", room_, "."),
                       facts);
    }
    auto resizer = LanczosResizer::Make(&source_, width_, height_);
    if (!resizer.ok()) return resizer.status();
    resizer_ = *std::move(resizer);
    return absl::OkStatus();
  }

  engine_proto::UpscaleImageTask task_;
  const Attachments attachments_;
  const uint64_t room_;
  Image source_;
  std::unique_ptr<LanczosResizer> resizer_;
  Image result_;
  int width_ = 0;
  int height_ = 0;
};

class Lanczos final : public TextFamily {
 public:
  void Describe(engine_proto::ModelInfo* info) const override {
    info->add_task_kinds(engine_proto::TASK_KIND_UPSCALE_IMAGE);
    info->set_max_batch(2);
    info->set_width(1);
  }
  bool Serves(engine_proto::Task::KindCase kind) const override {
    return kind == engine_proto::Task::kUpscaleImage;
  }
  absl::StatusOr<std::unique_ptr<OnnxJob>> Start(const engine_proto::Task& task,
                                                 CancelToken cancel) override {
    return StartWith(task, {}, std::move(cancel));
  }
  absl::StatusOr<std::unique_ptr<OnnxJob>> StartWith(const engine_proto::Task& task,
                                                     const Attachments& attachments,
                                                     CancelToken cancel) override {
    return MakeUpscaleJob(task.upscale_image(), attachments, ReadMemoryRoom(), std::move(cancel));
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<OnnxJob>> MakeUpscaleJob(engine_proto::UpscaleImageTask task,
                                                        Attachments attachments, uint64_t room,
                                                        CancelToken cancel) {
  if (!task.has_image()) return FieldError("image", "is required.");
  if (task.width() == 0 && task.height() == 0) {
    return FieldError("width", "is required where there is no height.");
  }
  if (task.width() > kMostUpscaledSide) {
    return FieldError("width", absl::StrCat("must be at most ", kMostUpscaledSide, "."));
  }
  if (task.height() > kMostUpscaledSide) {
    return FieldError("height", absl::StrCat("must be at most ", kMostUpscaledSide, "."));
  }
  if (!engine_proto::ImageFileFormat_IsValid(task.format())) {
    return FieldError("format", "is not known.");
  }
  return std::make_unique<UpscaleJob>(std::move(task), std::move(attachments), room,
                                      std::move(cancel));
}

absl::StatusOr<std::unique_ptr<TextFamily>> MakeLanczos(TextFamilyParts) {
  return std::make_unique<Lanczos>();
}

}  // namespace intelligenced
