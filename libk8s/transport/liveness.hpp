// Liveness: what tells that the other end of a connection is dead although TCP sees nothing wrong
// with it: a frozen server, a proxy whose backend has gone, a network that swallows packets.
//
// Over HTTP/2 all requests and watches share one connection, and libcurl keeps it while single
// streams on it time out, so without this a dead one would be used for ever. libcurl cannot wait
// for the answer to a PING; instead the kernel is asked when bytes last came, on any stream:
//
//   - a stream (a watch) on a connection that has been silent for `idle`: GET /version is sent on
//     it, and must be answered within `answer`. Any status will do.
//   - a request that ends without an answer, by its own deadline or because its owner gave it up
//     after `doubt`, on a connection that has brought nothing for half of that time: dead.
//
// A dead connection is severed: all that is on it ends at once as kUnknownOutcome, and what starts
// afterwards gets a new one. So a silent peer is noticed within `idle` + `answer` by a watch, and
// by the deadline of whatever request is under way, if that is sooner.
//
// Not for other folders, but for `LivenessOptions`, which tests shorten. Any thread.
#pragma once

#include <optional>
#include <vector>

#include "libk8s/base/loop.hpp"

namespace k8s {

struct LivenessOptions {
  Duration idle = std::chrono::seconds(30);
  Duration answer = std::chrono::seconds(15);
  Duration doubt = std::chrono::seconds(2);
};

// The sockets that libcurl has open: it tells the ports of a running exchange, not its socket.
// Those of one loop; the loop's thread.
class OpenSockets {
 public:
  void add(int socket) { sockets_.push_back(socket); }
  // Also closes it.
  void close(int socket);
  // The one between these ports, or -1.
  int find(int local_port, int remote_port) const;

 private:
  std::vector<int> sockets_;
};

// For how long nothing has come on a connected TCP socket; none when that cannot be told.
std::optional<Duration> silent_for(int socket);
// Ends a connection in both directions. The descriptor stays its owner's, who reads an end.
void sever(int socket);

}  // namespace k8s
