// What a task costs: exact integers, millionths of a currency unit. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "libk8s/base/loop.hpp"
#include "operator/translate/configuration.hpp"
#include "scheduler/resources.hpp"

namespace fermi {

// Per hour, of one Pod with these requests, and so many thousandths of a GPU, on a node of this
// zone and GPU model. Each summand is rounded down to a millionth.
std::int64_t hourly_micros(const sched::Resources& requests, const std::string& zone,
                           const std::string& gpu_model, const Configuration& config,
                           std::int64_t gpu_milli = 0);

// What `per_hour` comes to from `from` to `to`, rounded down; 0 when `to` is not after `from`.
std::int64_t accrued_micros(std::int64_t per_hour, k8s::WallTime from, k8s::WallTime to);

}  // namespace fermi
