// State: the fold of the deltas. Everything the engine knows, and nothing it decided.
//
// Cluster has the nodes; State adds tasks, Pods, queues and the waiting lines over them. `order/`
// reads it to decide, books what it decides while it looks on (and gives it back), and parks
// shapes that do not fit.
//
// Words
//   shape   everything about a gang that decides where it fits, interned. Two tasks of one shape
//           have the same answer.
//   bucket  the ready tasks of one (queue, tier, shape), in the queue's order: only its head can
//           be next, and when the shape does not fit none of them is looked at.
//   parked  a shape that was tried and did not fit. It is looked at again when the slots it lacks
//           appear. `fragile`: the search was not exhaustive for it, so any change wakes it.
//   active  buckets whose shape is not parked and whose queue's maximum leaves room: what the next
//           pass looks at. Everything else costs nothing.
//
// Invariants
//   1. A waiting task stands in its queue's line. It stands in a bucket exactly when it is not
//      held, its queue is known and its back-off is over (as of `clock`).
//   2. A rank of a reserved or running task books its node until its Pod is seen; a Pod books its
//      node while it is known. Never both.
//   3. used(queue) is the sum of the requests of its reserved and running tasks.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "scheduler/delta.hpp"
#include "scheduler/engine.hpp"
#include "scheduler/state/cluster.hpp"

namespace sched {

using TaskId = std::uint32_t;
using QueueId = std::uint32_t;
using ShapeId = std::uint32_t;
using BucketId = std::uint32_t;

inline constexpr int kTierShift = 40;  // the strategy's key fits below

// A place in a line: the tier and the strategy's key, then submit time, then uid.
struct Place {
  std::int64_t rank = 0;
  std::int64_t submitted_ns = 0;
  TaskId task = kNoId;
};

struct Shape {
  std::string key;
  struct Group {
    ProfileId profile = kNoId;
    std::string zone;  // "" for any
    std::int64_t count = 0;
    Amounts request;
  };
  std::vector<Group> groups;
  ZonePolicy policy = ZonePolicy::kAny;
  std::int64_t max_zones = 0, min_per_zone = 0, max_skew = 0, max_latency_us = 0;
  std::string gpu_model;
  std::int64_t pods = 0;
  bool too_large = false;  // more Pods than kGangMax
  Amounts total;
  std::int64_t refs = 0;
  std::vector<BucketId> buckets;
  bool parked = false, fragile = false;
  std::uint64_t never_epoch = 0;  // of the cluster, plus one: when `never` was computed
  bool never = false;             // the empty cluster cannot hold it
};

struct Bucket {
  QueueId queue = kNoId;
  ShapeId shape = kNoId;
  std::uint8_t tier = 0;
  bool quota_parked = false;
  Ordered<Place> tasks;
};

struct QueueRecord {
  Queue queue;
  bool known = false;
  Amounts maximum;
  Ordered<Place> line;   // all that wait
  Ordered<Place> heads;  // the first of each bucket
  std::int64_t waiting[3] = {0, 0, 0};
  std::map<std::pair<std::uint8_t, ShapeId>, BucketId> buckets;
  std::int64_t running = 0;
  Amounts used;
  std::int64_t members = 0;  // tasks that name it, in any state
};

struct TaskRecord {
  Task task;
  bool live = false;
  TaskState state = TaskState::kWaiting;
  QueueId queue = kNoId;
  ShapeId shape = kNoId;    // while it waits
  BucketId bucket = kNoId;  // while it stands in one
  Place place;
  Time ready_at;  // the later of the task's own and the last Reject's
  Time rejected_until;
  std::string rejected_why;
  // The decision, while reserved or running.
  std::int64_t attempt = 0;
  struct Rank {
    NodeId node = kNoId;
    bool reserved = false;
  };
  std::vector<Rank> ranks;
  std::vector<std::pair<std::int64_t, Amounts>> parts;  // ranks below .first have this request
  Amounts booked;
  Time since;
  // While it holds a decision: who it was asked to stop for ("" for nobody), and when.
  std::string evicted_by;
  Time evicted_at;
  // While it waits: the nodes, by rank, whose room is kept for it.
  std::vector<std::string> hold;
  Time hold_until;
};

struct PodRecord {
  PodUpsert pod;
  NodeId node = kNoId;
  Amounts amounts;
};

class State {
 public:
  bool apply(const Delta& delta);

  // --- what is known
  ResourceNames names;
  Cluster cluster;
  ConfigUpdate config;
  std::deque<TaskRecord> tasks;
  std::unordered_map<std::string, TaskId> task_ids;
  std::deque<QueueRecord> queues;
  std::map<std::string, QueueId> queue_ids;
  std::deque<Shape> shapes;
  std::deque<Bucket> buckets;
  std::unordered_map<std::string, PodRecord> pods;
  std::unordered_map<std::string, std::set<std::string>> pods_of_task;  // uids

  // --- what the next pass looks at; not part of the content
  std::set<BucketId> active;
  std::uint64_t geography = 0;  // of the cluster, when shapes were last woken for it
  Time clock;
  std::set<TaskId> held;                              // waiting tasks with a hold
  std::set<std::pair<std::int64_t, TaskId>> cooling;  // back-off not over at `clock`
  std::set<std::pair<std::int64_t, TaskId>> matured;  // had one, over at `clock`

  // Moves tasks whose back-off is over into their buckets (back out of them when time was set
  // back).
  void advance(Time now);
  void park(ShapeId shape, bool fragile);
  void park_for_quota(BucketId bucket);
  void wake_changed();  // after bookings: shapes for which there may be room again
  void wake_quota(QueueId queue);
  void charge(QueueId queue, const Amounts& total, int sign);

  // --- reading
  TaskId find(std::string_view uid) const;
  bool less(const Place& a, const Place& b) const;
  auto by_place() const {
    return [this](const Place& a, const Place& b) { return less(a, b); };
  }
  // The latency between two zones; kLatencyFar when nothing is known and the regions differ.
  std::int64_t latency_us(ZoneId a, ZoneId b) const;
  // Orders queues of one tier: least dominant share by weight first.
  int compare_share(QueueId a, QueueId b) const;

 private:
  bool on(const NodeUpsert& d);
  bool on(const NodeRemove& d);
  bool on(const QueueUpsert& d);
  bool on(const QueueRemove& d);
  bool on(const TaskUpsert& d);
  bool on(const TaskRemove& d);
  bool on(const PodUpsert& d);
  bool on(const PodRemove& d);
  bool on(const Assume& d);
  bool on(const Confirm& d);
  bool on(const Reject& d);
  bool on(const TaskEnd& d);
  bool on(const ConfigUpdate& d);
  bool on(const Evict& d);
  bool on(const Hold& d);
  void forget_hold(TaskId id);

  QueueId queue_of(const std::string& name);
  void forget_queue(QueueId id);
  void reline(QueueId id, const Queue& queue, bool known);
  void enlist(TaskId id);
  void delist(TaskId id);
  void ready(TaskId id);
  void unready(TaskId id);
  Place place_of(TaskId id) const;
  ShapeId acquire_shape(const Task& task, const QueueRecord& queue);
  void release_shape(ShapeId id);
  BucketId bucket_of(QueueId queue, std::uint8_t tier, ShapeId shape);
  void drop_bucket(BucketId id);
  void reposition(BucketId id, const Place* before);
  void refresh(BucketId id);
  bool plausible(const Shape& shape) const;
  void unpark(ShapeId id);
  void watch(const Shape& shape, int sign);
  void wake_all();
  void wake_zone_sensitive();
  void reserve(TaskRecord& task, const Assume& decision);
  void release(TaskRecord& task);
  void withdraw(TaskId id);
  void release_rank(TaskRecord& task, std::size_t rank, NodeId node, const Amounts* pod);
  void book_pod(PodRecord& record);
  void unbook_pod(PodRecord& record);
  const Amounts& request_of(const TaskRecord& task, std::size_t rank) const;
  bool decided(const TaskRecord& task) const {
    return task.state == TaskState::kReserved || task.state == TaskState::kRunning;
  }

  std::vector<TaskId> free_tasks_;
  std::vector<QueueId> free_queues_;
  std::vector<ShapeId> free_shapes_;
  std::vector<BucketId> free_buckets_;
  std::unordered_map<std::string, ShapeId> shape_ids_;
  std::vector<std::vector<ShapeId>> shapes_by_profile_;
};

// The tier of a place in a line.
inline int tier_of(const Place& place) { return static_cast<int>(place.rank >> kTierShift); }

// The tier a task has: its own, never above its queue's.
Tier tier_of(const Task& task, const QueueRecord& queue);
// Whether nobody may pass a blocked head of this queue.
bool strict(const Queue& queue);

}  // namespace sched
