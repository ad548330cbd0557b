// Fairness against oracles that are written from the definitions and look at everything.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/property/seeds.hpp"
#include "tests/property/world.hpp"

namespace sched::property {
namespace {

constexpr std::int64_t kMs = 1'000'000;
const std::vector<std::string> kNames{"ann", "bob", "cid", "dot"};

using Use = std::map<std::string, std::int64_t>;  // by resource; GPUs of a model as "gpu@model"

Use use_of(const Task& task) {
  Use use;
  const Resources& r = task.groups[0].requests;
  const std::int64_t count = task.groups[0].count;
  use["cpu"] = r.cpu_milli * count;
  use["memory"] = r.memory_bytes * count;
  const std::string gpus = task.gpu_model.empty() ? "gpu" : "gpu@" + task.gpu_model;
  use[gpus] = r.extended_amount("nvidia.com/gpu") * count;
  return use;
}

// A ratio, compared crosswise; the numbers of these tests are small.
struct Ratio {
  __int128 num = 0, den = 1;
  bool operator<(const Ratio& other) const { return num * other.den < other.num * den; }
};

// One queue of one tier, nodes with room for all, tenants with tasks of all sorts.
struct Shop {
  explicit Shop(std::uint64_t seed, Order order) : rng(seed) {
    queue.name = "q";
    queue.order = order;
    for (const std::string& name : kNames) {
      if (rng.one_in(2)) queue.tenant_weights[name] = rng.below(5);
    }
    for (const char* model : {"A100", "H100"}) {
      Node node;
      node.name = model;
      node.zone = "z";
      node.gpu_model = model;
      node.allocatable = {
          1'000'000 + 1000 * rng.below(999), (std::int64_t{1} << 40), 0, 10'000, {}};
      node.allocatable.set_extended("nvidia.com/gpu", 800 + rng.below(99));
      total["cpu"] += node.allocatable.cpu_milli;
      total["memory"] += node.allocatable.memory_bytes;
      total["gpu"] += node.allocatable.extended_amount("nvidia.com/gpu");
      total[std::string("gpu@") + model] = node.allocatable.extended_amount("nvidia.com/gpu");
      nodes.push_back(node);
    }
  }
  Task task(int serial) {
    Task t;
    t.uid = t.name = "t" + std::to_string(serial);
    t.queue = "q";
    t.tenant = rng.pick(kNames);
    t.submitted.ns = 1'000'000'000 + rng.below(6) * kMs;
    t.priority_value = static_cast<std::int32_t>(rng.below(3));
    Resources r;
    r.cpu_milli = 500 * rng.below(9);
    r.memory_bytes = rng.below(9) << 30;
    r.pods = 1;
    r.set_extended("nvidia.com/gpu", rng.below(4));
    if (rng.one_in(3)) t.gpu_model = rng.one_in(2) ? "A100" : "H100";
    t.groups.push_back({"", 1 + rng.below(3), r});
    t.held = rng.one_in(12);
    return t;
  }
  std::int64_t weight(const std::string& tenant) const {
    const auto known = queue.tenant_weights.find(tenant);
    return known == queue.tenant_weights.end() ? 1 : std::max<std::int64_t>(known->second, 1);
  }
  Ratio share(const std::string& tenant, const Use& used) const {
    Ratio most;
    for (const auto& [resource, amount] : used) {
      const Ratio share{amount, static_cast<__int128>(total.at(resource)) * weight(tenant)};
      if (most < share) most = share;
    }
    return most;
  }

  Rng rng;
  Queue queue;
  std::vector<Node> nodes;
  Use total;
};

// Progressive filling from its definition: look at all tenants, take the first task of the one with
// the least, add it to what that one has.
struct Filling {
  Shop& shop;
  std::vector<Task> waiting;
  std::map<std::string, Use> used;
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> started;  // last, how many then
  std::int64_t now = 0;

  bool before(const Task& a, const Task& b) const {
    const Order order = *shop.queue.order;
    const bool priorities = order == Order::kTenantPriority;
    if (a.tenant == b.tenant) {
      if (priorities && a.priority_value != b.priority_value) {
        return a.priority_value > b.priority_value;
      }
      return std::tie(a.submitted.ns, a.uid) < std::tie(b.submitted.ns, b.uid);
    }
    if (order == Order::kRoundRobin) {
      const auto x = turn(a.tenant), y = turn(b.tenant);
      if (x != y) return x < y;
    } else {
      const Ratio x = share(a.tenant), y = share(b.tenant);
      if (x < y || y < x) return x < y;
    }
    if (!priorities && a.submitted != b.submitted) return a.submitted < b.submitted;
    return a.tenant < b.tenant;
  }
  Ratio share(const std::string& tenant) const {
    const auto known = used.find(tenant);
    return known == used.end() ? Ratio{} : shop.share(tenant, known->second);
  }
  std::pair<std::int64_t, std::int64_t> turn(const std::string& tenant) const {
    const auto known = started.find(tenant);
    return known == started.end() ? std::pair<std::int64_t, std::int64_t>{} : known->second;
  }
  void take(const Task& task) {
    for (const auto& [resource, amount] : use_of(task)) used[task.tenant][resource] += amount;
    auto& [last, count] = started[task.tenant];
    count = last == now ? count + 1 : 1;
    last = now;
  }
  // The whole order; who is held keeps his place and takes nothing.
  std::vector<std::string> order() {
    std::vector<std::string> uids;
    while (!waiting.empty()) {
      // The first of each tenant stands for it, so that "before" is asked of heads alone.
      auto best = waiting.end();
      for (auto at = waiting.begin(); at != waiting.end(); ++at) {
        const bool head = std::none_of(waiting.begin(), waiting.end(), [&](const Task& other) {
          return other.tenant == at->tenant && other.uid != at->uid && before(other, *at);
        });
        if (head && (best == waiting.end() || before(*at, *best))) best = at;
      }
      uids.push_back(best->uid);
      if (!best->held) take(*best);
      waiting.erase(best);
    }
    return uids;
  }
};

void fill(std::uint64_t seed, Order order) {
  SCOPED_TRACE("seed " + std::to_string(seed) + ", order " + std::to_string(int(order)));
  Shop shop(seed, order);
  Engine engine;
  for (const Node& node : shop.nodes) engine.apply(NodeUpsert{node});
  engine.apply(QueueUpsert{shop.queue});
  Filling filling{shop, {}, {}, {}, 0};
  std::map<std::string, bool> held;
  int serial = 0;
  for (std::int64_t round = 1; round <= 3; ++round) {
    filling.now = 1'000'000'000 + round * 1000 * kMs;
    for (int i = 0; i < 12; ++i) {
      const Task task = shop.task(serial++);
      engine.apply(TaskUpsert{task});
      filling.waiting.push_back(task);
      held[task.uid] = task.held;
    }
    const Plan plan = engine.plan(Time{filling.now});
    const std::vector<Task> all = filling.waiting;
    const std::vector<std::string> expected = filling.order();
    std::vector<std::string> starting, is;
    for (const std::string& uid : expected) {
      if (!held[uid]) starting.push_back(uid);
    }
    for (const Start& start : plan.starts) is.push_back(start.task);
    ASSERT_EQ(is, starting);
    ASSERT_EQ(engine.head("q", 100), expected);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(engine.position(expected[i]), static_cast<std::int64_t>(i) + 1) << expected[i];
    }
    for (const Start& start : plan.starts) {
      engine.apply(Assume{start.task, start.attempt, start.placement, Time{filling.now}});
    }
    for (const Task& task : all) {
      if (task.held) filling.waiting.push_back(task);
    }
    // The tenants' shares are those of the definition, and together they are the queue's.
    Use sum;
    for (const auto& tenant : engine.tenants("q")) {
      const Ratio share = filling.share(tenant.tenant);
      if (order != Order::kRoundRobin) {
        EXPECT_EQ(tenant.share_millionths,
                  static_cast<std::int64_t>(share.num * 1'000'000 / share.den));
      }
      sum["cpu"] += tenant.used.cpu_milli;
      for (const auto& [name, amount] : tenant.used.extended) sum["gpu"] += amount;
    }
    const Engine::QueueFigures figures = engine.figures("q");
    EXPECT_EQ(sum["cpu"], figures.used.cpu_milli);
    EXPECT_EQ(sum["gpu"], figures.used.extended_amount("nvidia.com/gpu"));
  }
}

TEST(Fair, The_order_of_starts_and_every_position_are_those_of_progressive_filling) {
  for (const std::uint64_t seed : seeds(150)) {
    for (const Order order : {Order::kTenantShare, Order::kTenantPriority, Order::kRoundRobin}) {
      fill(seed, order);
    }
    if (HasFailure()) return;
  }
}

// Nobody gets less than his part of his dominant resource, but for what one task is large: where
// tasks are of one size per tenant and any may pass one that does not fit.
TEST(Fair, Each_of_n_tenants_gets_his_nth_part_but_for_a_task) {
  for (const std::uint64_t seed : seeds(100)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    Engine engine;
    Node node;
    node.name = "n";
    node.zone = "z";
    node.allocatable = {256'000, std::int64_t{1} << 40, 0, 10'000, {}};
    node.allocatable.set_extended("nvidia.com/gpu", 128);
    engine.apply(NodeUpsert{node});
    Queue queue;
    queue.name = "q";
    queue.strategy = Strategy::kDrf;
    engine.apply(QueueUpsert{queue});
    double largest = 0;
    for (const std::string& name : kNames) {
      Resources r{1000 * (1 + rng.below(8)), (1 + rng.below(16)) << 30, 0, 1, {}};
      r.set_extended("nvidia.com/gpu", rng.below(5));
      for (const double part : {double(r.cpu_milli) / 256'000, double(r.memory_bytes >> 30) / 1024,
                                double(r.extended_amount("nvidia.com/gpu")) / 128}) {
        largest = std::max(largest, part);
      }
      for (int i = 0; i < 300; ++i) {
        Task task;
        task.uid = name + std::to_string(i);
        task.queue = "q";
        task.tenant = name;
        task.groups.push_back({"", 1, r});
        engine.apply(TaskUpsert{task});
      }
    }
    for (const Start& start : engine.plan({}, 5000).starts) {
      engine.apply(Assume{start.task, start.attempt, start.placement});
    }
    const double part = 1.0 / static_cast<double>(kNames.size());
    for (const auto& tenant : engine.tenants("q")) {
      EXPECT_GE(static_cast<double>(tenant.share_millionths) / 1e6, part - 2 * largest - 1e-6)
          << tenant.tenant;
    }
    if (HasFailure()) return;
  }
}

// --- decay

struct Ran {
  std::string tenant;
  Use use;
  std::int64_t from = 0, to = -1;  // ms; -1: it still runs
};

// Every millisecond is looked at: what was used in one period, halved for each period since, cut
// to whole units. What is over and what runs are summed apart.
__int128 decayed(const std::vector<Ran>& history, const std::string& tenant,
                 const std::string& resource, std::int64_t half_life, std::int64_t now, bool over) {
  std::map<std::int64_t, __int128> periods;
  for (const Ran& ran : history) {
    if (ran.tenant != tenant || !ran.use.contains(resource) || over != (ran.to >= 0)) continue;
    const std::int64_t end = ran.to < 0 ? now : std::min(ran.to, now);
    for (std::int64_t t = ran.from; t < end; ++t) periods[t / half_life] += ran.use.at(resource);
  }
  __int128 sum = 0;
  for (const auto& [period, used] : periods) {
    const std::int64_t age = now / half_life - period;
    if (age < 120) sum += used >> age;
  }
  return sum;
}

std::int64_t decayed_share(const Shop& shop, const std::vector<Ran>& history,
                           const std::string& tenant, std::int64_t now) {
  const std::int64_t half_life = shop.queue.half_life_ns / kMs;
  const __int128 length = half_life + now % half_life;
  Ratio most;
  for (const auto& [resource, total] : shop.total) {
    __int128 used = 0;
    for (const Ran& ran : history) {
      if (ran.tenant == tenant && ran.to < 0 && ran.use.contains(resource)) {
        used += ran.use.at(resource);
      }
    }
    const Ratio share{used * length + decayed(history, tenant, resource, half_life, now, true) +
                          decayed(history, tenant, resource, half_life, now, false),
                      2 * length * total * shop.weight(tenant)};
    if (most < share) most = share;
  }
  return static_cast<std::int64_t>(most.num * 1'000'000 / most.den);
}

TEST(Fair, Decayed_shares_are_those_of_the_definition_however_often_one_looks) {
  for (const std::uint64_t seed : seeds(60)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Shop shop(seed, Order::kDecayedShare);
    shop.queue.half_life_ns = (20 + shop.rng.below(60)) * kMs;
    Engine engine;
    for (const Node& node : shop.nodes) engine.apply(NodeUpsert{node});
    engine.apply(QueueUpsert{shop.queue});
    std::vector<Ran> history;
    std::map<std::string, std::size_t> running;
    std::int64_t now = 1000;
    for (int i = 0; i < 40; ++i) {
      now += shop.rng.below(30);
      if (shop.rng.one_in(2)) engine.plan(Time{now * kMs});  // must leave no trace
      if (!running.empty() && shop.rng.one_in(3)) {
        const auto ends = running.begin();
        history[ends->second].to = now;
        engine.apply(TaskEnd{ends->first, Time{now * kMs}});
        running.erase(ends);
      } else {
        Task task = shop.task(i);
        task.held = false;
        engine.apply(TaskUpsert{task});
        const Plan plan = engine.plan(Time{now * kMs});
        ASSERT_EQ(plan.starts.size(), 1u);
        engine.apply(Assume{task.uid, 0, plan.starts[0].placement, Time{now * kMs}});
        engine.apply(Confirm{task.uid, Time{now * kMs}});
        running[task.uid] = history.size();
        history.push_back({task.tenant, use_of(task), now, -1});
      }
      engine.plan(Time{now * kMs});
      for (const auto& tenant : engine.tenants("q")) {
        ASSERT_EQ(tenant.share_millionths, decayed_share(shop, history, tenant.tenant, now))
            << tenant.tenant << " at " << now;
      }
    }
    // A new leader that is told what was has the same shares.
    Engine next;
    for (const Node& node : shop.nodes) next.apply(NodeUpsert{node});
    next.apply(QueueUpsert{shop.queue});
    for (const auto& [uid, index] : running) engine.apply(TaskEnd{uid, Time{now * kMs}});
    for (const Served& served : engine.served("q")) EXPECT_TRUE(next.apply(served));
    next.plan(Time{now * kMs});
    engine.plan(Time{now * kMs});
    const auto is = next.tenants("q"), was = engine.tenants("q");
    std::map<std::string, std::int64_t> shares;
    for (const auto& tenant : is) shares[tenant.tenant] = tenant.share_millionths;
    for (const auto& tenant : was) {
      EXPECT_EQ(shares[tenant.tenant], tenant.share_millionths) << tenant.tenant;
    }
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace sched::property
