#include "operator/local/job_view.hpp"

#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"

namespace k8s {

Resource Codec<fermi::JobView>::resource() {
  return {"fermi-cluster.com", "v1alpha1", "trainingjobs", "TrainingJob", true};
}

Result<fermi::JobView> Codec<fermi::JobView>::from_json(const nlohmann::json& object) {
  fermi::JobView view;
  const auto& meta = object_at(object, "metadata");
  view.meta.name = string_at(meta, "name");
  view.meta.ns = string_at(meta, "namespace");
  view.meta.uid = string_at(meta, "uid");
  view.meta.resource_version = string_at(meta, "resourceVersion");
  const auto& status = object_at(object, "status");
  view.phase = string_at(status, "phase");
  view.queue = string_at(status, "queue");
  view.reason = string_at(status, "reason");
  view.message = string_at(status, "message");
  view.cost_per_hour = string_at(status, "costPerHour");
  view.cost_accumulated = string_at(status, "costAccumulated");
  view.currency = string_at(status, "currency");
  view.position = int_at(status, "queuePosition");
  view.ahead = int_at(status, "tasksAhead");
  view.attempt = int_at(status, "attempt");
  view.exit_code = int_at(status, "exitCode");
  const auto& placement = object_at(status, "placement");
  for (const auto& part : array_at(placement, "zones")) {
    view.zones.emplace_back(string_at(part, "zone"), int_at(part, "nodes"));
  }
  for (const auto& node : array_at(placement, "nodes")) {
    if (node.is_string()) view.nodes.push_back(node.get<std::string>());
  }
  return view;
}

}  // namespace k8s
