// Textbook: first come first served and EASY on counts of processors, written from their
// definitions alone, to hold the simulator against. It shares no code with the engine or the
// simulator.
//
//   - Jobs stand in the order given. At one instant all ends come first, then arrivals, then
//     decisions. Jobs run for `run`, whatever was estimated.
//   - FCFS starts the head while it fits.
//   - EASY then takes the blocked head. Shadow: the earliest time at which its processors are free
//     when what runs ends at start + estimate (what is past that: now). Extra: what is free at the
//     shadow, everything that ends then included, beyond the head's need. One pass over the rest,
//     in order, starts what fits now and either ends, by its estimate, by the shadow, or fits into
//     extra, which it then uses up.
#pragma once

#include <cstdint>
#include <vector>

namespace fermi::simulate::textbook {

struct Job {
  std::int64_t submit = 0, run = 0, estimate = 0, size = 0;
};

enum class Policy { kFcfs, kEasy };

// The start of each job, in the order given; -1 for one that is larger than the whole.
std::vector<std::int64_t> starts(const std::vector<Job>& jobs, std::int64_t processors,
                                 Policy policy);

}  // namespace fermi::simulate::textbook
