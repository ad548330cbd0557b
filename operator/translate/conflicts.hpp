// Conflicts of the engine as a queue's status tells them, and an administrator's words as a wish.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "operator/api/queue_conflicts.hpp"
#include "scheduler/conflicts/conflict.hpp"

namespace fermi {

QueueConflict to_status(const sched::Conflict& conflict);

void count(sched::Severity severity, ConflictCounts& counts);

// "PriorityConflict: work/a waits for 8 x A100 in zone-a that work/b has; the guarantee of ..."
std::string in_words(const sched::Conflict& conflict);

// "CONFLICT=STRATEGY", as an annotation says it; CONFLICT is an id, or "namespace/name" of who
// waits.
struct ConflictWish {
  std::string conflict;
  std::string strategy;
  std::optional<sched::Settlement> by;
  bool stops = false;   // "Stop": who take turns by time slice, take no more
  std::string problem;  // one sentence, "" when it is understood
};
ConflictWish read_wish(std::string_view text);

}  // namespace fermi
