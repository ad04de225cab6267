#include "runtime/engines/onnx/recording.h"

#include <utility>
#include <vector>

namespace intelligenced {
namespace {

class RecordingNetwork final : public Network {
 public:
  RecordingNetwork(std::string role, std::unique_ptr<Network> network,
                   std::shared_ptr<SeenShapes> seen)
      : role_(std::move(role)), network_(std::move(network)), seen_(std::move(seen)) {}

  const std::vector<PortInfo>& inputs() const override { return network_->inputs(); }
  const std::vector<PortInfo>& outputs() const override { return network_->outputs(); }

  absl::StatusOr<std::vector<Tensor>> Run(const std::vector<Tensor>& inputs,
                                          const CancelToken& cancel) override {
    auto& shapes = (*seen_)[role_];
    for (size_t i = 0; i < inputs.size() && i < network_->inputs().size(); ++i) {
      Shape& shape = shapes[network_->inputs()[i].name];
      if (CountElements(inputs[i].shape) > (shape.empty() ? 0 : CountElements(shape))) {
        shape = inputs[i].shape;
      }
    }
    return network_->Run(inputs, cancel);
  }

 private:
  const std::string role_;
  const std::unique_ptr<Network> network_;
  const std::shared_ptr<SeenShapes> seen_;
};

}  // namespace

std::unique_ptr<Network> RecordShapes(std::string role, std::unique_ptr<Network> network,
                                      std::shared_ptr<SeenShapes> seen) {
  return std::make_unique<RecordingNetwork>(std::move(role), std::move(network), std::move(seen));
}

}  // namespace intelligenced
