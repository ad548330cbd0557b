#include "scheduler/reason.hpp"

#include <gtest/gtest.h>

#include <set>

namespace sched {
namespace {

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

Reason room(ReasonCode code) {
  Reason r;
  r.code = code;
  r.resource = "nvidia.com/gpu";
  r.needed = 16;
  r.free = 8;
  r.total = 32;
  r.nodes_needed = 2;
  r.nodes_fitting = 1;
  r.nodes_eligible = 4;
  r.zone = "zone-a";
  r.gpu_model = "A100";
  return r;
}

TEST(Sentence, Every_code_has_its_own_name_and_a_sentence) {
  std::set<std::string> names, sentences;
  for (int code = 0; code <= static_cast<int>(ReasonCode::kStopped); ++code) {
    Reason r = room(static_cast<ReasonCode>(code));
    r.detail = "x";
    EXPECT_TRUE(names.insert(name(r.code)).second);
    EXPECT_TRUE(sentences.insert(sentence(r)).second);
    EXPECT_EQ(sentence(r).empty(), r.code == ReasonCode::kNone);
  }
}

TEST(Sentence, Room_is_told_with_its_numbers) {
  EXPECT_EQ(sentence(room(ReasonCode::kCapacity)),
            "needs 16 x A100 in zone-a: 8 free of 32; 1 of 4 eligible nodes fit");
  EXPECT_EQ(sentence(room(ReasonCode::kFragmentation)),
            "needs 16 x A100 in zone-a for 2 Pods: 8 free of 32, but in pieces; 1 of 4 eligible "
            "nodes fit");
  Reason r = room(ReasonCode::kTopology);
  r.detail = "in one zone";
  EXPECT_EQ(sentence(r), "needs 16 x A100 in one zone: the best, zone-a, has 8 free of 32");
  r.code = ReasonCode::kNever;
  EXPECT_EQ(sentence(r),
            "can never start: needs 16 x A100 in one zone, which even the empty cluster cannot "
            "give; the best, zone-a, has 32 in all");
}

TEST(Sentence, Whoever_holds_the_room_is_named_with_his_end) {
  Reason r = room(ReasonCode::kCapacity);
  r.holders = {{"training/llm-7b", 8, {(14 * 3600 + 5 * 60) * 1'000'000'000ll}}, {"team/x", 4, {}}};
  EXPECT_EQ(sentence(r),
            "needs 16 x A100 in zone-a: 8 free of 32, 8 held by training/llm-7b until 14:05:00 "
            "UTC, 4 by team/x; 1 of 4 eligible nodes fit");
  r.code = ReasonCode::kEvicting;
  r.detail = " and 2 more";
  EXPECT_EQ(sentence(r),
            "waits until training/llm-7b (8 x A100), team/x (4 x A100) and 2 more has stopped: its "
            "room is kept for this task");
}

TEST(Sentence, What_can_never_be_says_what_is_too_little) {
  Reason r = room(ReasonCode::kNever);
  r.zone = "";
  r.needed = 18;
  r.nodes_needed = 2;
  r.free = 8;
  EXPECT_EQ(sentence(r),
            "can never start: needs 18 x A100 for 2 Pods; the nodes have 32 in all, but none has "
            "more than 8, and each Pod needs 9");
  r.free = 0;
  r.pods_empty = 1;
  EXPECT_EQ(sentence(r),
            "can never start: needs 18 x A100 for 2 Pods; the nodes have 32 in all, but even when "
            "empty hold only 1 of them");
  r = room(ReasonCode::kQuota);
  r.detail = "q";
  r.total = 12;
  EXPECT_EQ(sentence(r),
            "can never start in queue q: it allows 12 x A100 in zone-a in all, needs 16");
}

TEST(Sentence, Amounts_have_units_that_people_read) {
  EXPECT_EQ(amount("cpu", "", 1000), "1 core");
  EXPECT_EQ(amount("cpu", "", 1500), "1.5 cores");
  EXPECT_EQ(amount("cpu", "", 320'000), "320 cores");
  EXPECT_EQ(amount("memory", "", 256 * kGiB), "256 GiB of memory");
  EXPECT_EQ(amount("memory", "", 1280 * kGiB), "1.25 TiB of memory");
  EXPECT_EQ(amount("memory", "", 3 * kGiB / 2), "1.5 GiB of memory");
  EXPECT_EQ(amount("memory", "", 1'000'000'000), "953.673 MiB of memory");
  EXPECT_EQ(amount("memory", "", 0), "0 B of memory");
  EXPECT_EQ(amount("nvidia.com/gpu", "", 4), "4 x nvidia.com/gpu");
  EXPECT_EQ(amount("nvidia.com/gpu", "H100", 4), "4 x H100");
  EXPECT_EQ(amount("example.com/nic", "H100", 4), "4 x example.com/nic");
  EXPECT_EQ(amount("pods", "", 1), "1 Pod");
}

TEST(Sentence, Waiting_for_a_queue_or_a_time_is_said_plainly) {
  Reason r;
  r.detail = "q";
  r.total = 2;
  r.code = ReasonCode::kQueueLimit;
  EXPECT_EQ(sentence(r), "queue q runs its maximum of 2 tasks");
  r.code = ReasonCode::kNoQueue;
  EXPECT_EQ(sentence(r), "there is no queue q");
  r.code = ReasonCode::kBackoff;
  r.detail = "";
  r.until.ns = (13 * 3600 + 4 * 60 + 5) * 1'000'000'000ll;
  EXPECT_EQ(sentence(r), "tries again at 13:04:05 UTC");
}

TEST(Sentence, What_is_a_day_away_has_its_date) {
  constexpr std::int64_t kHour = 3'600'000'000'000;
  Reason r = room(ReasonCode::kCapacity);
  r.holders = {{"team/zl", 8, Time{900 * kHour}}};
  EXPECT_EQ(sentence(r, Time{900 * kHour - 24 * kHour + 1}),
            "needs 16 x A100 in zone-a: 8 free of 32, 8 held by team/zl until 12:00:00 UTC; 1 of 4 "
            "eligible nodes fit");
  EXPECT_EQ(sentence(r, Time{0}),
            "needs 16 x A100 in zone-a: 8 free of 32, 8 held by team/zl until 1970-02-07 12:00:00 "
            "UTC; 1 of 4 eligible nodes fit");
}

}  // namespace
}  // namespace sched
