// Which plain Pods are placed together, and what the engine knows of them.
#include "operator/loop/pod_control.hpp"

#include <algorithm>
#include <utility>

#include "libk8s/base/log.hpp"
#include "operator/api/duration.hpp"
#include "operator/reconcile/failure.hpp"

namespace fermi {
namespace {

constexpr k8s::Duration kRefreshPeriod = std::chrono::milliseconds(250);
// A share is given back when one in so many members has ended, or after so
// long.
constexpr std::size_t kShrinkPart = 16;
constexpr k8s::Duration kShrinkAfter = std::chrono::seconds(10);

k8s::WorkQueue::Options queue_options() {
  k8s::WorkQueue::Options out;
  out.workers = 32;
  out.retry.first = std::chrono::milliseconds(20);
  out.retry.cap = std::chrono::seconds(30);
  out.retry.per_second = 0;
  return out;
}

}  // namespace

PodControl::PodControl(World& world)
    : world_(world),
      pods_(world.caches.pods),
      memory_(world.writer),
      queue_(world.loop, queue_options(),
             [this](const std::string& id, Finish finish) { work(id, std::move(finish)); }) {}

PodControl::~PodControl() { world_.loop.cancel(refresh_timer_); }

void PodControl::rebuild() {
  world_.caches.pods.for_each([this](const PodRef& pod) {
    if (is_plain(*pod)) join(*pod);
    on_stray(*pod);
  });
  std::vector<std::string> all;
  for (const auto& [group, keys] : groups_) all.push_back(group);
  for (const std::string& group : all) {
    adopt(group);
    reform(group);
  }
}

void PodControl::drop_overbooked(const std::function<bool(const std::string&)>& full) {
  for (const auto& [id, batch] : batches_)
    for (std::size_t i = 0; i < batch->nodes.size() && i < batch->members.size(); ++i) {
      const PodRef pod = pod_of(batch->members[i]);
      if (pod == nullptr || !pod->node_name.empty() || !full(batch->nodes[i])) continue;
      batch->refusal = "the room of this decision had been given away";
      queue_.add(id);
    }
}

std::shared_ptr<const TaskQueue> PodControl::queue_of(const std::string& name) const {
  return world_.caches.queues.get(name);
}

// The Pod as it is since our own Binding.
PodRef PodControl::with_binding(PodRef pod) const {
  const auto bound = bound_.find(pod->meta.uid);
  if (bound == bound_.end() || !pod->node_name.empty()) return pod;
  k8s::Pod copy = *pod;
  copy.node_name = bound->second;
  return std::make_shared<const k8s::Pod>(std::move(copy));
}

PodRef PodControl::pod_of(const Member& member) {
  PodRef pod = pods_.get(member.key);
  if (pod == nullptr || pod->meta.uid != member.uid) return nullptr;
  return with_binding(std::move(pod));
}

std::shared_ptr<const k8s::PodGroup> PodControl::native_of(const k8s::Pod& pod) const {
  const std::string key = native_key(pod);
  return key.empty() ? nullptr : world_.caches.pod_groups.get(key);
}

// The group that it is in from now on.
std::string PodControl::join(const k8s::Pod& pod) {
  std::string group = group_key(pod, native_of(pod).get());
  if (const std::string native = native_key(pod); !native.empty())
    natives_[native][pod.meta.key()] = group;
  groups_[group].insert(pod.meta.key());
  return group;
}

// The group that it joined.
std::string PodControl::group_of(const k8s::Pod& pod) const {
  const auto native = natives_.find(native_key(pod));
  if (native == natives_.end()) return group_key(pod, nullptr);
  const auto at = native->second.find(pod.meta.key());
  return at == native->second.end() ? group_key(pod, nullptr) : at->second;
}

void PodControl::leave(const std::string& group, const std::string& pod) {
  const auto found = groups_.find(group);
  if (found == groups_.end()) return;
  found->second.erase(pod);
  if (!found->second.empty()) return;
  groups_.erase(found);
  forget_owner(group);
}

sched::Task PodControl::task_of(const std::vector<PodRef>& members, std::int64_t bound) const {
  const auto queue = queue_of(std::string(members.front()->meta.label(label::kQueue)));
  return plain_task(members, bound, queue.get(), native_of(*members.front()).get());
}

void PodControl::on_pod_group(const std::string& key) {
  const auto found = natives_.find(key);
  if (found == natives_.end()) return;
  std::set<std::string> touched;
  for (const auto& [name, before] : std::map(found->second)) {
    const PodRef pod = pods_.get(name);
    touched.insert(before);
    const std::string now = pod == nullptr ? before : join(*pod);
    if (now != before) leave(before, name);
    touched.insert(now);
  }
  for (const std::string& group : touched) reform(group);
}

PodControl::Census PodControl::census(const std::string& group) {
  Census out;
  const auto found = groups_.find(group);
  if (found == groups_.end()) return out;
  for (const std::string& key : found->second) {
    PodRef pod = pods_.get(key);
    if (pod == nullptr || pod->finished()) continue;
    pod = with_binding(std::move(pod));
    if (placed_.count(pod->meta.uid) != 0)
      out.running.push_back(pod);
    else if (!pod->node_name.empty())
      out.uncounted.push_back(pod);
    else if (is_waiting(*pod))
      out.waiting.push_back(pod);
  }
  sort_members(out.waiting);
  return out;
}

// A new leader: a decision that was written down for every Pod of the group is
// kept whole. Where one Pod has none, what is nominated is planned anew.
void PodControl::adopt(const std::string& group) {
  std::vector<PodRef> members;
  for (const std::string& key : groups_[group])
    if (const PodRef pod = pods_.get(key); pod && !pod->finished() && !pod->meta.deleting())
      members.push_back(pod);
  const auto undecided = [](const PodRef& pod) {
    return pod->node_name.empty() && pod->nominated_node.empty();
  };
  if (members.empty() || std::any_of(members.begin(), members.end(), undecided)) return;
  hold(group, std::move(members));
}

// Makes batches of the group's Pods that are bound and in none: another leader
// bound them, somebody else did, or their batch was given up. One for each
// queue that they name.
void PodControl::count_bound(const std::string& group) {
  std::map<std::string, std::vector<PodRef>> by_queue;
  for (PodRef& pod : census(group).uncounted)
    by_queue[std::string(pod->meta.label(label::kQueue))].push_back(std::move(pod));
  for (auto& [queue, members] : by_queue) hold(group, std::move(members));
}

// A placed batch of these Pods where they are, or where they are nominated to.
void PodControl::hold(const std::string& group, std::vector<PodRef> members) {
  sort_members(members);
  auto batch = std::make_shared<Batch>();
  std::vector<std::string> nodes;
  for (const PodRef& pod : members) {
    nodes.push_back(pod->node_name.empty() ? pod->nominated_node : pod->node_name);
    batch->members.push_back({pod->meta.key(), pod->meta.uid});
  }
  batch->task = task_of(members, 0);
  batch->id = batch->task.uid;
  batch->group = group;
  // Its id may be that of the batch in which its first Pod waited until now.
  if (const auto at = forming_.find(group); at != forming_.end() && at->second == batch->id)
    remove_forming(group);
  batches_[batch->id] = batch;
  batch->decided_at = running_since(*batch);
  place(batch, std::move(nodes));
  world_.engine.apply(sched::TaskUpsert{batch->task});
  tell_bound(*batch);
  world_.engine.apply(sched::Assume{batch->id, batch->attempt, {batch->nodes}, batch->decided_at});
  recall_placed(*batch);
  resume_eviction(batch);
}

// Tells the engine which rank each bound Pod is; before the decision, so that
// no rank is booked beside its Pod.
void PodControl::tell_bound(const Batch& batch) {
  for (std::size_t i = 0; i < batch.members.size(); ++i) {
    const PodRef pod = pod_of(batch.members[i]);
    if (pod == nullptr || !pod->occupies()) continue;
    sched::PodUpsert told = to_engine(*pod);
    told.task = batch.id;
    told.attempt = batch.attempt;
    told.rank = static_cast<std::int64_t>(i);
    world_.engine.apply(std::move(told));
  }
}

void PodControl::remove_forming(const std::string& group) {
  const auto at = forming_.find(group);
  if (at == forming_.end()) return;
  world_.engine.apply(sched::TaskRemove{at->second, world_.engine.now()});
  batches_.erase(at->second);
  forming_.erase(at);
}

// Makes the engine's picture of a group's waiting Pods that of the caches.
void PodControl::reform(const std::string& group) {
  count_bound(group);
  const Census now = census(group);
  if (now.waiting.empty()) {
    remove_forming(group);
    index_claims(group, {});
    if (now.running.empty()) failures_.erase(group);
    return;
  }
  sched::Task task = task_of(now.waiting, static_cast<std::int64_t>(now.running.size()));
  const auto queue = queue_of(std::string(now.waiting.front()->meta.label(label::kQueue)));
  if (const std::string problem = world_.submitter_problem(task.ns, queue.get());
      !problem.empty()) {
    task.held = true;
    task.held_why = problem;
  }
  recall(group, now.waiting, task);
  if (const auto failed = failures_.find(group); failed != failures_.end())
    task.not_before = {failed->second.not_before.ns};
  const std::string pinned = pin(group, now.waiting, task);
  const auto at = forming_.find(group);
  if (at != forming_.end() && at->second != task.uid) remove_forming(group);
  BatchRef& batch = batches_[task.uid];
  if (batch == nullptr) {
    batch = std::make_shared<Batch>();
    batch->id = task.uid;
    batch->group = group;
    forming_[group] = batch->id;
  }
  task.attempt = batch->attempt;
  batch->pinned = pinned;
  batch->members.clear();
  for (const PodRef& pod : now.waiting) batch->members.push_back({pod->meta.key(), pod->meta.uid});
  world_.engine.apply(sched::TaskUpsert{task});
  batch->task = std::move(task);
}

// Where the volumes of its Pods let the group run: as part of its task, and in words.
std::string PodControl::pin(const std::string& group, const std::vector<PodRef>& members,
                            sched::Task& task) {
  std::set<std::string> names, keys;
  for (const PodRef& pod : members) names.insert(pod->claims.begin(), pod->claims.end());
  for (const std::string& name : names) keys.insert(task.ns + "/" + name);
  index_claims(group, std::move(keys));
  const VolumePins pins =
      pin_volumes(task.ns, {names.begin(), names.end()}, world_.volumes(), task);
  if (!pins.problem.empty() && !task.held) {
    task.held = true;
    task.held_why = "spec.volumes: " + pins.problem;
  }
  return pins.where;
}

void PodControl::index_claims(const std::string& group, std::set<std::string> keys) {
  std::set<std::string>& had = claims_of_group_[group];
  if (had != keys) {
    for (const std::string& key : had) {
      claims_[key].erase(group);
      if (claims_[key].empty()) claims_.erase(key);
    }
    for (const std::string& key : keys) claims_[key].insert(group);
    had = std::move(keys);
  }
  if (had.empty()) claims_of_group_.erase(group);
}

void PodControl::on_claim(const std::string& key) {
  const auto found = claims_.find(key);
  if (found == claims_.end()) return;
  const std::set<std::string> groups = found->second;
  for (const std::string& group : groups) reform(group);
}

void PodControl::on_pod(const k8s::Informer<k8s::Pod>::Event& event) {
  const PodRef& pod = event.after != nullptr ? event.after : event.before;
  if (event.after != nullptr && !event.after->node_name.empty()) bound_.erase(pod->meta.uid);
  // Labels may change, and with them the group.
  const std::string before =
      event.before != nullptr && is_plain(*event.before) ? group_of(*event.before) : "";
  const std::string native = native_key(*pod);
  const bool plain = event.after != nullptr && is_plain(*event.after);
  const std::string after = plain ? join(*event.after) : "";
  if (!before.empty() && before != after) leave(before, pod->meta.key());
  if (!plain && natives_.count(native) != 0) {
    natives_[native].erase(pod->meta.key());
    if (natives_[native].empty()) natives_.erase(native);
  }
  std::set<std::string> touched = {before, after};
  touched.erase("");
  if (event.after == nullptr) bound_.erase(pod->meta.uid);
  if (const auto at = placed_.find(pod->meta.uid); at != placed_.end())
    if (const auto batch = batches_.find(at->second.first); batch != batches_.end())
      check_placed(BatchRef(batch->second));
  for (const std::string& group : touched) reform(group);
  if (event.after != nullptr) on_stray(*event.after);
}

// Looks at a placed batch after one of its Pods has changed.
void PodControl::check_placed(const BatchRef& batch) {
  bool all_run = true, all_bound = true, lost = false;
  std::size_t over = 0;
  for (const Member& member : batch->members) {
    const PodRef pod = pod_of(member);
    const bool ended = pod == nullptr || pod->finished();
    const bool bound = pod != nullptr && !pod->node_name.empty();
    over += ended ? 1 : 0;
    all_bound = all_bound && (bound || ended);
    all_run = all_run && (ended || pod->phase == k8s::PodPhase::kRunning);
    lost = lost || ((pod == nullptr || pod->meta.deleting()) && !bound);
  }
  if (over == batch->members.size()) {
    forget_past(*batch);
    return give_up(batch, "ended");
  }
  if (lost && !all_bound) return give_up(batch, "a member is gone");
  if (all_run && !batch->confirmed) {
    batch->confirmed = running_since(*batch);
    failures_.erase(batch->group);
    world_.engine.apply(sched::Confirm{batch->id, *batch->confirmed});
    protect(*batch, queue_of(batch->task.queue).get());
  }
  if (!all_bound) queue_.add(batch->id);
  // One that was asked to stop goes as a whole.
  if (over == 0 || !batch->evicted_for.empty()) return;
  // Each time, all others are told anew: of a large batch, many ends at once or
  // after a while.
  const k8s::TimePoint now = world_.loop.now();
  if (!batch->ended_at) batch->ended_at = now;
  if (over * kShrinkPart >= batch->members.size() || now >= *batch->ended_at + kShrinkAfter)
    shrink(batch);
  else
    queue_.add_after(batch->id, kShrinkAfter);
}

// When the last of its Pods began, as the Pods say: so that a new leader says the same.
sched::Time PodControl::running_since(const Batch& batch) {
  const sched::Time now = world_.engine.now();
  std::int64_t last = 0;
  for (const Member& member : batch.members) {
    const PodRef pod = pod_of(member);
    const bool begun = pod != nullptr && pod->start_time;
    if (begun) last = std::max(last, pod->start_time->ns);
  }
  return last > 0 ? std::min(sched::Time{last}, now) : now;
}

// Members that have ended leave the batch, and give back their share of the
// queue.
void PodControl::shrink(const BatchRef& old) {
  auto batch = std::make_shared<Batch>(*old);
  batch->members.clear();
  batch->nodes.clear();
  batch->ended_at.reset();
  std::vector<PodRef> left;
  for (std::size_t i = 0; i < old->members.size(); ++i) {
    const PodRef pod = pod_of(old->members[i]);
    if (pod == nullptr || pod->finished()) {
      placed_.erase(old->members[i].uid);
      continue;
    }
    placed_[old->members[i].uid] = {batch->id, left.size()};
    left.push_back(pod);
    batch->members.push_back(old->members[i]);
    batch->nodes.push_back(old->nodes[i]);
  }
  batch->task.groups = task_of(left, 0).groups;
  batch->task.attempt = ++batch->attempt;
  batches_[batch->id] = batch;
  world_.engine.apply(sched::TaskUpsert{batch->task});
  tell_bound(*batch);
  world_.engine.apply(sched::Assume{batch->id, batch->attempt, {batch->nodes}, batch->decided_at});
  if (batch->confirmed) world_.engine.apply(sched::Confirm{batch->id, *batch->confirmed});
}

// Ends a placed batch. What of it is bound stays where it is and goes on
// counting, as a batch of its own; what is not waits again.
void PodControl::give_up(const BatchRef& batch, const std::string& why) {
  k8s::log::debug("pods released", {{"group", batch->group}, {"why", why}});
  for (const Member& member : batch->members) placed_.erase(member.uid);
  world_.engine.apply(sched::TaskRemove{batch->id, world_.engine.now()});
  batches_.erase(batch->id);
  // Their labels may have changed, and with them their groups.
  std::set<std::string> touched = {batch->group};
  for (const Member& member : batch->members)
    if (const PodRef pod = pod_of(member); pod && is_plain(*pod)) touched.insert(group_of(*pod));
  for (const std::string& group : touched) reform(group);
  // What is not for us any more goes on using its node, as a Pod of no task.
  for (const Member& member : batch->members)
    if (const PodRef pod = pod_of(member); pod && pod->occupies() && !is_plain(*pod))
      world_.engine.apply(to_engine(*pod));
}

bool PodControl::is_current(const BatchRef& batch) const {
  const auto found = batches_.find(batch->id);
  return found != batches_.end() && found->second == batch;
}

// A Pod that names our scheduler and no queue: nobody else will ever say so.
void PodControl::on_stray(const k8s::Pod& pod) {
  if (is_stray(pod)) queue_.add(std::string(kStray) + pod.meta.key());
}

void PodControl::place(const BatchRef& batch, std::vector<std::string> nodes) {
  batch->nodes = std::move(nodes);
  batch->placed_at = world_.loop.now();
  const auto at = forming_.find(batch->group);
  if (at != forming_.end() && at->second == batch->id) forming_.erase(at);
  for (std::size_t i = 0; i < batch->members.size(); ++i)
    placed_[batch->members[i].uid] = {batch->id, i};
  queue_.add(batch->id);
}

bool PodControl::accept(const sched::Start& start) {
  const auto found = batches_.find(start.task);
  if (found == batches_.end()) return false;
  const BatchRef batch = found->second;
  if (batch->members.size() != start.placement.nodes.size()) return false;
  batch->attempt = start.attempt;
  batch->decided_at = world_.engine.now();
  place(batch, start.placement.nodes);
  return true;
}

std::optional<PodRank> PodControl::rank_of(const k8s::Pod& pod) const {
  const auto at = placed_.find(pod.meta.uid);
  if (at == placed_.end()) return std::nullopt;
  const auto batch = batches_.find(at->second.first);
  if (batch == batches_.end()) return std::nullopt;
  return PodRank{batch->first, batch->second->attempt,
                 static_cast<std::int64_t>(at->second.second)};
}

const sched::Task* PodControl::task(const std::string& uid) const {
  const auto found = batches_.find(uid);
  return found == batches_.end() ? nullptr : &found->second->task;
}

void PodControl::on_queue(const std::string& name) {
  std::vector<std::string> touched;
  for (const auto& [group, id] : forming_) {
    const std::string& queue = batches_.at(id)->task.queue;
    // Which queue does not take it in is for the members to say.
    if (queue == name || queue.empty()) touched.push_back(group);
  }
  for (const std::string& group : touched) reform(group);
}

void PodControl::on_namespace(const std::string& name) {
  std::vector<std::string> touched;
  for (const auto& [group, id] : forming_)
    if (batches_.at(id)->task.ns == name) touched.push_back(group);
  for (const std::string& group : touched) reform(group);
}

void PodControl::on_planned() {
  if (refresh_timer_ != k8s::TimerId::kNone) return;
  refresh_timer_ = world_.loop.after(kRefreshPeriod, [this] {
    refresh_timer_ = k8s::TimerId::kNone;
    for (const auto& [group, id] : forming_) queue_.add(id);
  });
}

void PodControl::stop(std::function<void()> drained) {
  world_.loop.cancel(refresh_timer_);
  queue_.stop();
  queue_.on_drained(std::move(drained));
}

}  // namespace fermi
