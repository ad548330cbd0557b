// What reading from JSON and from protobuf have in common. Not for other folders.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "libk8s/base/status.hpp"
#include "libk8s/types/effective_requests.hpp"
#include "libk8s/types/pod.hpp"

namespace k8s {

inline constexpr std::string_view kDefaultScheduler = "default-scheduler";

inline Status nameless(std::string_view kind) {
  return {Code::kMalformed, "a " + std::string(kind) + " without a name"};
}

inline PodPhase phase_named(std::string_view name) {
  if (name.empty() || name == "Pending") return PodPhase::kPending;
  if (name == "Running") return PodPhase::kRunning;
  if (name == "Succeeded") return PodPhase::kSucceeded;
  if (name == "Failed") return PodPhase::kFailed;
  return PodPhase::kUnknown;
}

// Whether the node found that a resize can never be done there.
inline bool resize_infeasible(const Pod& pod) {
  const PodCondition* pending = pod.condition("PodResizePending");
  return pending != nullptr && pending->reason == "Infeasible";
}

// The claim that the control plane makes for a volume of type `ephemeral`.
inline std::string ephemeral_claim(const std::string& pod, std::string_view volume) {
  return pod + "-" + std::string(volume);
}

inline int to_int(std::int64_t value) {
  using Limits = std::numeric_limits<int>;
  return static_cast<int>(std::clamp<std::int64_t>(value, Limits::min(), Limits::max()));
}

// What a node offers is rounded down, where what a Pod asks for is rounded up.
inline ResourceList node_amounts(const Amounts& amounts) {
  ResourceList out;
  for (const auto& [name, quantity] : amounts) {
    const std::int64_t up = resource_amount(name, quantity);
    const Quantity::Nano unit = name == "cpu" ? 1'000'000 : 1'000'000'000;
    const bool rounded = quantity.nano() > 0 && quantity.nano() % unit != 0;
    out.emplace(std::string(name), rounded ? up - 1 : up);
  }
  return out;
}

}  // namespace k8s
