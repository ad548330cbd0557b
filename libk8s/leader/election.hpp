// Leader election as pure functions: (lease seen, now, config) -> what to do.
//
// Picture: a Lease object names its holder. Everybody reads it every few seconds. Who finds it
// free, or unchanged for its whole duration, writes its own name into it, guarded by the
// resourceVersion; who holds it renews it. The holder may act until `renew_deadline` after it
// *sent* its last successful renewal; others may take over `lease_duration` after they *saw* the
// record change. The difference is the only safety margin: both ends are measured on monotonic
// clocks of their own side, and times in the record are for people only. Skew does no harm; a clock
// that runs faster by more than lease_duration / renew_deadline does.
//
// This gives no fencing by itself: a write that is already on its way may arrive late. Fence with
// the resourceVersion of what is written, and with the epoch.
//
// Rules:
//  1. A free record (no holder) or a missing one may be taken at once.
//  2. A record of another holder may be taken when it has not changed for its own duration, counted
//     from when it was first seen in that state. So a fresh candidate waits out a dead leader.
//  3. Each new term has a higher `transitions` than all before: it is the epoch. That holds for a
//     process that finds its own name in the record but does not lead as well.
//  4. A leader whose record names somebody else, or is gone, leads no more. Nor does one that finds
//  an
//     older record than it had seen: the server has lost its past, and with it what the leader did.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "libk8s/base/loop.hpp"
#include "libk8s/base/status.hpp"

namespace k8s {

struct ElectionConfig {
  std::string ns;
  std::string name;      // of the Lease
  std::string identity;  // unique for each run of the process, not for the machine
  Duration lease_duration = std::chrono::seconds(15);
  Duration renew_deadline = std::chrono::seconds(10);
  Duration retry_period = std::chrono::seconds(2);
};

// Ok, or which of the rules lease > renew > 1.2 x retry > 0 does not hold.
Status check(const ElectionConfig& config);

// What a Lease says.
struct LeaseRecord {
  std::string holder;  // "" when free
  Duration duration{0};
  WallTime acquired;
  WallTime renewed;
  std::int64_t transitions = 0;
  friend bool operator==(const LeaseRecord&, const LeaseRecord&) = default;
};

// The record as it was last read, and since when it has looked like that.
struct LeaseSeen {
  std::optional<LeaseRecord> record;  // none: there is no Lease
  std::string version;                // its resourceVersion
  TimePoint since;

  // Takes in a reading; `since` moves only when something changed.
  void observe(std::optional<LeaseRecord> now_record, std::string now_version, TimePoint now);
};

// What to do about the lease now.
struct Move {
  enum class Kind : std::uint8_t {
    kWait,    // somebody else holds it
    kCreate,  // there is none: create it with `record`
    kTake,    // write `record` over it: it is free, has run out, or has our name from before
    kRenew,   // we lead: write `record` over it
    kLost,    // we led, and the record says that we do no more
  };
  Kind kind = Kind::kWait;
  LeaseRecord record;
};
Move decide(const LeaseSeen& seen, const ElectionConfig& config, bool leading, TimePoint now,
            WallTime wall);

// The record that gives a held lease back.
LeaseRecord released(const LeaseRecord& held, WallTime wall);

// When a leader must have stopped acting.
inline TimePoint term_end(TimePoint renewal_sent, const ElectionConfig& config) {
  return renewal_sent + config.renew_deadline;
}

}  // namespace k8s
