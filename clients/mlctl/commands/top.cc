// mlctl top
#include <ftxui/component/component.hpp>
#include <ftxui/component/event.hpp>
#include <ftxui/component/screen_interactive.hpp>
#include <ftxui/screen/screen.hpp>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "clients/mlctl/command_tree.h"
#include "clients/mlctl/json.h"
#include "clients/mlctl/top_view.h"
#include "clients/mlctl/views.h"

namespace intelligenced::mlctl {
namespace {

struct Options {
  std::optional<absl::Duration> interval;
  bool once = false;
};

// The newest status, from the thread that reads to the one that draws.
struct Shared {
  absl::Mutex mutex;
  intelligence::SystemStatus status ABSL_GUARDED_BY(mutex);
};

absl::Status Watch(Session& session, intelligence::Stream<intelligence::SystemStatus> stream) {
  // The first picture already has something to show.
  std::optional<intelligence::SystemStatus> first = stream.Next();
  if (!first.has_value()) return stream.status();
  Shared shared;
  {
    const absl::MutexLock lock(shared.mutex);
    shared.status = *std::move(first);
  }
  ftxui::ScreenInteractive screen = ftxui::ScreenInteractive::Fullscreen();
  const bool colored = session.out_palette().colored();
  ftxui::Component view = ftxui::Renderer([&] {
    const absl::MutexLock lock(shared.mutex);
    return RenderTop(shared.status, session.host().now(), colored);
  });
  view |= ftxui::CatchEvent([&](const ftxui::Event& event) {
    if (event == ftxui::Event::Character('q') || event == ftxui::Event::Escape) {
      stream.Cancel();
      screen.Exit();
      return true;
    }
    return false;
  });
  // Ctrl-C cancels the call, which ends this thread's loop and so the screen.
  std::thread reader([&] {
    while (std::optional<intelligence::SystemStatus> status = stream.Next()) {
      {
        const absl::MutexLock lock(shared.mutex);
        shared.status = *std::move(status);
      }
      screen.PostEvent(ftxui::Event::Custom);
    }
    screen.Exit();
  });
  screen.Loop(view);
  stream.Cancel();
  reader.join();
  return stream.status();
}

int Top(Session& session, const Options& options) {
  absl::StatusOr<intelligence::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  intelligence::CallOptions call = session.Call();
  // Looking on has no end, unless one is asked for.
  intelligence::Stream<intelligence::SystemStatus> stream =
      client->WatchStatus(options.interval.value_or(absl::Seconds(1)), call);
  const bool live = session.host().out_is_terminal && session.host().in_is_terminal &&
                    !session.options().json && !options.once;
  if (live) {
    const absl::Status status = Watch(session, std::move(stream));
    return status.code() == absl::StatusCode::kCancelled || status.ok() ? kDone
                                                                        : session.Fail(status);
  }
  while (std::optional<intelligence::SystemStatus> status = stream.Next()) {
    if (session.options().json) {
      session.out() << Dump(ToJson(*status)) << "\n" << std::flush;
    } else {
      ftxui::Element view =
          RenderTop(*status, session.host().now(), session.out_palette().colored());
      const int width = session.host().columns > 0 ? session.host().columns : 120;
      ftxui::Screen screen =
          ftxui::Screen::Create(ftxui::Dimension::Fixed(width), ftxui::Dimension::Fit(view));
      ftxui::Render(screen, view);
      session.out() << screen.ToString() << "\n" << std::flush;
    }
    if (options.once || !session.options().json) return kDone;
  }
  return session.Fail(stream.status());
}

}  // namespace

void AddTopCommand(CommandTree& tree) {
  auto options = std::make_shared<Options>();
  CLI::App* app =
      tree.Add(&tree.root(), "top",
               "Watch the daemon live: models, queues, devices, and what each app uses.\n"
               "Without a terminal it prints one picture; with --json one object per interval.",
               {"mlctl top", "mlctl top --json --interval 5s >> usage.jsonl"},
               [options](Session& session) { return Top(session, *options); });
  AddDuration(app, "-d,--interval", options->interval, "How often (default: 1s; 100ms to 60s)");
  app->add_flag("-1,--once", options->once, "Show one picture and leave");
}

}  // namespace intelligenced::mlctl
