// The cluster's side of JobControl: one step at a time for each job.
#include "operator/loop/job_control.hpp"

#include <utility>

#include "libk8s/base/log.hpp"
#include "operator/loop/job_record.hpp"
#include "operator/translate/job_pod.hpp"
#include "operator/translate/objects.hpp"
#include "operator/translate/parts.hpp"
#include "operator/translate/placement.hpp"
#include "operator/translate/waiting.hpp"
#include "scheduler/preempt/guarantee.hpp"

namespace fermi {
namespace {

constexpr std::size_t kShownHead = 20;
constexpr std::size_t kSweepAtOnce = 200;
constexpr k8s::Duration kRefreshPeriod = std::chrono::milliseconds(250);
constexpr k8s::Duration kCostPeriod = std::chrono::seconds(10);

k8s::WorkQueue::Options queue_options() {
  k8s::WorkQueue::Options out;
  out.workers = 64;
  out.retry.first = std::chrono::milliseconds(20);
  out.retry.cap = std::chrono::seconds(30);
  out.retry.per_second = 0;
  return out;
}

using Verdict = k8s::WorkQueue::Verdict;

Verdict verdict_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDone:
      return Verdict::again_after(k8s::Duration(0));
    case Outcome::kRetry:
      return Verdict::retry();
    case Outcome::kGone:
      break;
  }
  return Verdict::done();
}

}  // namespace

JobControl::JobControl(World& world, PodBook& pods)
    : world_(world),
      pods_(pods),
      jobs_(world.caches.jobs),
      committer_(world.writer, jobs_, pods),
      queue_(world.loop, queue_options(),
             [this](const std::string& key, k8s::WorkQueue::Finish finish) {
               work(key, std::move(finish));
             }) {}

JobControl::~JobControl() { world_.loop.cancel(refresh_timer_); }

void JobControl::rebuild() {
  std::map<std::string, std::shared_ptr<const TrainingJob>> in_order;
  world_.caches.jobs.for_each(
      [&](const std::shared_ptr<const TrainingJob>& job) { in_order[job->meta.uid] = job; });
  for (const auto& [uid, job] : in_order) learn(*job, true);
}

JobControl::RecordRef JobControl::record_of(const TrainingJob& job) {
  RecordRef& r = records_[job.meta.uid];
  if (r == nullptr) {
    r = std::make_shared<Record>();
    r->key = job.meta.key();
    r->uid = job.meta.uid;
    uids_[r->key] = r->uid;
  }
  return r;
}

void JobControl::learn(const TrainingJob& job, bool rebuilding) {
  const RecordRef r = record_of(job);
  sync(*r, job, rebuilding);
  // A new job is written about after the next plan, which often decides it: one write less.
  const bool planned_soon = job.status.phase == Phase::kNone && job.problems.empty();
  if (planned_soon)
    fresh_.insert(r->key);
  else
    queue_.add(r->key);
  tell_dependents(r->key);
}

// The job is gone, and with it its reservations; but a Binding of one of its Pods may be on its
// way, or done and not yet seen. Such a Pod is counted where it was to go, until the cache shows
// its end.
void JobControl::book_unseen(const Record& r) {
  if (!r.told) return;
  for (const auto& pod : pods_.controlled_by(r.uid)) {
    const auto at = job_rank(*pod);
    const bool current = at && at->attempt == r.told->first && at->rank >= 0 &&
                         static_cast<std::size_t>(at->rank) < r.told->second.nodes.size();
    if (!current || pod->finished() || !pod->node_name.empty()) continue;
    k8s::Pod bound = *pod;
    bound.node_name = r.told->second.nodes[static_cast<std::size_t>(at->rank)];
    world_.book(bound);
  }
}

void JobControl::drop(const std::string& uid) {
  const auto found = records_.find(uid);
  if (found == records_.end()) return;
  Record& r = *found->second;
  book_unseen(r);
  index_nodes(r, {});
  for (auto* index : {&after_, &claims_})
    for (const std::string& key : index == &after_ ? r.waits_for : r.claims)
      if (const auto of = index->find(key); of != index->end() && of->second.erase(uid) != 0)
        if (of->second.empty()) index->erase(of);
  tell_dependents(r.key);
  world_.engine.apply(sched::TaskRemove{uid, world_.engine.now()});
  world_.ledger.forget(uid);
  world_.costs.erase(uid);
  fresh_.erase(r.key);
  const auto at = uids_.find(r.key);
  if (at != uids_.end() && at->second == uid) uids_.erase(at);
  records_.erase(found);
  world_.recount(uid);
}

void JobControl::on_job(const k8s::Informer<TrainingJob>::Event& event) {
  if (event.after == nullptr) return drop(event.before->meta.uid);
  const auto newest = jobs_.get(event.after->meta.key());
  learn(newest != nullptr ? *newest : *event.after, false);
}

void JobControl::on_rank_gone(const PodRank& rank) {
  const auto found = records_.find(rank.task);
  if (found == records_.end()) return;
  Record& r = *found->second;
  if (r.lost_of != rank.attempt) r.lost.clear();
  r.lost_of = rank.attempt;
  r.lost.insert(rank.rank);
  queue_.add(r.key);
}
void JobControl::on_pod(const std::string& owner_uid) {
  const auto found = records_.find(owner_uid);
  if (found != records_.end()) queue_.add(found->second->key);
}

void JobControl::on_node(const std::string& name) {
  const auto found = on_node_.find(name);
  if (found == on_node_.end()) return;
  for (const std::string& uid : found->second)
    if (const auto r = records_.find(uid); r != records_.end()) queue_.add(r->second->key);
}

void JobControl::on_claim(const std::string& key) {
  const auto found = claims_.find(key);
  if (found == claims_.end()) return;
  for (const std::string& uid : found->second)
    if (const auto r = records_.find(uid); r != records_.end()) queue_.add(r->second->key);
}

void JobControl::on_queue(const std::string& name) {
  for (const auto& [uid, r] : records_) {
    const auto job = jobs_.get(r->key);
    if (job == nullptr || job->meta.uid != uid || queue_name(*job) != name) continue;
    sync(*r, *job, false);
    if (!is_terminal(job->status.phase) && fresh_.count(r->key) == 0) queue_.add(r->key);
  }
}

void JobControl::on_namespace(const std::string& name) {
  for (const auto& [uid, r] : records_) {
    const auto job = jobs_.get(r->key);
    if (job == nullptr || job->meta.uid != uid || job->meta.ns != name) continue;
    sync(*r, *job, false);
    if (!is_terminal(job->status.phase) && fresh_.count(r->key) == 0) queue_.add(r->key);
  }
}

void JobControl::on_config() {
  for (const auto& [uid, r] : records_) {
    const auto job = jobs_.get(r->key);
    if (job != nullptr && job->meta.uid == uid) sync(*r, *job, false);
  }
}

void JobControl::on_planned() {
  for (const std::string& key : fresh_) queue_.add(key);
  fresh_.clear();
  sweep_left_ = records_.size();
  arm_refresh();
}

void JobControl::on_foreseen() { arm_refresh(); }

void JobControl::arm_refresh() {
  if (refresh_timer_ != k8s::TimerId::kNone) return;
  refresh_timer_ = world_.loop.after(kRefreshPeriod, [this] { refresh(); });
}

// Brings those whose place in line is shown, and a part of all others, to the work queue: it
// writes only where something is to be said.
void JobControl::refresh() {
  refresh_timer_ = k8s::TimerId::kNone;
  std::set<std::string> heads;
  world_.caches.queues.for_each([&](const std::shared_ptr<const TaskQueue>& queue) {
    for (const std::string& uid : world_.engine.engine().head(queue->meta.name, kShownHead))
      if (const auto r = records_.find(uid); r != records_.end()) heads.insert(r->second->key);
  });
  for (const std::string& key : heads_) queue_.add(key);
  for (const std::string& key : heads) queue_.add(key);
  heads_ = std::move(heads);
  for (std::size_t i = 0; i < kSweepAtOnce && sweep_left_ > 0; ++i, --sweep_left_) {
    auto next = records_.upper_bound(sweep_after_);
    if (next == records_.end()) next = records_.begin();
    if (next == records_.end()) break;
    sweep_after_ = next->first;
    const bool waits = next->second->sent && !next->second->told && !next->second->ended;
    if (waits) queue_.add(next->second->key);
  }
  if (sweep_left_ > 0) refresh_timer_ = world_.loop.after(kRefreshPeriod, [this] { refresh(); });
}

void JobControl::stop(std::function<void()> drained) {
  world_.loop.cancel(refresh_timer_);
  queue_.stop();
  queue_.on_drained(std::move(drained));
}

void JobControl::work(const std::string& key, k8s::WorkQueue::Finish finish) {
  const auto job = jobs_.get(key);
  if (job == nullptr) return finish(Verdict::done());
  const auto known = uids_.find(key);
  if (known != uids_.end() && known->second != job->meta.uid) drop(std::string(known->second));
  const RecordRef r = record_of(*job);
  sync(*r, *job, false);
  if (!carries_finalizer(*job)) world_.ledger.forget(r->uid);
  Step step = next_step(facts_of(*r, *job));
  carry_out(r, job, std::move(step), std::move(finish));
}

JobFacts JobControl::facts_of(Record& r, const TrainingJob& job) {
  JobFacts facts;
  facts.job = &job;
  facts.pods = pods_.controlled_by(r.uid);
  facts.queue_tier = r.tier;
  facts.decided = r.decided;
  facts.after_met = r.after.met;
  facts.preempt = r.preempt;
  if (r.may_go) facts.resize = r.resize;
  facts.objection = r.objection;
  facts.eviction_refused = r.memory->eviction_refused;
  facts.guarantee_ns = guarantee_of(r);
  facts.regions = r.resize ? r.resize_regions : r.decided_regions;
  facts.folded = world_.ledger.folded(r.uid);
  facts.service_known =
      job.status.placement && r.memory->service_attempt == job.status.placement->attempt;
  facts.service_gone = r.memory->service_gone;
  facts.refusal = r.memory->refusal;
  facts.config = &world_.config;
  facts.currency = world_.config.currency;
  facts.epoch = world_.epoch;
  facts.now = world_.loop.wall_now();
  facts.node_state = [this](const std::string& name) {
    const auto node = world_.node(name);
    if (node == nullptr) return NodeState::kGone;
    if (!node->ready) return NodeState::kNotReady;
    return node->unschedulable || node->meta.deleting() ? NodeState::kCordoned : NodeState::kReady;
  };
  const Phase phase = job.status.phase;
  if (!r.decided && (phase == Phase::kNone || phase == Phase::kPending))
    facts.waiting = waiting_of(r, job);
  if (phase == Phase::kStarting) facts.start_overdue = is_overdue(r, facts);
  if (const auto queue = queue_of(job)) {
    facts.start_deadline_ns = queue->spec.start_deadline_ns;
    if (queue->spec.violates_budgets) facts.violates_budgets = queue->meta.name;
  }
  if (phase == Phase::kStarting) facts.unselected = unselected(r, job);
  facts.room_kept = is_room_kept(facts);
  if (job.status.placement && r.lost_of == job.status.placement->attempt) facts.lost = r.lost;
  return facts;
}

std::optional<std::int64_t> JobControl::guarantee_of(const Record& r) const {
  if (!r.sent || r.tier != tier_name(sched::Tier::kMedium)) return std::nullopt;
  const auto queue = world_.caches.queues.get(r.sent->queue);
  const std::int64_t floor = queue != nullptr ? to_engine(*queue, world_.config).floor_ns : 0;
  return sched::guarantee_ns(r.sent->expected_duration_ns, r.sent->preemptions, floor);
}

// A rank whose Pod is gone, or has ended with 0, has given its room away; somebody may have it.
bool JobControl::is_room_kept(const JobFacts& facts) {
  const auto& placement = facts.job->status.placement;
  if (!placement) return false;
  std::size_t kept = 0;
  for (const auto& pod : facts.pods) {
    const auto at = job_rank(*pod);
    if (!at || at->attempt != placement->attempt || pod->node_name.empty()) continue;
    if (pod->phase != k8s::PodPhase::kSucceeded) ++kept;
  }
  return kept == placement->nodes.size();
}

// The clock of an attempt starts when nothing stands in its way any more: the back-off is over and
// the Pods of the attempt before are gone.
bool JobControl::is_overdue(Record& r, const JobFacts& facts) {
  const TrainingJobStatus& s = facts.job->status;
  bool blocked = s.retry_at && facts.now < *s.retry_at;
  for (const auto& pod : facts.pods) {
    const auto at = job_rank(*pod);
    blocked = blocked || !at || at->attempt != s.attempt;
  }
  if (blocked || r.starting_attempt != s.attempt) {
    r.starting_attempt = s.attempt;
    r.starting_since = world_.loop.now();
  }
  // A back-off is not looked at all the time: it may have ended long after the last look.
  if (s.retry_at && facts.now - *s.retry_at < world_.options.bind_deadline) return false;
  return world_.loop.now() - r.starting_since >= world_.options.bind_deadline;
}

std::int64_t JobControl::waiting_cost(Record& r, const TrainingJob& job,
                                      const Foreseen& foreseen) const {
  const k8s::TimePoint now = world_.loop.now();
  const bool known = r.waiting_cost && r.cost_as_of == foreseen.as_of;
  if (known && now < r.waiting_cost->second) return r.waiting_cost->first;
  const auto node = [this](const std::string& name) { return world_.node(name); };
  JobPlacement there;
  there.nodes = foreseen.placement.nodes;
  const std::int64_t cost =
      there.nodes.empty() ? least_hourly_micros(job, world_.engine.engine().kinds_of_nodes(r.uid),
                                                world_.config, node)
                          : gang_hourly_micros(job, there, world_.config, node);
  r.waiting_cost = {cost, now + kCostPeriod};
  r.cost_as_of = foreseen.as_of;
  return cost;
}

// What has to change before room matters; of several, what its spec asks for and nobody has.
Obstacle JobControl::obstacle_of(const Record& r, const TrainingJob& job) const {
  if (std::string part = part_problem(job, world_.config); !part.empty())
    return {"NoGpuSharing", std::move(part)};
  if (Obstacle queue = queue_problem(job, queue_of(job).get()); !queue.sentence.empty())
    return {std::move(queue.reason), std::move(queue.sentence)};
  if (std::string level = level_problem(job, world_.config); !level.empty())
    return {"UnknownTopologyLevel", std::move(level)};
  if (!r.outsider.empty()) return {"NamespaceNotSelected", r.outsider};
  if (std::string hold = hold_problem(job.meta); !hold.empty())
    return {"InvalidAnnotation", std::move(hold)};
  if (r.after.hopeless) return {r.after.reason, r.after.why};
  if (!r.pins.problem.empty()) return {"Volumes", "spec.volumes: " + r.pins.problem};
  return {};
}

std::optional<Waiting> JobControl::waiting_of(Record& r, const TrainingJob& job) {
  const sched::Engine& engine = world_.engine.engine();
  if (engine.state(r.uid) != sched::TaskState::kWaiting) return std::nullopt;
  const sched::Time now = world_.engine.now();
  sched::Reason reason = world_.engine.explain(r.uid);
  const Foreseen foreseen = world_.engine.foreseen(r.uid);
  const bool stopped = reason.code == sched::ReasonCode::kStopped;
  if (foreseen.start && !stopped) reason.predicted = *foreseen.start;
  // A new leader begins with what the one before said.
  const auto& said = job.status.estimated_start;
  if (r.shown.predicted.ns == 0 && said) r.shown.predicted = {said->ns};
  keep_times(r.shown, now, reason);
  r.shown = reason;
  r.outlook = outlook_of(reason, foreseen.not_before, foreseen.never, now, r.outlook);
  Waiting out;
  out.position = engine.position(r.uid);
  out.ahead = engine.tasks_ahead(r.uid);
  out.hopeless = is_hopeless(reason);
  out.hourly_micros = waiting_cost(r, job, foreseen);
  if (reason.code != sched::ReasonCode::kNone) {
    out.reason = sched::name(reason.code);
    out.message = why_waits(reason, r.outlook, now);
    if (reason.predicted.ns > 0) out.estimated_start = whole_seconds({reason.predicted.ns});
  }
  if (reason.code == sched::ReasonCode::kQueueClosed) {
    if (Obstacle spec = invalid_queue(queue_of(job).get()); !spec.sentence.empty()) {
      out.reason = std::move(spec.reason);
      out.message = std::move(spec.sentence);
    }
  }
  if (const std::string objection = world_.objection(r.uid); !objection.empty())
    out.message += (out.message.empty() ? "" : "; ") + objection;
  if (!r.pins.where.empty() && !out.message.empty()) out.message += "; " + r.pins.where;
  if (Obstacle obstacle = obstacle_of(r, job); !obstacle.sentence.empty()) {
    out.hopeless = true;
    out.in_queue = obstacle.reason != kQueueDeleting;
    if (!out.in_queue) out.position = out.ahead = 0;
    out.reason = std::move(obstacle.reason);
    out.message = std::move(obstacle.sentence);
  }
  return out;
}

void JobControl::carry_out(RecordRef r, std::shared_ptr<const TrainingJob> job, Step step,
                           k8s::WorkQueue::Finish finish) {
  const JobCommitter::Context context{job, r->memory, &world_.config, world_.epoch};
  const auto done = [finish](Outcome outcome) { finish(verdict_of(outcome)); };
  if (auto* wait = std::get_if<Wait>(&step)) {
    if (!wait->until) return finish(Verdict::done());
    const k8s::Duration delay = *wait->until - world_.loop.wall_now();
    // A timer far away is set anew from time to time: wall clocks are adjusted.
    return finish(Verdict::again_after(std::min<k8s::Duration>(delay, std::chrono::hours(1))));
  }
  if (auto* status = std::get_if<WriteStatus>(&step))
    write(std::move(r), std::move(job), std::move(*status), std::move(finish));
  else if (std::holds_alternative<CreateService>(step))
    committer_.create_service(context, done);
  else if (std::holds_alternative<DeleteService>(step))
    committer_.delete_service(context, done);
  else if (auto* create = std::get_if<CreatePods>(&step))
    committer_.create_pods(context, create->ranks, done);
  else if (auto* select = std::get_if<SelectNode>(&step))
    committer_.select_node(context, *select, done);
  else if (auto* bind = std::get_if<BindPods>(&step))
    committer_.bind_pods(context, bind->binds, done);
  else if (auto* doomed = std::get_if<DeletePods>(&step))
    committer_.delete_pods(context, doomed->pods, done);
  else if (auto* finalizers = std::get_if<SetJobFinalizers>(&step))
    committer_.set_finalizers(context, finalizers->finalizers, done);
  else if (std::holds_alternative<FoldJob>(step))
    fold(*r, *job, finish);
  else
    committer_.delete_job(context, done);
}

// It comes back once the ledger stands in the API server.
void JobControl::fold(const Record& r, const TrainingJob& job, k8s::WorkQueue::Finish finish) {
  world_.costs.erase(r.uid);
  const auto queue = world_.caches.queues.get(job.status.charged_queue);
  const k8s::WallTime now = world_.loop.wall_now();
  world_.ledger.fold(finished_task(job, queue.get(), now),
                     [this, key = r.key] { queue_.add(key); });
  finish(Verdict::done());
}

void JobControl::write(RecordRef r, std::shared_ptr<const TrainingJob> job, WriteStatus step,
                       k8s::WorkQueue::Finish finish) {
  if (step.position_only) {
    const k8s::TimePoint now = world_.loop.now();
    if (!r->position_slot) r->position_slot = world_.positions.take(now);
    if (now < *r->position_slot) return finish(Verdict::again_after(*r->position_slot - now));
    ++world_.metrics.position_writes;
  }
  r->position_slot.reset();
  const JobCommitter::Context context{job, r->memory, &world_.config, world_.epoch};
  const TrainingJobStatus status = step.status;
  const auto& placed = job->status.placement;
  if (placed && status.placement && placed->attempt != status.placement->attempt)
    book_restart(*r, *job, status);
  committer_.write_status(
      context, status,
      [this, r, job, step = std::move(step), finish = std::move(finish)](Outcome outcome) {
        r->restarting = false;
        if (const auto newest = jobs_.get(r->key);
            newest != nullptr && newest->meta.uid == r->uid && records_.count(r->uid) != 0) {
          if (outcome == Outcome::kDone && newest->status == step.status) written(*r, *job, step);
          sync(*r, *newest, false);
        }
        finish(verdict_of(outcome));
      });
}

void JobControl::written(Record& r, const TrainingJob& before, const WriteStatus& step) {
  const Phase from = before.status.phase, to = step.status.phase;
  if (to != Phase::kStarting) r.memory->refusal.reset();
  if (to != Phase::kStopping) r.memory->eviction_refused.reset();
  if (to != from) r.objection.clear();
  tell_people(before, step.notices);
  if (from == to) return;
  k8s::log::info("training job", {{"job", r.key},
                                  {"from", std::string(name(from))},
                                  {"to", std::string(name(to))},
                                  {"reason", step.status.reason}});
  Metrics& m = world_.metrics;
  if (to == Phase::kRunning) {
    ++m.tasks_started;
    const k8s::WallTime submitted = step.status.submit_time.value_or(before.meta.creation_time);
    m.wait_duration.observe((world_.loop.wall_now() - submitted).count() / 1000);
  }
  if (to == Phase::kCompleted) ++m.tasks_completed;
  if (to == Phase::kFailed) ++m.tasks_failed;
  if (step.status.attempt != before.status.attempt) ++m.gang_restarts;
  if (step.status.start_failures > before.status.start_failures) {
    ++m.taken_back;
    if (step.status.reason == "Refused") ++m.refused;
  }
}

void JobControl::tell_people(const TrainingJob& job, const std::vector<Notice>& notices) {
  for (const Notice& notice : notices) {
    k8s::EventNote note;
    note.regarding = {std::string(kApiVersion), "TrainingJob", job.meta.ns, job.meta.name,
                      job.meta.uid};
    note.warning = notice.warning;
    note.reason = notice.reason;
    note.action = "Schedule";
    note.note = notice.message;
    world_.events.record(note);
  }
}

}  // namespace fermi
