#include "libk8s/apiserver/schema/go_duration.hpp"

namespace k8s::apiserver {
namespace {

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::int64_t> fraction(std::string_view& text) {
  if (!take(text, '.')) return 0;
  std::int64_t value = 0, unit = 100'000'000;
  std::size_t count = 0;
  while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    value += (text[0] - '0') * unit;
    unit /= 10;
    text.remove_prefix(1);
    ++count;
  }
  if (count == 0) return std::nullopt;
  return value;
}

std::optional<std::int64_t> unit_nanoseconds(std::string_view& text) {
  struct Unit {
    std::string_view name;
    std::int64_t ns;
  };
  static constexpr Unit kUnits[] = {{"ns", 1},
                                    {"us", 1'000},
                                    {"ms", 1'000'000},
                                    {"s", 1'000'000'000},
                                    {"m", 60'000'000'000},
                                    {"h", 3'600'000'000'000}};
  for (const Unit& unit : kUnits) {
    if (text.substr(0, unit.name.size()) == unit.name) {
      text.remove_prefix(unit.name.size());
      return unit.ns;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> parse_go_duration(std::string_view text) {
  bool negative = take(text, '-');
  if (!negative) take(text, '+');
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  __int128 total = 0;
  while (!text.empty()) {
    __int128 whole = 0;
    std::size_t count = 0;
    for (; !text.empty() && text[0] >= '0' && text[0] <= '9' && count < 20; ++count) {
      whole = whole * 10 + (text[0] - '0');
      text.remove_prefix(1);
    }
    bool has_fraction = !text.empty() && text[0] == '.';
    auto nanos = fraction(text);
    if (!nanos || (count == 0 && !has_fraction)) return std::nullopt;
    auto unit = unit_nanoseconds(text);
    if (!unit) return std::nullopt;
    total += whole * *unit + static_cast<__int128>(*nanos) * *unit / 1'000'000'000;
    if (total > INT64_MAX) return std::nullopt;
  }
  return static_cast<std::int64_t>(negative ? -total : total);
}

}  // namespace k8s::apiserver
