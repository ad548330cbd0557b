// Applier: brings manifests to an API server, as `kubectl apply --server-side` does.
//
// One object after another, in the order given; a kind that the server does not know yet (its CRD
// was applied a moment ago) is waited for. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "libk8s/base/loop.hpp"
#include "libk8s/base/status.hpp"
#include "libk8s/http/message.hpp"

namespace fermi {

class Applier {
 public:
  Applier(k8s::Loop& loop, k8s::http::Transport& transport);
  ~Applier();  // nothing more is sent, `done` is not called

  // `anew`: what is there under the same name is deleted first. `done` gets the objects as the
  // server answered them, or the first failure, which names the object. One call at a time.
  using Done = std::function<void(k8s::Result<std::vector<nlohmann::json>>)>;
  void apply(std::vector<nlohmann::json> manifests, bool anew, Done done);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fermi
