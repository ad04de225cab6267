// How fast models are.
#include <optional>
#include <string>
#include <utility>

#include "clients/cpp/src/call.h"
#include "clients/cpp/src/connection.h"
#include "clients/cpp/src/convert.h"

namespace intelligence {
namespace {

LayoutResult ToLayoutResult(const v1::LayoutResult& result) {
  return {.layout = result.layout(),
          .is_source = result.is_source(),
          .size_bytes = result.size_bytes(),
          .prompt_tokens_per_second = result.prompt_tokens_per_second(),
          .output_tokens_per_second = result.output_tokens_per_second(),
          .perplexity = result.perplexity(),
          .perplexity_increase = result.perplexity_increase(),
          .within_bound = result.within_bound(),
          .typical_seconds = result.typical_seconds()};
}

ModelReport ToReport(const v1::ModelReport& report) {
  ModelReport out = {.model = report.model(),
                     .layout = report.layout(),
                     .weight_bytes = report.weight_bytes(),
                     .threads = report.threads(),
                     .load_time = FromProto(report.load_time()),
                     .resident_bytes = report.resident_bytes(),
                     .prompt_tokens_per_second = report.prompt_tokens_per_second(),
                     .prompt_batch_tokens = report.prompt_batch_tokens(),
                     .output_tokens_per_second = report.output_tokens_per_second(),
                     .perplexity = report.perplexity(),
                     .perplexity_tokens = report.perplexity_tokens(),
                     .memory_bytes_per_second = report.memory_bytes_per_second(),
                     .operations_per_second = report.operations_per_second(),
                     .memory_share = report.memory_share(),
                     .arithmetic_share = report.arithmetic_share(),
                     .operations = {}};
  for (const v1::OperationTime& operation : report.operations()) {
    out.operations.push_back({.phase = operation.phase(),
                              .operation = operation.operation(),
                              .share = operation.share(),
                              .count = operation.count(),
                              .time = FromProto(operation.time()),
                              .provider = operation.provider()});
  }
  out.run_time = FromProto(report.run_time());
  out.runs = report.runs();
  out.working_bytes = report.working_bytes();
  for (const v1::Partition& partition : report.partitions()) {
    out.partitions.push_back({.provider = partition.provider(),
                              .operations = partition.operations(),
                              .share = partition.share()});
  }
  return out;
}

std::optional<MeasureModelEvent> EventFromProto(const v1::MeasureModelResponse& response) {
  switch (response.event_case()) {
    case v1::MeasureModelResponse::kProgress:
      return WorkProgress{.done = response.progress().done(), .total = response.progress().total()};
    case v1::MeasureModelResponse::kCompleted:
      return ToReport(response.completed());
    case v1::MeasureModelResponse::EVENT_NOT_SET:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<OptimizeModelEvent> EventFromProto(const v1::OptimizeModelResponse& response) {
  switch (response.event_case()) {
    case v1::OptimizeModelResponse::kProgress:
      return OptimizeProgress{
          .phase = EnumFromProto(response.progress().phase(), OptimizeProgress::Phase::kMeasuring),
          .layout = response.progress().layout(),
          .done = response.progress().done(),
          .total = response.progress().total()};
    case v1::OptimizeModelResponse::kLayout:
      return ToLayoutResult(response.layout());
    case v1::OptimizeModelResponse::kCompleted: {
      OptimizeModelResult result;
      for (const v1::LayoutResult& layout : response.completed().results()) {
        result.results.push_back(ToLayoutResult(layout));
      }
      result.best_layout = response.completed().best_layout();
      if (response.completed().has_model()) result.model = FromProto(response.completed().model());
      return result;
    }
    case v1::OptimizeModelResponse::EVENT_NOT_SET:
      return std::nullopt;
  }
  return std::nullopt;
}

v1::RequestClass ClassOf(const CallOptions& options) {
  return EnumToProto<v1::RequestClass>(options.request_class);
}

}  // namespace

absl::StatusOr<ModelReport> Client::MeasureModel(const std::string& name,
                                                 const CallOptions& options,
                                                 const OnEvent<MeasureModelEvent>& on_event) const {
  if (absl::Status status = CheckUtf8("name", name); !status.ok()) return status;
  v1::MeasureModelRequest proto;
  proto.set_name(name);
  proto.set_request_class(ClassOf(options));
  return ReadResult<ModelReport>(StartStream<MeasureModelEvent, v1::MeasureModelResponse>(
                                     connection_, options,
                                     [&](grpc::ClientContext* context) {
                                       return connection_->performance->MeasureModel(context,
                                                                                     proto);
                                     },
                                     &EventFromProto),
                                 on_event);
}

absl::StatusOr<OptimizeModelResult> Client::OptimizeModel(
    const OptimizeModelRequest& request, const CallOptions& options,
    const OnEvent<OptimizeModelEvent>& on_event) const {
  if (absl::Status status = CheckUtf8("name", request.name); !status.ok()) return status;
  v1::OptimizeModelRequest proto;
  proto.set_name(request.name);
  for (const std::string& layout : request.layouts) proto.add_layouts(layout);
  if (request.max_perplexity_increase.has_value()) {
    proto.set_max_perplexity_increase(*request.max_perplexity_increase);
  }
  proto.set_new_name(request.new_name);
  proto.set_dry_run(request.dry_run);
  proto.set_request_class(ClassOf(options));
  return ReadResult<OptimizeModelResult>(StartStream<OptimizeModelEvent, v1::OptimizeModelResponse>(
                                             connection_, options,
                                             [&](grpc::ClientContext* context) {
                                               return connection_->performance->OptimizeModel(
                                                   context, proto);
                                             },
                                             &EventFromProto),
                                         on_event);
}

}  // namespace intelligence
