#include "libk8s/leader/elector.hpp"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "libk8s/transport/client.hpp"
#include "tests/support/scripted_transport.hpp"
#include "tests/support/sim_loop.hpp"

namespace k8s {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::Answer;

// One Lease, with the optimistic concurrency that a server has.
class LeaseServer {
 public:
  Answer handle(const http::Request& request) {
    if (request.method == "GET") return exists ? answer() : not_found();
    if (request.method == "POST") {
      if (exists) return testing::refuse(409, "AlreadyExists", "exists");
      return store(json::parse(request.body));
    }
    const json body = json::parse(request.body);
    if (!exists) return not_found();
    if (body["metadata"]["resourceVersion"] != lease["metadata"]["resourceVersion"])
      return testing::refuse(409, "Conflict", "modified");
    return store(body);
  }

  Answer store(json body) {
    exists = true;
    lease = std::move(body);
    lease["metadata"]["resourceVersion"] = std::to_string(++version);
    return answer();
  }

  std::string holder() const { return exists ? lease["spec"].value("holderIdentity", "") : ""; }

  bool exists = false;
  json lease;
  int version = 0;

 private:
  Answer answer() const { return testing::reply(200, lease.dump()); }
  static Answer not_found() { return testing::refuse(404, "NotFound", "not found"); }
};

class ElectorTest : public ::testing::Test {
 protected:
  // One process: its own connection, which may be cut, to the common server.
  struct Process {
    Process(ElectorTest& test, const std::string& identity)
        : transport(test.loop), client(test.loop, transport) {
      transport.always("leases", [this, &test](const http::Request& request) {
        if (cut) return testing::fail(Status(Code::kUnavailable, "no route"));
        const Answer answer = test.server.handle(request);
        return lose_answers ? testing::fail(Status(Code::kUnknownOutcome, "lost")) : answer;
      });
      ElectionConfig config;
      config.ns = "system";
      config.name = "lock";
      config.identity = identity;
      elector = std::make_unique<Elector>(
          test.loop, client, config,
          Elector::Callbacks{.on_elected = [this] { ++elected; }, .on_lost = [this] { ++lost; }});
    }
    testing::ScriptedTransport transport;
    Client client;
    std::unique_ptr<Elector> elector;
    bool cut = false, lose_answers = false;
    int elected = 0, lost = 0;
  };

  testing::SimLoop loop{7};
  LeaseServer server;
};

TEST_F(ElectorTest, That_the_lease_cannot_be_reached_is_said_once) {
  Process a(*this, "a");
  a.cut = true;
  ::testing::internal::CaptureStderr();
  a.elector->start();
  loop.run_for(minutes(1));
  const std::string log = ::testing::internal::GetCapturedStderr();
  const auto said = log.find("no route");
  ASSERT_NE(said, std::string::npos) << log;
  EXPECT_NE(log.find("lease=system/lock"), std::string::npos) << log;
  EXPECT_EQ(log.find("no route", said + 1), std::string::npos) << log;
}

TEST_F(ElectorTest, The_only_candidate_leads_at_once_and_stays_leader) {
  Process a(*this, "a");
  a.elector->start();
  loop.run_for(seconds(1));
  EXPECT_TRUE(a.elector->may_write());
  loop.run_for(minutes(10));
  EXPECT_TRUE(a.elector->may_write());
  EXPECT_EQ(a.elected, 1);
  EXPECT_EQ(a.lost, 0);
}

TEST_F(ElectorTest, A_leader_renews_with_one_request_per_retry_period) {
  Process a(*this, "a");
  a.elector->start();
  loop.run_for(seconds(1));
  const std::size_t before = a.transport.log().size();
  loop.run_for(seconds(100));
  EXPECT_EQ(a.transport.log().size() - before, 50u);
}

TEST_F(ElectorTest, A_cut_leader_may_not_write_from_the_renew_deadline_on) {
  Process a(*this, "a");
  a.elector->start();
  loop.run_for(seconds(1));
  const TimePoint end = a.elector->term_end();
  a.cut = true;
  loop.run_for(end - loop.now() - milliseconds(1));
  EXPECT_TRUE(a.elector->may_write());
  EXPECT_EQ(a.lost, 0);
  loop.run_for(milliseconds(1));
  EXPECT_FALSE(a.elector->may_write());
  EXPECT_EQ(a.lost, 1);
}

TEST_F(ElectorTest, Lost_answers_do_not_count_as_renewals) {
  Process a(*this, "a");
  a.elector->start();
  loop.run_for(seconds(1));
  a.lose_answers = true;
  loop.run_for(seconds(12));
  EXPECT_FALSE(a.elector->may_write());
  EXPECT_EQ(a.lost, 1);
}

TEST_F(ElectorTest, A_follower_forgets_an_error_once_it_can_read_again) {
  Process a(*this, "a"), b(*this, "b");
  // Both find no lease, and only one can make it.
  a.elector->start();
  b.elector->start();
  loop.run_for(seconds(10));
  Process& follower = a.elector->may_write() ? b : a;
  EXPECT_TRUE(follower.elector->last_error().is_ok());
  EXPECT_EQ(follower.elector->holder(), a.elector->may_write() ? "a" : "b");
  follower.cut = true;
  loop.run_for(seconds(10));
  EXPECT_EQ(follower.elector->last_error().code(), Code::kUnavailable);
  follower.cut = false;
  loop.run_for(seconds(10));
  EXPECT_TRUE(follower.elector->last_error().is_ok());
}

TEST_F(ElectorTest, A_follower_takes_over_within_25_s_of_a_crash) {
  auto a = std::make_unique<Process>(*this, "a");
  Process b(*this, "b");
  a->elector->start();
  loop.run_for(seconds(1));
  b.elector->start();
  loop.run_for(minutes(1));
  EXPECT_EQ(b.elected, 0);
  const std::int64_t epoch = a->elector->epoch();
  a.reset();
  loop.run_for(seconds(25));
  EXPECT_TRUE(b.elector->may_write());
  EXPECT_GT(b.elector->epoch(), epoch);
}

TEST_F(ElectorTest, A_clean_stop_hands_over_within_5_s) {
  Process a(*this, "a"), b(*this, "b");
  a.elector->start();
  loop.run_for(seconds(1));
  b.elector->start();
  loop.run_for(seconds(30));
  bool stopped = false;
  a.elector->stop([&] { stopped = true; });
  EXPECT_FALSE(a.elector->may_write());
  loop.run_for(seconds(5));
  EXPECT_TRUE(stopped);
  EXPECT_TRUE(b.elector->may_write());
}

TEST_F(ElectorTest, A_stop_during_a_renewal_gives_back_what_that_renewal_wrote) {
  Process a(*this, "a");
  a.elector->start();
  loop.run_for(seconds(1));
  // Stops in the very moment at which a renewal is under way.
  const std::size_t sent = a.transport.log().size();
  loop.run_until([&] { return a.transport.log().size() > sent; });
  a.elector->stop({});
  loop.run_for(seconds(5));
  EXPECT_TRUE(server.exists);
  EXPECT_EQ(server.holder(), "");
}

TEST_F(ElectorTest, A_stop_of_a_follower_leaves_the_lease_alone) {
  Process a(*this, "a"), b(*this, "b");
  a.elector->start();
  loop.run_for(seconds(1));
  b.elector->start();
  loop.run_for(seconds(5));
  bool stopped = false;
  b.elector->stop([&] { stopped = true; });
  loop.run_for(seconds(5));
  EXPECT_TRUE(stopped);
  EXPECT_EQ(server.holder(), "a");
  EXPECT_TRUE(a.elector->may_write());
}

TEST_F(ElectorTest, A_stop_asked_for_twice_tells_both_who_asked) {
  Process leader(*this, "a"), follower(*this, "b");
  leader.elector->start();
  loop.run_for(seconds(1));
  follower.elector->start();
  loop.run_for(seconds(5));
  for (Process* process : {&leader, &follower}) {
    int told = 0;
    process->elector->stop([&] { told += 1; });
    process->elector->stop([&] { told += 10; });
    EXPECT_EQ(told, 0) << "never from inside the call";
    loop.run_for(seconds(5));
    EXPECT_EQ(told, 11);
    process->elector->stop([&] { told += 100; });  // long after
    process->elector->stop({});
    loop.run_for(seconds(5));
    EXPECT_EQ(told, 111);
  }
}

TEST_F(ElectorTest, A_stop_without_a_connection_ends_after_one_lease_for_all_who_asked) {
  Process a(*this, "a");
  a.elector->start();
  loop.run_for(seconds(1));
  a.cut = true;
  int told = 0;
  a.elector->stop([&] { ++told; });
  loop.run_for(seconds(5));
  a.elector->stop([&] { ++told; });
  EXPECT_EQ(told, 0);
  loop.run_for(seconds(16));
  EXPECT_EQ(told, 2);
}

TEST_F(ElectorTest, A_release_that_meets_a_conflict_reads_and_tries_again) {
  Process a(*this, "a");
  a.elector->start();
  loop.run_for(seconds(1));
  json changed = server.lease;  // by somebody who does not want it
  changed["metadata"]["labels"] = {{"seen", "yes"}};
  server.store(changed);
  bool stopped = false;
  a.elector->stop([&] { stopped = true; });
  loop.run_for(seconds(5));
  EXPECT_TRUE(stopped);
  EXPECT_EQ(server.holder(), "");
  EXPECT_EQ(server.lease["metadata"]["labels"]["seen"], "yes");
}

TEST_F(ElectorTest, Jumps_of_the_wall_clock_neither_end_a_term_nor_begin_one) {
  Process a(*this, "a"), b(*this, "b");
  a.elector->start();
  loop.run_for(seconds(1));
  b.elector->start();
  for (const int hours : {100, -200, 100}) {
    loop.shift_wall_clock(std::chrono::hours(hours));
    loop.run_for(seconds(30));
    EXPECT_TRUE(a.elector->may_write());
    EXPECT_FALSE(b.elector->may_write());
  }
  EXPECT_EQ(a.elected, 1);
  EXPECT_EQ(b.elected, 0);
}

// A process that was stopped and goes on asks before any timer has run.
TEST_F(ElectorTest, The_clock_and_not_a_timer_says_whether_writing_is_allowed) {
  Process a(*this, "a");
  int late = 0;
  for (int i = 0; i < 300; ++i) {  // made before any timer of the elector, so each runs before it
    loop.after(milliseconds(100) * i, [&] {
      if (!a.elector->leading() || loop.now() < a.elector->term_end()) return;
      EXPECT_FALSE(a.elector->may_write());
      ++late;
    });
  }
  a.elector->start();
  loop.run_for(seconds(1));
  a.cut = true;
  loop.run_for(seconds(29));
  EXPECT_EQ(late, 1);
}

TEST_F(ElectorTest, A_follower_asks_every_1_to_2_point_2_retry_periods) {
  Process a(*this, "a"), b(*this, "b");
  a.elector->start();
  loop.run_for(seconds(1));
  b.elector->start();
  loop.run_for(seconds(4400));
  EXPECT_GE(b.transport.log().size(), 1000u);
  EXPECT_LE(b.transport.log().size(), 2201u);
}

TEST_F(ElectorTest, A_leader_whose_lease_is_deleted_stops_leading) {
  Process a(*this, "a");
  a.elector->start();
  loop.run_for(seconds(1));
  server.exists = false;
  loop.run_for(seconds(3));
  EXPECT_EQ(a.lost, 1);
  loop.run_for(seconds(10));
  EXPECT_EQ(a.elected, 2);  // it campaigned again
}

TEST_F(ElectorTest, A_leader_whose_lease_was_taken_stops_at_its_next_renewal) {
  Process a(*this, "a");
  a.elector->start();
  loop.run_for(seconds(1));
  json taken = server.lease;
  taken["spec"]["holderIdentity"] = "thief";
  server.store(taken);
  loop.run_for(seconds(3));
  EXPECT_FALSE(a.elector->leading());
  EXPECT_EQ(a.elector->holder(), "thief");
}

// The store is restored from a copy: the lease is ours there, too, but all that we did since is
// not.
TEST_F(ElectorTest, A_leader_whose_lease_went_back_begins_a_new_term_with_a_higher_epoch) {
  Process a(*this, "a");
  a.elector->start();
  loop.run_for(seconds(1));
  const json copy = server.lease;
  const int version = server.version;
  loop.run_for(seconds(30));
  const std::int64_t epoch = a.elector->epoch();
  server.lease = copy;
  server.version = version;
  loop.run_for(seconds(3));
  EXPECT_EQ(a.lost, 1);
  loop.run_for(seconds(10));
  EXPECT_EQ(a.elected, 2);
  EXPECT_GT(a.elector->epoch(), epoch);
  EXPECT_EQ(server.lease["spec"]["leaseTransitions"], a.elector->epoch());
}

TEST_F(ElectorTest, A_lost_answer_to_the_first_write_is_settled_by_reading) {
  Process a(*this, "a");
  a.lose_answers = true;
  a.elector->start();
  loop.run_for(seconds(10));
  EXPECT_FALSE(a.elector->leading());
  a.lose_answers = false;
  loop.run_for(seconds(5));
  EXPECT_TRUE(a.elector->may_write());
  EXPECT_EQ(a.elector->epoch(), server.lease["spec"]["leaseTransitions"].get<int>());
}

// Three processes, connections that are cut, answers that are lost, lives that end: nobody may
// ever write while another may.
TEST_F(ElectorTest, No_two_may_write_at_once_and_epochs_never_repeat) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    testing::Random random(seed);
    server = LeaseServer{};
    std::vector<std::unique_ptr<Process>> processes(3);
    std::map<std::int64_t, std::string> leader_of;  // epoch -> identity
    int born = 0;
    for (int step = 0; step < 300; ++step) {
      auto& one = processes[random.below(3)];
      if (!one || random.chance(30)) {
        one = std::make_unique<Process>(*this, "p" + std::to_string(born++));
        one->elector->start();
      }
      one->cut = random.chance(250);
      one->lose_answers = random.chance(200);
      loop.run_for(milliseconds(random.between(1, 3000)));
      int writers = 0;
      for (const auto& process : processes) {
        if (!process || !process->elector->may_write()) continue;
        ++writers;
        const auto [known, fresh] =
            leader_of.emplace(process->elector->epoch(), process->elector->identity());
        ASSERT_EQ(known->second, process->elector->identity());
      }
      ASSERT_LE(writers, 1);
    }
    EXPECT_GT(leader_of.size(), 3u);
  }
}

}  // namespace
}  // namespace k8s
