#include "scheduler/learn/estimate.hpp"

#include <algorithm>
#include <array>

namespace sched {
namespace {

constexpr std::size_t kJudged = 16;   // the last that lasted longer,
constexpr std::size_t kLooked = 256;  // of the last that were over by then
constexpr std::size_t kFewest = 4;

// The median of those that lasted longer than `lasted_ns`; 0 when they are too few.
std::int64_t lasts(const Past::Runs& runs, Time at, std::int64_t lasted_ns) {
  const auto end = std::partition_point(runs.begin(), runs.end(),
                                        [at](const Past::Run& run) { return run.ended <= at; });
  std::array<std::int64_t, kJudged> longer{};
  std::size_t count = 0, looked = 0;
  for (auto run = end; run != runs.begin() && looked < kLooked && count < kJudged; ++looked) {
    --run;
    if (run->ran_ns > lasted_ns) longer[count++] = run->ran_ns;
  }
  if (count < kFewest) return 0;
  const auto middle = longer.begin() + static_cast<std::ptrdiff_t>(count / 2);
  std::nth_element(longer.begin(), middle, longer.begin() + static_cast<std::ptrdiff_t>(count));
  return *middle;
}

}  // namespace

Estimate estimate_again(Time since, Time stated_end, const Past::Runs* runs, Time now,
                        Time endless) {
  constexpr std::int64_t kLongest = std::int64_t{1} << 61;  // as in backfill/ends.cpp
  std::int64_t longest = 0;  // who has lasted longer than all of them is compared with none
  if (runs != nullptr) {
    for (const Past::Run& run : *runs) longest = std::max(longest, run.ran_ns);
  }
  Estimate out{stated_end, {}};
  while (out.end <= now) {
    const std::int64_t lasted = std::max<std::int64_t>(out.end.ns - since.ns, 1);
    out.outlived = out.end;
    const std::int64_t known = lasted < longest ? lasts(*runs, out.end, lasted) : 0;
    const std::int64_t whole = known > 0 ? known : 2 * lasted;
    if (whole >= kLongest || since.ns >= kLongest) return {endless, out.outlived};
    out.end = {since.ns + whole};
  }
  return out;
}

}  // namespace sched
