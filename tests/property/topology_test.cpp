// Where below the zone a gang goes: against all sets of racks on small clusters.
//
// One zone, whole nodes, gangs of one group: so the racks that a placement uses say all about it.
// The oracle tries every set of racks and knows nothing of how the engine counts.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "scheduler/audit/audit.hpp"
#include "scheduler/engine.hpp"
#include "tests/property/seeds.hpp"
#include "tests/property/world.hpp"

namespace sched::property {
namespace {

using Rack = std::pair<std::string, std::string>;  // block and rack

struct Floor {
  std::map<std::string, Rack> rack_of;     // by node
  std::map<Rack, std::int64_t> free, all;  // nodes
};

struct Shape {
  std::int64_t racks = 0, blocks = 0;
};

// The fewest racks that take so many nodes, and, among the sets of so few, the fewest blocks.
Shape fewest(const std::map<Rack, std::int64_t>& free, std::int64_t count) {
  const std::vector<std::pair<Rack, std::int64_t>> racks(free.begin(), free.end());
  Shape best{1'000, 1'000};
  for (std::size_t set = 1; set < (std::size_t{1} << racks.size()); ++set) {
    std::int64_t room = 0, used = 0;
    std::set<std::string> blocks;
    for (std::size_t i = 0; i < racks.size(); ++i) {
      if ((set >> i & 1) == 0) continue;
      room += racks[i].second;
      blocks.insert(racks[i].first.first);
      ++used;
    }
    const Shape shape{used, static_cast<std::int64_t>(blocks.size())};
    if (room < count) continue;
    if (std::pair(shape.racks, shape.blocks) < std::pair(best.racks, best.blocks)) best = shape;
  }
  return best;
}

class Trial {
 public:
  explicit Trial(std::uint64_t seed) : rng_(seed) {
    ConfigUpdate config;
    config.topology = {{"block", "block"}, {"rack", "rack"}};
    tell(config);
    Queue queue;
    queue.name = "q";
    tell(QueueUpsert{queue});
    for (std::int64_t i = 4 + rng_.below(16); i > 0; --i) add_node(i);
  }

  // Asks for so many whole nodes, and returns the racks that the placement uses, by node count;
  // none when it waits.
  std::map<Rack, std::int64_t> ask(std::int64_t count, bool required) {
    Task task;
    task.uid = "t";
    task.queue = "q";
    task.groups = {{"", count, whole()}};
    task.topology_level = "rack";
    task.topology_required = required;
    tell(TaskUpsert{task});
    const Plan plan = engine_.plan({1});
    EXPECT_EQ(auditor_.check(plan, {1}), std::vector<std::string>{});
    std::map<Rack, std::int64_t> used;
    if (plan.starts.empty()) return used;
    ranks_ = plan.starts.front().placement.nodes;
    for (const std::string& node : ranks_) ++used[floor.rack_of.at(node)];
    return used;
  }
  // Whether no rack's ranks are interrupted by another's.
  bool numbered_by_rack() const {
    std::set<Rack> over;
    for (std::size_t i = 1; i < ranks_.size(); ++i) {
      const Rack &before = floor.rack_of.at(ranks_[i - 1]), &now = floor.rack_of.at(ranks_[i]);
      if (before != now) over.insert(before);
      if (over.contains(now)) return false;
    }
    return true;
  }

  Floor floor;

 private:
  static Resources whole() {
    Resources r{1000, 0, 0, 1, {}};
    r.set_extended("nvidia.com/gpu", 8);
    return r;
  }
  void tell(const Delta& delta) {
    engine_.apply(delta);
    auditor_.apply(delta);
  }
  void add_node(std::int64_t i) {
    Node node;
    node.name = "n" + std::to_string(i);
    node.zone = "z";
    const Rack rack{"b" + std::to_string(rng_.below(3)), "r" + std::to_string(rng_.below(3))};
    node.labels = {{"block", rack.first}, {"rack", rack.second}};
    node.allocatable = {64'000, 0, 0, 100, {}};
    node.allocatable.set_extended("nvidia.com/gpu", 8);
    tell(NodeUpsert{node});
    floor.rack_of[node.name] = rack;
    ++floor.all[rack];
    if (!rng_.one_in(3)) {
      ++floor.free[rack];
      return;
    }
    tell(PodUpsert{"p" + std::to_string(i), node.name, whole(), "", 0, 0});
  }

  Rng rng_;
  Engine engine_;
  Auditor auditor_;
  std::vector<std::string> ranks_;
};

TEST(Topology, Required_takes_the_smallest_rack_that_fits) {
  for (const std::uint64_t seed : seeds(400)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    for (std::int64_t count = 1; count <= 6; ++count) {
      Trial trial(seed);
      const auto used = trial.ask(count, true);
      Rack best;
      std::int64_t least = 1'000;
      for (const auto& [rack, free] : trial.floor.free) {
        if (free >= count && free < least) {
          best = rack;
          least = free;
        }
      }
      const std::map<Rack, std::int64_t> expected{{best, count}};
      ASSERT_EQ(used, least == 1'000 ? decltype(used){} : expected);
    }
  }
}

TEST(Topology, Preferred_takes_the_fewest_racks_and_then_one_block_where_one_suffices) {
  for (const std::uint64_t seed : seeds(400)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::int64_t free = 0;
    for (const auto& [rack, nodes] : Trial(seed).floor.free) free += nodes;
    for (std::int64_t count = 1; count <= free + 1; ++count) {
      Trial trial(seed);
      const auto used = trial.ask(count, false);
      ASSERT_EQ(used.empty(), count > free) << "it starts exactly when the zone has the room";
      if (used.empty()) continue;
      const Shape best = fewest(trial.floor.free, count);
      std::set<std::string> blocks;
      for (const auto& [rack, nodes] : used) blocks.insert(rack.first);
      ASSERT_EQ(static_cast<std::int64_t>(used.size()), best.racks) << count << " nodes";
      ASSERT_EQ(blocks.size() == 1, best.blocks == 1) << count << " nodes";
      ASSERT_TRUE(trial.numbered_by_rack()) << count << " nodes";
    }
  }
}

}  // namespace
}  // namespace sched::property
