// A part of one GPU as people write it: "0.46", in thousandths, from 0.001 to 0.999. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fermi {

// Without trailing zeros.
std::string part_text(std::int64_t milli);
// The other way; nothing for what is not such a part.
std::optional<std::int64_t> part_of(std::string_view text);

}  // namespace fermi
