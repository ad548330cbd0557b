#include "tests/support/sim_loop.hpp"

#include <cstdio>
#include <cstdlib>

namespace k8s::testing {
namespace {

constexpr std::int64_t kStartNs = 1'000'000'000'000;              // 1000 s
constexpr std::int64_t kWallStartNs = 1'767'225'600'000'000'000;  // 2026-01-01T00:00:00Z
constexpr std::int64_t kWallOffsetNs = kWallStartNs - kStartNs;

}  // namespace

std::uint64_t Random::next() {
  state_ += 0x9e3779b97f4a7c15;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

std::uint64_t Random::below(std::uint64_t bound) { return bound == 0 ? 0 : next() % bound; }

std::int64_t Random::between(std::int64_t low, std::int64_t high) {
  const auto span = static_cast<std::uint64_t>(high - low) + 1;
  return low + static_cast<std::int64_t>(below(span));
}

SimLoop::SimLoop(std::uint64_t seed)
    : now_{kStartNs}, wall_offset_ns_(kWallOffsetNs), random_(seed) {}

TimerId SimLoop::after(Duration delay, std::function<void()> fn) {
  const std::int64_t due = now_.ns + std::max<std::int64_t>(delay.count(), 0);
  const std::uint64_t id = next_id_++;
  timers_.emplace(Key{due, id}, std::move(fn));
  due_of_.emplace(id, due);
  return static_cast<TimerId>(id);
}

void SimLoop::cancel(TimerId timer) {
  const auto id = static_cast<std::uint64_t>(timer);
  const auto found = due_of_.find(id);
  if (found == due_of_.end()) return;
  // The callback may own what owns us: let it go only after both tables are in order.
  auto node = timers_.extract(Key{found->second, id});
  due_of_.erase(found);
}

void SimLoop::post(std::function<void()> fn) {
  const std::lock_guard lock(mutex_);
  posted_.push_back(std::move(fn));
}

void SimLoop::take_posted() {
  std::vector<std::function<void()>> taken;
  {
    const std::lock_guard lock(mutex_);
    taken.swap(posted_);
  }
  for (auto& fn : taken) after(Duration(0), std::move(fn));
}

bool SimLoop::next_due(std::int64_t& due) {
  take_posted();
  if (timers_.empty()) return false;
  due = timers_.begin()->first.first;
  return true;
}

void SimLoop::run_first() {
  auto node = timers_.extract(timers_.begin());
  due_of_.erase(node.key().second);
  if (node.key().first > now_.ns) {
    now_.ns = node.key().first;
    turns_at_instant_ = 0;
  }
  if (++turns_at_instant_ > kTurnsPerInstant) {
    std::fprintf(stderr, "SimLoop: a million callbacks ran and the clock stood still\n");
    std::abort();
  }
  ++steps_;
  node.mapped()();
}

bool SimLoop::step() {
  std::int64_t due = 0;
  if (!next_due(due)) return false;
  run_first();
  return true;
}

void SimLoop::run_for(Duration span) {
  const std::int64_t end = now_.ns + span.count();
  std::int64_t due = 0;
  while (next_due(due) && due <= end) run_first();
  if (end > now_.ns) turns_at_instant_ = 0;
  now_.ns = std::max(now_.ns, end);
}

bool SimLoop::run_until(const std::function<bool()>& done, Duration limit) {
  const std::int64_t end = now_.ns + limit.count();
  while (!done()) {
    std::int64_t due = 0;
    if (!next_due(due) || due > end) {
      now_.ns = std::max(now_.ns, end);
      return done();
    }
    run_first();
  }
  return true;
}

std::size_t SimLoop::pending() const {
  const std::lock_guard lock(mutex_);
  return timers_.size() + posted_.size();
}

}  // namespace k8s::testing
