// SimTransport: carries the requests of one simulated process to the SimServer, and loses, delays,
// doubles and cuts on the way what the Faults say.
//
// A request: start -> (time) -> it takes effect at the server -> (time) -> the answer arrives. Both
// times, and what goes wrong where, are drawn from the seed. Watches deliver in order; what goes
// wrong with them is lateness, silence, repetition and an early end.
//
// Everything the process hears comes through its ProcessLoop, so that a killed process hears
// nothing and a paused one hears it late. A request on its way when its process dies may still
// arrive: half of them do, within 50 ms.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "libk8s/http/message.hpp"
#include "tests/sim/faults.hpp"
#include "tests/sim/process_loop.hpp"
#include "tests/sim/sim_server.hpp"

namespace fermi::sim {

// Where in the life of a write a process may be made to die.
enum class WritePoint : std::uint8_t { kBeforeSend, kAfterApply, kAfterReply };

class SimTransport final : public k8s::http::Transport {
 public:
  SimTransport(SimServer& server, ProcessLoop& process, std::string actor, const Faults& faults,
               std::uint64_t seed);
  ~SimTransport() override;

  k8s::http::ExchangeId start(k8s::http::Request request, k8s::http::Handler handler) override;
  void cancel(k8s::http::ExchangeId exchange) override;

  // Asked at each point of each mutating request; true kills the process there. The callee has
  // killed the ProcessLoop by then.
  using Killer = std::function<bool(WritePoint, const k8s::http::Request&)>;
  void on_write(Killer killer) { killer_ = std::move(killer); }

  // Breaks every connection that is open.
  void reset();
  // The process has died: nothing is heard any more, half of what is on its way still arrives.
  void die();
  std::uint64_t started() const { return next_id_ - 1; }

 private:
  using Id = std::uint64_t;
  struct Exchange {
    k8s::http::Request request;
    k8s::http::Handler handler;
    bool applied = false;
    std::shared_ptr<k8s::apiserver::Stream> stream;
    k8s::http::Response head;  // of a stream, until it was delivered
    bool protobuf = false;
    bool dark = false;              // a blackhole
    bool scheduled = false;         // a delivery is arranged
    std::vector<std::string> past;  // the last few events, for repetition
  };

  bool chance(int per_mille) { return random_.chance(static_cast<std::uint64_t>(per_mille)); }
  k8s::Duration delay();
  void send(Id id);
  void apply(Id id);
  bool refuse(Id id);
  bool killed(WritePoint point, const k8s::http::Request& request);
  void answer(Id id, k8s::http::Response response, k8s::Duration after);
  void answer_error(Id id, int status, const char* reason, const char* message);
  void fail(Id id, k8s::Code code, const char* why, k8s::Duration after);
  void open_stream(Id id, const k8s::apiserver::Reply& reply);
  void arrange_delivery(Id id);
  void deliver(Id id);
  void look_again(Id id);
  void cut(Id id, const std::string& bytes);
  // A write that nobody waits for any more may still arrive.
  void perhaps_apply_later(const Exchange& exchange);
  Exchange* find(Id id);
  // Runs `fn` in the process, if it still waits for this exchange then.
  void hear(Id id, k8s::Duration after, std::function<void(k8s::http::Handler&)> fn);
  void finish(Id id, k8s::Status status, k8s::Duration after);

  SimServer& server_;
  ProcessLoop& process_;
  std::string actor_;
  const Faults& faults_;
  k8s::testing::Random random_;
  Killer killer_;
  Id next_id_ = 1;
  std::map<Id, Exchange> exchanges_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// The whole events at the beginning of `bytes`: lines, or length-prefixed frames.
std::vector<std::string> split_events(const std::string& bytes, bool protobuf);

}  // namespace fermi::sim
