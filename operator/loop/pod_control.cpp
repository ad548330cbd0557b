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
constexpr std::size_t kShownHead = 20;

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
      budget_(world.options.position_writes_per_second),
      queue_(world.loop, queue_options(),
             [this](const std::string& id, Finish finish) { work(id, std::move(finish)); }) {}

PodControl::~PodControl() { world_.loop.cancel(refresh_timer_); }

void PodControl::rebuild() {
  world_.caches.pods.for_each([this](const PodRef& pod) {
    if (is_plain(*pod)) groups_[group_key(*pod)].insert(pod->meta.key());
  });
  std::vector<std::string> all;
  for (const auto& [group, keys] : groups_) all.push_back(group);
  for (const std::string& group : all) {
    adopt(group);
    reform(group);
  }
}

std::shared_ptr<const TaskQueue> PodControl::queue_of(const std::string& name) const {
  return world_.caches.queues.get(name);
}

PodRef PodControl::pod_of(const Member& member) {
  PodRef pod = pods_.get(member.key);
  if (pod == nullptr || pod->meta.uid != member.uid) return nullptr;
  const auto bound = bound_.find(member.uid);
  if (bound == bound_.end() || !pod->node_name.empty()) return pod;
  k8s::Pod copy = *pod;
  copy.node_name = bound->second;
  return std::make_shared<const k8s::Pod>(std::move(copy));
}

PodControl::Census PodControl::census(const std::string& group) {
  Census out;
  const auto found = groups_.find(group);
  if (found == groups_.end()) return out;
  for (const std::string& key : found->second) {
    const PodRef pod = pods_.get(key);
    if (pod == nullptr || placed_.count(pod->meta.uid) != 0) {
      if (pod != nullptr && !pod->finished()) out.running.push_back(pod);
    } else if (is_waiting(*pod) && bound_.count(pod->meta.uid) == 0) {
      out.waiting.push_back(pod);
    } else if (pod->occupies()) {
      out.running.push_back(pod);
    }
  }
  sort_members(out.waiting);
  return out;
}

// A new leader: Pods that were bound or nominated together before go on as one placed batch.
void PodControl::adopt(const std::string& group) {
  std::vector<PodRef> members;
  for (const std::string& key : groups_[group])
    if (const PodRef pod = pods_.get(key); pod && !pod->finished() && !pod->meta.deleting())
      members.push_back(pod);
  const auto node_of = [](const PodRef& pod) {
    return pod->node_name.empty() ? pod->nominated_node : pod->node_name;
  };
  // A decision that was written down is kept whole. Where one member has none, what is nominated is
  // planned anew, but what is bound goes on being counted for its queue.
  const bool whole = std::none_of(members.begin(), members.end(),
                                  [&](const PodRef& pod) { return node_of(pod).empty(); });
  if (!whole) std::erase_if(members, [](const PodRef& pod) { return pod->node_name.empty(); });
  if (members.empty()) return;
  sort_members(members);
  std::vector<std::string> nodes;
  for (const PodRef& pod : members) nodes.push_back(node_of(pod));
  auto batch = std::make_shared<Batch>();
  const auto queue = queue_of(std::string(members.front()->meta.label(label::kQueue)));
  batch->task = plain_task(members, 0, queue.get());
  batch->id = batch->task.uid;
  batch->group = group;
  for (const PodRef& pod : members) batch->members.push_back({pod->meta.key(), pod->meta.uid});
  batches_[batch->id] = batch;
  world_.engine.apply(sched::TaskUpsert{batch->task});
  world_.engine.apply(sched::Assume{batch->id, batch->attempt, {nodes}});
  place(batch, std::move(nodes));
}

void PodControl::remove_forming(const std::string& group) {
  const auto at = forming_.find(group);
  if (at == forming_.end()) return;
  world_.engine.apply(sched::TaskRemove{at->second});
  batches_.erase(at->second);
  forming_.erase(at);
}

// Makes the engine's picture of a group's waiting Pods that of the caches.
void PodControl::reform(const std::string& group) {
  const Census now = census(group);
  if (now.waiting.empty()) {
    remove_forming(group);
    if (now.running.empty()) failures_.erase(group);
    return;
  }
  const auto queue = queue_of(std::string(now.waiting.front()->meta.label(label::kQueue)));
  sched::Task task =
      plain_task(now.waiting, static_cast<std::int64_t>(now.running.size()), queue.get());
  if (const auto failed = failures_.find(group); failed != failures_.end())
    task.not_before = {failed->second.not_before.ns};
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
  batch->members.clear();
  for (const PodRef& pod : now.waiting) batch->members.push_back({pod->meta.key(), pod->meta.uid});
  world_.engine.apply(sched::TaskUpsert{task});
  batch->task = std::move(task);
}

void PodControl::on_pod(const k8s::Informer<k8s::Pod>::Event& event) {
  const PodRef& pod = event.after != nullptr ? event.after : event.before;
  if (event.after != nullptr && !event.after->node_name.empty()) bound_.erase(pod->meta.uid);
  std::set<std::string> touched;
  // Labels may change, and with them the group.
  if (event.before != nullptr && is_plain(*event.before)) {
    const std::string group = group_key(*event.before);
    touched.insert(group);
    const bool left =
        event.after == nullptr || !is_plain(*event.after) || group_key(*event.after) != group;
    if (left) groups_[group].erase(event.before->meta.key());
    if (groups_[group].empty()) groups_.erase(group);
  }
  if (event.after != nullptr && is_plain(*event.after)) {
    touched.insert(group_key(*event.after));
    groups_[group_key(*event.after)].insert(event.after->meta.key());
  }
  if (event.after == nullptr) bound_.erase(pod->meta.uid);
  if (const auto at = placed_.find(pod->meta.uid); at != placed_.end())
    if (const auto batch = batches_.find(at->second.first); batch != batches_.end())
      check_placed(BatchRef(batch->second));
  for (const std::string& group : touched) reform(group);
}

// Looks at a placed batch after one of its Pods has changed.
void PodControl::check_placed(const BatchRef& batch) {
  bool all_over = true, all_run = true, all_bound = true, lost = false;
  for (const Member& member : batch->members) {
    const PodRef pod = pod_of(member);
    const bool over = pod == nullptr || pod->finished();
    const bool bound = pod != nullptr && !pod->node_name.empty();
    all_over = all_over && over;
    all_bound = all_bound && (bound || over);
    all_run = all_run && pod != nullptr &&
              (pod->phase == k8s::PodPhase::kRunning || pod->phase == k8s::PodPhase::kSucceeded);
    lost = lost || ((pod == nullptr || pod->meta.deleting()) && !bound);
  }
  if (all_over) return give_up(batch, "ended");
  if (lost && !all_bound) return give_up(batch, "a member is gone");
  if (all_run && !batch->confirmed) {
    batch->confirmed = true;
    failures_.erase(batch->group);
    world_.engine.apply(sched::Confirm{batch->id, world_.engine.now()});
  }
  if (!all_bound) queue_.add(batch->id);
}

// Ends a placed batch. Pods of it that are bound stay where they are.
void PodControl::give_up(const BatchRef& batch, const char* why) {
  k8s::log::debug("pods released", {{"group", batch->group}, {"why", why}});
  for (const Member& member : batch->members) placed_.erase(member.uid);
  world_.engine.apply(sched::TaskRemove{batch->id});
  batches_.erase(batch->id);
  // What is bound goes on using its node, now as a Pod of no task.
  for (const Member& member : batch->members)
    if (const PodRef pod = pod_of(member); pod && pod->occupies())
      world_.engine.apply(to_engine(*pod));
  reform(batch->group);
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
  for (const auto& [group, id] : forming_)
    if (batches_.at(id)->task.queue == name) touched.push_back(group);
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
