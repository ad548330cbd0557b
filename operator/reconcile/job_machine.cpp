#include "operator/reconcile/job_machine.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "operator/api/duration.hpp"
#include "operator/reconcile/failure.hpp"
#include "operator/reconcile/job_status.hpp"
#include "operator/translate/job_pod.hpp"
#include "operator/translate/objects.hpp"

namespace fermi {
namespace {

using PodRef = std::shared_ptr<const k8s::Pod>;

constexpr std::int64_t kKeepRoomNs = 60 * kNsPerSecond;
constexpr std::int64_t kHourNs = 3600 * kNsPerSecond;
// Ends of ranks are written down together: so long after the first of them.
constexpr std::int64_t kGatherEndsNs = 2 * kNsPerSecond;
constexpr std::int64_t kBetweenEndsNs = 10 * kNsPerSecond;
// A gang that ran for this long was well; its next disruption is a first one again.
constexpr std::int64_t kWellNs = 600 * kNsPerSecond;

bool is_live(const k8s::Pod& pod) { return !pod.finished(); }

// The Pods of the current attempt by rank, and those of other attempts.
struct Gang {
  std::vector<PodRef> ranks;  // null where there is none
  std::vector<bool> done;     // ended with 0: its Pod says so, or the status remembers
  std::vector<PodRef> others;
};

Gang sort_out(const JobFacts& v) {
  Gang gang;
  const auto& placement = v.job->status.placement;
  gang.ranks.resize(placement ? placement->nodes.size() : 0);
  for (const PodRef& pod : v.pods) {
    const auto at = job_rank(*pod);
    const bool current = at && placement && at->attempt == placement->attempt && at->rank >= 0 &&
                         static_cast<std::size_t>(at->rank) < gang.ranks.size();
    if (current)
      gang.ranks[static_cast<std::size_t>(at->rank)] = pod;
    else
      gang.others.push_back(pod);
  }
  gang.done.resize(gang.ranks.size());
  for (std::size_t i = 0; i < gang.ranks.size(); ++i)
    gang.done[i] = gang.ranks[i] != nullptr && gang.ranks[i]->phase == k8s::PodPhase::kSucceeded;
  for (const std::int64_t rank : v.job->status.succeeded)
    if (rank >= 0 && static_cast<std::size_t>(rank) < gang.done.size())
      gang.done[static_cast<std::size_t>(rank)] = true;
  return gang;
}

bool has_completed(const Gang& gang) {
  return std::all_of(gang.done.begin(), gang.done.end(), [](bool done) { return done; });
}

// Those of `pods` that nobody deletes yet, or that nobody is left to stop.
std::vector<Doomed> to_delete(const JobFacts& v, const std::vector<PodRef>& pods,
                              bool finished_too) {
  std::vector<Doomed> out;
  for (const PodRef& pod : pods) {
    if (pod == nullptr || (!finished_too && !is_live(*pod))) continue;
    const bool orphaned =
        !pod->node_name.empty() && v.node_state(pod->node_name) == NodeState::kGone;
    const auto& stopping = v.job->status.stopping;
    const bool evict = !orphaned && stopping && stopping->reason == kPreempted;
    if (!pod->meta.deleting() || orphaned)
      out.push_back({pod->meta.name, pod->meta.uid, orphaned, evict, v.violates_budgets});
  }
  return out;
}

bool any_left(const std::vector<PodRef>& pods, bool finished_too) {
  return std::any_of(pods.begin(), pods.end(), [finished_too](const PodRef& pod) {
    return pod != nullptr && (finished_too || is_live(*pod));
  });
}

// Deletes what is left of `pods`, or waits for it to go; nothing when nothing is left.
std::optional<Step> clear_away(const JobFacts& v, const std::vector<PodRef>& pods,
                               bool finished_too) {
  if (!any_left(pods, finished_too)) return std::nullopt;
  std::vector<Doomed> doomed = to_delete(v, pods, finished_too);
  if (doomed.empty()) return Wait{};
  return DeletePods{std::move(doomed)};
}

// The end of a wait, in whole seconds: a back-off is never cut short by them.
k8s::WallTime after(k8s::WallTime now, std::int64_t wait_ns) {
  return whole_seconds(now + k8s::Duration(wait_ns + kNsPerSecond - 1));
}

// --- ends of an attempt

// To `to`, by way of Stopping when there are Pods to stop first.
Step stop(const JobFacts& v, Draft d, Phase to, std::string_view reason, std::string_view message) {
  const bool finished_too = to == Phase::kPending || to == Phase::kStopped;
  if (any_left(v.pods, finished_too)) {
    begin_stop(d, to, reason, message);
    return d.done();
  }
  if (to == Phase::kStopped)
    suspend(d);
  else if (to == Phase::kPending)
    requeue(d, reason, message);
  else
    fail(d, reason, message);
  return d.done();
}

// Another task needs the room, and the promises allow it. It waits again at its old submit time,
// or, when its turn was over, behind its peers.
Step make_room(const JobFacts& v) {
  Draft d(v);
  TrainingJobStatus& s = d.status;
  s.preempted = *v.preempt;
  ++s.preemptions;
  const std::string times =
      s.preemptions == 1 ? "" : " (preempted " + std::to_string(s.preemptions) + " times by now)";
  set(d, "Preempted", true, kPreempted, "made room for " + v.preempt->by);
  const std::string& reason = v.preempt->reason;
  std::string why, next = "; it keeps its place in line";
  if (reason == kReclaim) why = ", whose queue is guaranteed what it had borrowed";
  if (reason == kRotation) why = ", whose turn it is";
  if (reason == kRotation) next = "; it waits behind those who wait now";
  return stop(v, std::move(d), Phase::kPending, kPreempted,
              "made room for " + v.preempt->by + why + times + next);
}

// Neither a preemption nor a failure: its guarantee, its limits and its place in line stay as they
// are. The Pods of this attempt stop with their grace first, so that they can write a checkpoint.
Step change_size(const JobFacts& v) {
  Draft d(v);
  resize(d, *v.resize);
  return d.done();
}

// It was to make room, and disruption budgets would not have it: people see why it stays. Written
// once for each objection.
std::optional<Step> tell_objection(const JobFacts& v) {
  if (v.objection.empty()) return std::nullopt;
  Draft d(v);
  set(d, "Preempted", false, "DisruptionBudget", v.objection);
  if (d.status == v.job->status) return std::nullopt;
  d.notices.push_back({true, "DisruptionBudget", v.objection});
  return d.done();
}

// It is asked to stop, and one of its Pods may not be evicted.
std::optional<Step> tell_refusal(const JobFacts& v) {
  const auto& stopping = v.job->status.stopping;
  if (!v.eviction_refused || !stopping || stopping->reason != kPreempted) return std::nullopt;
  Draft d(v);
  set(d, "Preempted", true, "EvictionRefused", *v.eviction_refused);
  if (d.status == v.job->status) return std::nullopt;
  d.notices.push_back({true, "EvictionRefused", *v.eviction_refused});
  return d.done();
}

// A start that did not come to run: back into the line, at the old submit time, after a wait.
Step take_back(const JobFacts& v, std::string_view reason, std::string_view message) {
  Draft d(v);
  ++d.status.start_failures;
  const std::int64_t wait = start_backoff_ns(d.status.start_failures);
  d.status.retry_at = after(v.now, wait);
  return stop(v, std::move(d), Phase::kPending, reason, message);
}

// Whether the next attempt fits into the room of this one: every rank's room is still counted, no
// node of it is closed to what is new, and what a rank will ask for is at most what its Pod holds.
bool fits_in_place(const JobFacts& v) {
  if (!v.room_kept) return false;
  for (const std::string& node : v.job->status.placement->nodes)
    if (v.node_state(node) == NodeState::kCordoned) return false;
  if (v.config == nullptr) return true;
  std::map<std::int64_t, k8s::ResourceList> asked;  // by the first rank of a group
  for (const PodRef& pod : v.pods) {
    const auto at = job_rank(*pod);
    if (!at || at->attempt != v.job->status.placement->attempt) continue;
    std::int64_t first = 0;
    for (const JobGroup& group : v.job->spec.groups) {
      if (at->rank < first + group.nodes) break;
      first += group.nodes;
    }
    if (asked.count(first) == 0) asked[first] = effective_requests(*v.job, first, *v.config);
    for (const auto& [resource, amount] : asked[first]) {
      const auto held = pod->requests.find(resource);
      if (amount > 0 && (held == pod->requests.end() || held->second < amount)) return false;
    }
  }
  return true;
}

Step after_exit(const JobFacts& v, const Failure& failure, bool nodes_good) {
  const TrainingJobSpec& spec = v.job->spec;
  Draft d(v);
  d.status.exit_code = failure.exit_code;
  if (!may_retry(spec, failure.exit_code))
    return stop(v, std::move(d), Phase::kFailed, failure.reason,
                failure.message + "; this exit code is not tried again");
  if (d.status.restarts >= spec.retry_limit)
    return stop(v, std::move(d), Phase::kFailed, "RetryLimitReached",
                failure.message + "; it was tried again " + std::to_string(d.status.restarts) +
                    " times, which is the limit");
  ++d.status.restarts;
  const std::int64_t wait = backoff_ns(spec.retry_backoff_ns, d.status.restarts);
  const k8s::WallTime at = after(v.now, wait);
  const std::string message = failure.message + "; retry " + std::to_string(d.status.restarts) +
                              " of " + std::to_string(spec.retry_limit) + " in " +
                              format_duration(wait);
  if (wait <= kKeepRoomNs && nodes_good && fits_in_place(v)) {
    restart_in_place(d, at, "Restarting", message);
    return d.done();
  }
  d.status.retry_at = at;
  return stop(v, std::move(d), Phase::kPending, "Restarting", message);
}

// --- what goes wrong with a gang

struct Trouble {
  std::vector<Failure> failures;
  bool nodes_good = true;
};

void look_at_node(const JobFacts& v, const k8s::Pod& pod, std::int64_t rank, Trouble& out) {
  if (pod.node_name.empty() || pod.phase == k8s::PodPhase::kSucceeded) return;
  const NodeState state = v.node_state(pod.node_name);
  if (state == NodeState::kReady || state == NodeState::kCordoned) return;
  out.nodes_good = false;
  if (state == NodeState::kNotReady) return;  // it may come back: the cluster decides when not
  out.failures.push_back(
      {Cause::kDisruption,
       rank,
       0,
       {},
       "NodeLost",
       "node " + pod.node_name + " of rank " + std::to_string(rank) + " is gone"});
}

Trouble trouble_of(const JobFacts& v, const Gang& gang, bool missing_counts) {
  Trouble out;
  for (std::size_t i = 0; i < gang.ranks.size(); ++i) {
    const auto rank = static_cast<std::int64_t>(i);
    const PodRef& pod = gang.ranks[i];
    if (gang.done[i]) continue;
    if (pod == nullptr) {
      if (missing_counts || v.lost.contains(rank))
        out.failures.push_back({Cause::kDeleted,
                                rank,
                                0,
                                {},
                                "PodDeleted",
                                "the Pod of rank " + std::to_string(rank) + " was deleted"});
      continue;
    }
    look_at_node(v, *pod, rank, out);
    if (pod->phase == k8s::PodPhase::kFailed) {
      out.failures.push_back(why_failed(*pod, rank));
    } else if (pod->meta.deleting() && is_live(*pod)) {
      const k8s::PodCondition* target = pod->condition("DisruptionTarget");
      const bool evicted = target != nullptr && target->status == "True";
      out.failures.push_back({evicted ? Cause::kDisruption : Cause::kDeleted,
                              rank,
                              0,
                              {},
                              evicted ? target->reason : "PodDeleted",
                              "the Pod of rank " + std::to_string(rank) +
                                  (evicted ? " was evicted" : " was deleted")});
    }
  }
  return out;
}

// Nobody of the gang is to blame. It counts against no limit, but a gang that is disrupted again
// and again waits longer and longer.
Step after_disruption(const JobFacts& v, const Failure& failure, bool same_nodes) {
  Draft d(v);
  TrainingJobStatus& s = d.status;
  const bool was_well = s.running_since && v.now.ns - s.running_since->ns >= kWellNs;
  s.disruptions_in_row = was_well ? 1 : s.disruptions_in_row + 1;
  ++s.disruptions;
  const k8s::WallTime at = after(v.now, disruption_backoff_ns(s.disruptions_in_row));
  if (same_nodes) {
    restart_in_place(d, at, failure.reason, failure.message + "; the gang starts anew");
    return d.done();
  }
  s.retry_at = at;
  return stop(v, std::move(d), Phase::kPending, failure.reason, failure.message);
}

Step after_trouble(const JobFacts& v, const Trouble& trouble) {
  Failure failure = *deciding(trouble.failures, v.job->spec);
  // A program that ends while a node of its gang does not answer most likely ends because of that.
  if (failure.cause == Cause::kExit && !trouble.nodes_good) failure.cause = Cause::kDisruption;
  switch (failure.cause) {
    case Cause::kExit:
      return after_exit(v, failure, trouble.nodes_good);
    case Cause::kRejected:
      return take_back(v, "RejectedByNode", failure.message);
    case Cause::kDisruption:
      return after_disruption(v, failure, false);
    case Cause::kDeleted:
      break;
  }
  return after_disruption(v, failure, trouble.nodes_good && fits_in_place(v));
}

// --- the phases

Step pending(const JobFacts& v, Draft d) {
  if (auto step = clear_away(v, v.pods, true)) return *step;
  if (v.job->spec.suspend) {
    suspend(d);
    return d.done();
  }
  if (!v.job->problems.empty()) {
    refuse(d);
    return d.done();
  }
  if (v.decided) {
    decide(d);
    return d.done();
  }
  const bool fresh = v.job->status.phase == Phase::kNone;
  const auto look_again = show_waiting(d);
  return d.done(look_again, !fresh);
}

// The next thing that a gang needs before all of it is bound, or nothing.
std::optional<Step> next_binding(const JobFacts& v, const Gang& gang) {
  const JobPlacement& placement = *v.job->status.placement;
  CreatePods missing;
  BindPods unbound;
  for (std::size_t i = 0; i < gang.ranks.size(); ++i) {
    const PodRef& pod = gang.ranks[i];
    if (gang.done[i]) continue;
    const bool bound = pod != nullptr && !pod->node_name.empty();
    if (const NodeState node = v.node_state(placement.nodes[i]);
        !bound && (node == NodeState::kCordoned || node == NodeState::kGone))
      return take_back(v, "NodeClosed",
                       "node " + placement.nodes[i] +
                           (node == NodeState::kGone ? " is gone" : " was cordoned") +
                           " before rank " + std::to_string(i) + " was bound to it");
    if (pod == nullptr)
      missing.ranks.push_back(static_cast<std::int64_t>(i));
    else if (pod->node_name.empty())
      unbound.binds.push_back({pod->meta.name, pod->meta.uid, placement.nodes[i]});
    else if (pod->node_name != placement.nodes[i])
      return take_back(v, "BoundElsewhere",
                       "rank " + std::to_string(i) + " was bound to node " + pod->node_name +
                           " and not to " + placement.nodes[i] + " by somebody else");
  }
  if (missing.ranks.empty() && unbound.binds.empty()) return std::nullopt;
  if (v.refusal) return take_back(v, "Refused", *v.refusal);
  if (v.start_overdue)
    return take_back(v, "NotBoundInTime", "the gang could not be bound as a whole in time");
  if (needs_service(*v.job) && !v.service_known) return CreateService{};
  if (!missing.ranks.empty()) return missing;
  if (!v.unselected.empty()) return v.unselected.front();
  return unbound;
}

// A gang that is bound but does not come to run (an image that cannot be pulled) holds its room no
// longer than this.
k8s::WallTime start_deadline(const JobFacts& v) {
  const TrainingJobStatus& s = v.job->status;
  const k8s::WallTime from =
      std::max(s.placement->decided_at, s.retry_at.value_or(k8s::WallTime{}));
  return from + k8s::Duration(v.start_deadline_ns);
}

// The first moment at which ends with 0 that the status does not know yet are to be written down,
// and all of them; before it, more may come. Nothing when all are known.
struct Ends {
  std::vector<std::int64_t> ranks;
  k8s::WallTime due;
};
std::optional<Ends> unrecorded(const JobFacts& v, const Gang& gang) {
  const auto& known = v.job->status.succeeded;
  if (static_cast<std::size_t>(std::count(gang.done.begin(), gang.done.end(), true)) ==
      known.size())
    return std::nullopt;
  const std::set<std::int64_t> before(known.begin(), known.end());
  Ends out;
  std::optional<k8s::WallTime> first;
  for (std::size_t i = 0; i < gang.done.size(); ++i) {
    if (!gang.done[i]) continue;
    const auto rank = static_cast<std::int64_t>(i);
    out.ranks.push_back(rank);
    if (before.contains(rank)) continue;
    k8s::WallTime end;  // unknown: long ago
    for (const k8s::ContainerStatus& c : gang.ranks[i]->containers)
      end = std::max(end, c.finished.value_or(k8s::WallTime{}));
    if (!first || end < *first) first = end;
  }
  if (!first) return std::nullopt;
  out.due = *first + k8s::Duration(kGatherEndsNs);
  // A node's clock may be ahead of ours; that is no reason to wait for long. If it is behind, each
  // end seems to be an old one: so no two writes come soon after one another.
  if (*first > v.now) out.due = v.now;
  const auto& last = v.job->status.succeeded_at;
  if (last && *last <= v.now) out.due = std::max(out.due, *last + k8s::Duration(kBetweenEndsNs));
  return out;
}

Step remember(const JobFacts& v, const Ends& ends) {
  Draft d(v);
  d.status.succeeded = ends.ranks;
  d.status.succeeded_at = whole_seconds(v.now);
  return d.done();
}

Step starting(const JobFacts& v) {
  const Gang gang = sort_out(v);
  if (!v.job->status.placement) return stop(v, Draft(v), Phase::kPending, "NoPlacement", "");
  if (v.job->spec.suspend)
    return stop(v, Draft(v), Phase::kStopped, "Suspended", "spec.suspend is true");
  if (v.preempt) return make_room(v);
  if (v.resize) return change_size(v);
  if (auto step = tell_objection(v)) return *step;
  if (auto step = clear_away(v, gang.others, true)) return *step;
  if (v.job->status.retry_at && v.now < *v.job->status.retry_at)
    return Wait{v.job->status.retry_at};
  const Trouble trouble = trouble_of(v, gang, false);
  if (!trouble.failures.empty()) return after_trouble(v, trouble);
  if (auto step = next_binding(v, gang)) return *step;
  bool all_run = true;
  for (std::size_t i = 0; i < gang.ranks.size(); ++i)
    all_run = all_run && (gang.done[i] || gang.ranks[i]->phase == k8s::PodPhase::kRunning);
  if (!all_run) {
    k8s::WallTime until = start_deadline(v);
    if (const auto ends = unrecorded(v, gang)) {
      if (v.now >= ends->due) return remember(v, *ends);
      until = std::min(until, ends->due);
    }
    if (v.now < until) return Wait{until};
    return take_back(v, "NotRunningInTime",
                     "not every rank had started after " + format_duration(v.start_deadline_ns) +
                         ", spec.startDeadline of the queue");
  }
  Draft d(v);
  start_running(d);
  return d.done();
}

// The next time at which a running job has something due by the clock.
std::optional<k8s::WallTime> next_due(const JobFacts& v, std::optional<k8s::WallTime> deadline) {
  const auto& accounted = v.job->status.cost_accounted_at;
  if (!accounted || v.job->status.cost_per_hour_micros == 0) return deadline;
  const k8s::WallTime hour = *accounted + k8s::Duration(kHourNs);
  return deadline ? std::min(*deadline, hour) : hour;
}

Step running(const JobFacts& v) {
  const TrainingJob& job = *v.job;
  if (!job.status.placement) return stop(v, Draft(v), Phase::kPending, "NoPlacement", "");
  const Gang gang = sort_out(v);
  if (has_completed(gang)) {
    if (needs_service(job) && !v.service_gone) return DeleteService{};
    Draft d(v);
    complete(d);
    return d.done();
  }
  if (job.spec.suspend)
    return stop(v, Draft(v), Phase::kStopped, "Suspended", "spec.suspend is true");
  const Trouble trouble = trouble_of(v, gang, true);
  if (!trouble.failures.empty()) return after_trouble(v, trouble);
  if (v.preempt) return make_room(v);
  if (v.resize) return change_size(v);
  if (auto step = tell_objection(v)) return *step;
  std::optional<k8s::WallTime> deadline;
  if (job.spec.active_deadline_ns && job.status.start_time)
    deadline = *job.status.start_time + k8s::Duration(*job.spec.active_deadline_ns);
  if (deadline && v.now >= *deadline)
    return stop(v, Draft(v), Phase::kFailed, "DeadlineExceeded",
                "it ran for longer than spec.activeDeadline, " +
                    format_duration(*job.spec.active_deadline_ns));
  const auto ends = unrecorded(v, gang);
  if (ends && v.now >= ends->due) return remember(v, *ends);
  auto due = next_due(v, deadline);
  if (ends) due = due ? std::min(*due, ends->due) : ends->due;
  if (!due || v.now < *due) return Wait{due};
  Draft d(v);
  account(d, true);
  return d.done();
}

Step stopping(const JobFacts& v) {
  const JobStopping to = v.job->status.stopping.value_or(JobStopping{Phase::kPending, "", ""});
  const bool finished_too = to.to == Phase::kPending || to.to == Phase::kStopped;
  if (auto step = tell_refusal(v)) return *step;
  if (auto step = clear_away(v, v.pods, finished_too)) return *step;
  if (to.to == Phase::kFailed && needs_service(*v.job) && !v.service_gone) return DeleteService{};
  return stop(v, Draft(v), to.to, to.reason, to.message);
}

Step stopped(const JobFacts& v) {
  if (auto step = clear_away(v, v.pods, true)) return *step;
  if (v.job->spec.suspend) return Wait{};
  Draft d(v);
  requeue(d, "Resumed", "it is not suspended any more");
  return d.done();
}

// Nothing is spent any more: into the ledger, then the finalizer goes. Nothing when it is off.
std::optional<Step> settle(const JobFacts& v) {
  if (!carries_finalizer(*v.job)) return std::nullopt;
  if (!v.folded) return FoldJob{};
  SetJobFinalizers step{v.job->meta.finalizers};
  std::erase(step.finalizers, std::string(kTaskFinalizer));
  return step;
}

// Before the first Pod of a task is made, so that nothing is spent without it.
std::optional<Step> protect(const JobFacts& v) {
  if (!v.job->status.placement || carries_finalizer(*v.job)) return std::nullopt;
  SetJobFinalizers step{v.job->meta.finalizers};
  step.finalizers.emplace_back(kTaskFinalizer);
  return step;
}

// Somebody deleted it. What held room stops first, and is counted to the end.
Step deleted(const JobFacts& v) {
  constexpr std::string_view kWhy = "it is being deleted";
  const TrainingJobStatus& s = v.job->status;
  const bool kept = carries_finalizer(*v.job);
  const bool holds = s.phase == Phase::kStarting || s.phase == Phase::kRunning;
  if (kept && s.phase == Phase::kRunning && has_completed(sort_out(v))) {
    Draft d(v);
    complete(d);
    return d.done();
  }
  if (kept && holds && any_left(v.pods, false))
    return stop(v, Draft(v), Phase::kStopped, "Deleted", kWhy);
  if (auto step = clear_away(v, v.pods, false)) return *step;
  if (!kept) return Wait{};
  if (s.cost_accounted_at || (s.placement && !is_terminal(s.phase))) {
    Draft d(v);
    withdraw(d, kWhy);
    return d.done();
  }
  return *settle(v);
}

Step ended(const JobFacts& v) {
  if (auto step = clear_away(v, v.pods, false)) return *step;
  if (auto step = settle(v)) return *step;
  if (!v.job->spec.ttl_after_finished_ns) return Wait{};
  const k8s::WallTime ended_at = v.job->status.completion_time.value_or(v.now);
  const k8s::WallTime due = ended_at + k8s::Duration(*v.job->spec.ttl_after_finished_ns);
  if (v.now < due) return Wait{due};
  return DeleteJob{};
}

}  // namespace

bool carries_finalizer(const TrainingJob& job) {
  const auto& all = job.meta.finalizers;
  return std::find(all.begin(), all.end(), kTaskFinalizer) != all.end();
}

Step next_step(const JobFacts& v) {
  if (v.job->meta.deleting()) return deleted(v);
  switch (v.job->status.phase) {
    case Phase::kNone: {
      Draft d(v);
      first_seen(d);
      return pending(v, std::move(d));
    }
    case Phase::kPending:
      return pending(v, Draft(v));
    case Phase::kStarting:
      if (auto step = protect(v)) return *step;
      return starting(v);
    case Phase::kRunning:
      if (auto step = protect(v)) return *step;
      return running(v);
    case Phase::kStopping:
      return stopping(v);
    case Phase::kStopped:
      return stopped(v);
    case Phase::kCompleted:
    case Phase::kFailed:
      return ended(v);
  }
  return Wait{};
}

}  // namespace fermi
