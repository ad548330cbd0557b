#include "libk8s/transport/curl_transport.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "libk8s/transport/credentials.hpp"
#include "libk8s/transport/curl_exchange.hpp"

namespace k8s {
namespace {

class CurlTransport final : public http::Transport {
 public:
  CurlTransport(CurlLoop& loop, Endpoint endpoint, std::unique_ptr<Credentials> credentials,
                const LivenessOptions& liveness)
      : loop_(loop),
        endpoint_(std::move(endpoint)),
        liveness_(liveness),
        credentials_(std::move(credentials)) {
    credentials_->on_tls_change([this] { cut_streams(); });
  }
  ~CurlTransport() override {
    for (const auto& [id, exchange] : exchanges_) drop(*exchange);
  }

  http::ExchangeId start(http::Request request, http::Handler handler) override {
    const http::ExchangeId id{++last_id_};
    auto exchange = std::make_shared<CurlExchange>();
    exchange->request = std::move(request);
    exchange->handler = std::move(handler);
    exchanges_.emplace(id, exchange);
    arm_timeout(id, *exchange);
    // Not from inside this call: an error at once still has to come later.
    credentials_->get([this, id](const Result<Credentials::Current>& current) {
      if (current) return launch(id, *current);
      loop_.after(Duration::zero(), [this, id, guard = alive_.flag, status = current.status()] {
        if (*guard) end(id, status);
      });
    });
    return id;
  }

  void cancel(http::ExchangeId id) override {
    const auto it = exchanges_.find(id);
    if (it == exchanges_.end()) return;
    const auto exchange = it->second;
    exchanges_.erase(it);
    drop(*exchange);
  }

 private:
  // Says to callbacks of the loop whether their transport is still there.
  struct Alive {
    std::shared_ptr<bool> flag = std::make_shared<bool>(true);
    ~Alive() { *flag = false; }
  };

  void launch(http::ExchangeId id, const Credentials::Current& current) {
    const auto it = exchanges_.find(id);
    if (it == exchanges_.end()) return;
    const auto& exchange = it->second;
    exchange->credentials = current;
    exchange->launched = exchange->last_heard = loop_.now();
    exchange->clock = &loop_;
    exchange->easy = make_easy(endpoint_, *exchange, loop_.sockets());
    arm_silence(id, exchange->request.silence);
    if (is_stream(*exchange)) arm_probe(id, liveness_.idle);
    loop_.attach(exchange->easy, exchange, [this, id](int result) { finished(id, result); });
  }

  void finished(http::ExchangeId id, int result) {
    const auto it = exchanges_.find(id);
    if (it == exchanges_.end()) return;
    CurlExchange& exchange = *it->second;
    if (exchange.status == 401) credentials_->rejected(exchange.credentials);
    const Status status = outcome(exchange, result);
    exchange.easy = nullptr;  // the loop cleans it up
    end(id, status);
  }

  // Ends an exchange and tells its handler, which may destroy this transport.
  void end(http::ExchangeId id, const Status& status) {
    const auto it = exchanges_.find(id);
    if (it == exchanges_.end()) return;
    const auto exchange = it->second;
    exchanges_.erase(it);
    drop(*exchange);
    if (exchange->handler.on_end) exchange->handler.on_end(status);
  }

  void drop(CurlExchange& exchange) {
    exchange.cancelled = true;
    loop_.cancel(exchange.timeout_timer);
    loop_.cancel(exchange.silence_timer);
    loop_.cancel(exchange.probe_timer);
    if (is_on_dead_connection(exchange)) sever(socket_of(exchange, loop_.sockets()));
    if (exchange.easy != nullptr) loop_.detach(std::exchange(exchange.easy, nullptr));
  }

  void arm_timeout(http::ExchangeId id, CurlExchange& exchange) {
    const auto limit = exchange.request.timeout;
    if (limit.count() <= 0) return;
    exchange.timeout_timer =
        loop_.after(limit, [this, id, limit] { give_up(id, "no whole answer within", limit); });
  }

  void arm_silence(http::ExchangeId id, std::chrono::milliseconds silence) {
    if (silence.count() <= 0) return;
    CurlExchange& exchange = *exchanges_.at(id);
    const Duration left = exchange.last_heard + silence - loop_.now();
    if (left <= Duration::zero()) return give_up(id, "nothing was heard for", silence);
    exchange.silence_timer = loop_.after(left, [this, id, silence] { arm_silence(id, silence); });
  }

  void give_up(http::ExchangeId id, std::string_view what, std::chrono::milliseconds limit) {
    const auto& exchange = *exchanges_.at(id);
    end(id, interrupted(exchange, std::string(what) + " " + std::to_string(limit.count()) + " ms"));
  }

  static bool is_stream(const CurlExchange& exchange) {
    return exchange.request.timeout.count() == 0;
  }

  // Asked when an exchange ends without having been answered (liveness.hpp).
  bool is_on_dead_connection(const CurlExchange& exchange) const {
    if (exchange.easy == nullptr || is_stream(exchange)) return false;
    const Duration age = loop_.now() - exchange.launched;
    const auto silent = silent_for(socket_of(exchange, loop_.sockets()));
    // What came while the connection was made is no answer, so half of the time is enough.
    return silent && *silent >= age / 2 &&
           age >= std::min<Duration>(liveness_.doubt, exchange.request.timeout);
  }

  void arm_probe(http::ExchangeId id, Duration delay) {
    exchanges_.at(id)->probe_timer = loop_.after(delay, [this, id] { look_at_connection(id); });
  }

  // One probe at a time does for all streams: they share the connection that may be silent.
  void look_at_connection(http::ExchangeId id) {
    const CurlExchange& exchange = *exchanges_.at(id);
    if (!may_share(exchange)) return;
    const auto silent = silent_for(socket_of(exchange, loop_.sockets()));
    const Duration left = liveness_.idle - silent.value_or(Duration::zero());
    if (left > Duration::zero()) return arm_probe(id, left);
    if (!exchanges_.contains(probe_)) probe();
    arm_probe(id, liveness_.answer);
  }

  // Not answered in time, it ends like any request on a dead connection.
  void probe() {
    http::Request request;
    request.method = "GET";
    request.target = "/version";
    request.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(liveness_.answer);
    probe_ = start(std::move(request), {});
  }

  // Streams would go on for as long as they like with what is no longer valid.
  void cut_streams() {
    std::vector<http::ExchangeId> streams;
    for (const auto& [id, exchange] : exchanges_) {
      if (exchange->easy != nullptr && is_stream(*exchange)) streams.push_back(id);
    }
    std::ranges::sort(streams);
    const std::shared_ptr<bool> alive = alive_.flag;
    for (const auto id : streams) {
      if (!*alive) return;
      const auto it = exchanges_.find(id);
      if (it != exchanges_.end()) end(id, interrupted(*it->second, "the credentials have changed"));
    }
  }

  CurlLoop& loop_;
  Endpoint endpoint_;
  LivenessOptions liveness_;
  http::ExchangeId probe_ = http::ExchangeId::kNone;  // the last one
  std::uint64_t last_id_ = 0;
  std::unordered_map<http::ExchangeId, std::shared_ptr<CurlExchange>> exchanges_;
  Alive alive_;
  std::unique_ptr<Credentials> credentials_;  // first to go: it calls back into the others
};

}  // namespace

Result<std::unique_ptr<http::Transport>> connect(CurlLoop& loop, const ClusterConfig& config,
                                                 const CredentialOptions& options,
                                                 const LivenessOptions& liveness) {
  auto endpoint = make_endpoint(config);
  if (!endpoint) return endpoint.status();
  auto credentials = Credentials::open(loop, config, options);
  if (!credentials) return credentials.status();
  return std::unique_ptr<http::Transport>(
      new CurlTransport(loop, std::move(*endpoint), std::move(*credentials), liveness));
}

}  // namespace k8s
