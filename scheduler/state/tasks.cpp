// State: tasks, decisions and Pods.
#include <algorithm>

#include "scheduler/elastic/size.hpp"
#include "scheduler/limits.hpp"
#include "scheduler/order/rules.hpp"
#include "scheduler/preempt/guarantee.hpp"
#include "scheduler/preempt/promise.hpp"
#include "scheduler/state/devices.hpp"
#include "scheduler/state/state.hpp"

namespace sched {
namespace {

std::int64_t device_at(const Placement& placement, std::size_t rank) {
  return rank < placement.devices.size() ? placement.devices[rank] : -1;
}

const Amounts& part_of_rank(const std::vector<std::pair<std::int64_t, Amounts>>& parts,
                            std::size_t rank) {
  const auto ends_after = [](std::size_t r, const auto& part) {
    return static_cast<std::int64_t>(r) < part.first;
  };
  return std::upper_bound(parts.begin(), parts.end(), rank, ends_after)->second;
}

// Whether a Pod of the task is of an attempt before the one that holds the place.
bool passes(const TaskRecord& task, const PodUpsert& pod) {
  return !task.ranks.empty() && pod.attempt < task.attempt;
}

}  // namespace

// The one entrance. Whatever a delta freed, the shapes that lacked it wake before the next plan.
// (A refused delta changed nothing, so nobody can have woken.)
bool State::apply(const Delta& delta) {
  in_order_ = false;
  const bool changed = std::visit([this](const auto& d) { return on(d); }, delta);
  if (!changed) return false;
  if (!in_order_) asked.known = false;
  ++changes;
  holds_moved = true;
  settle();
  wake_changed();
  if (!guarded.empty()) wake_guarded();
  wake_kept();
  return true;
}

TaskId State::find(std::string_view uid) const {
  auto known = task_ids.find(std::string(uid));
  return known == task_ids.end() ? kNoId : known->second;
}

// --- the record

bool State::on(const TaskUpsert& d) {
  if (d.task.uid.empty()) return false;
  TaskId id = find(d.task.uid);
  if (id != kNoId && tasks[id].task == d.task) return false;
  // The new queue is entered before the old one is left, so that a record which both are is never
  // forgotten in between.
  const QueueId queue = queue_of(d.task.queue);
  ++queues[queue].members;
  const TenantId tenant = enter(queue, d.task.tenant);
  if (id == kNoId) {
    id = static_cast<TaskId>(tasks.size());
    if (free_tasks_.empty()) {
      tasks.emplace_back();
    } else {
      id = free_tasks_.back();
      free_tasks_.pop_back();
      tasks[id] = {};
    }
    tasks[id].live = true;
    task_ids.emplace(d.task.uid, id);
    tasks[id].queue = queue;
    tasks[id].tenant = tenant;
    tasks[id].task = d.task;
    if (const auto before = orphans.find(d.task.uid); before != orphans.end()) {
      tasks[id].pods = std::move(before->second);
      orphans.erase(before);
    }
    forget_uses(id);
    join_group(id, 1);
    mix_in(tasks[id]);
    enlist(id);
    in_order_ = asked.known && asked.came.size() < kCameMax;
    if (in_order_) asked.came.push_back(id);
    return true;
  }
  TaskRecord& record = tasks[id];
  const QueueId before = record.queue;
  const TenantId tenant_before = record.tenant;
  forget_promise(id);
  if (record.state == TaskState::kWaiting) delist(id);
  if (decided(record)) charge(record, -1);
  track(id, -1);
  join_group(id, -1);
  mix_out(record);
  record.task = d.task;
  record.queue = queue;
  record.tenant = tenant;
  join_group(id, 1);
  if (record.state != TaskState::kEnded) mix_in(record);
  track(id, 1);
  if (decided(record)) {
    charge(record, 1);
    loosen_uses(record);
  }
  if (record.state == TaskState::kWaiting) enlist(id);
  if (record.task.held) forget_hold(id);
  leave(before, tenant_before);
  --queues[before].members;
  forget_queue(before);
  return true;
}

void State::mix_in(TaskRecord& task) {
  for (const PodGroup& group : task.task.groups) {
    const std::int64_t pods = std::clamp<std::int64_t>(group.count, 0, kGangMax);
    task.needs.push_back(mix.add(task.task, group, pods, names));
  }
}

void State::mix_out(TaskRecord& task) {
  for (std::size_t g = 0; g < task.needs.size(); ++g) {
    mix.remove(task.needs[g], std::clamp<std::int64_t>(task.task.groups[g].count, 0, kGangMax));
  }
  task.needs.clear();
}

bool State::on(const TaskRemove& d) {
  const TaskId id = find(d.uid);
  if (id == kNoId) return false;
  withdraw(id, hear(d.at));
  mix_out(tasks[id]);
  const QueueId queue = tasks[id].queue;
  const TenantId tenant = tasks[id].tenant;
  forget_hold(id);
  forget_promise(id);
  join_group(id, -1);
  wishes.erase(d.uid);
  task_ids.erase(d.uid);
  if (!tasks[id].pods.empty()) orphans[d.uid] = std::move(tasks[id].pods);
  tasks[id] = {};
  forget_uses(id);
  free_tasks_.push_back(id);
  leave(queue, tenant);
  --queues[queue].members;
  forget_queue(queue);
  return true;
}

// --- the cycle: assume, confirm, reject, end

// Takes a decision as given, even one that does not fit: it may have been read back from a status
// while the node was away. Only a placement that is not whole is refused.
bool State::on(const Assume& d) {
  const TaskId id = find(d.task);
  if (id == kNoId || tasks[id].state == TaskState::kEnded) return false;
  TaskRecord& task = tasks[id];
  // Without a node for each rank there is nothing to book.
  if (!sizes_of(task.task).allow(d.placement.nodes.size())) return false;
  if (decided(task)) {
    bool same = task.attempt == d.attempt;
    for (std::size_t r = 0; same && r < task.ranks.size(); ++r) {
      same = r < d.placement.nodes.size() && task.ranks[r].device == device_at(d.placement, r) &&
             cluster.node(task.ranks[r].node).node.name == d.placement.nodes[r];
    }
    if (same) return false;
    track(id, -1);
    release(id, hear(d.at));
    task.state = TaskState::kReserved;
  } else {
    delist(id);
    forget_hold(id);
    forget_promise(id);
    wishes.erase(d.task);
    task.state = TaskState::kReserved;
  }
  task.rejected_until = {};
  task.rejected_why.clear();
  task.since = {};
  reserve(task, d);
  count_passing(id);
  forget_uses(id);
  note_start(task, hear(d.at));
  track(id, 1);
  for (const PodId pod : task.pods) {  // nobody could ask them to stop, and they are its own now
    loosen(Loosening::What::kAmounts, pods[pod].node, pods[pod].amounts);
  }
  return true;
}

void State::track(TaskId id, int sign) {
  TaskRecord& task = tasks[id];
  if (!decided(task)) return;
  const auto mark = [sign](auto& set, const auto& entry) {
    if (sign > 0)
      set.insert(entry);
    else
      set.erase(entry);
  };
  const std::int64_t duration = task.task.expected_duration_ns;
  if (task.state == TaskState::kReserved) mark(starting, id);
  // A sum that would overflow is endless (backfill/ends.hpp).
  constexpr std::int64_t kLongest = std::int64_t{1} << 61;
  const bool ends_some_time = duration > 0 && duration < kLongest && task.since.ns < kLongest;
  const bool runs = task.state == TaskState::kRunning;
  const std::int64_t by = !runs            ? 0
                          : ends_some_time ? task.since.ns + duration
                                           : QueueRecord::kNoEnd;
  mark(queues[task.queue].placed, std::pair{by, id});
  if (runs && ends_some_time) {
    const End end{task.since.ns + duration, id};
    sign > 0 ? ends.insert(end, std::less<End>()) : void(ends.erase(end, std::less<End>()));
  } else if (runs) {
    if (sign > 0)
      endless[task.task.uid] = id;
    else
      endless.erase(task.task.uid);
  }
  // The later of the guarantee and the rest after the last preemption, as the queue has it now.
  if (sign > 0) {
    const Time rest = task.task.last_preempted.ns > 0
                          ? later(task.task.last_preempted, queues[task.queue].queue.cooldown_ns)
                          : Time{};
    task.protected_ns = std::max(task.task.guarantee_until.ns, rest.ns);
    const bool low = tier_of(task.task, queues[task.queue]) == Tier::kLow;
    task.unprotected = (low || task.task.preemptible) && !task.task.unevictable;
    task.turn_ns = turn_of(task);
    task.grow_ns = grows_from(task);
  }
  sign > 0 ? list_askable(id) : unlist_askable(id);
  if (task.turn_ns > 0) mark(queues[task.queue].turns_over, std::pair{task.turn_ns, id});
  if (task.grow_ns > 0) mark(growable, std::pair{task.grow_ns, id});
  if (task.unprotected) mark(unprotected, id);
  if (task.protected_ns > 0) mark(protected_until, std::pair{task.protected_ns, id});
  for (const TaskRecord::Rank& rank : task.ranks) {
    if (tasks_on_node.size() <= rank.node) tasks_on_node.resize(rank.node + 1);
    mark(tasks_on_node[rank.node], id);
    shake(rank.node);
  }
}

// From when on a peer may have its room: after its quantum, and not while a guarantee or a rest
// protects it. 0: never. Whether there is an end of the guarantee is known once it runs.
std::int64_t State::turn_of(const TaskRecord& task) const {
  const Queue& rules = queues[task.queue].queue;
  const std::int64_t slice = slice_ns(rules);
  const Tier tier = tier_of(task.task, queues[task.queue]);
  if (slice == 0 || task.state != TaskState::kRunning || tier == Tier::kHigh ||
      task.task.unevictable) {
    return 0;
  }
  const std::int64_t over = std::max<std::int64_t>(later(task.since, slice).ns, 1);
  if (tier == Tier::kLow) return over;
  return task.task.guarantee_until.ns > 0 ? std::max(over, task.protected_ns) : 0;
}

// From when on it may be given more: each change of its size costs it a restart, so that it runs
// for the cooldown of its queue at least between two of them. 0: never.
std::int64_t State::grows_from(const TaskRecord& task) const {
  const Sizes sizes = sizes_of(task.task);
  const bool below = task.ranks.size() < static_cast<std::size_t>(sizes.most);
  if (task.state != TaskState::kRunning || !sizes.elastic() || !below) return 0;
  return std::max<std::int64_t>(later(task.since, queues[task.queue].queue.cooldown_ns).ns, 1);
}

const Amounts& State::request_of(const TaskRecord& task, std::size_t rank) const {
  return part_of_rank(task.asks, rank);
}

const Amounts& State::use_of_rank(const TaskRecord& task, std::size_t rank) const {
  return part_of_rank(task.parts, rank);
}

const std::vector<Use>& State::uses(TaskId id) const {
  if (uses_.size() <= id) uses_.resize(tasks.size());
  Uses& known = uses_[id];
  if (known.known) return known.list;
  const TaskRecord& task = tasks[id];
  known.list.clear();
  for (std::size_t r = 0; r < task.ranks.size(); ++r) {
    if (task.ranks[r].reserved) known.list.push_back({task.ranks[r].node, use_of_rank(task, r)});
  }
  for (const PodId pod : task.pods) {
    known.list.push_back({pods[pod].node, pods[pod].amounts, passes(task, pods[pod].pod)});
  }
  std::stable_sort(known.list.begin(), known.list.end(),
                   [](const Use& a, const Use& b) { return a.node < b.node; });
  known.known = true;
  const bool one = !known.list.empty() && known.list.front().node == known.list.back().node;
  if (only_node_.size() <= id) only_node_.resize(tasks.size(), kNoId);
  only_node_[id] = one ? known.list.front().node : kNoId;
  return known.list;
}

// After its Pods, or which of its attempts is the decided one, have changed.
void State::count_passing(TaskId id) {
  TaskRecord& task = tasks[id];
  const std::int64_t before = std::exchange(task.passing, 0);
  for (const PodId pod : task.pods) task.passing += passes(task, pods[pod].pod);
  task.passing > 0 ? void(moving.insert(id)) : void(moving.erase(id));
  if (before == 0 && task.passing == 0) return;
  for (const PodId pod : task.pods) cluster.note_change(pods[pod].node);
}

// Books each rank whose Pod was not seen yet. Pods may come before the decision: a new leader reads
// objects in any order.
void State::reserve(TaskRecord& task, const Assume& d) {
  task.attempt = d.attempt;
  task.parts.clear();
  task.asks.clear();
  task.booked = {};
  std::int64_t end = 0;
  const bool elastic = sizes_of(task.task).elastic();
  for (const PodGroup& group : task.task.groups) {
    if (group.count <= 0) continue;
    const Amounts request =
        names.request(group.requests, group.shared_resource, group.shared_milli);
    // An elastic gang has one group.
    const auto count = elastic ? static_cast<std::int64_t>(d.placement.nodes.size()) : group.count;
    task.booked.plus(request, count);
    for (std::int64_t rank = end; has_parts(request) && rank < end + count; ++rank) {
      const std::int64_t device = device_at(d.placement, static_cast<std::size_t>(rank));
      task.parts.emplace_back(rank + 1, use_of(request, device));
    }
    end += count;
    task.asks.emplace_back(end, request);
    if (!has_parts(request)) task.parts.emplace_back(end, request);
  }
  task.ranks.assign(d.placement.nodes.size(), {});
  for (std::size_t r = 0; r < task.ranks.size(); ++r) {
    task.ranks[r] = {cluster.intern(d.placement.nodes[r]), true, device_at(d.placement, r)};
  }
  for (const PodId seen : task.pods) {
    const PodUpsert& pod = pods[seen].pod;
    if (pod.attempt != d.attempt || pod.rank < 0) continue;
    if (const auto r = static_cast<std::size_t>(pod.rank); r < task.ranks.size()) {
      task.ranks[r].reserved = false;
    }
  }
  for (std::size_t r = 0; r < task.ranks.size(); ++r) {
    // A rank keeps its node's record alive even when its Pod already books it.
    static const Amounts kNothing;
    cluster.adjust(task.ranks[r].node, task.ranks[r].reserved ? &use_of_rank(task, r) : &kNothing,
                   nullptr);
  }
  task.served = served_of(task.booked, names.of_model(task.booked, task.task.gpu_model), names);
  task.gpus = names.gpus(task.booked);
  task.gpu_milli = names.gpu_milli(task.booked);
  charge(task, 1);
}

// Gives back what is still reserved and what the queue is charged. Pods go on using their nodes
// until they are gone: of one that every search counted as gone, they are in its way until then.
void State::release(TaskId id, Time at) {
  TaskRecord& task = tasks[id];
  static const Amounts kNothing;
  const bool counted = counted_as_gone(*this, task);
  unsettle_for(id);
  for (std::size_t r = 0; r < task.ranks.size(); ++r) {
    const NodeId node = task.ranks[r].node;
    cluster.adjust(node, nullptr, task.ranks[r].reserved ? &use_of_rank(task, r) : &kNothing);
    cluster.note_change(node);  // its Pods are nobody's victims from here on
    cluster.release(node);
  }
  forget_uses(id);
  charge(task, -1);
  note_end(task, at);
  // What its Pods have is free when they are gone; until then nobody can be asked for it.
  for (std::size_t r = 0; r < task.ranks.size(); ++r) {
    if (!task.ranks[r].reserved) continue;
    const Amounts& brings = counted ? kNothing : use_of_rank(task, r);
    loosen(Loosening::What::kAmounts, task.ranks[r].node, brings);
  }
  for (const PodId pod : task.pods) {
    Amounts stays;
    stays.minus(pods[pod].amounts);
    if (counted) loosen(Loosening::What::kAmounts, pods[pod].node, stays);
  }
  task.ranks.clear();
  task.parts.clear();
  task.asks.clear();
  task.booked = {};
  task.served = {};
  task.gpus = 0;
  task.gpu_milli = 0;
  task.attempt = 0;
  count_passing(id);
  task.since = {};
  mark_leaving(id, "", {});
}

// Takes a task out of the line, or its decision back.
void State::withdraw(TaskId id, Time at) {
  if (tasks[id].state == TaskState::kWaiting) delist(id);
  if (!decided(tasks[id])) return;
  track(id, -1);
  release(id, at);
}

bool State::on(const Confirm& d) {
  const TaskId id = find(d.task);
  if (id == kNoId || !decided(tasks[id])) return false;
  TaskRecord& task = tasks[id];
  if (task.state == TaskState::kRunning && task.since == d.at) return false;
  hear(d.at);
  if (task.state == TaskState::kReserved && queues[task.queue].known) {
    queues[task.queue].past.waited(span(task.task.submitted, d.at));
  }
  track(id, -1);
  meter(task, -1);
  task.state = TaskState::kRunning;
  task.since = d.at;
  meter(task, 1);
  track(id, 1);
  loosen_uses(task);
  return true;
}

// Back in the line at the old place: the submit time never changes. Also said of a waiting task,
// which only moves its back-off.
bool State::on(const Reject& d) {
  const TaskId id = find(d.task);
  if (id == kNoId || tasks[id].state == TaskState::kEnded) return false;
  TaskRecord& task = tasks[id];
  if (task.state == TaskState::kWaiting && task.rejected_until == d.not_before &&
      task.rejected_why == d.why) {
    return false;
  }
  withdraw(id, hear(d.at));
  task.state = TaskState::kWaiting;
  task.rejected_until = d.not_before;
  task.rejected_why = d.why;
  enlist(id);
  return true;
}

bool State::on(const TaskEnd& d) {
  const TaskId id = find(d.task);
  if (id == kNoId || tasks[id].state == TaskState::kEnded) return false;
  const Time at = hear(d.at);
  withdraw(id, at);
  forget_hold(id);
  forget_promise(id);
  wishes.erase(d.task);
  mix_out(tasks[id]);
  tasks[id].state = TaskState::kEnded;
  return true;
}

// --- Pods

// A Pod uses its node from here on. The rank it belongs to, if the attempt is the one decided,
// stops being reserved in the same step.
void State::book_pod(PodId pod) {
  PodRecord& record = pods[pod];
  record.node = cluster.intern(record.pod.node);
  shake(record.node);
  const TaskId id = record.pod.task.empty() ? kNoId : find(record.pod.task);
  if (id != kNoId) {
    unsettle_for(id, record.node);
    forget_uses(id);
    tasks[id].pods.push_back(pod);
    if (passes(tasks[id], record.pod) && ++tasks[id].passing == 1) moving.insert(id);
  } else if (!record.pod.task.empty()) {
    orphans[record.pod.task].push_back(pod);
  }
  const auto rank = static_cast<std::size_t>(record.pod.rank);
  if (id != kNoId && decided(tasks[id]) && tasks[id].attempt == record.pod.attempt &&
      record.pod.rank >= 0 && rank < tasks[id].ranks.size() && tasks[id].ranks[rank].reserved) {
    release_rank(tasks[id], rank, record.node, &record.amounts);
    return;
  }
  cluster.adjust(record.node, &record.amounts, nullptr);
}

// The reservation of a rank becomes its Pod's use; on one node that is one step.
void State::release_rank(TaskRecord& task, std::size_t rank, NodeId node, const Amounts* pod) {
  static const Amounts kNothing;
  const Amounts& reserved = use_of_rank(task, rank);
  task.ranks[rank].reserved = false;
  const NodeId held = task.ranks[rank].node;
  if (held == node) {
    cluster.adjust(node, pod, &reserved);
  } else {
    loosen(Loosening::What::kAmounts, held, reserved);
    cluster.adjust(held, nullptr, &reserved);
    cluster.adjust(node, pod, nullptr);
  }
  cluster.adjust(held, &kNothing, nullptr);
}

// The Pod's use ends; a reservation that it took over does not come back: whether the gang is
// lost is for the caller to say.
void State::unbook_pod(PodId pod) {
  const PodRecord& record = pods[pod];
  shake(record.node);
  cluster.adjust(record.node, nullptr, &record.amounts);
  cluster.release(record.node);
  loosen(Loosening::What::kAmounts, record.node, record.amounts);
  if (record.pod.task.empty()) return;
  if (const TaskId id = find(record.pod.task); id != kNoId) {
    unsettle_for(id);
    forget_uses(id);
    std::erase(tasks[id].pods, pod);
    if (passes(tasks[id], record.pod) && --tasks[id].passing == 0) moving.erase(id);
    return;
  }
  const auto of_task = orphans.find(record.pod.task);
  std::erase(of_task->second, pod);
  if (of_task->second.empty()) orphans.erase(of_task);
}

bool State::on(const PodUpsert& d) {
  if (d.uid.empty() || d.node.empty()) return false;
  const auto known = pod_ids.find(d.uid);
  if (known != pod_ids.end() && pods[known->second].pod == d) return false;
  PodId id = static_cast<PodId>(pods.size());
  if (known != pod_ids.end()) {
    id = known->second;
    unbook_pod(id);
  } else if (!free_pods_.empty()) {
    id = free_pods_.back();
    free_pods_.pop_back();
  } else {
    pods.emplace_back();
  }
  if (known == pod_ids.end()) pod_ids.emplace(d.uid, id);
  pods[id].pod = d;
  pods[id].amounts = use_of(names.request(d.requests, d.shared_resource, d.shared_milli), d.device);
  book_pod(id);
  in_order_ = true;  // shares count what was decided, not what is seen of it
  return true;
}

bool State::on(const PodRemove& d) {
  const auto known = pod_ids.find(d.uid);
  if (known == pod_ids.end()) return false;
  unbook_pod(known->second);
  pods[known->second] = {};
  free_pods_.push_back(known->second);
  pod_ids.erase(known);
  in_order_ = true;
  return true;
}

}  // namespace sched
