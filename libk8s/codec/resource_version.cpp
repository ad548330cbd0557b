#include "libk8s/codec/resource_version.hpp"

#include <algorithm>

namespace k8s {
namespace {

// 2^128 - 1 has 39 digits.
bool comparable(std::string_view version) {
  const bool digits = std::ranges::all_of(version, [](char c) { return c >= '0' && c <= '9'; });
  return digits && !version.empty() && version.size() <= 39 && version[0] != '0';
}

}  // namespace

std::optional<std::strong_ordering> compare_versions(std::string_view a, std::string_view b) {
  if (a == b) return std::strong_ordering::equal;
  if (!comparable(a) || !comparable(b)) return std::nullopt;
  if (a.size() != b.size()) return a.size() <=> b.size();
  return a.compare(b) <=> 0;
}

bool has_passed(std::string_view seen, std::string_view wanted) {
  const auto order = compare_versions(seen, wanted);
  return order.has_value() && *order >= 0;
}

}  // namespace k8s
