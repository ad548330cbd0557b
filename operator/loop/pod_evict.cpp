// Plain Pods that have to make room for a task above them.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "libk8s/codec/rfc3339.hpp"
#include "operator/commit/eviction.hpp"
#include "operator/loop/pod_control.hpp"
#include "scheduler/preempt/guarantee.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;
using Verdict = k8s::WorkQueue::Verdict;

constexpr std::size_t kAtOnce = 16;
constexpr const char* kCondition = "fermi-cluster.com/Preempted";

std::string namespace_of(const std::string& key) { return key.substr(0, key.find('/')); }
std::string name_of(const std::string& key) { return key.substr(key.find('/') + 1); }

bool is_told(const k8s::Pod& pod) {
  const k8s::PodCondition* said = pod.condition(kCondition);
  return said != nullptr && said->status == "True";
}

constexpr const char* kWhoseTurn = ", whose turn it is";

// "makes room for work/high, task UID": for people, and for the next leader. In a rotation others
// than peers may have to stop, by their tier.
std::string message_of(const std::string& by, const sched::Preemption& preemption, bool peer) {
  std::string why;
  if (preemption.kind == sched::PreemptionKind::kReclaim)
    why = ", whose queue is guaranteed what was borrowed";
  if (preemption.kind == sched::PreemptionKind::kRotation && peer) why = kWhoseTurn;
  return "makes room for " + by + why + ", task " + preemption.task;
}

std::string task_in(const std::string& message) {
  const std::size_t at = message.rfind(' ');
  return at == std::string::npos ? message : message.substr(at + 1);
}

}  // namespace

bool PodControl::ends_a_turn(const std::string& message) {
  return message.find(kWhoseTurn) != std::string::npos;
}

void PodControl::preempt(const sched::Preemption& preemption, const std::string& by) {
  const sched::Task* const above = world_.task(preemption.task);
  for (const std::string& victim : preemption.victims) {
    const auto found = batches_.find(victim);
    if (found == batches_.end() || found->second->nodes.empty()) continue;
    const bool peer = above != nullptr && above->queue == found->second->task.queue;
    found->second->evicted_for = message_of(by, preemption, peer);
    queue_.add(victim);
  }
}

Pods PodControl::pods_of(const std::string& id) {
  Pods out;
  const auto found = batches_.find(id);
  if (found == batches_.end() || found->second->nodes.empty()) return out;
  for (const Member& member : found->second->members)
    if (PodRef pod = pod_of(member)) out.push_back(std::move(pod));
  return out;
}

void PodControl::object(const std::string& id, const std::string& why) {
  const auto found = batches_.find(id);
  if (found == batches_.end() || found->second->nodes.empty()) return;
  found->second->objection = why;
  queue_.add(id);
}

void PodControl::retell(const std::string& id) {
  const auto found = batches_.find(id);
  if (found == batches_.end() || found->second->nodes.empty()) return;
  Batch& batch = *found->second;
  const Pods pods = pods_of(id);
  const bool lonely = std::any_of(pods.begin(), pods.end(), [](const PodRef& pod) {
    return pod->meta.controller() == nullptr;
  });
  batch.task.unevictable = lonely || world_.is_left_out(id);
  world_.engine.apply(sched::TaskUpsert{batch.task});
}

// A leader before us had begun to ask this batch to stop: the room is on its way, and nobody else
// is to be asked for it.
void PodControl::resume_eviction(const BatchRef& batch) {
  for (const Member& member : batch->members) {
    const PodRef pod = pod_of(member);
    if (pod == nullptr || !is_told(*pod)) continue;
    batch->evicted_for = pod->condition(kCondition)->message;
    world_.engine.apply(sched::Evict{batch->id, task_in(batch->evicted_for), world_.engine.now()});
    return;
  }
}

// How long a Medium one is safe, from when the whole gang runs.
void PodControl::protect(Batch& batch, const TaskQueue* queue) {
  if (batch.task.tier != sched::Tier::kMedium || !batch.confirmed) return;
  const std::int64_t floor = queue != nullptr ? queue->spec.floor_ns : kDefaultFloorNs;
  const std::int64_t guarantee =
      sched::guarantee_ns(batch.task.expected_duration_ns, batch.task.preemptions, floor);
  batch.task.guarantee_until = sched::later(*batch.confirmed, guarantee);
  world_.engine.apply(sched::TaskUpsert{batch.task});
}

// First every member is told for whom, then it is remembered for those that come instead, then they
// are asked to stop: a leader that takes over in between goes on with all of them.
void PodControl::work_evicted(const BatchRef& batch, Finish finish) {
  std::vector<Member> untold, bound, unbound;
  for (const Member& member : batch->members) {
    const PodRef pod = pod_of(member);
    if (pod == nullptr || pod->finished()) continue;
    if (pod->node_name.empty()) {
      if (!pod->nominated_node.empty()) unbound.push_back(member);
      continue;
    }
    if (!is_told(*pod)) untold.push_back(member);
    if (!pod->meta.deleting()) bound.push_back(member);
  }
  if (!untold.empty())
    return tell_evicted(std::move(untold), {true, "Preempted", batch->evicted_for},
                        std::move(finish));
  if (!batch->remembered) return remember(batch, std::move(finish));
  if (!unbound.empty()) return lose_holds(std::move(unbound), std::move(finish));
  if (!bound.empty()) return evict(batch, std::move(bound), std::move(finish));
  const bool any_bound =
      std::any_of(batch->members.begin(), batch->members.end(), [this](const Member& member) {
        const PodRef pod = pod_of(member);
        return pod != nullptr && pod->occupies();
      });
  // Nothing of it holds a node: it waits again at once.
  if (!any_bound && is_current(batch)) give_up(batch, "preempted");
  finish(Verdict::done());
}

// Told once to each that is not told so already.
void PodControl::work_objection(const BatchRef& batch, Finish finish) {
  std::vector<Member> untold;
  for (const Member& member : batch->members) {
    const PodRef pod = pod_of(member);
    if (pod == nullptr || !pod->occupies()) continue;
    const k8s::PodCondition* said = pod->condition(kCondition);
    if (said == nullptr || said->message != batch->objection) untold.push_back(member);
  }
  const std::string why = std::exchange(batch->objection, "");
  if (untold.empty()) return finish(Verdict::again_after(k8s::Duration(0)));
  tell_evicted(std::move(untold), {false, "DisruptionBudget", why}, std::move(finish));
}

void PodControl::tell_evicted(std::vector<Member> members, Told told, Finish finish) {
  const Json status = {
      {"conditions",
       Json::array({{{"type", kCondition},
                     {"status", told.goes ? "True" : "False"},
                     {"reason", told.reason},
                     {"message", told.message},
                     {"lastTransitionTime", k8s::format_time(world_.loop.wall_now())}}})}};
  auto retry = std::make_shared<bool>(false);
  in_batches(
      members.size(), kAtOnce,
      [this, members, told, status, retry](std::size_t i, std::function<void(bool)> next) {
        const Member member = members[i];
        patch_status(member, status, true, [this, told, member, retry, next](k8s::Status end) {
          if (end.is_ok()) tell_people(member, told.reason.c_str(), told.message);
          *retry = *retry || !end.is_ok();
          next(true);
        });
      },
      [retry, finish = std::move(finish)] {
        finish(*retry ? Verdict::retry() : Verdict::again_after(k8s::Duration(0)));
      });
}

void PodControl::tell_people(const Member& member, const char* reason, const std::string& message) {
  k8s::EventNote note;
  note.regarding = {"v1", "Pod", namespace_of(member.key), name_of(member.key), member.uid};
  note.warning = true;
  note.reason = reason;
  note.action = "Preempt";
  note.note = message;
  world_.events.record(note);
}

void PodControl::lose_holds(std::vector<Member> members, Finish finish) {
  auto retry = std::make_shared<bool>(false);
  in_batches(
      members.size(), kAtOnce,
      [this, members, retry](std::size_t i, std::function<void(bool)> next) {
        patch_status(members[i], {{"nominatedNodeName", nullptr}}, false,
                     [retry, next](k8s::Status end) {
                       *retry = *retry || !end.is_ok();
                       next(true);
                     });
      },
      [retry, finish = std::move(finish)] {
        finish(*retry ? Verdict::retry() : Verdict::again_after(k8s::Duration(0)));
      });
}

void PodControl::evict(const BatchRef& batch, std::vector<Member> members, Finish finish) {
  const auto queue = queue_of(batch->task.queue);
  const std::string violates =
      queue != nullptr && queue->spec.violates_budgets ? queue->meta.name : "";
  auto retry = std::make_shared<bool>(false);
  in_batches(
      members.size(), kAtOnce,
      [this, batch, members, violates, retry](std::size_t i, std::function<void(bool)> next) {
        evict_one(batch, members[i], violates, [retry, next](bool again) {
          *retry = *retry || again;
          next(true);
        });
      },
      // Their ends come with the watch.
      [retry, finish = std::move(finish)] {
        finish(*retry ? Verdict::retry() : Verdict::again_after(std::chrono::seconds(5)));
      });
}

void PodControl::evict_one(const BatchRef& batch, const Member& member, const std::string& violates,
                           std::function<void(bool retry)> done) {
  const auto is_gone = [](const k8s::Status& end) {
    return end.code() == k8s::Code::kNotFound || end.code() == k8s::Code::kConflict;
  };
  const std::string ns = namespace_of(member.key), name = name_of(member.key);
  world_.writer.send(
      eviction(ns, name, member.uid), [this, batch, member, violates, is_gone, ns, name,
                                       done = std::move(done)](k8s::Result<Json> answer) {
        const k8s::Status end = answer.status();
        if (answer) ++world_.metrics.pods_deleted;
        if (answer || is_gone(end)) return done(false);
        if (end.code() == k8s::Code::kTooManyRequests && !violates.empty()) {
          k8s::DeleteOptions options;
          options.uid = member.uid;
          return world_.writer.send(k8s::request::remove(k8s::resources::pods(), ns, name, options),
                                    [this, violates, is_gone, done](k8s::Result<Json> deleted) {
                                      if (deleted) ++world_.metrics.pods_deleted;
                                      if (deleted) ++world_.metrics.budget_violations[violates];
                                      done(!deleted && !is_gone(deleted.status()));
                                    });
        }
        if (!batch->refusal_told) {
          batch->refusal_told = true;
          tell_people(member, "EvictionRefused",
                      "it is asked to stop and cannot be evicted: " + end.message());
        }
        done(true);
      });
}

}  // namespace fermi
