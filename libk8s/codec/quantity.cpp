#include "libk8s/codec/quantity.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

namespace k8s {
namespace {

using Nano = Quantity::Nano;
using Form = Quantity::Form;

constexpr Nano kUnit = 1'000'000'000;
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr Nano kLimit = Nano{kMax} * kUnit;
constexpr std::size_t kMaxText = 128;

struct Suffix {
  std::string_view text;
  int power;  // of 10, or of 2 for the binary ones
};
constexpr std::array<Suffix, 10> kDecimal{{{"n", -9},
                                           {"u", -6},
                                           {"m", -3},
                                           {"", 0},
                                           {"k", 3},
                                           {"M", 6},
                                           {"G", 9},
                                           {"T", 12},
                                           {"P", 15},
                                           {"E", 18}}};
constexpr std::array<Suffix, 6> kBinary{
    {{"Ki", 10}, {"Mi", 20}, {"Gi", 30}, {"Ti", 40}, {"Pi", 50}, {"Ei", 60}}};

Status invalid(std::string_view text, std::string_view why) {
  return {Code::kInvalid, "\"" + std::string(text.substr(0, 40)) + "\" is not a quantity: " +
                              std::string(why) + "; allowed are numbers like 2, 0.5, 100m, 16Gi"};
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Parts {
  bool negative = false;
  std::string digits;  // without point and leading zeros
  int scale = 0;       // digits after the point
  std::string_view suffix;
};

std::optional<Parts> split(std::string_view text) {
  Parts parts;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    parts.negative = text[0] == '-';
    text.remove_prefix(1);
  }
  bool point = false, any = false;
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if (text[at] == '.' && !point) {
      point = true;
    } else if (is_digit(text[at])) {
      any = true;
      if (point) ++parts.scale;
      if (text[at] != '0' || !parts.digits.empty()) parts.digits += text[at];
    } else {
      break;
    }
  }
  if (!any) return std::nullopt;
  parts.suffix = text.substr(at);
  return parts;
}

struct Scale {
  Form form = Form::kDecimal;
  int ten = 0, two = 0;
};

std::optional<Scale> scale_of(std::string_view suffix) {
  for (const auto& known : kDecimal) {
    if (suffix == known.text) return Scale{Form::kDecimal, known.power, 0};
  }
  for (const auto& known : kBinary) {
    if (suffix == known.text) return Scale{Form::kBinary, 0, known.power};
  }
  if (suffix.size() < 2 || (suffix[0] != 'e' && suffix[0] != 'E')) return std::nullopt;
  suffix.remove_prefix(suffix[1] == '+' ? 2 : 1);
  int power = 0;
  const char* end = suffix.data() + suffix.size();
  const auto [stop, error] = std::from_chars(suffix.data(), end, power);
  if (error != std::errc() || stop != end || suffix.empty()) return std::nullopt;
  // Beyond this every number is zero after rounding, or too large; it keeps the loops below short.
  return Scale{Form::kExponent, std::clamp(power, -1000, 1000), 0};
}

// digits * 2^two * 10^power in billionths, rounded up; nothing when above the limit.
std::optional<Nano> value_of(const std::string& digits, int two, int power) {
  power += 9;
  Nano value = 0;
  bool rest = false;
  // 128 bits hold 36 digits. Longer mantissas are refused rather than rounded twice.
  for (const char c : digits) {
    if (value > (Nano{1} << 120) / 10) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  if (value == 0) return Nano{0};
  for (int i = 0; i < two; ++i) {
    if (value > (Nano{1} << 125)) return std::nullopt;
    value *= 2;
  }
  for (; power > 0; --power) {
    if (value > kLimit) return std::nullopt;
    value *= 10;
  }
  for (; power < 0 && value != 0; ++power) {
    rest = rest || value % 10 != 0;
    value /= 10;
  }
  if (rest) ++value;
  if (value > kLimit) return std::nullopt;
  return value;
}

Nano divided_up(Nano value, Nano by) {
  const Nano whole = value / by, rest = value % by;
  if (rest == 0) return whole;
  return value > 0 ? whole + 1 : whole - 1;
}

std::string decimal(Nano value) {
  if (value == 0) return "0";
  std::string text;
  const bool negative = value < 0;
  for (Nano left = negative ? -value : value; left != 0; left /= 10)
    text += static_cast<char>('0' + static_cast<int>(left % 10));
  if (negative) text += '-';
  std::ranges::reverse(text);
  return text;
}

Nano power_of_ten(int power) {
  Nano value = 1;
  for (; power > 0; --power) value *= 10;
  return value;
}

std::string binary_text(Nano nano) {
  const Nano units = nano / kUnit;
  for (auto known = kBinary.rbegin(); known != kBinary.rend(); ++known) {
    const Nano step = Nano{1} << known->power;
    if (units % step == 0) return decimal(units / step) + std::string(known->text);
  }
  return decimal(units);
}

std::string decimal_text(Nano nano, bool exponent) {
  for (auto known = kDecimal.rbegin(); known != kDecimal.rend(); ++known) {
    const Nano step = power_of_ten(known->power + 9);
    if (nano % step != 0) continue;
    if (!exponent) return decimal(nano / step) + std::string(known->text);
    const std::string mark = known->power == 0 ? "" : "e" + std::to_string(known->power);
    return decimal(nano / step) + mark;
  }
  return decimal(nano) + "n";
}

}  // namespace

Result<Quantity> Quantity::parse(std::string_view text) {
  if (text.empty()) return invalid(text, "it is empty");
  if (text.size() > kMaxText) return invalid(text, "it is too long");
  auto parts = split(text);
  if (!parts) return invalid(text, "it does not start with a number");
  const auto scale = scale_of(parts->suffix);
  if (!scale)
    return invalid(text,
                   "the suffix \"" + std::string(parts->suffix.substr(0, 20)) + "\" is not known");
  // Zeros after the last digit of a fraction say nothing, and would only use up the range.
  while (parts->scale > 0 && !parts->digits.empty() && parts->digits.back() == '0') {
    parts->digits.pop_back();
    --parts->scale;
  }
  const auto value = value_of(parts->digits, scale->two, scale->ten - parts->scale);
  if (!value) return invalid(text, "it is above 2^63 - 1 or has too many digits");
  return Quantity(parts->negative ? -*value : *value, scale->form);
}

std::int64_t Quantity::units() const { return static_cast<std::int64_t>(divided_up(nano_, kUnit)); }

Result<std::int64_t> Quantity::milli() const {
  const Nano value = divided_up(nano_, kUnit / 1000);
  if (value > kMax || value < -kMax)
    return Status(Code::kInvalid, to_string() + " is too large to be counted in thousandths");
  return static_cast<std::int64_t>(value);
}

std::int64_t Quantity::milli_saturated() const {
  const Nano value = divided_up(nano_, kUnit / 1000);
  return static_cast<std::int64_t>(std::clamp(value, Nano{-kMax}, Nano{kMax}));
}

std::string Quantity::to_string() const {
  if (nano_ == 0) return "0";
  // Binary suffixes are for whole numbers of at least 1024, as in the API.
  const Nano size = nano_ < 0 ? -nano_ : nano_;
  if (form_ == Form::kBinary && nano_ % kUnit == 0 && size >= 1024 * kUnit)
    return binary_text(nano_);
  return decimal_text(nano_, form_ == Form::kExponent);
}

std::int64_t resource_amount(std::string_view resource, const Quantity& quantity) {
  return resource == "cpu" ? quantity.milli_saturated() : quantity.units();
}

std::string format_amount(std::string_view resource, std::int64_t amount) {
  if (resource == "cpu") return Quantity::from_nano(Nano{amount} * 1'000'000).to_string();
  const bool bytes = resource == "memory" || resource == "ephemeral-storage" ||
                     resource.starts_with("hugepages-") || resource == "storage";
  if (bytes) return Quantity::from_nano(Nano{amount} * kUnit, Form::kBinary).to_string();
  return std::to_string(amount);
}

}  // namespace k8s
