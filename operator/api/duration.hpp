// Durations and money as people write them, exact.
//
// A duration is a sum of h, m, s and ms in this order, each at most once: "1h30m", "45s"; at most
// ten years. A latency is one number of us, ms or s. Money is a decimal of a currency unit, held in
// millionths. No floating point anywhere. Pure functions; errors are kInvalid with a sentence that
// says what was given and what is allowed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "libk8s/base/status.hpp"

namespace fermi {

inline constexpr std::int64_t kNsPerSecond = 1'000'000'000;
inline constexpr std::int64_t kTenYearsNs = std::int64_t{87'600} * 3600 * kNsPerSecond;

k8s::Result<std::int64_t> parse_duration_ns(std::string_view text);
// "1h30m", "45s", "0s"; parts below a second are cut.
std::string format_duration(std::int64_t ns);
// With milliseconds where there are any: "1m500ms".
std::string exact_duration(std::int64_t ns);

k8s::Result<std::int64_t> parse_latency_us(std::string_view text);

// "8.5" -> 8'500'000. Not negative, at most six digits after the point, below 10^12 units.
k8s::Result<std::int64_t> parse_micros(std::string_view text);
// 404'000'000 -> "404.00": at least two digits after the point, more only where they count.
std::string format_micros(std::int64_t micros);

}  // namespace fermi
