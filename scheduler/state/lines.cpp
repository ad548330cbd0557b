// State: queues, their lines and buckets.
#include <algorithm>

#include "scheduler/limits.hpp"
#include "scheduler/order/rules.hpp"
#include "scheduler/state/state.hpp"

namespace sched {
namespace {

// What comes before submit time within a tier; smaller is earlier.
std::int64_t strategy_key(const Queue& queue, const Task& task) {
  return by_priority(rules_of(queue).order) ? (std::int64_t{1} << 31) - task.priority_value : 0;
}

}  // namespace

Tier tier_of(const Task& task, const QueueRecord& queue) {
  return queue.known ? std::max(task.tier, queue.queue.tier) : task.tier;
}

bool strict(const Queue& queue) { return rules_of(queue).passing == Passing::kStrict; }

bool State::less(const Place& a, const Place& b) const {
  if (a.rank != b.rank) return a.rank < b.rank;
  if (a.submitted_ns != b.submitted_ns) return a.submitted_ns < b.submitted_ns;
  return a.task != b.task && tasks[a.task].task.uid < tasks[b.task].task.uid;
}

Place State::place_of(TaskId id) const {
  const TaskRecord& record = tasks[id];
  const QueueRecord& queue = queues[record.queue];
  const auto tier = static_cast<std::int64_t>(tier_of(record.task, queue));
  const std::int64_t key = queue.known ? strategy_key(queue.queue, record.task) : 0;
  return {(tier << kTierShift) + key, record.task.submitted.ns, id};
}

// --- queues

// A queue that nobody made yet has a record as soon as a task names it: its tasks stand in line,
// and start when it is made.
QueueId State::queue_of(const std::string& name) {
  if (auto known = queue_ids.find(name); known != queue_ids.end()) return known->second;
  QueueId id = static_cast<QueueId>(queues.size());
  if (free_queues_.empty()) {
    queues.emplace_back();
  } else {
    id = free_queues_.back();
    free_queues_.pop_back();
    queues[id] = {};
  }
  queues[id].queue.name = name;
  queue_ids.emplace(name, id);
  return id;
}

void State::forget_queue(QueueId id) {
  QueueRecord& queue = queues[id];
  if (queue.known || queue.members > 0) return;
  queue_ids.erase(queue.queue.name);
  queue = {};
  free_queues_.push_back(id);
}

bool State::on(const QueueUpsert& d) {
  if (d.queue.name.empty()) return false;
  const QueueId id = queue_of(d.queue.name);
  if (queues[id].known && queues[id].queue == d.queue) return false;
  reline(id, d.queue, true);
  return true;
}

bool State::on(const QueueRemove& d) {
  auto known = queue_ids.find(d.name);
  if (known == queue_ids.end() || !queues[known->second].known) return false;
  const QueueId id = known->second;
  Queue bare;
  bare.name = d.name;
  reline(id, bare, false);
  forget_queue(id);
  return true;
}

// Gives a queue new rules; its waiting tasks line up anew when the rules say where they stand.
void State::reline(QueueId id, const Queue& queue, bool known) {
  QueueRecord& record = queues[id];
  const Queue& old = record.queue;
  const bool same_line = record.known == known && old.tier == queue.tier &&
                         rules_of(old).order == rules_of(queue).order && old.zones == queue.zones &&
                         old.pools == queue.pools && old.gpu_models == queue.gpu_models;
  std::vector<TaskId> waiting;
  if (!same_line) {
    for (auto at = record.line.begin(); !record.line.at_end(at); at = record.line.next(at)) {
      waiting.push_back(record.line.get(at).task);
    }
  }
  for (const TaskId task : waiting) delist(task);
  record.queue = queue;
  record.known = known;
  record.maximum = queue.has_maximum ? names.amounts(queue.maximum) : Amounts{};
  for (const TaskId task : waiting) enlist(task);
  wake_quota(id);
}

// Counts a decided task in or out. Less use can only help those that the maximum stopped.
void State::charge(QueueId id, const Amounts& total, int sign) {
  QueueRecord& queue = queues[id];
  queue.used.plus(total, sign);
  queue.running += sign;
  if (sign < 0) wake_quota(id);
}

// Dominant share: the largest used / total over CPU, memory and each extended resource, divided by
// the weight. Exact: fractions are compared by cross multiplication.
int State::compare_share(QueueId a, QueueId b) const {
  struct Share {
    unsigned __int128 used = 0, of = 1;
  };
  // Memory and sums are cut to 2^53, so that used * total * weight stays below 2^127.
  const auto bounded = [](std::int64_t amount) {
    constexpr std::int64_t kMax = std::int64_t{1} << 53;
    return static_cast<unsigned __int128>(std::clamp<std::int64_t>(amount, 0, kMax));
  };
  const auto share = [&](const QueueRecord& queue) {
    Share most;
    const auto look = [&](ResourceId id) {
      const auto used = bounded(queue.used.at(id)), of = bounded(cluster.total().at(id));
      if (of > 0 && used * most.of > most.used * of) most = {used, of};
    };
    look(kCpu);
    look(kMemory);
    for (const auto& [id, amount] : queue.used.extended) look(id);
    most.of *=
        static_cast<unsigned __int128>(std::clamp<std::int64_t>(queue.queue.weight, 1, kWeightMax));
    return most;
  };
  const Share x = share(queues[a]), y = share(queues[b]);
  const auto left = x.used * y.of, right = y.used * x.of;
  return left < right ? -1 : left > right ? 1 : 0;
}

// --- standing in line

// In line always; in a bucket only when it could start. Held tasks and those of unknown queues
// wait in line alone, those in back-off beside a clock.
void State::enlist(TaskId id) {
  TaskRecord& record = tasks[id];
  QueueRecord& queue = queues[record.queue];
  record.place = place_of(id);
  record.ready_at = std::max(record.task.not_before, record.rejected_until);
  record.shape = acquire_shape(record.task, queue);
  queue.line.insert(record.place, by_place());
  ++queue.waiting[static_cast<int>(tier_of(record.task, queue))];
  if (record.task.held || !queue.known) return;
  if (record.ready_at.ns > 0 && record.ready_at > clock) {
    cooling.emplace(record.ready_at.ns, id);
    return;
  }
  if (record.ready_at.ns > 0) matured.emplace(record.ready_at.ns, id);
  ready(id);
}

void State::delist(TaskId id) {
  TaskRecord& record = tasks[id];
  QueueRecord& queue = queues[record.queue];
  if (record.bucket != kNoId) unready(id);
  cooling.erase({record.ready_at.ns, id});
  matured.erase({record.ready_at.ns, id});
  queue.line.erase(record.place, by_place());
  --queue.waiting[static_cast<int>(tier_of(record.task, queue))];
  release_shape(record.shape);
  record.shape = kNoId;
}

void State::advance(Time now) {
  clock = now;
  while (!cooling.empty() && cooling.begin()->first <= now.ns) {
    const auto entry = *cooling.begin();
    cooling.erase(cooling.begin());
    matured.insert(entry);
    ready(entry.second);
  }
  while (!matured.empty() && matured.rbegin()->first > now.ns) {
    const auto entry = *matured.rbegin();
    matured.erase(entry);
    cooling.insert(entry);
    unready(entry.second);
  }
}

// --- buckets

// Buckets come with their first ready task and go with their last.
BucketId State::bucket_of(QueueId queue, std::uint8_t tier, ShapeId shape) {
  auto& known = queues[queue].buckets;
  if (auto at = known.find({tier, shape}); at != known.end()) return at->second;
  BucketId id = static_cast<BucketId>(buckets.size());
  if (free_buckets_.empty()) {
    buckets.emplace_back();
  } else {
    id = free_buckets_.back();
    free_buckets_.pop_back();
    buckets[id] = {};
  }
  buckets[id].queue = queue;
  buckets[id].shape = shape;
  buckets[id].tier = tier;
  known.emplace(std::pair{tier, shape}, id);
  shapes[shape].buckets.push_back(id);
  return id;
}

void State::drop_bucket(BucketId id) {
  Bucket& bucket = buckets[id];
  active.erase(id);
  queues[bucket.queue].buckets.erase({bucket.tier, bucket.shape});
  std::erase(shapes[bucket.shape].buckets, id);
  bucket = {};
  free_buckets_.push_back(id);
}

// Keeps `heads` true after the bucket's first task may have changed.
void State::reposition(BucketId id, const Place* before) {
  Bucket& bucket = buckets[id];
  auto& heads = queues[bucket.queue].heads;
  const Place* after = bucket.tasks.empty() ? nullptr : &bucket.tasks.front();
  if (before != nullptr && after != nullptr && before->task == after->task) return;
  if (before != nullptr) heads.erase(*before, by_place());
  if (after != nullptr) heads.insert(*after, by_place());
}

// `active` holds exactly the buckets that the next pass must look at.
void State::refresh(BucketId id) {
  const Bucket& bucket = buckets[id];
  if (!bucket.tasks.empty() && !bucket.quota_parked && !shapes[bucket.shape].parked) {
    active.insert(id);
  } else {
    active.erase(id);
  }
}

void State::ready(TaskId id) {
  TaskRecord& record = tasks[id];
  const auto tier = static_cast<std::uint8_t>(tier_of(record.task, queues[record.queue]));
  record.bucket = bucket_of(record.queue, tier, record.shape);
  Bucket& bucket = buckets[record.bucket];
  const Place first = bucket.tasks.empty() ? Place{} : bucket.tasks.front();
  const bool was_empty = bucket.tasks.empty();
  bucket.tasks.insert(record.place, by_place());
  reposition(record.bucket, was_empty ? nullptr : &first);
  refresh(record.bucket);
}

void State::unready(TaskId id) {
  TaskRecord& record = tasks[id];
  Bucket& bucket = buckets[record.bucket];
  const Place first = bucket.tasks.front();
  bucket.tasks.erase(record.place, by_place());
  reposition(record.bucket, &first);
  if (bucket.tasks.empty()) drop_bucket(record.bucket);
  record.bucket = kNoId;
}

void State::park_for_quota(BucketId id) {
  buckets[id].quota_parked = true;
  refresh(id);
}

// Also after an edit of the queue: its maximum may have grown.
void State::wake_quota(QueueId queue) {
  for (const auto& [key, id] : queues[queue].buckets) {
    if (!buckets[id].quota_parked) continue;
    buckets[id].quota_parked = false;
    refresh(id);
  }
}

}  // namespace sched
