#include "scheduler/preempt/hopeless.hpp"

#include <algorithm>

#include "scheduler/backfill/ends.hpp"
#include "scheduler/preempt/promise.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

// Changes of nodes since `before`, with those that were counted already; no further than to
// `enough`.
std::uint64_t loosened_since(const State& state, std::uint64_t count, Time before, Time now,
                             std::uint64_t enough) {
  auto at = state.protected_until.upper_bound({before.ns, kNoId});
  for (; count < enough && at != state.protected_until.end() && at->first <= now.ns; ++at) {
    count += std::max<std::size_t>(state.tasks[at->second].ranks.size(), 1);
  }
  return count;
}

// The most Pods of any group of the shape that one node takes.
std::int64_t most_on_a_node(const State& state, const Shape& shape) {
  std::int64_t most = 1;
  for (NodeId node = 0; node < state.cluster.node_count(); ++node) {
    const NodeRecord& record = state.cluster.node(node);
    if (!record.present) continue;
    for (const Shape::Group& group : shape.groups) {
      most = std::max(most, slots(record.total, group.request));
    }
  }
  return most;
}

// Those that many changes of single nodes take at least.
std::uint64_t changes_for(std::int64_t missing, std::int64_t most) {
  return static_cast<std::uint64_t>((std::max<std::int64_t>(missing, 1) + most - 1) / most);
}

// --- what changes of nodes really brought

// One who is placed, in the eyes of a search for somebody of this tier: nothing that the search may
// think of ends it (promise.hpp). Who surely is taken for gone: counted_as_gone.
bool stays(const State& state, const TaskRecord& task, Tier tier, Time now) {
  if (!task.evicted_by.empty() || task.passing > 0) return false;
  if (task.task.unevictable) return true;
  const Tier own = tier_of(task.task, state.queues[task.queue]);
  if (own == Tier::kLow) return false;
  if (tier != Tier::kHigh) return true;
  if (own == Tier::kHigh) return !task.task.preemptible;
  const bool over = task.protected_ns > 0 && task.protected_ns <= now.ns;
  return !task.unprotected && !over;
}

// What changed on one node.
struct Given {
  NodeId node = kNoId;
  Amounts amounts;     // came free, or into other hands: at most
  bool all = false;    // anything of it
  bool open = true;    // when the first of these changes came
  bool asked = false;  // whether that is known
};

bool lacks(const Amounts& amounts) {
  const auto less = [](std::int64_t amount) { return amount < 0; };
  return std::any_of(amounts.base.begin(), amounts.base.end(), less) ||
         std::any_of(amounts.extended.begin(), amounts.extended.end(),
                     [&less](const auto& one) { return less(one.second); });
}

// The most Pods of any group that the node holds more than before these changes, with all gone who
// may be asked and all holds filled. Before, it was free at least as far as it is now without what
// they gave, where those alone go who surely do; now it is free at most as far as those leave it
// who surely stay.
std::int64_t gain_on(const State& state, const Shape& shape, Tier tier, Time now,
                     const Given& given) {
  const NodeRecord& node = state.cluster.node(given.node);
  if (!node.present) return 0;
  Amounts least, most = node.used;  // what is used now at least, what was used before at most
  static const std::set<TaskId> kNobody;
  const bool placed = given.node < state.tasks_on_node.size();
  for (const TaskId id : placed ? state.tasks_on_node[given.node] : kNobody) {
    const TaskRecord& task = state.tasks[id];
    const bool stay = stays(state, task, tier, now), go = counted_as_gone(state, task);
    if (!stay && !go) continue;
    state.each_use_on(given.node, id, [&](const Amounts& amounts) {
      go ? most.minus(amounts) : least.plus(amounts);
    });
  }
  for (const auto& [holder, room] : state.held_rooms) {
    const auto at = room.at(given.node);
    if (!at) continue;
    least.plus(room.need[*at].second);
    most.plus(room.need[*at].second);
    most.minus(room.booked[*at].second);
  }
  most.plus(given.amounts);
  const Amounts now_free = free_of(node.total, least), before_free = free_of(node.total, most);
  const bool parts = has_parts(node.used) || has_parts(given.amounts);
  std::int64_t gain = 0;
  for (const Shape::Group& group : shape.groups) {
    if (!state.cluster.open_to(group.profile, given.node)) continue;
    const bool all = given.all || !given.open || parts;
    const std::int64_t before = all ? 0 : slots(before_free, group.request);
    gain = std::max(gain, slots(now_free, group.request) - before);
  }
  return gain;
}

// By node, of what happened since the answer; nothing when that is not known any more.
std::optional<std::vector<Given>> given_since(const State& state, const Shape::Hopeless& known,
                                              Time now) {
  using What = State::Loosening::What;
  if (state.loosened - known.loosened > State::kLooseningsKept) return std::nullopt;
  std::vector<Given> all;
  const auto on = [&all](NodeId node) -> Given& {
    const auto same = [node](const Given& given) { return given.node == node; };
    const auto at = std::find_if(all.begin(), all.end(), same);
    return at != all.end() ? *at : all.emplace_back(Given{node, {}, false, true, false});
  };
  for (std::uint64_t i = known.loosened; i != state.loosened; ++i) {
    const State::Loosening& one = state.loosenings[i % State::kLooseningsKept];
    if (one.what == What::kAnything) return std::nullopt;
    Given& given = on(one.node);
    given.amounts.plus(one.amounts);
    given.all = given.all || one.what == What::kNode;
    if (!given.asked) given.open = one.what != What::kOpens;
    given.asked = given.asked || one.what == What::kOpens || one.what == What::kCloses;
  }
  auto at = state.protected_until.upper_bound({known.now.ns, kNoId});
  for (; at != state.protected_until.end() && at->first <= now.ns; ++at) {
    if (all.size() > State::kLooseningsKept) return std::nullopt;
    state.each_use(at->second,
                   [&](NodeId node, const Amounts& amounts) { on(node).amounts.plus(amounts); });
  }
  return all;
}

// Whether less than what is missing came since. Then the answer is from now on as if it had been
// given now; but not as long as some nodes lack what they may get again without bringing anything
// that was not there: those that are closed, and those with Pods that only have to go.
bool still_misses(const State& state, const Shape& shape, Tier tier, Time now,
                  Shape::Hopeless& known) {
  if (known.missing <= 0) return false;
  const std::optional<std::vector<Given>> all = given_since(state, known, now);
  if (!all) return false;
  std::int64_t missing = known.missing;
  bool lacking = false;
  for (const Given& given : *all) {
    missing -= gain_on(state, shape, tier, now, given);
    if (missing <= 0) return false;
    const NodeRecord& node = state.cluster.node(given.node);
    lacking =
        lacking || lacks(given.amounts) || (node.present && !state.cluster.cls(node.cls).open);
  }
  const bool recent = state.loosened - known.loosened < State::kLooseningsKept / 2;
  if (lacking && recent) return true;
  known = {changes_for(missing, known.most), state.loosened, now, known.sizes, missing, known.most};
  return true;
}

}  // namespace

bool is_hopeless(State& state, TaskId id, Time now) {
  if (is_hopeless_from_counts(state, id, now, false)) return true;
  const TaskRecord& task = state.tasks[id];
  const Tier tier = tier_of(task.task, state.queues[task.queue]);
  Shape& shape = state.shapes[task.shape];
  Shape::Hopeless& known = shape.hopeless[static_cast<std::size_t>(tier)];
  if (known.changes == 0 || state.held_rooms.contains(id)) return false;
  return still_misses(state, shape, tier, now, known);
}

bool is_hopeless_from_counts(const State& state, TaskId id, Time now, bool in_sum) {
  if (state.held_rooms.contains(id)) return false;
  const TaskRecord& task = state.tasks[id];
  const Tier tier = tier_of(task.task, state.queues[task.queue]);
  const Shape::Hopeless& known = state.shapes[task.shape].hopeless[static_cast<std::size_t>(tier)];
  if (known.changes == 0 || (in_sum && known.missing <= 0)) return false;
  return loosened_since(state, state.loosened - known.loosened, known.now, now, known.changes) <
         known.changes;
}

bool is_hopeless_in_sum(State& state, TaskId id, Time now) {
  const TaskRecord& task = state.tasks[id];
  const Tier tier = tier_of(task.task, state.queues[task.queue]);
  return is_hopeless(state, id, now) &&
         state.shapes[task.shape].hopeless[static_cast<std::size_t>(tier)].missing > 0;
}

bool is_hopeless_beside(const State& state, TaskId id, Time now) {
  const auto room = state.promises.find(id);
  if (room == state.promises.end() || state.held_rooms.contains(id)) return false;
  const PromisedRoom::Hopeless& known = room->second.hopeless;
  if (known.changes == 0 || now < known.now || now >= known.until) return false;
  const std::uint64_t count = state.loosened + state.given_up - known.seen;
  return loosened_since(state, count, known.now, now, known.changes) < known.changes;
}

// An estimate of what is past its end only moves later as time goes by (learn/estimate.hpp), which
// keeps more; a past run that is told late may bring one forward, and then nothing of this is known
// any more (state/past.cpp). One that says "now" gives back by time alone: nothing is remembered.
void remember_hopeless_beside(State& state, TaskId id, Time now, std::int64_t missing) {
  const auto room = state.promises.find(id);
  if (room == state.promises.end() || room->second.need.empty()) return;
  if (state.config.overrun != Overrun::kAgain) return;
  Time until = kEndless;
  for (const auto& [task, other] : state.promises) {
    if (other.need.empty() || task == id) continue;
    until = std::min(until, end_after(other.at, state.tasks[task].task.expected_duration_ns));
  }
  const std::int64_t most = most_on_a_node(state, state.shapes[state.tasks[id].shape]);
  room->second.hopeless = {changes_for(missing, most), state.loosened + state.given_up, now, until};
}

void remember_hopeless(State& state, ShapeId id, Tier tier, Time now, std::int64_t missing) {
  Shape& shape = state.shapes[id];
  Shape::Hopeless& known = shape.hopeless[static_cast<std::size_t>(tier)];
  const std::uint64_t sizes = state.cluster.sizes() + 1;
  const std::int64_t most = known.sizes == sizes ? known.most : most_on_a_node(state, shape);
  known = {changes_for(missing, most), state.loosened, now, sizes, missing, most};
}

}  // namespace sched
