#include "operator/api/gpu_part.hpp"

namespace fermi {

std::string part_text(std::int64_t milli) {
  std::string digits = std::to_string(1000 + milli).substr(1);
  while (digits.size() > 1 && digits.back() == '0') digits.pop_back();
  return "0." + digits;
}

std::optional<std::int64_t> part_of(std::string_view text) {
  if (!text.starts_with("0.") || text.size() < 3 || text.size() > 5) return std::nullopt;
  std::int64_t milli = 0;
  for (std::size_t i = 2; i < 5; ++i) {
    const char digit = i < text.size() ? text[i] : '0';
    if (digit < '0' || digit > '9') return std::nullopt;
    milli = milli * 10 + (digit - '0');
  }
  return milli > 0 ? std::optional(milli) : std::nullopt;
}

}  // namespace fermi
