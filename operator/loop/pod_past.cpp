// What plain Pods are told of those before them: the place in line, and past preemptions.
#include <algorithm>
#include <utility>

#include "libk8s/base/log.hpp"
#include "operator/api/api.hpp"
#include "operator/loop/pod_control.hpp"

namespace fermi {
namespace {

using Verdict = k8s::WorkQueue::Verdict;

// The API server's clock may be behind ours by so much.
constexpr k8s::Duration kSkew = std::chrono::seconds(30);

// Who brings its Pods back: the controller of the oldest.
std::optional<PodMemory::Owner> owner_of(const std::vector<PodRef>& members) {
  const auto oldest =
      std::min_element(members.begin(), members.end(), [](const PodRef& a, const PodRef& b) {
        return std::tie(a->meta.creation_time, a->meta.name) <
               std::tie(b->meta.creation_time, b->meta.name);
      });
  if (oldest == members.end()) return std::nullopt;
  const k8s::OwnerReference* ref = (*oldest)->meta.controller();
  if (ref == nullptr) return std::nullopt;
  return PodMemory::Owner{(*oldest)->meta.ns, *ref};
}

// The key of a gang, "gang.NAME" or "podgroup.NAME"; "" for a Pod by itself.
std::string gang_key(const std::string& group) {
  if (group.starts_with("pod ")) return "";
  return group.substr(0, group.find(' ')) + "." + group.substr(group.find('/') + 1);
}

// Under which key this task's past stands; "" when it has none yet.
std::string key_of(const std::string& group, const std::string& task, const PodPasts& pasts) {
  if (const std::string key = gang_key(group); !key.empty())
    return pasts.count(key) != 0 ? key : "";
  for (const auto& [key, past] : pasts)
    if (key.starts_with("pod.") && (past.heir == task || past.of == task)) return key;
  return "";
}

void apply_past(const PodPast& past, const TaskQueue* queue, sched::Task& task) {
  task.submitted = std::min(task.submitted, sched::Time{past.submitted.ns});
  if (queue != nullptr && takes_turns(*queue) && past.turn_over.ns > 0)
    task.submitted = behind_turn(task.submitted, past.turn_over);
  task.preemptions = past.preemptions;
  task.last_preempted = {past.last_preempted.ns};
}

}  // namespace

// Reads once what is remembered for a group's controller, then looks at the group again.
bool PodControl::knows_past(const std::string& group, const PodMemory::Owner& owner) {
  if (const auto at = group_owner_.find(group);
      at == group_owner_.end() || at->second != owner.ref.uid) {
    forget_owner(group);
    group_owner_[group] = owner.ref.uid;
    ++groups_of_[owner.ref.uid];
  }
  if (memory_.of(owner.ref.uid) != nullptr) return true;
  if (!recalling_.insert(group).second) return false;
  memory_.learn(owner, [this, group] {
    recalling_.erase(group);
    reform(group);
    recall_all(group);
  });
  return false;
}

void PodControl::recall_all(const std::string& group) {
  std::set<std::string> ids;
  for (const PodRef& pod : census(group).running) ids.insert(placed_.at(pod->meta.uid).first);
  for (const std::string& id : ids)
    if (const auto batch = batches_.find(id); batch != batches_.end())
      recall_placed(*BatchRef(batch->second));
}

// The oldest past of a Pod that is gone, which no living Pod has taken over.
std::string PodControl::inheritance(const k8s::Pod& pod, const PodPasts& pasts) const {
  std::string oldest;
  for (const auto& [key, past] : pasts) {
    const bool has_heir = !past.heir.empty() && batches_.count(past.heir) != 0;
    const bool older = pod.meta.creation_time + kSkew < past.last_preempted;
    if (!key.starts_with("pod.") || has_heir || older || batches_.count(past.of) != 0) continue;
    if (oldest.empty() || past.submitted < pasts.at(oldest).submitted) oldest = key;
  }
  return oldest;
}

// Of waiting Pods: until it is known they wait.
void PodControl::recall(const std::string& group, const std::vector<PodRef>& members,
                        sched::Task& task) {
  const auto owner = owner_of(members);
  if (!owner) return;
  if (!knows_past(group, *owner)) {
    if (task.held) return;
    task.held = true;
    task.held_why = "what is remembered of the Pods before it is being read";
    return;
  }
  const k8s::Pod& pod = *members.front();
  const PodPasts& pasts = *memory_.of(owner->ref.uid);
  const bool gang = !gang_key(group).empty();
  std::string key = key_of(group, task.uid, pasts);
  if (key.empty() && !gang) key = inheritance(pod, pasts);
  if (key.empty()) return;
  apply_past(pasts.at(key), queue_of(task.queue).get(), task);
  if (gang || pasts.at(key).heir == task.uid) return;
  memory_.change(
      *owner, [&](PodPasts& all) { all[key].heir = task.uid; }, [](const k8s::Status&) {});
}

// Of Pods that have their place: the next leader learns late what protects them.
void PodControl::recall_placed(Batch& batch) {
  const Pods members = pods_of(batch.id);
  const auto owner = owner_of(members);
  if (!owner || !knows_past(batch.group, *owner)) return;
  const PodPasts& pasts = *memory_.of(owner->ref.uid);
  const std::string key = key_of(batch.group, batch.id, pasts);
  if (key.empty()) return;
  apply_past(pasts.at(key), queue_of(batch.task.queue).get(), batch.task);
  world_.engine.apply(sched::TaskUpsert{batch.task});
  protect(batch, queue_of(batch.task.queue).get());
}

// Written after they are told and before they are evicted; counted once, however often it is asked.
void PodControl::remember(const BatchRef& batch, Finish finish) {
  const Pods members = pods_of(batch->id);
  const auto owner = owner_of(members);
  if (!owner) {
    batch->remembered = true;
    return finish(Verdict::again_after(k8s::Duration(0)));
  }
  if (!knows_past(batch->group, *owner)) return finish(Verdict::retry());
  const PodPasts& pasts = *memory_.of(owner->ref.uid);
  std::string key = key_of(batch->group, batch->id, pasts);
  if (key.empty()) key = gang_key(batch->group);
  if (key.empty()) key = "pod." + batch->id;
  const auto count = [&](PodPasts& all) {
    PodPast& past = all[key];
    if (past.of == batch->id) return;
    const k8s::WallTime own = whole_seconds({batch->task.submitted.ns});
    past.submitted = past.preemptions > 0 ? std::min(past.submitted, own) : own;
    past.last_preempted = whole_seconds(world_.loop.wall_now());
    past.turn_over = ends_a_turn(batch->evicted_for) ? past.last_preempted : k8s::WallTime{};
    ++past.preemptions;
    past.of = batch->id;
    past.heir.clear();
  };
  memory_.change(*owner, count, [batch, finish = std::move(finish)](const k8s::Status& end) {
    // What the server refuses for good is no reason to keep the room from others.
    const bool refused = end.next() == k8s::Next::kFixInput;
    if (refused) k8s::log::warn("a past is not kept", {{"why", end.message()}});
    batch->remembered = batch->remembered || end.is_ok() || refused;
    finish(batch->remembered ? Verdict::again_after(k8s::Duration(0)) : Verdict::retry());
  });
}

// It came to a good end by itself: who comes next under this name is another.
void PodControl::forget_past(const Batch& batch) {
  const Pods members = pods_of(batch.id);
  const auto owner = owner_of(members);
  const PodPasts* pasts = owner ? memory_.of(owner->ref.uid) : nullptr;
  const bool good = std::all_of(members.begin(), members.end(), [](const PodRef& pod) {
    return pod->phase == k8s::PodPhase::kSucceeded;
  });
  if (pasts == nullptr || !good || !batch.evicted_for.empty()) return;
  const std::string key = key_of(batch.group, batch.id, *pasts);
  if (key.empty()) return;
  memory_.change(
      *owner, [&](PodPasts& all) { all.erase(key); }, [](const k8s::Status&) {});
}

// No Pod of the group is left; what is remembered of it stays in the API server.
void PodControl::forget_owner(const std::string& group) {
  const auto found = group_owner_.find(group);
  if (found == group_owner_.end()) return;
  const std::string owner = found->second;
  group_owner_.erase(found);
  recalling_.erase(group);
  const auto count = groups_of_.find(owner);
  if (count == groups_of_.end() || --count->second > 0) return;
  groups_of_.erase(count);
  memory_.forget(owner);
}

}  // namespace fermi
