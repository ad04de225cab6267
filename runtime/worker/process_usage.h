// The memory of this process, from the kernel.
#ifndef INTELLIGENCED_RUNTIME_WORKER_PROCESS_USAGE_H_
#define INTELLIGENCED_RUNTIME_WORKER_PROCESS_USAGE_H_

#include <string_view>

#include "protos/intelligence/engine/v1/worker.pb.h"

namespace intelligenced {

// Linux: the proportional share (PSS) and the highest resident size; where the former cannot be
// read, the resident size. macOS: the physical footprint. Zero where nothing can be found out.
// device_bytes is the engine's to fill. Reading it takes a millisecond for some hundred megabytes.
intelligence::engine::v1::ResourceUsage MeasureProcess();

// The bytes of a line "Name:   123 kB" of a file of /proc; 0 when there is none. Pure.
uint64_t KilobyteField(std::string_view text, std::string_view name);

}  // namespace intelligenced

#endif  // INTELLIGENCED_RUNTIME_WORKER_PROCESS_USAGE_H_
