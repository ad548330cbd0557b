// JobView: what a person who follows a TrainingJob wants to see of it, read from the API.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "libk8s/base/status.hpp"
#include "libk8s/types/meta.hpp"
#include "libk8s/watch/codec.hpp"

namespace fermi {

struct JobView {
  k8s::ObjectMeta meta;
  std::string phase, queue, reason, message, cost_per_hour, cost_accumulated, currency;
  std::int64_t position = 0, ahead = 0, attempt = 0, exit_code = 0;
  std::vector<std::pair<std::string, std::int64_t>> zones;  // zone, nodes
  std::vector<std::string> nodes;                           // by rank

  bool ended() const { return phase == "Completed" || phase == "Failed"; }
};

}  // namespace fermi

template <>
struct k8s::Codec<fermi::JobView> : k8s::JsonCodec<fermi::JobView> {
  static Resource resource();
  static Result<fermi::JobView> from_json(const nlohmann::json& object);
};
