#include "libk8s/types/effective_requests.hpp"

#include <algorithm>
#include <limits>

namespace k8s {
namespace {

using Nano = Quantity::Nano;

constexpr Nano kUnit = 1'000'000'000;
constexpr Nano kMax = Nano{std::numeric_limits<std::int64_t>::max()} * kUnit;

Quantity& slot(Amounts& amounts, std::string_view name) {
  for (auto& [key, quantity] : amounts) {
    if (key == name) return quantity;
  }
  return amounts.emplace_back(name, Quantity()).second;
}

// Sums stay within the range of one amount, so that no number of containers can overflow.
void add(Amounts& to, const Amounts& more) {
  for (const auto& [name, quantity] : more) {
    Quantity& sum = slot(to, name);
    sum = Quantity::from_nano(std::clamp(sum.nano() + quantity.nano(), -kMax, kMax));
  }
}

void raise(Amounts& to, const Amounts& other) {
  for (const auto& [name, quantity] : other) {
    Quantity& largest = slot(to, name);
    largest = std::max(largest, quantity);
  }
}

const ActualFootprint* status_of(const PodFootprint& pod, std::string_view container) {
  for (const auto& status : pod.statuses) {
    if (status.name == container) return &status;
  }
  return nullptr;
}

Amounts resized(const PodFootprint& pod, const Amounts& spec, const ActualFootprint& actual) {
  Amounts largest = pod.resize_infeasible ? Amounts() : spec;
  raise(largest, actual.actuated);
  raise(largest, actual.allocated);
  return largest;
}

Amounts requests_of(const PodFootprint& pod, const ContainerFootprint& container) {
  const ActualFootprint* actual = status_of(pod, container.name);
  return actual == nullptr ? container.requests : resized(pod, container.requests, *actual);
}

Amounts container_requests(const PodFootprint& pod) {
  Amounts total, restartable, largest_init;
  for (const auto& container : pod.containers) add(total, requests_of(pod, container));
  for (const auto& container : pod.init_containers) {
    if (container.restartable) {
      const Amounts own = requests_of(pod, container);
      add(total, own);
      add(restartable, own);
      raise(largest_init, restartable);
    } else {
      // Ones that end before the others start are never resized.
      Amounts while_it_runs = container.requests;
      add(while_it_runs, restartable);
      raise(largest_init, while_it_runs);
    }
  }
  raise(total, largest_init);
  for (const auto& claim : pod.claims) add(total, claim);
  return total;
}

bool is_pod_level(std::string_view resource) {
  return resource == "cpu" || resource == "memory" || resource.starts_with("hugepages-");
}

}  // namespace

Quantity amount_or_max(std::string_view text) {
  if (text.empty()) return {};
  const auto parsed = Quantity::parse(text);
  return parsed ? *parsed : Quantity::from_nano(kMax);
}

ResourceList effective_requests(const PodFootprint& pod) {
  Amounts total = container_requests(pod);
  if (!pod.pod_level.empty()) {
    Amounts level = pod.pod_status ? resized(pod, pod.pod_level, *pod.pod_status) : pod.pod_level;
    for (const auto& asked : pod.pod_level) {
      if (is_pod_level(asked.first)) slot(total, asked.first) = slot(level, asked.first);
    }
  }
  add(total, pod.overhead);
  ResourceList out;
  for (const auto& [name, quantity] : total)
    out.emplace(std::string(name), resource_amount(name, quantity));
  return out;
}

}  // namespace k8s
