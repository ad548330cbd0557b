#include "tests/sim/operator_host.hpp"

namespace fermi::sim {

using k8s::Duration;
using std::chrono::milliseconds;
using std::chrono::seconds;

OperatorHost::OperatorHost(SimServer& server, const Faults& faults, Options options,
                           std::uint64_t seed)
    : server_(server), faults_(faults), options_(std::move(options)), random_(seed) {}

OperatorHost::~OperatorHost() {
  server_.loop().cancel(bury_timer_);
  server_.loop().cancel(boot_timer_);
  bury();
}

void OperatorHost::boot() {
  bury();
  dead_ = false;
  const Duration wall_error = seconds(random_.between(-30, 30));
  loop_ = std::make_unique<ProcessLoop>(server_.loop(), random_.next(), wall_error);
  transport_ = std::make_unique<SimTransport>(server_, *loop_, "operator", faults_, random_.next());
  transport_->on_write([this](WritePoint point, const k8s::http::Request& request) {
    return dies_at(point, request);
  });
  fermi::Options options;
  options.identity = options_.name + "-" + std::to_string(++lives_);
  options.leader_elect = options_.leader_elect;
  options.config_text = "prices: {gpu: \"36.00\", cpuCore: \"0.36\"}\n";  // so that work costs
  operator_ = std::make_unique<Operator>(*loop_, *transport_, std::move(options));
  operator_->start();
}

bool OperatorHost::dies_at(WritePoint point, const k8s::http::Request&) {
  if (point == WritePoint::kBeforeSend) ++writes_;
  const bool chosen = options_.die_at_write != 0 && writes_ == options_.die_at_write &&
                      point == options_.die_point && crashes_ == 0;
  const bool by_chance = random_.chance(static_cast<std::uint64_t>(faults_.crash_write)) &&
                         random_.below(3) == static_cast<std::uint64_t>(point);
  if (!chosen && !by_chance) return false;
  crash();
  return true;
}

void OperatorHost::crash() {
  if (dead_) return;
  dead_ = true;
  ++crashes_;
  loop_->kill();
  transport_->die();
  // Its code may be running right now: it is taken apart at the next turn.
  bury_timer_ = server_.loop().after(Duration(0), [this] { bury(); });
  boot_timer_ =
      server_.loop().after(milliseconds(random_.between(500, 20'000)), [this] { boot(); });
}

void OperatorHost::bury() {
  operator_.reset();
  transport_.reset();
  loop_.reset();
}

void OperatorHost::pause(Duration length) {
  if (!dead_) loop_->pause(length);
}

void OperatorHost::reset_connections() {
  if (!dead_) transport_->reset();
}

}  // namespace fermi::sim
