#include "scheduler/fair/merge.hpp"

#include <algorithm>

#include "scheduler/order/turns.hpp"

namespace sched {

Merge::Merge(State& state, QueueId queue)
    : state_(state), queue_(queue), rounds_(rounds_of(state, state.queues[queue])) {
  for (const Tenant& tenant : state_.queues[queue].tenants) {
    if (!tenant.line.empty()) lines_.push_back({&tenant, tenant.line.begin(), tenant.used, 0, {}});
  }
  for (std::size_t i = 0; i < lines_.size(); ++i) place(i);
}

// Puts a line back where its next task stands, if it has one.
void Merge::place(std::size_t index) {
  Line& line = lines_[index];
  if (line.tenant->line.at_end(line.at)) return;
  const Place& first = line.tenant->line.get(line.at);
  line.turn = turn_of(state_, state_.queues[queue_], rounds_, *line.tenant, first);
  line.turn.share =
      state_.tenant_share(state_.queues[queue_], *line.tenant, line.used, line.starts);
  heap_.push_back(index);
  std::push_heap(heap_.begin(), heap_.end(), [&](std::size_t a, std::size_t b) {
    return before(lines_[b].turn, lines_[a].turn);
  });
}

TaskId Merge::next() {
  if (heap_.empty()) return kNoId;
  std::pop_heap(heap_.begin(), heap_.end(), [&](std::size_t a, std::size_t b) {
    return before(lines_[b].turn, lines_[a].turn);
  });
  const std::size_t index = heap_.back();
  heap_.pop_back();
  Line& line = lines_[index];
  const TaskId task = line.tenant->line.get(line.at).task;
  const TaskRecord& record = state_.tasks[task];
  if (record.bucket != kNoId && can_ever_start(state_, record.bucket)) {
    line.used.plus(state_.shapes[record.shape].served);
    ++line.starts;
  }
  line.at = line.tenant->line.next(line.at);
  place(index);
  return task;
}

}  // namespace sched
