// What a worker gone mad may write on its work channel: the daemon's reader must answer with a
// message or an error, and leave no descriptor and no great allocation behind.
//
// The first byte says what travels beside the bytes: 0 nothing, 1 a pipe's end, 2 a sealed memory
// file and 3 an unsealed one that hold all the rest but the first frame header's 12 bytes, 4 two
// descriptors. 8 added: the reader takes up to two attachments, and a pipe's end comes as one more.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "protos/intelligence/engine/v1/worker.pb.h"
#include "runtime/base/fd.h"
#include "runtime/base/memory_file.h"
#include "runtime/worker/channel.h"

namespace intelligenced {
namespace {

int LowestFreeDescriptor() {
  const UniqueFd probe(open("/dev/null", O_RDONLY | O_CLOEXEC));
  return probe.get();
}

std::vector<UniqueFd> Descriptors(uint8_t kind, const uint8_t* data, size_t size) {
  std::vector<UniqueFd> descriptors;
  if (kind == 1 || kind == 4) {
    int ends[2];
    if (pipe(ends) != 0) abort();
    descriptors.emplace_back(ends[0]);
    UniqueFd other(ends[1]);
    if (kind == 4) descriptors.push_back(std::move(other));
  } else if (kind == 2 && size > 0) {
    auto file = MakeSealedFile(size, [&](absl::Span<uint8_t> bytes) {
      memcpy(bytes.data(), data, size);
      return true;
    });
    if (file.ok()) descriptors.push_back(*std::move(file));
  } else if (kind == 3) {
#ifdef __linux__
    UniqueFd file(memfd_create("fuzz", MFD_CLOEXEC));
    if (ftruncate(file.get(), static_cast<off_t>(size)) == 0) {
      descriptors.push_back(std::move(file));
    }
#endif
  }
  return descriptors;
}

void SendRaw(int socket, const uint8_t* data, size_t size,
             const std::vector<UniqueFd>& descriptors) {
  iovec part = {const_cast<uint8_t*>(data), size};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(3 * sizeof(int))] = {};
  if (!descriptors.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    for (size_t i = 0; i < descriptors.size(); ++i) {
      const int number = descriptors[i].get();
      memcpy(CMSG_DATA(header) + i * sizeof(int), &number, sizeof(int));
    }
  }
  if (sendmsg(socket, &message, 0) < 0) abort();
}

}  // namespace
}  // namespace intelligenced

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace intelligenced;  // NOLINT(google-build-using-namespace)
  if (size < 2 || size > (size_t{100} << 10)) return 0;
  const int before = LowestFreeDescriptor();
  const bool attaching = (data[0] & 8) != 0;
  const uint8_t kind = (data[0] & 7) % 5;
  ++data;
  --size;
  {
    auto pair = MakeSocketPair();
    if (!pair.ok()) abort();
    FrameChannel reader(std::move(pair->first), {.max_attachments = attaching ? 2U : 0U});
    // In the memory file goes what follows the header; then the header travels alone.
    const size_t header = std::min(size, kFrameHeaderBytes);
    const bool in_file = kind == 2 || kind == 3;
    std::vector<UniqueFd> descriptors = Descriptors(kind, data + header, size - header);
    if (attaching) descriptors.push_back(std::move(Descriptors(1, data, 0).front()));
    SendRaw(pair->second.get(), data, in_file ? header : size, descriptors);
    descriptors.clear();
    pair->second.reset();
    intelligence::engine::v1::WorkReply message;
    std::vector<UniqueFd> attachments;
    while (reader.Receive(&message, attaching ? &attachments : nullptr).ok()) {
      if (attachments.size() > 2) abort();
    }
  }
  if (LowestFreeDescriptor() != before) abort();
  return 0;
}
