#include "operator/translate/parts.hpp"

#include <charconv>

#include "operator/translate/job_pod.hpp"
#include "operator/translate/resources.hpp"

namespace fermi {
namespace {

constexpr std::int64_t kWhole = 1000;
constexpr std::int64_t kNumberMax = 4095;

std::optional<std::int64_t> digits(std::string_view text, std::int64_t most) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (text.empty() || !whole || value < 0 || value > most) return std::nullopt;
  return value;
}

}  // namespace

std::string device_text(const SharedDevice& device) {
  return device.resource + "#" + std::to_string(device.number);
}

std::optional<SharedDevice> device_of(std::string_view text) {
  const std::size_t mark = text.rfind('#');
  if (mark == std::string_view::npos || mark == 0) return std::nullopt;
  const auto number = digits(text.substr(mark + 1), kNumberMax);
  if (!number) return std::nullopt;
  return SharedDevice{std::string(text.substr(0, mark)), *number};
}

// A part of a device that is not named, and a device without a part, count as a device of their
// own: nobody is put beside them.
void read_part(const k8s::Pod& pod, sched::PodUpsert& out) {
  const auto milli = part_of(pod.meta.annotation(annotation::kSharedPart));
  const auto device = device_of(pod.meta.annotation(annotation::kSharedDevice));
  if (!milli && !device) return;
  out.shared_milli = milli.value_or(kWhole);
  out.shared_resource = device ? device->resource : std::string(kGpuResource);
  if (device) out.device = device->number;
}

sched::Placement to_engine(const JobPlacement& placement) {
  return {placement.nodes, placement.devices};
}

std::string part_problem(const TrainingJob& job, const Configuration& config) {
  std::int64_t rank = 0;
  for (const JobGroup& group : job.spec.groups) {
    const std::int64_t first = rank;
    rank += group.nodes;
    if (group.gpu_milli == 0) continue;
    const std::string asked = "spec.resources.gpus: " + part_text(group.gpu_milli);
    if (!config.gpu_sharing)
      return asked + " of a GPU needs local mode (fermi up): in a cluster this version gives out " +
             "whole GPUs only";
    const auto own = effective_requests(job, first, config);
    if (const auto more = own.find(config.gpu_resource); more != own.end() && more->second > 0)
      return asked + " of a GPU may not be given together with " + config.gpu_resource +
             " in spec.podTemplate";
  }
  return "";
}

bool fits_node(const sched::Resources& use, const sched::Resources& allocatable) {
  sched::Resources whole = use;
  whole.extended.clear();
  for (const auto& [name, amount] : use.extended) {
    const auto device = device_of(name);
    if (device && amount > kWhole) return false;
    const std::string& resource = device ? device->resource : name;
    whole.set_extended(resource, whole.extended_amount(resource) + (device ? 1 : amount));
  }
  return fits(whole, allocatable);
}

}  // namespace fermi
