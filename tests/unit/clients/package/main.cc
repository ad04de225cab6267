// Uses only what is installed. Succeeds when the SDK says that nobody listens.
#include <intelligence/client.h>

#include <iostream>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

int main() {
  const absl::StatusOr<intelligence::Client> client =
      intelligence::Client::Connect({.socket_path = "/nonexistent/intelligenced.sock"});
  if (client.ok()) return 1;
  std::cout << client.status() << "\n";
  const intelligence::Cancellation cancellation;
  cancellation.Cancel();
  return absl::IsUnavailable(client.status()) &&
                 intelligence::ErrorReason(client.status()).empty() && cancellation.cancelled()
             ? 0
             : 1;
}
