// Lengths of time as Go writes them. Internal to the API server's type code.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace k8s::apiserver {

// Nanoseconds from "1h30m", "250ms", "-2s"; nothing when it is none or does not fit 64 bits.
std::optional<std::int64_t> parse_go_duration(std::string_view text);

}  // namespace k8s::apiserver
