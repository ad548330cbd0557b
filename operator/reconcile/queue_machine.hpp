// QueueMachine: what happens next to one TaskQueue, as a pure function.
//
// A queue that is not being deleted carries our finalizer; one that is being deleted keeps it until
// no task waits or runs in it, and says so meanwhile. The status shows the engine's figures.
//
// What was spent today moves all the time. It goes along with whatever else is written, and once an
// hour by itself while something is spent; so in a quiet queue nothing is written.
// An administrator's wish to resolve a conflict stands in an annotation. The answer is written
// first, with the wish beside it; then the annotation is taken off; then the answer stands alone.
// Whoever takes over in between answers nothing twice.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "operator/api/task_queue.hpp"
#include "operator/translate/queue_nodes.hpp"

namespace fermi {

struct QueueFacts {
  const TaskQueue* queue = nullptr;
  std::int64_t pending = 0, running = 0;
  k8s::StringMap used, borrowed;  // quantities
  std::vector<FlavorUse> flavors;
  std::vector<TenantShare> tenants;  // those to be shown
  std::int64_t tenant_count = 0;
  // By all leaders so far.
  std::int64_t budget_violations = 0, reservations_moved = 0;
  QueuePast past;  // empty where the order does not depend on it
  ConflictCounts conflict_counts;
  std::vector<QueueConflict> conflicts;       // those to be shown
  std::optional<QueueResolution> resolution;  // the answer to the wish in the annotation
  std::vector<QueueResolution> slices;        // those whose tasks take turns, as they stand now
  std::string gpus_used = "0";                // may be a decimal: parts of GPUs count
  std::int64_t gpus_total = 0;                // what may be used at most
  std::vector<QueueHeadEntry> head;
  std::optional<QueueCost> cost;  // as of `now`; nothing where nothing is priced
  std::vector<StrategyFigures> strategies;
  std::string rules;  // what its strategy and switches come to, in words
  QueueNodes nodes;   // what its spec says of nodes that are not there
  k8s::WallTime now;
};

struct QueueRest {
  std::optional<k8s::WallTime> until;  // look again then; else when something changes
};
// The whole new list of finalizers.
struct SetFinalizers {
  std::vector<std::string> finalizers;
};
struct WriteQueueStatus {
  TaskQueueStatus status;
};
// The wish has been answered.
struct TakeOffWish {};
using QueueStep = std::variant<QueueRest, SetFinalizers, WriteQueueStatus, TakeOffWish>;

// What the annotation asks for and no answer stands for yet; "" for nothing.
std::string open_wish(const TaskQueue& queue);

QueueStep next_step(const QueueFacts& facts);

}  // namespace fermi
