#include "operator/loop/engine_host.hpp"

#include <algorithm>
#include <utility>

#include "libk8s/base/log.hpp"
#include "scheduler/journal/journal.hpp"

namespace fermi {
namespace {

constexpr std::size_t kStartsPerPass = 1000;
constexpr std::int64_t kHoldNs = std::int64_t{600} * 1'000'000'000;
constexpr std::int64_t kSameMomentNs = 1'000'000'000;
constexpr k8s::Duration kAfterViolation = std::chrono::seconds(10);
// Expected ends and nodes looked at in one piece of tending: about a millisecond, and what it takes
// to look at all promises once.
constexpr std::int64_t kTendingWork = 1'000;
// Promises that are only bettered can wait; and tending makes way for so many passes at most.
constexpr k8s::Duration kBetweenBetters = std::chrono::milliseconds(100);
constexpr int kPutOffMost = 8;

// What is said of the task itself.
std::string without_task(const std::string& task, const std::string& violation) {
  const std::string before = task + ": ";
  return violation.starts_with(before) ? violation.substr(before.size()) : violation;
}

}  // namespace

EngineHost::EngineHost(k8s::Loop& loop, Metrics& metrics, Options options)
    : loop_(loop),
      metrics_(metrics),
      options_(std::move(options)),
      forecaster_(loop, metrics, engine_, [this] {
        if (options_.foreseen) options_.foreseen();
      }) {
  if (options_.journal) options_.journal(sched::journal_header());
}

EngineHost::~EngineHost() {
  loop_.cancel(timer_);
  loop_.cancel(tending_);
}

bool EngineHost::apply(const sched::Delta& delta) {
  if (!engine_.apply(delta)) return false;
  asked_.reset();
  auditor_.apply(delta);
  if (options_.journal) options_.journal(sched::encode(delta));
  arrange(options_.batch_delay);
  return true;
}

// The wish is a delta like any other, and what comes of it a plan like any other: audited, and
// written down before anybody is asked. What a plan did not carry out is not left to a later one.
sched::Ruling EngineHost::resolve(const sched::Resolve& wish, sched::Hold& kept) {
  sched::Ruling ruling = engine_.rule(wish, now());
  if (ruling.verdict != sched::Verdict::kGranted || !open_) return ruling;
  last_hold_ = {};
  apply(wish);
  pass();
  if (last_hold_.task == wish.task) kept = last_hold_;
  if (!apply(sched::Resolve{wish.task, {}, wish.by, wish.at})) return ruling;
  const sched::Ruling after = engine_.rule(wish, now());
  if (after.verdict != sched::Verdict::kGranted) return after;
  ruling.verdict = sched::Verdict::kNoRoom;  // the audit stopped it, and has said so
  return ruling;
}

void EngineHost::open() {
  open_ = true;
  arrange(options_.batch_delay);
}

void EngineHost::close() {
  open_ = false;
  loop_.cancel(timer_);
  timer_ = k8s::TimerId::kNone;
  loop_.cancel(tending_);
  tending_ = k8s::TimerId::kNone;
  forecaster_.close();
}

void EngineHost::arrange(k8s::Duration delay) {
  if (!open_) return;
  const k8s::TimePoint due = loop_.now() + delay;
  if (timer_ != k8s::TimerId::kNone) {
    if (due_ <= due) return;
    loop_.cancel(timer_);
  }
  due_ = due;
  timer_ = loop_.after(delay, [this] {
    timer_ = k8s::TimerId::kNone;
    pass();
  });
}

void EngineHost::pass() {
  const k8s::TimePoint began = loop_.now();
  const sched::Time at = now();
  asked_.reset();
  const sched::Plan plan = engine_.plan(at, kStartsPerPass);
  ++metrics_.plans;
  metrics_.plan_duration.observe((loop_.now() - began).count() / 1000);
  if (options_.journal && !plan.starts.empty())
    options_.journal(sched::encode(
        sched::PlanRecord{at, static_cast<std::int64_t>(kStartsPerPass), plan.starts}));
  stopped_.clear();
  const std::vector<sched::Start> starts = sound(plan, at);
  for (const sched::Start& start : starts) carry_out(start, at);
  preempt(plan, starts, at);
  grow(plan, starts, at);
  // A plan that was cut off goes on at once; one that the auditor stopped is made anew later.
  if (starts.size() != plan.starts.size())
    arrange(kAfterViolation);
  else if (starts.size() == kStartsPerPass)
    arrange(k8s::Duration(0));
  if (const auto next = engine_.next_time(at))
    arrange(k8s::Duration(std::max<std::int64_t>(next->ns - at.ns, 1)));
  arrange_tending(options_.batch_delay);
  forecaster_.changed();
  if (options_.planned) options_.planned();
}

void EngineHost::arrange_tending(k8s::Duration delay) {
  if (!open_ || tending_ != k8s::TimerId::kNone) return;
  if (!engine_.config().keep_promises) return;
  tending_ = loop_.after(delay, [this] {
    tending_ = k8s::TimerId::kNone;
    tend();
  });
}

// What changed since the last pass is decided first: promises are for those whom it leaves blocked.
void EngineHost::tend() {
  if (timer_ != k8s::TimerId::kNone && due_ <= loop_.now() + options_.batch_delay &&
      put_off_ < kPutOffMost) {
    ++put_off_;
    return arrange_tending(options_.batch_delay);
  }
  put_off_ = 0;
  const k8s::TimePoint began = loop_.now();
  const sched::Tending tending = engine_.tend(now(), kTendingWork);
  metrics_.tending_duration.observe((loop_.now() - began).count() / 1000);
  for (const sched::Promise& promise : tending.promises) apply(promise);
  if (tending.unpromised || !tending.promises.empty())
    arrange_tending(options_.batch_delay);
  else if (tending.unsettled || tending.plan_first)
    arrange_tending(std::max(kBetweenBetters, options_.batch_delay));
}

sched::Time EngineHost::asked() {
  const sched::Time at = now();
  if (!asked_ || at < *asked_ || at.ns - asked_->ns > kSameMomentNs) asked_ = at;
  return *asked_;
}

sched::Reason EngineHost::explain(const std::string& task) {
  sched::Reason reason = engine_.explain(task, asked());
  const auto stopped = stopped_.find(task);
  const bool decided =
      reason.code == sched::ReasonCode::kNone || reason.code == sched::ReasonCode::kEvicting;
  if (stopped == stopped_.end() || !decided) return reason;
  if (engine_.state(task) != sched::TaskState::kWaiting) return reason;
  reason = {};
  reason.code = sched::ReasonCode::kStopped;
  reason.detail = stopped->second;
  return reason;
}

void EngineHost::count_moves() {
  for (const sched::Moves::Move& move : moves_.look(engine_, asked())) {
    ++metrics_.reservations_moved[move.queue];
    k8s::log::info("a reservation moved",
                   {{"task", move.task}, {"outlived", move.by}, {"queue", move.queue}});
  }
}

std::vector<std::string> EngineHost::objections(const sched::Plan& plan, sched::Time at) const {
  std::vector<std::string> all = auditor_.check(plan, at);
  if (!options_.objects) return all;
  for (std::string& more : options_.objects(plan)) all.push_back(std::move(more));
  return all;
}

bool EngineHost::sound_part(const sched::Plan& part, const char* what, sched::Time at) {
  const auto violations = objections(part, at);
  if (violations.empty()) return true;
  for (const sched::Preemption& p : part.preemptions)
    stopped_[p.task] = without_task(p.task, violations.front());
  ++metrics_.plan_rejections;
  k8s::log::error("the audit stopped " + std::string(what), {{"violation", violations.front()}});
  arrange(kAfterViolation);
  return false;
}

// Only beside all its starts is a preemption what the plan meant. A hold that is not used in time
// lapses; the next plan proves anew.
void EngineHost::preempt(const sched::Plan& plan, const std::vector<sched::Start>& starts,
                         sched::Time at) {
  if (plan.preemptions.empty() || starts.size() != plan.starts.size()) return;
  sched::Plan asked;
  asked.preemptions = plan.preemptions;
  if (!sound_part(asked, "a preemption", at)) return;
  for (const sched::Preemption& preemption : plan.preemptions) {
    for (const std::string& victim : preemption.victims)
      apply(sched::Evict{victim, preemption.task, at});
    last_hold_ = {preemption.task, preemption.placement, {at.ns + kHoldNs}};
    apply(last_hold_);
    options_.preempt(preemption);
  }
}

// What is left beside all its starts.
void EngineHost::grow(const sched::Plan& plan, const std::vector<sched::Start>& starts,
                      sched::Time at) {
  if (plan.grows.empty() || starts.size() != plan.starts.size()) return;
  sched::Plan asked;
  asked.grows = plan.grows;
  if (!sound_part(asked, "a change of size", at)) return;
  for (const sched::Resize& resize : plan.grows) options_.grow(resize);
}

std::vector<sched::Start> EngineHost::sound(const sched::Plan& plan, sched::Time at) {
  sched::Plan all;
  all.starts = plan.starts;
  if (all.starts.empty() || objections(all, at).empty()) return plan.starts;
  // One bad start must not stop all others for ever: each is looked at by itself, beside those
  // before it that are sound.
  sched::Plan good;
  for (const sched::Start& start : plan.starts) {
    good.starts.push_back(start);
    const std::vector<std::string> violations = objections(good, at);
    if (violations.empty()) continue;
    good.starts.pop_back();
    ++metrics_.plan_rejections;
    stopped_[start.task] = without_task(start.task, violations.front());
    k8s::log::error("the audit stopped a start",
                    {{"task", start.task}, {"violation", violations.front()}});
  }
  return good.starts;
}

void EngineHost::carry_out(const sched::Start& start, sched::Time at) {
  apply(sched::Assume{start.task, start.attempt, start.placement, at});
  if (options_.accept(start)) {
    ++metrics_.decisions;
    return;
  }
  k8s::log::error("a start of a task that nobody knows", {{"task", start.task}});
  apply(sched::TaskRemove{start.task, at});
}

}  // namespace fermi
