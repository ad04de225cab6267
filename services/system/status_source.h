// The SystemStatus message, built at most every few milliseconds however often it is asked for.
#ifndef INTELLIGENCED_SERVICES_SYSTEM_STATUS_SOURCE_H_
#define INTELLIGENCED_SERVICES_SYSTEM_STATUS_SOURCE_H_

#include <atomic>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/support/byte_buffer.h"
#include "protos/intelligence/v1/system.pb.h"
#include "services/rpc/service_environment.h"

namespace intelligenced {

// Thread-safe. Quick enough for gRPC's threads: it reads memory and a few lines of /proc.
class StatusSource {
 public:
  static constexpr absl::Duration kMaxAge = absl::Milliseconds(50);

  // `environment`'s parts outlive it.
  explicit StatusSource(const ServiceEnvironment& environment);

  // At most kMaxAge old, and never older than the last change of a model's state.
  grpc::ByteBuffer Bytes();

  intelligence::v1::SystemStatus Build() const;

 private:
  const ServiceEnvironment environment_;
  absl::Mutex mutex_;
  grpc::ByteBuffer bytes_ ABSL_GUARDED_BY(mutex_);
  absl::Time built_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  const std::shared_ptr<std::atomic<bool>> changed_;
  const std::shared_ptr<void> watch_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_SYSTEM_STATUS_SOURCE_H_
