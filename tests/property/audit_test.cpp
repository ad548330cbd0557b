// The auditor sees what is wrong: sound plans with one mistake seeded in each.
#include <gtest/gtest.h>

#include "scheduler/audit/audit.hpp"
#include "tests/property/brute.hpp"
#include "tests/property/seeds.hpp"
#include "tests/property/world.hpp"

namespace sched::property {
namespace {

struct Mistake {
  std::string name;
  // Spoils a plan of at least one start; false when it cannot in this world.
  std::function<bool(Plan&, World&)> make;
};

Start& any(Plan& plan, World& world) {
  return plan.starts[static_cast<std::size_t>(
      world.rng.below(static_cast<std::int64_t>(plan.starts.size())))];
}

// Mistakes in a gang and in what a start says of itself.
std::vector<Mistake> gang_mistakes() {
  return {
      {"a rank is missing",
       [](Plan& p, World& w) {
         any(p, w).placement.nodes.pop_back();
         return true;
       }},
      {"a rank too many",
       [](Plan& p, World& w) {
         auto& nodes = any(p, w).placement.nodes;
         nodes.push_back(nodes.front());
         return true;
       }},
      {"a node that does not exist",
       [](Plan& p, World& w) {
         any(p, w).placement.nodes.back() = "nowhere";
         return true;
       }},
      {"a start twice",
       [](Plan& p, World&) {
         p.starts.push_back(p.starts.front());
         return true;
       }},
      {"an unknown task",
       [](Plan& p, World& w) {
         any(p, w).task = "nobody";
         return true;
       }},
      {"another attempt",
       [](Plan& p, World& w) {
         ++any(p, w).attempt;
         return true;
       }},
      {"another number of zones",
       [](Plan& p, World& w) {
         ++any(p, w).zones;
         return true;
       }},
  };
}

// Mistakes in who starts and where.
std::vector<Mistake> place_mistakes() {
  return {
      {"a held task",
       [](Plan& p, World& w) {
         for (const auto& [uid, known] : w.tasks) {
           if (!known.task.held || known.decision || known.ended) continue;
           p.starts.front().task = uid;
           p.starts.front().attempt = known.task.attempt;
           return true;
         }
         return false;
       }},
      {"a cordoned or lost node",
       [](Plan& p, World& w) {
         for (const auto& [name, node] : w.nodes) {
           if (node.ready && !node.unschedulable) continue;
           any(p, w).placement.nodes.front() = name;
           return true;
         }
         return false;
       }},
      {"a full node",
       [](Plan& p, World& w) {
         Start& start = any(p, w);
         const Task& task = w.tasks.at(start.task).task;
         if (task.groups[0].requests.extended_amount("nvidia.com/gpu") == 0) return false;
         for (const auto& [name, node] : w.nodes) {
           if (node.allocatable.extended_amount("nvidia.com/gpu") != 0) continue;
           start.placement.nodes.front() = name;
           return true;
         }
         return false;
       }},
      {"a zone that was not asked for",
       [](Plan& p, World& w) {
         for (Start& start : p.starts) {
           const PodGroup& group = w.tasks.at(start.task).task.groups[0];
           for (const auto& [name, node] : w.nodes) {
             if (group.zone.empty() || node.zone == group.zone) continue;
             start.placement.nodes.front() = name;
             return true;
           }
         }
         return false;
       }},
  };
}

// Mistakes below the zone.
std::vector<Mistake> topology_mistakes() {
  const auto asks = [](const Task& task) { return !task.topology_level.empty(); };
  return {
      {"a rank in another rack or block than the others of its zone",
       [asks](Plan& p, World& w) {
         for (Start& start : p.starts) {
           const Task& task = w.tasks.at(start.task).task;
           if (!asks(task) || !task.topology_required) continue;
           auto& nodes = start.placement.nodes;
           const Node& last = w.nodes.at(nodes.back());
           const bool alone = std::count_if(nodes.begin(), nodes.end(), [&](const auto& name) {
                                return w.nodes.at(name).zone == last.zone;
                              }) < 2;
           for (const auto& [name, node] : w.nodes) {
             if (node.zone != last.zone || alone) continue;
             if (domain_of(w, task, node) == domain_of(w, task, last)) continue;
             nodes.back() = name;
             return true;
           }
         }
         return false;
       }},
  };
}

// A strict queue's order.
std::vector<Mistake> order_mistakes() {
  return {
      {"a head that was passed",
       [](Plan& p, World& w) {
         for (std::size_t i = 0; i < p.starts.size(); ++i) {
           const Task& first = w.tasks.at(p.starts[i].task).task;
           const bool plain = first.zone_policy == ZonePolicy::kAny && first.max_zones == 0 &&
                              first.max_latency_us == 0 && first.min_per_zone == 0;
           if (!plain || w.queues.at(first.queue).strategy != Strategy::kFifo) continue;
           for (std::size_t j = i + 1; j < p.starts.size(); ++j) {
             if (w.tasks.at(p.starts[j].task).task.queue != first.queue) continue;
             p.starts.erase(p.starts.begin() + static_cast<std::ptrdiff_t>(i));
             return true;
           }
         }
         return false;
       }},
  };
}

// The first rank of the plan that shares a device, or does not; false when there is none.
bool find_rank(Plan& plan, bool shares, Start*& start, std::size_t& rank) {
  for (Start& s : plan.starts) {
    for (std::size_t r = 0; r < s.placement.devices.size(); ++r) {
      if ((s.placement.devices[r] >= 0) != shares) continue;
      start = &s;
      rank = r;
      return true;
    }
  }
  return false;
}

// Parts of devices.
std::vector<Mistake> device_mistakes() {
  return {
      {"a part without a device",
       [](Plan& p, World&) {
         Start* start = nullptr;
         std::size_t rank = 0;
         if (!find_rank(p, true, start, rank)) return false;
         start->placement.devices[rank] = -1;
         return true;
       }},
      {"a device beyond all numbers",
       [](Plan& p, World&) {
         Start* start = nullptr;
         std::size_t rank = 0;
         if (!find_rank(p, true, start, rank)) return false;
         start->placement.devices[rank] = 4096;
         return true;
       }},
      {"a device for one who shares none",
       [](Plan& p, World& w) {
         Start& start = any(p, w);
         if (!start.placement.devices.empty()) return false;
         start.placement.devices.assign(start.placement.nodes.size(), 0);
         return true;
       }},
      {"more on one device than it has",
       [](Plan& p, World& w) {
         for (Start& start : p.starts) {
           std::int64_t sum = 0;
           for (const PodGroup& g : w.tasks.at(start.task).task.groups) {
             sum += g.requests.extended_amount("nvidia.com/gpu") == 0 && g.shared_milli < 1000
                        ? g.shared_milli * g.count
                        : 0;
           }
           if (sum <= 1000) continue;
           for (std::size_t r = 0; r < start.placement.devices.size(); ++r) {
             if (start.placement.devices[r] < 0) continue;
             start.placement.nodes[r] = start.placement.nodes.front();
             start.placement.devices[r] = 0;
           }
           return true;
         }
         return false;
       }},
      {"a part on a node that shares nothing",
       [](Plan& p, World& w) {
         Start* start = nullptr;
         std::size_t rank = 0;
         if (!find_rank(p, true, start, rank)) return false;
         for (const auto& [name, node] : w.nodes) {
           if (node.gpu_sharing) continue;
           start->placement.nodes[rank] = name;
           return true;
         }
         return false;
       }},
  };
}

std::vector<Mistake> mistakes() {
  std::vector<Mistake> all = gang_mistakes();
  for (const auto& more :
       {place_mistakes(), topology_mistakes(), order_mistakes(), device_mistakes()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

// Two small tasks in a strict queue, so that most plans have a pair that could be swapped.
std::vector<Delta> strict_pair(World& world) {
  Queue queue;
  queue.name = "q1";
  queue.strategy = Strategy::kFifo;
  world.queues["q1"] = queue;
  std::vector<Delta> deltas{QueueUpsert{queue}};
  for (const char* uid : {"y", "z"}) {
    Task task;
    task.uid = uid;
    task.queue = "q1";
    task.submitted = world.now;
    Resources request;
    request.cpu_milli = 100;
    request.pods = 1;
    task.groups.push_back({"", 1, request});
    world.tasks[uid].task = task;
    deltas.push_back(TaskUpsert{task});
  }
  return deltas;
}

TEST(Audit, Every_seeded_mistake_is_found) {
  std::map<std::string, int> made;
  for (const std::uint64_t seed : seeds(1000)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(
        seed,
        {.nodes_max = seed % 2 == 0 ? 24 : 6, .topology = seed % 2 == 0, .parts = seed % 2 == 1});
    Engine engine;
    Auditor auditor;
    const auto feed = [&](const std::vector<Delta>& deltas) {
      for (const Delta& d : deltas) {
        engine.apply(d);
        auditor.apply(d);
      }
    };
    feed(world.begin());
    for (int i = 0; i < 40; ++i) feed(world.event(engine.plan(world.now).starts));
    feed(strict_pair(world));
    const Plan plan = engine.plan(world.now);
    const auto violations = auditor.check(plan, world.now);
    ASSERT_TRUE(violations.empty()) << violations.front();
    if (plan.starts.empty()) continue;
    for (const Mistake& mistake : mistakes()) {
      Plan wrong = plan;
      if (!mistake.make(wrong, world)) continue;
      ++made[mistake.name];
      EXPECT_FALSE(auditor.check(wrong, world.now).empty()) << mistake.name;
    }
    if (HasFailure()) return;
  }
  if (std::getenv("FERMI_SEED") != nullptr) return;
  for (const Mistake& mistake : mistakes()) {
    EXPECT_GT(made[mistake.name], 3) << mistake.name << " was hardly ever tried";
  }
}

}  // namespace
}  // namespace sched::property
