#include "runtime/engines/onnx/measure/network_measurer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/onnx/measure/profile_file.h"
#include "runtime/engines/onnx/tensors.h"

namespace intelligenced {
namespace {

// A run that warms up, and those that count. A network that takes long is run less often, so that
// all of it ends within some seconds.
constexpr uint64_t kWarmUp = 1;
constexpr uint64_t kRuns = 20;
constexpr uint64_t kLeastRuns = 3;
constexpr absl::Duration kEnough = absl::Seconds(3);
// Of a report; the shortest are left out beyond it.
constexpr size_t kMostNodes = 64;

absl::Duration Median(std::vector<absl::Duration> times) {
  const auto middle = times.begin() + static_cast<ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

absl::Duration Sum(const std::vector<absl::Duration>& times) {
  absl::Duration sum;
  for (const absl::Duration time : times) sum += time;
  return sum;
}

bool Enough(const std::vector<absl::Duration>& times) {
  return times.size() >= kRuns || (times.size() >= kLeastRuns && Sum(times) > kEnough);
}

}  // namespace

// The second half of a network's measuring.
struct NetworkMeasurer::Profiled {
  std::unique_ptr<ProfileFile> file;
  std::shared_ptr<OnnxSession> session;
  SessionMemory at_rest;
  uint64_t runs = 0;
  uint64_t wanted = 0;
};

NetworkMeasurer::NetworkMeasurer(std::vector<MeasuredNetwork> networks, KnownShapes shapes,
                                 bool details, const Clock* clock)
    : networks_(std::move(networks)),
      shapes_(std::move(shapes)),
      details_(details),
      clock_(clock),
      total_(networks_.size() * (kWarmUp + kRuns) * (details ? 2 : 1)) {}

NetworkMeasurer::~NetworkMeasurer() = default;

absl::Status NetworkMeasurer::Run(OnnxSession& session, const CancelToken& cancel,
                                  absl::Duration* took) {
  const absl::Time begin = clock_->Now();
  const auto result = session.RunTensors(input_, cancel);
  *took = clock_->Now() - begin;
  if (result.ok() || cancel.cancelled()) return result.status();
  // Input that was made up here is nobody's mistake.
  return MakeError(
      Reason::kEngineFailure,
      absl::StrCat("The network cannot be run on made-up input: ", result.status().message()));
}

absl::StatusOr<bool> NetworkMeasurer::Advance(const CancelToken& cancel) {
  if (current_ == networks_.size()) {
    Finish();
    return true;
  }
  const absl::Status status = profiled_ == nullptr ? AdvancePlain(cancel) : AdvanceProfiled(cancel);
  if (!status.ok()) return status;
  return false;
}

absl::Status NetworkMeasurer::AdvancePlain(const CancelToken& cancel) {
  const MeasuredNetwork& network = networks_[current_];
  const bool first = input_.inputs().empty() && times_.empty();
  if (first) {
    const auto known = shapes_.find(network.role);
    auto made =
        MakeUpTensors(network.session->signature(),
                      known == shapes_.end() ? std::map<std::string, Shape>() : known->second);
    if (!made.ok()) return made.status();
    input_ = *std::move(made);
  }
  absl::Duration took;
  if (first) {
    if (absl::Status status = Run(*network.session, cancel, &took); !status.ok()) return status;
    ++done_;
  }
  if (absl::Status status = Run(*network.session, cancel, &took); !status.ok()) return status;
  ++done_;
  times_.push_back(took);
  if (!Enough(times_)) return absl::OkStatus();
  result_.set_run_microseconds(result_.run_microseconds() +
                               absl::ToInt64Microseconds(Median(times_)));
  result_.set_runs(std::max(result_.runs(), static_cast<uint32_t>(times_.size())));
  done_ = (current_ * (details_ ? 2 : 1) + 1) * (kWarmUp + kRuns);
  if (!details_) {
    NextNetwork();
    return absl::OkStatus();
  }
  auto file = ProfileFile::Make();
  if (!file.ok()) return file.status();
  auto session = network.profiled((*file)->prefix());
  if (!session.ok()) return session.status();
  profiled_ = std::make_unique<Profiled>();
  profiled_->file = *std::move(file);
  profiled_->session = *std::move(session);
  profiled_->at_rest = profiled_->session->memory();
  profiled_->wanted = times_.size() + kWarmUp;
  return absl::OkStatus();
}

absl::Status NetworkMeasurer::AdvanceProfiled(const CancelToken& cancel) {
  absl::Duration took;
  if (absl::Status status = Run(*profiled_->session, cancel, &took); !status.ok()) return status;
  ++done_;
  if (++profiled_->runs < profiled_->wanted) return absl::OkStatus();
  const SessionMemory peak = profiled_->session->memory();
  if (peak.peak_bytes > profiled_->at_rest.in_use_bytes) {
    result_.set_working_bytes(
        std::max(result_.working_bytes(), peak.peak_bytes - profiled_->at_rest.in_use_bytes));
  }
  const absl::StatusOr<std::string> name = profiled_->session->EndProfile();
  if (!name.ok()) return name.status();
  const absl::StatusOr<std::string> json = profiled_->file->Read(*name);
  if (!json.ok()) return json.status();
  const absl::StatusOr<std::vector<NodeTime>> nodes = ReadProfile(*json, kWarmUp);
  if (!nodes.ok()) return nodes.status();
  AddOperations(networks_.size() > 1 ? networks_[current_].role + ": " : "", *nodes);
  NextNetwork();
  return absl::OkStatus();
}

void NetworkMeasurer::NextNetwork() {
  profiled_.reset();
  input_.Clear();
  times_.clear();
  ++current_;
  done_ = current_ * (kWarmUp + kRuns) * (details_ ? 2 : 1);
}

// Times are of one run; shares become shares in Finish(), when the whole is known.
void NetworkMeasurer::AddOperations(const std::string& role, const std::vector<NodeTime>& nodes) {
  struct Kind {
    double microseconds = 0;
    uint64_t nodes = 0;
  };
  std::map<std::pair<std::string, std::string>, Kind> kinds;
  std::vector<engine_proto::OperationTime> single;
  const engine_proto::Partition* last = nullptr;
  engine_proto::Partition* partition = nullptr;
  for (const NodeTime& node : nodes) {
    const double time = node.count == 0 ? 0 : node.microseconds / static_cast<double>(node.count);
    whole_microseconds_ += time;
    Kind& kind = kinds[{node.operation, node.provider}];
    kind.microseconds += time;
    ++kind.nodes;
    engine_proto::OperationTime& one = single.emplace_back();
    one.set_phase("node");
    one.set_operation(absl::StrCat(role, node.name,
                                   node.name.find(node.operation) == std::string::npos
                                       ? absl::StrCat(" (", node.operation, ")")
                                       : ""));
    one.set_provider(node.provider);
    one.set_microseconds(time);
    one.set_count(1);
    if (last == nullptr || last->provider() != node.provider) {
      partition = result_.add_partitions();
      partition->set_provider(node.provider);
      last = partition;
    }
    partition->set_operations(partition->operations() + 1);
    partition->set_share(partition->share() + time);
  }
  for (const auto& [name, kind] : kinds) {
    engine_proto::OperationTime& operation = *result_.add_operations();
    operation.set_phase("run");
    operation.set_operation(role + name.first);
    operation.set_provider(name.second);
    operation.set_microseconds(kind.microseconds);
    operation.set_count(kind.nodes);
  }
  for (engine_proto::OperationTime& one : single) *result_.add_operations() = std::move(one);
}

void NetworkMeasurer::Finish() {
  done_ = total_;
  auto& operations = *result_.mutable_operations();
  // Kinds of operations first, then nodes; the longest first.
  std::stable_sort(operations.begin(), operations.end(), [](const auto& a, const auto& b) {
    if (a.phase() != b.phase()) return a.phase() == "run";
    return a.microseconds() > b.microseconds();
  });
  const auto nodes = std::find_if(operations.begin(), operations.end(),
                                  [](const auto& one) { return one.phase() == "node"; });
  const auto most = static_cast<int>(nodes - operations.begin()) + static_cast<int>(kMostNodes);
  if (operations.size() > most) operations.DeleteSubrange(most, operations.size() - most);
  if (!(whole_microseconds_ > 0)) return;
  for (engine_proto::OperationTime& one : operations) {
    one.set_share(one.microseconds() / whole_microseconds_);
  }
  for (engine_proto::Partition& one : *result_.mutable_partitions()) {
    one.set_share(one.share() / whole_microseconds_);
  }
}

}  // namespace intelligenced
