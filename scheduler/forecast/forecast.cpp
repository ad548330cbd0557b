#include "scheduler/forecast/forecast.hpp"

#include <algorithm>
#include <utility>

#include "scheduler/backfill/ends.hpp"
#include "scheduler/preempt/guarantee.hpp"

namespace sched {
namespace {

// Plans of one moment: more would be an engine that goes round in circles.
constexpr std::int64_t kRoundsMax = 1000;
constexpr std::int64_t kSecond = 1'000'000'000;

}  // namespace

Forecast::Forecast(const Engine& engine, Time now, ForecastLimits limits)
    : limits_(limits),
      as_of_(now),
      now_(now),
      forward_(engine,
               {.started = [this](const Start& start, Time at) { return started(start, at); },
                .ended = [](const std::string&, Time) {},
                .stopped = [this](const std::string& task, bool turn,
                                  Time at) { return stopped(task, at, false, turn); }}) {
  watch();
  note_promises(engine);
  settle();
}

// Those who can never start would make every run as long as it may be.
void Forecast::watch() {
  const Engine& engine = forward_.engine();
  for (const std::string& queue : engine.queues()) {
    for (const std::string& task : engine.head(queue, limits_.depth)) {
      watched_.insert(task);
      if (engine.can_start(task)) to_start_.insert(task);
    }
  }
}

void Forecast::note_promises(const Engine& engine) {
  for (const Promise& promise : engine.promises()) {
    if (promise.placement.nodes.empty() || promise.at <= as_of_) continue;
    Placement where;
    if (watched_.contains(promise.task)) where = promise.placement;
    promised_.push_back({promise.task, {promise.at, std::move(where)}});
  }
  std::stable_sort(promised_.begin(), promised_.end(),
                   [](const auto& a, const auto& b) { return b.second.start < a.second.start; });
}

// Of those that begin before.
void Forecast::foretell_promised(Time until) {
  for (; !promised_.empty() && promised_.back().second.start < until; promised_.pop_back()) {
    to_start_.erase(promised_.back().first);
    starts_.insert(std::move(promised_.back()));  // unless it has started
  }
}

// Makes true in the copy what is assumed of the present.
void Forecast::settle() {
  Engine& engine = forward_.engine();
  ConfigUpdate config = engine.config();
  if (config.keep_promises) {
    config.keep_promises = false;
    config.reservations = ConfigUpdate{}.reservations;
    engine.apply(config);
  }
  for (const std::string& pod : engine.pods_left()) engine.apply(PodRemove{pod});
  for (const Engine::Placed& placed : engine.placed(now_)) take(placed);
}

void Forecast::take(const Engine::Placed& placed) {
  Engine& engine = forward_.engine();
  if (placed.evicted_by.empty()) placed_.insert(placed.task);
  if (!placed.evicted_by.empty()) {
    const Task& task = *engine.task(placed.task);
    const bool counted = task.last_preempted.ns / kSecond >= placed.evicted_at.ns / kSecond;
    const Task* const by = engine.task(placed.evicted_by);
    const bool turn = by != nullptr && by->queue == task.queue && by->tier == task.tier;
    Task waits = stopped(placed.task, placed.evicted_at, counted, turn);
    forward_.stop(placed.task, std::move(waits), placed.evicted_by, now_);
    if (engine.can_start(placed.task)) to_start_.insert(placed.task);
    return;
  }
  if (!placed.running) {
    engine.apply(Confirm{placed.task, now_});
    if (const auto end = begin(placed.task, now_)) forward_.runs(placed.task, *end);
    return;
  }
  if (!placed.end) return;
  Task task = *engine.task(placed.task);
  if (task.expected_duration_ns != placed.end->ns - placed.since.ns) {
    task.expected_duration_ns = std::max<std::int64_t>(placed.end->ns - placed.since.ns, 1);
    engine.apply(TaskUpsert{std::move(task)});
  }
  forward_.runs(placed.task, *placed.end);
}

bool Forecast::step() {
  if (end_ != End::kGoesOn) return false;
  const bool more = advance();
  if (end_ != End::kGoesOn) foretell_promised(kEndless);
  return more;
}

bool Forecast::advance() {
  if (!deciding_ && !move_on()) return false;
  if (++plans_ > limits_.plans || ++plans_of_moment_ > kRoundsMax) {
    end_ = End::kLimits;
    return false;
  }
  deciding_ = Forward::goes_on(forward_.decide(now_));
  if (!deciding_ && to_start_.empty()) end_ = End::kKnown;
  return end_ == End::kGoesOn;
}

bool Forecast::move_on() {
  std::optional<Time> next = forward_.next_end();
  if (const auto wake = forward_.wake(); wake && (!next || *wake < *next)) next = wake;
  if (!next || next->ns - as_of_.ns > limits_.horizon_ns) {
    end_ = next ? End::kLimits : End::kNothing;
    return false;
  }
  now_ = *next;
  foretell_promised(now_);
  plans_of_moment_ = 0;
  forward_.end(now_);
  return true;
}

std::optional<Time> Forecast::started(const Start& start, Time now) {
  const bool first = !placed_.contains(start.task) && !starts_.contains(start.task);
  if (first) {
    Answer& answer = starts_[start.task];
    answer.start = now;
    if (watched_.contains(start.task)) answer.placement = start.placement;
    to_start_.erase(start.task);
  }
  return begin(start.task, now);
}

// It runs from now on: protected, if it is, as an operator would say.
std::optional<Time> Forecast::begin(const std::string& uid, Time now) {
  Engine& engine = forward_.engine();
  Task task = *engine.task(uid);
  const Queue* const queue = engine.queue(task.queue);
  const std::int64_t duration = task.expected_duration_ns;
  if (queue != nullptr && std::max(task.tier, queue->tier) == Tier::kMedium) {
    task.guarantee_until = later(now, guarantee_ns(duration, task.preemptions, queue->floor_ns));
    engine.apply(TaskUpsert{std::move(task)});
  }
  constexpr std::int64_t kLongest = std::int64_t{1} << 61;
  if (duration <= 0 || duration >= kLongest) return std::nullopt;
  return later(now, duration);
}

// As it waits again. `counted`: the task as last told has this preemption in it. `turn`: its turn
// was over; among peers of one tier nobody is asked for any other reason.
Task Forecast::stopped(const std::string& uid, Time at, bool counted, bool turn) const {
  Task task = *forward_.engine().task(uid);
  if (turn) task.submitted = later(at, 1);
  if (!counted) {
    ++task.preemptions;
    task.last_preempted = at;
  }
  ++task.attempt;
  task.guarantee_until = {};
  return task;
}

}  // namespace sched
