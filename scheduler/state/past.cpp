#include "scheduler/state/state.hpp"

namespace sched {

bool State::on(const PastRuns& d) {
  const auto known = queue_ids.find(d.queue);
  if (known == queue_ids.end() || !queues[known->second].known) return false;
  Past& past = queues[known->second].past;
  bool changed = d.longest_wait_ns && past.longest_wait() != *d.longest_wait_ns;
  if (d.longest_wait_ns) past.set_longest_wait(*d.longest_wait_ns);
  for (const PastRuns::Run& run : d.runs) changed |= past.add({d.kind, d.tenant}, d.shape, run);
  // One that is told late may bring an estimate forward: more room beside what is promised.
  for (auto& [task, room] : promises) room.hopeless = {};
  wake_refused();
  return changed;
}

std::vector<PastRuns> State::past_runs(QueueId id) const {
  const QueueRecord& queue = queues[id];
  std::vector<PastRuns> all;
  for (const auto& [kind, of] : queue.past.kinds()) {
    for (const auto& [shape, runs] : of.shapes) {
      all.push_back({queue.queue.name, kind.first, kind.second, shape, runs, {}});
    }
  }
  const bool waited = queue.past.longest_wait() > 0;
  if (all.empty() && waited) all.push_back({queue.queue.name, "", "", "", {}, {}});
  if (!all.empty()) all.front().longest_wait_ns = queue.past.longest_wait();
  return all;
}

}  // namespace sched
