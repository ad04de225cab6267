// What people see of `mlctl models report` and `optimize`. Pure functions.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_PERFORMANCE_VIEW_H_
#define INTELLIGENCED_CLIENTS_MLCTL_PERFORMANCE_VIEW_H_

#include <intelligence/client.h>

#include <string>
#include <vector>

#include "clients/mlctl/format.h"
#include "clients/mlctl/json.h"

namespace intelligenced::mlctl {

std::string RenderReport(const intelligence::ModelReport& report, const Palette& palette);
Json ToJson(const intelligence::ModelReport& report);

std::string RenderLayouts(const intelligence::OptimizeModelResult& result, const Palette& palette);
Json ToJson(const intelligence::OptimizeModelResult& result);

// "Converting to Q4_0 … 40 %".
std::string RenderProgress(const intelligence::OptimizeProgress& progress);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_PERFORMANCE_VIEW_H_
