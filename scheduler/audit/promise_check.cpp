#include "scheduler/audit/promise_check.hpp"

#include <algorithm>

#include "scheduler/audit/rules.hpp"
#include "scheduler/limits.hpp"

namespace sched {
namespace {

Time after(Time from, std::int64_t duration_ns) {
  return {audit::stated_end(from.ns, duration_ns)};
}

}  // namespace

// --- what is told

// Only of who waits, with a node that is there for each Pod.
void Auditor::on(const Promise& d) {
  const auto task = tasks_.find(d.task);
  if (task == tasks_.end() || task->second.phase != Phase::kWaits || !config_.keep_promises) return;
  if (d.placement.nodes.empty()) {
    promises_.erase(d.task);
    return;
  }
  std::int64_t pods = 0;
  for (const PodGroup& group : task->second.task.groups) {
    pods += std::clamp<std::int64_t>(group.count, 0, kGangMax + 1);
    if (pods > kGangMax) return;
  }
  const bool there = std::all_of(d.placement.nodes.begin(), d.placement.nodes.end(),
                                 [&](const std::string& node) { return nodes_.contains(node); });
  if (there && d.placement.nodes.size() == static_cast<std::size_t>(pods)) promises_[d.task] = d;
}

void Auditor::forget_promises_on(const std::string& node) {
  std::erase_if(promises_, [&](const auto& promise) {
    const std::vector<std::string>& nodes = promise.second.placement.nodes;
    return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
  });
}

void Auditor::forget_promises_of(const std::string& queue) {
  std::erase_if(promises_,
                [&](const auto& promise) { return tasks_.at(promise.first).task.queue == queue; });
}

// --- what is checked

bool PromiseCheck::binds(const std::string& holder, const Auditor::Known& task,
                         const Queue& queue) const {
  if (holder == task.task.uid || started_.contains(holder)) return false;
  const Auditor::Known& known = known_.tasks_.at(holder);
  const Auditor::Seat its = known_.seat(known.task), own = known_.seat(task.task);
  if (std::get<0>(its) != std::get<0>(own)) return std::get<0>(its) < std::get<0>(own);
  if (known_.promises_.contains(task.task.uid)) return true;
  return known.task.queue == task.task.queue && !audit::by_tenant(queue) && its < own;
}

Time PromiseCheck::end_of(const Promise& promise) const {
  return after(promise.at, known_.tasks_.at(promise.task).task.expected_duration_ns);
}

void PromiseCheck::add_ranks(audit::NodeUse& to, const Placement& where,
                             const std::vector<PodGroup>& groups, const std::string& node) const {
  for (std::size_t rank = 0; rank < where.nodes.size(); ++rank) {
    if (where.nodes[rank] != node) continue;
    to.add(audit::asked(*Auditor::group_of(groups, rank)), audit::device_at(where, rank));
  }
}

// All that is there at that moment, and the start itself.
std::string PromiseCheck::wrong_at(const std::string& node, Time at,
                                   const std::vector<const Promise*>& binding,
                                   const audit::NodeUse& own) const {
  audit::NodeUse sum = own;
  const auto gone = [&](const std::string& uid) {
    const auto task = known_.tasks_.find(uid);
    if (task == known_.tasks_.end() || task->second.phase != Auditor::Phase::kHolds) return false;
    if (end_of(task->second) <= at) return true;
    return std::any_of(binding.begin(), binding.end(), [&](const Promise* promise) {
      const std::vector<std::string>& nodes = promise->placement.nodes;
      return promise->at <= at && std::find(nodes.begin(), nodes.end(), node) != nodes.end() &&
             known_.yields_by(known_.tasks_.at(promise->task), task->second, at.ns);
    });
  };
  if (auto pods = known_.pods_on_.find(node); pods != known_.pods_on_.end()) {
    for (const std::string& uid : pods->second) {
      const PodUpsert& pod = known_.pods_.at(uid);
      if (!gone(pod.task)) sum.add(audit::asked(pod), pod.device);
    }
  }
  if (auto holders = known_.holders_on_.find(node); holders != known_.holders_on_.end()) {
    for (const std::string& uid : holders->second) {
      const Auditor::Known& task = known_.tasks_.at(uid);
      for (std::size_t rank = 0; !gone(uid) && rank < task.placement.nodes.size(); ++rank) {
        if (task.placement.nodes[rank] != node || task.seen.contains(rank)) continue;
        sum.add(audit::asked(*Auditor::group_of(task.groups, rank)),
                audit::device_at(task.placement, rank));
      }
    }
  }
  for (const Given& given : given_) {
    if (given.end > at) add_ranks(sum, given.where, given.groups, node);
  }
  for (const Promise* const promise : binding) {
    if (promise->at > at || end_of(*promise) <= at) continue;
    add_ranks(sum, promise->placement, known_.tasks_.at(promise->task).task.groups, node);
  }
  const auto has = audit::amounts(known_.nodes_.at(node).allocatable);
  for (const std::string& name : own.resources()) {
    const auto there = has.find(name);
    const std::int64_t amount = there == has.end() ? 0 : there->second;
    if (sum.taken(name) > amount) return name;
  }
  return "";
}

std::vector<std::string> PromiseCheck::add(const Start& start, const Auditor::Known& task,
                                           const Queue& queue) {
  std::vector<std::string> wrong;
  const bool held = !task.hold.nodes.empty() && task.hold_until > now_ &&
                    audit::includes(start.placement.nodes, task.hold.nodes);
  std::vector<const Promise*> binding;
  for (const auto& [holder, promise] : known_.promises_) {
    if (!held && !queue.learned && binds(holder, task, queue)) binding.push_back(&promise);
  }
  const Time end = after(now_, task.task.expected_duration_ns);
  std::map<std::string, audit::NodeUse> own;
  for (const std::string& node : start.placement.nodes) {
    if (!binding.empty() && !own.contains(node)) {
      add_ranks(own[node], start.placement, task.task.groups, node);
    }
  }
  for (const Promise* const promise : binding) {
    const Time at = std::max(promise->at, now_);
    if (promise->at >= end || end_of(*promise) <= at) continue;
    for (const std::string& node :
         std::set(promise->placement.nodes.begin(), promise->placement.nodes.end())) {
      const auto here = own.find(node);
      if (here == own.end()) continue;
      const std::string resource = wrong_at(node, at, binding, here->second);
      if (resource.empty()) continue;
      wrong.push_back("takes " + resource + " of node " + node + " that is promised to " +
                      promise->task);
    }
  }
  given_.push_back({start.placement, task.task.groups, end});
  started_.insert(start.task);
  return wrong;
}

bool PromiseCheck::promised(const std::string& node) {
  if (!promised_) {
    promised_.emplace();
    for (const auto& [holder, promise] : known_.promises_) {
      const std::vector<std::string>& nodes = promise.placement.nodes;
      if (!started_.contains(holder)) promised_->insert(nodes.begin(), nodes.end());
    }
  }
  return promised_->contains(node);
}

}  // namespace sched
