// Auditor: its own fold of the deltas.
#include <algorithm>

#include "scheduler/audit/audit.hpp"
#include "scheduler/audit/rules.hpp"
#include "scheduler/limits.hpp"

namespace sched {
namespace {

void forget(std::map<std::string, std::set<std::string>>& index, const std::string& key,
            const std::string& value) {
  auto at = index.find(key);
  if (at == index.end()) return;
  at->second.erase(value);
  if (at->second.empty()) index.erase(at);
}

}  // namespace

void Auditor::apply(const Delta& delta) {
  std::visit([this](const auto& d) { on(d); }, delta);
}

const PodGroup* Auditor::group_of(const std::vector<PodGroup>& groups, std::size_t rank) {
  for (const PodGroup& group : groups) {
    if (group.count <= 0) continue;
    if (rank < static_cast<std::size_t>(group.count)) return &group;
    rank -= static_cast<std::size_t>(group.count);
  }
  return nullptr;
}

// --- nodes, queues, configuration

void Auditor::on(const NodeUpsert& d) {
  Node& node = nodes_[d.node.name];
  if (node == d.node) return;
  forget_promises_on(d.node.name);
  node = d.node;
}
void Auditor::on(const NodeRemove& d) {
  forget_promises_on(d.name);
  nodes_.erase(d.name);
}
void Auditor::on(const ConfigUpdate& d) {
  if (!d.keep_promises || d.topology != config_.topology) promises_.clear();
  config_ = d;
}
void Auditor::on(const QueueUpsert& d) { rule(d.queue.name, &d.queue); }
void Auditor::on(const QueueRemove& d) { rule(d.name, nullptr); }

// New rules for a queue: its tasks line up anew.
void Auditor::rule(const std::string& name, const Queue* queue) {
  std::vector<std::string> waiting;
  for (const Seat& seat : lines_[name]) waiting.push_back(std::get<3>(seat));
  for (const std::string& uid : waiting) step_out(uid);
  forget_promises_of(name);
  if (queue != nullptr) queues_[name] = *queue;
  if (queue == nullptr) {
    queues_.erase(name);
    std::erase_if(past_, [&](const auto& entry) { return std::get<0>(entry.first) == name; });
  }
  for (const std::string& uid : waiting) line_up(uid);
}

// --- tasks

Auditor::Seat Auditor::seat(const Task& task) const {
  int tier = static_cast<int>(std::max(task.tier, Queue{}.tier));  // of one that is not known
  std::int64_t key = 0;
  if (auto queue = queues_.find(task.queue); queue != queues_.end()) {
    tier = static_cast<int>(std::max(task.tier, queue->second.tier));
    // Its queue was not Low when it began.
    const bool promised = task.guarantee_until.ns > 0 && task.tier != Tier::kLow;
    if (promised) tier = std::min(tier, static_cast<int>(Tier::kMedium));
    if (audit::by_priority(queue->second)) {
      key = -static_cast<std::int64_t>(task.priority_value);
    }
  }
  return {tier, key, task.submitted.ns, task.uid};
}

void Auditor::line_up(const std::string& uid) {
  const Task& task = tasks_.at(uid).task;
  lines_[task.queue].insert(seat(task));
}

void Auditor::step_out(const std::string& uid) {
  const Task& task = tasks_.at(uid).task;
  lines_[task.queue].erase(seat(task));
}

// The seat depends on the task's own fields: it is left before they change.
void Auditor::on(const TaskUpsert& d) {
  auto known = tasks_.find(d.task.uid);
  if (known == tasks_.end()) {
    tasks_[d.task.uid].task = d.task;
    line_up(d.task.uid);
    return;
  }
  Known& task = known->second;
  if (task.phase == Phase::kWaits) step_out(d.task.uid);
  if (task.phase == Phase::kHolds) count_holder(task, -1);
  if (!(task.task == d.task)) promises_.erase(d.task.uid);
  task.task = d.task;
  if (task.task.held) task.hold = {};  // nothing is kept for one that may not start
  if (task.phase == Phase::kWaits) line_up(d.task.uid);
  if (task.phase == Phase::kHolds) count_holder(task, 1);
}

// As shares count it: GPUs by model.
audit::Charge Auditor::shares_of(const Task& task, const std::vector<PodGroup>& groups) {
  audit::Charge all, sum;
  for (const PodGroup& group : groups) {
    audit::charge(all, group, std::max<std::int64_t>(0, group.count));
  }
  for (const auto& [name, value] : all) {
    const bool by_model = !task.gpu_model.empty() && audit::counts_gpus(name);
    sum[by_model ? name + "@" + task.gpu_model : name] += value;
  }
  return sum;
}

// What a queue is charged: the whole gang from the decision to its end.
void Auditor::count_holder(const Known& task, int sign) {
  Usage& usage = usage_[task.task.queue];
  usage.tasks += sign;
  placed_of_[{task.task.queue, task.task.tenant}] += sign;
  audit::Charge& tenant = tenants_[{task.task.queue, task.task.tenant}];
  for (const auto& [name, value] : shares_of(task.task, task.groups)) tenant[name] += sign * value;
  for (const PodGroup& group : task.groups) {
    audit::charge(usage.amount, group, std::max<std::int64_t>(0, group.count), sign);
  }
  auto& used_on = used_on_[task.task.queue];
  for (std::size_t rank = 0; rank < task.placement.nodes.size(); ++rank) {
    const std::string& node = task.placement.nodes[rank];
    audit::Charge& here = used_on[node];
    audit::charge(here, *group_of(task.groups, rank), 1, sign);
    std::erase_if(here, [](const auto& entry) { return entry.second == 0; });
    if (here.empty()) used_on.erase(node);
  }
}

audit::Charge Auditor::counted(const Quota& quota, const ByNode& used_on) const {
  audit::Charge sum;
  for (const auto& [name, used] : used_on) {
    const auto known = nodes_.find(name);
    static const Node kNowhere;
    const Node& node = known == nodes_.end() ? kNowhere : known->second;
    if (!audit::counts_in(quota, node)) continue;
    for (const auto& [resource, value] : used) sum[resource] += value;
  }
  return sum;
}

// Takes a task's decision back.
void Auditor::give_up(Known& task) {
  count_holder(task, -1);
  for (const std::string& node : task.placement.nodes) {
    forget(holders_on_, node, task.task.uid);
  }
  task.placement = {};
  task.groups.clear();
  task.seen.clear();
  task.runs = false;
  task.evicted_by.clear();
}

void Auditor::on(const TaskRemove& d) {
  auto known = tasks_.find(d.uid);
  if (known == tasks_.end()) return;
  if (known->second.phase == Phase::kWaits) step_out(d.uid);
  if (known->second.phase == Phase::kHolds) give_up(known->second);
  wishes_.erase(d.uid);
  promises_.erase(d.uid);
  tasks_.erase(known);
}

// Ranks whose Pod is known already reserve nothing.
void Auditor::on(const Assume& d) {
  auto known = tasks_.find(d.task);
  if (known == tasks_.end() || known->second.phase == Phase::kOver) return;
  Known& task = known->second;
  const auto groups = audit::groups_for(task.task, d.placement.nodes.size());
  if (!groups) return;
  if (task.phase == Phase::kHolds && task.attempt == d.attempt && task.placement == d.placement) {
    return;
  }
  if (task.phase == Phase::kWaits) step_out(d.task);
  if (task.phase == Phase::kHolds) give_up(task);
  wishes_.erase(d.task);
  promises_.erase(d.task);
  task.phase = Phase::kHolds;
  task.hold = {};
  task.rejected_until = {};
  task.attempt = d.attempt;
  task.placement = d.placement;
  task.groups = *groups;
  for (const std::string& node : task.placement.nodes) holders_on_[node].insert(d.task);
  if (auto pods_here = pods_of_.find(d.task); pods_here != pods_of_.end()) {
    for (const std::string& uid : pods_here->second) {
      const PodUpsert& pod = pods_.at(uid);
      if (pod.attempt == d.attempt && pod.rank >= 0) {
        task.seen.insert(static_cast<std::size_t>(pod.rank));
      }
    }
  }
  count_holder(task, 1);
}

void Auditor::on(const Confirm& d) {
  auto known = tasks_.find(d.task);
  if (known == tasks_.end() || known->second.phase != Phase::kHolds) return;
  known->second.runs = true;
  known->second.since = d.at;
}

void Auditor::on(const Reject& d) {
  auto known = tasks_.find(d.task);
  if (known == tasks_.end() || known->second.phase == Phase::kOver) return;
  if (known->second.phase == Phase::kHolds) {
    give_up(known->second);
    known->second.phase = Phase::kWaits;
    line_up(d.task);
  }
  known->second.rejected_until = d.not_before;
}

void Auditor::on(const TaskEnd& d) {
  auto known = tasks_.find(d.task);
  if (known == tasks_.end()) return;
  if (known->second.phase == Phase::kWaits) step_out(d.task);
  if (known->second.phase == Phase::kHolds) give_up(known->second);
  known->second.phase = Phase::kOver;
  known->second.hold = {};
  wishes_.erase(d.task);
  promises_.erase(d.task);
}

// --- Pods

// Once a rank's Pod was seen its reservation is over for good, even if the Pod goes.
void Auditor::on(const PodUpsert& d) {
  if (d.uid.empty() || d.node.empty()) return;
  if (auto old = pods_.find(d.uid); old != pods_.end()) {
    forget(pods_on_, old->second.node, d.uid);
    forget(pods_of_, old->second.task, d.uid);
  }
  pods_[d.uid] = d;
  pods_on_[d.node].insert(d.uid);
  if (d.task.empty()) return;
  pods_of_[d.task].insert(d.uid);
  auto task = tasks_.find(d.task);
  if (task != tasks_.end() && task->second.phase == Phase::kHolds &&
      task->second.attempt == d.attempt && d.rank >= 0) {
    task->second.seen.insert(static_cast<std::size_t>(d.rank));
  }
}

void Auditor::on(const PodRemove& d) {
  auto old = pods_.find(d.uid);
  if (old == pods_.end()) return;
  forget(pods_on_, old->second.node, d.uid);
  forget(pods_of_, old->second.task, d.uid);
  pods_.erase(old);
}

audit::NodeUse Auditor::in_use(const std::string& node) const {
  audit::NodeUse used;
  if (auto pods = pods_on_.find(node); pods != pods_on_.end()) {
    for (const std::string& uid : pods->second) {
      const PodUpsert& pod = pods_.at(uid);
      used.add(audit::asked(pod), pod.device);
    }
  }
  auto holders = holders_on_.find(node);
  if (holders == holders_on_.end()) return used;
  for (const std::string& uid : holders->second) {
    const Known& task = tasks_.at(uid);
    for (std::size_t rank = 0; rank < task.placement.nodes.size(); ++rank) {
      if (task.placement.nodes[rank] != node || task.seen.contains(rank)) continue;
      used.add(audit::asked(*Auditor::group_of(task.groups, rank)),
               audit::device_at(task.placement, rank));
    }
  }
  return used;
}

}  // namespace sched
