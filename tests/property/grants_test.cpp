// What others are guaranteed of some of the nodes still fits after every start: against Hall's
// condition, written down from the promise alone.
//
// The oracle knows demands: so much of GPUs or CPU on any of these nodes. A queue whose grants lie
// within each other demands the inner ones first, and of the outer one what is beyond them. All
// demands fit by amounts exactly when each set of them asks for no more than is free on all the
// nodes that any of them names. Judged where each queue's own grants are nested or disjoint; those
// of different queues may cross.
//
// That is the sound half. The other half is a bound: of the gangs that wait because of guarantees
// few could have been placed without breaking one.
#include <gtest/gtest.h>

#include "scheduler/audit/audit.hpp"
#include "scheduler/audit/rules.hpp"
#include "tests/property/brute.hpp"
#include "tests/property/seeds.hpp"

namespace sched::property {
namespace {

constexpr const char* kGpu = "nvidia.com/gpu";

struct Pair {
  std::int64_t gpus = 0, cpu = 0;
};

Pair of(const Resources& r) { return {r.extended_amount(kGpu), r.cpu_milli}; }

struct Demand {
  Quota nodes;
  Pair amounts;
};

bool inside(const Quota& a, const Quota& b) {
  return (b.zone.empty() || a.zone == b.zone) && (b.pool.empty() || a.pool == b.pool) &&
         (b.gpu_model.empty() || a.gpu_model == b.gpu_model);
}

bool apart(const Quota& a, const Quota& b) {
  const auto differ = [](const std::string& x, const std::string& y) {
    return !x.empty() && !y.empty() && x != y;
  };
  return differ(a.zone, b.zone) || differ(a.pool, b.pool) || differ(a.gpu_model, b.gpu_model);
}

std::vector<std::pair<Quota, Resources>> grants_of(const Queue& queue) {
  std::vector<std::pair<Quota, Resources>> grants;
  for (const Quota& quota : queue.quotas) {
    Quota nodes;
    nodes.zone = quota.zone;
    nodes.pool = quota.pool;
    nodes.gpu_model = quota.gpu_model;
    if (quota.has_guaranteed) grants.emplace_back(nodes, quota.guaranteed);
  }
  if (queue.has_guaranteed) grants.emplace_back(Quota{}, queue.guaranteed);
  return grants;
}

bool laminar(const Queue& queue) {
  const auto grants = grants_of(queue);
  for (std::size_t i = 0; i < grants.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const Quota &a = grants[i].first, &b = grants[j].first;
      if (inside(a, b) && inside(b, a)) return false;  // named twice
      if (!inside(a, b) && !inside(b, a) && !apart(a, b)) return false;
    }
  }
  return true;
}

// One small world in which some tasks run.
struct Scene {
  World world;
  Engine engine;
  Auditor auditor;
  FreeRoom free;
  std::map<std::string, std::map<std::string, Resources>> used;  // by queue and node

  explicit Scene(std::uint64_t seed)
      : world(seed, {.nodes_max = 4, .limits = true, .grants = true}) {}
  void feed(const Delta& d) {
    engine.apply(d);
    auditor.apply(d);
  }
  Pair used_by(const std::string& queue, const Quota& nodes) {
    Pair sum;
    for (const auto& [node, uses] : used[queue]) {
      if (!audit::counts_in(nodes, world.nodes.at(node))) continue;
      sum.gpus += uses.extended_amount(kGpu);
      sum.cpu += uses.cpu_milli;
    }
    return sum;
  }
};

// What is idle of a queue's grants, inner ones first, each beyond what lies within it.
std::vector<Demand> demands_of(Scene& scene, const Queue& queue) {
  auto grants = grants_of(queue);
  std::stable_sort(grants.begin(), grants.end(), [](const auto& a, const auto& b) {
    const auto named = [](const Quota& q) {
      return !q.zone.empty() + !q.pool.empty() + !q.gpu_model.empty();
    };
    return named(a.first) > named(b.first);
  });
  std::vector<Demand> demands;
  for (const auto& [nodes, guaranteed] : grants) {
    const Pair granted = of(guaranteed), now = scene.used_by(queue.name, nodes);
    Pair idle{std::max<std::int64_t>(granted.gpus - now.gpus, 0),
              std::max<std::int64_t>(granted.cpu - now.cpu, 0)};
    for (const Demand& inner : demands) {
      if (!inside(inner.nodes, nodes)) continue;
      idle.gpus = std::max<std::int64_t>(idle.gpus - inner.amounts.gpus, 0);
      idle.cpu = std::max<std::int64_t>(idle.cpu - inner.amounts.cpu, 0);
    }
    demands.push_back({nodes, idle});
  }
  return demands;
}

// Hall's condition, for each set of demands.
bool fit(const World& world, const std::vector<Demand>& demands, const FreeRoom& free) {
  for (std::uint64_t set = 1; set < std::uint64_t{1} << demands.size(); ++set) {
    Pair asked, there;
    const auto chosen = [&](std::size_t i) { return (set >> i & 1) != 0; };
    for (std::size_t i = 0; i < demands.size(); ++i) {
      if (!chosen(i)) continue;
      asked.gpus += demands[i].amounts.gpus;
      asked.cpu += demands[i].amounts.cpu;
    }
    for (const auto& [name, node] : world.nodes) {
      if (!node.ready || node.unschedulable) continue;
      bool named = false;
      for (std::size_t i = 0; i < demands.size(); ++i) {
        named = named || (chosen(i) && audit::counts_in(demands[i].nodes, node));
      }
      if (!named) continue;
      there.gpus += std::max<std::int64_t>(free.at(name).extended_amount(kGpu), 0);
      there.cpu += std::max<std::int64_t>(free.at(name).cpu_milli, 0);
    }
    if (asked.gpus > there.gpus || asked.cpu > there.cpu) return false;
  }
  return true;
}

// Of the resource that a task asks for, others' demands alone.
std::vector<Demand> others_of(Scene& scene, const std::string& queue, const Task& task) {
  std::vector<Demand> others;
  for (const auto& [name, other] : scene.world.queues) {
    if (name == queue) continue;
    for (Demand demand : demands_of(scene, other)) {
      std::int64_t gpus = 0, cpu = 0;
      for (const PodGroup& group : task.groups) {
        gpus += group.requests.extended_amount(kGpu);
        cpu += group.requests.cpu_milli;
      }
      if (gpus == 0) demand.amounts.gpus = 0;
      if (cpu == 0) demand.amounts.cpu = 0;
      if (demand.amounts.gpus + demand.amounts.cpu > 0) others.push_back(demand);
    }
  }
  return others;
}

// The first is the task's: mostly without a guarantee of its own, and it does not pool.
void make_queues(Scene& scene) {
  World& world = scene.world;
  for (const char* name : {"q1", "q2", "q3"}) {
    Queue queue;
    queue.name = name;
    queue.tier = Tier::kMedium;
    const bool own = std::string(name) == "q1";
    queue.pooling = !own || world.rng.one_in(8);
    if (!own || world.rng.one_in(6)) {
      for (std::int64_t i = 1 + world.rng.below(2); i > 0; --i) {
        Quota quota = world.random_quota();
        quota.has_maximum = false;
        quota.maximum = {};
        quota.has_guaranteed = true;
        quota.guaranteed = {};
        quota.guaranteed.set_extended(kGpu, 1 + world.rng.below(4));
        if (world.rng.one_in(6)) quota.guaranteed.cpu_milli = 1000 + 1000 * world.rng.below(3);
        queue.quotas.push_back(quota);
      }
    }
    queue.has_guaranteed = !own && world.rng.one_in(5);
    if (queue.has_guaranteed) queue.guaranteed.set_extended(kGpu, 1 + world.rng.below(3));
    world.queues[name] = queue;
    scene.feed(QueueUpsert{queue});
  }
}

void run_some(Scene& scene) {
  std::vector<std::string> names;
  for (const auto& [name, node] : scene.world.nodes) names.push_back(name);
  for (int i = 0; i < 2; ++i) {
    const std::string uid = "other" + std::to_string(i);
    Task other = scene.world.random_task(uid);
    if (!scene.world.queues.contains(other.queue)) continue;
    other.groups = {{"", 1, scene.world.random_request()}};
    other.groups[0].requests.set_extended(kGpu, scene.world.rng.below(2));
    const std::string node = scene.world.rng.pick(names);
    scene.feed(TaskUpsert{other});
    scene.feed(Assume{uid, 0, {{node}}});
    move(scene.free[node], other.groups[0].requests, -1);
    move(scene.used[other.queue][node], other.groups[0].requests, 1);
  }
}

struct Tally {
  int starts = 0, judged = 0, kept = 0, missed = 0;
};

void try_world(std::uint64_t seed, Tally& tally) {
  Scene scene(seed);
  World& world = scene.world;
  for (const Delta& d : world.begin()) scene.feed(d);
  for (auto& [name, node] : world.nodes) {
    node.ready = true;
    node.unschedulable = false;
    node.taints.clear();
    node.allocatable.set_extended(kGpu, 2 + world.rng.below(5));
    scene.feed(NodeUpsert{node});
    scene.free[name] = node.allocatable;
  }
  make_queues(scene);
  for (const auto& [name, queue] : world.queues) {
    if (!laminar(queue)) return;
  }
  run_some(scene);
  Task task = world.random_task("t");
  task.queue = "q1";
  task.held = false;
  task.not_before = {};
  if (!defined(task) || !world.queues.contains(task.queue)) return;
  const Queue& queue = world.queues.at(task.queue);
  const bool high = std::max(task.tier, queue.tier) == Tier::kHigh;
  scene.feed(TaskUpsert{task});
  const Plan plan = scene.engine.plan(world.now);
  const auto violations = scene.auditor.check(plan, world.now);
  ASSERT_TRUE(violations.empty()) << violations.front();
  const auto demands = others_of(scene, task.queue, task);
  if (demands.empty() || !fit(world, demands, scene.free)) return;
  const auto after = [&](const std::vector<std::string>& nodes) {
    FreeRoom left = scene.free;
    std::size_t rank = 0;
    for (const PodGroup& group : task.groups) {
      for (std::int64_t i = 0; i < group.count; ++i) move(left[nodes[rank++]], group.requests, -1);
    }
    return fit(world, demands, left);
  };
  if (!plan.starts.empty()) {
    ++tally.starts;
    if (audit::may_borrow(queue) && !high) return;
    // What it takes within its own guarantees may be more than there is for everybody.
    if (!demands_of(scene, queue).empty()) return;
    ++tally.judged;
    EXPECT_TRUE(after(plan.starts.front().placement.nodes)) << "what others are guaranteed is gone";
    return;
  }
  if (scene.engine.explain("t", world.now).code != ReasonCode::kGuaranteed) return;
  ++tally.kept;
  Brute brute(world, task, scene.free);
  brute.used_on = scene.used[task.queue];
  brute.also = after;
  tally.missed += brute.feasible();
}

TEST(Grants, What_others_are_guaranteed_of_some_nodes_still_fits_after_every_start) {
  Tally tally;
  for (const std::uint64_t seed : seeds(24000)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    try_world(seed, tally);
    if (HasFailure()) return;
  }
  std::printf("%d starts, %d judged; %d kept out by guarantees, %d of them without need\n",
              tally.starts, tally.judged, tally.kept, tally.missed);
  EXPECT_GT(tally.judged, 100);
  EXPECT_GT(tally.kept, 100);
  EXPECT_LE(tally.missed * 20, tally.kept) << "it keeps out more than one in twenty without need";
}

}  // namespace
}  // namespace sched::property
