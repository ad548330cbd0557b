// Objects of the API as the engine's records. Pure, one function per kind.
//
// What does not change the record dies here: callers compare the old record with the new one and
// pass on only what differs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "libk8s/types/node.hpp"
#include "libk8s/types/pod.hpp"
#include "operator/api/task_queue.hpp"
#include "operator/api/training_job.hpp"
#include "operator/translate/configuration.hpp"
#include "scheduler/delta.hpp"

namespace fermi {

// A node's name appears among its labels under this key, which no label can have: so that terms of
// a node affinity on metadata.name need no rule of their own.
inline constexpr std::string_view kNameField = "field:metadata.name";

sched::Node to_engine(const k8s::Node& node, const Configuration& config);
// By the label that the configuration names, under the name that it gives; "" without the label.
std::string gpu_model_of(const k8s::Node& node, const Configuration& config);

// A queue that is being deleted counts as closed. Its own problems are the caller's to look at.
sched::Queue to_engine(const TaskQueue& queue, const Configuration& config);

// Which rank of which task a Pod of a TrainingJob is; nothing for other Pods.
struct PodRank {
  std::string task;  // the job's uid
  std::int64_t attempt = 0, rank = 0;
};
std::optional<PodRank> job_rank(const k8s::Pod& pod);

// What a bound Pod holds of its node. `task` is left empty.
sched::PodUpsert to_engine(const k8s::Pod& pod);

// The task of a job as it would wait now; while it holds a place, in the queue and the tier that
// its status says it was decided in. `queue` is null when there is no such queue. The job has no
// problems and has not ended.
sched::Task to_engine(const TrainingJob& job, const TaskQueue* queue, const Configuration& config);

// Whether its tasks take turns, each for a quantum.
bool takes_turns(const TaskQueue& queue);
// Who gave way to a peer after its turn stands behind those that waited then. The API keeps whole
// seconds: behind all of that second, too.
sched::Time behind_turn(sched::Time submitted, k8s::WallTime turn_over);

// Whether a waiting job came, or was moved, to a queue that was being deleted by then: it is not in
// it, and does not keep it from going. (What the status says last of its queue was before.)
bool came_late(const TrainingJob& job, const TaskQueue& queue);
// The same for something submitted then.
bool came_late(k8s::WallTime submitted, const TaskQueue& queue);
// What it is told.
std::string takes_nothing_new(const TaskQueue& queue);
inline constexpr const char* kQueueDeleting = "QueueDeleting";

// Why the job may not be scheduled although its object is well formed: a queue that is being
// deleted, a tier above its queue's, or a promise that the tier which it takes from its queue does
// not give.
struct Obstacle {
  std::string reason, sentence;  // "" when it may
};
Obstacle queue_problem(const TrainingJob& job, const TaskQueue* queue);

// What those who wait in a queue with a wrong spec are told: nothing starts there until it is
// mended.
inline constexpr const char* kQueueInvalid = "QueueInvalid";
Obstacle invalid_queue(const TaskQueue* queue);

// The same for a level of the topology that the configuration does not name.
std::string level_problem(const TrainingJob& job, const Configuration& config);

// Whether somebody asked to hold the object, by the annotation; and what is wrong with what it
// says,
// "" for nothing.
bool is_held(const k8s::ObjectMeta& meta);
std::string hold_problem(const k8s::ObjectMeta& meta);

}  // namespace fermi
