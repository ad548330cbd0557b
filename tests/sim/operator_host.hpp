// OperatorHost: one replica of the operator as a process: it boots, may die at any moment, and is
// started again a while later.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "operator/operator.hpp"
#include "tests/sim/faults.hpp"
#include "tests/sim/process_loop.hpp"
#include "tests/sim/sim_server.hpp"
#include "tests/sim/sim_transport.hpp"

namespace fermi::sim {

class OperatorHost {
 public:
  struct Options {
    std::string name = "operator-0";
    bool leader_elect = true;
    // Dies at the n-th write of all its lives, at this point; 0: never.
    std::uint64_t die_at_write = 0;
    WritePoint die_point = WritePoint::kBeforeSend;
  };
  // `faults` may change while it lives.
  OperatorHost(SimServer& server, const Faults& faults, Options options, std::uint64_t seed);
  ~OperatorHost();

  void boot();
  // Dies now, as with `kill -9`, and boots again after a while. May be called from anywhere.
  void crash();
  void pause(k8s::Duration length);
  void reset_connections();

  // Null while it is dead.
  const Operator* get() const { return dead_ ? nullptr : operator_.get(); }
  bool leading() const { return get() != nullptr && get()->leading(); }
  std::uint64_t writes() const { return writes_; }
  int crashes() const { return crashes_; }

 private:
  bool dies_at(WritePoint point, const k8s::http::Request& request);
  void bury();

  SimServer& server_;
  const Faults& faults_;
  Options options_;
  k8s::testing::Random random_;
  bool dead_ = true;
  std::uint64_t writes_ = 0;
  int lives_ = 0, crashes_ = 0;
  k8s::TimerId bury_timer_ = k8s::TimerId::kNone, boot_timer_ = k8s::TimerId::kNone;
  std::unique_ptr<ProcessLoop> loop_;
  std::unique_ptr<SimTransport> transport_;
  std::unique_ptr<Operator> operator_;
};

}  // namespace fermi::sim
