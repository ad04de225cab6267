// A client of its own process, to be killed or to be another app than the test:
//   integration_client SOCKET MODEL           generates text and reads it for ever
//   integration_client --hand-over SOCKET     hands a picture over and prints its token
//   integration_client --provide SOCKET       offers an action under an identifier of its own,
//                                             writes a line when it is there, and never answers
#include <intelligence/action_provider.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "clients/cpp/src/attachment_channel.h"
#include "protos/support/attachment_frame.h"
#include "tests/integration/test_client.h"

namespace {

int HandOver(const std::string& socket) {
  absl::StatusOr<intelligence::SharedMemory> memory = intelligence::SharedMemory::Make(6);
  if (!memory.ok()) return 1;
  const absl::StatusOr<intelligence::Attachment> attachment = (*std::move(memory)).Seal();
  if (!attachment.ok()) return 1;
  intelligence::AttachmentChannel channel(intelligenced::AttachmentSocketPath(socket));
  intelligence::v1::VisionImage image;
  if (!channel.Attach(*attachment, &image).ok()) return 1;
  printf("%s", image.attachment().c_str());
  return 0;
}

int Provide(const std::string& socket) {
  namespace actions = intelligence::actions;
  actions::Provider provider("org.example.P" + std::to_string(getpid()), "Short-lived");
  provider.Add(actions::Action("wait").Title("Wait").Handle(
      [](actions::Run& run) -> absl::StatusOr<actions::Result> {
        // Until the run is over, or this process is.
        return run.AskValue("none", "").status();
      }));
  const absl::Status status =
      provider.Serve({.client = {.socket_path = socket}, .on_registered = [] {
                        printf("registered\n");
                        fflush(stdout);
                      }});
  return status.ok() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  if (std::string(argv[1]) == "--hand-over") return HandOver(argv[2]);
  if (std::string(argv[1]) == "--provide") return Provide(argv[2]);
  const intelligenced::TestClient client(argv[1]);
  intelligenced::Generation generation(client, argv[2]);
  return generation.Finish().ok() ? 0 : 1;
}
