#include "tests/sim/process_loop.hpp"

#include <utility>

namespace fermi::sim {

ProcessLoop::ProcessLoop(k8s::testing::SimLoop& root, std::uint64_t seed, k8s::Duration wall_error)
    : root_(root), random_(seed), wall_error_(wall_error) {}

k8s::TimerId ProcessLoop::after(k8s::Duration delay, std::function<void()> fn) {
  if (!alive_) return k8s::TimerId::kNone;
  const std::uint64_t id = next_id_++;
  timers_[id] = {root_.after(delay, [this, id] { fire(id); }), std::move(fn)};
  return static_cast<k8s::TimerId>(id);
}

void ProcessLoop::fire(std::uint64_t id) {
  const auto found = timers_.find(id);
  if (paused_until_ > root_.now()) {
    found->second.root = root_.after(paused_until_ - root_.now(), [this, id] { fire(id); });
    return;
  }
  const std::function<void()> fn = std::move(found->second.fn);
  timers_.erase(found);
  fn();
}

void ProcessLoop::cancel(k8s::TimerId timer) {
  const auto node = timers_.extract(static_cast<std::uint64_t>(timer));
  if (!node.empty()) root_.cancel(node.mapped().root);
}

void ProcessLoop::kill() {
  alive_ = false;
  for (const auto& [id, timer] : timers_) root_.cancel(timer.root);
  // The functions may hold what is being destroyed: let them go after the table is empty.
  const auto forgotten = std::exchange(timers_, {});
}

}  // namespace fermi::sim
