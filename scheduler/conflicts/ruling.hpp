// Ruling: the answer to an administrator's wish; settlement.hpp has the rules.
#pragma once

#include <cstdint>
#include <string>

#include "scheduler/delta.hpp"

namespace sched {

enum class Verdict : std::uint8_t {
  kGranted,
  kNotWaiting,   // it does not wait
  kStarts,       // it starts with the next plan
  kOtherReason,  // it waits for something else than room
  kReserved,     // the room is promised to another that waits
  kUnderWay,     // somebody was asked to stop for it already
  kNobody,       // no task is named that has a place
  kTierBelow,    // who waits is of a lower tier
  kHigh,
  kGuarantee,  // until `until`; 0: it is not known, as it is starting
  kCooldown,   // until `until`
  kUnevictable,
  kComesFirst,  // by priority, who has the room is before who waits
  kShare,       // the side of who has the room is not above that of who waits
  kSlice,       // its slice lasts until `until`; 0: it does not run yet
  kNoRoom,      // it would not fit even without them
};

struct Ruling {
  Verdict verdict = Verdict::kGranted;
  std::string waits, other;  // "namespace/name"
  std::string detail;        // of kOtherReason, kReserved: why it waits
  Time until;
  // Of kShare: what each side has, in thousandths.
  std::int64_t waits_share = 0, other_share = 0;
  friend bool operator==(const Ruling&, const Ruling&) = default;
};

// One sentence; of kGranted: who was asked to stop for whom.
std::string sentence(const Ruling& ruling);

}  // namespace sched
