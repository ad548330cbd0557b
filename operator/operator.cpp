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
#include "operator/loop/term.hpp"
#include "operator/report/counting_transport.hpp"
#include "operator/report/metrics.hpp"

namespace fermi {

struct Operator::Impl {
  Impl(k8s::Loop& l, k8s::http::Transport& t, Options o);
  ~Impl() { *alive = false; }

  void start();
  void stop(std::function<void()> done);
  void watch_caches();
  void maybe_take_over();
  void on_lost();
  void configure(const std::string& text);
  void end(std::function<void()> done);
  bool may_write() const;
  void take_gauges();

  k8s::Loop& loop;
  Options options;
  Metrics metrics;
  CountingTransport transport;
  k8s::Client client;  // of the election; a term has one of its own, behind a gate
  Configuration config;
  k8s::Informer<k8s::Node> nodes;
  k8s::Informer<k8s::Pod> pods;
  k8s::Informer<TaskQueue> queues;
  k8s::Informer<TrainingJob> jobs;
  k8s::Informer<ConfigMap> config_maps;
  sched::Engine idle;  // what a standby answers questions with
  std::optional<k8s::Elector> elector;
  bool elected = false;
  bool stopping = false;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
  std::unique_ptr<Term> term;  // last: it uses all of the above
};

Operator::Impl::Impl(k8s::Loop& l, k8s::http::Transport& t, Options o)
    : loop(l),
      options(std::move(o)),
      transport(t, metrics),
      client(loop, transport),
      nodes(loop, transport),
      pods(loop, transport),
      queues(loop, transport),
      jobs(loop, transport),
      config_maps(loop, transport,
                  {.ns = options.ns, .field_selector = "metadata.name=" + options.config_map}) {
  config = parse_configuration(options.config_text);
  watch_caches();
}

void Operator::Impl::watch_caches() {
  nodes.on_event([this](const auto& event) {
    if (term) term->on_node(event);
  });
  pods.on_event([this](const auto& event) {
    if (term) term->on_pod(event);
  });
  queues.on_event([this](const auto& event) {
    if (term) term->on_queue(event);
  });
  jobs.on_event([this](const auto& event) {
    if (term) term->on_job(event);
  });
  config_maps.on_event([this](const auto& event) {
    const bool ours = (event.after ? event.after : event.before)->meta.name == options.config_map;
    if (ours) configure(event.after ? event.after->text : options.config_text);
  });
  nodes.on_synced([this] { maybe_take_over(); });
  pods.on_synced([this] { maybe_take_over(); });
  queues.on_synced([this] { maybe_take_over(); });
  jobs.on_synced([this] { maybe_take_over(); });
  config_maps.on_synced([this] { maybe_take_over(); });
}

void Operator::Impl::configure(const std::string& text) {
  config = parse_configuration(text);
  for (const std::string& problem : config.problems)
    k8s::log::warn("configuration", {{"problem", problem}});
  if (term) term->on_config();
}

void Operator::Impl::start() {
  for (const std::string& problem : config.problems)
    k8s::log::warn("configuration", {{"problem", problem}});
  nodes.start();
  pods.start();
  queues.start();
  jobs.start();
  config_maps.start();
  if (!options.leader_elect) {
    elected = true;
    return;
  }
  k8s::ElectionConfig election;
  election.ns = options.ns;
  election.name = options.lease_name;
  election.identity = options.identity;
  election.lease_duration = options.lease_duration;
  election.renew_deadline = options.renew_deadline;
  election.retry_period = options.retry_period;
  k8s::Elector::Callbacks callbacks;
  callbacks.on_elected = [this] {
    elected = true;
    maybe_take_over();
  };
  callbacks.on_lost = [this] { on_lost(); };
  elector.emplace(loop, client, election, std::move(callbacks));
  elector->start();
}

bool Operator::Impl::may_write() const { return elector ? elector->may_write() : elected; }

// Becomes leader in deed: holds the lease, and knows the world.
void Operator::Impl::maybe_take_over() {
  const bool synced =
      nodes.synced() && pods.synced() && queues.synced() && jobs.synced() && config_maps.synced();
  if (!elected || stopping || term || !synced) return;
  ++metrics.leaderships;
  term = std::make_unique<Term>(
      Term::Context{loop, transport, options, metrics, Caches{nodes, pods, queues, jobs}, config,
                    elector ? elector->epoch() : 1, [this] { return may_write(); }});
}

void Operator::Impl::on_lost() {
  elected = false;
  if (!term) return;
  k8s::log::warn("lost the lease", {{"identity", options.identity}});
  term.reset();
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
  term.reset();
  elected = false;
  nodes.stop();
  pods.stop();
  queues.stop();
  jobs.stop();
  config_maps.stop();
  if (elector)
    elector->stop(std::move(done));
  else
    done();
}

void Operator::Impl::take_gauges() {
  metrics.nodes = static_cast<std::int64_t>(nodes.size());
  metrics.pods = static_cast<std::int64_t>(pods.size());
  metrics.tasks = 0;
  for (const auto& [name, queue] : metrics.queues) metrics.tasks += queue.pending + queue.running;
  metrics.work_pending = term ? static_cast<std::int64_t>(term->pending()) : 0;
  metrics.leading = term != nullptr;
  metrics.ready =
      nodes.synced() && pods.synced() && queues.synced() && jobs.synced() && config_maps.synced();
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
