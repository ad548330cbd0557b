// Conflict: two sides want what only one of them can have, as a record.
//
//   type                  who waits              the other side
//   kPriority             wants room, and        a task of a lower tier is among those who have it
//
//   kResourceCompetition  wants room, and        those who have it are of its tier or above
//   kSchedule             would fit now, but     the room is promised to another that waits: by a
//                                                reservation, or held for it
//
// A waiting task is in at most one conflict; its type, and so its id, may change as others come and
// go. The id depends on the type and the uid of the waiting task alone: it is the same in every
// process, and the same again when the conflict comes back.
//
// Severity is the sum of these points, 0 and 1: low, 2 and 3: medium, 4 and 5: high, else critical:
//
//   tier of the waiting task    High 4    Medium 2    Low 0
//   it waits since it was       submitted for 10 min 1, 1 h 2, 6 h 3, less 0
//   its size                    64 GPUs or more 2, 8 or more 1, less 0 (Pods, where it has no GPUs)
//
// Only time that passes one of these marks, or a mark of `ends_at`, changes a record by itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/delta.hpp"

namespace sched {

enum class ConflictType : std::uint8_t { kResourceCompetition, kPriority, kSchedule };
enum class Severity : std::uint8_t { kLow, kMedium, kHigh, kCritical };

// What is expected to end it.
enum class Ending : std::uint8_t {
  kVictimsLeave,   // who has the room was asked to stop, at `ends_at`
  kGuaranteeEnds,  // the guarantee of `ends_with` is over at `ends_at`; it can be preempted then
  kCooldownEnds,   // `ends_with` was preempted not long ago, and is left alone until `ends_at`
  kTurnComes,      // its room could be had at once; others come before it
  kHolderEnds,     // `ends_with` is expected to end at `ends_at`, the last of those in the way
  kHolderLate,     // `ends_with` should have ended at `ends_at`
  kHolderStarts,   // `ends_with` does not run yet
  kUnknown,        // nobody knows when `ends_with` ends
  kReservation,    // the room is promised to `ends_with`, from `ends_at` (0: now)
};

// One task of a side.
struct Party {
  std::string uid, name, kind;  // name: "namespace/name"
  std::string queue;
  Tier tier = Tier::kMedium;
  std::int64_t gpus = 0, pods = 0;
  friend bool operator==(const Party&, const Party&) = default;
};

struct Conflict {
  std::string id;  // "pc-0f3a...": a prefix by type, and 16 hexadecimal digits
  ConflictType type = ConflictType::kResourceCompetition;
  Severity severity = Severity::kLow;
  Party waits;
  std::vector<Party> others;  // soonest expected to end first; what stands first in line for room
  bool all_others = true;     // false: there are more, too many to be looked at
  std::string resource;       // what is scarce, "nvidia.com/gpu"; and how much the task needs
  std::int64_t needed = 0;
  std::string zone, pool, gpu_model;  // where the others have it; "" for more than one, or none
  Time began;                         // set by the book
  Ending ending = Ending::kUnknown;
  std::string ends_with;  // "namespace/name", "" where nobody in particular
  Time ends_at;           // 0: not known
  friend bool operator==(const Conflict&, const Conflict&) = default;
};

// All conflicts as of one moment.
struct Survey {
  std::vector<Conflict> conflicts;  // by id
  // When time alone may change it; nothing: never.
  std::optional<Time> next;
};

std::string conflict_id(ConflictType type, std::string_view waiting_uid);

// `waited_ns` below 0 counts as 0.
Severity severity_of(Tier tier, std::int64_t waited_ns, std::int64_t size);
// When a task submitted then is next judged by a longer wait; nothing when it is by the longest.
std::optional<Time> next_severity(Time submitted, Time now);

const char* name(ConflictType type);  // "ResourceCompetition", "PriorityConflict", ...
const char* name(Severity severity);  // "Low", ...
const char* name(Settlement by);      // "ByPriority", ...
std::optional<ConflictType> conflict_type(std::string_view word);
std::optional<Severity> severity(std::string_view word);
std::optional<Settlement> settlement(std::string_view word);

// "the guarantee of work/b ends at 14:05:00 UTC"
std::string sentence(const Conflict& conflict);

}  // namespace sched
