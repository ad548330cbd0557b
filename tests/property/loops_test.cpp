// No loops: with nothing happening from outside, whoever has others stop is done after a few.
//
// Small crowded clusters whose queues are guaranteed something of the whole cluster, of a zone, of
// a model, of several of these, or of another resource, so that one node is owed to several. Tasks
// come one by one; whatever the plans want is carried out at once, over and over, until they want
// nothing. Nobody ends and no time passes that would matter: so only a loop never comes to an end.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "scheduler/audit/audit.hpp"
#include "scheduler/engine.hpp"
#include "tests/property/seeds.hpp"
#include "tests/property/world.hpp"

namespace sched::property {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr const char* kGpu = "nvidia.com/gpu";

class Quiet {
 public:
  explicit Quiet(std::uint64_t seed) : rng_(seed), elastic_(seed % 2 == 0) {
    for (int i = 0; i < 3; ++i) feed(NodeUpsert{node(i)});
    for (const std::string& name : kNames) feed(QueueUpsert{queue(name)});
  }

  // Whether it came to rest each time.
  bool run(int tasks) {
    for (int i = 0; i < tasks; ++i) {
      submit();
      if (!settle() || ::testing::Test::HasFailure()) return false;
    }
    return true;
  }
  int claims = 0;

 private:
  const std::vector<std::string> kNames{"p", "q", "r"};
  // Far more than any story needs: each preemption leaves somebody more closely covered.
  static constexpr int kMost = 60;

  void feed(const Delta& d) {
    engine_.apply(d);
    auditor_.apply(d);
  }
  Node node(int i) {
    Node n;
    n.name = "n" + std::to_string(i);
    n.zone = rng_.one_in(2) ? "a" : "b";
    n.gpu_model = rng_.one_in(2) ? "A100" : "H100";
    n.allocatable.cpu_milli = 8'000 * (1 + rng_.below(2));
    n.allocatable.pods = 100;
    n.allocatable.set_extended(kGpu, 2 + 2 * rng_.below(3));
    return n;
  }
  void guarantee(Resources& to) {
    if (!rng_.one_in(4)) to.set_extended(kGpu, 1 + rng_.below(5));
    if (rng_.one_in(4)) to.cpu_milli = 4'000 * (1 + rng_.below(4));
  }
  Queue queue(const std::string& name) {
    Queue q;
    q.name = name;
    q.tier = rng_.one_in(4) ? Tier::kMedium : Tier::kLow;
    q.pooling = !rng_.one_in(3);
    q.has_guaranteed = rng_.one_in(2);
    if (q.has_guaranteed) guarantee(q.guaranteed);
    for (std::int64_t i = rng_.below(3); i > 0; --i) {
      Quota quota;
      if (!rng_.one_in(3)) quota.zone = rng_.one_in(2) ? "a" : "b";
      if (quota.zone.empty() || rng_.one_in(3)) quota.gpu_model = rng_.one_in(2) ? "A100" : "H100";
      quota.has_guaranteed = true;
      guarantee(quota.guaranteed);
      const bool twice = std::any_of(q.quotas.begin(), q.quotas.end(), [&](const Quota& other) {
        return other.zone == quota.zone && other.gpu_model == quota.gpu_model;
      });
      if (!twice) q.quotas.push_back(quota);
    }
    return q;
  }
  void submit() {
    Task t;
    t.uid = "t" + std::to_string(tasks_.size());
    t.queue = rng_.pick(kNames);
    t.tier = rng_.one_in(6) ? Tier::kMedium : Tier::kLow;
    t.submitted = now_;
    Resources pod;
    pod.cpu_milli = 2'000 * (1 + rng_.below(4));
    pod.pods = 1;
    pod.set_extended(kGpu, rng_.one_in(6) ? 0 : 1 + rng_.below(3));
    t.groups = {{"", 1 + rng_.below(2), pod}};
    if (elastic_ && rng_.one_in(2)) t.groups[0].most = t.groups[0].count + rng_.below(4);
    if (rng_.one_in(4)) t.gpu_model = rng_.one_in(2) ? "A100" : "H100";
    tasks_[t.uid] = t;
    feed(TaskUpsert{t});
  }
  void resize(const Resize& resize) {
    Task& task = tasks_.at(resize.task);
    task.attempt = resize.attempt + 1;
    feed(Assume{resize.task, task.attempt, resize.placement, now_});
    feed(TaskUpsert{task});
    feed(Confirm{resize.task, now_});
  }
  // In the order in which it would happen: victims leave at once.
  bool settle() {
    for (int preemptions = 0; preemptions <= kMost;) {
      now_.ns += kSecond;
      const Plan plan = engine_.plan(now_);
      const auto wrong = auditor_.check(plan, now_);
      EXPECT_TRUE(wrong.empty()) << wrong.front();
      if (!wrong.empty()) return false;
      if (plan.starts.empty() && plan.preemptions.empty() && plan.grows.empty()) return true;
      for (const Start& start : plan.starts) {
        feed(Assume{start.task, start.attempt, start.placement, now_});
        feed(Confirm{start.task, now_});
      }
      for (const Preemption& p : plan.preemptions) {
        ++preemptions;
        claims += p.kind == PreemptionKind::kReclaim ? 1 : 0;
        feed(Hold{p.task, p.placement, Time{now_.ns + 600 * kSecond}});
        for (const std::string& victim : p.victims) {
          feed(Evict{victim, p.task, now_});
          Task& task = tasks_.at(victim);
          ++task.attempt;
          feed(Reject{victim, "preempted", {}, now_});
          feed(TaskUpsert{task});
        }
        for (const Resize& shrink : p.shrinks) resize(shrink);
      }
      if (plan.preemptions.empty()) {
        for (const Resize& grow : plan.grows) resize(grow);
      }
    }
    return false;
  }

  Rng rng_;
  const bool elastic_;
  Time now_{1000 * kSecond};
  Engine engine_;
  Auditor auditor_;
  std::map<std::string, Task> tasks_;
};

TEST(Loops, Where_nothing_happens_from_outside_preemptions_come_to_an_end) {
  int claims = 0;
  for (const std::uint64_t seed : seeds(1'000)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Quiet quiet(seed);
    EXPECT_TRUE(quiet.run(14));
    claims += quiet.claims;
    if (HasFailure()) return;
  }
  const bool few = std::getenv("FERMI_SEED") != nullptr || std::getenv("FERMI_SEEDS") != nullptr;
  EXPECT_TRUE(claims > 30 || few) << "hardly anybody claimed anything: " << claims;
}

}  // namespace
}  // namespace sched::property
