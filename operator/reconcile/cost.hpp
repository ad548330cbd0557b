// What a task costs: exact integers, millionths of a currency unit. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libk8s/base/loop.hpp"
#include "operator/api/training_job.hpp"
#include "operator/translate/configuration.hpp"
#include "scheduler/resources.hpp"

namespace fermi {

// Where a Pod is, as far as its price depends on it.
struct PricedAt {
  std::string zone{}, pool{}, node{}, gpu_model{};
};

// Per hour, of one Pod with these requests, and so many thousandths of a GPU, there. Each summand
// is rounded down to a millionth.
std::int64_t hourly_micros(const sched::Resources& requests, const PricedAt& at,
                           const Configuration& config, std::int64_t gpu_milli = 0);

// What `per_hour` comes to from `from` to `to`, rounded down; 0 when `to` is not after `from`.
std::int64_t accrued_micros(std::int64_t per_hour, k8s::WallTime from, k8s::WallTime to);

std::int64_t sum_of(const std::vector<PoolRate>& rates);

// The day of a moment (UTC), "2026-03-01", and when it began.
std::string day_of(k8s::WallTime at);
k8s::WallTime begin_of_day(k8s::WallTime at);

// What these rates come to from `from` to `to`, day by day, is added to `parts`, which are kept in
// the order of their days and at most kCostParts. Gives the sum of what was added: so the parts
// always make up the whole to the millionth.
std::int64_t accrue(const std::vector<PoolRate>& rates, k8s::WallTime from, k8s::WallTime to,
                    const std::string& queue, const std::string& tenant,
                    std::vector<CostPart>& parts);

}  // namespace fermi
