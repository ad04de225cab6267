// The screen of `mlctl top`. A pure function, so that tests draw it on a screen of their own.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_TOP_VIEW_H_
#define INTELLIGENCED_CLIENTS_MLCTL_TOP_VIEW_H_

#include <intelligence/client.h>

#include <ftxui/dom/elements.hpp>

#include "absl/time/time.h"

namespace intelligenced::mlctl {

// `now` as a calendar says, for how long models stay.
ftxui::Element RenderTop(const intelligence::SystemStatus& status, absl::Time now, bool colored);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_TOP_VIEW_H_
