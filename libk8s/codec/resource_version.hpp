// Order of resourceVersions, where the server promises one.
//
// Since Kubernetes 1.35 a resourceVersion is a decimal number without leading zeros, up to 128
// bits, comparable within one resource type. It is compared as text: shorter is older, then digit
// by digit. Older and foreign servers promise equality only; what does not look like such a number
// has no order here.
#pragma once

#include <compare>
#include <optional>
#include <string_view>

namespace k8s {

// Nothing when either is not a comparable resourceVersion and they are not equal.
std::optional<std::strong_ordering> compare_versions(std::string_view a, std::string_view b);

// Whether the state at `seen` is known to include the one at `wanted`. Without an order only
// equality says so.
bool has_passed(std::string_view seen, std::string_view wanted);

}  // namespace k8s
