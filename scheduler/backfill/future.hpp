// Future: the moments at which something is expected to end, in their order.
//
// What ends: running tasks by what they stated; those past that, and those that are placed and do
// not run yet, by an estimate as of now (`Late`, made once for a pass); what started in this pass.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "scheduler/backfill/ends.hpp"

namespace sched {

struct Release {
  Time at;
  NodeId node = kNoId;
  const Amounts* amounts = nullptr;
};

using Late = std::vector<std::pair<Time, TaskId>>;  // soonest first
Late late(const State& state, Time now);

class Future {
 public:
  // `started`: soonest first. All must outlive it, unchanged.
  Future(const State& state, Time now, const Late& late, const std::vector<Release>& started)
      : state_(state),
        late_(late),
        started_(started),
        next_end_(state.ends.lower_bound([&](const State::End& e) { return e.first <= now.ns; })) {}

  // The next moment at which something ends; kEndless when nothing does any more.
  Time next() const;

  // Ends all that ends until `time`: calls with (node, amounts) for each. Returns how many tasks.
  template <class Visit>
  std::int64_t go(Time time, const Visit& visit) {
    std::int64_t tasks = 0;
    const auto end = [&](TaskId id) {
      ++tasks;
      state_.each_use(id, visit);
    };
    for (; next_late_ < late_.size() && late_[next_late_].first <= time; ++next_late_) {
      end(late_[next_late_].second);
    }
    for (; !state_.ends.at_end(next_end_); next_end_ = state_.ends.next(next_end_)) {
      const State::End& next = state_.ends.get(next_end_);
      if (next.first > time.ns) break;
      end(next.second);
    }
    for (; next_started_ < started_.size() && started_[next_started_].at <= time; ++next_started_) {
      visit(started_[next_started_].node, *started_[next_started_].amounts);
    }
    return tasks;
  }

 private:
  const State& state_;
  const Late& late_;
  const std::vector<Release>& started_;
  std::size_t next_late_ = 0, next_started_ = 0;
  Ordered<State::End>::Cursor next_end_;
};

}  // namespace sched
