// Future: the moments at which something is expected to end, in their order.
//
// What ends: running tasks by what they stated; those past that, and those that are placed and do
// not run yet, by an estimate as of now (`Late`, made once for a pass); what started in this pass.
// For a task that may have others stop, these as soon as nothing protects them any more.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "scheduler/backfill/ends.hpp"

namespace sched {

struct Release {
  Time at;
  NodeId node = kNoId;
  const Amounts* amounts = nullptr;
  TaskId task = kNoId;  // whose it is; of those that start in this pass: not told
};

using Late = std::vector<std::pair<Time, TaskId>>;  // soonest first; of one moment in no order
Late late(const State& state, Time now);
// Whom a waiting task may have stop, by tier or by turn, before they are expected to end, by when
// nothing protects them any more (preempt/promise.hpp): soonest first, of one moment in no order.
// `but_low`: without those whom all above Low may have stop at once.
Late yielding(const State& state, TaskId task, Time now, bool but_low);

class Future {
 public:
  // `started`: soonest first. `yielding`: those who end earlier than they are expected to;
  // `but_low` leaves out those whom all above Low may have stop at once, and who have ended
  // already. All must outlive it, unchanged.
  Future(const State& state, Time now, const Late& late, const std::vector<Release>& started,
         const Late& yielding = none(), bool but_low = false)
      : state_(state),
        late_(late),
        started_(started),
        yielding_(yielding),
        but_low_(but_low),
        early_(by_task(state, yielding)),
        next_end_(state.ends.lower_bound([&](const State::End& e) { return e.first <= now.ns; })) {}

  // The next moment at which something ends; kEndless when nothing does any more.
  Time next() const;

  // Ends all that ends until `time`: calls with (node, amounts) for each. Returns how many tasks.
  // What one uses on a single node, of which `matters` says no, may be left out: most end on nodes
  // that one gang has no use for.
  template <class Visit, class Matters>
  std::int64_t go(Time time, const Visit& visit, const Matters& matters) {
    std::int64_t tasks = 0;
    const auto end = [&](TaskId id) {
      ++tasks;
      const NodeId node = state_.only_node(id);
      if (node == kNoId || matters(node)) state_.each_use(id, visit);
    };
    for (; next_early_ < yielding_.size() && yielding_[next_early_].first <= time; ++next_early_) {
      end(yielding_[next_early_].second);
    }
    for (; next_late_ < late_.size() && late_[next_late_].first <= time; ++next_late_) {
      if (!early(late_[next_late_].second)) end(late_[next_late_].second);
    }
    for (; !state_.ends.at_end(next_end_); next_end_ = state_.ends.next(next_end_)) {
      const State::End& next = state_.ends.get(next_end_);
      if (next.first > time.ns) break;
      if (!early(next.second)) end(next.second);
    }
    for (; next_started_ < started_.size() && started_[next_started_].at <= time; ++next_started_) {
      visit(started_[next_started_].node, *started_[next_started_].amounts);
    }
    return tasks;
  }

 private:
  static const Late& none() {
    static const Late nobody;
    return nobody;
  }
  static std::vector<bool> by_task(const State& state, const Late& yielding);
  bool early(TaskId task) const {
    return (task < early_.size() && early_[task]) || (but_low_ && state_.yields_at_once(task));
  }

  const State& state_;
  const Late& late_;
  const std::vector<Release>& started_;
  const Late& yielding_;
  const bool but_low_;
  const std::vector<bool> early_;  // by task: whether it yields
  std::size_t next_early_ = 0, next_late_ = 0, next_started_ = 0;
  Ordered<State::End>::Cursor next_end_;
};

}  // namespace sched
