// What is written about plain Pods: why they wait, holds, Bindings.
#include <nlohmann/json.hpp>
#include <utility>

#include "libk8s/base/log.hpp"
#include "libk8s/codec/rfc3339.hpp"
#include "libk8s/request/request.hpp"
#include "operator/api/duration.hpp"
#include "operator/commit/selected_node.hpp"
#include "operator/loop/pod_control.hpp"
#include "operator/reconcile/failure.hpp"
#include "operator/translate/placement.hpp"
#include "operator/translate/resources.hpp"
#include "operator/translate/waiting.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;
using Verdict = k8s::WorkQueue::Verdict;

constexpr std::size_t kAtOnce = 16;
constexpr k8s::Duration kSayAgain = std::chrono::seconds(10);

std::string namespace_of(const std::string& key) { return key.substr(0, key.find('/')); }
std::string name_of(const std::string& key) { return key.substr(key.find('/') + 1); }

// The stable word before the sentence: it alone decides whether something new
// is to be said.
std::string word_of(const std::string& why) { return why.substr(0, why.find(':')); }

Json unschedulable(const std::string& why, k8s::WallTime now) {
  return {{"conditions", Json::array({{{"type", "PodScheduled"},
                                       {"status", "False"},
                                       {"reason", "Unschedulable"},
                                       {"message", why.substr(0, 1024)},
                                       {"lastTransitionTime", k8s::format_time(now)}}})}};
}

}  // namespace

// Says it once: a Pod that has any word about itself in this condition is left
// alone, whoever wrote it. So nobody is fought, and no Pod costs more than one
// write.
void PodControl::work_stray(const std::string& key, Finish finish) {
  const PodRef pod = pods_.get(key);
  const bool stray = pod != nullptr && is_stray(*pod);
  const k8s::PodCondition* said = stray ? pod->condition("PodScheduled") : nullptr;
  const bool told = said != nullptr && said->status == "False" && said->reason != "SchedulingGated";
  if (!stray || told) {
    stray_slots_.erase(key);
    return finish(Verdict::done());
  }
  const k8s::TimePoint now = world_.loop.now();
  k8s::TimePoint& slot = stray_slots_.try_emplace(key, k8s::TimePoint{}).first->second;
  if (slot == k8s::TimePoint{}) slot = world_.positions.take(now);
  if (now < slot) return finish(Verdict::again_after(slot - now));
  stray_slots_.erase(key);
  ++world_.metrics.position_writes;
  const std::string why = "NoQueue: the label " + std::string(label::kQueue) +
                          " is missing; the name of a TaskQueue is needed";
  patch_status({key, pod->meta.uid}, unschedulable(why, world_.loop.wall_now()), true,
               [finish = std::move(finish)](const k8s::Status& end) {
                 finish(end.next() == k8s::Next::kRetry ? Verdict::retry() : Verdict::done());
               });
}

void PodControl::work(const std::string& id, Finish finish) {
  if (id.starts_with(kStray)) return work_stray(id.substr(kStray.size()), std::move(finish));
  const auto found = batches_.find(id);
  if (found == batches_.end()) return finish(Verdict::done());
  const BatchRef batch = found->second;
  if (batch->nodes.empty())
    work_forming(batch, std::move(finish));
  else
    work_placed(batch, std::move(finish));
}

void PodControl::work_forming(const BatchRef& batch, Finish finish) {
  const sched::Engine& engine = world_.engine.engine();
  if (engine.state(batch->id) != sched::TaskState::kWaiting) return finish(Verdict::done());
  const sched::Time at = world_.engine.now();
  sched::Reason reason = world_.engine.explain(batch->id);
  if (batch->task.queue.empty() && batch->task.held) {
    reason = {};
    reason.code = sched::ReasonCode::kHeld;
    reason.detail = batch->task.held_why;
  }
  if (reason.code == sched::ReasonCode::kNone) return finish(Verdict::done());
  const Foreseen foreseen = world_.engine.foreseen(batch->id);
  const bool stopped = reason.code == sched::ReasonCode::kStopped;
  if (foreseen.start && !stopped) reason.predicted = *foreseen.start;
  keep_times(batch->shown, at, reason);
  batch->shown = reason;
  batch->outlook = outlook_of(reason, foreseen.not_before, foreseen.never, at, batch->outlook);
  const std::string objection = world_.objection(batch->id);
  const Obstacle spec = reason.code == sched::ReasonCode::kQueueClosed
                            ? invalid_queue(world_.caches.queues.get(batch->task.queue).get())
                            : Obstacle{};
  const std::string why = (spec.sentence.empty() ? coded_why(reason, batch->outlook, at)
                                                 : spec.reason + ": " + spec.sentence) +
                          (batch->pinned.empty() ? "" : "; " + batch->pinned) +
                          (objection.empty() ? "" : "; " + objection);
  if (why == batch->said) return finish(Verdict::done());
  const k8s::TimePoint now = world_.loop.now();
  const bool news = word_of(why) != word_of(batch->said);
  if (!news && now < batch->said_at + kSayAgain)
    return finish(Verdict::again_after(batch->said_at + kSayAgain - now));
  if (!batch->slot) batch->slot = world_.positions.take(now);
  if (now < *batch->slot) return finish(Verdict::again_after(*batch->slot - now));
  batch->slot.reset();
  say_why(batch, why, std::move(finish));
}

void PodControl::say_why(const BatchRef& batch, const std::string& why, Finish finish) {
  // Those that say it already (a leader before us wrote it) are left alone.
  std::vector<Member> silent;
  for (const Member& member : batch->members) {
    const PodRef pod = pod_of(member);
    const k8s::PodCondition* said = pod == nullptr ? nullptr : pod->condition("PodScheduled");
    if (pod != nullptr && (said == nullptr || said->message != why)) silent.push_back(member);
  }
  batch->said = why;
  batch->said_at = world_.loop.now();
  const Json status = unschedulable(why, world_.loop.wall_now());
  auto failed = std::make_shared<bool>(false);
  in_batches(
      silent.size(), kAtOnce,
      [this, silent, status, failed](std::size_t i, std::function<void(bool)> next) {
        ++world_.metrics.position_writes;
        patch_status(silent[i], status, true, [failed, next](const k8s::Status& end) {
          *failed = *failed || end.next() == k8s::Next::kRetry;
          next(true);
        });
      },
      [batch, failed, finish = std::move(finish)] {
        if (*failed) batch->said.clear();
        finish(*failed ? Verdict::retry() : Verdict::done());
      });
}

void PodControl::patch_status(const Member& member, Json status, bool strategic,
                              std::function<void(k8s::Status)> done) {
  const auto type = strategic ? k8s::PatchType::kStrategicMerge : k8s::PatchType::kMerge;
  const Json patch = {{"metadata", {{"uid", member.uid}}}, {"status", std::move(status)}};
  ++world_.metrics.status_writes;
  const PodRef known = pod_of(member);
  world_.writer.send_change(k8s::request::patch(k8s::resources::pods(), namespace_of(member.key),
                                                name_of(member.key), "status", type, patch),
                            known == nullptr ? "" : known->meta.resource_version,
                            [this, done = std::move(done)](k8s::Result<Json> answer) {
                              if (answer)
                                if (auto pod = k8s::Codec<k8s::Pod>::from_json(*answer))
                                  pods_.observe(std::make_shared<const k8s::Pod>(std::move(*pod)));
                              done(answer.status());
                            });
}

void PodControl::work_placed(const BatchRef& batch, Finish finish) {
  if (!batch->evicted_for.empty()) return work_evicted(batch, std::move(finish));
  if (!batch->objection.empty()) return work_objection(batch, std::move(finish));
  std::vector<std::size_t> unheld, unbound;
  bool lost = false;
  std::string cordoned;
  bool begun = false;  // some of it was bound before
  for (std::size_t i = 0; i < batch->members.size(); ++i) {
    const PodRef pod = pod_of(batch->members[i]);
    lost = lost || pod == nullptr || pod->meta.deleting();
    if (pod == nullptr || pod->finished() || !pod->node_name.empty()) continue;
    unbound.push_back(i);
    const auto node = world_.node(batch->nodes[i]);
    if (node == nullptr) batch->refusal = "node " + batch->nodes[i] + " is gone";
    if (node != nullptr && node->unschedulable) cordoned = batch->nodes[i];
    // A leader that took over sees only the members that have not ended.
    const std::string size = stated_size(*pod, native_of(*pod).get());
    const bool whole = size.empty() || size == std::to_string(batch->members.size());
    begun = begun || !whole;
    if (pod->nominated_node != batch->nodes[i]) unheld.push_back(i);
  }
  // Once some are bound, the rest belongs to them, cordon or not: taken back, they would wait for
  // members that may have ended by then.
  begun = begun || unbound.size() < batch->members.size();
  if (!cordoned.empty() && !begun) batch->refusal = "node " + cordoned + " was cordoned";
  if (unbound.empty()) {
    check_placed(batch);
    return await_start(batch, std::move(finish));
  }
  if (lost) {
    give_up(batch, "a member is gone");
    return finish(Verdict::done());
  }
  const bool overdue = world_.loop.now() - batch->placed_at >= world_.options.bind_deadline;
  if (batch->refusal || overdue) return take_back(batch, std::move(finish));
  // One Pod alone needs no hold: there is nothing that could be half done.
  if (!unheld.empty() && batch->members.size() > 1)
    return nominate(batch, std::move(unheld), std::move(finish));
  if (const auto claim = unselected(*batch))
    return select_node(batch, claim->first, claim->second, std::move(finish));
  bind(batch, std::move(unbound), std::move(finish));
}

// All of it is bound. What does not come to run holds its room no longer than the queue says, if
// its Pods come again; a new leader begins to count anew.
void PodControl::await_start(const BatchRef& batch, Finish finish) {
  if (batch->confirmed || !is_current(batch)) return finish(Verdict::done());
  for (const Member& member : batch->members) {
    const PodRef pod = pod_of(member);
    const bool comes_again = pod != nullptr && pod->meta.controller() != nullptr;
    if (!comes_again || pod->meta.deleting()) return finish(Verdict::done());
  }
  const auto queue = queue_of(batch->task.queue);
  const k8s::Duration longest{queue != nullptr ? queue->spec.start_deadline_ns
                                               : kDefaultStartDeadlineNs};
  const k8s::Duration waited = world_.loop.now() - batch->placed_at;
  if (waited < longest) return finish(Verdict::again_after(longest - waited));
  batch->refusal = "not every Pod had started after " + format_duration(longest.count()) +
                   ", spec.startDeadline of the queue";
  take_back(batch, std::move(finish));
}

void PodControl::nominate(const BatchRef& batch, std::vector<std::size_t> ranks, Finish finish) {
  auto retry = std::make_shared<bool>(false);
  in_batches(
      ranks.size(), kAtOnce,
      [this, batch, ranks, retry](std::size_t i, std::function<void(bool)> next) {
        if (!is_current(batch)) {
          *retry = true;
          return next(false);
        }
        const std::size_t rank = ranks[i];
        patch_status(batch->members[rank], {{"nominatedNodeName", batch->nodes[rank]}}, false,
                     [batch, retry, next](const k8s::Status& end) {
                       if (end.next() == k8s::Next::kFixInput) batch->refusal = end.message();
                       *retry = *retry || !end.is_ok();
                       next(true);
                     });
      },
      [retry, finish = std::move(finish)] {
        finish(*retry ? Verdict::retry() : Verdict::again_after(k8s::Duration(0)));
      });
}

// A claim without a volume that has not been told where its first Pod goes, and that node.
std::optional<std::pair<std::string, std::string>> PodControl::unselected(const Batch& batch) {
  if (world_.options.local_mode) return std::nullopt;
  for (std::size_t i = 0; i < batch.members.size(); ++i) {
    const PodRef pod = pod_of(batch.members[i]);
    if (pod == nullptr || !pod->node_name.empty()) continue;
    for (const std::string& name : pod->claims) {
      const std::string key = pod->meta.ns + "/" + name;
      const auto claim = world_.caches.claims.get(key);
      const bool open = claim != nullptr && claim->volume.empty() &&
                        claim->meta.annotation(annotation::kSelectedNode) != batch.nodes[i];
      if (open && batch.selected.count(key) == 0) return std::pair(key, batch.nodes[i]);
    }
  }
  return std::nullopt;
}

void PodControl::select_node(const BatchRef& batch, const std::string& claim,
                             const std::string& node, Finish finish) {
  world_.writer.send(selected_node(namespace_of(claim), name_of(claim), node),
                     [batch, claim, node, finish = std::move(finish)](k8s::Result<Json> answer) {
                       if (answer) {
                         batch->selected[claim] = node;
                       } else if (answer.status().next() == k8s::Next::kFixInput) {
                         batch->refusal = "claim " + name_of(claim) +
                                          " was refused: " + answer.status().message();
                       } else {
                         return finish(Verdict::retry());
                       }
                       finish(Verdict::again_after(k8s::Duration(0)));
                     });
}

void PodControl::bind(const BatchRef& batch, std::vector<std::size_t> ranks, Finish finish) {
  auto retry = std::make_shared<bool>(false);
  in_batches(
      ranks.size(), kAtOnce,
      [this, batch, ranks, retry](std::size_t i, std::function<void(bool)> next) {
        bind_one(batch, ranks[i], retry, std::move(next));
      },
      [retry, finish = std::move(finish)] {
        finish(*retry ? Verdict::retry() : Verdict::again_after(k8s::Duration(0)));
      });
}

void PodControl::bind_one(const BatchRef& batch, std::size_t rank, std::shared_ptr<bool> retry,
                          std::function<void(bool)> next) {
  // Given up, or smaller, meanwhile: its places are not what they were.
  if (!is_current(batch)) {
    *retry = true;
    return next(false);
  }
  const Member member = batch->members[rank];
  const std::string ns = namespace_of(member.key), name = name_of(member.key);
  const std::string node = batch->nodes[rank];
  Json annotations = {{annotation::kEpoch, std::to_string(world_.epoch)}};
  const PodRef asked = pod_of(member);
  if (const auto at = world_.node(node); at != nullptr && asked != nullptr) {
    const std::int64_t micros =
        hourly_micros(pod_to_engine(asked->requests), priced_at(*at, world_.config), world_.config);
    if (micros > 0) annotations[annotation::kCostPerHour] = format_micros(micros);
  }
  const Json body = {{"apiVersion", "v1"},
                     {"kind", "Binding"},
                     {"metadata",
                      {{"name", name},
                       {"namespace", ns},
                       {"uid", member.uid},
                       {"annotations", std::move(annotations)}}},
                     {"target", {{"apiVersion", "v1"}, {"kind", "Node"}, {"name", node}}}};
  world_.writer.send(k8s::request::post(k8s::resources::pods(), ns, name, "binding", body),
                     [this, batch, member, ns, name, node, retry,
                      next = std::move(next)](k8s::Result<Json> answer) {
                       const k8s::Status status = answer.status();
                       if (status.is_ok()) {
                         ++world_.metrics.binds;
                         bound_[member.uid] = node;
                         if (const PodRef pod = pod_of(member)) world_.book(*pod);
                         if (placed_.count(member.uid) == 0) reform(batch->group);
                         return next(true);
                       }
                       *retry = true;
                       if (status.next() == k8s::Next::kFixInput) batch->refusal = status.message();
                       if (status.next() != k8s::Next::kReread) return next(false);
                       // Bound by somebody else, gone, or an answer that was lost: the Pod
                       // itself tells.
                       world_.writer.send(
                           k8s::request::get(k8s::resources::pods(), ns, name),
                           [this, next](k8s::Result<Json> read) {
                             if (read)
                               if (auto pod = k8s::Codec<k8s::Pod>::from_json(*read))
                                 pods_.observe(std::make_shared<const k8s::Pod>(std::move(*pod)));
                             next(true);
                           });
                     });
}

// The batch cannot be bound whole. What is bound and has a controller is
// deleted, so that it comes again; a Pod without one is never deleted by us.
// The rest loses its hold and waits again.
void PodControl::take_back(const BatchRef& batch, Finish finish) {
  ++world_.metrics.taken_back;
  Failures& failed = failures_[batch->group];
  failed.not_before = world_.loop.wall_now() + k8s::Duration(start_backoff_ns(++failed.count));
  const std::string why = batch->refusal.value_or("it could not be bound as a whole in time");
  k8s::log::warn("pods taken back", {{"group", batch->group}, {"why", why}});
  std::vector<PodRef> members;
  for (const Member& member : batch->members)
    if (const PodRef pod = pod_of(member)) members.push_back(pod);
  const auto undo = [this](const PodRef& pod, std::function<void(bool)> next) {
    const auto then = [next](const k8s::Status&) { next(true); };
    if (pod->node_name.empty())
      return patch_status({pod->meta.key(), pod->meta.uid}, {{"nominatedNodeName", nullptr}}, false,
                          then);
    if (pod->meta.controller() == nullptr) return next(true);
    k8s::DeleteOptions options;
    options.uid = pod->meta.uid;
    world_.writer.send(
        k8s::request::remove(k8s::resources::pods(), pod->meta.ns, pod->meta.name, options),
        [then](k8s::Result<Json> answer) { then(answer.status()); });
  };
  in_batches(
      members.size(), kAtOnce,
      [members, undo](std::size_t i, std::function<void(bool)> next) {
        undo(members[i], std::move(next));
      },
      [this, batch, why, finish = std::move(finish)] {
        if (is_current(batch)) give_up(batch, why);
        finish(Verdict::done());
      });
}

}  // namespace fermi
