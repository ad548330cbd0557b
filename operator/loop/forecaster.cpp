#include "operator/loop/forecaster.hpp"

#include <algorithm>
#include <utility>

namespace fermi {
namespace {

// A run: so many plans at most, and no further than a month.
constexpr sched::ForecastLimits kLimits = {1'000, std::int64_t{30} * 86'400 * 1'000'000'000, 20};
constexpr std::int64_t kPlansOfSlice = 8, kPlansBetweenAnswers = 64;
constexpr k8s::Duration kSlice = std::chrono::milliseconds(2);
// Of one core: a tenth.
constexpr int kPause = 9;
constexpr k8s::Duration kSoon = std::chrono::milliseconds(50);
constexpr k8s::Duration kBetweenRuns = std::chrono::seconds(1);
constexpr k8s::Duration kOverdue = std::chrono::seconds(5);

}  // namespace

Forecaster::Forecaster(k8s::Loop& loop, Metrics& metrics, const sched::Engine& engine,
                       std::function<void()> told)
    : loop_(loop), metrics_(metrics), engine_(engine), told_(std::move(told)) {}

Forecaster::~Forecaster() { loop_.cancel(timer_); }

void Forecaster::close() {
  closed_ = true;
  loop_.cancel(timer_);
  timer_ = k8s::TimerId::kNone;
  run_.reset();
}

void Forecaster::changed() {
  dirty_ = true;
  if (run_ == nullptr) arrange(std::max(loop_.now() + kSoon, next_run_));
}

void Forecaster::arrange(k8s::TimePoint due) {
  if (closed_) return;
  if (timer_ != k8s::TimerId::kNone) {
    if (due_ <= due) return;
    loop_.cancel(timer_);
  }
  due_ = due;
  timer_ = loop_.after(std::max(due - loop_.now(), k8s::Duration(0)), [this] {
    timer_ = k8s::TimerId::kNone;
    wake();
  });
}

void Forecaster::wake() {
  if (run_ == nullptr)
    begin();
  else
    slice();
}

void Forecaster::begin() {
  const k8s::TimePoint began = loop_.now();
  dirty_ = false;
  next_run_ = began + kBetweenRuns;
  ++metrics_.forecasts;
  run_ = std::make_unique<sched::Forecast>(engine_, now(), kLimits);
  pause(began, true);
}

void Forecaster::slice() {
  const k8s::TimePoint began = loop_.now();
  bool more = true;
  for (int i = 0; more && i < kPlansOfSlice && loop_.now() - began < kSlice; ++i) {
    more = run_->step();
    if (run_->plans() % kPlansBetweenAnswers == 0) take(false);
  }
  if (!more) finish();
  pause(began, more);
}

void Forecaster::pause(k8s::TimePoint began, bool more) {
  const k8s::TimePoint now = loop_.now();
  metrics_.forecast_us += static_cast<std::uint64_t>((now - began).count() / 1000);
  const k8s::TimePoint free = now + (now - began) * kPause;
  next_run_ = std::max(next_run_, free);
  if (more) return arrange(free);
  if (dirty_) arrange(next_run_);
}

void Forecaster::take(bool whole) {
  for (const auto& [task, answer] : run_->starts()) known_[task] = {answer, run_->as_of()};
  if (!whole) return;
  std::erase_if(known_, [&](const auto& entry) { return entry.second.as_of < run_->as_of(); });
}

// Then the first start that does not come tells that the answers are old.
void Forecaster::finish() {
  take(true);
  metrics_.forecast_plans += static_cast<std::uint64_t>(run_->plans());
  as_of_ = run_->as_of();
  never_ = run_->end() == sched::Forecast::End::kNothing;
  not_before_.reset();
  if (!never_) not_before_ = run_->reached();
  placed_ = run_->placed();
  run_.reset();
  std::optional<sched::Time> first;
  for (const auto& [task, known] : known_)
    if (!first || known.answer.start < *first) first = known.answer.start;
  if (first) {
    const k8s::Duration left(std::max<std::int64_t>(first->ns - now().ns, 0));
    const k8s::Duration most = std::chrono::hours(24 * 30);
    arrange(std::max(loop_.now() + std::min(left, most) + kOverdue, next_run_));
  }
  told_();
}

Foreseen Forecaster::of(const std::string& task) const {
  Foreseen out;
  const auto found = known_.find(task);
  if (found != known_.end() && found->second.answer.start > now()) {
    out.start = found->second.answer.start;
    out.placement = found->second.answer.placement;
    out.as_of = found->second.as_of;
    return out;
  }
  const sched::Task* const told = engine_.task(task);
  if (found != known_.end() || told == nullptr || as_of_.ns == 0 || told->submitted > as_of_)
    return out;
  if (placed_.contains(task)) return out;  // it had a place then: the next run will know
  out.as_of = as_of_;
  out.never = never_;
  out.not_before = not_before_;
  return out;
}

}  // namespace fermi
