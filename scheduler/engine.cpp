#include "scheduler/engine.hpp"

#include <algorithm>
#include <unordered_map>

#include "scheduler/backfill/ends.hpp"
#include "scheduler/conflicts/survey.hpp"
#include "scheduler/fair/lenders.hpp"
#include "scheduler/fair/merge.hpp"
#include "scheduler/fair/tenant_limits.hpp"
#include "scheduler/limits.hpp"
#include "scheduler/order/pass.hpp"
#include "scheduler/order/tend.hpp"
#include "scheduler/order/why.hpp"
#include "scheduler/state/digest.hpp"

namespace sched {

// `plan` and `explain` are const to the caller: the state they book in is given back before they
// return, and what stays (which shapes are parked, caches) never changes an answer.
struct Engine::Impl {
  State state;

  // The line of a queue that orders by tenant, as far as somebody asked, until the state changes.
  // It belongs to this state: a copy begins its own.
  struct Known {
    std::uint64_t changes = 0;
    Time clock;
    std::optional<Merge> merge;
    std::vector<TaskId> line;
    std::unordered_map<TaskId, std::int64_t> position;
  };
  struct Lines {
    Lines() = default;
    Lines(const Lines&) {}
    Lines& operator=(const Lines&) {
      known.clear();
      return *this;
    }
    std::map<QueueId, Known> known;
  } lines;

  // The state as the next plan leaves it, for all that ask why they wait. It belongs to this state,
  // too. A pass that decided nothing has booked nothing, and may stay; any other is put away before
  // somebody else reads the state.
  struct Look {
    Look() = default;
    Look(const Look&) {}
    Look& operator=(const Look&) {
      pass.reset();
      return *this;
    }
    std::unique_ptr<Pass> pass;
    std::uint64_t changes = 0;
    Time now;
  } look;

  Pass& looked(Time now) {
    const bool known = look.pass && look.changes == state.changes && look.now == now;
    if (known && state.clock == now) return *look.pass;
    look.pass.reset();
    look.pass = std::make_unique<Pass>(state, now, 1000, Pass::Look::kForecast);
    look.changes = state.changes;
    look.now = now;
    return *look.pass;
  }
  Tended tended;  // changes no answer

  // The state as the deltas have it.
  State& true_state() {
    if (look.pass && look.pass->books()) look.pass.reset();
    return state;
  }

  Known& line_of(QueueId queue) {
    Known& known = lines.known[queue];
    if (!known.merge || known.changes != state.changes || known.clock != state.clock) {
      known.changes = state.changes;
      known.clock = state.clock;
      known.line.clear();
      known.position.clear();
      known.merge.emplace(state, queue);
    }
    return known;
  }
  // Makes the line one longer; false when it is whole.
  static bool grow(Known& known) {
    const TaskId next = known.merge->next();
    if (next == kNoId) return false;
    known.line.push_back(next);
    known.position.emplace(next, static_cast<std::int64_t>(known.line.size()));
    return true;
  }

  // Waiting tasks of the tiers above `tier` in this queue.
  static std::int64_t above(const QueueRecord& queue, int tier) {
    std::int64_t sum = 0;
    for (int t = 0; t < tier; ++t) sum += queue.waiting[t];
    return sum;
  }
  bool queue_ahead(QueueId other, QueueId own, int tier) {
    if (const int share = state.compare_share(other, own); share != 0) return share < 0;
    return leads(state, lead(state, other, tier), lead(state, own, tier));
  }
};

Engine::Engine() : impl_(std::make_unique<Impl>()) {}
Engine::~Engine() = default;
Engine::Engine(const Engine& other) {
  other.impl_->true_state();
  impl_ = std::make_unique<Impl>(*other.impl_);
}
Engine& Engine::operator=(const Engine& other) {
  if (this == &other) return *this;
  other.impl_->true_state();
  impl_->look.pass.reset();
  *impl_ = *other.impl_;
  return *this;
}
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

// What was looked up before holds on to records that a delta may take away.
bool Engine::apply(const Delta& delta) {
  impl_->look.pass.reset();
  return impl_->state.apply(delta);
}

// The pass gives back all it booked when it goes out of scope, after the plan was copied.
Plan Engine::plan(Time now, std::size_t max_starts) const {
  return Pass(impl_->true_state(), now, max_starts).plan();
}

Plan Engine::forecast(Time now, std::size_t max_starts) const {
  return Pass(impl_->true_state(), now, max_starts, Pass::Look::kForecast).plan();
}

Tending Engine::tend(Time now, std::int64_t budget) const {
  return sched::tend(impl_->true_state(), impl_->tended, now, budget);
}

std::vector<Promise> Engine::promises() const {
  const State& s = impl_->true_state();
  std::vector<Promise> all;
  for (const auto& [task, room] : s.promises) {
    all.push_back({s.tasks[task].task.uid, room.where, room.at});
  }
  std::sort(all.begin(), all.end(),
            [](const Promise& a, const Promise& b) { return a.task < b.task; });
  return all;
}

// Everything else that changes a plan is a delta.
std::optional<Time> Engine::next_time(Time now) const {
  State& s = impl_->true_state();
  s.advance(now);
  std::optional<Time> next;
  const auto sooner = [&](std::int64_t ns) {
    if (ns > now.ns && (!next || ns < next->ns)) next = Time{ns};
  };
  if (!s.cooling.empty()) sooner(s.cooling.begin()->first);
  for (const TaskId holder : s.held) sooner(s.tasks[holder].hold_until.ns);
  for (const auto& [task, room] : s.promises) {
    if (!room.need.empty()) sooner(room.at.ns);
  }
  const auto unprotected = s.protected_until.upper_bound({now.ns, kNoId});
  const auto grows = s.growable.upper_bound({now.ns, kNoId});
  if (grows != s.growable.end()) sooner(grows->first);
  const bool matters = s.waits_high() || s.may_reclaim_somebody();
  if (unprotected != s.protected_until.end() && matters) sooner(unprotected->first);
  for (const QueueRecord& queue : s.queues) {
    const auto turn = queue.turns_over.upper_bound({now.ns, kNoId});
    if (turn != queue.turns_over.end() && !queue.line.empty()) sooner(turn->first);
    if (const auto patient = State::next_patient(queue, now)) sooner(patient->ns);
  }
  return next;
}

std::optional<TaskState> Engine::state(std::string_view task) const {
  const State& s = impl_->true_state();
  const TaskId id = s.find(task);
  if (id == kNoId) return std::nullopt;
  return s.tasks[id].state;
}

// Held tasks and tasks in back-off count: they keep their place.
std::int64_t Engine::position(std::string_view task) const {
  const State& s = impl_->true_state();
  const TaskId id = s.find(task);
  if (id == kNoId || s.tasks[id].state != TaskState::kWaiting) return 0;
  const TaskRecord& record = s.tasks[id];
  if (s.queues[record.queue].by_tenant) {
    Impl::Known& known = impl_->line_of(record.queue);
    while (!known.position.contains(id) && Impl::grow(known)) continue;
    return known.position.at(id);
  }
  const auto& line = s.queues[record.queue].line;
  const auto at = line.lower_bound([&](const Place& p) { return s.less(p, record.place); });
  return static_cast<std::int64_t>(line.rank(at)) + 1;
}

// Queues of one tier stand one behind the other, in the order in which the next plan begins.
std::int64_t Engine::tasks_ahead(std::string_view task) const {
  const State& s = impl_->true_state();
  const std::int64_t own = position(task);
  if (own == 0) return 0;
  const TaskRecord& record = s.tasks[s.find(task)];
  const int tier = static_cast<int>(tier_of(record.task, s.queues[record.queue]));
  std::int64_t ahead = own - 1;
  for (const auto& [name, id] : s.queue_ids) {
    const QueueRecord& queue = s.queues[id];
    if (id == record.queue) continue;
    ahead += Impl::above(queue, tier);
    if (queue.waiting[tier] > 0 && impl_->queue_ahead(id, record.queue, tier)) {
      ahead += queue.waiting[tier];
    }
  }
  return ahead;
}

// Looks at the state as the next plan leaves it: a task that could start alone, but is passed by
// one before it, waits for what that one takes.
Reason Engine::explain(std::string_view task, Time now) const {
  State& s = impl_->state;
  const TaskId id = s.find(task);
  if (id == kNoId) return {};
  return why(s, impl_->looked(now), id, now);
}

std::vector<Reservation> Engine::reservations(Time now) const {
  return impl_->looked(now).plan().reservations;
}

std::vector<Engine::Outlived> Engine::outlived(Time now) const {
  const State& s = impl_->true_state();
  std::vector<Outlived> all;
  for (auto at = s.ends.begin(); !s.ends.at_end(at); at = s.ends.next(at)) {
    const auto [end, id] = s.ends.get(at);
    if (end > now.ns) break;
    const TaskRecord& task = s.tasks[id];
    Outlived& one =
        all.emplace_back(Outlived{task.task.uid, expectation(s, task, now).outlived, {}});
    for (const TaskRecord::Rank& rank : task.ranks) {
      one.nodes.push_back(s.cluster.node(rank.node).node.name);
    }
  }
  std::sort(all.begin(), all.end(),
            [](const Outlived& a, const Outlived& b) { return a.task < b.task; });
  return all;
}

std::vector<std::string> Engine::head(std::string_view queue, std::size_t limit) const {
  const State& s = impl_->true_state();
  std::vector<std::string> uids;
  auto known = s.queue_ids.find(std::string(queue));
  if (known == s.queue_ids.end()) return uids;
  if (s.queues[known->second].by_tenant) {
    Impl::Known& order = impl_->line_of(known->second);
    while (order.line.size() < limit && Impl::grow(order)) continue;
    for (std::size_t i = 0; i < std::min(limit, order.line.size()); ++i) {
      uids.push_back(s.tasks[order.line[i]].task.uid);
    }
    return uids;
  }
  const auto& line = s.queues[known->second].line;
  for (auto at = line.begin(); !line.at_end(at) && uids.size() < limit; at = line.next(at)) {
    uids.push_back(s.tasks[line.get(at).task].task.uid);
  }
  return uids;
}

Survey Engine::conflicts(Time now) const {
  State& s = impl_->true_state();
  s.advance(now);
  std::map<QueueId, std::vector<TaskId>> lines;
  for (const auto& [name, id] : s.queue_ids) {
    for (const std::string& uid : head(name, kConflictHeads)) lines[id].push_back(s.find(uid));
  }
  return survey(s, impl_->looked(now), waiters(s, lines), now);
}

Ruling Engine::rule(const Resolve& wish, Time now) const {
  Pass pass(impl_->true_state(), now, 1000, Pass::Look::kForecast);
  return pass.settle(wish).ruling;
}

Engine::QueueFigures Engine::figures(std::string_view queue) const {
  const State& s = impl_->true_state();
  auto known = s.queue_ids.find(std::string(queue));
  if (known == s.queue_ids.end()) return {};
  const QueueRecord& record = s.queues[known->second];
  QueueFigures figures{static_cast<std::int64_t>(record.line.size()),
                       record.running,
                       s.names.resources(record.used),
                       s.names.resources(borrowed(s, known->second)),
                       {}};
  for (std::size_t i = 0; i < record.limits.size(); ++i) {
    const Quota& quota = record.queue.quotas[i];
    figures.places.push_back(
        {quota.zone, quota.pool, quota.gpu_model, s.names.resources(record.limits[i].used), {}});
  }
  for (const Borrowed& place : borrowed_places(s, known->second)) {
    const Quota& nodes = place.nodes;
    auto at = std::find_if(figures.places.begin(), figures.places.end(), [&](const auto& known) {
      return known.zone == nodes.zone && known.pool == nodes.pool &&
             known.gpu_model == nodes.gpu_model;
    });
    if (at == figures.places.end()) {
      at = figures.places.insert(at, {nodes.zone, nodes.pool, nodes.gpu_model, {}, {}});
    }
    at->borrowed = s.names.resources(place.amounts);
  }
  return figures;
}

std::vector<Engine::TenantFigures> Engine::tenants(std::string_view queue) const {
  const State& s = impl_->true_state();
  std::vector<TenantFigures> all;
  const auto known = s.queue_ids.find(std::string(queue));
  if (known == s.queue_ids.end()) return all;
  const QueueRecord& record = s.queues[known->second];
  for (const auto& [name, id] : record.tenant_ids) {
    const Tenant& tenant = record.tenants[id];
    const Fraction share = s.dominant_share(record, tenant);
    const auto millionths = share.num * 1'000'000 / share.den;
    constexpr unsigned __int128 kMost = std::int64_t{1} << 62;
    all.push_back({name, tenant.running, s.names.resources(tenant.used),
                   static_cast<std::int64_t>(std::min(millionths, kMost))});
  }
  return all;
}

std::vector<Served> Engine::served(std::string_view queue) const {
  const State& s = impl_->true_state();
  const auto known = s.queue_ids.find(std::string(queue));
  if (known == s.queue_ids.end()) return {};
  return s.served(known->second);
}

std::vector<PastRuns> Engine::past_runs(std::string_view queue) const {
  const State& s = impl_->true_state();
  const auto known = s.queue_ids.find(std::string(queue));
  if (known == s.queue_ids.end()) return {};
  return s.past_runs(known->second);
}

std::optional<Resources> Engine::used(std::string_view node) const {
  const State& s = impl_->true_state();
  const NodeId id = s.cluster.find(node);
  if (id == kNoId) return std::nullopt;
  Amounts used = s.cluster.node(id).used;
  for (const auto& [holder, room] : s.held_rooms) {
    for (const auto& [node, amounts] : room.booked) {
      if (node == id) used.minus(amounts);
    }
  }
  return s.names.resources(used);
}

// --- what a run forward needs to know

const Task* Engine::task(std::string_view uid) const {
  const State& s = impl_->true_state();
  const TaskId id = s.find(uid);
  return id == kNoId ? nullptr : &s.tasks[id].task;
}

const Queue* Engine::queue(std::string_view name) const {
  const State& s = impl_->true_state();
  const auto known = s.queue_ids.find(std::string(name));
  const bool told = known != s.queue_ids.end() && s.queues[known->second].known;
  return told ? &s.queues[known->second].queue : nullptr;
}

const ConfigUpdate& Engine::config() const { return impl_->true_state().config; }

std::vector<std::string> Engine::queues() const {
  const State& s = impl_->true_state();
  std::vector<std::string> names;
  for (const auto& [name, id] : s.queue_ids) {
    if (s.queues[id].known) names.push_back(name);
  }
  return names;
}

bool Engine::can_start(std::string_view uid) const {
  State& s = impl_->true_state();
  const TaskId id = s.find(uid);
  if (id == kNoId || s.tasks[id].state != TaskState::kWaiting) return false;
  const TaskRecord& task = s.tasks[id];
  const QueueRecord& queue = s.queues[task.queue];
  // What others are guaranteed may come into the hands of those who yield to it.
  const Tier tier = tier_of(task.task, queue);
  const Amounts& total = s.shapes[task.shape].total;
  const bool low = tier == Tier::kLow;
  if (low && (never_left(s, task.queue, static_cast<int>(tier), total) ||
              never_kept(s, task.shape, static_cast<int>(tier)))) {
    return false;
  }
  return queue.known && !queue.queue.closed && !task.task.held && !never(s, task.shape) &&
         !never_allowed(s, task.shape) && !tenant_excess(s, id, true) &&
         fits_maximum(queue, total, true);
}

std::vector<Engine::Placed> Engine::placed(Time now) const {
  const State& s = impl_->true_state();
  std::vector<Placed> all;
  for (const TaskRecord& task : s.tasks) {
    const bool running = task.state == TaskState::kRunning;
    if (!task.live || (!running && task.state != TaskState::kReserved)) continue;
    const Time end = expected_end(s, task, now);
    all.push_back({task.task.uid, running, task.since,
                   end < kEndless ? std::optional(end) : std::nullopt, task.evicted_by,
                   task.evicted_at});
  }
  std::sort(all.begin(), all.end(),
            [](const Placed& a, const Placed& b) { return a.task < b.task; });
  return all;
}

std::vector<std::string> Engine::pods(std::string_view uid) const {
  const State& s = impl_->true_state();
  std::vector<std::string> uids;
  if (const TaskId id = s.find(uid); id != kNoId) {
    for (const PodId pod : s.tasks[id].pods) uids.push_back(s.pods[pod].pod.uid);
  }
  std::sort(uids.begin(), uids.end());
  return uids;
}

std::vector<std::string> Engine::pods_left() const {
  const State& s = impl_->true_state();
  std::vector<std::string> uids;
  for (const auto& [task, pods] : s.orphans) {
    for (const PodId pod : pods) uids.push_back(s.pods[pod].pod.uid);
  }
  for (const TaskRecord& task : s.tasks) {
    const bool placed = task.state == TaskState::kReserved || task.state == TaskState::kRunning;
    for (const PodId pod : task.pods) {
      if (!placed || s.pods[pod].pod.attempt != task.attempt) uids.push_back(s.pods[pod].pod.uid);
    }
  }
  std::sort(uids.begin(), uids.end());
  return uids;
}

namespace {

// The first in the order of the class, which content alone decides.
std::string example_of(const Cluster& cluster, const Profile& profile, ClassId c) {
  for (const auto& [devices, nodes] : cluster.cls(c).by_free_devices) {
    for (auto at = nodes.begin(); !nodes.at_end(at); at = nodes.next(at)) {
      const Node& node = cluster.node(nodes.get(at).node).node;
      if (!profile.node_level || match_node(profile.filter, node)) return node.name;
    }
  }
  return "";
}

}  // namespace

std::vector<std::vector<std::string>> Engine::kinds_of_nodes(std::string_view uid) const {
  const State& s = impl_->true_state();
  const TaskId id = s.find(uid);
  std::vector<std::vector<std::string>> all;
  if (id == kNoId || s.tasks[id].shape == kNoId) return all;
  for (const Shape::Group& group : s.shapes[s.tasks[id].shape].groups) {
    const Profile& profile = s.cluster.profile(group.profile);
    std::vector<std::string>& kinds = all.emplace_back();
    for (const auto& [name, zone] : s.cluster.zones()) {
      if (!group.zone.empty() && group.zone != name) continue;
      for (const ClassId c : s.cluster.zone(zone).classes) {
        if (profile.cells[c].match == Match::kNo) continue;
        std::string example = example_of(s.cluster, profile, c);
        if (!example.empty()) kinds.push_back(std::move(example));
      }
    }
  }
  return all;
}

std::uint64_t Engine::digest() const { return sched::digest(impl_->true_state()); }

}  // namespace sched
