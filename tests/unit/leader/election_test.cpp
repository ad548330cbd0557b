#include "libk8s/leader/election.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "libk8s/leader/lease_json.hpp"

namespace k8s {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = Move::Kind;

constexpr TimePoint kT0{1'000'000'000'000};
constexpr WallTime kWall{1'767'225'600'000'000'000};

ElectionConfig config() {
  ElectionConfig made;
  made.ns = "system";
  made.name = "lock";
  made.identity = "me";
  return made;
}

LeaseRecord held_by(const std::string& holder, std::int64_t transitions = 3) {
  return {holder, seconds(15), kWall, kWall, transitions};
}

LeaseSeen seen_at(TimePoint t, const LeaseRecord& record) {
  LeaseSeen seen;
  seen.observe(record, "1", t);
  return seen;
}

TEST(Election, A_missing_lease_is_created) {
  const Move move = decide({}, config(), false, kT0, kWall);
  EXPECT_EQ(move.kind, Kind::kCreate);
  EXPECT_EQ(move.record.holder, "me");
  EXPECT_EQ(move.record.transitions, 0);
}

TEST(Election, A_free_lease_is_taken_at_once_with_the_next_epoch) {
  const Move move = decide(seen_at(kT0, held_by("")), config(), false, kT0, kWall);
  EXPECT_EQ(move.kind, Kind::kTake);
  EXPECT_EQ(move.record.transitions, 4);
}

TEST(Election, A_held_lease_is_taken_only_after_its_whole_duration_without_a_change) {
  const LeaseSeen seen = seen_at(kT0, held_by("other"));
  EXPECT_EQ(decide(seen, config(), false, kT0 + milliseconds(14999), kWall).kind, Kind::kWait);
  EXPECT_EQ(decide(seen, config(), false, kT0 + seconds(15), kWall).kind, Kind::kTake);
}

TEST(Election, The_holders_own_times_do_not_matter) {
  LeaseRecord record = held_by("other");
  record.renewed = kWall - std::chrono::hours(24 * 365);  // long dead by its own clock
  const LeaseSeen seen = seen_at(kT0, record);
  EXPECT_EQ(decide(seen, config(), false, kT0 + seconds(14), kWall).kind, Kind::kWait);
}

TEST(Election, Each_change_of_the_record_starts_the_wait_anew) {
  LeaseSeen seen = seen_at(kT0, held_by("other"));
  seen.observe(held_by("other"), "2", kT0 + seconds(14));
  EXPECT_EQ(decide(seen, config(), false, kT0 + seconds(28), kWall).kind, Kind::kWait);
  EXPECT_EQ(decide(seen, config(), false, kT0 + seconds(29), kWall).kind, Kind::kTake);
}

TEST(Election, Reading_the_same_record_again_does_not) {
  LeaseSeen seen = seen_at(kT0, held_by("other"));
  seen.observe(held_by("other"), "1", kT0 + seconds(14));
  EXPECT_EQ(decide(seen, config(), false, kT0 + seconds(15), kWall).kind, Kind::kTake);
}

TEST(Election, The_leader_renews_within_its_term) {
  LeaseSeen seen = seen_at(kT0, held_by("me", 7));
  const Move move = decide(seen, config(), true, kT0 + seconds(2), kWall + seconds(2));
  EXPECT_EQ(move.kind, Kind::kRenew);
  EXPECT_EQ(move.record.transitions, 7);
  EXPECT_EQ(move.record.acquired, kWall);
  EXPECT_EQ(move.record.renewed, kWall + seconds(2));
}

TEST(Election, A_leader_whose_lease_is_gone_or_anothers_has_lost) {
  EXPECT_EQ(decide({}, config(), true, kT0, kWall).kind, Kind::kLost);
  EXPECT_EQ(decide(seen_at(kT0, held_by("other")), config(), true, kT0, kWall).kind, Kind::kLost);
  EXPECT_EQ(decide(seen_at(kT0, held_by("")), config(), true, kT0, kWall).kind, Kind::kLost);
}

TEST(Election, Finding_ones_own_name_without_leading_begins_a_new_term) {
  const Move move = decide(seen_at(kT0, held_by("me", 7)), config(), false, kT0, kWall);
  EXPECT_EQ(move.kind, Kind::kTake);
  EXPECT_EQ(move.record.transitions, 8);
}

TEST(Election, A_released_lease_has_no_holder_and_keeps_its_epoch) {
  const LeaseRecord record = released(held_by("me", 7), kWall);
  EXPECT_EQ(record.holder, "");
  EXPECT_EQ(record.duration, seconds(1));
  EXPECT_EQ(record.transitions, 7);
}

TEST(Election, Durations_are_15_10_and_2_seconds_unless_said_otherwise) {
  EXPECT_EQ(config().lease_duration, seconds(15));
  EXPECT_EQ(config().renew_deadline, seconds(10));
  EXPECT_EQ(config().retry_period, seconds(2));
}

TEST(Election, Durations_out_of_order_are_refused) {
  EXPECT_TRUE(check(config()).is_ok());
  ElectionConfig bad = config();
  bad.renew_deadline = bad.lease_duration;
  EXPECT_FALSE(check(bad).is_ok());
  bad = config();
  bad.retry_period = seconds(9);  // 1.2 x 9 s is more than 10 s
  EXPECT_FALSE(check(bad).is_ok());
  bad = config();
  bad.identity.clear();
  EXPECT_FALSE(check(bad).is_ok());
}

TEST(LeaseJson, Keeps_what_is_not_ours) {
  const nlohmann::json base = {
      {"metadata", {{"name", "lock"}, {"uid", "u"}, {"resourceVersion", "5"}}},
      {"spec", {{"strategy", "OldestEmulationVersion"}, {"holderIdentity", "other"}}}};
  const nlohmann::json lease = lease_object(base, config(), held_by("me"));
  EXPECT_EQ(lease["spec"]["strategy"], "OldestEmulationVersion");
  EXPECT_EQ(lease["spec"]["holderIdentity"], "me");
  EXPECT_EQ(lease["spec"]["renewTime"], "2026-01-01T00:00:00.000000Z");
  EXPECT_EQ(lease["metadata"]["resourceVersion"], "5");
  EXPECT_EQ(lease_record(lease), held_by("me"));
}

TEST(LeaseJson, Reads_a_malformed_lease_as_free) {
  const nlohmann::json odd = {{"spec",
                               {{"holderIdentity", 5},
                                {"leaseDurationSeconds", "x"},
                                {"renewTime", "yesterday"},
                                {"leaseTransitions", -3}}}};
  EXPECT_EQ(lease_record(odd), LeaseRecord{});
  EXPECT_EQ(lease_record({{"spec", nullptr}}), LeaseRecord{});
  EXPECT_EQ(lease_record(nullptr), LeaseRecord{});
}

}  // namespace
}  // namespace k8s
