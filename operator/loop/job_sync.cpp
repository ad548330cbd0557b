// The engine's side of JobControl: statuses -> deltas.
#include <algorithm>

#include "libk8s/base/log.hpp"
#include "operator/loop/job_record.hpp"
#include "operator/translate/job_pod.hpp"
#include "operator/translate/objects.hpp"
#include "operator/translate/parts.hpp"
#include "operator/translate/placement.hpp"
#include "operator/translate/resources.hpp"

namespace fermi {
namespace {

constexpr const char* kGivenAway = "the room of this decision had been given away";
constexpr std::int64_t kFirstPort = 20'000, kPorts = 10'000;

bool holds_place(const TrainingJob& job) {
  const Phase phase = job.status.phase;
  return job.status.placement.has_value() &&
         (phase == Phase::kStarting || phase == Phase::kRunning || phase == Phase::kStopping);
}

// FNV-1a: the same everywhere, so that a port does not depend on the standard library.
std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

using Index = std::map<std::string, std::set<std::string>>;

// In an index of uids, moves one from the keys that it had to those that it has now.
void reindex(Index& index, const std::string& uid, std::set<std::string>& had,
             std::set<std::string> now) {
  if (had == now) return;
  for (const std::string& key : had) {
    const auto at = index.find(key);
    if (at == index.end()) continue;
    at->second.erase(uid);
    if (at->second.empty()) index.erase(at);
  }
  for (const std::string& key : now) index[key].insert(uid);
  had = std::move(now);
}

// Why it is in the line again, in the words that its timeline has for it: somebody who waits for
// the next try is to see what went wrong with this one.
std::string why_back(const TrainingJob& job) {
  const auto& timeline = job.status.timeline;
  return timeline.empty() ? "taken back" : timeline.back().why;
}

// What is told of a victim. In a rotation others than peers may have to stop, by their tier.
std::string_view reason_of(sched::PreemptionKind kind, bool peer) {
  switch (kind) {
    case sched::PreemptionKind::kTier:
      return kByTier;
    case sched::PreemptionKind::kReclaim:
      return kReclaim;
    case sched::PreemptionKind::kRotation:
      return peer ? kRotation : kByTier;
    case sched::PreemptionKind::kResolution:
      return kResolution;
  }
  return kByTier;
}

}  // namespace

// While it holds a place, the queue that it was decided in: the spec may name another by now.
const std::string& JobControl::queue_name(const TrainingJob& job) {
  const bool decided = holds_place(job) && !job.status.queue.empty();
  return decided ? job.status.queue : job.spec.scheduling.queue;
}

std::shared_ptr<const TaskQueue> JobControl::queue_of(const TrainingJob& job) const {
  return world_.caches.queues.get(queue_name(job));
}

// Not left to the event that shows the new status: a watch may be silent for minutes.
void JobControl::sync(Record& r, const TrainingJob& job, bool rebuilding) {
  const auto attempt_of = [&r] { return r.told && !r.ended ? r.told->first : -1; };
  const std::int64_t before = attempt_of();
  sync_phase(r, job, rebuilding);
  count_cost(r, job);
  if (before >= 0 && attempt_of() != before) world_.recount(r.uid);
}

// What is in the ledger is counted there.
void JobControl::count_cost(const Record& r, const TrainingJob& job) {
  if (!carries_finalizer(job) || world_.ledger.knows(r.uid)) return world_.costs.erase(r.uid);
  const TrainingJobStatus& s = job.status;
  Spending spending;
  spending.parts = s.costs;
  if (s.placement && s.cost_accounted_at) {
    spending.queue = s.queue;
    spending.tenant = s.placement->tenant;
    spending.rates = s.placement->rates;
    spending.since = *s.cost_accounted_at;
  }
  world_.costs.set(r.uid, std::move(spending));
}

void JobControl::sync_phase(Record& r, const TrainingJob& job, bool rebuilding) {
  if (is_terminal(job.status.phase)) return sync_ended(r, job.status);
  const bool waits = !holds_place(job);
  if (waits) r.resize.reset();
  if (waits && (job.meta.deleting() || !job.problems.empty())) {
    r.decided.reset();
    if (r.sent) world_.engine.apply(sched::TaskRemove{r.uid, world_.engine.now()});
    index_nodes(r, {});
    r.sent.reset();
    r.told.reset();
    return;
  }
  const auto queue = queue_of(job);
  sched::Task task = to_engine(job, queue.get(), world_.config);
  r.tier = tier_name(task.tier);
  hold_for_namespace(r, job, queue.get(), task);
  hold_for_others(r, job, task);
  pin(r, job, task);
  if (waits)
    sync_waiting(r, job, task);
  else
    sync_placed(r, job, task, rebuilding);
}

void JobControl::pin(Record& r, const TrainingJob& job, sched::Task& task) {
  const std::vector<std::string> names = claims_of(job);
  std::set<std::string> keys;
  for (const std::string& name : names) keys.insert(job.meta.ns + "/" + name);
  reindex(claims_, r.uid, r.claims, std::move(keys));
  r.pins = pin_volumes(job.meta.ns, names, world_.volumes(), task);
  if (r.pins.problem.empty() || task.held || holds_place(job)) return;
  task.held = true;
  task.held_why = "spec.volumes: " + r.pins.problem;
}

// Storage that is made where it is first used is told where that is; what is bound already knows.
std::vector<SelectNode> JobControl::unselected(const Record& r, const TrainingJob& job) const {
  std::vector<SelectNode> out;
  if (world_.options.local_mode || !job.status.placement) return out;
  const std::string& node = job.status.placement->nodes.front();
  for (const std::string& key : r.claims) {
    const auto claim = world_.caches.claims.get(key);
    if (claim == nullptr || !claim->volume.empty()) continue;
    const auto told = r.memory->selected.find(claim->meta.name);
    const bool known = told != r.memory->selected.end() && told->second == node;
    if (!known && claim->meta.annotation(annotation::kSelectedNode) != node)
      out.push_back({claim->meta.name, node});
  }
  return out;
}

void JobControl::hold_for_namespace(Record& r, const TrainingJob& job, const TaskQueue* queue,
                                    sched::Task& task) {
  r.outsider = holds_place(job) ? "" : world_.submitter_problem(job.meta.ns, queue);
  if (r.outsider.empty()) return;
  task.held = true;
  task.held_why = r.outsider;
}

void JobControl::hold_for_others(Record& r, const TrainingJob& job, sched::Task& task) {
  index_after(r, job);
  r.after = {};
  if (holds_place(job) || job.spec.scheduling.after.empty()) return;
  r.after = dependencies_of(
      job, [&](const std::string& name) { return jobs_.get(job.meta.ns + "/" + name); });
  if (r.after.why.empty() || task.held) return;
  task.held = true;
  task.held_why = r.after.why;
}

void JobControl::index_after(Record& r, const TrainingJob& job) {
  std::set<std::string> keys;
  for (const JobAfter& after : job.spec.scheduling.after)
    keys.insert(job.meta.ns + "/" + after.name);
  reindex(after_, r.uid, r.waits_for, std::move(keys));
}

void JobControl::tell_dependents(const std::string& key) {
  const auto found = after_.find(key);
  if (found == after_.end()) return;
  for (const std::string& uid : found->second)
    if (const auto r = records_.find(uid); r != records_.end()) queue_.add(r->second->key);
}

void JobControl::sync_waiting(Record& r, const TrainingJob& job, const sched::Task& task) {
  // The decision that is being written was made for the task as it was.
  r.preempt.reset();
  if (r.decided && r.sent && *r.sent == task) return;
  if (r.told) release(r, job, r.decided ? "the task changed" : why_back(job));
  r.decided.reset();
  tell_task(r, task);
}

void JobControl::sync_placed(Record& r, const TrainingJob& job, const sched::Task& task,
                             bool rebuilding) {
  if (r.restarting) return;  // the answer will tell which attempt it is
  drop_stale_resize(r, job);
  if (r.resize) return;  // counted as it will be
  const JobPlacement& placement = *job.status.placement;
  const std::pair wanted{placement.attempt, to_engine(placement)};
  if (r.decided && wanted == std::pair{r.decided->attempt, to_engine(*r.decided)})
    r.decided.reset();
  if (r.told != wanted) {
    const bool same_room = r.told && r.told->second == wanted.second;
    if (r.told) release(r, job, "decided anew");
    r.decided.reset();
    tell_task(r, task);
    if (!rebuilding && !same_room && !has_room(job, placement)) {
      r.memory->refusal = kGivenAway;
      return;
    }
    world_.engine.apply(
        sched::Assume{r.uid, placement.attempt, wanted.second, {placement.decided_at.ns}});
    index_nodes(r, placement.nodes);
    r.told = wanted;
    r.confirmed = false;
  }
  r.port = placement.port;
  // What protects it may change while it runs; what it asks for may not.
  sched::Task told = *r.sent;
  told.preemptions = task.preemptions;
  told.guarantee_until = task.guarantee_until;
  told.last_preempted = task.last_preempted;
  told.unevictable = world_.is_left_out(r.uid);
  tell_task(r, told);
  // It was asked to stop, by this leader or one before: its room is on its way.
  if (const auto& by = job.status.preempted;
      by && job.status.stopping && job.status.stopping->reason == kPreempted) {
    r.preempt.reset();
    world_.engine.apply(sched::Evict{r.uid, by->by_task_id, {by->at.ns}});
  }
  if (job.status.phase == Phase::kRunning && !r.confirmed) {
    const k8s::WallTime since = job.status.running_since.value_or(world_.loop.wall_now());
    world_.engine.apply(sched::Confirm{r.uid, {since.ns}});
    r.confirmed = true;
  }
}

void JobControl::book_restart(Record& r, const TrainingJob& job, const TrainingJobStatus& next) {
  TrainingJob after = job;
  after.status = next;
  tell_task(r, to_engine(after, queue_of(job).get(), world_.config));
  world_.engine.apply(sched::Assume{
      r.uid, next.placement->attempt, to_engine(*next.placement), {next.placement->decided_at.ns}});
  r.told = {next.placement->attempt, to_engine(*next.placement)};
  r.confirmed = false;
  r.restarting = true;
  world_.recount(r.uid);
}

// It stands in the status, or another attempt does: the status tells what the engine is to count.
void JobControl::drop_stale_resize(Record& r, const TrainingJob& job) {
  if (r.resize && job.status.placement->attempt + 1 != r.resize->placement.attempt)
    r.resize.reset();
}

bool JobControl::book_resize(const sched::Resize& resize, const std::string& by,
                             const std::string& by_task_id) {
  const auto found = records_.find(resize.task);
  if (found == records_.end()) return false;
  Record& r = *found->second;
  const auto job = jobs_.get(r.key);
  const bool stands = job != nullptr && job->meta.uid == r.uid && holds_place(*job) &&
                      job->status.placement->attempt == resize.attempt && !r.restarting;
  if (!stands) return false;
  const std::int64_t attempt = resize.attempt + 1;
  world_.engine.apply(sched::Assume{r.uid, attempt, resize.placement, world_.engine.now()});
  index_nodes(r, resize.placement.nodes);
  r.told = {attempt, resize.placement};
  r.confirmed = false;
  const auto node = [this](const std::string& name) { return world_.node(name); };
  const sched::Start start{r.uid, attempt, resize.placement, 0, 0};
  JobPlacement placement =
      to_placement(start, {world_.epoch, r.port, world_.loop.wall_now()}, node);
  placement.tenant = job->status.charged_tenant;
  placement.rates = gang_rates(*job, placement, world_.config, node);
  r.resize = JobResize{std::move(placement), by, by_task_id};
  r.resize_regions = {regions_of(resize.placement.nodes, node), 0};
  r.may_go = false;
  return true;
}

void JobControl::carry_out_resize(const std::string& uid) {
  const auto found = records_.find(uid);
  if (found == records_.end() || !found->second->resize) return;
  found->second->may_go = true;
  queue_.add(found->second->key);
}

// Back to what stands in the status: its Pods are where they were all the time.
void JobControl::forget_resize(const std::string& uid) {
  const auto found = records_.find(uid);
  if (found == records_.end() || !found->second->resize || found->second->may_go) return;
  Record& r = *found->second;
  r.resize.reset();
  const auto job = jobs_.get(r.key);
  if (job == nullptr || job->meta.uid != uid || !holds_place(*job) || r.restarting) return;
  const JobPlacement& placement = *job->status.placement;
  const std::pair before{placement.attempt, to_engine(placement)};
  world_.engine.apply(
      sched::Assume{uid, placement.attempt, before.second, {placement.decided_at.ns}});
  index_nodes(r, placement.nodes);
  r.told = before;
  r.confirmed = false;
  sync(r, *job, false);
}

bool JobControl::keeps(const PodRank& rank) const {
  const auto found = records_.find(rank.task);
  if (found == records_.end()) return false;
  const Record& r = *found->second;
  return r.told && !r.ended && r.told->first == rank.attempt;
}

void JobControl::sync_ended(Record& r, const TrainingJobStatus& status) {
  r.preempt.reset();
  r.resize.reset();
  r.decided.reset();
  const k8s::WallTime at = status.completion_time.value_or(world_.loop.wall_now());
  if (r.sent && !r.ended) world_.engine.apply(sched::TaskEnd{r.uid, {at.ns}});
  r.ended = true;
  index_nodes(r, {});
  r.told.reset();
  r.port = 0;
}

void JobControl::tell_task(Record& r, const sched::Task& task) {
  if (r.sent && *r.sent == task) return;
  world_.engine.apply(sched::TaskUpsert{task});
  r.sent = task;
}

void JobControl::release(Record& r, const TrainingJob& job, const std::string& why) {
  const std::int64_t not_before = job.status.retry_at ? job.status.retry_at->ns : 0;
  world_.engine.apply(sched::Reject{r.uid, why, {not_before}, world_.engine.now()});
  index_nodes(r, {});
  r.told.reset();
  r.confirmed = false;
}

void JobControl::index_nodes(Record& r, const std::vector<std::string>& nodes) {
  if (r.told)
    for (const std::string& node : r.told->second.nodes) {
      const auto at = on_node_.find(node);
      if (at == on_node_.end()) continue;
      at->second.erase(r.uid);
      if (at->second.empty()) on_node_.erase(at);
    }
  for (const std::string& node : nodes) on_node_[node].insert(r.uid);
}

bool JobControl::has_room(const TrainingJob& job, const JobPlacement& placement) const {
  std::map<std::string, sched::Resources> wanted;
  for (std::size_t i = 0; i < placement.nodes.size(); ++i) {
    const auto rank = static_cast<std::int64_t>(i);
    sched::Resources one = pod_to_engine(effective_requests(job, rank, world_.config));
    if (const std::int64_t part = job.spec.group_of(rank).gpu_milli; part > 0) {
      if (i >= placement.devices.size() || placement.devices[i] < 0) return false;
      one.set_extended(device_text({world_.config.gpu_resource, placement.devices[i]}), part);
    }
    add(wanted[placement.nodes[i]], one);
  }
  return std::all_of(wanted.begin(), wanted.end(), [this](const auto& entry) {
    const auto node = world_.node(entry.first);
    const auto used = world_.engine.engine().used(entry.first);
    if (node == nullptr || !used) return false;
    sched::Resources sum = *used;
    add(sum, entry.second);
    return fits_node(sum, to_engine(node->allocatable));
  });
}

// While Pods of an attempt before are left, the room is counted twice.
void JobControl::drop_overbooked(const std::function<bool(const std::string&)>& full) {
  for (const auto& [uid, r] : records_) {
    const auto job = jobs_.get(r->key);
    const bool starts = job != nullptr && job->meta.uid == uid && r->told && !r->ended &&
                        job->status.phase == Phase::kStarting;
    if (!starts) continue;
    std::set<std::int64_t> bound;
    bool restarts = false;
    for (const auto& pod : pods_.controlled_by(uid)) {
      const auto at = job_rank(*pod);
      restarts = restarts || !at || at->attempt != r->told->first;
      if (at && !pod->node_name.empty()) bound.insert(at->rank);
    }
    const std::vector<std::string>& nodes = r->told->second.nodes;
    for (std::size_t i = 0; i < nodes.size() && !restarts; ++i)
      if (bound.count(static_cast<std::int64_t>(i)) == 0 && full(nodes[i]))
        r->memory->refusal = kGivenAway;
  }
}

std::int64_t JobControl::free_port(const Record& r) const {
  if (!world_.options.local_mode) return 0;
  std::set<std::int64_t> taken;
  for (const auto& [uid, other] : records_)
    if (uid != r.uid && other->port != 0) taken.insert(other->port);
  auto offset = static_cast<std::int64_t>(hash_of(r.uid) % kPorts);
  for (std::int64_t i = 0; i < kPorts; ++i, offset = (offset + 1) % kPorts)
    if (taken.count(kFirstPort + offset) == 0) return kFirstPort + offset;
  return 0;
}

const sched::Task* JobControl::task(const std::string& uid) const {
  const auto found = records_.find(uid);
  return found != records_.end() && found->second->sent ? &*found->second->sent : nullptr;
}

void JobControl::preempt(const sched::Preemption& preemption, const std::string& by) {
  const sched::Task* const whose = world_.task(preemption.task);
  for (const std::string& victim : preemption.victims) {
    const auto found = records_.find(victim);
    if (found == records_.end()) continue;
    const auto& sent = found->second->sent;
    const bool peer = whose != nullptr && sent && whose->queue == sent->queue;
    found->second->preempt =
        JobPreempted{by, preemption.task, whole_seconds(world_.loop.wall_now()),
                     std::string(reason_of(preemption.kind, peer))};
    queue_.add(found->second->key);
  }
}

void JobControl::object(const std::string& uid, const std::string& why) {
  const auto found = records_.find(uid);
  if (found == records_.end() || found->second->objection == why) return;
  found->second->objection = why;
  queue_.add(found->second->key);
}

void JobControl::retell(const std::string& uid) {
  const auto found = records_.find(uid);
  if (found == records_.end()) return;
  const auto job = jobs_.get(found->second->key);
  if (job != nullptr && job->meta.uid == uid) sync(*found->second, *job, false);
}

bool JobControl::accept(const sched::Start& start) {
  const auto found = records_.find(start.task);
  if (found == records_.end()) return false;
  Record& r = *found->second;
  const auto job = jobs_.get(r.key);
  if (job == nullptr || job->meta.uid != r.uid) return false;
  r.told = {start.attempt, start.placement};
  r.confirmed = false;
  index_nodes(r, start.placement.nodes);
  r.port = free_port(r);
  const auto node = [this](const std::string& name) { return world_.node(name); };
  r.decided = to_placement(start, {world_.epoch, r.port, world_.loop.wall_now()}, node);
  r.decided_regions = {regions_of(start.placement.nodes, node), start.max_latency_us};
  r.decided->tenant = r.sent->tenant;
  r.decided->rates = gang_rates(*job, *r.decided, world_.config, node);
  queue_.add(r.key);
  return true;
}

}  // namespace fermi
