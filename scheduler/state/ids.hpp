// The names of things in the engine's tables: positions, reused when what they name has gone.
#pragma once

#include <cstdint>

namespace sched {

using NodeId = std::uint32_t;
using ClassId = std::uint32_t;
using ZoneId = std::uint32_t;
using ProfileId = std::uint32_t;
using DomainId = std::uint32_t;
inline constexpr std::uint32_t kNoId = ~std::uint32_t{0};

}  // namespace sched
