// Seeds of a property: 1 .. n, or the one in FERMI_SEED, or more with FERMI_SEEDS=count.
// A failing test names its seed; FERMI_SEED=<seed> runs that one alone.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace sched::property {

inline std::vector<std::uint64_t> seeds(std::uint64_t count) {
  if (const char* one = std::getenv("FERMI_SEED")) return {std::strtoull(one, nullptr, 10)};
  if (const char* more = std::getenv("FERMI_SEEDS")) count = std::strtoull(more, nullptr, 10);
  std::vector<std::uint64_t> list;
  for (std::uint64_t seed = 1; seed <= count; ++seed) list.push_back(seed);
  return list;
}

}  // namespace sched::property
