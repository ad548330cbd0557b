// Conflicts that are over stay readable in the ledger, against the embedded API server, in virtual
// time: how many, how often they are written, and what leaders that die and people who edit change.
#include "operator/ledger/conflict_history.hpp"

#include <gtest/gtest.h>

#include "tests/unit/operator/conflict_steps.hpp"
#include "tests/unit/operator/ledger_leader.hpp"

namespace fermi::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const std::string kMap = std::string(kFermiMaps) + "/fermi-ledger-conflicts-0";

// Records of the history in their order.
std::vector<Json> history(Cluster& cluster) {
  std::vector<Json> out;
  const Json map = cluster.get(kMap);
  std::istringstream lines(map.is_null() ? "" : map.value("/data/records"_json_pointer, ""));
  for (std::string line; std::getline(lines, line);) out.push_back(Json::parse(line)[1]);
  return out;
}

int count_of(Cluster& cluster, const std::string& id) {
  int count = 0;
  for (const Json& record : history(cluster)) count += record["id"] == id ? 1 : 0;
  return count;
}

QueueConflict conflict(int number) {
  QueueConflict out;
  out.id = "rc-" + std::to_string(number);
  out.type = "ResourceCompetition";
  out.severity = "Low";
  out.since = {1'700'000'000'000'000'000};
  out.waiting = {"TrainingJob", "work", "waits-" + std::to_string(number), "uid"};
  for (int i = 0; i < 8; ++i)
    out.others.push_back({"TrainingJob", "work", std::string(100, 'o'), "uid"});
  out.other_count = 8;
  out.resolution = "it has its room";
  return out;
}

using Leader = LedgerLeader<ConflictHistory>;

TEST(ConflictHistory, One_that_is_over_is_written_once_with_how_and_when_it_ended) {
  Cluster cluster({{"zone-a", 1, 8}});
  const std::string id =
      two_compete(cluster, job_in("medium", "60", "2m"), job_in("medium", "forever", "1h"));
  const Json open = conflict_in(cluster, "medium");
  ASSERT_TRUE(cluster.wait_phase("second", "Running"));
  ASSERT_TRUE(cluster.wait(seconds(15), [&] { return !history(cluster).empty(); }));
  const Json record = history(cluster).at(0);
  EXPECT_EQ(record["id"], id);
  EXPECT_EQ(record["queue"], "medium");
  EXPECT_EQ(record["since"], open["since"]);
  EXPECT_EQ(record["waiting"]["name"], "second");
  EXPECT_EQ(record["others"][0]["name"], "first");
  EXPECT_EQ(record["resolution"], "work/second has its room");
  EXPECT_GE(record["resolutionAt"].get<std::string>(), open["since"].get<std::string>());
  EXPECT_TRUE(cluster.wait(seconds(5), [&] { return conflict_in(cluster, "medium").is_null(); }));
  cluster.run_for(minutes(2));
  EXPECT_EQ(history(cluster).size(), 1U);
}

// The queue shows a conflict until the history has it, and so the next leader finds it.
TEST(ConflictHistory, A_leader_that_dies_loses_none_and_doubles_none) {
  for (int delay_ms = 0; delay_ms <= 3000; delay_ms += 250) {
    SCOPED_TRACE(delay_ms);
    Cluster cluster({{"zone-a", 1, 8}});
    const std::string id =
        two_compete(cluster, job_in("medium", "forever", "1h"), job_in("medium", "forever", "1h"));
    cluster.run_for(seconds(5));
    cluster.remove(std::string(kJobs) + "/second");
    cluster.run_for(milliseconds(delay_ms));
    cluster.kill_operator();
    cluster.run_for(seconds(5));
    cluster.start_operator();
    EXPECT_TRUE(cluster.wait(seconds(60), [&] { return count_of(cluster, id) > 0; }));
    cluster.run_for(minutes(1));
    EXPECT_EQ(count_of(cluster, id), 1);
    EXPECT_TRUE(conflict_in(cluster, "medium").is_null());
  }
}

TEST(ConflictHistory, The_last_thousand_are_kept_and_each_write_waits_ten_seconds) {
  Cluster cluster({});
  Leader leader(cluster, 1);
  int written = 0;
  for (int i = 0; i < 1200; ++i) {
    leader.store->add("team", conflict(i), [&] { ++written; });
    cluster.run_for(milliseconds(50));  // a minute in all
  }
  EXPECT_LE(leader.metrics.ledger_writes, 7U);
  cluster.run_for(seconds(15));
  EXPECT_EQ(written, 1200);
  const auto all = history(cluster);
  ASSERT_EQ(all.size(), 1000U);
  EXPECT_EQ(all.front()["id"], "rc-200");
  EXPECT_EQ(all.back()["id"], "rc-1199");
  EXPECT_LE(cluster.get(kMap).dump().size(), std::size_t{1000} * 1024);
}

TEST(ConflictHistory, What_another_leader_has_put_there_is_not_put_there_again) {
  Cluster cluster({});
  Leader first(cluster, 1);
  Leader second(cluster, 2);
  first.store->add("team", conflict(1), {});
  cluster.run_for(seconds(1));
  // It has read the ledger before: its write is refused, and made again to what stands there.
  second.store->add("team", conflict(1), {});
  second.store->add("team", conflict(2), {});
  cluster.run_for(seconds(30));
  const auto all = history(cluster);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0]["id"], "rc-1");
  EXPECT_EQ(all[1]["id"], "rc-2");
  QueueConflict again = conflict(1);  // the same two, later
  again.since = {1'700'000'900'000'000'000};
  second.store->add("team", again, {});
  cluster.run_for(seconds(30));
  EXPECT_EQ(history(cluster).size(), 3U);
}

TEST(ConflictHistory, A_mangled_ConfigMap_stops_nothing_and_its_lines_go) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.create(
      kFermiMaps,
      {{"apiVersion", "v1"},
       {"kind", "ConfigMap"},
       {"metadata",
        {{"name", "fermi-ledger-conflicts-0"},
         {"namespace", "fermi-system"},
         {"labels", {{kLedgerLabel, "conflicts"}}}}},
       {"data",
        {{"records", "{]\n[\"zzz\",1]\n[\"999999999999/a/b\",[]]\n[\"000000000007/c/d\",{}]\n"}}}});
  const std::string id =
      two_compete(cluster, job_in("medium", "30", "1m"), job_in("medium", "60", "1h"));
  ASSERT_TRUE(cluster.wait_phase("second", "Running"));
  ASSERT_TRUE(cluster.wait(seconds(15), [&] {
    return cluster.get(kMap).value("/data/records"_json_pointer, "").find(id) != std::string::npos;
  }));
  const std::string text = cluster.get(kMap)["data"]["records"];
  EXPECT_EQ(text.find("zzz"), std::string::npos);
  EXPECT_EQ(text.find("999999999999"), std::string::npos);
  EXPECT_NE(text.find("000000000008/" + id), std::string::npos) << text;
}

// Nothing can be written to it: what is over leaves the status all the same, a minute later.
TEST(ConflictHistory, One_that_cannot_be_written_does_not_keep_a_conflict_in_the_status) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.create(kFermiMaps, {{"apiVersion", "v1"},
                              {"kind", "ConfigMap"},
                              {"immutable", true},
                              {"metadata",
                               {{"name", "fermi-ledger-conflicts-0"},
                                {"namespace", "fermi-system"},
                                {"labels", {{kLedgerLabel, "conflicts"}}}}},
                              {"data", {{"records", ""}}}});
  two_compete(cluster, job_in("medium", "30", "1m"), job_in("medium", "forever", "1h"));
  ASSERT_TRUE(cluster.wait_phase("second", "Running"));
  EXPECT_FALSE(conflict_in(cluster, "medium").is_null()) << "it is tried for a while";
  EXPECT_TRUE(cluster.wait(seconds(75), [&] { return conflict_in(cluster, "medium").is_null(); }));
  EXPECT_EQ(cluster.get(kMap)["data"]["records"], "");
}

}  // namespace
}  // namespace fermi::testing
