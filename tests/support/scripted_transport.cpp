#include "tests/support/scripted_transport.hpp"

#include <nlohmann/json.hpp>

namespace k8s::testing {

Answer reply(int status, std::string body, http::Headers headers) {
  Answer answer;
  answer.status = status;
  answer.headers = std::move(headers);
  answer.chunks.push_back(std::move(body));
  return answer;
}

Answer hold(int status, std::vector<std::string> chunks) {
  Answer answer;
  answer.status = status;
  answer.chunks = std::move(chunks);
  answer.ends = false;
  return answer;
}

Answer fail(Status status) {
  Answer answer;
  answer.status = 0;
  answer.end = std::move(status);
  return answer;
}

Answer refuse(int http_status, std::string_view reason, std::string_view message) {
  const nlohmann::json body = {
      {"kind", "Status"},    {"apiVersion", "v1"}, {"metadata", nlohmann::json::object()},
      {"status", "Failure"}, {"message", message}, {"reason", reason},
      {"code", http_status}};
  http::Headers headers;
  headers.set("Content-Type", "application/json");
  return reply(http_status, body.dump(), std::move(headers));
}

void ScriptedTransport::on(std::string pattern, Answer answer) {
  once_.push_back(
      {std::move(pattern), [answer = std::move(answer)](const http::Request&) { return answer; }});
}

void ScriptedTransport::always(std::string pattern, Answer answer) {
  always(std::move(pattern), [answer = std::move(answer)](const http::Request&) { return answer; });
}

void ScriptedTransport::always(std::string pattern,
                               std::function<Answer(const http::Request&)> make) {
  always_.insert(always_.begin(), {std::move(pattern), std::move(make)});
}

http::ExchangeId ScriptedTransport::start(http::Request request, http::Handler handler) {
  const auto id = static_cast<http::ExchangeId>(log_.size() + 1);
  log_.push_back({id, std::move(request), true, false});
  handlers_.emplace(id, std::move(handler));
  const std::string line = log_.back().line();
  const auto matches = [&](const Rule& rule) {
    return line.find(rule.pattern) != std::string::npos;
  };
  const auto once = std::find_if(once_.begin(), once_.end(), matches);
  if (once != once_.end()) {
    const Answer answer = once->make(log_.back().request);
    once_.erase(once);
    play(id, answer);
    return id;
  }
  const auto rule = std::find_if(always_.begin(), always_.end(), matches);
  if (rule != always_.end()) play(id, rule->make(log_.back().request));
  return id;
}

void ScriptedTransport::cancel(http::ExchangeId id) {
  Exchange* const found = exchange(id);
  if (found == nullptr || !found->open) return;
  found->open = false;
  found->cancelled = true;
  const auto kept = handlers_.extract(id);  // freed last: it may own the caller
}

void ScriptedTransport::play(http::ExchangeId id, const Answer& answer) {
  if (answer.status != 0) {
    later(id, answer.delay, [answer](http::Handler& handler) {
      if (handler.on_head) handler.on_head(answer.status, answer.headers);
    });
  }
  for (const std::string& chunk : answer.chunks) {
    later(id, answer.delay, [chunk](http::Handler& handler) {
      if (handler.on_data && !chunk.empty()) handler.on_data(chunk);
    });
  }
  if (!answer.ends) return;
  loop_.after(answer.delay, [this, id, status = answer.end] { end(id, status); });
}

void ScriptedTransport::head(http::ExchangeId id, int status, http::Headers headers) {
  later(id, Duration(0), [status, headers = std::move(headers)](http::Handler& handler) {
    if (handler.on_head) handler.on_head(status, headers);
  });
}

void ScriptedTransport::data(http::ExchangeId id, std::string bytes) {
  later(id, Duration(0), [bytes = std::move(bytes)](http::Handler& handler) {
    if (handler.on_data) handler.on_data(bytes);
  });
}

void ScriptedTransport::end(http::ExchangeId id, Status status) {
  loop_.after(Duration(0), [this, id, status = std::move(status)] {
    Exchange* const found = exchange(id);
    if (found == nullptr || !found->open) return;
    found->open = false;
    auto handler = handlers_.extract(id);
    if (handler.mapped().on_end) handler.mapped().on_end(status);
  });
}

void ScriptedTransport::later(http::ExchangeId id, Duration delay,
                              std::function<void(http::Handler&)> fn) {
  loop_.after(delay, [this, id, fn = std::move(fn)] {
    const auto found = handlers_.find(id);
    if (found == handlers_.end()) return;
    http::Handler handler = found->second;  // the callback may cancel, which frees the original
    fn(handler);
  });
}

ScriptedTransport::Exchange* ScriptedTransport::exchange(http::ExchangeId id) {
  const auto index = static_cast<std::size_t>(id);
  return index == 0 || index > log_.size() ? nullptr : &log_[index - 1];
}

const ScriptedTransport::Exchange* ScriptedTransport::find(std::string_view pattern) const {
  for (auto at = log_.rbegin(); at != log_.rend(); ++at) {
    if (at->line().find(pattern) != std::string::npos) return &*at;
  }
  return nullptr;
}

std::size_t ScriptedTransport::count(std::string_view pattern) const {
  std::size_t n = 0;
  for (const Exchange& one : log_) n += one.line().find(pattern) != std::string::npos ? 1 : 0;
  return n;
}

}  // namespace k8s::testing
