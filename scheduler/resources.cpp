#include "scheduler/resources.hpp"

#include <algorithm>

namespace sched {
namespace {

auto position(auto& list, const std::string& name) {
  return std::lower_bound(list.begin(), list.end(), name,
                          [](const auto& entry, const std::string& n) { return entry.first < n; });
}

}  // namespace

std::int64_t Resources::extended_amount(const std::string& name) const {
  auto at = position(extended, name);
  return at != extended.end() && at->first == name ? at->second : 0;
}

void Resources::set_extended(const std::string& name, std::int64_t amount) {
  auto at = position(extended, name);
  const bool there = at != extended.end() && at->first == name;
  if (there && amount == 0) {
    extended.erase(at);
  } else if (there) {
    at->second = amount;
  } else if (amount != 0) {
    extended.insert(at, {name, amount});
  }
}

}  // namespace sched
