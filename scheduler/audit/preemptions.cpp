// Auditor: the checks of what a plan preempts, and what it has to remember for them.
#include <algorithm>

#include "scheduler/audit/audit.hpp"
#include "scheduler/audit/cover_check.hpp"
#include "scheduler/audit/guarantee_check.hpp"
#include "scheduler/audit/rules.hpp"
#include "scheduler/limits.hpp"

namespace sched {

// Read in order, after the starts: each sees what those before it took and emptied.
class PreemptionCheck {
 public:
  PreemptionCheck(const Auditor& known, Time now) : known_(known), now_(now), covers_(known) {}

  std::vector<std::string> run(const Plan& plan);

 private:
  using Charge = audit::Charge;
  using Known = Auditor::Known;

  void say(const Preemption& p, const std::string& what) {
    violations_.push_back(p.task + ": " + what);
  }
  void read(const Preemption& p);
  void check_task(const Preemption& p, const Known& task);
  void check_victims(const Preemption& p, const Known& task);
  void check_shrink(const Preemption& p, const Resize& shrink, const Known& task);
  static std::set<std::size_t> given_by(const Resize& shrink, const Known& task);
  void give_up(const Resize& shrink);
  bool goes(const std::string& task, std::int64_t attempt, std::int64_t rank) const;
  std::string forbids(const Known& above, const Known& below) const;
  std::string still_protected(const Known& below) const;
  std::string forbids_turn(const Known& above, const Known& below) const;
  struct Gone {
    Charge all;
    Auditor::ByNode on;
  };
  // What queues had when a claim was made.
  struct Stand {
    std::map<std::string, Charge> used;
    GuaranteeCheck on_nodes;
  };
  Stand stand_at(const Known& claims) const;
  std::string forbids_claim(const Preemption& p, const Known& above, const Known& below,
                            const Gone& gone, const Stand& stand) const;
  // Who stops, or gives up these ranks; `known` is null for who does not exist.
  struct Leaver {
    const std::string* task = nullptr;
    const Known* known = nullptr;
    const Resize* shrink = nullptr;
    std::set<std::size_t> ranks;
  };
  std::vector<Leaver> leavers_of(const Preemption& p) const;
  static void leave(const Leaver& leaver, Gone& gone);
  std::vector<Leaver> as_claimed(const Preemption& p, const Known& claims,
                                 std::vector<Leaver> leavers, const Stand& stand) const;
  std::string covered(const Preemption& p, const Known& above, const Known& below,
                      const std::set<std::size_t>* ranks);
  Charge used_by(const std::string& queue) const;
  void check_quota(const Preemption& p, const Known& task, const Queue& queue);
  bool check_ranks(const Preemption& p, const Known& task, const Queue& queue);
  void check_zones(const Preemption& p, const Known& task, const Queue& queue);
  void check_room(const Preemption& p, const Known& task);
  void count(const std::vector<std::string>& nodes, const Task& task);
  void take(const Placement& where, const std::vector<PodGroup>& groups);
  void take_holds();
  audit::NodeUse stays(const std::string& node) const;
  int tier(const Task& task) const { return std::get<0>(known_.seat(task)); }

  const Auditor& known_;
  const Time now_;
  std::set<std::string> starting_, done_;
  std::set<std::string> leaving_;                       // asked to stop before, or by this plan
  std::map<std::string, std::set<std::size_t>> gives_;  // ranks that elastic gangs give up
  // By node: starts, holds, and what was preempted for.
  std::map<std::string, audit::NodeUse> taken_;
  // By queue: what starts, and then what was preempted for, beside what runs.
  std::map<std::string, Auditor::Usage> more_;
  std::map<std::string, Auditor::ByNode> more_on_;                                 // on each node
  Auditor::ByTenant given_;                                                        // by starts
  std::vector<std::pair<std::vector<std::string>, const Task*>> started_, asked_;  // so far
  CoverCheck covers_;
  std::vector<std::string> violations_;
};

std::vector<std::string> PreemptionCheck::run(const Plan& plan) {
  if (plan.preemptions.empty()) return {};
  for (const auto& [uid, task] : known_.tasks_) {
    if (!task.evicted_by.empty()) leaving_.insert(uid);
  }
  for (const Start& start : plan.starts) {
    starting_.insert(start.task);
    auto task = known_.tasks_.find(start.task);
    if (task == known_.tasks_.end()) continue;
    started_.emplace_back(start.placement.nodes, &task->second.task);
    Task started = task->second.task;
    const auto groups = audit::groups_for(started, start.placement.nodes.size());
    if (groups) started.groups = *groups;
    take(start.placement, started.groups);
    count(start.placement.nodes, started);
    Charge& given = given_[{started.queue, started.tenant}];
    for (const auto& [name, value] : Auditor::shares_of(started, started.groups)) {
      given[name] += value;
    }
  }
  // A task that has a hold and is in the plan gives that hold up for what the plan says.
  for (const Preemption& p : plan.preemptions) done_.insert(p.task);
  take_holds();
  done_.clear();
  for (const Preemption& p : plan.preemptions) read(p);
  return std::move(violations_);
}

void PreemptionCheck::read(const Preemption& p) {
  auto task = known_.tasks_.find(p.task);
  if (task == known_.tasks_.end()) return say(p, "preempts, but there is no such task");
  if (!done_.insert(p.task).second) return say(p, "preempts twice");
  auto queue = known_.queues_.find(task->second.task.queue);
  if (queue == known_.queues_.end()) return say(p, "preempts, but its queue does not exist");
  check_task(p, task->second);
  check_victims(p, task->second);
  for (const std::string& victim : p.victims) leaving_.insert(victim);
  for (const Resize& shrink : p.shrinks) give_up(shrink);
  if (!check_ranks(p, task->second, queue->second)) return;
  check_zones(p, task->second, queue->second);
  check_room(p, task->second);
  asked_.emplace_back(p.placement.nodes, &task->second.task);
  count(p.placement.nodes, task->second.task);
  check_quota(p, task->second, queue->second);
}

void PreemptionCheck::check_task(const Preemption& p, const Known& task) {
  const Time until = std::max(task.task.not_before, task.rejected_until);
  if (starting_.contains(p.task)) say(p, "preempts, and starts in the same plan");
  if (task.phase != Auditor::Phase::kWaits) say(p, "preempts, but does not wait");
  if (task.task.held) say(p, "preempts, but is held");
  if (until.ns > 0 && until > now_) say(p, "preempts, but is in back-off");
  if (p.attempt != task.task.attempt) say(p, "preempts for an attempt that is not the task's");
}

// --- the promise

void PreemptionCheck::check_victims(const Preemption& p, const Known& task) {
  std::optional<Stand> stand;
  if (p.kind == PreemptionKind::kReclaim) stand.emplace(stand_at(task));
  const Gone* left = nullptr;  // of the queue of the one that is read
  const auto why_not = [&](const Known& victim, const std::set<std::size_t>* ranks) {
    if (p.kind == PreemptionKind::kResolution) {
      return known_.forbids_wish(task, victim, now_, given_);
    }
    const std::string by_tier = forbids(task, victim);
    if (by_tier.empty()) return by_tier;
    if (p.kind == PreemptionKind::kRotation) return forbids_turn(task, victim);
    if (p.kind != PreemptionKind::kReclaim) return by_tier;
    const std::string why = forbids_claim(p, task, victim, *left, *stand);
    return why.empty() ? covered(p, task, victim, ranks) : why;
  };
  const auto check = [&](const Leaver& leaver) {
    const std::string& uid = *leaver.task;
    const Known* const victim = leaver.known;
    if (victim == nullptr) return say(p, "preempts " + uid + ", which does not exist");
    if (victim->phase != Auditor::Phase::kHolds) {
      say(p, "preempts " + uid + ", which does not run");
    } else if (leaving_.contains(uid) || gives_.contains(uid)) {
      say(p, "preempts " + uid + ", which was asked to stop already");
    } else {
      const std::string why = why_not(*victim, leaver.shrink != nullptr ? &leaver.ranks : nullptr);
      if (!why.empty()) say(p, "preempts " + uid + ", which " + why);
    }
    if (leaver.shrink != nullptr) check_shrink(p, *leaver.shrink, *victim);
  };
  std::vector<Leaver> leavers = leavers_of(p);
  if (stand) leavers = as_claimed(p, task, std::move(leavers), *stand);
  std::map<std::string, Gone> gone;  // by queue, of those read so far
  std::set<std::string> named;
  for (const Leaver& leaver : leavers) {
    if (leaver.known != nullptr) left = &gone[leaver.known->task.queue];
    check(leaver);
    if (leaver.known != nullptr) leave(leaver, gone[leaver.known->task.queue]);
    if (!named.insert(*leaver.task).second) say(p, "names " + *leaver.task + " twice");
  }
}

std::vector<PreemptionCheck::Leaver> PreemptionCheck::leavers_of(const Preemption& p) const {
  std::vector<Leaver> out;
  const auto find = [this](const std::string& uid) {
    const auto known = known_.tasks_.find(uid);
    return known == known_.tasks_.end() ? nullptr : &known->second;
  };
  for (const std::string& uid : p.victims) out.push_back({&uid, find(uid), nullptr, {}});
  for (const Resize& shrink : p.shrinks) {
    const Known* const known = find(shrink.task);
    out.push_back({&shrink.task, known, &shrink, {}});
    if (known != nullptr) out.back().ranks = given_by(shrink, *known);
  }
  return out;
}

void PreemptionCheck::leave(const Leaver& leaver, Gone& gone) {
  const Known& task = *leaver.known;
  for (std::size_t rank = 0; rank < task.placement.nodes.size(); ++rank) {
    if (leaver.shrink != nullptr && !leaver.ranks.contains(rank)) continue;
    const PodGroup& group = *Auditor::group_of(task.groups, rank);
    audit::charge(gone.all, group, 1);
    audit::charge(gone.on[task.placement.nodes[rank]], group, 1);
  }
}

// Each has to borrow still when those before it have gone, and a plan does not tell who those are:
// it names whom it stops, and whom it makes smaller. So it is asked whether there is such an order.
// The more have gone, the less is owed: who still owes something when all the others have gone may
// as well be the last.
std::vector<PreemptionCheck::Leaver> PreemptionCheck::as_claimed(const Preemption& p,
                                                                 const Known& claims,
                                                                 std::vector<Leaver> leavers,
                                                                 const Stand& stand) const {
  const auto owes = [&](const Leaver& leaver) {
    if (leaver.known == nullptr) return true;  // that is said, whenever
    Gone gone;
    for (const Leaver& other : leavers) {
      const bool before = &other != &leaver && other.known != nullptr &&
                          other.known->task.queue == leaver.known->task.queue;
      if (before) leave(other, gone);
    }
    return forbids_claim(p, claims, *leaver.known, gone, stand).empty();
  };
  std::vector<Leaver> last;
  while (true) {
    const auto found = std::find_if(leavers.begin(), leavers.end(), owes);
    if (found == leavers.end()) break;
    last.push_back(std::move(*found));
    leavers.erase(found);
  }
  leavers.insert(leavers.end(), last.rbegin(), last.rend());
  return leavers;
}

void PreemptionCheck::check_shrink(const Preemption& p, const Resize& shrink, const Known& task) {
  const auto wrong = [&](const std::string& what) {
    say(p, "makes " + shrink.task + " smaller, which " + what);
  };
  if (p.kind == PreemptionKind::kRotation) return wrong("has its turn as a whole");
  if (shrink.attempt != task.attempt) return wrong("has another attempt by now");
  const auto& keeps = shrink.placement.nodes;
  if (keeps.size() >= task.placement.nodes.size()) return wrong("gives up nothing");
  if (!audit::groups_for(task.task, keeps.size())) return wrong("needs more Pods than it keeps");
  if (given_by(shrink, task).size() + keeps.size() != task.placement.nodes.size()) {
    return wrong("would run where it does not");
  }
}

// The ranks that an elastic gang gives up: of each node those of the highest number. Its Pods are
// alike.
std::set<std::size_t> PreemptionCheck::given_by(const Resize& shrink, const Known& task) {
  std::map<std::string, std::int64_t> left;
  std::set<std::size_t> given;
  for (const std::string& node : shrink.placement.nodes) ++left[node];
  for (std::size_t rank = 0; rank < task.placement.nodes.size(); ++rank) {
    if (--left[task.placement.nodes[rank]] < 0) given.insert(rank);
  }
  return given;
}

void PreemptionCheck::give_up(const Resize& shrink) {
  const auto known = known_.tasks_.find(shrink.task);
  if (known == known_.tasks_.end()) return;
  gives_[shrink.task].merge(given_by(shrink, known->second));
}

// Whether a Pod, or the room that waits for it, is there no more when all have gone.
bool PreemptionCheck::goes(const std::string& task, std::int64_t attempt, std::int64_t rank) const {
  if (leaving_.contains(task)) return true;
  const auto known = known_.tasks_.find(task);
  if (known == known_.tasks_.end() || known->second.phase != Auditor::Phase::kHolds) return false;
  if (attempt < known->second.attempt) return true;
  const auto gives = gives_.find(task);
  return gives != gives_.end() && attempt == known->second.attempt && rank >= 0 &&
         gives->second.contains(static_cast<std::size_t>(rank));
}

// Why one may not have the other's room; "" when it may. Written from the table of tiers.
std::string PreemptionCheck::forbids(const Known& above, const Known& below) const {
  constexpr int kHigh = 0, kMedium = 1, kLow = 2;
  const int asks = tier(above.task), yields = tier(below.task);
  if (below.task.unevictable) return "nobody can ask to stop";
  if (asks == kLow) return "yields to no Low task";
  if (yields == kLow) return "";
  if (asks == kMedium) return "yields to no Medium task";
  if (yields == kHigh && !below.task.preemptible) return "is High";
  if (yields == kHigh || below.task.preemptible) {
    const std::string rests = still_protected(below);
    return rests == "was preempted a moment ago" ? rests : "";
  }
  return still_protected(below);
}

// What a tier promises to a Medium task, whoever asks.
std::string PreemptionCheck::still_protected(const Known& below) const {
  auto queue = known_.queues_.find(below.task.queue);
  const std::int64_t cooldown = queue == known_.queues_.end() ? 0 : queue->second.cooldown_ns;
  const __int128 since = __int128{now_.ns} - below.task.last_preempted.ns;
  if (below.task.last_preempted.ns > 0 && since < cooldown) return "was preempted a moment ago";
  if (!below.runs) return "is starting";
  if (below.task.guarantee_until.ns <= 0) return "has a guarantee without an end";
  if (now_ < below.task.guarantee_until) return "is within its guarantee";
  return "";
}

// Turns are taken by peers of one queue, each for a quantum.
std::string PreemptionCheck::forbids_turn(const Known& above, const Known& below) const {
  constexpr int kHigh = 0, kMedium = 1;
  const int asks = tier(above.task), yields = tier(below.task);
  if (below.task.unevictable) return "nobody can ask to stop";
  if (above.task.queue != below.task.queue) return "is no peer of its queue";
  const auto queue = known_.queues_.find(below.task.queue);
  if (queue == known_.queues_.end() || !audit::takes_turns(queue->second)) return "takes no turns";
  if (asks > yields) return "stands in a tier above";
  if (yields == kHigh) return "is High";
  if (!below.runs) return "is starting";
  if (__int128{now_.ns} - below.since.ns < queue->second.quantum_ns) return "has its turn";
  return yields == kMedium ? still_protected(below) : "";
}

// What a queue is guaranteed comes back from those who have more than they are guaranteed.
std::string PreemptionCheck::forbids_claim(const Preemption& p, const Known& above,
                                           const Known& below, const Gone& gone,
                                           const Stand& stand) const {
  constexpr int kHigh = 0, kMedium = 1;
  const int asks = tier(above.task), yields = tier(below.task);
  if (below.task.unevictable) return "nobody can ask to stop";
  if (above.task.queue == below.task.queue) return "is of its own queue";
  if (asks > yields) return "stands in a tier above";
  if (yields == kHigh) return "is High";
  if (yields == kMedium) {
    if (const std::string why = still_protected(below); !why.empty()) return why;
  }
  if (stand.on_nodes.concerns()) {
    return stand.on_nodes.forbids_claim(above, p.placement.nodes, below, gone.on);
  }
  const auto promised = [&](const std::string& name) {
    const auto queue = known_.queues_.find(name);
    const bool some = queue != known_.queues_.end() && queue->second.has_guaranteed;
    return some ? audit::limits(queue->second.guaranteed) : Charge{};
  };
  Charge asked, owned = promised(above.task.queue), lent = promised(below.task.queue);
  for (const PodGroup& group : above.task.groups) {
    audit::charge(asked, group, std::max<std::int64_t>(0, group.count));
  }
  const auto used = [&](const std::string& queue) {
    const auto at = stand.used.find(queue);
    return at == stand.used.end() ? Charge{} : at->second;
  };
  Charge own = used(above.task.queue), other = used(below.task.queue);
  bool borrows = false;
  for (const auto& [name, value] : owned) {
    if (asked[name] == 0) continue;
    if (own[name] + asked[name] > value) return "is asked for more than is guaranteed";
    const auto left = gone.all.find(name);
    borrows = borrows || other[name] - (left == gone.all.end() ? 0 : left->second) > lent[name];
  }
  return borrows ? "" : "has nothing that is guaranteed to the queue";
}

// Beside what its queue uses when it asks: who starts in the same plan may start after that.
std::string PreemptionCheck::covered(const Preemption& p, const Known& above, const Known& below,
                                     const std::set<std::size_t>* ranks) {
  const auto used = known_.used_on_.find(above.task.queue);
  static const Auditor::ByNode kNothing;
  return covers_.forbids(above, p.placement.nodes,
                         used == known_.used_on_.end() ? kNothing : used->second, below, ranks);
}

// What starts behind the claim in its own line takes nothing from it; nor does what a gang that
// starts has beyond its minimum, since that comes last.
PreemptionCheck::Stand PreemptionCheck::stand_at(const Known& claims) const {
  Stand stand{{}, GuaranteeCheck(known_)};
  for (const auto& [queue, usage] : known_.usage_) stand.used[queue] = usage.amount;
  const auto add = [&](const std::vector<std::string>& nodes, const Task& task) {
    Placement least;
    for (std::size_t rank = 0; rank < nodes.size(); ++rank) {
      const PodGroup* group = Auditor::group_of(task.groups, rank);
      if (group == nullptr) break;
      least.nodes.push_back(nodes[rank]);
      audit::charge(stand.used[task.queue], *group, 1);
    }
    stand.on_nodes.add(least, task);
  };
  for (const auto& [nodes, task] : started_) {
    const bool behind =
        task->queue == claims.task.queue && known_.seat(claims.task) < known_.seat(*task);
    if (!behind) add(nodes, *task);
  }
  for (const auto& [nodes, task] : asked_) add(nodes, *task);
  return stand;
}

PreemptionCheck::Charge PreemptionCheck::used_by(const std::string& queue) const {
  Charge used;
  if (auto at = known_.usage_.find(queue); at != known_.usage_.end()) used = at->second.amount;
  if (auto at = more_.find(queue); at != more_.end()) {
    for (const auto& [name, value] : at->second.amount) used[name] += value;
  }
  return used;
}

// --- what its queue may run

void PreemptionCheck::count(const std::vector<std::string>& nodes, const Task& task) {
  Auditor::Usage& more = more_[task.queue];
  ++more.tasks;
  for (std::size_t rank = 0; rank < nodes.size(); ++rank) {
    const PodGroup* group = Auditor::group_of(task.groups, rank);
    if (group == nullptr) return;
    audit::charge(more.amount, *group, 1);
    audit::charge(more_on_[task.queue][nodes[rank]], *group, 1);
  }
}

// Read when it is counted: what runs, but for those who were asked to stop, and what the plan adds.
void PreemptionCheck::check_quota(const Preemption& p, const Known& task, const Queue& queue) {
  Charge used = used_by(queue.name), own;
  Auditor::ByNode used_on = more_on_[queue.name], own_on;
  if (auto at = known_.used_on_.find(queue.name); at != known_.used_on_.end()) {
    for (const auto& [node, amount] : at->second) {
      for (const auto& [name, value] : amount) used_on[node][name] += value;
    }
  }
  for (const std::string& uid : leaving_) {
    const auto gone = known_.tasks_.find(uid);
    if (gone == known_.tasks_.end() || gone->second.task.queue != queue.name) continue;
    const std::vector<std::string>& nodes = gone->second.placement.nodes;
    for (std::size_t rank = 0; rank < nodes.size(); ++rank) {
      const PodGroup& group = *Auditor::group_of(gone->second.groups, rank);
      audit::charge(used_on[nodes[rank]], group, 1, -1);
      audit::charge(used, group, 1, -1);
    }
  }
  for (std::size_t rank = 0; rank < p.placement.nodes.size(); ++rank) {
    const PodGroup& group = *Auditor::group_of(task.task.groups, rank);
    audit::charge(own, group, 1);
    audit::charge(own_on[p.placement.nodes[rank]], group, 1);
  }
  const auto check = [&](const Resources& maximum, Charge& asked, Charge& sum,
                         const std::string& where) {
    for (const auto& [name, most] : audit::limits(maximum)) {
      if (asked[name] == 0 || sum[name] <= most) continue;
      say(p, "preempts for more " + name + where + " than its queue's maximum");
    }
  };
  if (queue.has_maximum) check(queue.maximum, own, used, "");
  for (const Quota& quota : queue.quotas) {
    if (!quota.has_maximum) continue;
    Charge asked = known_.counted(quota, own_on), sum = known_.counted(quota, used_on);
    check(quota.maximum, asked, sum, audit::of_nodes(quota));
  }
}

// --- the proof

bool PreemptionCheck::check_ranks(const Preemption& p, const Known& task, const Queue& queue) {
  std::int64_t pods = 0;
  for (const PodGroup& group : task.task.groups) {
    pods += std::clamp<std::int64_t>(group.count, 0, kGangMax + 1);
  }
  const std::vector<std::string>& nodes = p.placement.nodes;
  if (pods == 0 || pods > kGangMax || nodes.size() != static_cast<std::size_t>(pods)) {
    say(p, "preempts without a node for each Pod");
    return false;
  }
  bool known = true;
  for (std::size_t rank = 0; rank < nodes.size(); ++rank) {
    auto node = known_.nodes_.find(nodes[rank]);
    if (node == known_.nodes_.end()) {
      say(p, "preempts for node " + nodes[rank] + ", which does not exist");
      known = false;
      continue;
    }
    std::string why = audit::refuses(node->second, task.task, queue);
    if (!node->second.ready) why = "is not ready";
    if (node->second.unschedulable) why = "is cordoned";
    const PodGroup* group = Auditor::group_of(task.task.groups, rank);
    if (!group->zone.empty() && node->second.zone != group->zone) why = "is not in " + group->zone;
    const std::int64_t device = audit::device_at(p.placement, rank);
    if (audit::asked(*group).milli > 0) {
      if (!node->second.gpu_sharing) why = "shares no devices";
      if (device < 0 || device >= kDeviceNumbers) why = "is not told which device to share";
    } else if (device >= 0) {
      why = "is told to share a device that nobody asks for";
    }
    if (!why.empty()) say(p, "preempts for node " + nodes[rank] + ", which " + why);
  }
  return known;
}

void PreemptionCheck::check_zones(const Preemption& p, const Known& task, const Queue& queue) {
  std::map<std::string, std::int64_t> per_zone;
  for (const std::string& node : p.placement.nodes) ++per_zone[known_.nodes_.at(node).zone];
  std::map<std::string, std::map<std::string, std::int64_t>> votes;
  std::set<std::string> eligible;
  for (const auto& [name, node] : known_.nodes_) {
    ++votes[node.zone][node.region];
    if (!audit::refuses(node, task.task, queue).empty()) continue;
    if (audit::fits_empty(node, task.task.groups[0]) > 0) eligible.insert(node.zone);
  }
  audit::Geography geography{known_.config_, {}};
  for (const auto& [zone, regions] : votes) {
    std::int64_t most = 0;
    for (const auto& [region, count] : regions) {
      if (count > most) geography.region_of[zone] = region;
      most = std::max(most, count);
    }
  }
  const std::string wrong = audit::zones_wrong(task.task, per_zone, eligible, geography);
  if (!wrong.empty()) say(p, "preempts for a placement that " + wrong);
  std::vector<const Node*> ranks;
  for (const std::string& node : p.placement.nodes) ranks.push_back(&known_.nodes_.at(node));
  const std::string below = audit::topology_wrong(task.task, known_.config_.topology, ranks, true);
  if (!below.empty()) say(p, "preempts for a placement that " + below);
}

void PreemptionCheck::take(const Placement& where, const std::vector<PodGroup>& groups) {
  for (std::size_t rank = 0; rank < where.nodes.size(); ++rank) {
    const PodGroup* group = Auditor::group_of(groups, rank);
    if (group == nullptr) return;
    taken_[where.nodes[rank]].add(audit::asked(*group), audit::device_at(where, rank));
  }
}

// Of those that are not in the plan. A hold that names too few or too many nodes is none, nor is
// one of a task that even the empty cluster could not hold any more.
void PreemptionCheck::take_holds() {
  static const Queue kNoRules;
  for (const auto& [uid, task] : known_.tasks_) {
    const bool lasts = !task.hold.nodes.empty() && task.hold_until > now_;
    if (!lasts || done_.contains(uid) || starting_.contains(uid)) continue;
    const auto queue = known_.queues_.find(task.task.queue);
    const Queue& rules = queue == known_.queues_.end() ? kNoRules : queue->second;
    if (!known_.cluster_could_hold(task, rules) || known_.lacks_together(task, rules)) continue;
    __int128 pods = 0;
    for (const PodGroup& group : task.task.groups) pods += std::max<std::int64_t>(0, group.count);
    if (pods == static_cast<__int128>(task.hold.nodes.size())) take(task.hold, task.task.groups);
  }
}

// What is on a node when all who were asked to stop have gone.
audit::NodeUse PreemptionCheck::stays(const std::string& node) const {
  audit::NodeUse used;
  if (auto pods = known_.pods_on_.find(node); pods != known_.pods_on_.end()) {
    for (const std::string& uid : pods->second) {
      const PodUpsert& pod = known_.pods_.at(uid);
      if (!goes(pod.task, pod.attempt, pod.rank)) used.add(audit::asked(pod), pod.device);
    }
  }
  auto holders = known_.holders_on_.find(node);
  if (holders == known_.holders_on_.end()) return used;
  for (const std::string& uid : holders->second) {
    if (leaving_.contains(uid)) continue;
    const Known& task = known_.tasks_.at(uid);
    for (std::size_t rank = 0; rank < task.placement.nodes.size(); ++rank) {
      if (task.placement.nodes[rank] != node || task.seen.contains(rank)) continue;
      if (goes(uid, task.attempt, static_cast<std::int64_t>(rank))) continue;
      used.add(audit::asked(*Auditor::group_of(task.groups, rank)),
               audit::device_at(task.placement, rank));
    }
  }
  return used;
}

void PreemptionCheck::check_room(const Preemption& p, const Known& task) {
  std::map<std::string, audit::NodeUse> own;
  for (std::size_t rank = 0; rank < p.placement.nodes.size(); ++rank) {
    own[p.placement.nodes[rank]].add(audit::asked(*Auditor::group_of(task.task.groups, rank)),
                                     audit::device_at(p.placement, rank));
  }
  take(p.placement, task.task.groups);
  for (const auto& [node, asks] : own) {
    audit::NodeUse used = stays(node);
    used.add(taken_[node]);
    std::map<std::string, std::int64_t> has = Auditor::amounts(known_.nodes_.at(node).allocatable);
    for (const std::string& name : asks.resources()) {
      if (used.taken(name) <= has[name]) continue;
      say(p, "preempts for node " + node + ", which has " + std::to_string(has[name]) + " of " +
                 name + " and would need " + std::to_string(used.taken(name)));
    }
    for (const auto& [name, devices] : asks.shared) {
      for (const auto& [device, milli] : devices) {
        const std::int64_t sum = used.shared[name][device];
        if (sum <= 1000) continue;
        say(p, "preempts for device " + std::to_string(device) + " of node " + node +
                   ", which would be shared by " + std::to_string(sum) + " thousandths");
      }
    }
  }
}

std::vector<std::string> Auditor::check_preemptions(const Plan& plan, Time now) const {
  return PreemptionCheck(*this, now).run(plan);
}

// --- what is remembered

void Auditor::on(const Evict& d) {
  auto known = tasks_.find(d.task);
  if (known == tasks_.end() || known->second.phase != Phase::kHolds) return;
  known->second.evicted_by = d.by;
}

void Auditor::on(const Hold& d) {
  auto known = tasks_.find(d.task);
  if (known == tasks_.end() || known->second.phase != Phase::kWaits) return;
  if (known->second.task.held && !d.placement.nodes.empty()) return;
  known->second.hold = d.placement;
  known->second.hold_until = d.until;
  if (!d.placement.nodes.empty()) wishes_.erase(d.task);
}

}  // namespace sched
