#include "operator/loop/plain_costs.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "libk8s/request/request.hpp"
#include "operator/api/duration.hpp"
#include "operator/translate/placement.hpp"
#include "operator/translate/plain_pod.hpp"
#include "operator/translate/resources.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;
using Verdict = k8s::WorkQueue::Verdict;

k8s::WorkQueue::Options queue_options() {
  k8s::WorkQueue::Options out;
  out.workers = 16;
  out.retry.first = std::chrono::milliseconds(50);
  out.retry.cap = std::chrono::seconds(30);
  return out;
}

// When the last of its containers ended, as the Pod says: by the clock by which it started, also
// where the own one is behind, and the same for every leader.
k8s::WallTime end_of(const k8s::Pod& pod, k8s::WallTime now) {
  k8s::WallTime end;
  for (const k8s::ContainerStatus& c : pod.containers)
    end = std::max(end, c.finished.value_or(k8s::WallTime{}));
  return end.ns > 0 ? end : now;
}

bool is_of_gang(const k8s::Pod& pod) {
  return !pod.meta.label(label::kGang).empty() || !native_key(pod).empty();
}

std::optional<FinishedRun> run_of(const k8s::Pod& pod, const TaskQueue* queue,
                                  const Spending& spending, k8s::WallTime end) {
  if (!pod.finished() || !pod.start_time || is_of_gang(pod) || end < *pod.start_time)
    return std::nullopt;
  const auto gpus = pod.requests.find(std::string(kGpuResource));
  const std::int64_t count = gpus == pod.requests.end() ? 0 : gpus->second;
  FinishedRun run{spending.queue, spending.tenant, "Pod", "1x" + std::to_string(count)};
  const sched::Task task = plain_task({std::make_shared<const k8s::Pod>(pod)}, 0, queue);
  run.ended_s = end.ns / kNsPerSecond;
  run.ran_s = (end - *pod.start_time).count() / kNsPerSecond;
  run.stated_s = task.expected_duration_ns / kNsPerSecond;
  run.size = std::max<std::int64_t>(count, 1);
  const std::int64_t waited = (*pod.start_time - pod.meta.creation_time).count() / kNsPerSecond;
  run.waited_s = std::max<std::int64_t>(waited, 0);
  return run;
}

}  // namespace

PlainCosts::PlainCosts(World& world)
    : world_(world),
      queue_(world.loop, queue_options(),
             [this](const std::string& uid, Finish finish) { work(uid, std::move(finish)); }) {}

void PlainCosts::rebuild() {
  for (const auto& [uid, open] : world_.ledger.open_tasks()) {
    tracked_[uid] = {open.key, open.spending, std::nullopt, std::nullopt};
    world_.costs.set(uid, open.spending);
  }
  std::set<std::string> there;
  world_.caches.pods.for_each([&](const PodRef& pod) {
    if (!is_plain(*pod) && tracked_.count(pod->meta.uid) == 0) return;
    there.insert(pod->meta.uid);
    look(*pod);
  });
  for (const auto& [uid, tracked] : tracked_)
    if (there.count(uid) == 0) ended(uid, world_.loop.wall_now());
}

void PlainCosts::on_pod(const k8s::Informer<k8s::Pod>::Event& event) {
  if (event.after != nullptr) return look(*event.after);
  const k8s::Pod& before = *event.before;
  if (tracked_.count(before.meta.uid) == 0) return;
  ended(before.meta.uid, end_of(before, world_.loop.wall_now()));
}

void PlainCosts::look(const k8s::Pod& pod) {
  const std::string& uid = pod.meta.uid;
  auto found = tracked_.find(uid);
  if (found == tracked_.end()) {
    if (!is_plain(pod) || pod.node_name.empty()) return;
    // Told once is told for good; before its end the annotation means nothing.
    if (pod.finished() && !pod.meta.annotation(annotation::kCost).empty()) return;
    const auto node = world_.node(pod.node_name);
    if (node == nullptr) return;
    const PricedAt place = priced_at(*node, world_.config);
    const std::int64_t micros = hourly_micros(pod_to_engine(pod.requests), place, world_.config);
    if (micros == 0) return;
    Spending spending;
    spending.queue = pod.meta.label(label::kQueue);
    spending.tenant = tenant_of(pod, world_.caches.queues.get(spending.queue).get());
    spending.rates = {{place.pool, micros}};
    spending.since = whole_seconds(pod.start_time.value_or(world_.loop.wall_now()));
    found =
        tracked_.emplace(uid, Tracked{pod.meta.key(), spending, std::nullopt, std::nullopt}).first;
    world_.costs.set(uid, spending);
    if (!pod.finished() && !world_.ledger.knows(uid))
      world_.ledger.open(uid, {pod.meta.key(), std::move(spending)});
  }
  if (found->second.told) {
    if (!pod.meta.annotation(annotation::kCost).empty()) forget(uid);
    return;
  }
  // As the Pod says it, once it does: so that every leader comes to the same sum.
  Spending& spending = found->second.spending;
  if (pod.start_time && !found->second.end && spending.since != whole_seconds(*pod.start_time)) {
    spending.since = whole_seconds(*pod.start_time);
    world_.costs.set(uid, spending);
  }
  if (!pod.finished() || found->second.end) return;
  const k8s::WallTime end = end_of(pod, world_.loop.wall_now());
  const auto queue = world_.caches.queues.get(found->second.spending.queue);
  found->second.run = run_of(pod, queue.get(), found->second.spending, end);
  ended(uid, end);
}

void PlainCosts::ended(const std::string& uid, k8s::WallTime end) {
  Tracked& tracked = tracked_.at(uid);
  if (!tracked.end) tracked.end = whole_seconds(end);
  queue_.add(uid);
}

// Into the ledger; then the Pod, if there still is one, is told what it cost.
void PlainCosts::work(const std::string& uid, Finish finish) {
  const auto found = tracked_.find(uid);
  if (found == tracked_.end() || !found->second.end) return finish(Verdict::done());
  const Tracked tracked = found->second;
  if (world_.ledger.folded(uid)) return tell_cost(uid, tracked, std::move(finish));
  FinishedTask task{uid, {}, tracked.run, std::nullopt, day_of(*tracked.end)};
  const Spending& spending = tracked.spending;
  accrue(spending.rates, spending.since, *tracked.end, spending.queue, spending.tenant, task.costs);
  world_.costs.erase(uid);
  world_.ledger.fold(task, [this, uid] { queue_.add(uid); });
  finish(Verdict::done());
}

void PlainCosts::tell_cost(const std::string& uid, const Tracked& tracked, Finish finish) {
  const PodRef pod = world_.caches.pods.get(tracked.key);
  if (pod == nullptr || pod->meta.uid != uid) {
    forget(uid);
    return finish(Verdict::done());
  }
  if (tracked.told) return finish(Verdict::done());
  std::vector<CostPart> parts;
  const Spending& spending = tracked.spending;
  const std::int64_t micros =
      accrue(spending.rates, spending.since, *tracked.end, spending.queue, spending.tenant, parts);
  // Of this version: in a store that was restored meanwhile it may not have ended yet, and who is
  // told when it ends is not counted again.
  const Json patch = {{"metadata",
                       {{"uid", uid},
                        {"resourceVersion", pod->meta.resource_version},
                        {"annotations", {{annotation::kCost, format_micros(micros)}}}}}};
  world_.writer.send_change(k8s::request::patch(k8s::resources::pods(), pod->meta.ns,
                                                pod->meta.name, "", k8s::PatchType::kMerge, patch),
                            pod->meta.resource_version,
                            [this, uid, finish = std::move(finish)](k8s::Result<Json> answer) {
                              // A conflict may be of its version alone: the cache says whether it
                              // is still there.
                              const bool gone = answer.status().code() == k8s::Code::kNotFound;
                              // One that may not be told keeps its mark in the ledger until it
                              // goes.
                              const bool refused = answer.status().next() == k8s::Next::kFixInput;
                              const bool over = answer || gone || refused;
                              const auto found = tracked_.find(uid);
                              if (over && found != tracked_.end()) found->second.told = true;
                              finish(over ? Verdict::done() : Verdict::retry());
                            });
}

// Not before the cache shows that it was told, or that it is gone: nobody counts it again.
void PlainCosts::forget(const std::string& uid) {
  world_.ledger.forget(uid);
  tracked_.erase(uid);
}

void PlainCosts::stop(std::function<void()> drained) {
  queue_.stop();
  queue_.on_drained(std::move(drained));
}

}  // namespace fermi
