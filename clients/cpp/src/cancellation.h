// What is inside a Cancellation.
#ifndef INTELLIGENCED_CLIENTS_CPP_SRC_CANCELLATION_H_
#define INTELLIGENCED_CLIENTS_CPP_SRC_CANCELLATION_H_

#include <intelligence/common.h>

#include "runtime/base/cancel.h"

namespace intelligence {

struct Cancellation::State {
  intelligenced::CancelSource source;
};

}  // namespace intelligence

#endif  // INTELLIGENCED_CLIENTS_CPP_SRC_CANCELLATION_H_
