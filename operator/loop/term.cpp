#include "operator/loop/term.hpp"

#include <map>
#include <set>
#include <utility>

#include "libk8s/base/log.hpp"
#include "operator/translate/objects.hpp"
#include "operator/translate/parts.hpp"
#include "operator/translate/resources.hpp"

namespace fermi {
namespace {

constexpr k8s::Duration kSettlePeriod = std::chrono::seconds(30);

}  // namespace

Term::Term(Context context)
    : context_(std::move(context)),
      guarded_(context_.loop, context_.transport, context_.may_write),
      client_(context_.loop, guarded_),
      writer_(client_, context_.metrics),
      events_(context_.loop, client_,
              {.controller = "fermi-cluster.com/operator",
               .instance = context_.options.identity,
               .may_write = context_.may_write}),
      engine_(context_.loop, context_.metrics,
              {.batch_delay = context_.options.batch_delay,
               .journal = context_.options.journal,
               .accept =
                   [this](const sched::Start& start) {
                     return jobs_.accept(start) || plain_.accept(start);
                   },
               .preempt =
                   [this](const sched::Preemption& preemption) {
                     const sched::Task* task = world_.task(preemption.task);
                     const std::string by = task != nullptr ? task->ns + "/" + task->name : "";
                     for (const sched::Resize& shrink : preemption.shrinks)
                       jobs_.book_resize(shrink, by, preemption.task);
                     preemptions_.begin(preemption, by);
                   },
               .grow =
                   [this](const sched::Resize& resize) {
                     if (jobs_.book_resize(resize, "", "")) jobs_.carry_out_resize(resize.task);
                   },
               .objects = context_.options.objects,
               .planned =
                   [this] {
                     jobs_.on_planned();
                     plain_.on_planned();
                     queues_.on_planned();
                     preemptions_.on_planned();
                   },
               .foreseen =
                   [this] {
                     jobs_.on_foreseen();
                     plain_.on_planned();
                   }}),
      ledger_(context_.loop, writer_, context_.options.ns, context_.caches.ledger),
      positions_(context_.options.position_writes_per_second),
      world_{context_.loop,
             context_.options,
             context_.metrics,
             context_.caches,
             context_.config,
             engine_,
             writer_,
             events_,
             context_.epoch,
             [this](const k8s::Pod& bound) { book(bound); },
             [this](const std::string& uid) { recount(uid); },
             {},
             ledger_,
             costs_,
             positions_},
      pods_(context_.caches.pods),
      jobs_(world_, pods_),
      plain_(world_),
      plain_costs_(world_),
      queues_(world_,
              [this](const std::string& name) {
                jobs_.on_queue(name);
                plain_.on_queue(name);
              }),
      preemptions_(world_, preemption_parts()) {
  world_.task = [this](const std::string& uid) -> const sched::Task* {
    const sched::Task* task = jobs_.task(uid);
    return task != nullptr ? task : plain_.task(uid);
  };
  world_.is_left_out = [this](const std::string& uid) { return preemptions_.is_left_out(uid); };
  world_.objection = [this](const std::string& uid) { return preemptions_.objection(uid); };
  ledger_.tell_runs([this](const FinishedRun& run) { engine_.apply(to_engine(run)); });
  pods_.on_bound([this](const k8s::Pod& bound) { book(bound); });
  rebuild();
}

Preemptions::Parts Term::preemption_parts() {
  Preemptions::Parts parts;
  parts.pods = [this](const std::string& uid) {
    const sched::Task* task = world_.task(uid);
    const auto queue = task == nullptr ? nullptr : context_.caches.queues.get(task->queue);
    if (queue != nullptr && queue->spec.violates_budgets) return Pods{};
    Pods pods = jobs_.pods_of(uid);
    return pods.empty() ? plain_.pods_of(uid) : pods;
  };
  parts.tell = [this](const sched::Preemption& preemption, const std::string& by) {
    if (!preemption.victims.empty()) ++context_.metrics.preemptions;
    jobs_.preempt(preemption, by);
    plain_.preempt(preemption, by);
    for (const sched::Resize& shrink : preemption.shrinks) jobs_.carry_out_resize(shrink.task);
  };
  parts.keep_size = [this](const std::string& uid) { jobs_.forget_resize(uid); };
  parts.object = [this](const std::string& uid, const std::string& why) {
    jobs_.object(uid, why);
    plain_.object(uid, why);
  };
  parts.retell = [this](const std::string& uid) {
    jobs_.retell(uid);
    plain_.retell(uid);
  };
  return parts;
}

Term::~Term() { context_.loop.cancel(settle_timer_); }

void Term::rebuild() {
  writer_.watch_past(context_.past);
  engine_.apply(context_.config.engine);
  tell_nodes();
  queues_.rebuild();
  jobs_.rebuild();
  plain_.rebuild();
  std::map<std::string, std::shared_ptr<const k8s::Pod>> pods;
  context_.caches.pods.for_each([&](const auto& pod) { pods[pod->meta.uid] = pod; });
  for (const auto& [uid, pod] : pods) take_pod(*pod);
  const auto full = [this](const std::string& name) {
    const auto node = world_.node(name);
    const auto used = engine_.engine().used(name);
    return node != nullptr && used && !fits_node(*used, to_engine(node->allocatable));
  };
  jobs_.drop_overbooked(full);
  plain_.drop_overbooked(full);
  queues_.resume();
  keep_marks();
  plain_costs_.rebuild();
  k8s::log::info("took over", {{"epoch", std::to_string(context_.epoch)},
                               {"nodes", std::to_string(context_.caches.nodes.size())},
                               {"pods", std::to_string(pods.size())}});
  engine_.open();
}

// The order of a cache means nothing; the journal and the engine get one that does.
void Term::tell_nodes() {
  told_models_ = context_.config.gpu_models;
  std::map<std::string, std::shared_ptr<const k8s::Node>> nodes;
  context_.caches.nodes.for_each([&](const auto& node) { nodes[node->meta.name] = node; });
  for (const auto& [name, node] : nodes)
    engine_.apply(sched::NodeUpsert{to_engine(*node, context_.config)});
}

// Of what leaders before us folded into the ledger, only those still count that may be asked for.
void Term::keep_marks() {
  std::set<std::string> uids;
  context_.caches.jobs.for_each([&](const std::shared_ptr<const TrainingJob>& job) {
    if (carries_finalizer(*job)) uids.insert(job->meta.uid);
  });
  context_.caches.pods.for_each([&](const std::shared_ptr<const k8s::Pod>& pod) {
    const bool told = pod->finished() && !pod->meta.annotation(annotation::kCost).empty();
    if (is_plain(*pod) && !pod->node_name.empty() && !told) uids.insert(pod->meta.uid);
  });
  ledger_.keep_only(uids);
}

void Term::on_node(const k8s::Informer<k8s::Node>::Event& event) {
  const std::string& name = (event.after ? event.after : event.before)->meta.name;
  if (event.after == nullptr) {
    engine_.apply(sched::NodeRemove{name});
  } else {
    // Heartbeats and the like change nothing that matters here.
    const sched::Node after = to_engine(*event.after, context_.config);
    if (event.before != nullptr && to_engine(*event.before, context_.config) == after) return;
    engine_.apply(sched::NodeUpsert{after});
  }
  jobs_.on_node(name);
}

// A Pod that failed goes on counting while its gang's attempt is not over: the next attempt may
// start on the same nodes, and nobody may slip in between.
bool Term::counts(const k8s::Pod& pod) const {
  if (pod.occupies()) return true;
  if (pod.node_name.empty() || pod.phase != k8s::PodPhase::kFailed) return false;
  const auto rank = job_rank(pod);
  return rank && jobs_.keeps(*rank);
}

void Term::take_pod(const k8s::Pod& pod) {
  if (!counts(pod)) {
    engine_.apply(sched::PodRemove{pod.meta.uid});
    return;
  }
  sched::PodUpsert occupied = to_engine(pod);
  auto rank = job_rank(pod);
  if (!rank) rank = plain_.rank_of(pod);
  if (rank) {
    occupied.task = rank->task;
    occupied.attempt = rank->attempt;
    occupied.rank = rank->rank;
  }
  engine_.apply(std::move(occupied));
}

void Term::on_pod(const k8s::Informer<k8s::Pod>::Event& event) {
  pods_.on_event(event);
  plain_.on_pod(event);
  plain_costs_.on_pod(event);
  const std::string& uid = (event.after ? event.after : event.before)->meta.uid;
  // What the cache brings may be older than the Binding.
  const bool late = event.after != nullptr && booked_.count(uid) != 0 &&
                    event.after->node_name.empty() && !event.after->finished();
  if (!late) {
    booked_.erase(uid);
    if (event.after != nullptr)
      take_pod(*event.after);
    else
      lose_pod(uid, job_rank(*event.before));
  }
  for (const auto& pod : {event.before, event.after})
    if (pod != nullptr && pod->meta.controller() != nullptr)
      jobs_.on_pod(pod->meta.controller()->uid);
}

void Term::book(const k8s::Pod& bound) {
  const auto cached = context_.caches.pods.get(bound.meta.key());
  const bool seen = cached != nullptr && cached->meta.uid == bound.meta.uid &&
                    (!cached->node_name.empty() || cached->finished());
  if (seen) return;
  take_pod(bound);
  booked_[bound.meta.uid] = {bound.meta.key(), job_rank(bound)};
  arm_settle();
}

void Term::arm_settle() {
  if (booked_.empty() || settle_timer_ != k8s::TimerId::kNone) return;
  settle_timer_ = context_.loop.after(kSettlePeriod, [this] {
    settle_timer_ = k8s::TimerId::kNone;
    settle();
  });
}

// A Pod that came and went between two lists is never told as gone: its absence says so.
void Term::settle() {
  std::vector<std::pair<std::string, std::optional<PodRank>>> gone;
  for (const auto& [uid, booked] : booked_) {
    const auto pod = pods_.get(booked.key);
    if (pod == nullptr || pod->meta.uid != uid) gone.emplace_back(uid, booked.rank);
  }
  for (const auto& [uid, rank] : gone) {
    booked_.erase(uid);
    lose_pod(uid, rank);
  }
  arm_settle();
}

void Term::lose_pod(const std::string& uid, const std::optional<PodRank>& rank) {
  engine_.apply(sched::PodRemove{uid});
  if (rank) jobs_.on_rank_gone(*rank);
}

void Term::recount(const std::string& job_uid) {
  for (const auto& pod : pods_.controlled_by(job_uid))
    if (pod->finished()) take_pod(*pod);
}

void Term::on_job(const k8s::Informer<TrainingJob>::Event& event) { jobs_.on_job(event); }

void Term::on_claim(const std::string& key) {
  jobs_.on_claim(key);
  plain_.on_claim(key);
}

void Term::on_namespace(const k8s::Informer<Namespace>::Event& event) {
  const std::string& name = (event.after ? event.after : event.before)->meta.name;
  const bool same = event.before != nullptr && event.after != nullptr &&
                    event.before->meta.labels == event.after->meta.labels;
  if (same) return;
  jobs_.on_namespace(name);
  plain_.on_namespace(name);
}

void Term::on_queue(const k8s::Informer<TaskQueue>::Event& event) { queues_.on_queue(event); }

void Term::on_config() {
  engine_.apply(context_.config.engine);
  if (told_models_ != context_.config.gpu_models) tell_nodes();
  jobs_.on_config();
}

void Term::stop(std::function<void()> drained) {
  engine_.close();
  auto left = std::make_shared<int>(5);
  // Last, so that it has all that the others had to say.
  const auto one = [this, left, drained = std::move(drained)] {
    if (--*left == 0) ledger_.stop(drained);
  };
  jobs_.stop(one);
  plain_.stop(one);
  plain_costs_.stop(one);
  queues_.stop(one);
  preemptions_.stop(one);
}

}  // namespace fermi
