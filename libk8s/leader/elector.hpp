// Elector: campaigns for a Lease, renews it, and knows at every moment whether writing is allowed.
//
//   Elector elector(loop, client, config, {.on_elected = ..., .on_lost = ...});
//   elector.start();
//   ...
//   if (!elector.may_write()) return;       // at *each* write, right before it is sent
//   request.annotations["epoch"] = elector.epoch();
//   ...
//   elector.stop(done);                     // only after all guarded work has ended
//
// The loop: read the Lease, ask `decide` (election.hpp), write; again after the retry period
// (stretched by up to 1.2 while campaigning). Every try ends by itself after half the renew
// deadline, so that one dead connection cannot eat the whole of it. An answer that was lost is
// settled by reading again; it never counts as a renewal.
//
// `may_write` needs no timer to be right: it compares the clock with the end of the term, so a
// process that was stopped and goes on finds it false at once.
// Threads: the loop's. Callbacks come from the loop, never from inside a call. An elector that has
// lost campaigns again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "libk8s/base/loop.hpp"
#include "libk8s/base/status.hpp"
#include "libk8s/leader/election.hpp"
#include "libk8s/transport/client.hpp"

namespace k8s {

class Elector {
 public:
  struct Callbacks {
    std::function<void()> on_elected{};
    // The term is over; guarded work must have stopped when this returns.
    std::function<void()> on_lost{};
    // Another holder was seen ("" when the lease is free). For logs.
    std::function<void(const std::string& holder)> on_holder{};
  };

  // `config` must pass `check`.
  Elector(Loop& loop, Client& client, ElectionConfig config, Callbacks callbacks);
  ~Elector();
  Elector(const Elector&) = delete;
  Elector& operator=(const Elector&) = delete;

  void start();
  // Ends the term, gives the lease back if it is held, then calls `done` (which may be empty). It
  // gives up after one lease duration: the lease then runs out by itself.
  void stop(std::function<void()> done);

  bool leading() const;
  // We lead, and the term has not ended by our own monotonic clock.
  bool may_write() const;
  // The number of this term; grows with every term of any leader. 0 before the first.
  std::int64_t epoch() const { return epoch_; }
  // When the term ends unless it is renewed. Only while leading.
  TimePoint term_end() const { return term_end_; }
  const std::string& identity() const { return config_.identity; }
  // Who holds the lease as far as is known.
  std::string holder() const;
  Status last_error() const { return last_error_; }

 private:
  enum class Role : std::uint8_t { kIdle, kCampaigning, kLeading, kReleasing };
  using Answer = std::function<void(Result<nlohmann::json>)>;

  void again(Duration delay);
  void round();
  void call(http::Request request, Answer done);
  void read_lease();
  void on_read(const Result<nlohmann::json>& lease);
  void act();
  void write(const Move& wanted);
  void on_written(const Move& move, TimePoint sent, const Result<nlohmann::json>& lease);
  void failed(const Status& status);
  // Whether the Lease is from before what was seen of it: its server was restored from a copy.
  bool is_older(const nlohmann::json& lease) const;
  void observe(const nlohmann::json& lease);
  void won(TimePoint sent);
  void renewed(TimePoint sent);
  void lose(const char* why);
  void arm_term_timer();
  void release();
  void write_release();
  void released_or_not();
  Duration campaign_pause();

  Loop& loop_;
  Client& client_;
  ElectionConfig config_;
  Callbacks callbacks_;
  Role role_ = Role::kIdle;
  LeaseSeen seen_;
  // The Lease as read, so that fields that are not ours survive a write; null when there is none.
  std::unique_ptr<nlohmann::json> object_;
  bool fresh_ = false;  // `seen_` is as good as read: it is our own last write
  TimePoint term_end_;
  std::int64_t epoch_ = 0;
  std::string told_holder_;
  TimerId round_timer_ = TimerId::kNone;
  TimerId term_timer_ = TimerId::kNone;
  TimerId try_timer_ = TimerId::kNone;
  Client::CallId call_ = Client::CallId::kNone;
  TimePoint release_until_;
  std::function<void()> released_;
  Status last_error_;
};

}  // namespace k8s
