#include "runtime/engines/onnx/diffusion/style_transfer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/diffusion/memory_plan.h"
#include "runtime/engines/onnx/diffusion/upscale_job.h"
#include "runtime/engines/onnx/view.h"
#include "runtime/engines/task_image/task_image.h"
#include "runtime/media/image_write.h"
#include "runtime/media/lanczos.h"
#include "runtime/media/sample.h"

namespace intelligenced {
namespace {

constexpr int kMostOpenSide = 1024;
// Networks halve the picture twice.
constexpr int kStep = 4;

struct Style {
  std::string name;
  std::unique_ptr<Network> network;
};

class RestyleJob final : public OnnxJob {
 public:
  RestyleJob(Network* network, bool bgr, engine_proto::RestyleImageTask task,
             Attachments attachments, std::string model, CancelToken cancel)
      : OnnxJob(std::move(cancel)),
        network_(*network),
        bgr_(bgr),
        task_(std::move(task)),
        attachments_(std::move(attachments)),
        model_(std::move(model)) {}

 private:
  static constexpr uint32_t kSteps = 3;

  absl::Status Advance(JobOutput& output) override {
    absl::Status status;
    if (source_.empty()) {
      status = Read();
    } else if (styled_.empty()) {
      status = Run();
    } else {
      return Write(output);
    }
    if (status.ok()) Told(output);
    return status;
  }

  absl::Status Read() {
    engine_proto::ImageInfo info;
    absl::StatusOr<Image> image = DecodeTaskImage(task_.image(), attachments_, &info);
    if (!image.ok()) return image.status();
    source_ = *std::move(image);
    task_.clear_image();
    return absl::OkStatus();
  }

  absl::Status Run() {
    const Shape& shape = network_.inputs().front().shape;
    const auto source_width = static_cast<float>(source_.width());
    const auto source_height = static_cast<float>(source_.height());
    const float shrink = std::min(1.0F, kMostOpenSide / std::max(source_width, source_height));
    const auto open = [&](float side) {
      return std::max(kStep * 4, static_cast<int>(std::lround(side * shrink / kStep)) * kStep);
    };
    const int height = shape[2] > 0 ? static_cast<int>(shape[2]) : open(source_height);
    const int width = shape[3] > 0 ? static_cast<int>(shape[3]) : open(source_width);
    const Letterbox box = FitTopLeft(source_width, source_height, width, height);
    Tensor input;
    input.shape = {1, 3, height, width};
    input.values.resize(static_cast<size_t>(CountElements(input.shape)));
    SamplePicture(source_,
                  {.width = width,
                   .height = height,
                   .to_picture = box.to_picture(),
                   .bgr = bgr_,
                   .repeat_border = true},
                  absl::MakeSpan(input.values));
    std::vector<Tensor> inputs;
    inputs.push_back(std::move(input));
    auto outputs = network_.Run(inputs, cancel());
    if (!outputs.ok()) return outputs.status();
    const Tensor& answer = outputs->front();
    if (answer.shape != inputs.front().shape) {
      return MakeError(
          Reason::kEngineFailure,
          absl::StrCat("The network answered ", ShapeText(answer.shape), " numbers where ",
                       ShapeText(inputs.front().shape), " were to come."));
    }
    // What the picture itself became.
    const int own_width =
        std::clamp(static_cast<int>(std::lround(source_width * box.scale)), 1, width);
    const int own_height =
        std::clamp(static_cast<int>(std::lround(source_height * box.scale)), 1, height);
    absl::StatusOr<Image> image = Image::Make(own_width, own_height, 3);
    if (!image.ok()) return image.status();
    const size_t plane = static_cast<size_t>(width) * height;
    for (int y = 0; y < own_height; ++y) {
      uint8_t* to = image->row(y);
      for (int x = 0; x < own_width; ++x) {
        for (size_t c = 0; c < 3; ++c) {
          const size_t from = (bgr_ ? 2 - c : c) * plane;
          const float value = answer.values[from + static_cast<size_t>(y) * width + x];
          if (!std::isfinite(value)) {
            return MakeError(Reason::kEngineFailure,
                             "The network answered what is no number (NaN or infinity).");
          }
          *to++ = static_cast<uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F));
        }
      }
    }
    image = ResizeLanczos(*image, source_.width(), source_.height());
    if (!image.ok()) return image.status();
    styled_ = *std::move(image);
    return absl::OkStatus();
  }

  absl::Status Write(JobOutput& output) {
    const ImageOrigin origin = {.source = ImageSource::kComposite, .model = model_};
    absl::StatusOr<std::string> file = task_.format() == engine_proto::IMAGE_FILE_FORMAT_WEBP
                                           ? WriteWebp(styled_, origin)
                                           : WritePng(styled_, origin);
    if (!file.ok()) return file.status();
    Told(output);
    engine_proto::GeneratedImage& made = *output.events.emplace_back().mutable_generated_image();
    made.set_width(static_cast<uint32_t>(styled_.width()));
    made.set_height(static_cast<uint32_t>(styled_.height()));
    made.set_data(*std::move(file));
    Complete(output, /*images_decoded=*/1);
    return absl::OkStatus();
  }

  void Told(JobOutput& output) {
    engine_proto::ImageStep& step = *output.events.emplace_back().mutable_image_step();
    step.set_step(++done_);
    step.set_steps(kSteps);
  }

  Network& network_;
  const bool bgr_;
  engine_proto::RestyleImageTask task_;
  const Attachments attachments_;
  const std::string model_;
  Image source_;
  Image styled_;
  uint32_t done_ = 0;
};

class StyleTransfer final : public TextFamily {
 public:
  StyleTransfer(std::vector<Style> styles, bool bgr, std::string model)
      : styles_(std::move(styles)), bgr_(bgr), model_(std::move(model)) {}

  void Describe(engine_proto::ModelInfo* info) const override {
    info->add_task_kinds(engine_proto::TASK_KIND_RESTYLE_IMAGE);
    info->add_task_kinds(engine_proto::TASK_KIND_UPSCALE_IMAGE);
    info->set_max_batch(1);
    engine_proto::ImageGenerationInfo& image = *info->mutable_image_generation();
    for (const Style& style : styles_) image.add_styles(style.name);
    const Shape& shape = styles_.front().network->inputs().front().shape;
    image.set_height(static_cast<uint32_t>(std::max<int64_t>(shape[2], 0)));
    image.set_width(static_cast<uint32_t>(std::max<int64_t>(shape[3], 0)));
    image.set_size_multiple(1);
    image.set_takes_source_image(true);
  }

  bool Serves(engine_proto::Task::KindCase kind) const override {
    return kind == engine_proto::Task::kRestyleImage || kind == engine_proto::Task::kUpscaleImage;
  }

  absl::StatusOr<std::unique_ptr<OnnxJob>> Start(const engine_proto::Task& task,
                                                 CancelToken cancel) override {
    return StartWith(task, {}, std::move(cancel));
  }

  absl::StatusOr<std::unique_ptr<OnnxJob>> StartWith(const engine_proto::Task& task,
                                                     const Attachments& attachments,
                                                     CancelToken cancel) override {
    if (task.has_upscale_image()) {
      return MakeUpscaleJob(task.upscale_image(), attachments, ReadMemoryRoom(), std::move(cancel));
    }
    const engine_proto::RestyleImageTask& restyle = task.restyle_image();
    if (!restyle.has_image()) return FieldError("image", "is required.");
    if (!engine_proto::ImageFileFormat_IsValid(restyle.format())) {
      return FieldError("format", "is not known.");
    }
    for (const Style& style : styles_) {
      if (!restyle.style().empty() && !absl::EqualsIgnoreCase(style.name, restyle.style()))
        continue;
      return std::make_unique<RestyleJob>(style.network.get(), bgr_, restyle, attachments, model_,
                                          std::move(cancel));
    }
    return FieldError("style", absl::StrCat("must be one of: ",
                                            absl::StrJoin(styles_, ", ",
                                                          [](std::string* out, const Style& style) {
                                                            out->append(style.name);
                                                          }),
                                            "."));
  }

 private:
  const std::vector<Style> styles_;
  const bool bgr_;
  const std::string model_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TextFamily>> MakeStyleTransfer(TextFamilyParts parts) {
  std::vector<Style> styles;
  for (auto& [role, session] : parts.sessions) {
    auto network = AsNetwork(session);
    if (!network.ok()) return network.status();
    const Shape expected = {1, 3, -1, -1};
    for (const auto* const ports : {&(*network)->inputs(), &(*network)->outputs()}) {
      if (ports->size() == 1 && ShapeFits(ports->front().shape, expected)) continue;
      return MakeError(
          Reason::kModelLoadFailed,
          absl::StrCat("A network of the family style-transfer has one input and one "
                       "output of ",
                       ShapeText(expected), "; the file with the role \"", role, "\" has others."));
    }
    std::string_view name = role;
    if (!absl::ConsumePrefix(&name, "style-")) {
      const auto given = parts.parameters.find("style");
      name = given != parts.parameters.end() ? given->second : parts.model;
    }
    styles.push_back({std::string(name), *std::move(network)});
  }
  if (styles.empty()) {
    return MakeError(Reason::kModelLoadFailed,
                     "The model has no file with the role \"model\" or \"style-NAME\".");
  }
  const auto order = parts.parameters.find("colour_order");
  const bool bgr = order != parts.parameters.end() && order->second == "bgr";
  if (order != parts.parameters.end() && !bgr && order->second != "rgb") {
    return MakeError(Reason::kModelCorrupt,
                     "The manifest's parameter colour_order must be \"rgb\" or \"bgr\".");
  }
  return std::make_unique<StyleTransfer>(std::move(styles), bgr, parts.model);
}

}  // namespace intelligenced
