// Sends the messages of a server-streaming call and ends it, whatever the job, the client and the
// connection do meanwhile.
//
// It keeps seven promises: (1) one write is in flight at a time; (2) a message stays untouched
// until its write is done; (3) the stream is finished exactly once; (4) only after the job has
// ended; (5) the transport is not touched after that (it deletes itself in OnDone); (6) no lock is
// held when calling out; (7) a slow reader pauses the job when kPauseBytes wait, it goes on at
// kResumeBytes, and a reader that takes nothing for kMaxStall is dropped with SLOW_CONSUMER.
#ifndef INTELLIGENCED_SERVICES_RPC_STREAM_WRITER_H_
#define INTELLIGENCED_SERVICES_RPC_STREAM_WRITER_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "google/protobuf/message_lite.h"
#include "grpcpp/support/byte_buffer.h"
#include "runtime/base/clock.h"
#include "runtime/base/executor.h"

namespace intelligenced {

// The connection's side: a gRPC reactor, or a fake in tests.
class WriteTransport {
 public:
  virtual ~WriteTransport() = default;
  // Answered by one OnWriteDone(). `message` lives and does not change until then.
  virtual void StartWrite(const grpc::ByteBuffer* message) = 0;
  // The last call on a transport.
  virtual void Finish(const absl::Status& status) = 0;
  // Breaks a write that hangs: it is answered with OnWriteDone(false). Finish() still follows.
  virtual void Abort(const absl::Status& status) = 0;
};

// What the writer does to the job. Called one at a time, without a lock held; dropped once the
// stream is finished. A hook may handle what the job gave meanwhile and write it: the writer goes
// on inside of it, and may call a hook again (pause, before the resume has returned), on that
// thread.
struct StreamHooks {
  absl::AnyInvocable<void(bool paused)> set_paused;
  // The client is gone or too slow: end the job soon. End() must still come.
  absl::AnyInvocable<void()> cancel;
};

// Thread-safe. Owned by a shared_ptr.
class StreamWriter final : public std::enable_shared_from_this<StreamWriter> {
 public:
  static constexpr size_t kPauseBytes = 256 << 10;
  static constexpr size_t kResumeBytes = 128 << 10;
  static constexpr absl::Duration kMaxStall = absl::Seconds(30);

  // `clock` and `timer` must outlive it; `transport` lives until Finish() was called on it.
  StreamWriter(WriteTransport* transport, const Clock* clock, Timer* timer);

  // Once, before the job begins. When the client is gone already, cancel() is called at once.
  void SetHooks(StreamHooks hooks);

  // Serializes and queues. Does nothing after End() or once the client is gone.
  void Write(const google::protobuf::MessageLite& message);

  // The job has ended; what is queued is still sent, then the stream is finished with `status`.
  // Once.
  void End(absl::Status status);

  // Bytes that wait, the write in flight included. For producers that can leave messages out.
  size_t queued_bytes() const;

  // From the transport.
  void OnWriteDone(bool ok);
  void OnCancelled();

 private:
  enum class Action { kNone, kCancel, kAbort, kPause, kResume, kWrite, kFinish, kArm };

  // Does what is to be done, one action at a time, on whichever thread comes first.
  void Pump();
  // `nested`: inside a hook, which must outlive its own call: not the end.
  Action Next(bool nested) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnStallTimer();

  WriteTransport* const transport_;
  const Clock* const clock_;
  Timer* const timer_;

  mutable absl::Mutex mutex_;
  StreamHooks hooks_ ABSL_GUARDED_BY(mutex_);
  bool has_hooks_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<grpc::ByteBuffer> queue_ ABSL_GUARDED_BY(mutex_);
  // The message being written: only replaced when no write is in flight.
  grpc::ByteBuffer current_ ABSL_GUARDED_BY(mutex_);
  size_t queued_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool pumping_ ABSL_GUARDED_BY(mutex_) = false;
  // The pumping thread while it is in a hook.
  std::thread::id in_hook_ ABSL_GUARDED_BY(mutex_);
  bool in_flight_ ABSL_GUARDED_BY(mutex_) = false;
  bool over_limit_ ABSL_GUARDED_BY(mutex_) = false;
  bool paused_ ABSL_GUARDED_BY(mutex_) = false;
  // Nothing more can be sent.
  bool gone_ ABSL_GUARDED_BY(mutex_) = false;
  bool stalled_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancel_sent_ ABSL_GUARDED_BY(mutex_) = false;
  bool abort_sent_ ABSL_GUARDED_BY(mutex_) = false;
  bool finish_sent_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  absl::Time last_progress_ ABSL_GUARDED_BY(mutex_);
  std::optional<Timer::Id> stall_timer_ ABSL_GUARDED_BY(mutex_);
  bool timer_armed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_RPC_STREAM_WRITER_H_
