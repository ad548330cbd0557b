// The ledger's store against the embedded API server, in virtual time: what is kept over a change
// of leaders, how often it is written, and what happens when a writer dies.
#include "operator/ledger/store.hpp"

#include <gtest/gtest.h>

#include "tests/unit/operator/ledger_leader.hpp"

namespace fermi::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

struct Leader : LedgerLeader<LedgerStore> {
  Leader(Cluster& cluster, LedgerStore::Options options, unsigned seed = 1)
      : LedgerLeader(cluster, seed, std::move(options)) {}
};

std::string text_of(Cluster& cluster, const std::string& name) {
  const Json map = cluster.get(std::string(kFermiMaps) + "/" + name);
  return map.is_null() ? "-" : map.value("/data/records"_json_pointer, "");
}

// Adds `amount` to the sum for `task`, unless that is in already: what the ledger does.
LedgerStore::Change fold(const std::string& task, int amount) {
  return [task, amount](LedgerRecords& records) {
    if (records.count("done " + task) != 0) return;
    records["done " + task] = true;
    records["sum"] = (records.count("sum") == 0 ? 0 : records["sum"].get<int>()) + amount;
  };
}

TEST(LedgerStore, What_is_put_stands_in_a_ConfigMap_and_the_next_leader_has_it) {
  Cluster cluster({});
  Leader first(cluster, {.name = "notes"});
  int written = 0;
  first.store->put("b", {{"n", 2}}, [&] { ++written; });
  first.store->put("a", "one line \" only", [&] { ++written; });
  EXPECT_EQ((*first.store->find("b"))["n"], 2) << "it is known at once";
  EXPECT_TRUE(cluster.wait(seconds(2), [&] { return written == 2; }));
  EXPECT_EQ(text_of(cluster, "fermi-ledger-notes-0"),
            "[\"a\",\"one line \\\" only\"]\n[\"b\",{\"n\":2}]\n");
  EXPECT_EQ(first.metrics.ledger_writes, 1U) << "both with one write";
  first.die();
  Leader second(cluster, {.name = "notes"}, 2);
  EXPECT_EQ((*second.store->find("b"))["n"], 2);
  EXPECT_EQ(second.metrics.ledger_writes, 0U);
}

TEST(LedgerStore, A_shard_is_written_at_most_once_in_ten_seconds_and_never_for_nothing) {
  Cluster cluster({});
  Leader leader(cluster, {.name = "notes"});
  for (int i = 0; i < 60; ++i) {
    leader.store->put("k" + std::to_string(i), i);
    cluster.run_for(seconds(1));
  }
  cluster.run_for(seconds(15));
  EXPECT_LE(leader.metrics.ledger_writes, 8U);
  EXPECT_GE(leader.metrics.ledger_writes, 6U);
  const auto before = leader.metrics.ledger_writes;
  cluster.run_for(minutes(10));
  EXPECT_EQ(leader.metrics.ledger_writes, before);
}

TEST(LedgerStore, The_smallest_keys_go_when_there_is_no_room) {
  Cluster cluster({});
  Leader leader(cluster, {.name = "notes", .most_records = 3});
  for (const char* key : {"2026-01", "2026-04", "2026-03", "2026-02", "2026-05"})
    leader.store->put(key, 1);
  EXPECT_EQ(leader.store->find("2026-02"), nullptr);
  EXPECT_NE(leader.store->find("2026-03"), nullptr);
  EXPECT_EQ(leader.metrics.ledger_dropped, 2U);

  Leader large(cluster, {.name = "large", .most_bytes = 1000}, 2);
  for (int i = 10; i < 30; ++i)
    large.store->put("k" + std::to_string(i), std::string(90, 'x'));  // 100 bytes a line
  cluster.run_for(seconds(2));
  EXPECT_LE(text_of(cluster, "fermi-ledger-large-0").size(), 1000U);
  EXPECT_EQ(large.store->find("k20") == nullptr, true);
  EXPECT_NE(large.store->find("k29"), nullptr);
}

TEST(LedgerStore, What_somebody_else_wrote_meanwhile_is_kept_beside_ours) {
  Cluster cluster({});
  Leader old(cluster, {.name = "sums"});
  old.store->change(0, fold("x", 5));
  cluster.run_for(seconds(1));
  Leader fresh(cluster, {.name = "sums"}, 2);
  // A write of the leader before that arrives late.
  old.store->change(0, fold("y", 7));
  cluster.run_for(seconds(11));
  fresh.store->change(0, fold("y", 7));  // it knows nothing of that, and does it again
  fresh.store->change(0, fold("z", 1));
  cluster.run_for(minutes(1));
  EXPECT_EQ(fresh.store->find("sum")->get<int>(), 13);
  EXPECT_NE(text_of(cluster, "fermi-ledger-sums-0").find("[\"sum\",13]"), std::string::npos);
}

TEST(LedgerStore, One_that_was_deleted_is_made_anew_with_all_that_is_known) {
  Cluster cluster({});
  Leader leader(cluster, {.name = "notes"});
  leader.store->put("a", 1);
  cluster.run_for(seconds(1));
  cluster.remove(std::string(kFermiMaps) + "/fermi-ledger-notes-0");
  leader.store->put("b", 2);
  cluster.run_for(minutes(1));
  EXPECT_EQ(text_of(cluster, "fermi-ledger-notes-0"), "[\"a\",1]\n[\"b\",2]\n");
}

TEST(LedgerStore, A_line_that_cannot_be_read_is_left_out_and_stops_nobody) {
  Cluster cluster({});
  cluster.create(kFermiMaps,
                 {{"apiVersion", "v1"},
                  {"kind", "ConfigMap"},
                  {"metadata",
                   {{"name", "fermi-ledger-notes-0"},
                    {"namespace", "fermi-system"},
                    {"labels", {{kLedgerLabel, "notes"}}}}},
                  {"data", {{"records", "[\"a\",1]\n{]\n[\"b\"]\n[3,4]\n\n[\"c\",3]"}}}});
  Leader leader(cluster, {.name = "notes"});
  EXPECT_EQ(leader.store->records(0).size(), 2U);
  EXPECT_EQ(*leader.store->find("c"), 3);
}

TEST(LedgerStore, What_is_left_is_written_when_the_leader_stops) {
  Cluster cluster({});
  Leader leader(cluster, {.name = "notes"});
  leader.store->put("a", 1);
  cluster.run_for(seconds(1));
  leader.store->put("b", 2);  // would wait for its turn
  bool drained = false;
  leader.store->stop([&] { drained = true; });
  EXPECT_TRUE(cluster.wait(seconds(1), [&] { return drained; }));
  EXPECT_EQ(text_of(cluster, "fermi-ledger-notes-0"), "[\"a\",1]\n[\"b\",2]\n");
}

// Ten tasks are folded in, each one until it is known to be written; the leader dies at write
// `dies_at`, at this point of it, and the next one does again what is not known to be written.
int sum_after_death(int dies_at, sim::WritePoint point) {
  Cluster cluster({});
  std::set<int> todo = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  int writes = 0;
  for (unsigned life = 1; !todo.empty() && life < 5; ++life) {
    Leader leader(cluster, {.name = "sums", .period = seconds(1)}, life);
    bool dead = false;
    leader.transport().on_write([&](sim::WritePoint at, const k8s::http::Request&) {
      if (life > 1 || at != point || ++writes != dies_at) return false;
      dead = true;
      leader.process().kill();
      return true;
    });
    for (const int task : std::set<int>(todo)) {
      leader.store->change(0, fold(std::to_string(task), 1 << task),
                           [&todo, task] { todo.erase(task); });
      if (!dead) cluster.run_for(milliseconds(900));
    }
    cluster.wait(minutes(2), [&] { return dead || todo.empty(); });
    cluster.run_for(seconds(1));
    if (dead) leader.transport().die();
  }
  Leader last(cluster, {.name = "sums"}, 9);
  const Json* sum = last.store->find("sum");
  return sum == nullptr ? 0 : sum->get<int>();
}

TEST(LedgerStore, Nothing_is_lost_or_counted_twice_wherever_the_writer_dies) {
  for (const sim::WritePoint point :
       {sim::WritePoint::kBeforeSend, sim::WritePoint::kAfterApply, sim::WritePoint::kAfterReply})
    for (int dies_at = 1; dies_at <= 8; ++dies_at)
      EXPECT_EQ(sum_after_death(dies_at, point), 1023)
          << "write " << dies_at << ", point " << static_cast<int>(point);
}

}  // namespace
}  // namespace fermi::testing
