#include "libk8s/node/sequence.hpp"

#include <sys/wait.h>

#include <algorithm>

namespace k8s::node {
namespace {

using State = ContainerStatus::State;

constexpr Duration kKillEvery = std::chrono::seconds(1);

// Seconds as a Duration, bounded so that no arithmetic on it overflows.
Duration seconds(std::int64_t s) {
  constexpr std::int64_t kTenYears = 10LL * 366 * 24 * 3600;
  return std::chrono::seconds(std::clamp<std::int64_t>(s, 0, kTenYears));
}

}  // namespace

Sequence::Sequence(const PodPlan& plan, Now now)
    : policy_(plan.restart_policy),
      backoff_first_(plan.backoff_first),
      backoff_max_(plan.backoff_max),
      grace_(seconds(plan.grace_s)) {
  const bool has_init = plan.containers.front().kind != ContainerKind::kMain;
  for (const ContainerPlan& container : plan.containers) {
    Item item;
    item.kind = container.kind;
    item.has_startup = container.startup.has_value();
    item.probed = item.has_startup || container.readiness.has_value();
    items_.push_back(item);
    ContainerRecord record;
    record.name = container.name;
    record.kind = container.kind;
    record.now.reason = has_init ? "PodInitializing" : "ContainerCreating";
    record_.containers.push_back(record);
  }
  if (plan.active_deadline_s) {
    const Duration since = std::max(Duration(0), now.wall - plan.started_at);
    deadline_ = now.mono + (seconds(*plan.active_deadline_s) - since);
  }
}

void Sequence::started(std::size_t i, Now now) {
  Item& item = items_[i];
  ContainerRecord& record = record_.containers[i];
  item.step = Step::kRunning;
  item.began = now.mono;
  record.now = RunState{State::kRunning, "", "", item.attempt, now.wall, std::nullopt, 0, 0};
  record.restarts = item.attempt;
  record.started = !item.has_startup;
  record.ready = !item.probed && item.kind != ContainerKind::kInit;
}

void Sequence::start_failed(std::size_t i, const std::string& message, Now now) {
  ContainerRecord& record = record_.containers[i];
  items_[i].began = now.mono;
  record.restarts = items_[i].attempt;
  record.now = RunState{State::kTerminated, "StartError", message, items_[i].attempt,
                        now.wall,           now.wall,     128,     0};
  run_over(i, now);
}

void Sequence::exited(std::size_t i, int wait_status, Now now) {
  RunState& run = record_.containers[i].now;
  run.state = State::kTerminated;
  run.attempt = items_[i].attempt;
  if (!run.started) run.started = now.wall;
  run.finished = now.wall;
  run.signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
  run.exit_code = run.signal != 0 ? 128 + run.signal : WEXITSTATUS(wait_status);
  run.reason = run.exit_code == 0 ? "Completed" : "Error";
  run.message = items_[i].why;
  run_over(i, now);
}

// A run has ended and `now` of its record says how: decides whether another follows, and when.
void Sequence::run_over(std::size_t i, Now now) {
  Item& item = items_[i];
  ContainerRecord& record = record_.containers[i];
  const bool success = record.now.exit_code == 0;
  record.started = false;
  record.ready = item.kind == ContainerKind::kInit && success;
  item.terminate = item.terminated = false;
  item.kill_at.reset();
  item.kills = 0;
  item.why.clear();
  if (!restarts(i)) {
    item.step = Step::kOver;
    if (item.kind == ContainerKind::kInit && !success && !end_by_) {
      failed_ = true;
      begin_end(grace_, now);
    }
    return;
  }
  if (now.mono - item.began > 2 * backoff_max_) item.backoff = Duration(0);
  item.step = Step::kWaiting;
  item.restart_at = now.mono + item.backoff;
  record.last = record.now;
  if (item.backoff > Duration(0)) {
    const auto wait = std::chrono::duration_cast<std::chrono::seconds>(item.backoff).count();
    record.now = RunState{};
    record.now.reason = "CrashLoopBackOff";
    record.now.message =
        "back-off " + std::to_string(wait) + "s restarting failed container=" + record.name;
  }
  item.backoff = std::clamp(2 * item.backoff, backoff_first_, backoff_max_);
}

bool Sequence::restarts(std::size_t i) const {
  if (end_by_) return false;
  const bool success = record_.containers[i].now.exit_code == 0;
  switch (items_[i].kind) {
    case ContainerKind::kSidecar:
      return true;
    case ContainerKind::kInit:
      return !success && policy_ != RestartPolicy::kNever;
    case ContainerKind::kMain:
      return policy_ == RestartPolicy::kAlways ||
             (policy_ == RestartPolicy::kOnFailure && !success);
  }
  return false;
}

void Sequence::probed(std::size_t i, bool is_started, bool is_ready) {
  if (items_[i].step != Step::kRunning) return;
  record_.containers[i].started = is_started;
  record_.containers[i].ready = is_started && is_ready;
}

void Sequence::end_run(std::size_t i, const std::string& why, Now now) {
  Item& item = items_[i];
  if (item.step != Step::kRunning || item.terminated) return;
  item.why = why;
  item.kill_at = now.mono + grace_;
  order_end(item);
}

void Sequence::order_end(Item& item) {
  if (!item.terminated) item.terminate = true;
}

void Sequence::stop(const StopOrder& order, Now now) {
  if (!order.reason.empty() && record_.reason.empty()) {
    record_.reason = order.reason;
    record_.message = order.message;
    failed_ = true;
  }
  begin_end(seconds(order.grace_s), now);
}

void Sequence::begin_end(Duration grace, Now now) {
  const TimePoint by = now.mono + grace;
  end_by_ = end_by_ ? std::min(*end_by_, by) : by;
}

std::vector<Sequence::Action> Sequence::step(Now now) {
  std::vector<Action> due;
  if (record_.final) return due;
  if (deadline_ && now.mono >= *deadline_ && !end_by_) {
    stop({grace_.count() / 1'000'000'000, "DeadlineExceeded",
          "Pod was active on the node longer than the specified deadline"},
         now);
  }
  if (!end_by_) advance(now, due);
  if (end_by_) wind_down();
  for (std::size_t i = 0; i < items_.size(); ++i) {
    Item& item = items_[i];
    if (item.step != Step::kRunning) continue;
    if (item.terminate) due.push_back({Action::Kind::kTerminate, i, 0});
    item.terminated = item.terminated || item.terminate;
    item.terminate = false;
    if (item.kill_at && now.mono >= *item.kill_at) {
      due.push_back({Action::Kind::kKill, i, item.kills++});
      item.kill_at = now.mono + kKillEvery;
    }
  }
  update_phase();
  return due;
}

void Sequence::advance(Now now, std::vector<Action>& due) {
  bool mains_over = true;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    Item& item = items_[i];
    if (item.kind == ContainerKind::kMain && !record_.initialized) {
      record_.initialized = true;
      for (ContainerRecord& record : record_.containers) {
        if (record.now.reason == "PodInitializing") record.now.reason = "ContainerCreating";
      }
    }
    if (item.kind == ContainerKind::kInit && item.step == Step::kOver) continue;
    launch_if_due(i, now, due);
    if (item.kind == ContainerKind::kMain) {
      mains_over = mains_over && item.step == Step::kOver;
    } else if (!record_.initialized &&
               (item.kind == ContainerKind::kInit || !record_.containers[i].started)) {
      return;  // what comes after has to wait
    }
  }
  if (mains_over) begin_end(grace_, now);
}

void Sequence::launch_if_due(std::size_t i, Now now, std::vector<Action>& due) {
  Item& item = items_[i];
  const bool ready =
      item.step == Step::kIdle || (item.step == Step::kWaiting && now.mono >= item.restart_at);
  if (!ready) return;
  item.step = Step::kStarting;
  due.push_back({Action::Kind::kStart, i, ++item.attempt});
}

void Sequence::wind_down() {
  bool others_alive = false, any_alive = false;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    Item& item = items_[i];
    if (!item.alive()) {
      if (item.step == Step::kWaiting && record_.containers[i].last) {
        record_.containers[i].now = *record_.containers[i].last;
        record_.containers[i].last.reset();
      }
      item.step = Step::kOver;
      continue;
    }
    any_alive = true;
    if (item.kills == 0) item.kill_at = item.kill_at ? std::min(*item.kill_at, *end_by_) : *end_by_;
    if (item.kind == ContainerKind::kSidecar) continue;
    others_alive = true;
    order_end(item);
  }
  if (!any_alive) return finish();
  if (others_alive) return;
  const auto last =
      std::find_if(items_.rbegin(), items_.rend(), [](const Item& item) { return item.alive(); });
  order_end(*last);
}

void Sequence::finish() {
  record_.final = true;
  for (ContainerRecord& record : record_.containers) {
    if (record.kind != ContainerKind::kMain) continue;
    record.ready = false;
    const bool success = record.now.state == State::kTerminated && record.now.exit_code == 0;
    failed_ = failed_ || !success;
  }
}

void Sequence::update_phase() {
  if (record_.final) {
    record_.phase = failed_ ? PodPhase::kFailed : PodPhase::kSucceeded;
    return;
  }
  const bool any_started =
      std::any_of(record_.containers.begin(), record_.containers.end(), [](const auto& record) {
        return record.kind == ContainerKind::kMain &&
               (record.now.state != State::kWaiting || record.last);
      });
  if (any_started) record_.phase = PodPhase::kRunning;
}

std::optional<TimePoint> Sequence::next_wake() const {
  std::optional<TimePoint> wake;
  const auto consider = [&wake](TimePoint t) { wake = wake ? std::min(*wake, t) : t; };
  if (record_.final) return wake;
  if (deadline_ && !end_by_) consider(*deadline_);
  for (const Item& item : items_) {
    if (item.step == Step::kWaiting && !end_by_) consider(item.restart_at);
    if (item.step == Step::kRunning && item.kill_at) consider(*item.kill_at);
  }
  return wake;
}

}  // namespace k8s::node
