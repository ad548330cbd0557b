#include "scheduler/engine.hpp"

#include <unordered_map>

#include "scheduler/conflicts/survey.hpp"
#include "scheduler/fair/guarantee.hpp"
#include "scheduler/fair/merge.hpp"
#include "scheduler/limits.hpp"
#include "scheduler/order/pass.hpp"
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
Engine::Engine(const Engine& other) : impl_(std::make_unique<Impl>(*other.impl_)) {}
Engine& Engine::operator=(const Engine& other) {
  if (this != &other) *impl_ = *other.impl_;
  return *this;
}
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

bool Engine::apply(const Delta& delta) { return impl_->state.apply(delta); }

// The pass gives back all it booked when it goes out of scope, after the plan was copied.
Plan Engine::plan(Time now, std::size_t max_starts) const {
  return Pass(impl_->state, now, max_starts).plan();
}

Plan Engine::forecast(Time now, std::size_t max_starts) const {
  return Pass(impl_->state, now, max_starts, Pass::Look::kForecast).plan();
}

// Everything else that changes a plan is a delta.
std::optional<Time> Engine::next_time(Time now) const {
  impl_->state.advance(now);
  const State& s = impl_->state;
  std::optional<Time> next;
  const auto sooner = [&](std::int64_t ns) {
    if (ns > now.ns && (!next || ns < next->ns)) next = Time{ns};
  };
  if (!s.cooling.empty()) sooner(s.cooling.begin()->first);
  for (const TaskId holder : s.held) sooner(s.tasks[holder].hold_until.ns);
  const auto unprotected = s.protected_until.upper_bound({now.ns, kNoId});
  if (unprotected != s.protected_until.end() && s.waits_high()) sooner(unprotected->first);
  return next;
}

std::optional<TaskState> Engine::state(std::string_view task) const {
  const TaskId id = impl_->state.find(task);
  if (id == kNoId) return std::nullopt;
  return impl_->state.tasks[id].state;
}

// Held tasks and tasks in back-off count: they keep their place.
std::int64_t Engine::position(std::string_view task) const {
  const State& s = impl_->state;
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
  const State& s = impl_->state;
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
  Pass pass(s, now, 1000, Pass::Look::kForecast);
  return why(s, pass, id, now);
}

std::vector<std::string> Engine::head(std::string_view queue, std::size_t limit) const {
  const State& s = impl_->state;
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
  State& s = impl_->state;
  s.advance(now);
  std::map<QueueId, std::vector<TaskId>> lines;
  for (const auto& [name, id] : s.queue_ids) {
    for (const std::string& uid : head(name, kConflictHeads)) lines[id].push_back(s.find(uid));
  }
  Pass pass(s, now, 1000, Pass::Look::kForecast);
  return survey(s, pass, waiters(s, lines), now);
}

Ruling Engine::rule(const Resolve& wish, Time now) const {
  Pass pass(impl_->state, now, 1000, Pass::Look::kForecast);
  return pass.settle(wish).ruling;
}

Engine::QueueFigures Engine::figures(std::string_view queue) const {
  const State& s = impl_->state;
  auto known = s.queue_ids.find(std::string(queue));
  if (known == s.queue_ids.end()) return {};
  const QueueRecord& record = s.queues[known->second];
  return {static_cast<std::int64_t>(record.line.size()), record.running,
          s.names.resources(record.used), s.names.resources(borrowed(s, known->second))};
}

std::vector<Engine::TenantFigures> Engine::tenants(std::string_view queue) const {
  const State& s = impl_->state;
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
  const State& s = impl_->state;
  const auto known = s.queue_ids.find(std::string(queue));
  if (known == s.queue_ids.end()) return {};
  return s.served(known->second);
}

std::optional<Resources> Engine::used(std::string_view node) const {
  const State& s = impl_->state;
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

std::uint64_t Engine::digest() const { return sched::digest(impl_->state); }

}  // namespace sched
