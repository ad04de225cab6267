// The three streams of ActionService: what comes from the client goes to the exchange.
#ifndef INTELLIGENCED_SERVICES_ACTIONS_STREAMS_H_
#define INTELLIGENCED_SERVICES_ACTIONS_STREAMS_H_

#include <memory>

#include "services/actions/hub.h"
#include "services/rpc/serve_duplex.h"

namespace intelligenced {

std::shared_ptr<DuplexHandler> MakeProvideHandler(std::shared_ptr<StreamCall> call,
                                                  std::shared_ptr<ActionHub> hub);
std::shared_ptr<DuplexHandler> MakeRunHandler(std::shared_ptr<StreamCall> call,
                                              std::shared_ptr<ActionHub> hub);
std::shared_ptr<DuplexHandler> MakeConfirmHandler(std::shared_ptr<StreamCall> call,
                                                  std::shared_ptr<ActionHub> hub);

// Who calls, as the exchange sees it.
ActionActor ActorOf(const Call& call);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_ACTIONS_STREAMS_H_
