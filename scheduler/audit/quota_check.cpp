// PlanCheck: what a queue may have at most, and what is guaranteed to others.
#include <algorithm>

#include "scheduler/audit/plan_check.hpp"
#include "scheduler/audit/rules.hpp"
#include "scheduler/limits.hpp"

namespace sched {

// Counts what the plan adds, start by start, on top of what runs.
void PlanCheck::check_quota(const Start& start, const Known& task, const Queue& queue,
                            std::int64_t tasks) {
  if (queue.closed) say(start, "its queue is closed");
  Auditor::Usage now;
  if (auto at = known_.usage_.find(queue.name); at != known_.usage_.end()) now = at->second;
  Auditor::Usage& more = more_[queue.name];
  more.tasks += tasks;
  Charge own;
  for (const PodGroup& group : task.task.groups) {
    audit::charge(own, group, std::clamp<std::int64_t>(group.count, 0, kGangMax));
  }
  for (const auto& [name, value] : own) more.amount[name] += value;
  if (tasks > 0 && queue.max_running > 0 && now.tasks + more.tasks > queue.max_running) {
    say(start, "the queue runs more than " + std::to_string(queue.max_running) + " tasks");
  }
  for (const std::string& wrong : limits_.add(start, task, queue, tasks)) say(start, wrong);
  if (!queue.has_maximum) return;
  for (const auto& [name, maximum] : audit::limits(queue.maximum)) {
    if (own[name] > 0 && now.amount[name] + more.amount[name] > maximum) {
      say(start, "the queue exceeds its maximum of " + name);
    }
  }
}

// What of its guarantee a queue does not use, as of the starts read so far.
__int128 PlanCheck::idle(const Queue& queue, const std::string& resource) {
  if (!queue.has_guaranteed) return 0;
  const Charge guaranteed = audit::limits(queue.guaranteed);
  const auto at = guaranteed.find(resource);
  if (at == guaranteed.end()) return 0;
  __int128 used = more_[queue.name].amount[resource];
  if (auto now = known_.usage_.find(queue.name); now != known_.usage_.end()) {
    if (auto own = now->second.amount.find(resource); own != now->second.amount.end()) {
      used += own->second;
    }
  }
  return std::max<__int128>(at->second - used, 0);
}

void PlanCheck::Free::count(const Node& node, const audit::NodeUse& used, int sign) {
  if (!node.ready || node.unschedulable) return;
  for (const auto& [what, has] : audit::limits(node.allocatable)) {
    const __int128 left = has - __int128{used.taken(what)} * audit::unit_of(what);
    whole[what] += sign * std::max<__int128>(left, 0);
    const auto shared = used.shared.find(what);
    if (shared == used.shared.end() || left < 0) continue;
    for (const auto& [device, milli] : shared->second) {
      parts[what] += sign * std::max<std::int64_t>(1000 - milli, 0);
    }
  }
}

// Beside the starts read so far: a part takes the rest of its device from those who ask for whole
// ones, and nothing more of a device that is shared already. What is left of shared devices is of
// use only to those who ask for parts.
__int128 PlanCheck::free_for(const Charge& asked, const Known& task, const std::string& resource) {
  if (!free_) {
    free_.emplace();
    for (const auto& [name, node] : known_.nodes_) free_->count(node, known_.in_use(name), 1);
  }
  Free free = *free_;
  for (const auto& [name, more] : taken_) {
    audit::NodeUse used = known_.in_use(name);
    free.count(known_.nodes_.at(name), used, -1);
    used.add(more);
    free.count(known_.nodes_.at(name), used, 1);
  }
  bool in_parts = false;
  for (const PodGroup& group : task.task.groups) {
    in_parts = in_parts || (group.count > 0 && audit::asked(group).shared == resource);
  }
  if (!asked.contains(resource)) return 0;
  return free.whole[resource] + (in_parts ? free.parts[resource] : 0);
}

// The nodes of a start, those aside that were kept for it. That others stopped for it was proved
// then, by its tier or by what its queue is guaranteed: nobody's guarantee is asked again. An
// elastic gang may have more.
std::vector<std::string> PlanCheck::beyond_kept(const Start& start, const Known& task) const {
  std::vector<std::string> rest = start.placement.nodes;
  if (task.hold.nodes.empty() || task.hold_until <= now_) return rest;
  for (const std::string& node : task.hold.nodes) {
    const auto at = std::find(rest.begin(), rest.end(), node);
    if (at == rest.end()) return start.placement.nodes;
    rest.erase(at);
  }
  return rest;
}

// Read before the start is counted.
void PlanCheck::check_guarantees(const Start& start, const Known& task, const Queue& queue) {
  if (!guarantees_) {
    guarantees_.emplace(known_);
    const auto used = [this](const std::string& node) { return known_.in_use(node); };
    if (guarantees_->concerns()) guarantees_->look(used);
  }
  Start rest = start;
  rest.placement.nodes = beyond_kept(start, task);
  const bool was_kept = rest.placement.nodes.size() < start.placement.nodes.size();
  Charge& counted = more_[queue.name].amount;
  const Charge before = counted;
  Charge kept;
  Known more = task;
  if (was_kept) {
    guarantees_->add(task.hold, task.task);
    for (std::size_t rank = 0; rank < task.hold.nodes.size(); ++rank) {
      audit::charge(counted, *Auditor::group_of(task.task.groups, rank), 1);
      audit::charge(kept, *Auditor::group_of(task.task.groups, rank), 1);
    }
    for (PodGroup& group : more.task.groups) {  // of an elastic gang, the only one
      group.count = static_cast<std::int64_t>(rest.placement.nodes.size());
    }
  }
  if (!rest.placement.nodes.empty()) leaves_guaranteed(rest, more, queue, kept);
  if (was_kept) rest.placement.devices.clear();  // of whole devices alone, if there is any
  guarantees_->add(rest.placement, more.task);
  counted = before;
}

// With those last that get more than they have to have.
bool PlanCheck::leaves_guaranteed_last(const Plan& plan) {
  std::vector<Start> starts = plan.starts;
  std::stable_partition(starts.begin(), starts.end(), [&](const Start& start) {
    const auto task = known_.tasks_.find(start.task);
    if (task == known_.tasks_.end()) return true;
    std::int64_t least = 0;
    for (const PodGroup& group : task->second.task.groups) least += group.count;
    return std::ssize(start.placement.nodes) <= least;
  });
  for (const Start& start : starts) read(start);
  return takes_guaranteed_.empty();
}

// Within its own guarantee a queue may take what there is. `own`: what it has beside that.
void PlanCheck::leaves_guaranteed(const Start& start, const Known& task, const Queue& queue,
                                  const Charge& own) {
  if (guarantees_->concerns()) {
    const std::string wrong = guarantees_->wrong(start, task, queue);
    if (!wrong.empty()) takes_guaranteed_.push_back(start.task + ": " + wrong);
    return;
  }
  const bool high = std::max(task.task.tier, queue.tier) == Tier::kHigh;
  if (audit::may_borrow(queue) && !high) return;
  Charge asked;
  for (const PodGroup& group : task.task.groups) {
    audit::charge(asked, group, std::max<std::int64_t>(group.count, 0));
  }
  for (const auto& [resource, value] : asked) {
    __int128 kept = 0;
    for (const auto& [name, other] : known_.queues_) {
      if (name != queue.name) kept += idle(other, resource);
    }
    if (kept == 0 || value <= idle(queue, resource)) continue;
    const auto has = own.find(resource);
    const __int128 given = has == own.end() ? 0 : has->second;
    if (value > free_for(asked, task, resource) - given - kept) {
      takes_guaranteed_.push_back(start.task + ": takes " + resource +
                                  " that is guaranteed to other queues");
    }
  }
}

}  // namespace sched
