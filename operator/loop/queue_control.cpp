#include "operator/loop/queue_control.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "libk8s/request/request.hpp"
#include "operator/reconcile/cost.hpp"
#include "operator/translate/guarantees.hpp"
#include "operator/translate/objects.hpp"
#include "operator/translate/parts.hpp"
#include "operator/translate/queue_rules.hpp"
#include "operator/translate/resources.hpp"
#include "operator/translate/served.hpp"
#include "scheduler/order/rules.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;
using Verdict = k8s::WorkQueue::Verdict;

constexpr std::size_t kShownHead = 20, kShownTenants = 20, kShownStrategies = 16;
constexpr int kWritesPerSecond = 10;
constexpr k8s::Duration kPeriod = std::chrono::seconds(1);
constexpr k8s::Duration kSettle = std::chrono::milliseconds(200);

k8s::WorkQueue::Options queue_options() {
  k8s::WorkQueue::Options out;
  out.workers = 4;
  out.retry.first = std::chrono::milliseconds(50);
  out.retry.cap = std::chrono::seconds(30);
  return out;
}

// "0.125", rounded down.
std::string thousandths(std::int64_t millionths) {
  std::string rest = std::to_string(millionths / 1000 % 1000);
  rest.insert(0, 3 - rest.size(), '0');
  return std::to_string(millionths / 1'000'000) + "." + rest;
}

bool same_rules(const TaskQueue& a, const TaskQueue& b) {
  return a.meta.uid == b.meta.uid && a.spec == b.spec && a.problems == b.problems &&
         a.meta.deleting() == b.meta.deleting();
}

Json precondition(const TaskQueue& queue) {
  return {{"uid", queue.meta.uid}, {"resourceVersion", queue.meta.resource_version}};
}

}  // namespace

QueueControl::QueueControl(World& world, std::function<void(const std::string&)> rules_changed)
    : world_(world),
      rules_changed_(std::move(rules_changed)),
      queues_(world.caches.queues),
      conflicts_(world, [this](const std::string& name) { queue_.add(name); }),
      budget_(kWritesPerSecond),
      queue_(world.loop, queue_options(),
             [this](const std::string& key, k8s::WorkQueue::Finish finish) {
               work(key, std::move(finish));
             }) {}

QueueControl::~QueueControl() { world_.loop.cancel(refresh_timer_); }

void QueueControl::rebuild() {
  std::map<std::string, std::shared_ptr<const TaskQueue>> in_order;
  world_.caches.queues.for_each(
      [&](const std::shared_ptr<const TaskQueue>& queue) { in_order[queue->meta.name] = queue; });
  for (const auto& [name, queue] : in_order) {
    conflicts_.restore(*queue);
    const sched::Queue rules = to_engine(*queue, world_.config);
    world_.engine.apply(sched::QueueUpsert{rules});
    for (const sched::Served& served : to_served(queue->status.past, rules, world_.engine.now()))
      world_.engine.apply(served);
    tell_past(name);
    queue_.add(name);
  }
}

void QueueControl::resume() {
  std::map<std::string, std::shared_ptr<const TaskQueue>> in_order;
  world_.caches.queues.for_each(
      [&](const std::shared_ptr<const TaskQueue>& queue) { in_order[queue->meta.name] = queue; });
  for (const auto& [name, queue] : in_order) conflicts_.resume(*queue);
}

void QueueControl::on_queue(const k8s::Informer<TaskQueue>::Event& event) {
  if (event.after == nullptr) {
    const std::string& name = event.before->meta.name;
    world_.engine.apply(sched::QueueRemove{name});
    guarantees_.known = false;
    world_.metrics.queues.erase(name);
    written_at_.erase(name);
    violations_before_.erase(name);
    moved_before_.erase(name);
    slots_.erase(name);
    answers_.erase(name);
    conflicts_.remove(name);
    rules_changed_(name);
    return;
  }
  const std::string& name = event.after->meta.name;
  if (event.before == nullptr || !same_rules(*event.before, *event.after)) {
    const bool known = world_.engine.engine().queue(name) != nullptr;
    guarantees_.known = false;
    world_.engine.apply(sched::QueueUpsert{to_engine(*event.after, world_.config)});
    if (!known) tell_past(name);
    rules_changed_(name);
  }
  queue_.add(name);
}

void QueueControl::on_planned() {
  conflicts_.on_planned();
  if (refresh_timer_ != k8s::TimerId::kNone) return;
  refresh_timer_ = world_.loop.after(kSettle, [this] {
    refresh_timer_ = k8s::TimerId::kNone;
    world_.engine.count_moves();
    world_.caches.queues.for_each(
        [this](const std::shared_ptr<const TaskQueue>& queue) { queue_.add(queue->meta.name); });
  });
}

void QueueControl::stop(std::function<void()> drained) {
  world_.loop.cancel(refresh_timer_);
  queue_.stop();
  conflicts_.stop();
  queue_.on_drained([this, drained = std::move(drained)] { conflicts_.drain(drained); });
}

void QueueControl::work(const std::string& key, k8s::WorkQueue::Finish finish) {
  const auto queue = queues_.get(key);
  if (queue == nullptr) return finish(Verdict::done());
  QueueFacts facts = facts_of(*queue);
  answer_wish(*queue, facts);
  show_gauges(key, facts);
  const QueueStep step = next_step(facts);
  if (const auto* finalizers = std::get_if<SetFinalizers>(&step))
    return set_finalizers(*queue, *finalizers, std::move(finish));
  if (std::holds_alternative<TakeOffWish>(step)) return take_off_wish(*queue, std::move(finish));
  const auto* status = std::get_if<WriteQueueStatus>(&step);
  if (status == nullptr) {
    const auto until = std::get<QueueRest>(step).until;
    if (!until) return finish(Verdict::done());
    return finish(Verdict::again_after(std::max(*until - facts.now, k8s::Duration(kPeriod))));
  }
  const k8s::TimePoint now = world_.loop.now();
  const auto last = written_at_.find(key);
  // An answer waits for nothing: the room that is kept is known to the next leader by it.
  if (facts.resolution) {
    written_at_[key] = now;
    return write_status(*queue, *status, std::move(finish));
  }
  if (last != written_at_.end() && now < last->second + kPeriod)
    return finish(Verdict::again_after(last->second + kPeriod - now));
  const auto slot = slots_.try_emplace(key, k8s::TimePoint{}).first;
  if (slot->second == k8s::TimePoint{}) slot->second = budget_.take(now);
  if (now < slot->second) return finish(Verdict::again_after(slot->second - now));
  slots_.erase(slot);
  written_at_[key] = now;
  write_status(*queue, *status, std::move(finish));
}

namespace {

// "8", "8.46".
std::string gpus_in_words(const sched::Resources& used, const std::string& gpu) {
  const std::int64_t parts = used.extended_amount(gpu + "#milli");
  const std::int64_t whole = used.extended_amount(gpu) + parts / 1000;
  const std::int64_t rest = parts % 1000;
  return std::to_string(whole) + (rest == 0 ? "" : part_text(rest).substr(1));
}

}  // namespace

namespace {

// What all leaders counted. A sum that an answer which was lost cannot make wrong: it is computed
// anew each time. `before`: what the status said when this term began, less what this process had
// counted by then.
std::int64_t sum_of(const std::map<std::string, std::uint64_t>& counted, const std::string& queue,
                    std::int64_t shown, std::map<std::string, std::int64_t>& before) {
  const auto found = counted.find(queue);
  const std::int64_t here =
      found == counted.end() ? std::int64_t{0} : static_cast<std::int64_t>(found->second);
  return before.try_emplace(queue, shown - here).first->second + here;
}

}  // namespace

std::int64_t QueueControl::budget_violations(const TaskQueue& queue) {
  return sum_of(world_.metrics.budget_violations, queue.meta.name, queue.status.budget_violations,
                violations_before_);
}

std::int64_t QueueControl::reservations_moved(const TaskQueue& queue) {
  return sum_of(world_.metrics.reservations_moved, queue.meta.name, queue.status.reservations_moved,
                moved_before_);
}

// How long its tasks lasted, as far as the ledger knows.
void QueueControl::tell_past(const std::string& queue) {
  for (const sched::PastRuns& past : world_.ledger.runs_of(queue)) world_.engine.apply(past);
}

QueueFacts QueueControl::facts_of(const TaskQueue& queue) {
  const sched::Engine& engine = world_.engine.engine();
  const sched::Engine::QueueFigures figures = engine.figures(queue.meta.name);
  QueueFacts facts;
  facts.queue = &queue;
  facts.pending = figures.pending;
  facts.running = figures.running;
  facts.used = to_quantities(figures.used);
  facts.gpus_used = gpus_in_words(figures.used, world_.config.gpu_resource);
  facts.gpus_total = gpus_at_most(queue);
  if (names_nodes(queue.spec)) facts.nodes = nodes_of(queue);
  facts.borrowed = to_quantities(figures.borrowed);
  for (const sched::Engine::PlaceFigures& place : figures.places) {
    facts.flavors.push_back({place.zone, place.pool, place.gpu_model, to_quantities(place.used),
                             to_quantities(place.borrowed)});
  }
  show_tenants(queue, facts);
  facts.budget_violations = budget_violations(queue);
  facts.reservations_moved = reservations_moved(queue);
  conflicts_.show(queue, facts);
  facts.now = world_.loop.wall_now();
  facts.cost = cost_of(queue.meta.name, facts.now);
  facts.strategies = strategies_of(queue, facts);
  std::int64_t position = 0;
  for (const std::string& uid : engine.head(queue.meta.name, kShownHead)) {
    const sched::Task* task = world_.task(uid);
    if (task == nullptr) continue;
    facts.head.push_back({++position, task->kind, task->ns, task->name, uid});
  }
  return facts;
}

// The largest shares, and what the next leader has to know of the past.
void QueueControl::show_tenants(const TaskQueue& queue, QueueFacts& facts) const {
  const sched::Engine& engine = world_.engine.engine();
  const sched::Queue rules = to_engine(queue, world_.config);
  facts.rules = rules_in_words(queue.spec, rules);
  auto tenants = engine.tenants(queue.meta.name);
  facts.tenant_count = static_cast<std::int64_t>(tenants.size());
  std::stable_sort(tenants.begin(), tenants.end(), [](const auto& a, const auto& b) {
    return std::pair(a.share_millionths, a.running) > std::pair(b.share_millionths, b.running);
  });
  if (tenants.size() > kShownTenants) tenants.resize(kShownTenants);
  for (const auto& tenant : tenants)
    facts.tenants.push_back({tenant.tenant, tenant.running, to_quantities(tenant.used),
                             thousandths(tenant.share_millionths)});
  const sched::Order order = sched::rules_of(rules).order;
  if (order == sched::Order::kDecayedShare || order == sched::Order::kRoundRobin)
    facts.past = to_past(engine.served(queue.meta.name), rules.half_life_ns);
}

// Every strategy that had a task here, in the order of their names.
std::vector<StrategyFigures> QueueControl::strategies_of(const TaskQueue& queue,
                                                         const QueueFacts& facts) {
  const std::uint64_t version = world_.ledger.store().version();
  if (!sums_known_ || version != sums_version_) sums_ = world_.ledger.sums();
  sums_known_ = true;
  sums_version_ = version;
  const std::string current(strategy_name(queue.spec.strategy));
  std::map<std::string, StrategySums> all;
  if (const auto found = sums_.find(queue.meta.name); found != sums_.end()) all = found->second;
  if (facts.pending + facts.running > 0) all.try_emplace(current);
  std::vector<StrategyFigures> out;
  for (const auto& [strategy, sums] : all) {
    const bool now = strategy == current;
    out.push_back(to_figures(strategy, sums, facts.gpus_total, now ? facts.pending : 0,
                             now ? facts.running : 0));
  }
  if (out.size() > kShownStrategies) out.resize(kShownStrategies);
  return out;
}

// Costs of all queues, read together: when one has changed, and once a second.
const QueueControl::Costs& QueueControl::costs_at(k8s::WallTime now) {
  const k8s::TimePoint at = world_.loop.now();
  const std::uint64_t version = world_.ledger.store().version();
  const std::uint64_t live = world_.costs.version();
  const bool same_day = begin_of_day(now) == costs_.day;
  const bool same = costs_.known && same_day && version == costs_.version && live == costs_.live;
  if (same && at < costs_.read_at + kPeriod) return costs_;
  if (!costs_.known || !same_day || version != costs_.version)
    costs_.ended = world_.ledger.costs_of(day_of(now));
  costs_.known = true;
  costs_.day = begin_of_day(now);
  costs_.read_at = at;
  costs_.version = version;
  costs_.live = live;
  costs_.by_queue.clear();
  for (const auto& [place, cost] : world_.costs.costs(now))
    costs_.by_queue[std::get<0>(place)][{std::get<1>(place), std::get<2>(place)}] = cost;
  for (const auto& [place, micros] : costs_.ended)
    costs_.by_queue[std::get<0>(place)][{std::get<1>(place), std::get<2>(place)}].today += micros;
  return costs_;
}

namespace {

// Those that cost most per hour, in the order of their names.
std::vector<CostLine> most_of(const std::map<std::string, LiveCost>& all) {
  std::vector<CostLine> out;
  for (const auto& [name, cost] : all) out.push_back({name, cost.per_hour, cost.today});
  std::stable_sort(out.begin(), out.end(),
                   [](const CostLine& a, const CostLine& b) { return a.per_hour > b.per_hour; });
  if (out.size() > kShownTenants) out.resize(kShownTenants);
  std::sort(out.begin(), out.end(),
            [](const CostLine& a, const CostLine& b) { return a.name < b.name; });
  return out;
}

}  // namespace

std::optional<QueueCost> QueueControl::cost_of(const std::string& queue, k8s::WallTime now) {
  const auto& by_queue = costs_at(now).by_queue;
  const auto found = by_queue.find(queue);
  // What was written before is made 0, not left standing.
  const auto known = queues_.get(queue);
  const bool before = known != nullptr && known->status.cost.has_value();
  if (found == by_queue.end() && !before) return std::nullopt;
  QueueCost out;
  out.currency = world_.config.currency;
  out.day = day_of(now);
  out.observed_at = whole_seconds(now);
  if (found == by_queue.end()) return out;
  std::map<std::string, LiveCost> tenants, pools;
  for (const auto& [who, cost] : found->second) {
    for (LiveCost* sum : {&tenants[who.first], &pools[who.second]}) {
      sum->per_hour += cost.per_hour;
      sum->today += cost.today;
    }
    out.per_hour += cost.per_hour;
    out.today += cost.today;
  }
  out.tenants = most_of(tenants);
  out.pools = most_of(pools);
  return out;
}

void QueueControl::show_gauges(const std::string& name, const QueueFacts& facts) {
  QueueGauges& gauges = world_.metrics.queues[name];
  gauges.pending = facts.pending;
  gauges.running = facts.running;
  gauges.cost_per_hour = facts.cost ? facts.cost->per_hour : 0;
  gauges.cost_today = facts.cost ? facts.cost->today : 0;
  gauges.strategies = facts.strategies;
  gauges.tenant_costs.clear();
  if (!facts.cost) return;
  for (const CostLine& tenant : facts.cost->tenants)
    gauges.tenant_costs[tenant.name] = {tenant.per_hour, tenant.today};
}

// The queue's maximum, or else what all nodes have that it may use.
std::int64_t QueueControl::gpus_at_most(const TaskQueue& queue) const {
  const auto maximum = queue.spec.maximum.find(world_.config.gpu_resource);
  if (maximum != queue.spec.maximum.end()) return maximum->second;
  const auto allows = [](const std::vector<std::string>& list, std::string_view value) {
    return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
  };
  std::int64_t sum = 0;
  world_.caches.nodes.for_each([&](const std::shared_ptr<const k8s::Node>& node) {
    const auto gpus = node->allocatable.find(world_.config.gpu_resource);
    if (gpus == node->allocatable.end()) return;
    if (allows(queue.spec.zones, node->meta.label(label::kNodeZone)) &&
        allows(queue.spec.pools, node->meta.label(label::kPool)) &&
        allows(queue.spec.gpu_models, gpu_model_of(*node, world_.config)))
      sum += gpus->second;
  });
  return sum;
}

std::vector<NodePlace> QueueControl::places() const {
  std::vector<NodePlace> out;
  world_.caches.nodes.for_each([&](const std::shared_ptr<const k8s::Node>& node) {
    out.push_back({std::string(node->meta.label(label::kNodeZone)),
                   std::string(node->meta.label(label::kPool)), gpu_model_of(*node, world_.config),
                   node->allocatable});
  });
  return out;
}

// What its spec says of nodes, by itself and beside what others are guaranteed.
QueueNodes QueueControl::nodes_of(const TaskQueue& queue) {
  const std::vector<NodePlace> there = places();
  QueueNodes out = look_at_nodes(queue.spec, there);
  std::vector<NodePlace> in_all = merged(there);
  if (!guarantees_.known || guarantees_.nodes != in_all) {
    std::vector<std::shared_ptr<const TaskQueue>> held;
    std::map<std::string, const TaskQueueSpec*> specs;
    world_.caches.queues.for_each([&](const std::shared_ptr<const TaskQueue>& each) {
      specs[each->meta.name] = &each->spec;
      held.push_back(each);
    });
    guarantees_ = {true, std::move(in_all), {}};
    guarantees_.beyond = guarantees_beyond(specs, guarantees_.nodes);
  }
  // First what is too much by itself.
  const auto found = guarantees_.beyond.find(queue.meta.name);
  if (out.uncovered.empty() && found != guarantees_.beyond.end()) out.uncovered = found->second;
  return out;
}

void QueueControl::set_finalizers(const TaskQueue& queue, const SetFinalizers& step,
                                  k8s::WorkQueue::Finish finish) {
  Json metadata = precondition(queue);
  metadata["finalizers"] = step.finalizers;
  world_.writer.send(
      k8s::request::patch(task_queues(), "", queue.meta.name, "", k8s::PatchType::kMerge,
                          {{"metadata", std::move(metadata)}}),
      [this, name = queue.meta.name, finish = std::move(finish)](k8s::Result<Json> answer) {
        on_answer(name, answer, finish);
      });
}

// Once for each time that a wish appears.
void QueueControl::answer_wish(const TaskQueue& queue, QueueFacts& facts) {
  const std::string wish = open_wish(queue);
  const auto known = answers_.find(queue.meta.name);
  if (wish.empty() || queue.meta.deleting()) {
    if (known != answers_.end()) answers_.erase(known);
    return;
  }
  if (!conflicts_.ready()) return;
  if (known == answers_.end() || known->second.request != wish)
    answers_[queue.meta.name] = conflicts_.resolve(queue, wish);
  facts.resolution = answers_[queue.meta.name];
}

void QueueControl::take_off_wish(const TaskQueue& queue, k8s::WorkQueue::Finish finish) {
  Json metadata = precondition(queue);
  metadata["annotations"] = {{annotation::kResolveConflict, nullptr}};
  world_.writer.send(
      k8s::request::patch(task_queues(), "", queue.meta.name, "", k8s::PatchType::kMerge,
                          {{"metadata", std::move(metadata)}}),
      [this, name = queue.meta.name, finish = std::move(finish)](k8s::Result<Json> answer) {
        on_answer(name, answer, finish);
      });
}

void QueueControl::write_status(const TaskQueue& queue, const WriteQueueStatus& step,
                                k8s::WorkQueue::Finish finish) {
  const bool first = queue.status.observed_generation == 0;
  const Json before = first ? Json::object() : encode_status(queue.status);
  const Json patch = {{"metadata", precondition(queue)},
                      {"status", merge_diff(before, encode_status(step.status))}};
  ++world_.metrics.status_writes;
  world_.writer.send_change(k8s::request::patch(task_queues(), "", queue.meta.name, "status",
                                                k8s::PatchType::kMerge, patch),
                            queue.meta.resource_version,
                            [this, name = queue.meta.name, finish = std::move(finish)](
                                k8s::Result<Json> answer) { on_answer(name, answer, finish); });
}

void QueueControl::on_answer(const std::string& name, const k8s::Result<Json>& answer,
                             const k8s::WorkQueue::Finish& finish) {
  if (answer) {
    // The last finalizer's removal answers with the object as it was when it went.
    auto queue = decode_task_queue(*answer);
    const bool going = queue && queue->meta.deleting() && queue->meta.finalizers.empty();
    if (queue && !going) queues_.observe(std::make_shared<const TaskQueue>(std::move(*queue)));
    return finish(going ? Verdict::done() : Verdict::again_after(k8s::Duration(0)));
  }
  if (answer.status().code() == k8s::Code::kNotFound) return finish(Verdict::done());
  if (answer.status().next() != k8s::Next::kReread) return finish(Verdict::retry());
  const auto known = queues_.get(name);
  world_.writer.send_change(
      k8s::request::get(task_queues(), "", name),
      known == nullptr ? "" : known->meta.resource_version, [this, finish](k8s::Result<Json> read) {
        if (read)
          if (auto queue = decode_task_queue(*read))
            queues_.observe(std::make_shared<const TaskQueue>(std::move(*queue)));
        finish(Verdict::retry());
      });
}

}  // namespace fermi
