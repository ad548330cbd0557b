// Turns and claims: what the auditor, which reads them from the specification, refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scheduler/audit/audit.hpp"
#include "tests/unit/scheduler/worlds.hpp"

namespace sched::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Rights : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"n1", "n2"}) auditor.apply(NodeUpsert{node(name)});
    rules("turns", Tier::kLow).quantum_ns = 600 * kSecond;
    queues["turns"].strategy = Strategy::kTimeSlicing;
    rules("guest", Tier::kMedium).pooling = true;
    rules("owner", Tier::kMedium).has_guaranteed = true;
    queues["owner"].guaranteed.set_extended("nvidia.com/gpu", 8);
    rules("high", Tier::kHigh);
    for (const auto& [name, queue] : queues) auditor.apply(QueueUpsert{queue});
  }
  Queue& rules(const std::string& name, Tier tier) { return queues[name] = queue(name, tier); }
  void runs(Task t, const std::string& on, std::int64_t since) {
    auditor.apply(TaskUpsert{t});
    auditor.apply(Assume{t.uid, 0, {{on}}});
    auditor.apply(Confirm{t.uid, Time{since * kSecond}});
  }
  std::vector<std::string> audit(const std::string& by, const std::string& victim,
                                 PreemptionKind kind, const std::string& on = "n1") {
    Plan plan;
    plan.preemptions = {{by, 0, {{on}}, {victim}, kind}};
    return auditor.check(plan, now);
  }

  Auditor auditor;
  std::map<std::string, Queue> queues;
  Time now{10'000 * kSecond};
};

TEST_F(Rights, A_turn_ends_after_its_quantum_for_a_peer_alone) {
  runs(task("old", "turns", 1, 8), "n1", 9400);
  runs(task("new", "turns", 1, 8), "n2", 9401);
  auditor.apply(TaskUpsert{task("peer", "turns", 1, 8)});
  auditor.apply(TaskUpsert{task("stranger", "owner", 1, 8)});
  EXPECT_THAT(audit("peer", "old", PreemptionKind::kRotation), IsEmpty());
  EXPECT_THAT(audit("peer", "new", PreemptionKind::kRotation, "n2"),
              ElementsAre(HasSubstr("which has its turn")));
  EXPECT_THAT(audit("peer", "old", PreemptionKind::kTier),
              ElementsAre(HasSubstr("yields to no Low task")));
  EXPECT_THAT(audit("stranger", "old", PreemptionKind::kTier), IsEmpty()) << "by its tier";
}

TEST_F(Rights, A_claim_is_for_what_is_guaranteed_and_against_who_has_more) {
  Task borrower = task("borrows", "guest", 1, 8);
  borrower.guarantee_until = {9'000 * kSecond};
  runs(borrower, "n1", 8'000);
  Task safe = task("safe", "guest", 1, 8);
  safe.guarantee_until = {11'000 * kSecond};
  runs(safe, "n2", 8'000);
  auditor.apply(TaskUpsert{task("owns", "owner", 1, 8)});
  auditor.apply(TaskUpsert{task("more", "owner", 1, 9)});
  EXPECT_THAT(audit("owns", "borrows", PreemptionKind::kReclaim), IsEmpty());
  EXPECT_THAT(audit("owns", "borrows", PreemptionKind::kTier),
              ElementsAre(HasSubstr("yields to no Medium task")));
  EXPECT_THAT(audit("owns", "safe", PreemptionKind::kReclaim, "n2"),
              ElementsAre(HasSubstr("within its guarantee")));
  EXPECT_THAT(audit("more", "borrows", PreemptionKind::kReclaim),
              ::testing::Contains(HasSubstr("more than is guaranteed")));
  Queue guest = queues["guest"];
  guest.has_guaranteed = true;
  guest.guaranteed.set_extended("nvidia.com/gpu", 16);
  auditor.apply(QueueUpsert{guest});
  EXPECT_THAT(audit("owns", "borrows", PreemptionKind::kReclaim),
              ElementsAre(HasSubstr("nothing that is guaranteed")));
}

// Two tenants with two tasks and one, turns of 600 s: rounds of 4,800 and of
// 2,400 s.
TEST_F(Rights, Nobody_starts_before_one_who_has_waited_for_more_rounds) {
  const auto of = [](const std::string& tenant, Task task) {
    task.tenant = tenant;
    return task;
  };
  Plan plan;
  plan.starts = {{"ann", 0, {{"n1"}}, 1}};
  auditor.apply(TaskUpsert{of("a", task("ann", "turns", 1, 8, 4'000))});  // 6,000 s: 1.25 rounds
  auditor.apply(TaskUpsert{of("a", task("more", "turns", 1, 8, 9'000))});
  auditor.apply(TaskUpsert{of("b", task("bob", "turns", 1, 8, 8'000))});  // 2,000 s: not one
  EXPECT_THAT(auditor.check(plan, now), IsEmpty());
  auditor.apply(TaskUpsert{of("b", task("bob", "turns", 1, 8, 5'000))});  // 5,000 s: 2.1
  EXPECT_THAT(auditor.check(plan, now),
              ElementsAre(HasSubstr("passes bob, which asks for the same and waits for more")));
  auditor.apply(TaskUpsert{of("c", task("cy", "turns", 1, 4, 9'999))});  // now rounds are longer
  EXPECT_THAT(auditor.check(plan, now), ElementsAre(HasSubstr("passes bob")))
      << "1.4 rounds, and ann none";
}

TEST_F(Rights, What_is_preempted_for_stays_within_the_queues_maxima) {
  runs(task("l1", "turns", 1, 8), "n1", 0);
  runs(task("l2", "turns", 1, 8), "n2", 0);
  auditor.apply(TaskUpsert{task("h", "high", 1, 8)});
  Queue high = queues["high"];
  Quota quota;
  quota.zone = node("n1").zone;
  quota.has_maximum = true;
  quota.maximum.set_extended("nvidia.com/gpu", 4);
  high.quotas = {quota};
  auditor.apply(QueueUpsert{high});
  EXPECT_THAT(audit("h", "l1", PreemptionKind::kTier),
              ElementsAre(HasSubstr("than its queue's maximum")));
}

}  // namespace
}  // namespace sched::test
