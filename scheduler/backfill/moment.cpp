#include "scheduler/backfill/moment.hpp"

namespace sched {

MomentInPlace::MomentInPlace(State& state, const Moment& then, QueueId but) : state_(state) {
  for (const auto& [cls, more] : then.free) {
    Amounts free = state.cluster.cls(cls).free;
    free.plus(more);
    free_.emplace(cls, state.cluster.exchange_free(cls, std::move(free)));
  }
  for (const auto& [id, more] : then.used) {
    QueueRecord& queue = state.queues[id];
    Before& before = used_[id];
    before.all = queue.used;
    queue.used.plus(more.all);
    for (std::size_t i = 0; i < queue.limits.size(); ++i) {
      before.limits.push_back(queue.limits[i].used);
      if (id != but && i < more.limits.size()) queue.limits[i].used.plus(more.limits[i]);
    }
  }
}

MomentInPlace::~MomentInPlace() {
  for (auto& [cls, free] : free_) state_.cluster.exchange_free(cls, std::move(free));
  for (auto& [id, before] : used_) {
    QueueRecord& queue = state_.queues[id];
    queue.used = std::move(before.all);
    for (std::size_t i = 0; i < queue.limits.size(); ++i) {
      queue.limits[i].used = std::move(before.limits[i]);
    }
  }
}

}  // namespace sched
