// A call that answers with several events.
#ifndef INTELLIGENCE_STREAM_H_
#define INTELLIGENCE_STREAM_H_

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"

namespace intelligence {

// Read it to its end, then ask for status():
//
//   while (std::optional<GenerateTextEvent> event = stream.Next()) { … }
//   if (!stream.status().ok()) { … }
//
// A reader that pauses pauses the work in the daemon; after 30 s without a Next() the daemon drops
// the call (SLOW_CONSUMER). Destroying a stream cancels it. Next() and status() belong to one
// thread; Cancel() may be called from any while the stream lives.
template <typename Event>
class [[nodiscard]] Stream {
 public:
  // Where the events come from. Implemented by the SDK, and by tests of programs that use it.
  class Source {
   public:
    virtual ~Source() = default;
    virtual std::optional<Event> Next() = 0;
    // Valid once Next() has returned nothing.
    virtual absl::Status status() const = 0;
    // Thread-safe.
    virtual void Cancel() = 0;
  };

  explicit Stream(std::unique_ptr<Source> source) : source_(std::move(source)) {}
  Stream(Stream&&) noexcept = default;
  Stream& operator=(Stream&&) noexcept = default;

  // Waits for the next event. Nothing at the end, good or bad.
  std::optional<Event> Next() { return source_->Next(); }

  // How it ended. OK before Next() has returned nothing.
  absl::Status status() const { return source_->status(); }

  // Ends the call; Next() soon returns nothing and status() is CANCELLED.
  void Cancel() { source_->Cancel(); }

 private:
  std::unique_ptr<Source> source_;
};

}  // namespace intelligence

#endif  // INTELLIGENCE_STREAM_H_
