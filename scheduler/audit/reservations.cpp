// Auditor: what a forecast says of reservations, against when what runs is expected to end.
//
// The estimator is written down here once more, from the specification: what a task stated, counted
// from when it began; past that, the median of those past runs of its queue, kind and tenant that
// lasted longer than it had when its last estimate was over, among those that were over by then;
// where they are fewer than four, as long again as it had lasted.
//
// What the holder of a reservation may have by its tier counts as ended when it begins. It needs
// more than room: its queue has to be allowed what it runs then.
#include <algorithm>
#include <functional>

#include "scheduler/audit/audit.hpp"
#include "scheduler/audit/guarantee_check.hpp"
#include "scheduler/audit/rules.hpp"
#include "scheduler/limits.hpp"

namespace sched {
namespace {

using audit::kLongest, audit::kNever, audit::stated_end;

// The newest first.
std::int64_t how_long(const std::vector<PastRuns::Run>& runs, std::int64_t at,
                      std::int64_t lasted) {
  constexpr int kLooked = 256;
  constexpr std::size_t kJudged = 16, kFewest = 4;
  std::vector<std::int64_t> longer;
  int looked = 0;
  for (const PastRuns::Run& run : runs) {
    if (run.ended.ns > at) continue;
    if (looked++ == kLooked || longer.size() == kJudged) break;
    if (run.ran_ns > lasted) longer.push_back(run.ran_ns);
  }
  if (longer.size() < kFewest) return 2 * lasted;
  std::sort(longer.begin(), longer.end());
  return longer[longer.size() / 2];
}

}  // namespace

class ReservationCheck {
 public:
  ReservationCheck(const Auditor& known, const Plan& plan, Time now)
      : known_(known), plan_(plan), now_(now) {}
  std::vector<std::string> run();

 private:
  using Known = Auditor::Known;

  void check(const Reservation& reservation);
  void check_room(const Reservation& reservation, const std::string& node);
  void check_leave(const Reservation& reservation, const Queue& queue);
  void check_guaranteed(const Reservation& reservation, const Queue& queue);
  bool stands_by(const Reservation& other, const Reservation& reservation) const;
  void count(const Task& task, const Placement& where, std::size_t ranks);
  bool gone(const Known& task, std::int64_t at, const std::string* node,
            const Known* holder = nullptr) const;
  std::int64_t end_of(const Known& task) const { return known_.end_of(task, now_); }
  bool gone_pod(const PodUpsert& pod, std::int64_t at, const std::string& node,
                const Known* holder) const;
  void add_ranks(const std::string& node, const Task& task, const Placement& where);
  void add_running(const std::string& node, std::int64_t at, const Known* own = nullptr);
  bool add_starts(const std::string& node, std::int64_t at);

  const Auditor& known_;
  const Plan& plan_;
  const Time now_;
  audit::NodeUse used_;  // of one node at one time, as it is added up
  // The same of a queue: tasks, what they ask for, and on which nodes.
  std::int64_t tasks_ = 0;
  audit::Charge amount_;
  Auditor::ByNode amount_on_;
  std::vector<std::string> violations_;
};

std::vector<std::string> ReservationCheck::run() {
  for (const Reservation& reservation : plan_.reservations) check(reservation);
  return std::move(violations_);
}

void ReservationCheck::check(const Reservation& reservation) {
  const auto say = [&](const std::string& what) {
    violations_.push_back(reservation.task + ": its reservation " + what);
  };
  const auto known = known_.tasks_.find(reservation.task);
  if (known == known_.tasks_.end() || known->second.phase != Auditor::Phase::kWaits) {
    return say("is for a task that does not wait");
  }
  const Task& task = known->second.task;
  const auto queue = known_.queues_.find(task.queue);
  if (queue == known_.queues_.end()) return say("is of no queue");
  if (reservation.at < now_) say("begins in the past");
  std::int64_t pods = 0;
  for (const PodGroup& group : task.groups) pods += std::max<std::int64_t>(group.count, 0);
  if (reservation.placement.nodes.size() != static_cast<std::size_t>(pods)) {
    return say("is not for the whole gang");
  }
  const std::set<std::string> nodes(reservation.placement.nodes.begin(),
                                    reservation.placement.nodes.end());
  for (const std::string& name : nodes) {
    const auto node = known_.nodes_.find(name);
    if (node == known_.nodes_.end()) {
      say("names " + name + ", which does not exist");
      continue;
    }
    const std::string why = audit::refuses(node->second, task, queue->second);
    if (!why.empty()) say("names " + name + ", which " + why);
    check_room(reservation, name);
  }
  if (violations_.empty()) check_leave(reservation, queue->second);
  if (violations_.empty()) check_guaranteed(reservation, queue->second);
}

// By itself, or since somebody whose reservation has begun (on that node) may have it stop; or this
// holder, wherever it is.
bool ReservationCheck::gone(const Known& task, std::int64_t at, const std::string* node,
                            const Known* holder) const {
  if (end_of(task) <= at || (holder != nullptr && known_.yields_by(*holder, task, at))) return true;
  return std::any_of(plan_.reservations.begin(), plan_.reservations.end(), [&](const auto& other) {
    const std::vector<std::string>& nodes = other.placement.nodes;
    const bool here =
        node == nullptr || std::find(nodes.begin(), nodes.end(), *node) != nodes.end();
    const auto holder = known_.tasks_.find(other.task);
    return here && other.at.ns <= at && holder != known_.tasks_.end() &&
           known_.yields_by(holder->second, task, at);
  });
}

void ReservationCheck::count(const Task& task, const Placement& where, std::size_t ranks) {
  const auto groups = audit::groups_for(task, ranks);
  ++tasks_;
  for (std::size_t rank = 0; groups && rank < ranks; ++rank) {
    const PodGroup* const group = Auditor::group_of(*groups, rank);
    if (group == nullptr) return;
    audit::charge(amount_, *group, 1);
    audit::charge(amount_on_[where.nodes[rank]], *group, 1);
  }
}

// What its queue runs when it begins, itself included, beside what it may.
void ReservationCheck::check_leave(const Reservation& reservation, const Queue& queue) {
  const std::int64_t at = reservation.at.ns;
  tasks_ = 0;
  amount_.clear();
  amount_on_.clear();
  for (const auto& [uid, task] : known_.tasks_) {
    if (task.phase != Auditor::Phase::kHolds || task.task.queue != queue.name) continue;
    if (!gone(task, at, nullptr)) count(task.task, task.placement, task.placement.nodes.size());
  }
  for (const Start& start : plan_.starts) {
    const Task& task = known_.tasks_.at(start.task).task;
    if (task.queue != queue.name) continue;
    if (queue.learned) return;  // it cannot be known how long it is expected to run
    if (stated_end(now_.ns, task.expected_duration_ns) <= at) continue;
    count(task, start.placement, start.placement.nodes.size());
  }
  for (const Reservation& other : plan_.reservations) {
    const auto known = known_.tasks_.find(other.task);
    if (known == known_.tasks_.end() || known->second.task.queue != queue.name) continue;
    const bool there =
        other.at.ns <= at && stated_end(other.at.ns, known->second.task.expected_duration_ns) > at;
    if (there) count(known->second.task, other.placement, other.placement.nodes.size());
  }
  audit::Charge own;
  Auditor::ByNode own_on;
  const Task& task = known_.tasks_.at(reservation.task).task;
  for (std::size_t rank = 0; rank < reservation.placement.nodes.size(); ++rank) {
    audit::charge(own, *Auditor::group_of(task.groups, rank), 1);
    audit::charge(own_on[reservation.placement.nodes[rank]], *Auditor::group_of(task.groups, rank),
                  1);
  }
  const auto check = [&](const Resources& maximum, audit::Charge& asked, audit::Charge& sum,
                         const std::string& where) {
    for (const auto& [name, most] : audit::limits(maximum)) {
      if (asked[name] == 0 || sum[name] <= most) continue;
      violations_.push_back(reservation.task + ": its reservation is for more " + name + where +
                            " than its queue's maximum");
    }
  };
  if (queue.max_running > 0 && tasks_ > queue.max_running) {
    violations_.push_back(reservation.task +
                          ": its reservation is for more tasks than its queue's");
  }
  if (queue.has_maximum) check(queue.maximum, own, amount_, "");
  for (const Quota& quota : queue.quotas) {
    if (!quota.has_maximum) continue;
    audit::Charge asked = known_.counted(quota, own_on), sum = known_.counted(quota, amount_on_);
    check(quota.maximum, asked, sum, audit::of_nodes(quota));
  }
}

// Whether another has begun, and is not over, when this one begins: of one moment those told
// before.
bool ReservationCheck::stands_by(const Reservation& other, const Reservation& reservation) const {
  const auto known = known_.tasks_.find(other.task);
  if (known == known_.tasks_.end() || &other == &reservation) return false;
  if (other.at > reservation.at || (other.at == reservation.at && &other > &reservation)) {
    return false;
  }
  return stated_end(other.at.ns, known->second.task.expected_duration_ns) > reservation.at.ns;
}

// What is guaranteed to others of some of the nodes is left to them when it begins. Who yields to
// it leaves room; that his own queue is guaranteed what he leaves is not counted, as room may lack.
void ReservationCheck::check_guaranteed(const Reservation& reservation, const Queue& queue) {
  GuaranteeCheck then(known_);
  if (!then.concerns()) return;
  const std::int64_t at = reservation.at.ns;
  const Known& own = known_.tasks_.at(reservation.task);
  bool unknown = false;
  then.look([&](const std::string& node) {
    used_ = {};
    add_running(node, at, &own);
    unknown = !add_starts(node, at) || unknown;
    for (const Reservation& other : plan_.reservations) {
      if (!stands_by(other, reservation)) continue;
      add_ranks(node, known_.tasks_.at(other.task).task, other.placement);
    }
    return used_;
  });
  if (unknown) return;
  for (const auto& [uid, task] : known_.tasks_) {
    if (task.phase != Auditor::Phase::kHolds) continue;
    const bool yields = task.task.queue == queue.name && known_.yields_by(own, task, at);
    if (end_of(task) <= at || yields) then.count(task.placement, task.task, -1);
  }
  for (const Start& start : plan_.starts) {
    const Task& task = known_.tasks_.at(start.task).task;
    if (stated_end(now_.ns, task.expected_duration_ns) > at) then.count(start.placement, task, 1);
  }
  for (const Reservation& other : plan_.reservations) {
    if (!stands_by(other, reservation)) continue;
    then.count(other.placement, known_.tasks_.at(other.task).task, 1);
  }
  const std::string wrong =
      then.wrong({reservation.task, own.attempt, reservation.placement}, own, queue);
  if (!wrong.empty()) violations_.push_back(reservation.task + ": its reservation " + wrong);
}

// When it begins: beside what runs on then, what the plan starts and runs on, and what others have
// reserved for then.
void ReservationCheck::check_room(const Reservation& reservation, const std::string& node) {
  const std::int64_t at = reservation.at.ns;
  used_ = {};
  add_running(node, at);
  if (!add_starts(node, at)) return;
  for (const Reservation& other : plan_.reservations) {
    const auto known = known_.tasks_.find(other.task);
    if (known == known_.tasks_.end() || other.at.ns > at) continue;
    const Task& task = known->second.task;
    if (stated_end(other.at.ns, task.expected_duration_ns) <= at) continue;
    add_ranks(node, task, other.placement);
  }
  const Task& own = known_.tasks_.at(reservation.task).task;
  std::set<std::string> asked;  // there: others may have overdrawn what it does not ask for
  for (std::size_t rank = 0; rank < reservation.placement.nodes.size(); ++rank) {
    if (reservation.placement.nodes[rank] != node) continue;
    for (const auto& [name, amount] : audit::asked(*Auditor::group_of(own.groups, rank)).whole) {
      if (amount > 0) asked.insert(name);
    }
  }
  auto has = audit::amounts(known_.nodes_.at(node).allocatable);
  for (const std::string& name : asked) {
    if (used_.taken(name) <= has[name]) continue;
    violations_.push_back(reservation.task + ": its reservation counts on " + node +
                          ", which has " + std::to_string(has[name]) + " of " + name + ", and " +
                          std::to_string(used_.taken(name)) + " would be in use");
  }
}

// Pods of nobody who holds a place stay for ever.
bool ReservationCheck::gone_pod(const PodUpsert& pod, std::int64_t at, const std::string& node,
                                const Known* holder) const {
  const auto task = known_.tasks_.find(pod.task);
  const bool held = task != known_.tasks_.end() && task->second.phase == Auditor::Phase::kHolds;
  return held && gone(task->second, at, &node, holder);
}

void ReservationCheck::add_running(const std::string& node, std::int64_t at, const Known* own) {
  if (auto pods = known_.pods_on_.find(node); pods != known_.pods_on_.end()) {
    for (const std::string& uid : pods->second) {
      const PodUpsert& pod = known_.pods_.at(uid);
      if (!gone_pod(pod, at, node, own)) used_.add(audit::asked(pod), pod.device);
    }
  }
  const auto holders = known_.holders_on_.find(node);
  if (holders == known_.holders_on_.end()) return;
  for (const std::string& uid : holders->second) {
    const Known& task = known_.tasks_.at(uid);
    if (gone(task, at, &node, own)) continue;
    for (std::size_t rank = 0; rank < task.placement.nodes.size(); ++rank) {
      if (task.placement.nodes[rank] != node || task.seen.contains(rank)) continue;
      used_.add(audit::asked(*Auditor::group_of(task.groups, rank)),
                audit::device_at(task.placement, rank));
    }
  }
}

// False when it cannot be known how long one of them is expected to run: its queue learns.
bool ReservationCheck::add_starts(const std::string& node, std::int64_t at) {
  for (const Start& start : plan_.starts) {
    const auto& nodes = start.placement.nodes;
    const auto known = known_.tasks_.find(start.task);
    const bool here = std::find(nodes.begin(), nodes.end(), node) != nodes.end();
    if (known == known_.tasks_.end() || !here) continue;
    const Task& task = known->second.task;
    const auto queue = known_.queues_.find(task.queue);
    if (queue != known_.queues_.end() && queue->second.learned) return false;
    if (stated_end(now_.ns, task.expected_duration_ns) > at) add_ranks(node, task, start.placement);
  }
  return true;
}

void ReservationCheck::add_ranks(const std::string& node, const Task& task,
                                 const Placement& where) {
  for (std::size_t rank = 0; rank < where.nodes.size(); ++rank) {
    if (where.nodes[rank] != node) continue;
    const PodGroup* const group = Auditor::group_of(task.groups, rank);
    if (group != nullptr) used_.add(audit::asked(*group), audit::device_at(where, rank));
  }
}

std::vector<std::string> Auditor::check_reservations(const Plan& plan, Time now) const {
  return ReservationCheck(*this, plan, now).run();
}

// Low yields at once, Medium to High when its guarantee and its rest are over, or from its start if
// it said so; High only if it said so, to one that stands before it.
bool Auditor::yields_by(const Known& above, const Known& below, std::int64_t at) const {
  constexpr int kHigh = 0, kMedium = 1, kLow = 2;
  if (above.phase != Phase::kWaits || below.phase != Phase::kHolds) return false;
  if (below.task.unevictable || !below.evicted_by.empty()) return false;
  const int asks = std::get<0>(seat(above.task)), yields = std::get<0>(seat(below.task));
  if (turn_is_over(above, below, at)) return true;
  if (asks == kLow || (asks == kMedium && yields != kLow)) return false;
  if (yields == kLow) return true;
  const auto queue = queues_.find(below.task.queue);
  const std::int64_t cooldown = queue == queues_.end() ? 0 : queue->second.cooldown_ns;
  const __int128 rest = __int128{below.task.last_preempted.ns} + cooldown;
  if (below.task.last_preempted.ns > 0 && rest > at) return false;
  const auto place = [](const Task& t) { return std::tie(t.preemptible, t.submitted, t.uid); };
  if (yields == kHigh) return below.task.preemptible && place(above.task) < place(below.task);
  if (yields == kMedium && below.task.preemptible) return true;
  return below.runs && below.task.guarantee_until.ns > 0 && below.task.guarantee_until.ns <= at;
}

// A peer of a queue that takes turns has had its quantum by then; a Medium one its guarantee and
// its rest as well. High has no turns.
bool Auditor::turn_is_over(const Known& above, const Known& below, std::int64_t at) const {
  constexpr int kHigh = 0, kMedium = 1;
  const auto queue = queues_.find(below.task.queue);
  if (above.task.queue != below.task.queue || queue == queues_.end()) return false;
  if (!audit::takes_turns(queue->second) || !below.runs) return false;
  const int asks = std::get<0>(seat(above.task)), yields = std::get<0>(seat(below.task));
  if (yields == kHigh || asks > yields) return false;
  if (__int128{at} - below.since.ns < queue->second.quantum_ns) return false;
  if (yields != kMedium) return true;
  const __int128 rest = __int128{below.task.last_preempted.ns} + queue->second.cooldown_ns;
  if (below.task.last_preempted.ns > 0 && rest > at) return false;
  return below.task.guarantee_until.ns > 0 && below.task.guarantee_until.ns <= at;
}

// In nanoseconds; kNever for one that never ends.
std::int64_t Auditor::end_of(const Known& task, Time now) const {
  const std::int64_t stated = task.task.expected_duration_ns;
  if (!task.runs) return stated_end(now.ns, stated);
  const std::int64_t since = task.since.ns;
  std::int64_t end = stated_end(since, stated);
  if (end > now.ns || config_.overrun == Overrun::kEndsNow) return std::max(end, now.ns);
  const auto runs = past_of(task.task);
  while (end <= now.ns) {
    const std::int64_t whole = how_long(runs, end, std::max<std::int64_t>(end - since, 1));
    if (whole >= kLongest) return kNever;
    end = since + whole;
  }
  return end;
}

// --- past runs

void Auditor::on(const PastRuns& d) {
  if (!queues_.contains(d.queue)) return;
  auto& runs = past_[{d.queue, d.kind, d.tenant}][d.shape];
  runs.insert(runs.end(), d.runs.begin(), d.runs.end());
  std::sort(runs.begin(), runs.end(), std::greater<PastRuns::Run>());
  if (runs.size() > kPastRunsMax) runs.resize(kPastRunsMax);
}

// The newest first.
std::vector<PastRuns::Run> Auditor::past_of(const Task& task) const {
  std::vector<PastRuns::Run> all;
  const auto known = past_.find({task.queue, task.kind, task.tenant});
  if (known == past_.end()) return all;
  for (const auto& [shape, runs] : known->second) all.insert(all.end(), runs.begin(), runs.end());
  std::sort(all.begin(), all.end(), std::greater<PastRuns::Run>());
  return all;
}

}  // namespace sched
