// Signals: SIGINT and SIGTERM as calls on a loop.
//
// Make it before any thread: it blocks the signals for the whole process and waits for them in a
// thread of its own. The first is posted to the loop; a second one, while the orderly end is still
// under way, ends the process at once with 128 + its number.
#pragma once

#include <functional>
#include <memory>

#include "libk8s/base/loop.hpp"

namespace fermi {

class Signals {
 public:
  Signals();
  ~Signals();
  // `on_signal` is posted to `loop` as long as what this returns is kept; both must live as long.
  [[nodiscard]] std::shared_ptr<void> deliver_to(k8s::Loop& loop,
                                                 std::function<void(int signal)> on_signal);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fermi
