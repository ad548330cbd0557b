#include "operator/operator.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "libk8s/base/log.hpp"
#include "libk8s/codec/json.hpp"
#include "libk8s/leader/elector.hpp"
#include "libk8s/transport/client.hpp"
#include "libk8s/types/codec.hpp"
#include "operator/api/config_map.hpp"
#include "operator/api/volumes.hpp"
#include "operator/ledger/shard.hpp"
#include "operator/loop/term.hpp"
#include "operator/report/counting_transport.hpp"
#include "operator/report/metrics.hpp"

namespace fermi {
namespace {

// How long a write that nobody waits for any more may be on its way.
constexpr k8s::Duration kArrive = std::chrono::seconds(1);

}  // namespace

// What a leader watches. Made when it is elected, gone when it has lost.
struct WatchedCaches {
  WatchedCaches(k8s::Loop& loop, k8s::http::Transport& transport, const Options& options,
                std::function<void(const std::string&)> on_pod_group)
      : nodes(loop, transport),
        pods(loop, transport),
        queues(loop, transport),
        jobs(loop, transport),
        namespaces(loop, transport),
        claims(loop, transport),
        volumes(loop, transport),
        config_maps(loop, transport,
                    {.ns = options.ns, .field_selector = "metadata.name=" + options.config_map}),
        ledger(loop, transport, {.ns = options.ns, .label_selector = kLedgerLabel}),
        pod_groups(loop, transport, std::move(on_pod_group)) {}

  void start() {
    nodes.start();
    pods.start();
    queues.start();
    jobs.start();
    namespaces.start();
    claims.start();
    volumes.start();
    config_maps.start();
    ledger.start();
  }
  bool synced() const {
    return nodes.synced() && pods.synced() && queues.synced() && jobs.synced() &&
           namespaces.synced() && claims.synced() && volumes.synced() && config_maps.synced() &&
           ledger.synced() && pod_groups.settled();
  }

  k8s::Informer<k8s::Node> nodes;
  k8s::Informer<k8s::Pod> pods;
  k8s::Informer<TaskQueue> queues;
  k8s::Informer<TrainingJob> jobs;
  k8s::Informer<Namespace> namespaces;
  k8s::Informer<VolumeClaim> claims;
  k8s::Informer<Volume> volumes;
  k8s::Informer<ConfigMap> config_maps;
  k8s::Informer<LedgerShard> ledger;
  PodGroups pod_groups;
};

struct Operator::Impl {
  Impl(k8s::Loop& l, k8s::http::Transport& t, Options o);
  ~Impl() { *alive = false; }

  void start();
  void stop(std::function<void()> done);
  void on_elected();
  void watch_caches();
  void maybe_take_over();
  void on_lost();
  void lose_past();
  std::string newest(const std::string& plural) const;
  void configure(const std::string& text);
  void end(std::function<void()> done);
  bool may_write() const;
  bool ready() const;
  void take_gauges();
  void end_term();

  k8s::Loop& loop;
  Options options;
  Metrics metrics;
  CountingTransport transport;
  k8s::Client client;  // of the election; a term has one of its own, behind a gate
  Configuration config;
  sched::Engine idle;  // what a standby answers questions with
  std::optional<k8s::Elector> elector;
  bool elected = false;
  bool past_lost = false;  // until the next term begins
  bool stopping = false;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
  std::unique_ptr<WatchedCaches> caches;
  std::unique_ptr<Term> term;  // last: it uses all of the above
};

Operator::Impl::Impl(k8s::Loop& l, k8s::http::Transport& t, Options o)
    : loop(l), options(std::move(o)), transport(t, metrics), client(loop, transport) {}

// The lists begin now, so that they hold everything that the leader before has written: a cache
// that was filled earlier may lag behind it, and its successor would give the same room away again.
void Operator::Impl::on_elected() {
  elected = true;
  past_lost = false;
  configure(options.config_text);
  caches =
      std::make_unique<WatchedCaches>(loop, transport, options, [this](const std::string& key) {
        if (term) term->on_pod_group(key);
      });
  watch_caches();
  caches->start();
  caches->pod_groups.start([this] { maybe_take_over(); });
}

void Operator::Impl::watch_caches() {
  caches->nodes.on_event([this](const auto& event) {
    if (term) term->on_node(event);
  });
  caches->pods.on_event([this](const auto& event) {
    if (term) term->on_pod(event);
  });
  caches->queues.on_event([this](const auto& event) {
    if (term) term->on_queue(event);
  });
  caches->jobs.on_event([this](const auto& event) {
    if (term) term->on_job(event);
  });
  caches->namespaces.on_event([this](const auto& event) {
    if (term) term->on_namespace(event);
  });
  caches->claims.on_event([this](const auto& event) {
    if (term) term->on_claim((event.after ? event.after : event.before)->meta.key());
  });
  caches->volumes.on_event([this](const auto& event) {
    for (const auto& volume : {event.before, event.after})
      if (term && volume) term->on_claim(volume->claim);
  });
  caches->config_maps.on_event([this](const auto& event) {
    const bool ours = (event.after ? event.after : event.before)->meta.name == options.config_map;
    if (ours) configure(event.after ? event.after->text : options.config_text);
  });
  const auto lost = [this] { lose_past(); };
  caches->nodes.on_went_back(lost);
  caches->pods.on_went_back(lost);
  caches->queues.on_went_back(lost);
  caches->jobs.on_went_back(lost);
  caches->namespaces.on_went_back(lost);
  caches->claims.on_went_back(lost);
  caches->volumes.on_went_back(lost);
  caches->config_maps.on_went_back(lost);
  caches->ledger.on_went_back(lost);
  caches->nodes.on_synced([this] { maybe_take_over(); });
  caches->pods.on_synced([this] { maybe_take_over(); });
  caches->queues.on_synced([this] { maybe_take_over(); });
  caches->jobs.on_synced([this] { maybe_take_over(); });
  caches->namespaces.on_synced([this] { maybe_take_over(); });
  caches->claims.on_synced([this] { maybe_take_over(); });
  caches->volumes.on_synced([this] { maybe_take_over(); });
  caches->config_maps.on_synced([this] { maybe_take_over(); });
  caches->ledger.on_synced([this] { maybe_take_over(); });
}

void Operator::Impl::configure(const std::string& text) {
  config = parse_configuration(text);
  config.gpu_sharing = options.local_mode;
  for (const std::string& problem : config.problems)
    k8s::log::warn("configuration", {{"problem", problem}});
  if (term) term->on_config();
}

void Operator::Impl::start() {
  if (!options.leader_elect) return on_elected();
  k8s::ElectionConfig election;
  election.ns = options.ns;
  election.name = options.lease_name;
  election.identity = options.identity;
  election.lease_duration = options.lease_duration;
  election.renew_deadline = options.renew_deadline;
  election.retry_period = options.retry_period;
  k8s::Elector::Callbacks callbacks;
  callbacks.on_elected = [this] { on_elected(); };
  callbacks.on_lost = [this] { on_lost(); };
  elector.emplace(loop, client, election, std::move(callbacks));
  elector->start();
}

bool Operator::Impl::may_write() const {
  return !past_lost && (elector ? elector->may_write() : elected);
}

std::string Operator::Impl::newest(const std::string& plural) const {
  if (plural == "pods") return caches->pods.resource_version();
  if (plural == "trainingjobs") return caches->jobs.resource_version();
  if (plural == "taskqueues") return caches->queues.resource_version();
  if (plural == "configmaps") return caches->ledger.resource_version();
  return "";
}

// The store of the API server was restored from a copy. What was read, written and decided since
// that copy is not there any more: the term begins anew, from what is. Writes that are on their way
// arrive first.
void Operator::Impl::lose_past() {
  if (past_lost || !elected || stopping) return;
  past_lost = true;
  k8s::log::warn("the API server went back to an older state: all is read anew");
  loop.post([this, alive = alive] {
    if (!*alive || !past_lost) return;
    end_term();
    loop.after(kArrive, [this, alive] {
      if (!*alive || !past_lost) return;
      past_lost = false;
      if (!stopping && (!elector || elector->leading())) on_elected();
    });
  });
}

// Becomes leader in deed: holds the lease, and knows the world.
void Operator::Impl::maybe_take_over() {
  if (!elected || stopping || term || !caches->synced()) return;
  ++metrics.leaderships;
  term = std::make_unique<Term>(Term::Context{
      loop, transport, options, metrics,
      Caches{caches->nodes, caches->pods, caches->queues, caches->jobs, caches->namespaces,
             caches->claims, caches->volumes, caches->ledger, caches->pod_groups},
      config, elector ? elector->epoch() : 1, [this] { return may_write(); },
      Writer::Past{[this](const std::string& plural) { return newest(plural); },
                   [this] { lose_past(); }}});
}

void Operator::Impl::on_lost() {
  k8s::log::warn("lost the lease", {{"identity", options.identity}});
  end_term();
}

// What a queue has is for the next leader to tell: told by both, it would count twice.
void Operator::Impl::end_term() {
  elected = false;
  term.reset();
  caches.reset();
  metrics.queues.clear();
  metrics.open_conflicts.clear();
}

void Operator::Impl::stop(std::function<void()> done) {
  stopping = true;
  const auto drained = [this, alive = alive, done = std::move(done)] {
    // Not from inside the term's own call: it is destroyed here.
    loop.post([this, alive, done] {
      if (*alive) end(done);
    });
  };
  if (term)
    term->stop(drained);
  else
    drained();
}

void Operator::Impl::end(std::function<void()> done) {
  end_term();
  if (elector)
    elector->stop(std::move(done));
  else
    done();
}

// A leader that knows the world, or a standby that sees the lease it waits for.
bool Operator::Impl::ready() const {
  if (elected) return caches->synced();
  return elector && elector->last_error().is_ok() && !elector->holder().empty();
}

void Operator::Impl::take_gauges() {
  metrics.nodes = caches ? static_cast<std::int64_t>(caches->nodes.size()) : 0;
  metrics.pods = caches ? static_cast<std::int64_t>(caches->pods.size()) : 0;
  metrics.tasks = 0;
  for (const auto& [name, queue] : metrics.queues) metrics.tasks += queue.pending + queue.running;
  metrics.work_pending = term ? static_cast<std::int64_t>(term->pending()) : 0;
  metrics.leading = term != nullptr;
  metrics.ready = ready();
}

Operator::Operator(k8s::Loop& loop, k8s::http::Transport& transport, Options options)
    : impl_(std::make_unique<Impl>(loop, transport, std::move(options))) {}

Operator::~Operator() = default;

void Operator::start() { impl_->start(); }

void Operator::stop(std::function<void()> done) { impl_->stop(std::move(done)); }

bool Operator::ready() const {
  impl_->take_gauges();
  return impl_->metrics.ready;
}

bool Operator::leading() const { return impl_->term != nullptr; }

const Metrics& Operator::metrics() const {
  impl_->take_gauges();
  return impl_->metrics;
}

const sched::Engine& Operator::engine() const {
  return impl_->term ? impl_->term->engine() : impl_->idle;
}

}  // namespace fermi
