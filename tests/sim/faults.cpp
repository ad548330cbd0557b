#include "tests/sim/faults.hpp"

namespace fermi::sim {

Faults Faults::drawn(k8s::testing::Random& random) {
  // Half of the faults are off in any one seed, so that each is also seen without the others.
  const auto draw = [&](std::uint64_t max) {
    return random.chance(500) ? 0 : static_cast<int>(random.below(max + 1));
  };
  Faults faults;
  faults.not_sent = draw(60);
  faults.busy = draw(40);
  faults.unavailable = draw(40);
  faults.internal = draw(40);
  faults.internal_applied = draw(30);
  faults.conflict = draw(60);
  faults.lost = draw(80);
  faults.slow = draw(150);
  faults.cut = draw(60);
  faults.doubled = draw(100);
  faults.split = draw(200);
  faults.late = draw(80);
  faults.blackhole = draw(5);
  faults.crash = draw(4);
  faults.pause = draw(4);
  faults.reset = draw(10);
  faults.compact = draw(10);
  faults.crash_write = draw(15);
  faults.lag = draw(10);
  faults.restore = draw(6);
  return faults;
}

}  // namespace fermi::sim
