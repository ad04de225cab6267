// How long a picture takes, and how soon a cancelled one is gone: image_latency SOCKET MODEL STEPS
// ROUNDS. Prints JSON. Run by image.py.
//
// Nothing polls: the call is cancelled a random moment after the progress of a step came over its
// stream. When its work had ended is what the daemon's activity says (a call is recorded when its
// job has ended); how soon another is served is the first progress of the next request.
#include <intelligence/image_generation.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"

namespace {

using intelligence::Cancellation;
using intelligence::ImageCallbacks;
using intelligence::ImageGenerator;
using intelligence::ImageProgress;

constexpr char kPrompt[] = "a red car under a yellow sun";
// So many that it never ends by itself.
constexpr uint32_t kManySteps = 900;
constexpr uint32_t kCancelledStep = 20;

[[noreturn]] void Fail(const absl::Status& status) {
  fprintf(stderr, "%s\n", status.ToString().c_str());
  exit(1);
}

class Measurement {
 public:
  Measurement(const intelligence::Client& client, std::string model)
      : client_(client), generator_(client), model_(std::move(model)) {}

  double Whole(uint32_t steps, uint64_t seed) {
    const absl::Time begin = clock_.WallTime();
    const auto result =
        generator_.Generate({.prompt = kPrompt, .steps = steps, .seed = seed}, {.model = model_});
    if (!result.ok()) Fail(result.status());
    return absl::ToDoubleSeconds(clock_.WallTime() - begin);
  }

  // From `since` to the first progress of a request that is made now.
  double FirstProgress(absl::Time since) {
    absl::Time first = absl::InfiniteFuture();
    const auto result = generator_.Generate(
        {.prompt = kPrompt, .steps = 1}, {.model = model_},
        {.on_progress = [&](const ImageProgress&) { first = std::min(first, clock_.WallTime()); }});
    if (!result.ok()) Fail(result.status());
    return absl::ToDoubleMilliseconds(first - since);
  }
  double FirstProgress() { return FirstProgress(clock_.WallTime()); }

  struct Cancelled {
    double ended = 0;
    double next = 0;
  };
  // In milliseconds after the cancellation.
  Cancelled Cancel(absl::Duration after_step) {
    const Cancellation cancellation;
    absl::Time cancelled_at;
    const ImageCallbacks callbacks = {.on_progress = [&](const ImageProgress& progress) {
      if (progress.step != kCancelledStep) return;
      absl::Notification never;
      never.WaitForNotificationWithTimeout(after_step);
      cancelled_at = clock_.WallTime();
      cancellation.Cancel();
    }};
    const absl::Status status =
        generator_
            .Generate({.prompt = kPrompt, .steps = kManySteps},
                      {.model = model_, .cancellation = cancellation}, callbacks)
            .status();
    if (!absl::IsCancelled(status)) Fail(status);
    Cancelled result;
    result.next = FirstProgress(cancelled_at);
    const auto activity = client_.ListActivity({.page_size = 10});
    if (!activity.ok()) Fail(activity.status());
    for (const intelligence::ActivityRecord& record : activity->records) {
      if (record.outcome != "CANCELLED") continue;
      result.ended = absl::ToDoubleMilliseconds(record.time + record.duration - cancelled_at);
      return result;
    }
    Fail(absl::InternalError("the cancelled call is not in the activity"));
  }

 private:
  const intelligence::Client& client_;
  const ImageGenerator generator_;
  const std::string model_;
  const intelligenced::SystemClock clock_;
};

void Print(const char* name, std::vector<double> values, const char* end) {
  std::sort(values.begin(), values.end());
  printf("\"%s\": {\"median\": %.4g, \"most\": %.4g}%s", name, values[values.size() / 2],
         values.back(), end);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const uint32_t steps = static_cast<uint32_t>(atoi(argv[3]));
  const int rounds = std::max(1, atoi(argv[4]));
  const absl::StatusOr<intelligence::Client> client =
      intelligence::Client::Connect({.socket_path = argv[1]});
  if (!client.ok()) Fail(client.status());
  Measurement measurement(*client, argv[2]);
  // Loads the model.
  measurement.Whole(steps, 0);
  std::vector<double> whole, idle, ended, next;
  for (int i = 0; i < rounds; ++i) {
    whole.push_back(measurement.Whole(steps, static_cast<uint64_t>(i)));
    idle.push_back(measurement.FirstProgress());
  }
  // Anywhere in a step.
  const double step = whole.front() / steps;
  std::mt19937 random(1);
  std::uniform_real_distribution<double> place(0, step);
  for (int i = 0; i < 2 * rounds; ++i) {
    const auto cancelled = measurement.Cancel(absl::Seconds(place(random)));
    ended.push_back(cancelled.ended);
    next.push_back(cancelled.next);
  }
  printf("{");
  Print("whole_seconds", whole, ", ");
  Print("idle_first_progress_ms", idle, ", ");
  Print("cancelled_ended_ms", ended, ", ");
  Print("cancelled_next_progress_ms", next, "}\n");
  return 0;
}
