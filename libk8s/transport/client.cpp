#include "libk8s/transport/client.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

#include "libk8s/request/request.hpp"

namespace k8s {
namespace {

constexpr int kMaxRetries = 10;

// Says how long the next try has to wait. Tokens below zero are turns that are already given away.
class TokenBucket {
 public:
  TokenBucket(RateLimit limit, TimePoint now)
      : limit_(limit), tokens_(std::max(1, limit.burst)), filled_at_(now) {}

  Duration take(TimePoint now) {
    if (limit_.per_second <= 0) return Duration::zero();
    const double seconds = std::chrono::duration<double>(now - filled_at_).count();
    filled_at_ = now;
    tokens_ = std::min<double>(std::max(1, limit_.burst), tokens_ + seconds * limit_.per_second);
    tokens_ -= 1;
    if (tokens_ >= 0) return Duration::zero();
    return std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(-tokens_ / limit_.per_second));
  }

 private:
  RateLimit limit_;
  double tokens_;
  TimePoint filled_at_;
};

bool may_retry(const Status& status) {
  const int http = status.http_status();
  return (http == 429 || http >= 500) && status.retry_after().has_value();
}

}  // namespace

// Callbacks of the loop and the transport hold it weakly: they do nothing once the Client is gone.
struct Client::Impl : std::enable_shared_from_this<Client::Impl> {
  struct Call {
    http::Request request;
    Callback done;
    int retries = 0;
    TimerId timer = TimerId::kNone;
    http::ExchangeId exchange = http::ExchangeId::kNone;
  };

  Impl(Loop& l, http::Transport& t, RateLimit limit)
      : loop(l), transport(t), bucket(limit, l.now()) {}

  // Waits for a turn, then sends; `at_least` is what the server asked for.
  void arrange(CallId id, Duration at_least) {
    const Duration wait = std::max(at_least, bucket.take(loop.now()));
    if (wait <= Duration::zero()) return send(id);
    calls.at(id).timer = loop.after(wait, [weak = weak_from_this(), id] {
      if (const auto self = weak.lock()) self->send(id);
    });
  }

  void send(CallId id) {
    const auto it = calls.find(id);
    if (it == calls.end()) return;
    it->second.timer = TimerId::kNone;
    ++exchanges;
    it->second.exchange = http::fetch(transport, it->second.request,
                                      [weak = weak_from_this(), id](Result<http::Response> answer) {
                                        if (const auto self = weak.lock())
                                          self->answered(id, std::move(answer));
                                      });
  }

  void answered(CallId id, Result<http::Response> answer) {
    const auto it = calls.find(id);
    if (it == calls.end()) return;
    if (!answer) return end(id, answer.status());
    const Status status = to_status(*answer);
    if (may_retry(status) && it->second.retries < kMaxRetries) {
      ++it->second.retries;
      return arrange(id, *status.retry_after());
    }
    end(id, to_json(*answer));
  }

  // The callback may destroy the Client, so nothing of it is touched afterwards.
  void end(CallId id, Result<nlohmann::json> result) {
    const Callback done = std::move(calls.at(id).done);
    calls.erase(id);
    done(std::move(result));
  }

  void forget(const Call& call) {
    loop.cancel(call.timer);
    if (call.exchange != http::ExchangeId::kNone) transport.cancel(call.exchange);
  }

  Loop& loop;
  http::Transport& transport;
  TokenBucket bucket;
  std::unordered_map<CallId, Call> calls;
  std::uint64_t last_id = 0;
  std::uint64_t exchanges = 0;
};

Client::Client(Loop& loop, http::Transport& transport, RateLimit limit)
    : impl_(std::make_shared<Impl>(loop, transport, limit)) {}

Client::~Client() {
  for (const auto& [id, call] : impl_->calls) impl_->forget(call);
}

Client::CallId Client::call(http::Request request, Callback done) {
  const CallId id{++impl_->last_id};
  Impl::Call call;
  call.request = std::move(request);
  call.done = std::move(done);
  impl_->calls.emplace(id, std::move(call));
  impl_->arrange(id, Duration::zero());
  return id;
}

void Client::cancel(CallId id) {
  const auto it = impl_->calls.find(id);
  if (it == impl_->calls.end()) return;
  impl_->forget(it->second);
  impl_->calls.erase(it);
}

std::uint64_t Client::exchanges() const { return impl_->exchanges; }
std::size_t Client::pending() const { return impl_->calls.size(); }
Loop& Client::loop() { return impl_->loop; }
http::Transport& Client::transport() { return impl_->transport; }

}  // namespace k8s
