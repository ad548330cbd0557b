// What a queue's spec does, and what its status tells, against the embedded API server.
#include <gtest/gtest.h>

#include <set>

#include "operator/api/duration.hpp"
#include "operator/translate/objects.hpp"
#include "operator/translate/queue_rules.hpp"
#include "operator/translate/served.hpp"
#include "scheduler/engine.hpp"
#include "tests/unit/operator/cluster.hpp"

namespace fermi::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

TaskQueue queue_with(const Json& spec) {
  auto queue = decode_task_queue({{"metadata", {{"name", "team"}, {"uid", "u"}}}, {"spec", spec}});
  EXPECT_TRUE(queue && queue->problems.empty()) << spec.dump();
  return queue ? *queue : TaskQueue{};
}

std::string words(const Json& spec) {
  const TaskQueue queue = queue_with(spec);
  return rules_in_words(queue.spec, to_engine(queue, {}));
}

Json job_in(const std::string& queue, int nodes, const std::string& run_seconds,
            const std::string& expected = "1h") {
  return job_for(
      {.queue = queue, .run_seconds = run_seconds, .expected = expected, .nodes = nodes});
}

TEST(Queues, Every_switch_reaches_the_engine) {
  const sched::Queue queue = to_engine(
      queue_with({{"strategy", "FairSharing"},
                  {"order", "TenantShare"},
                  {"backfill", {{"mode", "Conservative"}, {"depth", 5}}},
                  {"reserveAfter", "30m"},
                  {"guaranteeFloor", "5m"},
                  {"tenantWeights", {{"ann", 3}}},
                  {"quota", {{"guaranteed", {{"nvidia.com/gpu", 8}}}, {"borrowing", true}}}}),
      {});
  EXPECT_EQ(queue.strategy, sched::Strategy::kFairSharing);
  EXPECT_EQ(queue.order, sched::Order::kTenantShare);
  EXPECT_EQ(queue.passing, sched::Passing::kConservative);
  EXPECT_EQ(queue.pooling, true);
  EXPECT_EQ(queue.depth, 5);
  EXPECT_EQ(queue.reserve_after_ns, 1800 * kNsPerSecond);
  EXPECT_EQ(queue.floor_ns, 300 * kNsPerSecond);
  EXPECT_EQ(queue.cooldown_ns, 300 * kNsPerSecond) << "as the floor";
  EXPECT_EQ(queue.half_life_ns, 0) << "this order does not decay";
  EXPECT_EQ(queue.tenant_weights.at("ann"), 3);
  EXPECT_TRUE(queue.has_guaranteed);
  EXPECT_EQ(queue.guaranteed.extended_amount("nvidia.com/gpu"), 8);
}

TEST(Queues, Turns_placement_flavors_and_limits_of_tenants_reach_the_engine) {
  const sched::Queue turns = to_engine(queue_with({{"strategy", "TimeSlicing"}}), {});
  EXPECT_EQ(turns.quantum_ns, 1800 * kNsPerSecond);
  EXPECT_EQ(to_engine(queue_with({{"strategy", "Backfill"}}), {}).quantum_ns, 0);
  const sched::Queue queue = to_engine(
      queue_with({{"quantum", "10m"},
                  {"placement", "Spread"},
                  {"quota",
                   {{"flavors", Json::array({{{"zone", "a"}, {"maximum", {{"nvidia.com/gpu", 8}}}},
                                             {{"gpuModel", "H100"},
                                              {"maximum", {{"cpu", 4}}},
                                              {"guaranteed", {{"cpu", 2}}}}})}}},
                  {"tenantLimits",
                   {{"running", 2}, {"pending", 3}, {"resources", {{"nvidia.com/gpu", 4}}}}}}),
      {});
  EXPECT_EQ(queue.slices, true);
  EXPECT_EQ(queue.quantum_ns, 600 * kNsPerSecond);
  EXPECT_EQ(queue.spread, true);
  ASSERT_EQ(queue.quotas.size(), 2U);
  EXPECT_EQ(queue.quotas[0].zone, "a");
  EXPECT_EQ(queue.quotas[0].maximum.extended_amount("nvidia.com/gpu"), 8);
  EXPECT_EQ(queue.quotas[1].gpu_model, "H100");
  EXPECT_EQ(queue.quotas[1].maximum.cpu_milli, 4000);
  EXPECT_FALSE(queue.quotas[0].has_guaranteed);
  EXPECT_TRUE(queue.quotas[1].has_guaranteed);
  EXPECT_EQ(queue.quotas[1].guaranteed.cpu_milli, 2000);
  EXPECT_EQ(queue.tenant_limits.running, 2);
  EXPECT_EQ(queue.tenant_limits.pending, 3);
  EXPECT_EQ(queue.tenant_limits.resources.extended_amount("nvidia.com/gpu"), 4);
}

TEST(Queues, Learning_is_asked_for_and_reaches_the_engine) {
  EXPECT_FALSE(to_engine(queue_with({{"strategy", "Backfill"}}), {}).learned);
  EXPECT_TRUE(to_engine(queue_with({{"backfill", {{"learn", true}}}}), {}).learned);
  EXPECT_NE(words({{"backfill", {{"learn", true}}}}).find("how long such tasks lasted"),
            std::string::npos);
  for (const char* strategy : {"FIFO", "DRF"}) {
    const std::string idle = words({{"strategy", strategy}, {"backfill", {{"learn", true}}}});
    EXPECT_NE(idle.find("without effect here: spec.backfill.learn"), std::string::npos) << idle;
  }
}

TEST(Queues, Fair_sharing_forgets_by_the_day_unless_told_otherwise) {
  EXPECT_EQ(to_engine(queue_with({{"strategy", "FairSharing"}}), {}).half_life_ns,
            24 * 3600 * kNsPerSecond);
  EXPECT_EQ(
      to_engine(queue_with({{"strategy", "FairSharing"}, {"halfLife", "2h"}}), {}).half_life_ns,
      7200 * kNsPerSecond);
}

TEST(Queues, A_guarantee_of_nothing_is_none) {
  EXPECT_FALSE(to_engine(queue_with({{"quota", {{"guaranteed", {{"nvidia.com/gpu", 0}}}}}}), {})
                   .has_guaranteed);
}

TEST(Queues, The_rules_are_said_in_words_with_what_has_no_effect) {
  EXPECT_EQ(words({{"strategy", "FIFO"}}), "by submit time; nobody passes one that is blocked");
  EXPECT_NE(words({{"strategy", "DRF"}, {"reserveAfter", "30m"}}).find("waits for 30m"),
            std::string::npos);
  EXPECT_NE(words({{"strategy", "ResourcePooling"}}).find("may be borrowed"), std::string::npos);
  const std::string idle = words({{"strategy", "FIFO"},
                                  {"tier", "High"},
                                  {"halfLife", "1h"},
                                  {"reserveAfter", "1h"},
                                  {"backfill", {{"depth", 3}}},
                                  {"tenantWeights", {{"ann", 2}}},
                                  {"quota", {{"borrowing", true}}}});
  for (const char* field :
       {"spec.halfLife", "spec.reserveAfter", "spec.backfill.depth", "spec.tenantWeights", "High"})
    EXPECT_NE(idle.find(field), std::string::npos) << idle;
}

// The head needs both nodes, the one behind it only one: FIFO makes it wait, Backfill does not.
TEST(Queues, A_strategy_that_is_changed_takes_effect_with_the_next_decision) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.make_queue("team", {{"strategy", "FIFO"}});
  cluster.start_operator();
  cluster.run("runs", job_in("team", 1, "forever"));
  cluster.submit("head", job_in("team", 2, "30"));
  cluster.run_for(seconds(2));  // the API knows whole seconds
  cluster.submit("small", job_in("team", 1, "30", "10m"));
  cluster.run_for(seconds(20));
  EXPECT_EQ(cluster.phase("small"), "Pending");
  EXPECT_EQ(cluster.job("small")["status"]["reason"], "BlockedHead");
  cluster.patch(std::string(kQueues) + "/team", {{"spec", {{"strategy", "Backfill"}}}});
  EXPECT_TRUE(cluster.wait_phase("small", "Running", seconds(10)));
  EXPECT_EQ(cluster.phase("runs"), "Running") << "no running task is touched";
  EXPECT_EQ(cluster.job("head")["status"]["phase"], "Pending");
}

TEST(Queues, Load_balancing_takes_the_node_where_least_runs) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.make_queue("even", {{"strategy", "LoadBalancing"}});
  cluster.start_operator();
  Json small = job_in("even", 1, "forever");
  small["gpusPerNode"] = 1;
  std::set<std::string> nodes;
  for (const char* name : {"one", "two"}) {
    cluster.submit(name, small);
    ASSERT_TRUE(cluster.wait_phase(name, "Running"));
    nodes.insert(cluster.job(name)["status"]["placement"]["nodes"][0]);
  }
  EXPECT_EQ(nodes.size(), 2U);
}

// Two nodes, one kept for `owner`. `guest` may not borrow, then may; the owner's first demand takes
// it back.
TEST(Queues, What_is_guaranteed_is_kept_and_what_was_borrowed_returns_at_the_first_demand) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.make_queue("owner", {{"quota", {{"guaranteed", {{"nvidia.com/gpu", 8}}}}}});
  cluster.make_queue("guest", {{"tier", "Low"}});
  cluster.start_operator();
  cluster.run("one", job_in("guest", 1, "forever"));
  cluster.submit("two", job_in("guest", 1, "forever"));
  cluster.run_for(seconds(20));
  EXPECT_EQ(cluster.job("two")["status"]["reason"], "Guaranteed") << cluster.job("two").dump(1);
  cluster.patch(std::string(kQueues) + "/guest", {{"spec", {{"quota", {{"borrowing", true}}}}}});
  ASSERT_TRUE(cluster.wait_phase("two", "Running", seconds(10)));
  cluster.submit("mine", job_in("owner", 1, "60"));
  EXPECT_TRUE(cluster.wait_phase("mine", "Running")) << cluster.job("mine").dump(1);
}

TEST(Queues, What_Medium_tasks_borrowed_returns_once_their_guarantee_is_over) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.make_queue("owner", {{"quota", {{"guaranteed", {{"nvidia.com/gpu", 8}}}}}});
  cluster.make_queue("guest", {{"strategy", "ResourcePooling"}});
  cluster.start_operator();
  cluster.run("borrows", job_in("guest", 1, "forever", "10m"));
  cluster.submit("owns", job_in("owner", 1, "forever"));
  cluster.run_for(std::chrono::minutes(9));
  EXPECT_EQ(cluster.phase("borrows"), "Running");
  ASSERT_TRUE(cluster.wait_phase("owns", "Running", std::chrono::minutes(3)));
  const Json status = cluster.job("borrows")["status"];
  EXPECT_EQ(status["preempted"]["reason"], "Reclaim");
  EXPECT_EQ(status["preempted"]["by"], "work/owns");
}

TEST(Queues, A_flavor_keeps_a_job_out_of_a_zone_and_says_so) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.make_queue(
      "team",
      {{"quota",
        {{"flavors",
          Json::array({Json{{"zone", "zone-a"}, {"maximum", {{"nvidia.com/gpu", 8}}}}})}}}});
  cluster.start_operator();
  cluster.run("one", job_in("team", 1, "forever"));
  cluster.submit("two", job_in("team", 1, "forever"));
  cluster.run_for(seconds(10));
  const Json status = cluster.job("two")["status"];
  EXPECT_EQ(status["reason"], "Quota");
  EXPECT_NE(status["message"].get<std::string>().find("8 x nvidia.com/gpu in zone-a: 0 left"),
            std::string::npos)
      << status["message"];
}

// A zone of which one node is kept for `owner`. `guest` goes elsewhere, then may borrow; the
// owner's first demand takes it back.
TEST(Queues, What_is_guaranteed_of_a_zone_is_kept_there_lent_and_returned) {
  Cluster cluster({{"zone-a", 1, 8}, {"zone-b", 1, 8}});
  cluster.make_queue(
      "owner",
      {{"quota",
        {{"flavors",
          Json::array({Json{{"zone", "zone-a"}, {"guaranteed", {{"nvidia.com/gpu", 8}}}}})}}}});
  cluster.make_queue("guest", {{"tier", "Low"}});
  cluster.start_operator();
  cluster.submit("one", job_in("guest", 1, "forever"));
  ASSERT_TRUE(cluster.wait_phase("one", "Running"));
  EXPECT_EQ(cluster.job("one")["status"]["placement"]["nodes"][0], "zone-b-0");
  cluster.submit("two", job_in("guest", 1, "forever"));
  cluster.run_for(seconds(20));
  const Json waits = cluster.job("two")["status"];
  EXPECT_EQ(waits["reason"], "Guaranteed") << waits.dump(1);
  EXPECT_NE(waits["message"].get<std::string>().find("in zone-a: 0 left"), std::string::npos)
      << waits["message"];
  cluster.patch(std::string(kQueues) + "/guest", {{"spec", {{"quota", {{"borrowing", true}}}}}});
  ASSERT_TRUE(cluster.wait_phase("two", "Running", seconds(10)));
  cluster.run_for(seconds(3));
  const Json status = cluster.queue_status("guest");
  EXPECT_EQ(status["flavors"][0]["zone"], "zone-a") << status.dump(1);
  EXPECT_EQ(status["flavors"][0]["borrowed"]["nvidia.com/gpu"], "8");
  cluster.submit("mine", job_in("owner", 1, "60"));
  EXPECT_TRUE(cluster.wait_phase("mine", "Running")) << cluster.job("mine").dump(1);
  EXPECT_EQ(cluster.job("mine")["status"]["placement"]["nodes"][0], "zone-a-0");
}

TEST(Queues, One_that_its_tenant_has_too_many_of_in_line_is_not_taken_in_before_it_moves_up) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.make_queue("team", {{"tenantLimits", {{"pending", 1}}}});
  cluster.start_operator();
  cluster.run("runs", job_in("team", 1, "60"));
  cluster.submit("first", job_in("team", 1, "forever"));
  cluster.run_for(seconds(2));  // the API knows whole seconds
  cluster.submit("second", job_in("team", 1, "forever"));
  cluster.run_for(seconds(10));
  const auto accepted = [&](const char* job) { return condition(cluster.job(job), "Accepted"); };
  EXPECT_EQ(accepted("first")["status"], "True");
  EXPECT_EQ(accepted("second")["status"], "False");
  EXPECT_EQ(accepted("second")["reason"], "TenantLimit");
  ASSERT_TRUE(cluster.wait_phase("first", "Running", std::chrono::minutes(3)));
  cluster.run_for(seconds(15));
  EXPECT_EQ(accepted("second")["status"], "True") << cluster.job("second").dump(1);
}

TEST(Queues, Only_selected_namespaces_may_submit_and_their_labels_count_live) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.make_queue("team", {{"namespaceSelector", {{"matchLabels", {{"team", "vision"}}}}}});
  cluster.start_operator();
  cluster.submit("job", job_in("team", 1, "forever"));
  cluster.run_for(seconds(10));
  const Json status = cluster.job("job")["status"];
  EXPECT_EQ(status["reason"], "NamespaceNotSelected") << status.dump(1);
  EXPECT_NE(status["message"].get<std::string>().find("asks for team=vision"), std::string::npos);
  cluster.patch("/api/v1/namespaces/work", {{"metadata", {{"labels", {{"team", "vision"}}}}}});
  EXPECT_TRUE(cluster.wait_phase("job", "Running", seconds(30)));
  cluster.patch("/api/v1/namespaces/work", {{"metadata", {{"labels", {{"team", nullptr}}}}}});
  cluster.run_for(seconds(20));
  EXPECT_EQ(cluster.phase("job"), "Running") << "what runs goes on";
}

TEST(Queues, A_queue_says_in_its_condition_by_which_rules_it_goes) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.make_queue("team", {{"strategy", "Hybrid"}});
  cluster.start_operator();
  ASSERT_TRUE(cluster.wait(seconds(10),
                           [&] { return cluster.queue_status("team").contains("conditions"); }));
  const std::string message = cluster.queue_status("team")["conditions"][0]["message"];
  EXPECT_NE(message.find("priorityValue"), std::string::npos) << message;
  cluster.patch(std::string(kQueues) + "/team", {{"spec", {{"strategy", "FIFO"}}}});
  EXPECT_TRUE(cluster.wait(seconds(10), [&] {
    const std::string now = cluster.queue_status("team")["conditions"][0]["message"];
    return now.find("nobody passes") != std::string::npos;
  }));
}

TEST(Queues, Places_that_no_node_lies_in_are_told) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.make_queue(
      "team",
      {{"zones", {"nope", "zone-a"}},
       {"pools", {"gold"}},
       {"quota", {{"flavors", {{{"zone", "zone-z"}, {"maximum", {{"nvidia.com/gpu", 4}}}}}}}}});
  cluster.start_operator();
  const auto said = [&] {
    return condition(cluster.get(std::string(kQueues) + "/team"), "NodesFound");
  };
  ASSERT_TRUE(cluster.wait(seconds(10), [&] { return !said().empty(); }));
  EXPECT_EQ(said()["status"], "False");
  EXPECT_EQ(said()["reason"], "NoSuchNodes");
  EXPECT_EQ(
      said()["message"],
      "spec.zones: no node lies in nope (zones: zone-a); spec.pools: no node is of pool gold (no "
      "node names a pool); "
      "spec.quota.flavors[0].zone: no node lies in zone-z (zones: zone-a)");
  EXPECT_EQ(condition(cluster.get(std::string(kQueues) + "/medium"), "NodesFound"), Json::object());
  cluster.patch(std::string(kQueues) + "/team",
                {{"spec", {{"zones", {"zone-a"}}, {"pools", nullptr}, {"quota", nullptr}}}});
  EXPECT_TRUE(cluster.wait(seconds(10), [&] { return said()["status"] == "True"; }))
      << said().dump(1);
  cluster.run_for(minutes(1));
  const int quiet = cluster.operator_writes();
  cluster.run_for(minutes(10));
  EXPECT_EQ(cluster.operator_writes(), quiet);
}

TEST(Queues, A_guarantee_of_more_than_there_is_is_told) {
  Cluster cluster({{"zone-a", 3, 8}, {"zone-b", 2, 8}});
  cluster.make_queue("team", {{"quota", {{"guaranteed", {{"nvidia.com/gpu", 100}}}}}});
  cluster.make_queue(
      "west",
      {{"quota", {{"flavors", {{{"zone", "zone-b"}, {"guaranteed", {{"nvidia.com/gpu", 17}}}}}}}}});
  cluster.start_operator();
  const auto said = [&](const char* queue) {
    return condition(cluster.get(std::string(kQueues) + "/" + queue), "GuaranteeCovered");
  };
  ASSERT_TRUE(cluster.wait(seconds(10), [&] { return !said("team").empty(); }));
  ASSERT_TRUE(cluster.wait(seconds(10), [&] { return !said("west").empty(); }));
  EXPECT_EQ(said("team")["status"], "False");
  EXPECT_EQ(said("team")["reason"], "MoreThanThereIs");
  EXPECT_EQ(
      said("team")["message"],
      "spec.quota.guaranteed: 100 x nvidia.com/gpu guaranteed, and the nodes that it may use have "
      "40 x nvidia.com/gpu: all of it is kept from queues that do not borrow");
  EXPECT_EQ(
      said("west")["message"],
      "spec.quota.flavors[0].guaranteed: 17 x nvidia.com/gpu guaranteed, and the nodes that it may "
      "use have 16 x nvidia.com/gpu: all of it is kept from queues that do not borrow");
  cluster.patch(std::string(kQueues) + "/team",
                {{"spec", {{"quota", {{"guaranteed", {{"nvidia.com/gpu", 8}}}}}}}});
  EXPECT_TRUE(cluster.wait(seconds(10), [&] { return said("team")["status"] == "True"; }));
}

TEST(Queues, Guarantees_that_are_not_there_for_all_at_once_are_told) {
  Cluster cluster({{"zone-a", 3, 8}});
  for (const char* queue : {"one", "two"})
    cluster.make_queue(queue, {{"quota", {{"guaranteed", {{"nvidia.com/gpu", 16}}}}}});
  cluster.start_operator();
  const auto said = [&](const char* queue) {
    return condition(cluster.get(std::string(kQueues) + "/" + queue), "GuaranteeCovered");
  };
  ASSERT_TRUE(cluster.wait(seconds(10), [&] { return !said("one").empty(); }));
  ASSERT_TRUE(cluster.wait(seconds(10), [&] { return !said("two").empty(); }));
  EXPECT_EQ(said("one")["reason"], "MoreThanThereIs");
  EXPECT_EQ(said("one")["message"],
            "spec.quota.guaranteed: 16 x nvidia.com/gpu guaranteed, and to queues two (16 x "
            "nvidia.com/gpu): together 32 x nvidia.com/gpu, and the nodes have 24 x "
            "nvidia.com/gpu, so not all of them can have theirs at once");
  // One gives up what is too much: both are told that it is well now.
  cluster.patch(std::string(kQueues) + "/one",
                {{"spec", {{"quota", {{"guaranteed", {{"nvidia.com/gpu", 8}}}}}}}});
  EXPECT_TRUE(cluster.wait(seconds(10), [&] { return said("one")["status"] == "True"; }));
  EXPECT_TRUE(cluster.wait(seconds(10), [&] { return said("two")["status"] == "True"; }));
  cluster.run_for(minutes(1));
  const int quiet = cluster.operator_writes();
  cluster.run_for(minutes(10));
  EXPECT_EQ(cluster.operator_writes(), quiet);
}

TEST(Queues, The_status_tells_what_each_tenant_has_and_what_is_borrowed) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.make_queue("owner", {{"quota", {{"guaranteed", {{"nvidia.com/gpu", 8}}}}}});
  cluster.make_queue("guest", {{"strategy", "ResourcePooling"}, {"tier", "Low"}});
  cluster.start_operator();
  cluster.run("one", job_in("guest", 2, "forever"));
  cluster.run_for(seconds(3));
  const Json status = cluster.queue_status("guest");
  EXPECT_EQ(status["borrowed"]["nvidia.com/gpu"], "16") << status.dump(1);
  EXPECT_EQ(status["tenantCount"], 1);
  EXPECT_EQ(status["tenants"][0]["tenant"], "work");
  EXPECT_EQ(status["tenants"][0]["running"], 1);
  EXPECT_EQ(status["tenants"][0]["used"]["nvidia.com/gpu"], "16");
  EXPECT_EQ(status["tenants"][0]["share"], "1.000");
  // Nothing changes, nothing is written.
  cluster.run_for(minutes(1));
  const int quiet = cluster.operator_writes();
  cluster.run_for(minutes(10));
  EXPECT_EQ(cluster.operator_writes(), quiet);
}

// --- the past of tenants, over a change of leaders

constexpr std::int64_t kMinuteNs = 60 * kNsPerSecond;

// Ann used 4 GPUs for an hour long ago, Bob 2 of them a while ago.
sched::Engine engine_with_a_past(const sched::Queue& queue, std::int64_t now_ns) {
  sched::Engine engine;
  sched::Node node;
  node.name = "n";
  node.allocatable.cpu_milli = 64'000;
  node.allocatable.pods = 100;
  node.allocatable.set_extended("nvidia.com/gpu", 8);
  engine.apply(sched::NodeUpsert{node});
  engine.apply(sched::QueueUpsert{queue});
  const auto ran = [&](const char* tenant, std::int64_t gpus, std::int64_t from, std::int64_t to) {
    sched::Task task;
    task.uid = task.name = task.tenant = tenant;
    task.queue = queue.name;
    sched::Resources requests;
    requests.cpu_milli = 3001;
    requests.pods = 1;
    requests.set_extended("nvidia.com/gpu", gpus);
    task.groups = {{"", 1, requests}};
    engine.apply(sched::TaskUpsert{task});
    engine.apply(sched::Assume{tenant, 0, {{"n"}}, {from}});
    engine.apply(sched::Confirm{tenant, {from}});
    engine.apply(sched::TaskEnd{tenant, {to}});
  };
  ran("ann", 4, now_ns - 600 * kMinuteNs, now_ns - 540 * kMinuteNs);
  ran("bob", 2, now_ns - 90 * kMinuteNs, now_ns - 7 * kMinuteNs);
  engine.plan({now_ns});
  return engine;
}

std::map<std::string, std::int64_t> shares(const sched::Engine& engine, const std::string& queue) {
  std::map<std::string, std::int64_t> out;
  for (const auto& tenant : engine.tenants(queue)) out[tenant.tenant] = tenant.share_millionths;
  return out;
}

TEST(Past, A_new_leader_computes_the_same_shares_from_the_status) {
  const sched::Queue queue =
      to_engine(queue_with({{"strategy", "FairSharing"}, {"halfLife", "1h"}}), {});
  const std::int64_t now = (1'700'000'000 + 1234) * kNsPerSecond;
  sched::Engine before = engine_with_a_past(queue, now);
  const QueuePast past = to_past(before.served(queue.name), queue.half_life_ns);
  TaskQueueStatus status;
  status.past = past;
  ASSERT_EQ(decode_task_queue_status(encode_status(status)), status);

  sched::Engine after;
  sched::Node node;
  node.name = "n";
  node.allocatable.cpu_milli = 64'000;
  node.allocatable.set_extended("nvidia.com/gpu", 8);
  after.apply(sched::NodeUpsert{node});
  after.apply(sched::QueueUpsert{queue});
  for (const auto& served : to_served(past, queue, {now + 5 * kNsPerSecond})) after.apply(served);
  for (const std::int64_t later : {std::int64_t{6}, std::int64_t{30 * 60}, std::int64_t{7200}}) {
    const sched::Time at{now + later * kNsPerSecond};
    before.plan(at);
    after.plan(at);
    const auto want = shares(before, queue.name), got = shares(after, queue.name);
    EXPECT_EQ(want.size(), 2U);
    for (const auto& [tenant, share] : want)
      EXPECT_LE(std::abs(got.at(tenant) - share), 2) << tenant;
  }
  // What does not change is written the same.
  EXPECT_EQ(to_past(after.served(queue.name), queue.half_life_ns), past);
}

TEST(Past, Another_half_life_begins_anew_and_junk_is_nothing) {
  const sched::Queue queue =
      to_engine(queue_with({{"strategy", "FairSharing"}, {"halfLife", "1h"}}), {});
  const std::int64_t now = 1'700'000'000 * kNsPerSecond;
  const sched::Engine engine = engine_with_a_past(queue, now);
  QueuePast past = to_past(engine.served(queue.name), queue.half_life_ns);
  sched::Queue other = queue;
  other.half_life_ns *= 2;
  for (const auto& served : to_served(past, other, {now})) EXPECT_TRUE(served.spans.empty());
  for (const char* junk : {"", "-1", "x", "99999999999999999999999999999999999999999999"}) {
    past.tenants[0].uses = {{"nvidia.com/gpu", "", now / queue.half_life_ns, junk},
                            {"cpu", "", -5, "10"},
                            {"cpu", "", std::int64_t{1} << 62, "10"}};
    EXPECT_TRUE(to_served(past, queue, {now})[0].spans.empty()) << junk;
  }
}

// Both tenants wait for the one place; whose turn it is depends on who was served last, before the
// operator was killed.
TEST(Past, Whose_turn_it_is_survives_a_change_of_leaders) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.make_queue("team", {{"order", "RoundRobin"}, {"tenantLabel", "who"}});
  cluster.start_operator();
  const auto submit = [&](const std::string& name, const std::string& who, const char* seconds) {
    Json spec = {{"framework", "Command"}, {"image", "i"}, {"command", {"run"}}};
    spec.merge_patch(job_in("team", 1, seconds));
    cluster.create(
        "/apis/fermi-cluster.com/v1alpha1/namespaces/work/trainingjobs",
        {{"apiVersion", "fermi-cluster.com/v1alpha1"},
         {"kind", "TrainingJob"},
         {"metadata", {{"name", name}, {"namespace", "work"}, {"labels", {{"who", who}}}}},
         {"spec", spec}});
  };
  submit("first", "ann", "60");
  ASSERT_TRUE(cluster.wait_phase("first", "Running"));
  submit("ann-again", "ann", "60");
  cluster.run_for(seconds(5));
  submit("bob", "bob", "60");
  ASSERT_TRUE(cluster.wait(seconds(10), [&] {
    return cluster.queue_status("team").contains("past");
  })) << cluster.queue_status("team").dump(1);
  cluster.kill_operator();
  // What ends meanwhile is gone with its object: only the status remembers ann.
  cluster.run_for(minutes(2));
  cluster.remove("/apis/fermi-cluster.com/v1alpha1/namespaces/work/trainingjobs/first");
  cluster.start_operator();
  ASSERT_TRUE(cluster.wait_phase("bob", "Running")) << cluster.queue_status("team").dump(1);
  EXPECT_EQ(cluster.phase("ann-again"), "Pending");
}

// It states five minutes and goes on: the head's time moves at five, ten, ... minutes.
TEST(Queues, A_reservation_that_moves_because_an_estimate_is_outlived_is_counted_over_restarts) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.make_queue("team", {{"strategy", "Backfill"}});
  cluster.start_operator();
  cluster.submit("late", job_in("team", 1, "forever", "5m"));
  ASSERT_TRUE(cluster.wait_phase("late", "Running"));
  cluster.submit("head", job_in("team", 1, "30"));
  const auto moved = [&] { return cluster.queue_status("team").value("reservationsMoved", 0); };
  cluster.run_for(minutes(4));
  cluster.submit("one", job_in("team", 1, "30"));
  cluster.run_for(seconds(10));
  EXPECT_EQ(moved(), 0);
  cluster.run_for(minutes(2));
  cluster.submit("two", job_in("team", 1, "30"));
  ASSERT_TRUE(cluster.wait(seconds(30), [&] { return moved() == 1; }));
  EXPECT_EQ(cluster.op().metrics().reservations_moved.at("team"), 1U);
  cluster.kill_operator();
  cluster.start_operator();
  cluster.run_for(minutes(1));
  EXPECT_EQ(moved(), 1);
  cluster.run_for(minutes(5));
  cluster.submit("three", job_in("team", 1, "30"));
  ASSERT_TRUE(cluster.wait(seconds(30), [&] { return moved() == 2; }));
}

}  // namespace
}  // namespace fermi::testing
