// What a pass asked in vain is remembered, and what changes of nodes really brought is counted:
// crowded clusters in which somebody may always be asked to stop, and hardly anything helps. After
// each event the plan is that of an engine that was told the same and has never planned.
#include <gtest/gtest.h>

#include <random>

#include "scheduler/engine.hpp"
#include "tests/property/seeds.hpp"
#include "tests/unit/scheduler/worlds.hpp"

namespace sched::property {
namespace {

using test::amounts;

class Crowd {
 public:
  explicit Crowd(std::uint64_t seed) : random_(seed) {
    ConfigUpdate config;
    config.reservations = below(3) == 0 ? 1 : 8;
    config.victim_searches = 1 + below(4);
    tell(config);
    for (int i = 0; i < kNodes; ++i) tell(NodeUpsert{node(i)});
    const Strategy strategies[] = {Strategy::kBackfill, Strategy::kFifo, Strategy::kDrf,
                                   Strategy::kPriorityBased, Strategy::kFairSharing};
    for (int i = 0; i < kQueues; ++i) {
      Queue queue =
          test::queue("q" + std::to_string(i), static_cast<Tier>(below(3)), strategies[below(5)]);
      queue.weight = 1 + below(3);
      if (below(4) == 0) queue.reserve_after_ns = below(20) * test::kSecond;
      if (below(4) == 0) queue.half_life_ns = 30 * test::kSecond;
      tell(QueueUpsert{queue});
    }
    for (int i = 0; i < 30; ++i) submit(1 + below(2), 1 + below(8));
  }

  // The plan of both, the same or not.
  void expect_same() {
    Engine fresh;
    for (const Delta& delta : told_) fresh.apply(delta);
    const Plan known = engine_.plan(now_), anew = fresh.plan(now_);
    ASSERT_EQ(known.preemptions, anew.preemptions);
    ASSERT_EQ(known.starts.size(), anew.starts.size());
    for (std::size_t i = 0; i < known.starts.size(); ++i) {
      ASSERT_EQ(known.starts[i].task, anew.starts[i].task);
      ASSERT_EQ(known.starts[i].placement, anew.starts[i].placement);
    }
    idle_ += known.work.tasks == 0 && anew.work.tasks > 0;
    carry_out(known);
  }

  void event() {
    const auto kind = below(12);
    const int at = static_cast<int>(below(kNodes));
    if (kind < 4) return submit(1 + below(6), 1 + below(8));
    if (kind < 6) {
      const std::string pod = "foreign" + std::to_string(pods_++);
      foreign_.push_back(pod);
      return tell(
          PodUpsert{pod, node(at).name, amounts(below(4) == 0, 1 + below(8), 1, 1), "", 0, 0});
    }
    if (kind < 8 && !foreign_.empty()) {
      tell(PodRemove{foreign_.back()});
      return foreign_.pop_back();
    }
    if (kind < 10) {
      cordoned_[at] = !cordoned_[at];
      return tell(NodeUpsert{node(at)});
    }
    if (kind == 10) now_.ns += below(5) * test::kSecond;
    if (kind == 10 || placed_.empty()) return;
    const auto gone = static_cast<std::size_t>(below(static_cast<std::int64_t>(placed_.size())));
    end(placed_[gone]);
  }

  int idle() const { return idle_; }

 private:
  static constexpr int kNodes = 10, kQueues = 7;

  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(n));
  }
  Node node(int i) const {
    Node n = test::node("n" + std::to_string(i), i % 3 == 0 ? "zone-b" : "zone-a");
    n.unschedulable = cordoned_[i];
    return n;
  }
  void tell(const Delta& delta) {
    told_.push_back(delta);
    engine_.apply(delta);
  }
  void submit(std::int64_t pods, std::int64_t gpus) {
    const std::string uid = "t" + std::to_string(tasks_++);
    Task t = test::task(uid, "q" + std::to_string(below(kQueues)), pods, gpus, below(60));
    t.tenant = "tenant" + std::to_string(below(3));
    t.priority_value = static_cast<std::int32_t>(below(3));
    t.expected_duration_ns = (1 + below(50)) * test::kSecond;
    t.preemptible = below(8) == 0;
    t.guarantee_until.ns = below(4) == 0 ? below(90) * test::kSecond : 0;
    t.groups[0].requests.cpu_milli = (1 + below(8)) * 1000;
    asks_[uid] = t.groups[0].requests;
    tell(TaskUpsert{t});
  }
  void carry_out(const Plan& plan) {
    for (const Start& start : plan.starts) {
      tell(Assume{start.task, start.attempt, start.placement});
      placed_.push_back(start.task);
      if (below(3) == 0) continue;
      for (std::size_t rank = 0; rank < start.placement.nodes.size(); ++rank) {
        const std::string pod = start.task + "-" + std::to_string(rank);
        const auto number = static_cast<std::int64_t>(rank);
        const Resources& uses = asks_.at(start.task);
        tell(PodUpsert{pod, start.placement.nodes[rank], uses, start.task, start.attempt, number});
        pods_of_[start.task].push_back(pod);
      }
      tell(Confirm{start.task, now_});
    }
    for (const Preemption& preemption : plan.preemptions) {
      for (const std::string& victim : preemption.victims) {
        tell(Evict{victim, preemption.task, now_});
      }
      tell(Hold{preemption.task, preemption.placement, Time{now_.ns + below(20) * test::kSecond}});
    }
  }
  void end(std::string task) {
    tell(TaskEnd{task});
    std::erase(placed_, task);
    for (const std::string& pod : pods_of_[task]) {
      below(3) > 0 ? tell(PodRemove{pod}) : foreign_.push_back(pod);  // it goes later
    }
  }

  std::mt19937_64 random_;
  Engine engine_;
  std::vector<Delta> told_;
  std::vector<std::string> placed_, foreign_;
  std::map<std::string, std::vector<std::string>> pods_of_;
  std::map<std::string, Resources> asks_;
  std::array<bool, kNodes> cordoned_{};
  Time now_{100 * test::kSecond};
  int tasks_ = 0, pods_ = 0, idle_ = 0;
};

TEST(Asked, A_plan_with_nothing_to_try_is_that_of_an_engine_that_remembers_nothing) {
  int idle = 0;
  for (const std::uint64_t seed : seeds(15)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Crowd crowd(seed);
    for (int i = 0; i < 150; ++i) {
      crowd.expect_same();
      if (HasFatalFailure()) return;
      crowd.event();
    }
    idle += crowd.idle();
  }
  EXPECT_TRUE(idle > 20 || std::getenv("FERMI_SEED") != nullptr) << "nothing was remembered";
}

}  // namespace
}  // namespace sched::property
