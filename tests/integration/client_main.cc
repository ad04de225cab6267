// A client to be killed: integration_client SOCKET MODEL generates text and reads it for ever.
#include <string>

#include "tests/integration/test_client.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const intelligenced::TestClient client(argv[1]);
  intelligenced::Generation generation(client, argv[2]);
  return generation.Finish().ok() ? 0 : 1;
}
