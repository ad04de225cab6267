// The daemon itself: what it does now, what it did, and what may be wrong.
#ifndef INTELLIGENCE_SYSTEM_H_
#define INTELLIGENCE_SYSTEM_H_

#include <intelligence/common.h>
#include <intelligence/models.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace intelligence {

enum class ServingState { kUnspecified, kServing, kDraining };

struct MemoryStatus {
  uint64_t daemon_resident_bytes = 0;
  uint64_t models_resident_bytes = 0;
  uint64_t reserved_bytes = 0;  // for loads in progress
  uint64_t ceiling_bytes = 0;   // the most that models may take together
  uint64_t machine_total_bytes = 0;
  uint64_t machine_available_bytes = 0;
};

struct QueueStatus {
  RequestClass request_class = RequestClass::kDefault;
  uint32_t waiting = 0;
  uint32_t running = 0;
  uint64_t completed = 0;
  uint64_t refused = 0;
};

struct LaneStatus {
  std::string device = {};
  uint32_t capacity = 0;
  uint32_t in_use = 0;
  double utilization = 0;  // of the last minute, 0 to 1
};

struct ClientStatus {
  std::string client = {};  // who, as the kernel says
  uint32_t user_id = 0;
  std::string display_name = {};
  uint32_t waiting = 0;
  uint32_t running = 0;
  absl::Duration recent_device_time = {};  // in the last minute
  absl::Duration total_device_time = {};
  double output_tokens_per_second = 0;
  double weight = 0;
  uint64_t requests = 0;
};

struct SystemStatus {
  std::string version = {};
  ServingState state = ServingState::kUnspecified;
  uint32_t pid = 0;
  absl::Duration uptime = {};
  MemoryStatus memory = {};
  std::vector<Model> resident_models = {};  // resident, loading or failed
  std::vector<QueueStatus> queues = {};
  std::vector<LaneStatus> lanes = {};
  std::vector<ClientStatus> clients = {};
  std::string socket_path = {};
};

struct ListActivityRequest {
  uint32_t page_size = 0;       // 0: 50; at most 1,000
  std::string page_token = {};  // from the last answer
  std::string client = {};      // only this one
};

struct ActivityRecord {
  absl::Time time = {};
  std::string client = {};
  uint32_t process_id = 0;
  std::string method = {};
  std::string model = {};
  RequestClass request_class = RequestClass::kDefault;
  std::string action = {};   // "PROVIDER/ACTION" of a run
  std::string outcome = {};  // "OK" or a reason
  absl::Duration duration = {};
  absl::Duration queue_time = {};
  absl::Duration compute_time = {};
  uint64_t input_bytes = 0;
  uint64_t output_bytes = 0;
  uint32_t input_tokens = 0;
  uint32_t output_tokens = 0;
};

struct ListActivityResult {
  std::vector<ActivityRecord> records = {};  // newest first
  std::string next_page_token = {};          // empty: no more
};

struct DiagnosticCheck {
  enum class Result { kUnspecified, kOk, kWarning, kFailed };
  std::string name = {};
  Result result = Result::kUnspecified;
  std::string finding = {};
  std::string advice = {};  // what to do about it
};

}  // namespace intelligence

#endif  // INTELLIGENCE_SYSTEM_H_
