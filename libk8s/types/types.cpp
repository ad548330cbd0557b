#include <algorithm>

#include "libk8s/types/meta.hpp"
#include "libk8s/types/pod.hpp"

namespace k8s {
namespace {

std::string_view value_of(const StringMap& map, const std::string& key) {
  const auto it = map.find(key);
  return it == map.end() ? std::string_view() : std::string_view(it->second);
}

}  // namespace

std::string_view ObjectMeta::label(const std::string& key) const { return value_of(labels, key); }

std::string_view ObjectMeta::annotation(const std::string& key) const {
  return value_of(annotations, key);
}

const OwnerReference* ObjectMeta::controller() const {
  const auto it = std::ranges::find_if(owners, &OwnerReference::controller);
  return it == owners.end() ? nullptr : &*it;
}

const PodCondition* Pod::condition(std::string_view type) const {
  const auto it = std::ranges::find(conditions, type, &PodCondition::type);
  return it == conditions.end() ? nullptr : &*it;
}

bool Pod::ready() const {
  const PodCondition* found = condition("Ready");
  return found != nullptr && found->status == "True";
}

}  // namespace k8s
