// ProcessLoop: the Loop of one simulated process; it can be killed, or stopped and continued.
//
// Killed, it runs nothing any more: what the process had arranged is forgotten, as with `kill -9`.
// Paused (SIGSTOP, or a machine that swaps), everything due is run when it continues, in order,
// with the clock where it is by then. The wall clock of a process may be wrong by a fixed amount.
#pragma once

#include <functional>
#include <map>

#include "libk8s/base/loop.hpp"
#include "tests/support/sim_loop.hpp"

namespace fermi::sim {

class ProcessLoop final : public k8s::Loop {
 public:
  ProcessLoop(k8s::testing::SimLoop& root, std::uint64_t seed, k8s::Duration wall_error);
  ~ProcessLoop() override { kill(); }

  k8s::TimePoint now() const override { return root_.now(); }
  k8s::WallTime wall_now() const override { return root_.wall_now() + wall_error_; }
  k8s::TimerId after(k8s::Duration delay, std::function<void()> fn) override;
  void cancel(k8s::TimerId timer) override;
  void post(std::function<void()> fn) override { after(k8s::Duration(0), std::move(fn)); }
  std::uint64_t random() override { return random_.next(); }

  void kill();
  bool alive() const { return alive_; }
  void pause(k8s::Duration length) { paused_until_ = root_.now() + length; }

 private:
  struct Timer {
    k8s::TimerId root;
    std::function<void()> fn;
  };
  void fire(std::uint64_t id);

  k8s::testing::SimLoop& root_;
  k8s::testing::Random random_;
  k8s::Duration wall_error_;
  bool alive_ = true;
  k8s::TimePoint paused_until_;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, Timer> timers_;
};

}  // namespace fermi::sim
