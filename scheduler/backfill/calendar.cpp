#include "scheduler/backfill/calendar.hpp"

#include <algorithm>

#include "scheduler/limits.hpp"
#include "scheduler/place/zones.hpp"

namespace sched {

// The state as it will be: ends what is expected to end, moment by moment, in an overlay.
class Calendar::Future {
 public:
  Future(State& state, Time now, const std::vector<Release>& started, Overlay& look)
      : state_(state), now_(now), started_(started), look_(look) {
    for (auto at = state.ends.begin(); at != state.ends.end() && at->first <= now.ns; ++at) {
      late_.emplace_back(expected_end(state, state.tasks[at->second], now), at->second);
    }
    for (const TaskId id : state.starting) {
      const Time end = expected_end(state, state.tasks[id], now);
      if (end < kEndless) late_.emplace_back(end, id);
    }
    std::sort(late_.begin(), late_.end());
    next_end_ = state.ends.upper_bound({now.ns, kNoId});
  }

  // The next moment at which something ends; kEndless when nothing does any more.
  Time next() const {
    Time time = kEndless;
    if (next_late_ < late_.size()) time = std::min(time, late_[next_late_].first);
    if (next_end_ != state_.ends.end()) time = std::min(time, Time{next_end_->first});
    if (next_started_ < started_.size()) time = std::min(time, started_[next_started_].at);
    return time;
  }

  // Ends all that ends until `time`.
  void go(Time time, std::int64_t& looked) {
    for (; next_late_ < late_.size() && late_[next_late_].first <= time; ++next_late_) {
      end(late_[next_late_].second, looked);
    }
    for (; next_end_ != state_.ends.end() && next_end_->first <= time.ns; ++next_end_) {
      end(next_end_->second, looked);
    }
    for (; next_started_ < started_.size() && started_[next_started_].at <= time; ++next_started_) {
      free(started_[next_started_].node, *started_[next_started_].amounts);
    }
  }

  // Nodes on which something ended, with the devices that were free on them before that.
  const std::map<NodeId, std::int64_t>& touched() const { return touched_; }

 private:
  void end(TaskId id, std::int64_t& looked) {
    ++looked;
    for (const Use& use : uses(state_, state_.tasks[id])) free(use.node, *use.amounts);
  }
  void free(NodeId node, const Amounts& amounts) {
    touched_.emplace(node, state_.cluster.node(node).free_devices);
    look_.free(node, amounts);
  }

  State& state_;
  const Time now_;
  const std::vector<Release>& started_;
  Overlay& look_;
  std::vector<std::pair<Time, TaskId>> late_;  // overdue, or not running yet
  std::size_t next_late_ = 0, next_started_ = 0;
  std::set<std::pair<std::int64_t, TaskId>>::const_iterator next_end_;
  std::map<NodeId, std::int64_t> touched_;
};

namespace {

const Amounts& request_of(const Shape& shape, std::size_t rank) {
  auto group = shape.groups.begin();
  for (auto left = static_cast<std::int64_t>(rank); left >= group->count; ++group) {
    left -= group->count;
  }
  return group->request;
}

}  // namespace

bool Calendar::reserve(TaskId task, std::int64_t& looked) {
  std::optional<Reserved> found = earliest(task, looked);
  if (!found) return false;
  add(*found);
  return true;
}

void Calendar::add(const Reserved& reserved) {
  const Shape& shape = state_.shapes[state_.tasks[reserved.task].shape];
  for (std::size_t r = 0; r < reserved.ranks.size(); ++r) {
    booked_[reserved.ranks[r]].push_back({reserved.begin, reserved.end, &request_of(shape, r)});
  }
  reservations_.push_back(reserved);
  kept_.clear();
}

void Calendar::drop_all() {
  reservations_.clear();
  booked_.clear();
  kept_.clear();
}

void Calendar::started(TaskId task, const Gang& gang) {
  const TaskRecord& record = state_.tasks[task];
  const Shape& shape = state_.shapes[record.shape];
  const Time end = end_after(now_, record.task.expected_duration_ns);
  kept_.clear();
  stale_ = true;
  if (end == kEndless) return;
  for (std::size_t r = 0; r < gang.ranks.size(); ++r) {
    started_.push_back({end, gang.ranks[r], &request_of(shape, r)});
  }
  std::stable_sort(started_.begin(), started_.end(),
                   [](const Release& a, const Release& b) { return a.at < b.at; });
}

bool Calendar::renew(std::int64_t& looked) {
  if (!stale_) return false;
  stale_ = false;
  const std::vector<Reserved> before = reservations_;
  drop_all();
  for (const Reserved& old : before) {
    std::optional<Reserved> found = earliest(old.task, looked);
    add(found && found->begin <= old.begin ? *found : old);
  }
  return true;
}

// Moment by moment: first counts, then nodes.
std::optional<Calendar::Reserved> Calendar::earliest(TaskId task, std::int64_t& looked) {
  const Quiet quiet(state_.cluster);
  const TaskRecord& record = state_.tasks[task];
  const Shape& shape = state_.shapes[record.shape];
  Overlay look(state_);
  Future future(state_, now_, started_, look);
  const std::vector<Time> ends = reservation_ends(now_);
  auto next_free = ends.begin();
  const std::int64_t most = std::min(state_.config.reservation_ends, kReservationEndsMax);
  for (const std::int64_t last = looked + most; looked < last;) {
    Time at = future.next();
    if (next_free != ends.end()) at = std::min(at, *next_free);
    if (at >= kEndless) return std::nullopt;
    while (next_free != ends.end() && *next_free <= at) ++next_free;
    future.go(at, looked);
    if (!state_.plausible(shape)) continue;
    const Time end = end_after(at, record.task.expected_duration_ns);
    const Kept kept = kept_between(at, true, end);
    Overlay others(state_);
    for (const auto& [node, amounts] : kept) others.book(node, amounts);
    if (!state_.plausible(shape)) continue;
    Overlay own(state_);
    if (auto ranks = place(shape, future, own, looked)) return Reserved{task, at, end, *ranks};
  }
  return std::nullopt;
}

std::vector<Time> Calendar::reservation_ends(Time from) const {
  std::vector<Time> out;
  for (const Reserved& reserved : reservations_) {
    if (reserved.end > from && reserved.end < kEndless) out.push_back(reserved.end);
  }
  std::sort(out.begin(), out.end());
  return out;
}

// On nodes that are about to be given back first, those with least free now before the others; what
// is left over goes where packing puts it.
std::optional<std::vector<NodeId>> Calendar::place(const Shape& shape, const Future& future,
                                                   Overlay& look, std::int64_t& looked) {
  const ZoneAnswer zones = divide(state_, shape, Room::kNow);
  std::vector<NodeId> touched;
  for (const auto& [node, devices] : future.touched()) touched.push_back(node);
  std::sort(touched.begin(), touched.end(), [&](NodeId a, NodeId b) {
    const std::int64_t x = future.touched().at(a), y = future.touched().at(b);
    return x != y ? x < y : state_.cluster.node(a).node.name < state_.cluster.node(b).node.name;
  });
  if (zones.splits.empty()) return std::nullopt;
  std::vector<NodeId> ranks;
  for (std::size_t g = 0; g < shape.groups.size(); ++g) {
    const Shape::Group& group = shape.groups[g];
    for (const ZonePart& part : zones.splits.front().groups[g]) {
      std::int64_t left = part.count;
      for (const NodeId node : touched) {
        if (left == 0) break;
        const NodeRecord& at = state_.cluster.node(node);
        if (!at.present || state_.cluster.cls(at.cls).zone != part.zone) continue;
        ++looked;
        for (; left > 0 && state_.cluster.profile(group.profile).node_slots[node] > 0; --left) {
          look.book(node, group.request);
          ranks.push_back(node);
        }
      }
      for (; left > 0; --left) {
        const NodeId node = state_.cluster.pick(group.profile, part.zone, looked);
        if (node == kNoId) break;
        look.book(node, group.request);
        ranks.push_back(node);
      }
      if (left > 0) break;
    }
  }
  if (static_cast<std::int64_t>(ranks.size()) == shape.pods) return ranks;
  look.undo(0);
  const GangAnswer answer = place_gang(state_, shape, look, looked);
  if (!answer.gang) return std::nullopt;
  return answer.gang->ranks;
}

const Calendar::Reserved* Calendar::first_before(Time end) const {
  const Reserved* first = nullptr;
  for (const Reserved& reserved : reservations_) {
    if (reserved.begin < end && (first == nullptr || reserved.begin < first->begin)) {
      first = &reserved;
    }
  }
  return first;
}

const Calendar::Kept& Calendar::kept(Time end) {
  const auto known = kept_.find(end);
  if (known != kept_.end()) return known->second;
  return kept_.emplace(end, kept_between(now_, false, end)).first->second;
}

// The most that is missing on each node between `from` and `to`: what the reservations need there
// at some moment less what has ended by then. Need only grows where a reservation begins.
// `applied`: what ends until `from` has been ended already.
Calendar::Kept Calendar::kept_between(Time from, bool applied, Time to) {
  Kept out;
  for (const auto& [node, bookings] : booked_) {
    Amounts most;
    for (const Booking& moment : bookings) {
      const Time at = std::max(moment.begin, from);
      if (moment.begin >= to || moment.end <= at) continue;
      Amounts need;
      for (const Booking& other : bookings) {
        if (other.begin <= at && other.end > at) need.plus(*other.amounts);
      }
      const auto ended = [&](const Release& r) {
        if (r.at <= at && (!applied || r.at > from)) need.minus(*r.amounts);
      };
      for (const Release& r : releases_on(node)) ended(r);
      for (const Release& r : started_) {
        if (r.node == node) ended(r);
      }
      most.raise_to(need);
    }
    if (!most.zero()) out.emplace_back(node, most);
  }
  return out;
}

const std::vector<Calendar::Release>& Calendar::releases_on(NodeId node) {
  const auto known = releases_.find(node);
  if (known != releases_.end()) return known->second;
  std::vector<Release>& out = releases_[node];
  if (node >= state_.tasks_on_node.size()) return out;
  for (const TaskId id : state_.tasks_on_node[node]) {
    const Time end = expected_end(state_, state_.tasks[id], now_);
    if (end >= kEndless) continue;
    for (const Use& use : uses(state_, state_.tasks[id])) {
      if (use.node == node) out.push_back({end, node, use.amounts});
    }
  }
  return out;
}

}  // namespace sched
