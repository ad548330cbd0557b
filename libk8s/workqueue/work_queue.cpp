#include "libk8s/workqueue/work_queue.hpp"

namespace k8s {

WorkQueue::WorkQueue(Loop& loop, Options options, Worker worker)
    : loop_(loop), options_(options), worker_(std::move(worker)), retry_(options.retry) {}

WorkQueue::~WorkQueue() {
  *alive_ = false;
  stop();
}

void WorkQueue::add(const std::string& key) {
  if (stopped_) return;
  if (set_.add(key)) arrange_pump();
}

void WorkQueue::add_after(const std::string& key, Duration delay) {
  if (stopped_) return;
  if (delay <= Duration(0)) return add(key);
  const TimePoint due = loop_.now() + delay;
  const auto found = delayed_.find(key);
  if (found != delayed_.end()) {
    if (found->second.first <= due) return;
    loop_.cancel(found->second.second);
    delayed_.erase(found);
  }
  const TimerId timer = loop_.after(delay, [this, key] {
    delayed_.erase(key);
    add(key);
  });
  delayed_.emplace(key, std::pair(due, timer));
}

void WorkQueue::stop() {
  stopped_ = true;
  for (const auto& [key, wait] : delayed_) loop_.cancel(wait.second);
  delayed_.clear();
  loop_.cancel(std::exchange(pump_timer_, TimerId::kNone));
}

void WorkQueue::on_drained(std::function<void()> done) {
  if (set_.processing() == 0) return done();
  drained_ = std::move(done);
}

void WorkQueue::arrange_pump() {
  if (stopped_ || pump_timer_ != TimerId::kNone) return;
  pump_timer_ = loop_.after(Duration(0), [this] {
    pump_timer_ = TimerId::kNone;
    pump();
  });
}

void WorkQueue::pump() {
  const std::shared_ptr<bool> alive = alive_;
  while (*alive && !stopped_ && set_.processing() < static_cast<std::size_t>(options_.workers)) {
    const std::optional<std::string> key = set_.take();
    if (!key) return;
    const auto used = std::make_shared<bool>(false);
    worker_(*key, [this, alive, used, key = *key](Verdict verdict) {
      if (!*alive || std::exchange(*used, true)) return;
      finish(key, verdict);
    });
  }
}

void WorkQueue::finish(const std::string& key, Verdict verdict) {
  set_.done(key);
  if (verdict.kind_ == Verdict::Kind::kRetry) {
    add_after(key, retry_.next(key, loop_.now()));
  } else {
    retry_.forget(key);
    if (verdict.kind_ == Verdict::Kind::kAgain) add_after(key, verdict.delay_);
  }
  if (set_.waiting() > 0) arrange_pump();
  if (drained_ && set_.processing() == 0) std::exchange(drained_, nullptr)();
}

}  // namespace k8s
