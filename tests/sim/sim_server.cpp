#include "tests/sim/sim_server.hpp"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace fermi::sim {

using k8s::Duration;
using std::chrono::milliseconds;

SimServer::SimServer(k8s::testing::SimLoop& loop, std::uint64_t seed) : loop_(loop), random_(seed) {
  open();
  arrange_tick(milliseconds(100));
}

void SimServer::open() {
  k8s::apiserver::Options options;
  options.restored_from = backup_;
  options.now = [this] { return loop_.wall_now(); };
  options.random = [this] { return random_.next(); };
  auto opened = k8s::apiserver::ApiServer::open(std::move(options));
  if (!opened) {
    std::fprintf(stderr, "sim: the API server does not open: %s\n",
                 opened.status().to_string().c_str());
    std::abort();
  }
  if (api_) lost_.push_back(std::move(api_));
  api_ = std::move(opened.value());
}

SimServer::~SimServer() { loop_.cancel(tick_timer_); }

k8s::apiserver::Reply SimServer::handle(const std::string& actor,
                                        const k8s::http::Request& request) {
  ++requests_[actor];
  k8s::apiserver::Caller caller;
  caller.user = actor;
  k8s::apiserver::Reply reply = api_->handle(request, caller);
  if (request.method == "GET") return reply;
  tell_changed();
  const Served served{loop_.now(),           actor,       request.method, request.target,
                      reply.response.status, request.body};
  for (const auto& fn : served_) fn(served);
  arrange_tick(milliseconds(50));
  return reply;
}

SimServer::Answer SimServer::call(const std::string& actor, const std::string& method,
                                  const std::string& target, const nlohmann::json& body,
                                  const std::string& content_type) {
  k8s::http::Request request;
  request.method = method;
  request.target = target;
  if (!body.is_null()) {
    request.body = body.dump();
    request.headers.set("Content-Type", content_type.empty() ? "application/json" : content_type);
  }
  request.headers.set("User-Agent", actor + "/sim");
  const k8s::apiserver::Reply reply = handle(actor, request);
  return {reply.response.status, nlohmann::json::parse(reply.response.body, nullptr, false)};
}

void SimServer::back_up() { backup_ = api_->backup(); }

void SimServer::restore() {
  open();
  arrange_tick(milliseconds(50));
}

void SimServer::compact() {
  api_->compact();
  tell_changed();
}

void SimServer::tell_changed() {
  for (const auto& fn : changed_) fn();
}

void SimServer::tick() {
  const std::optional<k8s::WallTime> next = api_->tick();
  tell_changed();
  const Duration wait = next ? *next - loop_.wall_now() : Duration(std::chrono::seconds(1));
  arrange_tick(std::max<Duration>(wait, milliseconds(50)));
}

// Keeps the earlier of two times.
void SimServer::arrange_tick(Duration delay) {
  const k8s::TimePoint due = loop_.now() + delay;
  if (tick_timer_ != k8s::TimerId::kNone && tick_at_ <= due) return;
  loop_.cancel(tick_timer_);
  tick_at_ = due;
  tick_timer_ = loop_.after(delay, [this] {
    tick_timer_ = k8s::TimerId::kNone;
    tick();
  });
}

std::uint64_t SimServer::requests(const std::string& actor) const {
  const auto found = requests_.find(actor);
  return found == requests_.end() ? 0 : found->second;
}

}  // namespace fermi::sim
