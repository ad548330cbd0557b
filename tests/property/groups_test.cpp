// A group over primary and backup zones, through random losses and loads: no zone ever has more of
// it than it may, a replica goes to the backup zone only when no healthy primary zone has a node
// for it, no move leaves the service with one replica less, and once all is well again everything
// is home.
#include <gtest/gtest.h>

#include <algorithm>

#include "scheduler/audit/audit.hpp"
#include "tests/property/seeds.hpp"
#include "tests/property/world.hpp"

namespace sched::property {
namespace {

constexpr const char* kGpu = "nvidia.com/gpu";

Resources gpus(std::int64_t count, std::int64_t pods) {
  Resources r;
  r.cpu_milli = 1000 * count;
  r.pods = pods;
  r.set_extended(kGpu, count);
  return r;
}

// One service, its owner, and a cluster in which things happen.
class Service {
 public:
  explicit Service(std::uint64_t seed) : rng_(seed) {
    for (const char* zone : {"a", "b", "c"}) {
      for (std::int64_t i = 1 + rng_.below(3); i > 0; --i) {
        Node node;
        node.name = std::string(zone) + std::to_string(i);
        node.zone = zone;
        node.allocatable = gpus(4, 20);
        nodes_[node.name] = node;
        apply(NodeUpsert{node});
      }
    }
    Queue queue;
    queue.name = "q";
    if (rng_.one_in(3)) queue.max_running = replicas_ = 2 + rng_.below(2);
    apply(QueueUpsert{queue});
    zones_ = {{"a", false, 1 + rng_.below(3)}, {"b", false, 2}, {"c", true, 4}};
    replicas_ = std::min(replicas_, zones_[0].replicas + zones_[1].replicas);
    for (std::int64_t i = 0; i < replicas_; ++i) submit("r" + std::to_string(i), "");
  }

  void event() {
    const auto at = std::next(nodes_.begin(), rng_.below(static_cast<std::int64_t>(nodes_.size())));
    Node& node = at->second;
    if (rng_.one_in(2)) {
      node.ready = !node.ready;
      apply(NodeUpsert{node});
    } else if (foreign_.erase(node.name) > 0) {
      apply(PodRemove{"f-" + node.name});
    } else {
      foreign_.insert(node.name);
      apply(PodUpsert{"f-" + node.name, node.name, gpus(3 + rng_.below(2), 1), ""});
    }
    if (rng_.one_in(6)) fail_one();
    settle();
  }

  void all_is_well() {
    for (auto& [name, node] : nodes_) {
      node.ready = true;
      apply(NodeUpsert{node});
    }
    for (const std::string& name : foreign_) apply(PodRemove{"f-" + name});
    foreign_.clear();
    settle();
    for (const auto& [uid, where] : placed_) EXPECT_NE(where, "c") << uid;
    EXPECT_EQ(static_cast<std::int64_t>(placed_.size()), replicas_);
  }
  int moves = 0, backups = 0;

 private:
  void apply(const Delta& d) {
    engine_.apply(d);
    auditor_.apply(d);
  }
  void submit(const std::string& uid, const std::string& replaces) {
    Task task;
    task.uid = task.name = uid;
    task.queue = "q";
    task.group_uid = "svc";
    task.group_zones = zones_;
    task.replaces = replaces;
    task.groups = {{"", 1, gpus(2, 1)}};
    task.submitted.ns = ++now_.ns;
    tasks_[uid] = task;
    apply(TaskUpsert{task});
  }
  // One stops by itself, and comes back.
  void fail_one() {
    if (placed_.empty()) return;
    const std::string uid = placed_.begin()->first;
    placed_.erase(uid);
    apply(Reject{uid, "failed", now_, now_});
  }
  std::int64_t in(const std::string& zone) const {
    return std::count_if(placed_.begin(), placed_.end(),
                         [&](const auto& entry) { return entry.second == zone; });
  }
  bool healthy(const std::string& zone) const {
    std::int64_t all = 0, lost = 0;
    for (const auto& [name, node] : nodes_) {
      all += node.zone == zone;
      lost += node.zone == zone && !node.ready;
    }
    return lost * 2 < all;
  }
  bool primary_takes_one() const {
    for (const auto& [name, node] : nodes_) {
      const GroupZone& zone = node.zone == "a" ? zones_[0] : zones_[1];
      if (node.zone == "c" || !node.ready || !healthy(node.zone)) continue;
      const std::optional<Resources> used = engine_.used(name);
      const std::int64_t left = 4 - (used ? used->extended_amount(kGpu) : 0);
      if (left >= 2 && in(node.zone) < zone.replicas) return true;
    }
    return false;
  }
  void start(const Start& s) {
    const std::string zone = nodes_.at(s.placement.nodes[0]).zone;
    if (zone == "c") {
      ++backups;
      EXPECT_FALSE(primary_takes_one()) << s.task << " goes to the backup zone without need";
    }
    apply(Assume{s.task, s.attempt, s.placement, now_});
    apply(Confirm{s.task, now_});
    placed_[s.task] = zone;
    const std::string old = tasks_[s.task].replaces;
    if (placed_.erase(old) > 0) apply(TaskEnd{old, now_});
    for (const GroupZone& g : zones_) EXPECT_LE(in(g.zone), g.replicas) << g.zone;
  }
  void settle() {
    for (int round = 0; round < 40; ++round) {
      const std::size_t before = placed_.size();
      const Plan plan = engine_.plan(now_);
      const auto violations = auditor_.check(plan, now_);
      ASSERT_TRUE(violations.empty()) << violations.front();
      ASSERT_LE(plan.moves.size(), 1u);
      if (plan.starts.empty() && plan.moves.empty()) return;
      for (const Start& s : plan.starts) start(s);
      for (const Move& move : plan.moves) {
        ++moves;
        EXPECT_EQ(placed_.at(move.task), "c");
        if (move.surge) {
          submit("m" + std::to_string(serial_++), move.task);
        } else {
          placed_.erase(move.task);
          apply(Reject{move.task, "moves back", {}, now_});
        }
      }
      const bool stops = !plan.moves.empty() && !plan.moves[0].surge;
      EXPECT_GE(placed_.size() + stops, before) << "a move left one replica less";
    }
    ADD_FAILURE() << "it never comes to rest";
  }

  Rng rng_;
  Engine engine_;
  Auditor auditor_;
  Time now_{1'000'000'000};
  std::int64_t replicas_ = 4, serial_ = 0;
  std::vector<GroupZone> zones_;
  std::map<std::string, Node> nodes_;
  std::map<std::string, Task> tasks_;
  std::set<std::string> foreign_;
  std::map<std::string, std::string> placed_;  // by task: its zone
};

TEST(Groups, Backup_zones_get_what_the_primary_does_not_take_and_give_it_back) {
  int moves = 0, backups = 0;
  for (const std::uint64_t seed : seeds(300)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Service service(seed);
    for (int i = 0; i < 30 && !::testing::Test::HasFailure(); ++i) service.event();
    if (!HasFailure()) service.all_is_well();
    if (HasFailure()) return;
    moves += service.moves;
    backups += service.backups;
  }
  std::printf("%d starts in a backup zone, %d moves back\n", backups, moves);
  EXPECT_GT(moves, 100);
}

}  // namespace
}  // namespace sched::property
