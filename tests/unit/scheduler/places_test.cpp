// What is kept and who is where: what the auditor, which reads it from the specification, refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scheduler/audit/audit.hpp"
#include "tests/unit/scheduler/worlds.hpp"

namespace sched::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Quota grant(const std::string& zone, std::int64_t gpus) {
  Quota quota;
  quota.zone = zone;
  quota.has_guaranteed = true;
  quota.guaranteed.set_extended("nvidia.com/gpu", gpus);
  return quota;
}

class Places : public ::testing::Test {
 protected:
  void SetUp() override {
    auditor.apply(NodeUpsert{node("a1", "zone-a")});
    auditor.apply(NodeUpsert{node("a2", "zone-a")});
    auditor.apply(NodeUpsert{node("b1", "zone-b")});
    Queue owner = queue("owner", Tier::kLow);
    owner.quotas = {grant("zone-a", 8)};
    Queue guest = queue("guest", Tier::kLow);
    guest.pooling = true;
    for (const Queue& q : {owner, guest, queue("q", Tier::kLow)}) auditor.apply(QueueUpsert{q});
  }
  void runs(const Task& t, const std::string& on) {
    auditor.apply(TaskUpsert{t});
    auditor.apply(Assume{t.uid, 0, {{on}}});
    auditor.apply(Confirm{t.uid, Time{kSecond}});
  }
  std::vector<std::string> starts(const Task& t, const std::string& on) {
    auditor.apply(TaskUpsert{t});
    Plan plan;
    plan.starts = {{t.uid, 0, {{on}}, 1, 0}};
    return auditor.check(plan, now);
  }
  std::vector<std::string> claims(const std::string& by, const std::string& victim,
                                  const std::string& on) {
    Plan plan;
    plan.preemptions = {{by, 0, {{on}}, {victim}, PreemptionKind::kReclaim}};
    return auditor.check(plan, now);
  }
  std::vector<std::string> moves(const std::string& task, const std::string& zone,
                                 const std::string& on) {
    Plan plan;
    plan.moves = {{task, 0, zone, {{on}}, true}};
    return auditor.check(plan, now);
  }

  Auditor auditor;
  Time now{10'000 * kSecond};
};

Task replica(const std::string& uid, std::int64_t in_primary = 1) {
  Task t = task(uid, "q", 1, 4);
  t.group_uid = "svc";
  t.group_zones = {{"zone-a", false, in_primary}, {"zone-b", true, 1}};
  return t;
}

TEST_F(Places, A_start_that_takes_what_is_guaranteed_of_a_zone_is_found) {
  EXPECT_THAT(starts(task("t1", "q", 1, 8), "a1"), IsEmpty()) << "8 of 16 are left to others";
  runs(task("t1", "q", 1, 8), "a1");
  EXPECT_THAT(starts(task("t2", "q", 1, 1, 5), "a2"),
              ElementsAre("t2: takes nvidia.com/gpu that is guaranteed to other queues in zone "
                          "zone-a"));
  EXPECT_THAT(starts(task("t2", "q", 1, 1, 5), "b1"), IsEmpty());
  EXPECT_THAT(starts(task("g", "guest", 1, 8), "a2"), IsEmpty()) << "it may borrow";
  EXPECT_THAT(starts(task("o", "owner", 1, 8), "a2"), IsEmpty()) << "it is its own";
}

TEST_F(Places, A_claim_to_a_zone_is_against_who_has_more_there) {
  runs(task("g1", "guest", 1, 8), "a1");
  runs(task("g2", "guest", 1, 8), "a2");
  runs(task("g3", "guest", 1, 8), "b1");
  auditor.apply(TaskUpsert{task("o", "owner", 1, 8)});
  EXPECT_THAT(claims("o", "g1", "a1"), IsEmpty());
  EXPECT_THAT(claims("o", "g3", "b1"), Contains(HasSubstr("more than is guaranteed")));
  Queue guest = queue("guest", Tier::kLow);
  guest.quotas = {grant("zone-a", 16)};
  auditor.apply(QueueUpsert{guest});
  EXPECT_THAT(claims("o", "g1", "a1"), Contains(HasSubstr("nothing that is guaranteed")));
  guest.quotas.clear();
  guest.has_guaranteed = true;
  guest.guaranteed.set_extended("nvidia.com/gpu", 24);
  auditor.apply(QueueUpsert{guest});
  EXPECT_THAT(claims("o", "g1", "a1"), IsEmpty()) << "that does not say that it may have it here";
}

TEST_F(Places, A_replica_goes_where_its_group_may_have_one_more) {
  EXPECT_THAT(starts(replica("r1"), "a1"), IsEmpty());
  runs(replica("r1"), "a1");
  EXPECT_THAT(starts(replica("r2"), "a2"), Contains(HasSubstr("all the tasks of its group")));
  EXPECT_THAT(starts(replica("r2"), "b1"), IsEmpty());
  Task even = task("e1", "q", 1, 1);
  even.group_uid = "even";
  even.group_skew = 1;
  runs(even, "a1");
  even.uid = "e2";
  EXPECT_THAT(starts(even, "a2"), Contains(HasSubstr("too many more tasks of its group")));
  EXPECT_THAT(starts(even, "b1"), IsEmpty());
}

TEST_F(Places, A_move_goes_from_a_backup_zone_to_a_healthy_primary_one_by_itself) {
  runs(replica("r1", 2), "b1");
  EXPECT_THAT(moves("r1", "zone-a", "a1"), IsEmpty());
  EXPECT_THAT(moves("r1", "zone-b", "b1"), Contains(HasSubstr("no primary zone")));
  runs(task("fills", "guest", 1, 8), "a1");
  EXPECT_THAT(moves("r1", "zone-a", "a1"), Contains(HasSubstr("node a1 has 8")));
  Node lost = node("a1", "zone-a");
  lost.ready = false;
  auditor.apply(NodeUpsert{lost});
  EXPECT_THAT(moves("r1", "zone-a", "a2"), Contains(HasSubstr("degraded")));
  auditor.apply(NodeUpsert{node("a1", "zone-a")});
  auditor.apply(TaskUpsert{replica("r2", 2)});
  EXPECT_THAT(moves("r1", "zone-a", "a2"), Contains(HasSubstr("waits or starts")));
  runs(replica("r2", 2), "a2");
  EXPECT_THAT(moves("r2", "zone-a", "a2"), Contains(HasSubstr("not from a backup zone")));
}

}  // namespace
}  // namespace sched::test
