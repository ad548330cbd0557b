#include "libk8s/watch/watch_machine.hpp"

#include <gtest/gtest.h>

namespace k8s {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr TimePoint kT0{1'000'000'000'000};
const Status kCleanEnd;

Status gone() { return Status(Code::kGone, "too old"); }
Status too_large() { return Status(Code::kTooLargeVersion, "too large"); }
Status cut() { return Status(Code::kUnknownOutcome, "cut"); }
Status refused() { return Status(Code::kUnavailable, "connection refused"); }

WatchMachine list_only() { return WatchMachine({.watch_list = false}); }

WatchMachine watching_from(const std::string& version) {
  WatchMachine machine = list_only();
  machine.on_listed(version);
  return machine;
}

// ---- lists -----------------------------------------------------------------------------------

TEST(WatchMachine, The_first_list_asks_for_the_most_recent_state_at_once) {
  const WatchMachine::Step step = list_only().next(0);
  EXPECT_EQ(step.state, WatchState::kListing);
  EXPECT_EQ(step.resource_version, std::nullopt);
  EXPECT_EQ(step.delay, Duration(0));
  EXPECT_EQ(step.limit, 0);
}

TEST(WatchMachine, The_first_list_asks_for_any_state_where_a_stale_start_is_allowed) {
  const WatchMachine machine({.watch_list = false, .may_start_stale = true});
  EXPECT_EQ(machine.next(0).resource_version, "0");
}

TEST(WatchMachine, A_whole_list_leads_to_a_watch_from_its_version) {
  const WatchMachine::Step step = watching_from("17").next(0);
  EXPECT_EQ(step.state, WatchState::kWatching);
  EXPECT_EQ(step.resource_version, "17");
  EXPECT_FALSE(step.not_older_than);
}

TEST(WatchMachine, The_server_is_asked_for_five_to_ten_minutes) {
  const WatchMachine machine = watching_from("17");
  for (std::uint64_t chance = 0; chance < 1000; ++chance) {
    EXPECT_GE(machine.next(chance).server_timeout, minutes(5));
    EXPECT_LE(machine.next(chance).server_timeout, minutes(10));
  }
}

TEST(WatchMachine, Pages_follow_by_their_token_without_a_version) {
  WatchMachine machine({.watch_list = false, .page_size = 500});
  EXPECT_EQ(machine.next(0).limit, 500);
  machine.on_page("token");
  EXPECT_EQ(machine.next(0).continue_token, "token");
  EXPECT_EQ(machine.next(0).resource_version, std::nullopt);
  machine.on_listed("20");
  EXPECT_EQ(machine.next(0).state, WatchState::kWatching);
}

TEST(WatchMachine, A_relist_from_a_known_version_is_never_paged) {
  WatchMachine machine({.watch_list = false, .page_size = 500});
  machine.on_listed("20");
  machine.on_watch_ended(gone(), minutes(1), kT0, 0);
  EXPECT_EQ(machine.next(0).resource_version, "20");
  EXPECT_EQ(machine.next(0).limit, 0);  // with a limit the server would take "20" as exact
}

TEST(WatchMachine, An_expired_continue_token_starts_the_list_again_whole_and_most_recent) {
  WatchMachine machine({.watch_list = false, .page_size = 500});
  machine.on_page("token");
  machine.on_list_failed(gone(), kT0, 0);
  const WatchMachine::Step step = machine.next(0);
  EXPECT_EQ(step.continue_token, "");
  EXPECT_EQ(step.limit, 0);
  EXPECT_EQ(step.resource_version, std::nullopt);
  EXPECT_EQ(step.delay, Duration(0));
}

TEST(WatchMachine, A_gone_list_is_tried_once_at_once_with_the_version_unset_then_backs_off) {
  WatchMachine machine = watching_from("17");
  machine.on_watch_ended(gone(), minutes(1), kT0, 0);
  EXPECT_EQ(machine.next(0).resource_version, "17");  // never back in time
  machine.on_list_failed(gone(), kT0, 0);
  EXPECT_EQ(machine.next(0).resource_version, std::nullopt);
  EXPECT_EQ(machine.next(0).delay, Duration(0));
  machine.on_list_failed(gone(), kT0, 0);
  EXPECT_GE(machine.next(0).delay, milliseconds(800));
}

TEST(WatchMachine, A_version_too_large_for_the_server_takes_the_same_way) {
  WatchMachine machine = watching_from("17");
  machine.on_watch_ended(gone(), minutes(1), kT0, 0);
  machine.on_list_failed(too_large(), kT0, 0);
  EXPECT_EQ(machine.next(0).resource_version, std::nullopt);
  EXPECT_EQ(machine.next(0).delay, Duration(0));
}

TEST(WatchMachine, A_server_whose_cache_is_not_ready_is_listed_again_when_it_said) {
  WatchMachine machine = list_only();
  machine.on_list_failed(
      Status(Code::kTooManyRequests, "storage is (re)initializing").with_retry_after(seconds(9)),
      kT0, 0);
  EXPECT_EQ(machine.state(), WatchState::kListing);
  EXPECT_EQ(machine.next(0).delay, seconds(9));
}

TEST(WatchMachine, A_whole_list_makes_relists_use_the_version_again) {
  WatchMachine machine = watching_from("17");
  machine.on_watch_ended(gone(), minutes(1), kT0, 0);
  machine.on_list_failed(gone(), kT0, 0);
  machine.on_listed("30");
  machine.on_watch_ended(gone(), minutes(1), kT0, 0);
  EXPECT_EQ(machine.next(0).resource_version, "30");
}

// ---- watches ---------------------------------------------------------------------------------

TEST(WatchMachine, A_410_on_a_watch_relists_after_a_back_off) {
  WatchMachine machine = watching_from("17");
  machine.on_watch_ended(gone(), minutes(1), kT0, 0);
  EXPECT_EQ(machine.state(), WatchState::kListing);
  EXPECT_EQ(machine.next(0).delay, milliseconds(800));
}

TEST(WatchMachine, A_clean_end_resumes_at_once_from_the_last_version_without_a_relist) {
  WatchMachine machine = watching_from("17");
  machine.on_progress("21");
  machine.on_watch_ended(kCleanEnd, minutes(7), kT0, 0);
  EXPECT_EQ(machine.state(), WatchState::kWatching);
  EXPECT_EQ(machine.next(0).resource_version, "21");
  EXPECT_EQ(machine.next(0).delay, Duration(0));
}

TEST(WatchMachine, A_cut_stream_resumes_as_well) {
  WatchMachine machine = watching_from("17");
  machine.on_watch_ended(cut(), seconds(90), kT0, 0);
  EXPECT_EQ(machine.state(), WatchState::kWatching);
  EXPECT_EQ(machine.next(0).delay, Duration(0));
}

TEST(WatchMachine, A_watch_under_a_second_with_no_event_backs_off) {
  WatchMachine machine = watching_from("17");
  machine.on_watch_ended(kCleanEnd, milliseconds(999), kT0, 0);
  EXPECT_EQ(machine.state(), WatchState::kWatching);
  EXPECT_EQ(machine.next(0).delay, milliseconds(800));
}

TEST(WatchMachine, A_short_watch_with_an_event_does_not) {
  WatchMachine machine = watching_from("17");
  machine.on_progress("18");
  machine.on_watch_ended(kCleanEnd, milliseconds(10), kT0, 0);
  EXPECT_EQ(machine.next(0).delay, Duration(0));
}

TEST(WatchMachine, A_short_watch_that_brought_only_a_bookmark_backs_off) {
  WatchMachine machine = watching_from("17");
  machine.on_bookmark("18");
  machine.on_watch_ended(kCleanEnd, milliseconds(10), kT0, 0);
  EXPECT_EQ(machine.next(0).delay, milliseconds(800));
  EXPECT_EQ(machine.next(0).resource_version, "18");
}

TEST(WatchMachine, Progress_counts_only_for_the_stream_it_came_on) {
  WatchMachine machine = watching_from("17");
  machine.on_progress("18");
  machine.on_watch_ended(kCleanEnd, milliseconds(10), kT0, 0);
  machine.on_watch_ended(kCleanEnd, milliseconds(10), kT0, 0);
  EXPECT_GE(machine.next(0).delay, milliseconds(800));
}

TEST(WatchMachine, Refused_connections_back_off_and_resume_without_a_relist) {
  WatchMachine machine = watching_from("17");
  for (int i = 0; i < 20; ++i) machine.on_watch_ended(refused(), Duration(0), kT0, 0);
  EXPECT_EQ(machine.state(), WatchState::kWatching);
  EXPECT_EQ(machine.next(0).delay, seconds(30));
}

TEST(WatchMachine, Too_many_requests_waits_at_least_as_long_as_the_server_said) {
  WatchMachine machine = watching_from("17");
  const Status busy = Status(Code::kTooManyRequests, "slow down").with_retry_after(seconds(7));
  machine.on_watch_ended(busy, Duration(0), kT0, 0);
  EXPECT_EQ(machine.state(), WatchState::kWatching);
  EXPECT_EQ(machine.next(0).delay, seconds(7));
}

TEST(WatchMachine, Internal_errors_are_tried_three_times_then_relisted) {
  WatchMachine machine = watching_from("17");
  const Status internal(Code::kInternal, "oops");
  machine.on_watch_ended(internal, seconds(5), kT0, 0);
  machine.on_watch_ended(internal, seconds(5), kT0, 0);
  EXPECT_EQ(machine.state(), WatchState::kWatching);
  machine.on_watch_ended(internal, seconds(5), kT0, 0);
  EXPECT_EQ(machine.state(), WatchState::kListing);
}

TEST(WatchMachine, A_watch_from_a_version_too_large_for_the_server_relists) {
  WatchMachine machine = watching_from("17");
  machine.on_watch_ended(too_large(), seconds(3), kT0, 0);
  EXPECT_EQ(machine.state(), WatchState::kListing);
  EXPECT_GE(machine.next(0).delay, milliseconds(800));
}

TEST(WatchMachine, An_event_or_bookmark_without_a_version_leaves_the_stream_where_it_stood) {
  WatchMachine machine = watching_from("17");
  machine.on_bookmark("");
  machine.on_progress("");
  EXPECT_EQ(machine.resource_version(), "17");
}

TEST(WatchMachine, A_forbidden_watch_relists_with_back_off) {
  WatchMachine machine = watching_from("17");
  machine.on_watch_ended(Status(Code::kForbidden, "no"), seconds(5), kT0, 0);
  EXPECT_EQ(machine.state(), WatchState::kListing);
  EXPECT_GE(machine.next(0).delay, milliseconds(800));
}

// ---- WatchList -------------------------------------------------------------------------------

TEST(WatchMachine, WatchList_asks_for_a_consistent_start_and_becomes_a_watch) {
  WatchMachine machine({});
  EXPECT_EQ(machine.next(0).state, WatchState::kWatchListing);
  EXPECT_EQ(machine.next(0).resource_version, std::nullopt);
  EXPECT_TRUE(machine.next(0).not_older_than);
  machine.on_initial_events_end("40");
  EXPECT_EQ(machine.state(), WatchState::kWatching);
  EXPECT_EQ(machine.next(0).resource_version, "40");
}

TEST(WatchMachine, A_relist_by_WatchList_asks_for_nothing_older_than_seen) {
  WatchMachine machine({});
  machine.on_initial_events_end("40");
  machine.on_watch_ended(gone(), minutes(1), kT0, 0);
  EXPECT_EQ(machine.next(0).state, WatchState::kWatchListing);
  EXPECT_EQ(machine.next(0).resource_version, "40");
}

TEST(WatchMachine, A_WatchList_that_is_gone_asks_at_once_with_the_version_unset) {
  WatchMachine machine({});
  machine.on_initial_events_end("40");
  machine.on_watch_ended(gone(), minutes(1), kT0, 0);
  machine.on_watch_ended(gone(), Duration(0), kT0, 0);
  EXPECT_EQ(machine.next(0).state, WatchState::kWatchListing);
  EXPECT_EQ(machine.next(0).resource_version, std::nullopt);
  EXPECT_EQ(machine.next(0).delay, Duration(0));
}

TEST(WatchMachine, A_WatchList_from_a_version_too_large_for_the_server_does_so_too) {
  WatchMachine machine({});
  machine.on_initial_events_end("40");
  machine.on_watch_ended(gone(), minutes(1), kT0, 0);
  machine.on_watch_ended(too_large(), seconds(3), kT0, 0);
  EXPECT_EQ(machine.next(0).state, WatchState::kWatchListing);
  EXPECT_EQ(machine.next(0).resource_version, std::nullopt);
  EXPECT_EQ(machine.next(0).delay, Duration(0));
  machine.on_watch_ended(too_large(), seconds(3), kT0, 0);
  EXPECT_GE(machine.next(0).delay, milliseconds(800));
}

TEST(WatchMachine, A_server_that_does_not_know_WatchList_is_listed_for_good) {
  WatchMachine machine({});
  machine.on_watch_ended(Status(Code::kInvalid, "forbidden parameter"), Duration(0), kT0, 0);
  EXPECT_EQ(machine.next(0).state, WatchState::kListing);
  EXPECT_EQ(machine.next(0).delay, Duration(0));
  machine.on_listed("40");
  machine.on_watch_ended(gone(), minutes(1), kT0, 0);
  EXPECT_EQ(machine.next(0).state, WatchState::kListing);
}

TEST(WatchMachine, Another_error_falls_back_to_LIST_for_this_round_only) {
  WatchMachine machine({});
  machine.on_watch_ended(Status(Code::kInternal, "oops"), Duration(0), kT0, 0);
  EXPECT_EQ(machine.next(0).state, WatchState::kListing);
  machine.on_listed("40");
  machine.on_watch_ended(gone(), minutes(1), kT0, 0);
  EXPECT_EQ(machine.next(0).state, WatchState::kWatchListing);
}

TEST(WatchMachine, A_busy_server_is_asked_for_the_WatchList_again) {
  WatchMachine machine({});
  machine.on_watch_ended(refused(), Duration(0), kT0, 0);
  EXPECT_EQ(machine.next(0).state, WatchState::kWatchListing);
  EXPECT_GE(machine.next(0).delay, milliseconds(800));
  machine.on_watch_ended(Status(Code::kTooManyRequests, "slow").with_retry_after(seconds(7)),
                         Duration(0), kT0, 0);
  EXPECT_EQ(machine.next(0).state, WatchState::kWatchListing);
  EXPECT_EQ(machine.next(0).delay, seconds(7));
}

TEST(WatchMachine, Initial_events_without_an_end_fall_back_to_LIST_at_the_third_time) {
  WatchMachine machine({});
  machine.on_watch_ended(cut(), seconds(90), kT0, 0);
  machine.on_watch_ended(cut(), seconds(90), kT0, 0);
  EXPECT_EQ(machine.next(0).state, WatchState::kWatchListing);
  machine.on_watch_ended(cut(), seconds(90), kT0, 0);
  EXPECT_EQ(machine.next(0).state, WatchState::kListing);
}

// ---- a server that lost its past -------------------------------------------------------------

TEST(WatchMachine, A_server_that_went_back_is_asked_for_its_most_recent_state_after_back_off) {
  WatchMachine machine = watching_from("1000");
  machine.on_went_back(kT0, 0);
  EXPECT_EQ(machine.next(0).state, WatchState::kListing);
  EXPECT_EQ(machine.next(0).resource_version, std::nullopt);
  EXPECT_GE(machine.next(0).delay, milliseconds(800));
  machine.on_listed("500");
  EXPECT_EQ(machine.next(0).state, WatchState::kWatching);
  EXPECT_EQ(machine.next(0).resource_version, "500");
}

TEST(WatchMachine, Watches_that_bring_nothing_for_four_minutes_lead_to_a_relist) {
  WatchMachine machine = watching_from("1000");
  machine.on_watch_ended(cut(), seconds(90), kT0, 0);
  machine.on_watch_ended(cut(), seconds(90), kT0, 0);
  EXPECT_EQ(machine.next(0).state, WatchState::kWatching);
  machine.on_watch_ended(cut(), seconds(90), kT0, 0);
  EXPECT_EQ(machine.next(0).state, WatchState::kListing);
  EXPECT_EQ(machine.next(0).resource_version, "1000");
  machine.on_list_failed(too_large(), kT0, 0);
  EXPECT_EQ(machine.next(0).resource_version, std::nullopt);
  machine.on_listed("500");
  machine.on_watch_ended(cut(), seconds(90), kT0, 0);
  EXPECT_EQ(machine.next(0).state, WatchState::kWatching);
}

TEST(WatchMachine, Watches_that_bring_so_much_as_a_bookmark_go_on_for_ever) {
  WatchMachine machine = watching_from("1000");
  for (int i = 0; i < 100; ++i) {
    machine.on_bookmark("1000");
    machine.on_watch_ended(i % 2 == 0 ? cut() : kCleanEnd, minutes(10), kT0, 0);
    EXPECT_EQ(machine.next(0).state, WatchState::kWatching);
  }
}

// ---- back-off --------------------------------------------------------------------------------

TEST(Backoff, Doubles_from_800_ms_to_30_s) {
  Backoff backoff;
  // 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, then the cap.
  for (const int ms : {800, 1600, 3200, 6400, 12800, 25600, 30000, 30000}) {
    EXPECT_EQ(backoff.next(kT0, 0), milliseconds(ms));
  }
}

TEST(Backoff, Chance_stretches_a_wait_to_less_than_twice_its_length) {
  for (std::uint64_t chance = 0; chance < 5000; ++chance) {
    Backoff backoff;
    const Duration wait = backoff.next(kT0, chance);
    EXPECT_GE(wait, milliseconds(800));
    EXPECT_LT(wait, milliseconds(1600));
  }
}

TEST(Backoff, Starts_again_after_two_healthy_minutes) {
  Backoff backoff;
  for (int i = 0; i < 5; ++i) backoff.next(kT0, 0);
  EXPECT_EQ(backoff.next(kT0 + minutes(2), 0), milliseconds(25600));  // not yet more than two
  EXPECT_EQ(backoff.next(kT0 + minutes(4) + seconds(1), 0), milliseconds(800));
}

}  // namespace
}  // namespace k8s
