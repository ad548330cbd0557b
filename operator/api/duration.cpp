#include "operator/api/duration.hpp"

#include <array>
#include <utility>

namespace fermi {
namespace {

using k8s::Code;
using k8s::Status;

struct Unit {
  std::string_view name;
  std::int64_t ns;
};
// In the order in which they may be written.
constexpr std::array<Unit, 4> kUnits = {{{"h", 3600 * kNsPerSecond},
                                         {"m", 60 * kNsPerSecond},
                                         {"s", kNsPerSecond},
                                         {"ms", kNsPerSecond / 1000}}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes leading digits off `text`; nothing when there are none or more than twelve.
bool take_number(std::string_view& text, std::int64_t& number) {
  std::size_t n = 0;
  number = 0;
  while (n < text.size() && is_digit(text[n]) && n <= 12) number = number * 10 + (text[n++] - '0');
  if (n == 0 || n > 12) return false;
  text.remove_prefix(n);
  return true;
}

std::string_view take_letters(std::string_view& text) {
  std::size_t n = 0;
  while (n < text.size() && !is_digit(text[n])) ++n;
  const std::string_view letters = text.substr(0, n);
  text.remove_prefix(n);
  return letters;
}

std::string shown(std::string_view text) { return "\"" + std::string(text.substr(0, 60)) + "\""; }

Status bad_duration(std::string_view text) {
  return {
      Code::kInvalid,
      shown(text) + " is not a duration; write hours, minutes and seconds such as 1h30m or 45s"};
}

}  // namespace

k8s::Result<std::int64_t> parse_duration_ns(std::string_view text) {
  std::string_view rest = text;
  std::int64_t total = 0;
  std::size_t next_unit = 0;
  if (text.empty()) return bad_duration(text);
  while (!rest.empty()) {
    std::int64_t number = 0;
    if (!take_number(rest, number)) return bad_duration(text);
    const std::string_view letters = take_letters(rest);
    while (next_unit < kUnits.size() && kUnits[next_unit].name != letters) ++next_unit;
    if (next_unit == kUnits.size()) return bad_duration(text);
    const std::int64_t unit = kUnits[next_unit++].ns;
    if (number > kTenYearsNs / unit || total > kTenYearsNs - number * unit)
      return Status(Code::kInvalid, shown(text) + " is too long; at most ten years (87600h)");
    total += number * unit;
  }
  return total;
}

std::string format_duration(std::int64_t ns) {
  std::string out;
  for (const Unit& unit : kUnits) {
    if (unit.name == "ms") break;
    const std::int64_t count = ns / unit.ns;
    ns -= count * unit.ns;
    if (count != 0) out += std::to_string(count) + std::string(unit.name);
  }
  return out.empty() ? "0s" : out;
}

std::string exact_duration(std::int64_t ns) {
  const std::int64_t ms = ns % kNsPerSecond / (kNsPerSecond / 1000);
  if (ms == 0) return format_duration(ns);
  return (ns < kNsPerSecond ? "" : format_duration(ns)) + std::to_string(ms) + "ms";
}

k8s::Result<std::int64_t> parse_latency_us(std::string_view text) {
  std::string_view rest = text;
  std::int64_t number = 0;
  const bool counted = take_number(rest, number) && number <= 999'999'999;
  if (counted && rest == "us") return number;
  if (counted && rest == "ms") return number * 1000;
  if (counted && rest == "s") return number * 1'000'000;
  return Status(Code::kInvalid, shown(text) + " is not a latency; write such as 500us or 2ms");
}

k8s::Result<std::int64_t> parse_micros(std::string_view text) {
  const Status bad(Code::kInvalid,
                   shown(text) +
                       " is not an amount of money; write such as 8.50, not negative, with "
                       "at most six digits after the point");
  std::string_view rest = text;
  std::int64_t units = 0;
  if (!take_number(rest, units) || units > 999'999'999'999) return bad;
  std::int64_t micros = units * 1'000'000;
  if (rest.empty()) return micros;
  if (rest.size() < 2 || rest.size() > 7 || rest[0] != '.') return bad;
  std::int64_t scale = 100'000;
  for (const char c : rest.substr(1)) {
    if (!is_digit(c)) return bad;
    micros += (c - '0') * scale;
    scale /= 10;
  }
  return micros;
}

std::string format_micros(std::int64_t micros) {
  std::string fraction = std::to_string(micros % 1'000'000);
  fraction.insert(0, 6 - fraction.size(), '0');
  while (fraction.size() > 2 && fraction.back() == '0') fraction.pop_back();
  return std::to_string(micros / 1'000'000) + "." + fraction;
}

}  // namespace fermi
