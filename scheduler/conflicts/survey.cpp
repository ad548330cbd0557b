#include "scheduler/conflicts/survey.hpp"

#include <algorithm>
#include <tuple>

#include "scheduler/conflicts/clearing.hpp"
#include "scheduler/conflicts/words.hpp"
#include "scheduler/limits.hpp"
#include "scheduler/order/holders.hpp"
#include "scheduler/order/why.hpp"
#include "scheduler/preempt/holds.hpp"

namespace sched {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

bool waits_for_room(ReasonCode code) {
  return code == ReasonCode::kCapacity || code == ReasonCode::kFragmentation ||
         code == ReasonCode::kTopology;
}

class Surveyor {
 public:
  Surveyor(State& state, Pass& pass, Time now)
      : state_(state), pass_(pass), now_(now), overlay_(state) {}

  void look_at(TaskId waiting);
  Survey take();

 private:
  using Tasks = std::vector<TaskId>;

  Tier tier(TaskId id) const {
    return tier_of(state_.tasks[id].task, state_.queues[state_.tasks[id].queue]);
  }
  const std::string& uid(TaskId id) const { return state_.tasks[id].task.uid; }
  Party party(TaskId id) const;
  const Tasks& by_end();
  Tasks near(Trial& trial, TaskId waiting);
  Tasks asked_for(TaskId waiting) const;
  Tasks held_in_the_way(TaskId waiting);
  bool room_taken(TaskId waiting, Conflict& out);
  void find_ends(TaskId waiting, Tasks order);
  void add(TaskId waiting, const Reason& why, Conflict conflict, const Tasks& others);
  void place(Conflict& out, const Tasks& others) const;
  void name_room(TaskId waiting, const Reason& why, Conflict& out) const;
  void find_ending(TaskId waiting, const Tasks& others, Conflict& out) const;
  bool by_guarantee(TaskId waiting, const Tasks& others, Conflict& out) const;
  void by_holder(const Tasks& others, Conflict& out) const;
  void wake_at(Time at) {
    if (at > now_ && at < kEndless && (!found_.next || at < *found_.next)) found_.next = at;
  }

  State& state_;
  Pass& pass_;
  const Time now_;
  Overlay overlay_;
  std::int64_t looked_ = 0;
  std::optional<Tasks> by_end_;
  // Of the conflict that is being made. `ends_`: whose ends are waited for, where not the others'.
  Tasks others_, ends_;
  Survey found_;
};

Party Surveyor::party(TaskId id) const {
  const TaskRecord& record = state_.tasks[id];
  const Task& task = record.task;
  Party out{task.uid, label(task), task.kind, task.queue, tier(id), 0, 0};
  if (record.state == TaskState::kWaiting) {
    const Shape& shape = state_.shapes[record.shape];
    out.gpus = state_.names.gpus(shape.total);
    out.pods = shape.pods;
  } else {
    out.gpus = record.gpus;
    out.pods = static_cast<std::int64_t>(record.ranks.size());
  }
  return out;
}

// --- who is placed

// The first of them by stated end, then those that start, then those without an end; then by uid.
const Surveyor::Tasks& Surveyor::by_end() {
  if (by_end_) return *by_end_;
  Tasks& out = by_end_.emplace();
  const auto by_uid = [this](TaskId a, TaskId b) { return uid(a) < uid(b); };
  const Ordered<State::End>& ends = state_.ends;
  for (auto at = ends.begin(); !ends.at_end(at) && out.size() < kConflictEnds;) {
    const auto first = static_cast<std::ptrdiff_t>(out.size());
    const std::int64_t end = ends.get(at).first;
    for (; !ends.at_end(at) && ends.get(at).first == end; at = ends.next(at)) {
      out.push_back(ends.get(at).second);
    }
    std::sort(out.begin() + first, out.end(), by_uid);
  }
  Tasks starting(state_.starting.begin(), state_.starting.end());
  std::sort(starting.begin(), starting.end(), by_uid);
  out.insert(out.end(), starting.begin(), starting.end());
  for (auto at = state_.endless.begin(); at != state_.endless.end(); ++at) {
    if (out.size() >= kConflictEnds) break;
    out.push_back(at->second);
  }
  if (out.size() > kConflictEnds) out.resize(kConflictEnds);
  return out;
}

// Those of them that have a place on a node which matters, lower tiers first, and last those of
// higher tiers: nothing makes them yield.
Surveyor::Tasks Surveyor::near(Trial& trial, TaskId waiting) {
  Tasks out;
  for (const TaskId id : by_end()) {
    if (out.size() >= kConflictHolders) break;
    ++looked_;
    const TaskRecord& task = state_.tasks[id];
    if (!task.evicted_by.empty()) continue;
    const auto matters = [&](const TaskRecord::Rank& rank) { return trial.eligible(rank.node); };
    if (std::any_of(task.ranks.begin(), task.ranks.end(), matters)) out.push_back(id);
  }
  const Tier own = tier(waiting);
  const auto turn = [&](TaskId id) {
    if (tier(id) > own) return -static_cast<int>(tier(id));
    return tier(id) < own ? 1 : 0;
  };
  std::stable_sort(out.begin(), out.end(), [&](TaskId a, TaskId b) { return turn(a) < turn(b); });
  return out;
}

// --- the three ways to be in each other's way

Surveyor::Tasks Surveyor::asked_for(TaskId waiting) const {
  Tasks out;
  for (const TaskId id : state_.leaving) {
    if (state_.tasks[id].evicted_by == uid(waiting)) out.push_back(id);
  }
  std::sort(out.begin(), out.end(), [this](TaskId a, TaskId b) { return uid(a) < uid(b); });
  return out;
}

// Those for whom room is kept that it would fit into, all together; by uid.
Surveyor::Tasks Surveyor::held_in_the_way(TaskId waiting) {
  Trial trial(state_, state_.shapes[state_.tasks[waiting].shape]);
  Tasks out;
  for (const auto& [holder, room] : state_.held_rooms) {
    bool matters = false;
    for (const auto& [node, amounts] : room.booked) {
      matters = matters || (!amounts.zero() && trial.eligible(node));
      trial.change(node, amounts, 1);
    }
    if (matters && holder != waiting) out.push_back(holder);
  }
  if (out.empty() || !trial.fits(overlay_, looked_)) return {};
  std::sort(out.begin(), out.end(), [this](TaskId a, TaskId b) { return uid(a) < uid(b); });
  return out;
}

bool Surveyor::room_taken(TaskId waiting, Conflict& out) {
  Trial trial(state_, state_.shapes[state_.tasks[waiting].shape]);
  look_ahead(state_, waiting, [&](NodeId node, const Amounts& amounts, int sign) {
    trial.change(node, amounts, sign);
  });
  // It has only to wait until they have left, whoever asked them.
  if (trial.fits(overlay_, looked_)) {
    for (const TaskId id : state_.leaving) others_.push_back(id);
    state_.each_passing_use([this](TaskId id, const Use&) {
      if (others_.empty() || others_.back() != id) others_.push_back(id);
    });
    std::sort(others_.begin(), others_.end(),
              [this](TaskId a, TaskId b) { return uid(a) < uid(b); });
    out.ending = Ending::kVictimsLeave;
    return !others_.empty();
  }
  const Tasks order = near(trial, waiting);
  if (auto cleared = clear_room(state_, trial, order, overlay_, looked_)) {
    others_ = std::move(*cleared);
    find_ends(waiting, order);
    return !others_.empty();
  }
  const bool all = by_end().size() < kConflictEnds && order.size() < kConflictHolders;
  if (all || order.empty()) return false;
  out.all_others = false;
  others_ = order;
  return true;
}

// Whoever ends first gives the room as well, though nothing makes them yield: peers and higher
// tiers by their ends alone.
void Surveyor::find_ends(TaskId waiting, Tasks order) {
  const auto above = [&](TaskId id) { return tier(id) < tier(waiting); };
  if (std::none_of(order.begin(), order.end(), above)) return;
  std::map<TaskId, std::size_t> turn;
  for (const TaskId id : by_end()) turn.emplace(id, turn.size());
  const auto peers = std::find_if(order.begin(), order.end(),
                                  [&](TaskId id) { return tier(id) <= tier(waiting); });
  std::sort(peers, order.end(), [&](TaskId a, TaskId b) { return turn.at(a) < turn.at(b); });
  Trial trial(state_, state_.shapes[state_.tasks[waiting].shape]);
  look_ahead(state_, waiting, [&](NodeId node, const Amounts& amounts, int sign) {
    trial.change(node, amounts, sign);
  });
  if (auto cleared = clear_room(state_, trial, std::move(order), overlay_, looked_))
    ends_ = std::move(*cleared);
}

void Surveyor::look_at(TaskId waiting) {
  const Quiet quiet(state_.cluster);
  const Reason why = sched::why(state_, pass_, waiting, now_);
  const bool evicting = why.code == ReasonCode::kEvicting;
  const bool reserved = why.code == ReasonCode::kReserved;
  if (!evicting && !reserved && !waits_for_room(why.code)) return;
  Conflict out;
  others_.clear();
  ends_.clear();
  if (reserved) {
    others_ = {pass_.in_the_way(waiting).reserved->task};
    out.type = ConflictType::kSchedule;
    out.ending = Ending::kReservation;
    out.ends_at = why.until;
    return add(waiting, why, std::move(out), others_);
  }
  if (evicting) {
    others_ = asked_for(waiting);
    out.ending = Ending::kVictimsLeave;
  } else if (others_ = held_in_the_way(waiting); !others_.empty()) {
    out.type = ConflictType::kSchedule;
    out.ending = Ending::kReservation;
  } else if (!room_taken(waiting, out)) {
    return;
  }
  if (others_.empty()) return;
  const auto below = [&](TaskId id) { return tier(id) > tier(waiting); };
  if (out.type != ConflictType::kSchedule && std::any_of(others_.begin(), others_.end(), below)) {
    out.type = ConflictType::kPriority;
  }
  add(waiting, why, std::move(out), others_);
}

// --- the record

void Surveyor::add(TaskId waiting, const Reason& why, Conflict out, const Tasks& others) {
  const Task& task = state_.tasks[waiting].task;
  out.id = conflict_id(out.type, task.uid);
  out.waits = party(waiting);
  const std::int64_t size = out.waits.gpus > 0 ? out.waits.gpus : out.waits.pods;
  out.severity = severity_of(tier(waiting), now_.ns - task.submitted.ns, size);
  if (const auto next = next_severity(task.submitted, now_)) wake_at(*next);
  for (const TaskId id : others) out.others.push_back(party(id));
  name_room(waiting, why, out);
  place(out, others);
  if (out.ending == Ending::kReservation) {
    out.ends_with = out.others.front().name;
  } else if (out.ending == Ending::kVictimsLeave) {
    for (const TaskId id : others) {
      out.ends_at = std::max(out.ends_at, state_.tasks[id].evicted_at);
    }
  } else {
    find_ending(waiting, others, out);
  }
  wake_at(out.ends_at);
  found_.conflicts.push_back(std::move(out));
}

// What its reason calls scarce; GPUs first where it does not say.
void Surveyor::name_room(TaskId waiting, const Reason& why, Conflict& out) const {
  out.resource = why.resource;
  out.needed = why.needed;
  out.gpu_model = why.gpu_model;
  if (!out.resource.empty()) return;
  const Amounts& total = state_.shapes[state_.tasks[waiting].shape].total;
  ResourceId scarce = total.base[kCpu] > 0 ? kCpu : kPods;
  for (const auto& [id, amount] : total.extended) {
    const bool first = scarce < kFirstExtended;
    const auto key = [&](ResourceId r) {
      return std::pair(!is_gpu(state_.names.name(r)), state_.names.name(r));
    };
    if (first || key(id) < key(scarce)) scarce = id;
  }
  out.resource = state_.names.text(scarce);
  out.needed = total.at(scarce);
}

// The one zone and pool in which all of them are, or will be.
void Surveyor::place(Conflict& out, const Tasks& others) const {
  std::set<std::string> zones, pools;
  const auto see = [&](NodeId id) {
    const NodeRecord& node = state_.cluster.node(id);
    zones.insert(node.node.zone);
    pools.insert(node.node.pool);
  };
  for (const TaskId id : others) {
    const TaskRecord& task = state_.tasks[id];
    for (const TaskRecord::Rank& rank : task.ranks) see(rank.node);
    if (const auto room = state_.held_rooms.find(id); room != state_.held_rooms.end()) {
      for (const auto& [node, amounts] : room->second.need) see(node);
    }
    if (const Calendar::Reserved* const reserved = pass_.reservation_of(id)) {
      for (const NodeId node : reserved->ranks) see(node);
    }
  }
  if (zones.size() == 1) out.zone = *zones.begin();
  if (pools.size() == 1) out.pool = *pools.begin();
}

// --- how it ends

// Whichever comes first: all who are in the way end, or may be asked to stop. An end is an
// estimate: it has to come more than a second before what is certain.
void Surveyor::find_ending(TaskId waiting, const Tasks& others, Conflict& out) const {
  Conflict asked = out;
  const bool askable = by_guarantee(waiting, others, asked);
  by_holder(ends_.empty() ? others : ends_, out);
  const bool known = out.ending == Ending::kHolderEnds;
  if (!askable || (known && asked.ending != Ending::kTurnComes &&
                   out.ends_at.ns < asked.ends_at.ns - kSecond)) {
    return;
  }
  out = std::move(asked);
}

// Whether all of them may be asked for it one day, and when the last of them may.
bool Surveyor::by_guarantee(TaskId waiting, const Tasks& others, Conflict& out) const {
  const Tier own = tier(waiting);
  out.ending = Ending::kTurnComes;
  for (const TaskId id : others) {
    const TaskRecord& task = state_.tasks[id];
    if (tier(id) <= own || task.task.unevictable || !out.all_others) return false;
    if (tier(id) == Tier::kLow) continue;
    if (task.state != TaskState::kRunning) return false;
    if (task.task.preemptible) continue;
    if (task.task.guarantee_until.ns <= 0) return false;
    const Time safe{task.protected_ns};
    if (safe <= now_ || (out.ending != Ending::kTurnComes && safe <= out.ends_at)) continue;
    const bool guaranteed = safe <= task.task.guarantee_until;
    out.ending = guaranteed ? Ending::kGuaranteeEnds : Ending::kCooldownEnds;
    out.ends_at = safe;
    out.ends_with = label(task.task);
  }
  return true;
}

// The last of them by what they stated; one of whom less is known, says it.
void Surveyor::by_holder(const Tasks& others, Conflict& out) const {
  const auto rank = [](Ending e) {
    return e == Ending::kHolderEnds     ? 0
           : e == Ending::kHolderLate   ? 1
           : e == Ending::kHolderStarts ? 2
                                        : 3;
  };
  std::optional<std::tuple<int, Time, std::string>> last;
  for (const TaskId id : others) {
    const TaskRecord& task = state_.tasks[id];
    const Time end = end_after(task.since, task.task.expected_duration_ns);
    Ending ending = end > now_ ? Ending::kHolderEnds : Ending::kHolderLate;
    if (task.state != TaskState::kRunning) ending = Ending::kHolderStarts;
    if (task.task.expected_duration_ns <= 0 || end >= kEndless) ending = Ending::kUnknown;
    const bool timed = rank(ending) < 2;
    const std::tuple known(rank(ending), timed ? end : Time{}, uid(id));
    if (last && known <= *last) continue;
    last = known;
    out.ending = ending;
    out.ends_at = timed ? end : Time{};
    out.ends_with = label(task.task);
  }
}

Survey Surveyor::take() {
  std::sort(found_.conflicts.begin(), found_.conflicts.end(),
            [](const Conflict& a, const Conflict& b) { return a.id < b.id; });
  return std::move(found_);
}

}  // namespace

std::vector<TaskId> waiters(const State& state,
                            const std::map<QueueId, std::vector<TaskId>>& lines) {
  std::vector<std::tuple<std::size_t, Tier, std::string, TaskId>> order;
  for (const auto& [queue, line] : lines) {
    const Queue& rules = state.queues[queue].queue;
    for (std::size_t i = 0; i < std::min(line.size(), kConflictHeads); ++i) {
      order.emplace_back(i, rules.tier, rules.name, line[i]);
    }
  }
  std::sort(order.begin(), order.end());
  std::vector<TaskId> out;
  for (const auto& [turn, tier, name, task] : order) {
    if (out.size() < kConflictWaiters) out.push_back(task);
  }
  return out;
}

Survey survey(State& state, Pass& pass, const std::vector<TaskId>& waiting, Time now) {
  Surveyor surveyor(state, pass, now);
  for (const TaskId task : waiting) surveyor.look_at(task);
  return surveyor.take();
}

}  // namespace sched
