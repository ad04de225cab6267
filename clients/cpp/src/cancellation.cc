#include "clients/cpp/src/cancellation.h"

#include <memory>

namespace intelligence {

Cancellation::Cancellation() : state_(std::make_shared<State>()) {}

void Cancellation::Cancel() const { state_->source.Cancel(); }

bool Cancellation::cancelled() const { return state_->source.token().cancelled(); }

}  // namespace intelligence
