// What people see of models, status and activity. Pure functions.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_VIEWS_H_
#define INTELLIGENCED_CLIENTS_MLCTL_VIEWS_H_

#include <intelligence/client.h>

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "clients/mlctl/format.h"

namespace intelligenced::mlctl {

// "ready", "not installed", …
std::string StateWord(intelligence::ModelState state);

// Until when a model stays resident: "pinned", "in use", "4m12s", "idle".
std::string ResidentUntil(const intelligence::Model& model, absl::Time now);

std::string RenderModelList(const std::vector<intelligence::Model>& models, int width,
                            const Palette& palette);
std::string RenderModel(const intelligence::Model& model, absl::Time now, const Palette& palette);

// The table of `mlctl ps`.
std::string RenderResident(const std::vector<intelligence::Model>& models, absl::Time now,
                           int width, const Palette& palette);
std::string RenderSessionList(const std::vector<intelligence::SessionInfo>& sessions,
                              absl::Time now, int width, const Palette& palette);
// With its transcript.
std::string RenderSession(const intelligence::SessionInfo& session, absl::Time now,
                          const Palette& palette);
std::string RenderStatus(const intelligence::SystemStatus& status, const Palette& palette);
std::string RenderActivity(const std::vector<intelligence::ActivityRecord>& records,
                           absl::TimeZone zone, int width, const Palette& palette);
std::string RenderChecks(const std::vector<intelligence::DiagnosticCheck>& checks,
                         const Palette& palette);

// "Downloading [####      ] 40 %  1.2 GiB of 3.0 GiB  12.0 MiB/s  2m31s left".
std::string RenderDownload(const intelligence::InstallProgress& progress, int width);

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_VIEWS_H_
