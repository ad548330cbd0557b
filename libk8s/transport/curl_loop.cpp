#include "libk8s/transport/curl_loop.hpp"

#include <curl/curl.h>
#include <sys/random.h>

#include <algorithm>
#include <cassert>
#include <ctime>
#include <limits>
#include <utility>

namespace k8s {
namespace {

constexpr std::int64_t kMilli = 1'000'000;
// A wait ends at least this often; nothing depends on it.
constexpr std::int64_t kMaxWait = 60'000 * kMilli;
// Servers that speak HTTP/1.1 only get at most so many connections at once.
constexpr long kMaxHostConnections = 96;

std::int64_t clock_ns(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

void init_curl_once() {
  static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
  assert(result == CURLE_OK);
  (void)result;
}

}  // namespace

CurlLoop::CurlLoop() {
  init_curl_once();
  multi_ = curl_multi_init();
  assert(multi_ != nullptr);
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
  curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, kMaxHostConnections);
}

CurlLoop::~CurlLoop() {
  while (!driven_.empty()) remove(driven_.begin()->first);
  curl_multi_cleanup(multi_);
}

TimePoint CurlLoop::now() const { return {clock_ns(CLOCK_MONOTONIC)}; }
WallTime CurlLoop::wall_now() const { return {clock_ns(CLOCK_REALTIME)}; }

TimerId CurlLoop::after(Duration delay, std::function<void()> fn) {
  const std::uint64_t id = ++last_timer_;
  const std::int64_t now_ns = now().ns;
  const std::int64_t room = std::numeric_limits<std::int64_t>::max() - now_ns;
  const std::int64_t due = now_ns + std::clamp<std::int64_t>(delay.count(), 0, room);
  timers_.emplace(TimerKey{due, id}, std::move(fn));
  due_of_.emplace(id, due);
  return TimerId{id};
}

void CurlLoop::cancel(TimerId timer) {
  const auto it = due_of_.find(static_cast<std::uint64_t>(timer));
  if (it == due_of_.end()) return;
  timers_.erase({it->second, it->first});
  due_of_.erase(it);
}

void CurlLoop::post(std::function<void()> fn) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(fn));
  }
  curl_multi_wakeup(multi_);
}

std::uint64_t CurlLoop::random() {
  std::uint64_t bits = 0;
  const ssize_t got = getrandom(&bits, sizeof bits, 0);
  assert(got == sizeof bits);
  (void)got;
  return bits;
}

void CurlLoop::run() {
  while (true) {
    work();
    if (stop_.exchange(false)) return;
    wait(std::numeric_limits<std::int64_t>::max());
  }
}

void CurlLoop::stop() {
  stop_ = true;
  curl_multi_wakeup(multi_);
}

bool CurlLoop::run_until(const std::function<bool()>& done, Duration limit) {
  const TimePoint end = now() + limit;
  while (true) {
    work();
    if (done()) return true;
    if (now() >= end) return false;
    wait(end.ns);
  }
}

void CurlLoop::work() {
  run_posted();
  run_timers();
  perform();
}

// Until something is due, arrives, or is posted; what was posted before wakes it, too.
void CurlLoop::wait(std::int64_t until_ns) {
  if (!timers_.empty()) until_ns = std::min(until_ns, timers_.begin()->first.first);
  const std::int64_t left = std::clamp<std::int64_t>(until_ns - now().ns, 0, kMaxWait);
  // Rounded up: waking a little too early would only be another turn.
  curl_multi_poll(multi_, nullptr, 0, static_cast<int>((left + kMilli - 1) / kMilli), nullptr);
}

void CurlLoop::run_posted() {
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(mutex_);
    work.swap(posted_);
  }
  for (const auto& fn : work) fn();
}

// Runs what is due now; timers made meanwhile wait for the next turn, so that a callback that
// re-arms itself at once cannot keep the network from being served.
void CurlLoop::run_timers() {
  const std::int64_t now_ns = now().ns;
  const std::uint64_t newest = last_timer_;
  while (!timers_.empty()) {
    const auto it = std::find_if(timers_.begin(), timers_.end(),
                                 [&](const auto& t) { return t.first.second <= newest; });
    if (it == timers_.end() || it->first.first > now_ns) return;
    const auto fn = std::move(it->second);
    due_of_.erase(it->first.second);
    timers_.erase(it);
    fn();
  }
}

void CurlLoop::perform() {
  int running = 0;
  performing_ = true;
  curl_multi_perform(multi_, &running);
  performing_ = false;
  for (CURL* easy : std::exchange(to_remove_, {})) remove(easy);
  finish_handles();
  add_waiting();
}

// Handles that ended. Their callbacks may attach and detach others.
void CurlLoop::finish_handles() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* easy = message->easy_handle;
    const int result = message->data.result;
    const auto it = driven_.find(easy);
    if (it == driven_.end()) continue;
    // The handle must live while `done` asks it for details.
    const Driven driven = std::move(it->second);
    driven_.erase(it);
    driven.done(result);
    curl_multi_remove_handle(multi_, easy);
    curl_easy_cleanup(easy);
  }
}

void CurlLoop::add_waiting() {
  for (CURL* easy : std::exchange(to_add_, {})) {
    if (driven_.contains(easy)) curl_multi_add_handle(multi_, easy);
  }
}

void CurlLoop::attach(CURL* easy, std::shared_ptr<void> owner, std::function<void(int)> done) {
  driven_.emplace(easy, Driven{std::move(owner), std::move(done)});
  if (performing_) {
    to_add_.push_back(easy);
  } else {
    curl_multi_add_handle(multi_, easy);
  }
}

void CurlLoop::detach(CURL* easy) {
  const auto it = driven_.find(easy);
  if (it == driven_.end()) return;
  it->second.done = [](int) {};
  if (performing_) {
    to_remove_.push_back(easy);
  } else {
    remove(easy);
  }
}

void CurlLoop::remove(CURL* easy) {
  const auto it = driven_.find(easy);
  if (it == driven_.end()) return;
  const Driven driven = std::move(it->second);
  driven_.erase(it);
  curl_multi_remove_handle(multi_, easy);
  curl_easy_cleanup(easy);
  std::erase(to_add_, easy);
}

}  // namespace k8s
