// What elastic gangs get: against a reading of the world by brute force, which knows nothing of the
// engine but its plans. One queue without limits and nodes without filters, so that the rule can be
// said in a few lines:
//   - a gang has its minimum at least, its maximum at most, and stays where it runs;
//   - beyond its minimum it lies on no node on which somebody who waits could run;
//   - in the zones that it uses there is nothing left that it could have had.
// And what is taken from them: never below the minimum, and no Pod without need.
#include <gtest/gtest.h>

#include "tests/property/seeds.hpp"
#include "tests/property/world.hpp"

namespace sched::property {
namespace {

constexpr const char* kGpu = "nvidia.com/gpu";
constexpr std::int64_t kCooldown = 2'000'000'000;

// How often this request fits into what is left.
std::int64_t fits(const Resources& free, const Resources& asks) {
  std::int64_t most = 1'000'000;
  const auto limit = [&most](std::int64_t has, std::int64_t wants) {
    if (wants > 0) most = std::min(most, std::max<std::int64_t>(has, 0) / wants);
  };
  limit(free.cpu_milli, asks.cpu_milli);
  limit(free.memory_bytes, asks.memory_bytes);
  limit(free.pods, asks.pods);
  for (const auto& [name, amount] : asks.extended) limit(free.extended_amount(name), amount);
  return most;
}

void take(Resources& from, const Resources& what) {
  from.cpu_milli -= what.cpu_milli;
  from.memory_bytes -= what.memory_bytes;
  from.pods -= what.pods;
  for (const auto& [name, amount] : what.extended) {
    from.set_extended(name, from.extended_amount(name) - amount);
  }
}

bool open(const Node& node) { return node.ready && !node.unschedulable; }

class Reading {
 public:
  Reading(const World& world, const Engine& engine, const Plan& plan)
      : world_(world), engine_(engine), plan_(plan) {
    for (const auto& [name, node] : world.nodes) free_[name] = node.allocatable;
    for (const auto& [uid, pod] : world.pods) {
      if (free_.contains(pod.node)) take(free_[pod.node], pod.requests);
    }
    for (const auto& [uid, known] : world.tasks) reserve(known);
    for (const Start& start : plan.starts) {
      starting_.insert(start.task);
      book(world.tasks.at(start.task).task, start.placement.nodes, 0);
    }
    for (const Resize& grow : plan.grows) {
      const World::Known& known = world.tasks.at(grow.task);
      book(known.task, grow.placement.nodes, known.decision->placement.nodes.size());
    }
  }

  void check() {
    for (const Start& start : plan_.starts) {
      const Task& task = world_.tasks.at(start.task).task;
      check_size(task, start.placement.nodes, least(task));
      if (elastic(task)) check_nothing_left(task, start.placement.nodes);
    }
    std::set<std::string> grown;
    for (const Resize& grow : plan_.grows) {
      grown.insert(grow.task);
      check_grow(grow);
    }
    for (const auto& [uid, known] : world_.tasks) {
      if (!grown.contains(uid) && may_grow(known)) {
        check_nothing_left(known.task, known.decision->placement.nodes);
      }
    }
  }

  static inline int grows = 0, larger = 0;

 private:
  void check_grow(const Resize& grow) {
    const World::Known& known = world_.tasks.at(grow.task);
    const auto& before = known.decision->placement.nodes;
    const auto& now = grow.placement.nodes;
    ASSERT_GT(now.size(), before.size());
    EXPECT_TRUE(std::equal(before.begin(), before.end(), now.begin())) << grow.task << " moves";
    ASSERT_TRUE(known.confirmed);
    EXPECT_GE(world_.now.ns - known.confirmed->at.ns, kCooldown) << "it started a moment ago";
    const std::vector<std::string> added(now.begin() + std::ssize(before), now.end());
    for (const std::string& node : added) {
      EXPECT_FALSE(waited_for(world_.nodes.at(node), true)) << grow.task << " gets " << node;
    }
    EXPECT_LE(now.size(), most(known.task));
    check_nothing_left(known.task, now);
    ++grows;
    ++larger;
  }

  static std::size_t least(const Task& task) {
    std::int64_t sum = 0;
    for (const PodGroup& group : task.groups) sum += group.count;
    return static_cast<std::size_t>(sum);
  }
  static bool elastic(const Task& task) {
    return task.groups.size() == 1 && task.groups[0].most > task.groups[0].count &&
           task.zone_policy != ZonePolicy::kSpread && task.min_per_zone == 0;
  }
  static std::size_t most(const Task& task) {
    return elastic(task) ? static_cast<std::size_t>(task.groups[0].most) : least(task);
  }
  // Ranks of a decision whose Pods have not been there yet.
  void reserve(const World::Known& known) {
    if (!known.decision) return;
    std::set<std::int64_t> seen;
    const auto look = [&](const PodUpsert& pod) {
      const bool own = pod.task == known.task.uid && pod.attempt == known.decision->attempt;
      if (own) seen.insert(pod.rank);
    };
    for (const auto& [uid, pod] : world_.pods) look(pod);
    for (const PodUpsert& pod : known.gone) look(pod);
    for (std::size_t r = 0; r < known.decision->placement.nodes.size(); ++r) {
      if (seen.contains(static_cast<std::int64_t>(r))) continue;
      book_one(known.task, known.decision->placement.nodes[r], r);
    }
  }
  void book(const Task& task, const std::vector<std::string>& nodes, std::size_t from) {
    for (std::size_t r = from; r < nodes.size(); ++r) book_one(task, nodes[r], r);
  }
  void book_one(const Task& task, const std::string& node, std::size_t rank) {
    const PodGroup* of = &task.groups.back();
    for (const PodGroup& group : task.groups) {
      of = &group;
      if (rank < static_cast<std::size_t>(group.count)) break;
      rank -= static_cast<std::size_t>(group.count);
    }
    if (free_.contains(node)) take(free_[node], of->requests);
  }
  // `has`: how many it may have wherever it likes.
  void check_size(const Task& task, const std::vector<std::string>& nodes, std::size_t has) {
    EXPECT_GE(nodes.size(), least(task));
    EXPECT_LE(nodes.size(), most(task));
    std::size_t waited = 0;
    for (const std::string& node : nodes) waited += waited_for(world_.nodes.at(node), true);
    if (has < nodes.size()) {
      EXPECT_LE(waited, has) << task.uid << " is where others wait";
    }
    larger += nodes.size() > least(task);
  }
  bool may_grow(const World::Known& known) const {
    if (!known.decision || !known.confirmed || known.ended || !elastic(known.task)) return false;
    if (world_.now.ns - known.confirmed->at.ns < kCooldown) return false;
    for (const auto& [uid, pod] : world_.pods) {
      const bool old = pod.task == known.task.uid && pod.attempt < known.decision->attempt;
      if (old) return false;
    }
    const auto& nodes = known.decision->placement.nodes;
    return std::all_of(nodes.begin(), nodes.end(), [this](const std::string& name) {
      const auto node = world_.nodes.find(name);
      return node != world_.nodes.end() && open(node->second);
    });
  }
  void check_nothing_left(const Task& task, const std::vector<std::string>& nodes) {
    const auto queue = world_.queues.find(task.queue);
    const bool plain = queue != world_.queues.end() && !queue->second.closed;
    if (!plain || nodes.size() >= most(task) || !plan_.preemptions.empty()) return;
    std::set<std::string> zones;
    for (const std::string& node : nodes) zones.insert(world_.nodes.at(node).zone);
    // Its nodes are told to be in another zone than when it started.
    if (task.zone_policy == ZonePolicy::kSingle && zones.size() > 1) return;
    for (const auto& [name, node] : world_.nodes) {
      if (!open(node) || !zones.contains(node.zone) || waited_for(node, false)) continue;
      const std::string& wanted = task.groups[0].zone;
      if (!wanted.empty() && wanted != node.zone) continue;
      EXPECT_EQ(fits(free_[name], task.groups[0].requests), 0)
          << task.uid << " could have " << name;
    }
  }
  // `surely`: by somebody who could start if the cluster were empty.
  bool waited_for(const Node& node, bool surely) const {
    for (const auto& [uid, known] : world_.tasks) {
      if (known.decision || known.ended || known.task.held || starting_.contains(uid)) continue;
      const Time until =
          std::max(known.task.not_before, known.rejected ? known.rejected->not_before : Time{});
      const bool certain = surely || until <= world_.now;
      if (!world_.queues.contains(known.task.queue)) continue;
      if (certain && !engine_.can_start(uid)) continue;
      for (const PodGroup& group : known.task.groups) {
        const bool here = group.zone.empty() || group.zone == node.zone;
        if (here && group.count > 0 && fits(node.allocatable, group.requests) > 0) return true;
      }
    }
    return false;
  }

  const World& world_;
  const Engine& engine_;
  const Plan& plan_;
  std::map<std::string, Resources> free_;
  std::set<std::string> starting_;
};

void run(std::uint64_t seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  World world(seed, {.plain = true, .elastic = true});
  for (auto& [name, queue] : world.queues) queue.cooldown_ns = kCooldown;
  Engine engine;
  const auto feed = [&](const std::vector<Delta>& deltas) {
    for (const Delta& delta : deltas) engine.apply(delta);
  };
  feed(world.begin());
  for (int i = 0; i < 100; ++i) {
    const Plan plan = engine.plan(world.now);
    const bool resizes = i % 3 == 0 && !plan.grows.empty();
    std::vector<Delta> deltas;
    if (!resizes) deltas = world.event(plan.starts);
    world.now.ns += 500'000'000;
    for (auto& [uid, known] : world.tasks) {
      if (!known.decision || known.confirmed || i % 4 != 0) continue;
      known.confirmed = Confirm{uid, world.now};
      deltas.push_back(*known.confirmed);
    }
    // The rule is read for queues without limits.
    for (auto& [name, queue] : world.queues) {
      Queue bare;
      bare.name = name;
      bare.cooldown_ns = kCooldown;
      if (queue != bare) deltas.push_back(QueueUpsert{queue = bare});
    }
    feed(deltas);
    for (const Resize& grow : resizes ? plan.grows : std::vector<Resize>{}) {
      feed(world.resize(grow));
    }
    const Plan next = engine.plan(world.now);
    Reading(world, engine, next).check();
    ASSERT_FALSE(::testing::Test::HasFailure()) << "event " << i;
  }
}

TEST(Elastic, A_gang_gets_what_is_left_and_nothing_that_anybody_waits_for) {
  for (const std::uint64_t seed : seeds(150)) {
    run(seed);
    if (HasFailure()) return;
  }
  std::printf("%d gangs above their minimum, %d of them grew\n", Reading::larger, Reading::grows);
}

// One High task and a few Low gangs on equal nodes of 8 GPUs.
struct Story {
  Engine engine;
  std::int64_t nodes = 0;
  std::map<std::string, Task> low;
  std::map<std::string, Assume> runs;

  void submit(const std::string& uid, const std::string& queue, std::int64_t count,
              std::int64_t most, std::int64_t gpus) {
    Task t;
    t.uid = t.name = uid;
    t.queue = queue;
    t.tier = Tier::kHigh;
    t.groups.push_back({"", count, {}, "", 0, most});
    t.groups[0].requests.pods = 1;
    t.groups[0].requests.set_extended(kGpu, gpus);
    engine.apply(TaskUpsert{t});
    if (queue == "low") low[uid] = t;
  }
  std::int64_t gpus(const std::string& uid) const {
    return low.at(uid).groups[0].requests.extended_amount(kGpu);
  }
  explicit Story(std::uint64_t seed) {
    Rng rng(seed);
    for (const Tier tier : {Tier::kLow, Tier::kHigh}) {
      Queue queue;
      queue.name = tier == Tier::kLow ? "low" : "high";
      queue.tier = tier;
      engine.apply(QueueUpsert{queue});
    }
    nodes = 2 + rng.below(6);
    for (std::int64_t n = 0; n < nodes; ++n) {
      Node node;
      node.name = "n" + std::to_string(n);
      node.zone = "a";
      node.allocatable.pods = 20;
      node.allocatable.set_extended(kGpu, 8);
      engine.apply(NodeUpsert{node});
    }
    for (int i = 1; i < 5; ++i) {
      const std::int64_t count = 1 + rng.below(2);
      submit("l" + std::to_string(i), "low", count, count + rng.below(4), 4 << rng.below(2));
      for (const Start& s : engine.plan({i}).starts) {
        runs[s.task] = Assume{s.task, s.attempt, s.placement, {i}};
        engine.apply(runs[s.task]);
        engine.apply(Confirm{s.task, {i}});
      }
    }
    submit("h", "high", 1 + rng.below(3), 0, 8);
  }
};

// By hand: what is on each node, and what each of them takes away from it.
void check_taken(Story& story, const Preemption& p) {
  std::map<std::string, std::int64_t> used;
  for (const auto& [uid, run] : story.runs) {
    for (const std::string& node : run.placement.nodes) used[node] += story.gpus(uid);
  }
  for (const std::string& uid : p.victims) {
    for (const std::string& node : story.runs[uid].placement.nodes) used[node] -= story.gpus(uid);
  }
  std::vector<std::pair<std::string, std::int64_t>> given;  // single Pods of those who run on
  for (const Resize& shrink : p.shrinks) {
    const auto& before = story.runs[shrink.task].placement.nodes;
    ASSERT_GE(std::ssize(shrink.placement.nodes), story.low[shrink.task].groups[0].count);
    ASSERT_LT(shrink.placement.nodes.size(), before.size());
    std::multiset<std::string> gone(before.begin(), before.end());
    for (const std::string& node : shrink.placement.nodes) {
      ASSERT_TRUE(gone.contains(node)) << "it would run where it does not";
      gone.erase(gone.find(node));
    }
    for (const std::string& node : gone) {
      given.emplace_back(node, story.gpus(shrink.task));
      used[node] -= given.back().second;
    }
  }
  const auto whole = [&] {  // nodes with 8 GPUs free
    std::int64_t free = 0;
    for (std::int64_t n = 0; n < story.nodes; ++n) free += used["n" + std::to_string(n)] == 0;
    return free;
  };
  ASSERT_GE(whole(), std::ssize(p.placement.nodes));
  for (const auto& [node, gpus] : given) {
    used[node] += gpus;
    EXPECT_LT(whole(), std::ssize(p.placement.nodes)) << "a Pod on " << node << " could stay";
    used[node] -= gpus;
  }
}

TEST(Elastic, What_is_taken_is_enough_and_no_Pod_of_it_could_be_left) {
  std::size_t shrinks = 0, stops = 0;
  for (const std::uint64_t seed : seeds(300)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Story story(seed);
    const Plan plan = story.engine.plan({100});
    if (plan.preemptions.empty()) continue;
    shrinks += plan.preemptions.front().shrinks.size();
    stops += plan.preemptions.front().victims.size();
    check_taken(story, plan.preemptions.front());
    if (HasFailure()) return;
  }
  std::printf("%zu gangs gave something up, %zu stopped\n", shrinks, stops);
}

}  // namespace
}  // namespace sched::property
