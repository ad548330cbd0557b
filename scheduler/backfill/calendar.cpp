#include "scheduler/backfill/calendar.hpp"

#include <algorithm>
#include <limits>

#include "scheduler/limits.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

const Shape::Group& group_of(const Shape& shape, std::size_t rank) {
  auto group = shape.groups.begin();
  for (auto left = static_cast<std::int64_t>(rank); left >= group->count; ++group) {
    left -= group->count;
  }
  return *group;
}

}  // namespace

// What the reservations made before leave to a task that would run for so long, as its begin moves
// on: a node is looked at again when something ended there, when a reservation on it comes to begin
// before the task's end, and when one has ended.
class Calendar::Beside {
 public:
  Beside(Calendar& calendar, Trial& trial, TaskId task, std::int64_t duration_ns)
      : calendar_(calendar),
        trial_(trial),
        task_(task),
        duration_ns_(duration_ns),
        steps_(calendar.reservations_.size()),
        marked_(calendar.booked_.size()),
        kept_(calendar.booked_.size()) {
    for (const Reserved& reserved : calendar.reservations_) {
      if (reserved.end < kEndless) ends_.push_back(reserved.end);
    }
    std::sort(ends_.begin(), ends_.end());
  }

  // When the next reservation ends.
  Time next() const { return next_ < ends_.size() ? ends_[next_] : kEndless; }

  void touch(NodeId node) {
    if (const std::uint32_t spot = calendar_.spot(node); spot != kNoId) mark(spot);
  }

  void go(Time at) {
    const Time to = end_after(at, duration_ns_);
    while (next_ < ends_.size() && ends_[next_] <= at) ++next_;
    for (std::size_t i = 0; at >= next_step_ && i < steps_.size(); ++i) {
      const Reserved& reserved = calendar_.reservations_[i];
      const int step = reserved.end <= at ? 2 : reserved.begin < to ? 1 : 0;
      if (step == steps_[i]) continue;
      for (const NodeId node : reserved.ranks) mark(calendar_.spot(node));
      steps_[i] = step;
    }
    if (at >= next_step_) next_step_ = next_step();
    for (const std::uint32_t spot : dirty_) {
      Booked& booked = calendar_.booked_[spot];
      marked_[spot] = false;
      if (!trial_.eligible(booked.node)) continue;
      Amounts now = calendar_.kept_on(booked, at, to, task_);
      Amounts& known = kept_[spot];
      if (now == known) continue;
      known.minus(now);
      trial_.change(booked.node, known, 1);
      known = now;
    }
    dirty_.clear();
  }

 private:
  // When some reservation may come to begin before the task's end, or has ended.
  Time next_step() const {
    Time next = kEndless;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      const Reserved& reserved = calendar_.reservations_[i];
      if (steps_[i] == 0) next = std::min(next, Time{reserved.begin.ns - duration_ns_});
      if (steps_[i] == 1) next = std::min(next, reserved.end);
    }
    return next;
  }
  void mark(std::uint32_t spot) {
    if (!marked_[spot]) dirty_.push_back(spot);
    marked_[spot] = true;
  }

  Calendar& calendar_;
  Trial& trial_;
  const TaskId task_;
  const std::int64_t duration_ns_;
  std::vector<int> steps_;  // of each reservation: 0 still beyond, 1 beside, 2 over
  std::vector<Time> ends_;
  std::size_t next_ = 0;
  Time next_step_{std::numeric_limits<std::int64_t>::min()};
  std::vector<std::uint32_t> dirty_;
  std::vector<bool> marked_;   // by position in `booked_`
  std::vector<Amounts> kept_;  // the same; as the trial has it
};

bool Calendar::reserve(TaskId task, std::int64_t& looked) {
  std::optional<Reserved> found = find(task, looked, ends_of_pass(), kEndless);
  if (!found) return false;
  add(*found);
  return true;
}

void Calendar::add(const Reserved& reserved) {
  const Shape& shape = state_.shapes[state_.tasks[reserved.task].shape];
  spot_of_.resize(state_.cluster.node_count(), kNoId);
  for (std::size_t r = 0; r < reserved.ranks.size(); ++r) {
    const NodeId node = reserved.ranks[r];
    std::uint32_t& spot = spot_of_[node];
    if (spot == kNoId) {
      spot = static_cast<std::uint32_t>(booked_.size());
      booked_.push_back({node, {}, false, {}});
    }
    const Amounts& amounts = use(shape, r, reserved.devices);
    booked_[spot].bookings.push_back({reserved.begin, reserved.end, &amounts, reserved.task});
  }
  reservations_.push_back(reserved);
}

const Amounts& Calendar::use(const Shape& shape, std::size_t rank,
                             const std::vector<std::int64_t>& devices) {
  const Shape::Group& group = group_of(shape, rank);
  if (!has_parts(group.request)) return group.request;
  const auto [at, fresh] = shared_uses_.try_emplace(std::pair{group.profile, devices[rank]});
  if (fresh) at->second = use_of(group.request, devices[rank]);
  return at->second;
}

void Calendar::started(TaskId task, const Gang& gang, Time end, const std::vector<NodeId>& ranks) {
  const TaskRecord& record = state_.tasks[task];
  const Shape& shape = state_.shapes[record.shape];
  stale_ = true;
  leave_.started(task, ranks, end);
  if (end == kEndless) return;
  for (std::size_t r = 0; r < gang.ranks.size(); ++r) {
    const Release release{end, gang.ranks[r], &use(shape, r, gang.devices)};
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
  for (Booked& booked : booked_) booked.bookings.clear();
  for (const Reserved& old : before) {
    std::optional<Reserved> found = find(old.task, looked, ends_of_pass(), kEndless);
    add(found && found->begin <= old.begin ? *found : old);
  }
  return true;
}

std::int64_t Calendar::ends_of_pass() const {
  return std::min(state_.config.reservation_ends, kReservationEndsMax);
}

Leave::Claims Calendar::claims(TaskId but) const {
  Leave::Claims claims;
  for (const Reserved& reserved : reservations_) {
    if (reserved.task == but) continue;
    claims.push_back({reserved.task, reserved.begin, reserved.end, &reserved.ranks});
  }
  return claims;
}

namespace {

bool above_low(const State& state, TaskId id) {
  const TaskRecord& task = state.tasks[id];
  return tier_of(task.task, state.queues[task.queue]) != Tier::kLow;
}

}  // namespace

struct Calendar::Search::Parts {
  Parts(Calendar& calendar, TaskId task)
      : duration(calendar.state_.tasks[task].task.expected_duration_ns),
        overlay(calendar.state_),
        trial(calendar.state_, calendar.state_.shapes[calendar.state_.tasks[task].shape]),
        low_ended(above_low(calendar.state_, task) && trial.begin_without_low()),
        begins(low_ended),
        beside(calendar, trial, task, duration),
        early(yielding(calendar.state_, task, calendar.now_, low_ended)),
        future(calendar.state_, calendar.now_, calendar.late(), calendar.started(), early,
               low_ended),
        others(calendar.claims(task)) {}
  const std::int64_t duration;
  Overlay overlay;
  Trial trial;
  const bool low_ended;
  bool begins;  // now, before anything else ends
  Beside beside;
  const Late early;
  Future future;
  const Leave::Claims others;
};

Calendar::Search::Search(Calendar& calendar, TaskId task, Time before)
    : calendar_(calendar), task_(task), before_(before) {
  const Quiet quiet(calendar.state_.cluster);
  parts_ = std::make_unique<Parts>(calendar, task);
}
Calendar::Search::~Search() {
  const Quiet quiet(calendar_.state_.cluster);
  parts_.reset();
}

// Moment by moment: first what its queue may run, then counts, then nodes.
bool Calendar::Search::go_on(std::int64_t& looked, std::int64_t most) {
  State& state = calendar_.state_;
  Leave& leave = calendar_.leave_;
  const Quiet quiet(state.cluster);
  const TaskRecord& record = state.tasks[task_];
  const bool by_place = sched::by_place(state.shapes[record.shape]);
  auto& [duration, overlay, trial, low_ended, begins, beside, early, future, others] = *parts_;
  while (looked < most) {
    const Time at = begins ? calendar_.now_ : std::min(future.next(), beside.next());
    begins = false;
    if (at >= before_ || at >= kEndless) return true;
    const auto end = [&](NodeId node, const Amounts& amounts) {
      trial.change(node, amounts, 1);
      beside.touch(node);
    };
    const auto matters = [&](NodeId node) { return trial.eligible(node); };
    const std::int64_t ended = future.go(at, end, matters);
    if (at > calendar_.now_) looked += ended;
    beside.go(at);
    // Only where its nodes count in quotas does it depend on what its queue may run by then.
    if (!by_place && !trial.counts_allow()) continue;
    const Time to = end_after(at, duration);
    if (!leave.allows(task_, at, to, others)) continue;
    const LeaveInPlace then(state, record.queue, leave.used(task_, at, to, others));
    if (by_place) trial.recount();
    if (!trial.counts_allow()) continue;
    if (auto gang = place(at, to, looked)) {
      found = Reserved{task_, at, to, std::move(gang->ranks), std::move(gang->devices)};
      return true;
    }
  }
  return false;
}

// Beside those who have reserved room for later, too.
std::optional<Gang> Calendar::Search::place(Time at, Time to, std::int64_t& looked) {
  Leave& leave = calendar_.leave_;
  std::optional<Gang> gang =
      leave.guarded_by_place(task_)
          ? place_guarded(at, looked)
          : parts_->trial.place(parts_->overlay, looked, Trial::First::kFreed);
  if (!gang || leave.delayed_by({task_, at, to, &gang->ranks}, parts_->others).claim != nullptr) {
    return std::nullopt;
  }
  return gang;
}

// With what queues use then, and what is free on nodes that the trial has no use for: what is
// guaranteed to others counts both.
std::optional<Gang> Calendar::Search::place_guarded(Time at, std::int64_t& looked) {
  State& state = calendar_.state_;
  Moment then = calendar_.leave_.moment(task_, at, parts_->others);
  {
    const MomentInPlace all(state, then, state.tasks[task_].queue);
    if (!parts_->trial.divides()) return std::nullopt;
  }
  parts_->trial.each_applied([&](NodeId node, const Amounts& ended) {
    then.free[state.cluster.node(node).cls].minus(ended);
  });
  const MomentInPlace granted(state, then, state.tasks[task_].queue);
  return parts_->trial.place(parts_->overlay, looked, Trial::First::kFreed);
}

std::optional<Calendar::Reserved> Calendar::find(TaskId task, std::int64_t& looked,
                                                 std::int64_t most, Time before) {
  Search search(*this, task, before);
  search.go_on(looked, most);
  return std::move(search.found);
}

const Calendar::Reserved* Calendar::first_before(Time end, TaskId but) const {
  const Reserved* first = nullptr;
  for (const Reserved& reserved : reservations_) {
    if (reserved.task == but) continue;
    if (reserved.begin < end && (first == nullptr || reserved.begin < first->begin)) {
      first = &reserved;
    }
  }
  return first;
}

const Calendar::Reserved* Calendar::first_in_way(TaskId task, Time end) const {
  const Shape& shape = state_.shapes[state_.tasks[task].shape];
  const auto useful = [&](NodeId node) {
    return std::any_of(shape.groups.begin(), shape.groups.end(), [&](const Shape::Group& group) {
      return state_.cluster.open_to(group.profile, node);
    });
  };
  const Reserved* first = nullptr;
  for (const Reserved& reserved : reservations_) {
    if (reserved.task == task || reserved.begin >= end) continue;
    if (first != nullptr && first->begin <= reserved.begin) continue;
    if (std::any_of(reserved.ranks.begin(), reserved.ranks.end(), useful)) first = &reserved;
  }
  return first;
}

void Calendar::keep(Trial& trial, Time end, TaskId of) {
  for (Booked& booked : booked_) {
    if (booked.bookings.empty() || !trial.takes_now(booked.node)) continue;
    const Amounts kept = kept_on(booked.node, end, of, {});
    if (!kept.zero()) trial.change(booked.node, kept, -1);
  }
}

NodeAmounts Calendar::kept(Time end, TaskId of) {
  NodeAmounts out;
  for (Booked& all : booked_) {
    if (all.bookings.empty()) continue;
    Amounts kept = kept_on(all.node, end, of, {});
    if (!kept.zero()) out.emplace_back(all.node, std::move(kept));
  }
  return out;
}

Amounts Calendar::kept_on(NodeId node, Time end, TaskId of, const std::vector<Release>& gone) {
  if (!reserves(node)) return {};
  Booked& all = booked_[spot(node)];
  const auto own = [of](const Booking& booking) { return booking.task == of; };
  if (std::none_of(all.bookings.begin(), all.bookings.end(), own)) {
    return kept_on(all, now_, end, kNoId, gone);
  }
  releases_of(all);  // once for all copies
  Booked others = all;
  std::erase_if(others.bookings, own);
  return kept_on(others, now_, end, kNoId, gone);
}

// The most that is missing between `from` and `to`: what the reservations need there at some moment
// less what has ended by then. Need only grows where a reservation begins. `applied`: what ends
// until `from` has been ended already, for this task. `gone`: what gives nothing back any more.
Amounts Calendar::kept_on(Booked& booked, Time from, Time to, TaskId applied,
                          const std::vector<Release>& gone) const {
  Amounts most;
  for (std::size_t i = 0; i < booked.bookings.size(); ++i) {
    const Booking& moment = booked.bookings[i];
    const Time at = std::max(moment.begin, from);
    if (moment.begin >= to || moment.end <= at) continue;
    // Ranks of one reservation on one node begin together.
    if (i > 0 && booked.bookings[i - 1].begin == moment.begin &&
        booked.bookings[i - 1].end == moment.end) {
      continue;
    }
    Amounts need;
    for (const Booking& other : booked.bookings) {
      if (other.begin <= at && other.end > at) need.plus(*other.amounts);
    }
    const auto give_back = [&](const Release& r) {
      if (!ended(booked, r, at)) return;
      const bool known = applied != kNoId && (r.at <= from || yields(applied, r.task, from));
      if (!known) need.minus(*r.amounts);
    };
    for (const Release& r : releases_of(booked)) give_back(r);
    if (const auto here = started_on_.find(booked.node); here != started_on_.end()) {
      for (const Release& r : here->second) give_back(r);
    }
    for (const Release& r : gone) {
      if (ended(booked, r, at)) need.plus(*r.amounts);
    }
    most.raise_to(need);
  }
  return most;
}

// By itself, or since somebody who has begun there by then may have it stop.
bool Calendar::ended(const Booked& booked, const Release& release, Time at) const {
  if (release.at <= at) return true;
  return std::any_of(booked.bookings.begin(), booked.bookings.end(), [&](const Booking& booking) {
    return booking.begin <= at && yields(booking.task, release.task, at);
  });
}

const std::vector<Release>& Calendar::releases_of(Booked& booked) const {
  if (!booked.known) booked.releases = releases_on(booked.node);
  booked.known = true;
  return booked.releases;
}

std::vector<Release> Calendar::releases_on(NodeId node) const {
  std::vector<Release> out;
  if (node >= state_.tasks_on_node.size()) return out;
  for (const TaskId id : state_.tasks_on_node[node]) {
    const Time end = expected_end(state_, state_.tasks[id], now_);
    state_.each_use_on(node, id, [&](const Amounts& amounts) {
      out.push_back({end, node, &amounts, id});
    });
  }
  return out;
}

}  // namespace sched
