#include "libk8s/node/api_writer.hpp"

#include <algorithm>
#include <optional>

#include "libk8s/base/log.hpp"

namespace k8s::node {
namespace {
constexpr Duration kFirstWait = std::chrono::milliseconds(200);
constexpr Duration kLongestWait = std::chrono::seconds(20);
}  // namespace

void RetryTimer::again(std::function<void()> fn) {
  wait_ = std::clamp(2 * wait_, kFirstWait, kLongestWait);
  const auto quarter = static_cast<std::uint64_t>(wait_.count() / 4);
  const Duration jitter(static_cast<std::int64_t>(loop_.random() % quarter));
  cancel();
  timer_ = loop_.after(wait_ + jitter, [this, fn = std::move(fn)] {
    timer_ = TimerId::kNone;
    fn();
  });
}

void RetryTimer::cancel() {
  loop_.cancel(timer_);
  timer_ = TimerId::kNone;
}

struct ApiWriter::Wish {
  explicit Wish(Loop& loop) : retry(loop) {}
  std::string body;                   // wanted
  std::optional<std::string> stands;  // what the server has, as far as we know
  std::function<http::Request()> make;
  bool in_flight = false, waiting = false, moot = false;
  http::ExchangeId exchange = http::ExchangeId::kNone;
  RetryTimer retry;
};

ApiWriter::ApiWriter(Loop& loop, http::Transport& transport) : loop_(loop), transport_(transport) {}

ApiWriter::~ApiWriter() {
  for (const auto& [key, wish] : wishes_) {
    if (wish->in_flight) transport_.cancel(wish->exchange);
  }
}

void ApiWriter::want(const std::string& key, const std::string& body,
                     std::function<http::Request()> make) {
  std::unique_ptr<Wish>& wish = wishes_[key];
  if (!wish) wish = std::make_unique<Wish>(loop_);
  if (wish->moot || (wish->stands == body && !wish->in_flight)) return;
  wish->body = body;
  wish->make = std::move(make);
  if (!wish->in_flight && !wish->waiting) send(key);
}

bool ApiWriter::settled(const std::string& key) const {
  const auto it = wishes_.find(key);
  if (it == wishes_.end() || it->second->moot) return true;
  return !it->second->in_flight && it->second->stands == it->second->body;
}

void ApiWriter::forget(const std::string& key) {
  const auto it = wishes_.find(key);
  if (it == wishes_.end()) return;
  if (it->second->in_flight) transport_.cancel(it->second->exchange);
  wishes_.erase(it);
}

void ApiWriter::send(const std::string& key) {
  Wish& wish = *wishes_.at(key);
  wish.in_flight = true;
  wish.exchange = http::fetch(
      transport_, wish.make(), [this, key, body = wish.body](Result<http::Response> response) {
        answered(key, body, response ? to_status(*response) : response.status());
      });
}

void ApiWriter::answered(const std::string& key, const std::string& body, const Status& status) {
  const auto it = wishes_.find(key);
  if (it == wishes_.end()) return;
  Wish& wish = *it->second;
  wish.in_flight = false;
  if (status.is_ok()) {
    wish.retry.succeeded();
    wish.stands = body;
    if (wish.body != body) return send(key);
    if (on_settled_) on_settled_(key);
    return;
  }
  if (status.code() == Code::kNotFound) {
    wish.moot = true;
    if (on_settled_) on_settled_(key);
    return;
  }
  log::warn("status not written, trying again", {{"object", key}, {"why", status.message()}});
  wish.stands.reset();
  wish.waiting = true;
  wish.retry.again([this, key] {
    const auto later = wishes_.find(key);
    if (later == wishes_.end()) return;
    later->second->waiting = false;
    send(key);
  });
}

}  // namespace k8s::node
