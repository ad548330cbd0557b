// State: queues, their lines and buckets.
#include <algorithm>
#include <limits>

#include "scheduler/fair/kept.hpp"
#include "scheduler/limits.hpp"
#include "scheduler/order/rules.hpp"
#include "scheduler/preempt/guarantee.hpp"
#include "scheduler/state/state.hpp"

namespace sched {
namespace {

// What comes before submit time within a tier; smaller is earlier.
std::int64_t strategy_key(const Queue& queue, const Task& task) {
  return by_priority(rules_of(queue).order) ? (std::int64_t{1} << 31) - task.priority_value : 0;
}

}  // namespace

// Of a queue that is not known, or no longer, as if it said nothing: nobody is High by that. Who was
// given a guarantee stays Medium while it runs, though its queue has become Low.
Tier tier_of(const Task& task, const QueueRecord& queue) {
  const Tier tier = std::max(task.tier, queue.queue.tier);
  const bool promised = task.tier != Tier::kLow && task.guarantee_until.ns > 0;
  return promised ? std::min(tier, Tier::kMedium) : tier;
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
  if (queue.known || queue.members > 0) return;  // nobody is in it
  queue_ids.erase(queue.queue.name);
  queue = {};
  free_queues_.push_back(id);
}

bool State::on(const QueueUpsert& d) {
  if (d.queue.name.empty()) return false;
  const QueueId id = queue_of(d.queue.name);
  if (queues[id].known && queues[id].queue == d.queue) return false;
  const bool kept = granting > 0;
  reline(id, d.queue, true);
  if (kept != (granting > 0)) line_up_anew();
  return true;
}

bool State::on(const QueueRemove& d) {
  auto known = queue_ids.find(d.name);
  if (known == queue_ids.end() || !queues[known->second].known) return false;
  const QueueId id = known->second;
  Queue bare;
  bare.name = d.name;
  const bool kept = granting > 0;
  reline(id, bare, false);
  if (kept != (granting > 0)) line_up_anew();
  forget_pasts(queues[id]);
  queues[id].past = {};
  forget_queue(id);
  return true;
}

// Gives a queue new rules; its waiting tasks line up anew when the rules say where they stand.
void State::reline(QueueId id, const Queue& queue, bool known) {
  QueueRecord& record = queues[id];
  const Queue& old = record.queue;
  const bool same_line = record.known == known && old.tier == queue.tier &&
                         rules_of(old).order == rules_of(queue).order &&
                         rules_of(old).spread == rules_of(queue).spread &&
                         rules_of(old).pooling == rules_of(queue).pooling &&
                         rules_of(old).spreads_services == rules_of(queue).spreads_services &&
                         old.zones == queue.zones && old.pools == queue.pools &&
                         old.gpu_models == queue.gpu_models && old.quotas == queue.quotas &&
                         old.tenant_limits == queue.tenant_limits;
  std::vector<TaskId> waiting;
  if (!same_line) {
    for (auto at = record.line.begin(); !record.line.at_end(at); at = record.line.next(at)) {
      waiting.push_back(record.line.get(at).task);
    }
  }
  if (!same_line || old.passing != queue.passing) forget_promises_of(id);
  for (const TaskId task : waiting) delist(task);
  // Whom the rules protect, and for how long, is known of each that is placed.
  std::vector<TaskId> placed;
  if (old.tier != queue.tier || old.cooldown_ns != queue.cooldown_ns ||
      slice_ns(old) != slice_ns(queue)) {
    for (TaskId task = 0; task < tasks.size(); ++task) {
      if (tasks[task].queue == id && decided(tasks[task])) placed.push_back(task);
    }
  }
  for (const TaskId task : placed) track(task, -1);
  record.past.learn(known && queue.learned);
  const auto memory = [&] { return record.known ? half_life_ms(record.queue) : 0; };
  const std::int64_t remembered = memory();
  const bool other_quotas = old.quotas != queue.quotas;
  granting += grants_places(queue) - grants_places(old);
  ++rules;
  record.queue = queue;
  record.known = known;
  record.by_tenant = known && by_tenant(rules_of(queue).order);
  record.by_owner = record.by_tenant || (known && queue.tenant_limits != TenantLimits{});
  record.guaranteed = queue.has_guaranteed ? names.amounts(queue.guaranteed) : Amounts{};
  if (remembered != memory()) restart_usage(id);
  record.maximum = queue.has_maximum ? names.amounts(queue.maximum) : Amounts{};
  if (other_quotas) set_limits(id);
  for (const TaskId task : placed) {
    track(task, 1);
    loosen_uses(tasks[task]);
  }
  for (const TaskId task : waiting) enlist(task);
  wake_quota(id);
}

// Whether guarantees keep some from places is part of every shape.
void State::line_up_anew() {
  std::vector<TaskId> waiting;
  for (TaskId task = 0; task < tasks.size(); ++task) {
    if (tasks[task].live && tasks[task].state == TaskState::kWaiting) waiting.push_back(task);
  }
  for (const TaskId task : waiting) delist(task);
  for (const TaskId task : waiting) enlist(task);
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
  if (held.contains(id)) unsettle(id);  // a hold counts for the size it was made for
  queue.line.insert(record.place, by_place());
  queue.submitted.emplace(record.place.submitted_ns, id);
  if (queue.by_owner) queue.tenants[record.tenant].line.insert(record.place, by_place());
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
  queue.submitted.erase({record.place.submitted_ns, id});
  if (queue.by_owner) queue.tenants[record.tenant].line.erase(record.place, by_place());
  --queue.waiting[static_cast<int>(tier_of(record.task, queue))];
  release_shape(record.shape);
  record.shape = kNoId;
  if (queue.queue.tenant_limits.pending > 0) wake_quota(record.queue);  // others move up
}

// When the next of those who wait will have waited for so long that it holds a reservation.
std::optional<Time> State::next_patient(const QueueRecord& queue, Time after) {
  const std::int64_t patience = queue.queue.reserve_after_ns;
  if (patience <= 0) return std::nullopt;
  const std::int64_t from = std::max(after.ns, std::numeric_limits<std::int64_t>::min() + patience);
  const auto next = queue.submitted.upper_bound({from - patience, kNoId});
  if (next == queue.submitted.end()) return std::nullopt;
  return later(Time{next->first}, patience);
}

void State::advance(Time now) {
  // What was kept for a hold that has lapsed is there for others.
  for (const TaskId holder : held) {
    const Time until = tasks[holder].hold_until;
    if ((until > clock) == (until > now)) continue;
    unsettle(holder);
    holds_moved = true;
  }
  if (!refused.empty() && (now < clock || now >= refused_until)) wake_refused();
  clock = now;
  if (!unsettled_.empty()) {
    ++changes;
    settle();
    wake_changed();
    wake_kept();
  }
  while (!cooling.empty() && cooling.begin()->first <= now.ns) {
    const auto entry = *cooling.begin();
    cooling.erase(cooling.begin());
    matured.insert(entry);
    asked.known = false;
    ready(entry.second);
  }
  while (!matured.empty() && matured.rbegin()->first > now.ns) {
    const auto entry = *matured.rbegin();
    matured.erase(entry);
    cooling.insert(entry);
    asked.known = false;
    unready(entry.second);
  }
}

// --- buckets

// Buckets come with their first ready task and go with their last.
BucketId State::bucket_of(const TaskRecord& task) {
  QueueRecord& queue = queues[task.queue];
  const auto tier = static_cast<std::uint8_t>(tier_of(task.task, queue));
  const TenantId owner = queue.by_owner ? task.tenant : kNoId;
  const std::tuple key{tier, owner, task.shape};
  if (auto at = queue.buckets.find(key); at != queue.buckets.end()) return at->second;
  BucketId id = static_cast<BucketId>(buckets.size());
  if (free_buckets_.empty()) {
    buckets.emplace_back();
  } else {
    id = free_buckets_.back();
    free_buckets_.pop_back();
    buckets[id] = {};
  }
  buckets[id].queue = task.queue;
  buckets[id].shape = task.shape;
  buckets[id].tier = tier;
  buckets[id].tenant = queue.by_tenant ? owner : kNoId;
  buckets[id].owner = owner;
  queue.buckets.emplace(key, id);
  shapes[task.shape].buckets.push_back(id);
  return id;
}

void State::drop_bucket(BucketId id) {
  Bucket& bucket = buckets[id];
  active.erase(id);
  guarded.erase(id);
  refused.erase(id);
  queues[bucket.queue].buckets.erase({bucket.tier, bucket.owner, bucket.shape});
  std::erase(shapes[bucket.shape].buckets, id);
  bucket = {};
  free_buckets_.push_back(id);
}

// Keeps `heads` true after the bucket's first task may have changed.
void State::reposition(BucketId id, const Place* before) {
  Bucket& bucket = buckets[id];
  QueueRecord& queue = queues[bucket.queue];
  const Place* after = bucket.tasks.empty() ? nullptr : &bucket.tasks.front();
  if (before != nullptr && after != nullptr && before->task == after->task) return;
  const auto keep = [&](Ordered<Place>& heads) {
    if (before != nullptr) heads.erase(*before, by_place());
    if (after != nullptr) heads.insert(*after, by_place());
  };
  keep(queue.heads);
  if (bucket.tenant != kNoId) keep(queue.tenants[bucket.tenant].heads);
}

// `active` holds exactly the buckets that the next pass must look at.
void State::refresh(BucketId id) {
  const Bucket& bucket = buckets[id];
  const Shape& shape = shapes[bucket.shape];
  const bool parked =
      bucket.quota_parked || guarded.contains(id) || (shape.parked && !shape.fragile);
  if (bucket.tasks.empty() || parked || bucket.refused) {
    active.erase(id);
    return;
  }
  if (!active.insert(id).second || refused.empty()) return;
  const bool promised = std::any_of(promises.begin(), promises.end(), [&](const auto& promise) {
    return !promise.second.need.empty() && tasks[promise.first].bucket == id;
  });
  promised ? wake_refused() : wake_refused(bucket.queue);
}

void State::ready(TaskId id) {
  TaskRecord& record = tasks[id];
  record.bucket = bucket_of(record);
  Bucket& bucket = buckets[record.bucket];
  const Place first = bucket.tasks.empty() ? Place{} : bucket.tasks.front();
  const bool was_empty = bucket.tasks.empty();
  if (!refused.empty()) wake_refused(record.queue);
  bucket.tasks.insert(record.place, by_place());
  reposition(record.bucket, was_empty ? nullptr : &first);
  refresh(record.bucket);
}

void State::unready(TaskId id) {
  TaskRecord& record = tasks[id];
  Bucket& bucket = buckets[record.bucket];
  const Place first = bucket.tasks.front();
  if (!refused.empty()) wake_refused(record.queue);
  bucket.tasks.erase(record.place, by_place());
  reposition(record.bucket, &first);
  if (bucket.tasks.empty()) drop_bucket(record.bucket);
  record.bucket = kNoId;
}

void State::park_for_quota(BucketId id) {
  buckets[id].quota_parked = true;
  refresh(id);
}

// What others do not use of their guarantees, and what is free, changes with almost everything.
void State::park_for_guarantee(BucketId id) {
  guarded.insert(id);
  refresh(id);
}

void State::wake_guarded() {
  const std::set<BucketId> parked = std::move(guarded);
  guarded.clear();
  for (const BucketId id : parked) refresh(id);
}

void State::wake_kept() {
  for (ShapeId id = 0; granting > 0 && id < shapes.size(); ++id) {
    if (shapes[id].guards != kNoId && shapes[id].fragile) unpark(id);
  }
}

// Also after an edit of the queue: its maximum may have grown.
void State::wake_quota(QueueId queue) {
  if (!refused.empty()) wake_refused(queue);
  for (const auto& [key, id] : queues[queue].buckets) {
    if (shapes[buckets[id].shape].limits == queue) unpark(buckets[id].shape);
    if (!buckets[id].quota_parked) continue;
    buckets[id].quota_parked = false;
    refresh(id);
  }
}

}  // namespace sched
