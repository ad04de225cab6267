#include "clients/mlctl/top_view.h"

#include <algorithm>
#include <ftxui/dom/table.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "clients/mlctl/format.h"
#include "clients/mlctl/json.h"
#include "clients/mlctl/views.h"

namespace intelligenced::mlctl {
namespace {

using ftxui::Element;
using ftxui::Elements;

Element Text(std::string_view text) { return ftxui::text(TerminalSafe(text)); }

// A grid without borders: the first row is a heading, columns in `right` are right-aligned.
Element Grid(std::vector<std::vector<std::string>> rows, const std::vector<int>& right) {
  for (auto& row : rows) {
    for (std::string& cell : row) cell = absl::StrCat(TerminalSafe(cell), "  ");
  }
  ftxui::Table table(std::move(rows));
  table.SelectRow(0).Decorate(ftxui::bold);
  for (const int column : right) {
    table.SelectColumn(column).DecorateCells(ftxui::align_right);
  }
  return table.Render();
}

Element Section(std::string title, Element content) {
  return ftxui::vbox({ftxui::hbox({ftxui::text(std::move(title)) | ftxui::bold, ftxui::text(" "),
                                   ftxui::separator() | ftxui::dim | ftxui::flex}),
                      std::move(content), ftxui::text("")});
}

Element Bar(double share, int width, bool colored) {
  ftxui::Color color = ftxui::Color::Green;
  if (share > 0.7) color = ftxui::Color::Yellow;
  if (share > 0.9) color = ftxui::Color::Red;
  Element gauge = ftxui::gauge(static_cast<float>(std::clamp(share, 0.0, 1.0))) |
                  ftxui::size(ftxui::WIDTH, ftxui::EQUAL, width);
  return colored ? gauge | ftxui::color(color) : gauge;
}

Element Header(const intelligence::SystemStatus& status) {
  return ftxui::hbox({Text(absl::StrCat("intelligenced ", status.version)) | ftxui::bold,
                      Text(absl::StrCat("  ", absl::AsciiStrToLower(Name(status.state)), "  up ",
                                        DurationText(status.uptime), "  process ", status.pid)),
                      ftxui::filler(), ftxui::text("q to leave") | ftxui::dim});
}

Element Memory(const intelligence::MemoryStatus& memory, bool colored) {
  const double share = memory.ceiling_bytes == 0
                           ? 0
                           : static_cast<double>(memory.models_resident_bytes) /
                                 static_cast<double>(memory.ceiling_bytes);
  std::string line = absl::StrCat(" ", FormatBytes(memory.models_resident_bytes), " of ",
                                  FormatBytes(memory.ceiling_bytes));
  if (memory.reserved_bytes > 0) {
    absl::StrAppend(&line, ", loading ", FormatBytes(memory.reserved_bytes));
  }
  absl::StrAppend(&line, "; daemon ", FormatBytes(memory.daemon_resident_bytes), "; machine ",
                  FormatBytes(memory.machine_available_bytes), " free");
  return ftxui::hbox({ftxui::text("models "), Bar(share, 24, colored), Text(line)});
}

Element Models(const std::vector<intelligence::Model>& models, absl::Time now) {
  if (models.empty()) return ftxui::text("none is resident") | ftxui::dim;
  std::vector<std::vector<std::string>> rows = {
      {"NAME", "STATE", "RESIDENT", "PEAK", "LEASES", "PID", "DEVICE", "UNTIL"}};
  for (const intelligence::Model& model : models) {
    rows.push_back({ShortName(model.name), StateWord(model.state),
                    FormatBytes(model.resident_bytes), FormatBytes(model.peak_bytes),
                    absl::StrCat(model.leases), absl::StrCat(model.worker_pid), model.device,
                    ResidentUntil(model, now)});
  }
  return Grid(std::move(rows), {2, 3, 4, 5});
}

Element Queues(const std::vector<intelligence::QueueStatus>& queues) {
  std::vector<std::vector<std::string>> rows = {
      {"CLASS", "WAITING", "RUNNING", "COMPLETED", "REFUSED"}};
  for (const intelligence::QueueStatus& queue : queues) {
    rows.push_back({absl::AsciiStrToLower(Name(queue.request_class)), FormatCount(queue.waiting),
                    FormatCount(queue.running), FormatCount(queue.completed),
                    FormatCount(queue.refused)});
  }
  return Grid(std::move(rows), {1, 2, 3, 4});
}

Element Lanes(const std::vector<intelligence::LaneStatus>& lanes, bool colored) {
  Elements lines;
  for (const intelligence::LaneStatus& lane : lanes) {
    lines.push_back(
        ftxui::hbox({Text(lane.device) | ftxui::size(ftxui::WIDTH, ftxui::GREATER_THAN, 8),
                     ftxui::text(" "), Bar(lane.utilization, 24, colored),
                     Text(absl::StrFormat(" %.0f %% of the last minute, %d of %d in use",
                                          100 * lane.utilization, lane.in_use, lane.capacity))}));
  }
  return ftxui::vbox(std::move(lines));
}

Element Clients(const std::vector<intelligence::ClientStatus>& clients) {
  if (clients.empty()) return ftxui::text("none in the last minute") | ftxui::dim;
  std::vector<std::vector<std::string>> rows = {
      {"APP", "USER", "WAITING", "RUNNING", "REQUESTS", "DEVICE TIME/MIN", "IN ALL", "TOKENS/S"}};
  for (const intelligence::ClientStatus& client : clients) {
    rows.push_back({client.display_name.empty() ? client.client : client.display_name,
                    absl::StrCat(client.user_id), absl::StrCat(client.waiting),
                    absl::StrCat(client.running), FormatCount(client.requests),
                    DurationText(client.recent_device_time), DurationText(client.total_device_time),
                    absl::StrFormat("%.1f", client.output_tokens_per_second)});
  }
  return Grid(std::move(rows), {1, 2, 3, 4, 5, 6, 7});
}

}  // namespace

Element RenderTop(const intelligence::SystemStatus& status, absl::Time now, bool colored) {
  return ftxui::vbox({Header(status), Memory(status.memory, colored), Lanes(status.lanes, colored),
                      ftxui::text(""), Section("Models", Models(status.resident_models, now)),
                      Section("Queues", Queues(status.queues)),
                      Section("Apps", Clients(status.clients))});
}

}  // namespace intelligenced::mlctl
