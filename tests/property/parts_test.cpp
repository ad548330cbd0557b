// Parts of devices: against the definition, on devices one by one.
//
// The oracle gives each Pod a node and a device in every possible way: a part needs so much left on
// one device of a node that shares; a whole device is one with nobody on it. It knows nothing of
// slots. Whether a gang starts, who has to make room for it, and whether the place that is named is
// one that the oracle would take are compared.
#include <gtest/gtest.h>

#include <algorithm>

#include "scheduler/audit/audit.hpp"
#include "scheduler/preempt/victims.hpp"
#include "scheduler/state/digest.hpp"
#include "tests/property/seeds.hpp"
#include "tests/property/world.hpp"

namespace sched::property {
namespace {

constexpr const char* kGpu = "nvidia.com/gpu";
constexpr Time kNow{1'000'000'000'000};

struct Want {
  std::int64_t cpu_milli = 0, whole = 0, milli = 0;
};

struct Bench {  // one node
  bool shares = false;
  std::int64_t cpu_milli = 0;
  std::vector<std::int64_t> left;          // of each device, thousandths
  std::map<std::int64_t, std::size_t> at;  // shared devices by number
};
using Room = std::map<std::string, Bench>;

// Puts a Pod where it was told; false where there is no room for it.
bool put(Bench& bench, const Want& want, std::int64_t number) {
  if (bench.cpu_milli < want.cpu_milli) return false;
  bench.cpu_milli -= want.cpu_milli;
  if (want.milli > 0) {
    if (!bench.at.contains(number)) {
      const auto free = std::find(bench.left.begin(), bench.left.end(), 1000);
      if (free == bench.left.end()) return false;
      bench.at[number] = static_cast<std::size_t>(free - bench.left.begin());
    }
    std::int64_t& left = bench.left[bench.at[number]];
    if (left < want.milli) return false;
    left -= want.milli;
    return true;
  }
  for (std::int64_t i = 0; i < want.whole; ++i) {
    const auto free = std::find(bench.left.begin(), bench.left.end(), 1000);
    if (free == bench.left.end()) return false;
    *free = 0;
  }
  return true;
}

// Every way to give `count` Pods nodes and devices.
bool possible(Room& room, const Want& want, std::int64_t count) {
  if (count == 0) return true;
  for (auto& [name, bench] : room) {
    if (want.milli > 0 && !bench.shares) continue;
    const Bench before = bench;
    if (want.milli == 0) {
      const bool found = put(bench, want, -1) && possible(room, want, count - 1);
      bench = before;
      if (found) return true;
      continue;
    }
    if (bench.cpu_milli < want.cpu_milli) continue;
    for (std::size_t d = 0; d < bench.left.size(); ++d) {
      if (bench.left[d] < want.milli) continue;
      bench.left[d] -= want.milli;
      bench.cpu_milli -= want.cpu_milli;
      const bool found = possible(room, want, count - 1);
      bench = before;
      if (found) return true;
    }
  }
  return false;
}

struct Runs {
  Task task;
  Want want;
  Placement placement;
};

class Scene {
 public:
  explicit Scene(std::uint64_t seed) : rng(seed) {
    for (std::int64_t i = 1 + rng.below(3); i > 0; --i) add_node("n" + std::to_string(i));
    for (const auto& [name, tier] : {std::pair{"hi", Tier::kHigh}, {"low", Tier::kLow}}) {
      Queue queue;
      queue.name = name;
      queue.tier = tier;
      feed(QueueUpsert{queue});
    }
    for (std::int64_t i = rng.below(7); i > 0; --i) run("r" + std::to_string(i));
    want = random_want();
    preemptor = task("t", "hi", want, 1 + rng.below(4));
    feed(TaskUpsert{preemptor});
  }

  Room room_without(const std::vector<const Runs*>& gone) const {
    Room room = empty;
    for (const Runs& r : running) {
      if (std::find(gone.begin(), gone.end(), &r) != gone.end()) continue;
      for (std::size_t i = 0; i < r.placement.nodes.size(); ++i) {
        const std::int64_t number = r.placement.devices.empty() ? -1 : r.placement.devices[i];
        EXPECT_TRUE(put(room[r.placement.nodes[i]], r.want, number));
      }
    }
    return room;
  }
  bool fits_without(const std::vector<const Runs*>& gone) const {
    Room room = room_without(gone);
    return possible(room, want, preemptor.groups[0].count);
  }
  // Whether the place that was named is one.
  bool takes(const Placement& where, const std::vector<const Runs*>& gone) const {
    Room room = room_without(gone);
    for (std::size_t i = 0; i < where.nodes.size(); ++i) {
      const std::int64_t number = where.devices.empty() ? -1 : where.devices[i];
      if (!put(room[where.nodes[i]], want, number)) return false;
    }
    return true;
  }

  Rng rng;
  State state;
  Engine engine;
  Auditor auditor;
  Room empty;
  std::vector<Runs> running;
  Task preemptor;
  Want want;

 private:
  void feed(const Delta& d) {
    state.apply(d);
    engine.apply(d);
    auditor.apply(d);
  }
  void add_node(const std::string& name) {
    Bench bench;
    bench.shares = !rng.one_in(5);
    bench.cpu_milli = 1000 * (2 + rng.below(6));
    bench.left.assign(static_cast<std::size_t>(rng.below(4)), 1000);
    Node node;
    node.name = name;
    node.zone = "z";
    node.gpu_sharing = bench.shares;
    node.allocatable.cpu_milli = bench.cpu_milli;
    node.allocatable.memory_bytes = 1 << 20;
    node.allocatable.pods = 100;
    node.allocatable.set_extended(kGpu, static_cast<std::int64_t>(bench.left.size()));
    empty[name] = bench;
    feed(NodeUpsert{node});
  }
  Want random_want() {
    Want w;
    w.cpu_milli = 500 * rng.below(4);
    if (rng.one_in(3)) {
      w.whole = rng.below(3);
    } else {
      w.milli = rng.pick(std::vector<std::int64_t>{100, 250, 333, 460, 500, 501, 750, 999});
    }
    return w;
  }
  Task task(const std::string& uid, const std::string& queue, const Want& w, std::int64_t count) {
    Task t;
    t.uid = uid;
    t.queue = queue;
    PodGroup group{"", count, {}};
    group.requests.pods = 1;
    group.requests.cpu_milli = w.cpu_milli;
    group.requests.set_extended(kGpu, w.whole);
    if (w.milli > 0) group.shared_resource = kGpu;
    group.shared_milli = w.milli;
    t.groups = {group};
    return t;
  }
  // At a place drawn at random, if there is room for it.
  void run(const std::string& uid) {
    Runs r;
    r.want = random_want();
    r.task = task(uid, "low", r.want, 1 + rng.below(2));
    Room room = room_without({});
    std::vector<std::string> names;
    for (const auto& [name, bench] : empty) names.push_back(name);
    for (std::int64_t i = 0; i < r.task.groups[0].count; ++i) {
      const std::string node = rng.pick(names);
      const std::int64_t number = r.want.milli > 0 ? rng.below(3) : -1;
      if (!put(room[node], r.want, number)) return;
      r.placement.nodes.push_back(node);
      if (r.want.milli > 0) r.placement.devices.push_back(number);
    }
    feed(TaskUpsert{r.task});
    feed(Assume{uid, 0, r.placement, kNow});
    running.push_back(std::move(r));
  }
};

// None of them has begun to run: the smaller gang first, then by uid.
std::optional<std::vector<const Runs*>> by_definition(const Scene& scene) {
  std::vector<const Runs*> all, gone;
  for (const Runs& r : scene.running) all.push_back(&r);
  std::sort(all.begin(), all.end(), [](const Runs* a, const Runs* b) {
    return std::tuple(a->placement.nodes.size(), a->task.uid) <
           std::tuple(b->placement.nodes.size(), b->task.uid);
  });
  for (auto next = all.begin(); !scene.fits_without(gone); ++next) {
    if (next == all.end()) return std::nullopt;
    gone.push_back(*next);
  }
  for (std::size_t i = gone.size(); i-- > 0;) {
    std::vector<const Runs*> without = gone;
    without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
    if (scene.fits_without(without)) gone = without;
  }
  return gone;
}

struct Tally {
  int starts = 0, waits = 0, preempts = 0;
};

void try_start(Scene& scene, Tally& tally) {
  const Plan plan = scene.engine.plan(kNow);
  const auto violations = scene.auditor.check(plan, kNow);
  ASSERT_TRUE(violations.empty()) << violations.front();
  const bool fits = scene.fits_without({});
  ASSERT_EQ(plan.starts.size(), fits ? 1u : 0u);
  ++(fits ? tally.starts : tally.waits);
  if (!fits) return;
  EXPECT_TRUE(scene.takes(plan.starts[0].placement, {})) << "it was placed where it has no room";
}

void try_preempt(Scene& scene, Tally& tally) {
  scene.state.advance(kNow);
  const std::uint64_t before = digest(scene.state);
  std::int64_t looked = 0;
  Overlay overlay(scene.state);
  const auto found = find_preemption(scene.state, scene.state.find("t"), kNow, overlay, looked);
  ASSERT_EQ(digest(scene.state), before) << "it changed the state";
  const auto expected = by_definition(scene);
  ASSERT_EQ(found.has_value(), expected.has_value());
  if (!found) return;
  std::vector<std::string> uids;
  for (const Runs* r : *expected) uids.push_back(r->task.uid);
  ASSERT_EQ(found->victims, uids);
  EXPECT_TRUE(scene.takes(found->placement, *expected)) << "the place it names has no room";
  tally.preempts += !uids.empty();
}

TEST(Parts, Gangs_start_and_preempt_exactly_when_some_assignment_to_devices_exists) {
  Tally tally;
  for (const std::uint64_t seed : seeds(4000)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Scene scene(seed);
    try_start(scene, tally);
    if (!HasFailure()) try_preempt(scene, tally);
    if (HasFailure()) return;
  }
  std::printf("%d start, %d wait, %d preempt\n", tally.starts, tally.waits, tally.preempts);
}

}  // namespace
}  // namespace sched::property
