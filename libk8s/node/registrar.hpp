// Registrar: makes the Node objects, and keeps saying that they live.
//
// For each node: create it, or patch labels, taints and annotations of the one that stands there;
// write its status (capacity, allocatable, addresses, conditions, nodeInfo); then renew its Lease
// every `lease_period` and its status every `status_period`, the nodes spread evenly over each
// period. Failures are tried again with back-off; a Node that somebody deleted is made again.
//
// Threads: the loop's.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "libk8s/base/loop.hpp"
#include "libk8s/http/message.hpp"
#include "libk8s/node/node_runtime.hpp"

namespace k8s::node {

class Registrar {
 public:
  // `options` outlives it.
  Registrar(Loop& loop, http::Transport& transport, const NodeOptions& options);
  ~Registrar();

  void start();
  // Every Node object stood at least once, with its status.
  bool registered() const;

 private:
  struct One;
  void create(One& one);
  void patch_object(One& one);
  void write_status(One& one);
  void schedule(One& one);
  void ensure_lease(One& one);
  void renew(One& one);
  void send(One& one, http::Request request, std::function<void(const Status&)> done);

  Loop& loop_;
  http::Transport& transport_;
  const NodeOptions& options_;
  std::vector<std::unique_ptr<One>> nodes_;
};

// A node's allocatable: capacity, "pods" and the length of device lists filled in, less `reserved`.
ResourceList capacity_of(const NodeSpec& node);
ResourceList allocatable_of(const NodeSpec& node);

}  // namespace k8s::node
