#include "scheduler/backfill/calendar.hpp"

#include <algorithm>
#include <set>

#include "scheduler/limits.hpp"

namespace sched {
namespace {

const Amounts& request_of(const Shape& shape, std::size_t rank) {
  auto group = shape.groups.begin();
  for (auto left = static_cast<std::int64_t>(rank); left >= group->count; ++group) {
    left -= group->count;
  }
  return group->request;
}

}  // namespace

// What the reservations made before leave to a task that would run for so long, as its begin moves
// on: a node is looked at again when something ended there, when a reservation on it comes to begin
// before the task's end, and when one has ended.
class Calendar::Beside {
 public:
  Beside(Calendar& calendar, Trial& trial, std::int64_t duration_ns)
      : calendar_(calendar),
        trial_(trial),
        duration_ns_(duration_ns),
        steps_(calendar.reservations_.size()) {
    for (const Reserved& reserved : calendar.reservations_) {
      if (reserved.end < kEndless) ends_.push_back(reserved.end);
    }
    std::sort(ends_.begin(), ends_.end());
  }

  // When the next reservation ends.
  Time next() const { return next_ < ends_.size() ? ends_[next_] : kEndless; }

  void touch(NodeId node) {
    if (!ends_.empty() || !steps_.empty()) dirty_.insert(node);
  }

  void go(Time at) {
    const Time to = end_after(at, duration_ns_);
    while (next_ < ends_.size() && ends_[next_] <= at) ++next_;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      const Reserved& reserved = calendar_.reservations_[i];
      const int step = reserved.end <= at ? 2 : reserved.begin < to ? 1 : 0;
      if (step != steps_[i]) dirty_.insert(reserved.ranks.begin(), reserved.ranks.end());
      steps_[i] = step;
    }
    for (const NodeId node : dirty_) {
      const auto booked = calendar_.booked_.find(node);
      if (booked == calendar_.booked_.end()) continue;
      Amounts& known = kept_[node];
      Amounts now = calendar_.kept_on(node, booked->second, at, true, to);
      if (now == known) continue;
      trial_.change(node, known, 1);
      trial_.change(node, now, -1);
      known = std::move(now);
    }
    dirty_.clear();
  }

 private:
  Calendar& calendar_;
  Trial& trial_;
  const std::int64_t duration_ns_;
  std::vector<int> steps_;  // of each reservation: 0 still beyond, 1 beside, 2 over
  std::vector<Time> ends_;
  std::size_t next_ = 0;
  std::set<NodeId> dirty_;
  std::map<NodeId, Amounts> kept_;  // as the trial has it
};

bool Calendar::reserve(TaskId task, std::int64_t& looked) {
  std::optional<Reserved> found = earliest(task, looked);
  if (!found) return false;
  add(*found);
  return true;
}

void Calendar::add(const Reserved& reserved) {
  const Shape& shape = state_.shapes[state_.tasks[reserved.task].shape];
  for (std::size_t r = 0; r < reserved.ranks.size(); ++r) {
    booked_[reserved.ranks[r]].push_back(
        {reserved.begin, reserved.end, &request_of(shape, r), reserved.task});
  }
  reservations_.push_back(reserved);
}

void Calendar::started(TaskId task, const Gang& gang, Time end) {
  const TaskRecord& record = state_.tasks[task];
  const Shape& shape = state_.shapes[record.shape];
  stale_ = true;
  if (end == kEndless) return;
  for (std::size_t r = 0; r < gang.ranks.size(); ++r) {
    const Release release{end, gang.ranks[r], &request_of(shape, r)};
    started_.push_back(release);
    started_on_[release.node].push_back(release);
  }
  sorted_ = false;
}

const std::vector<Release>& Calendar::started() {
  if (!sorted_) {
    std::stable_sort(started_.begin(), started_.end(),
                     [](const Release& a, const Release& b) { return a.at < b.at; });
  }
  sorted_ = true;
  return started_;
}

bool Calendar::renew(std::int64_t& looked) {
  if (!stale_) return false;
  stale_ = false;
  const std::vector<Reserved> before = std::move(reservations_);
  reservations_.clear();
  booked_.clear();
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
  Overlay overlay(state_);
  Trial trial(state_, state_.shapes[record.shape]);
  Beside beside(*this, trial, record.task.expected_duration_ns);
  if (!late_) late_ = late(state_, now_);
  Future future(state_, now_, *late_, started());
  const std::int64_t most = std::min(state_.config.reservation_ends, kReservationEndsMax);
  while (looked < most) {
    const Time at = std::min(future.next(), beside.next());
    if (at >= kEndless) return std::nullopt;
    looked += future.go(at, [&](NodeId node, const Amounts& amounts) {
      trial.change(node, amounts, 1);
      beside.touch(node);
    });
    beside.go(at);
    if (!trial.counts_allow()) continue;
    if (auto gang = trial.place(overlay, looked, Trial::First::kFreed)) {
      return Reserved{task, at, end_after(at, record.task.expected_duration_ns),
                      std::move(gang->ranks)};
    }
  }
  return std::nullopt;
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

void Calendar::keep(Trial& trial, Time end) {
  for (const auto& [node, bookings] : booked_) {
    if (!trial.takes_now(node)) continue;
    const Amounts kept = kept_on(node, bookings, now_, false, end);
    if (!kept.zero()) trial.change(node, kept, -1);
  }
}

NodeAmounts Calendar::kept(Time end, TaskId of) {
  NodeAmounts out;
  for (const auto& [node, all] : booked_) {
    std::vector<Booking> bookings = all;
    std::erase_if(bookings, [of](const Booking& b) { return b.task == of; });
    Amounts kept = kept_on(node, bookings, now_, false, end);
    if (!kept.zero()) out.emplace_back(node, std::move(kept));
  }
  return out;
}

// The most that is missing between `from` and `to`: what the reservations need there at some moment
// less what has ended by then. Need only grows where a reservation begins. `applied`: what ends
// until `from` has been ended already.
Amounts Calendar::kept_on(NodeId node, const std::vector<Booking>& bookings, Time from,
                          bool applied, Time to) {
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
    if (const auto here = started_on_.find(node); here != started_on_.end()) {
      for (const Release& r : here->second) ended(r);
    }
    most.raise_to(need);
  }
  return most;
}

const std::vector<Release>& Calendar::releases_on(NodeId node) {
  const auto known = releases_.find(node);
  if (known != releases_.end()) return known->second;
  std::vector<Release>& out = releases_[node];
  if (node >= state_.tasks_on_node.size()) return out;
  for (const TaskId id : state_.tasks_on_node[node]) {
    const Time end = expected_end(state_, state_.tasks[id], now_);
    if (end >= kEndless) continue;
    state_.each_use(state_.tasks[id], [&](NodeId on, const Amounts& amounts) {
      if (on == node) out.push_back({end, node, &amounts});
    });
  }
  return out;
}

}  // namespace sched
