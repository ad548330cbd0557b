// Times as the API writes them: RFC 3339 in UTC, with no, three, six or nine digits of fraction.
//
// A WallTime reaches from 1678 to 2261; times outside are kInvalid. Fractions finer than a
// nanosecond are cut. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "libk8s/base/loop.hpp"
#include "libk8s/base/status.hpp"

namespace k8s {

// "2026-11-22T15:02:18Z", "...T15:02:18.123456Z", "...T16:02:18+01:00". A leap second (:60) reads
// as the second after it.
Result<WallTime> parse_time(std::string_view text);

// Cut to whole seconds: what metadata and most of the API carry.
std::string format_time(WallTime time);
// Six digits of fraction: MicroTime, as leases and events carry it.
std::string format_micro_time(WallTime time);
// Nine digits: log lines.
std::string format_nano_time(WallTime time);

}  // namespace k8s
