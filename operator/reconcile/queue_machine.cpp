#include "operator/reconcile/queue_machine.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace fermi {
namespace {

bool has_finalizer(const TaskQueue& queue) {
  const auto& all = queue.meta.finalizers;
  return std::find(all.begin(), all.end(), kQueueFinalizer) != all.end();
}

void set(const QueueFacts& f, TaskQueueStatus& s, std::string_view type, bool value,
         std::string_view reason, std::string message) {
  Condition c;
  c.type = type;
  c.status = value ? "True" : "False";
  c.reason = reason;
  c.message = std::move(message);
  c.observed_generation = f.queue->meta.generation;
  set_condition(s.conditions, std::move(c), f.now);
}

// Stands there from the first time that something is wrong.
void warn(const QueueFacts& f, TaskQueueStatus& s, std::string_view type, std::string_view reason,
          const std::string& problem, std::string_view fine) {
  if (!problem.empty())
    set(f, s, type, false, reason, problem);
  else if (find_condition(s.conditions, type) != nullptr)
    set(f, s, type, true, type, std::string(fine));
}

std::string wish_of(const TaskQueue& queue) {
  return cut_wish(queue.meta.annotation(annotation::kResolveConflict));
}

bool is_answered(const TaskQueue& queue, const std::string& wish) {
  const auto& all = queue.status.resolutions;
  return !all.empty() && all.back().request == wish;
}

// As the turns of those that stand there go on. The last ten are kept, and those that go on
// longest.
void set_turns(const QueueFacts& f, TaskQueueStatus& s) {
  for (QueueResolution& resolution : s.resolutions) {
    for (const QueueResolution& now : f.slices) {
      if (now.conflict != resolution.conflict || now.at != resolution.at) continue;
      const std::string request = std::exchange(resolution, now).request;
      resolution.request = request;
    }
  }
  while (s.resolutions.size() > kShownResolutions) {
    const auto over = std::find_if(s.resolutions.begin(), s.resolutions.end(),
                                   [](const QueueResolution& r) { return r.between.empty(); });
    s.resolutions.erase(over == s.resolutions.end() ? s.resolutions.begin() : over);
  }
}

// The answer to a wish that has been taken off stands alone.
void set_resolutions(const QueueFacts& f, TaskQueueStatus& s) {
  const std::string wish = wish_of(*f.queue);
  for (QueueResolution& resolution : s.resolutions)
    if (resolution.request != wish) resolution.request.clear();
  if (!wish.empty() && f.resolution && !is_answered(*f.queue, wish))
    s.resolutions.push_back(*f.resolution);
  set_turns(f, s);
}

void set_conditions(const QueueFacts& f, TaskQueueStatus& s) {
  const TaskQueue& queue = *f.queue;
  std::string problems;
  for (const std::string& problem : queue.problems)
    problems += (problems.empty() ? "" : "; ") + problem;
  if (!problems.empty())
    set(f, s, "Ready", false, "Invalid", problems);
  else if (queue.meta.deleting())
    set(f, s, "Ready", false, "Deleting", "it takes nothing new and starts nothing");
  else if (queue.spec.closed)
    set(f, s, "Ready", false, "Closed", "spec.closed is true: nothing starts");
  else
    set(f, s, "Ready", true, "Ready", "tasks may start; " + f.rules);
  if (queue.meta.deleting())
    set(f, s, "Deleting", true, "InUse",
        "it goes when it is empty: " + std::to_string(f.pending) + " tasks wait and " +
            std::to_string(f.running) + " run" +
            (f.pending > 0 ? "; those that wait start in another queue only" : ""));
  warn(f, s, "NodesFound", "NoSuchNodes", f.nodes.missing, "nodes lie wherever its spec says");
  warn(f, s, "GuaranteeCovered", "MoreThanThereIs", f.nodes.uncovered,
       "there is what it is guaranteed");
}

constexpr k8s::Duration kCostPeriod = std::chrono::hours(1);

// Who costs what per hour, and under which name.
std::vector<CostLine> rates_of(const QueueCost& cost) {
  std::vector<CostLine> out = {{cost.currency, cost.per_hour, 0}};
  for (const auto* lines : {&cost.tenants, &cost.pools})
    for (const CostLine& line : *lines) out.push_back({line.name, line.per_hour, 0});
  return out;
}

// When the amounts are to be written though nothing else is; nothing for never.
std::optional<k8s::WallTime> cost_due(const QueueFacts& f) {
  if (!f.cost) return std::nullopt;
  const auto& said = f.queue->status.cost;
  if (!said || rates_of(*said) != rates_of(*f.cost)) return f.now;
  if (f.cost->per_hour == 0) return std::nullopt;
  const k8s::WallTime last = said->observed_at.value_or(k8s::WallTime{});
  return last > f.now ? f.now : last + kCostPeriod;
}

}  // namespace

std::string open_wish(const TaskQueue& queue) {
  const std::string wish = wish_of(queue);
  return is_answered(queue, wish) ? "" : wish;
}

QueueStep next_step(const QueueFacts& f) {
  const TaskQueue& queue = *f.queue;
  if (queue.meta.deleting() && f.pending == 0 && f.running == 0) {
    if (!has_finalizer(queue)) return QueueRest{};
    SetFinalizers step{queue.meta.finalizers};
    std::erase(step.finalizers, std::string(kQueueFinalizer));
    return step;
  }
  if (!queue.meta.deleting() && !has_finalizer(queue)) {
    SetFinalizers step{queue.meta.finalizers};
    step.finalizers.emplace_back(kQueueFinalizer);
    return step;
  }
  const std::string wish = wish_of(queue);
  if (!wish.empty() && is_answered(queue, wish)) return TakeOffWish{};
  TaskQueueStatus s = queue.status;
  s.pending = f.pending;
  s.running = f.running;
  s.used = f.used;
  s.borrowed = f.borrowed;
  s.flavors = f.flavors;
  s.tenants = f.tenants;
  s.tenant_count = f.tenant_count;
  s.budget_violations = f.budget_violations;
  s.reservations_moved = f.reservations_moved;
  s.past = f.past;
  s.head = f.head;
  s.strategies = f.strategies;
  s.conflict_counts = f.conflict_counts;
  s.conflicts = f.conflicts;
  set_resolutions(f, s);
  s.gpus = f.gpus_used + "/" + std::to_string(f.gpus_total);
  set_conditions(f, s);
  const auto due = cost_due(f);
  const bool told = due && *due <= f.now;
  if (!told && s == queue.status) return QueueRest{due};
  if (f.cost) s.cost = f.cost;
  s.observed_generation = queue.meta.generation;
  return WriteQueueStatus{std::move(s)};
}

}  // namespace fermi
