#include "tests/sim/sim_transport.hpp"

#include <nlohmann/json.hpp>
#include <utility>

namespace fermi::sim {

using k8s::Code;
using k8s::Duration;
using k8s::Status;
using k8s::http::ExchangeId;
using k8s::http::Handler;
using k8s::http::Request;
using k8s::http::Response;
using std::chrono::milliseconds;

namespace {

constexpr std::ptrdiff_t kRemembered = 8;  // events of a watch that may come again

}  // namespace

std::vector<std::string> split_events(const std::string& bytes, bool protobuf) {
  std::vector<std::string> events;
  std::size_t at = 0;
  while (at < bytes.size()) {
    std::size_t length = 0;
    if (protobuf) {
      for (std::size_t i = 0; i < 4 && at + i < bytes.size(); ++i)
        length = length * 256 + static_cast<unsigned char>(bytes[at + i]);
      length += 4;
    } else {
      const std::size_t end = bytes.find('\n', at);
      length = end == std::string::npos ? bytes.size() - at : end + 1 - at;
    }
    events.push_back(bytes.substr(at, length));
    at += length;
  }
  return events;
}

SimTransport::SimTransport(SimServer& server, ProcessLoop& process, std::string actor,
                           const Faults& faults, std::uint64_t seed)
    : server_(server),
      process_(process),
      actor_(std::move(actor)),
      faults_(faults),
      random_(seed) {}

SimTransport::~SimTransport() { *alive_ = false; }

Duration SimTransport::delay() {
  const Duration max = chance(faults_.slow) ? faults_.slow_max : faults_.fast_max;
  return Duration(random_.between(100'000, max.count()));
}

SimTransport::Exchange* SimTransport::find(Id id) {
  const auto found = exchanges_.find(id);
  return found == exchanges_.end() ? nullptr : &found->second;
}

ExchangeId SimTransport::start(Request request, Handler handler) {
  const Id id = next_id_++;
  if (!process_.alive()) return static_cast<ExchangeId>(id);
  const bool write = request.method != "GET";
  if (write && killed(WritePoint::kBeforeSend, request)) return static_cast<ExchangeId>(id);
  Exchange exchange;
  exchange.request = std::move(request);
  exchange.handler = std::move(handler);
  const auto timeout = exchange.request.timeout;
  exchanges_.emplace(id, std::move(exchange));
  if (timeout.count() > 0) fail(id, Code::kUnknownOutcome, "the request timed out", timeout);
  send(id);
  return static_cast<ExchangeId>(id);
}

bool SimTransport::killed(WritePoint point, const Request& request) {
  return process_.alive() && killer_ && killer_(point, request);
}

// Puts the request on its way. From here on it lives in the server's world: a dead process does
// not call it back.
void SimTransport::send(Id id) {
  if (refuse(id)) return;
  server_.loop().after(delay(), [this, alive = alive_, id] {
    if (*alive) apply(id);
  });
}

bool SimTransport::refuse(Id id) {
  const std::string& method = find(id)->request.method;
  if (chance(faults_.not_sent)) {
    fail(id, Code::kUnavailable, "connection refused", delay());
  } else if (chance(faults_.busy)) {
    answer_error(id, 429, "TooManyRequests", "too many requests, please try again later");
  } else if (chance(faults_.unavailable)) {
    answer_error(id, 503, "ServiceUnavailable", "the server is shutting down");
  } else if (chance(faults_.internal)) {
    answer_error(id, 500, "InternalError", "an internal error");
  } else if ((method == "PUT" || method == "PATCH") && chance(faults_.conflict)) {
    answer_error(id, 409, "Conflict", "the object has been modified");
  } else {
    return false;
  }
  return true;
}

void SimTransport::apply(Id id) {
  Exchange* exchange = find(id);
  if (exchange == nullptr) return;
  exchange->applied = true;
  const Request request = exchange->request;
  k8s::apiserver::Reply reply = server_.handle(actor_, request);
  exchange = find(id);
  if (exchange == nullptr) return;
  const bool write = request.method != "GET";
  if (write && killed(WritePoint::kAfterApply, request)) return;
  if (reply.stream) return open_stream(id, reply);
  if (chance(faults_.lost)) {
    return fail(id, Code::kUnknownOutcome, "the connection broke before the answer came", delay());
  }
  if (chance(faults_.internal_applied)) {
    return answer_error(id, 500, "InternalError", "etcdserver: request timed out");
  }
  answer(id, std::move(reply.response), delay());
}

void SimTransport::answer(Id id, Response response, Duration after) {
  const auto shared = std::make_shared<Response>(std::move(response));
  hear(id, after, [shared](Handler& handler) {
    if (handler.on_head) handler.on_head(shared->status, shared->headers);
  });
  hear(id, after, [shared](Handler& handler) {
    if (handler.on_data && !shared->body.empty()) handler.on_data(shared->body);
  });
  finish(id, Status::ok(), after);
}

void SimTransport::answer_error(Id id, int status, const char* reason, const char* message) {
  const nlohmann::json body = {{"kind", "Status"},
                               {"apiVersion", "v1"},
                               {"status", "Failure"},
                               {"message", message},
                               {"reason", reason},
                               {"code", status},
                               {"metadata", nlohmann::json::object()}};
  Response response;
  response.status = status;
  response.headers.set("Content-Type", "application/json");
  if (status == 429) response.headers.set("Retry-After", "1");
  response.body = body.dump();
  answer(id, std::move(response), delay());
}

void SimTransport::fail(Id id, Code code, const char* why, Duration after) {
  finish(id, Status(code, why), after);
}

void SimTransport::hear(Id id, Duration after, std::function<void(Handler&)> fn) {
  process_.after(after, [this, id, fn = std::move(fn)] {
    Exchange* const exchange = find(id);
    if (exchange == nullptr) return;
    Handler handler = exchange->handler;  // the callee may cancel, which frees the original
    fn(handler);
  });
}

void SimTransport::finish(Id id, Status status, Duration after) {
  process_.after(after, [this, id, status = std::move(status)] {
    const auto node = exchanges_.extract(id);
    if (node.empty()) return;
    const Exchange& exchange = node.mapped();
    if (exchange.stream) exchange.stream->on_ready(nullptr);
    if (exchange.handler.on_end) exchange.handler.on_end(status);
    const bool answered = exchange.request.method != "GET" && status.is_ok();
    if (answered) killed(WritePoint::kAfterReply, exchange.request);
  });
}

void SimTransport::cancel(ExchangeId exchange) {
  const auto node = exchanges_.extract(static_cast<Id>(exchange));
  if (node.empty()) return;
  if (node.mapped().stream) node.mapped().stream->on_ready(nullptr);
  perhaps_apply_later(node.mapped());
}

void SimTransport::perhaps_apply_later(const Exchange& exchange) {
  if (exchange.applied || exchange.request.method == "GET" || random_.chance(500)) return;
  server_.loop().after(Duration(random_.between(0, 50'000'000)),
                       [&server = server_, actor = actor_, request = exchange.request] {
                         server.handle(actor, request);
                       });
}

// ---- streams ---------------------------------------------------------------------------------

void SimTransport::open_stream(Id id, const k8s::apiserver::Reply& reply) {
  Exchange& exchange = *find(id);
  exchange.stream = reply.stream;
  exchange.protobuf =
      reply.response.headers.get("Content-Type").find("protobuf") != std::string_view::npos;
  exchange.head = reply.response;
  exchange.stream->on_ready([this, alive = alive_, id] {
    if (*alive) arrange_delivery(id);
  });
  arrange_delivery(id);
}

void SimTransport::arrange_delivery(Id id) {
  Exchange* const exchange = find(id);
  if (exchange == nullptr || exchange->scheduled || exchange->dark) return;
  exchange->scheduled = true;
  if (chance(faults_.blackhole)) exchange->dark = true;
  Duration wait = delay();
  if (chance(faults_.late)) wait = Duration(random_.between(0, faults_.late_max.count()));
  process_.after(wait, [this, id] { deliver(id); });
}

void SimTransport::deliver(Id id) {
  Exchange* exchange = find(id);
  if (exchange == nullptr || exchange->dark) return;
  exchange->scheduled = false;
  const bool lags = !faults_.lagging.empty() &&
                    exchange->request.target.find(faults_.lagging) != std::string::npos;
  if (lags) return look_again(id);
  if (const Response head = std::exchange(exchange->head, {}); head.status != 0) {
    hear(id, Duration(0), [head](Handler& handler) {
      if (handler.on_head) handler.on_head(head.status, head.headers);
    });
  }
  std::string bytes = exchange->stream->take();
  const bool ended = exchange->stream->ended();
  if (!bytes.empty() && chance(faults_.cut)) return cut(id, bytes);
  if (!bytes.empty()) {
    const std::vector<std::string> events = split_events(bytes, exchange->protobuf);
    std::vector<std::string>& past = exchange->past;
    past.insert(past.end(), events.begin(), events.end());
    if (past.size() > static_cast<std::size_t>(kRemembered))
      past.erase(past.begin(), past.end() - kRemembered);
    if (chance(faults_.doubled)) bytes += past[random_.below(past.size())];
    const std::size_t first = chance(faults_.split) ? random_.below(bytes.size()) : bytes.size();
    hear(id, Duration(0), [head = bytes.substr(0, first)](Handler& handler) {
      if (handler.on_data && !head.empty()) handler.on_data(head);
    });
    hear(id, Duration(0), [tail = bytes.substr(first)](Handler& handler) {
      if (handler.on_data && !tail.empty()) handler.on_data(tail);
    });
  }
  if (ended) finish(id, Status::ok(), Duration(0));
}

void SimTransport::look_again(Id id) {
  find(id)->scheduled = true;
  process_.after(milliseconds(500), [this, id] { deliver(id); });
}

// Some of what was on its way still comes, perhaps half an event; then the stream is over.
void SimTransport::cut(Id id, const std::string& bytes) {
  const std::string some = bytes.substr(0, random_.below(bytes.size() + 1));
  hear(id, Duration(0), [some](Handler& handler) {
    if (handler.on_data && !some.empty()) handler.on_data(some);
  });
  const bool clean = random_.chance(300);
  finish(id, clean ? Status::ok() : Status(Code::kUnknownOutcome, "connection reset"), Duration(0));
}

void SimTransport::reset() {
  for (const auto& [id, exchange] : exchanges_)
    fail(id, Code::kUnknownOutcome, "connection reset", Duration(0));
}

void SimTransport::die() {
  for (auto at = exchanges_.begin(); at != exchanges_.end();) {
    perhaps_apply_later(at->second);
    if (at->second.stream) at->second.stream->on_ready(nullptr);
    at = exchanges_.erase(at);
  }
}

}  // namespace fermi::sim
