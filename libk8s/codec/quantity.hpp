// Quantity: the API's resource amounts ("1.5", "100m", "2Gi", "1e3"), exact.
//
// The value is held in billionths in 128 bits, so nothing is ever rounded but where it is said:
// parts finer than a billionth are rounded up (away from zero) while parsing, as the API does, and
// `units` and `milli` round up. Magnitudes above 2^63 - 1 whole units are refused while parsing.
//
// Grammar: an optional sign, decimal digits with at most one point, then one suffix of
//   n u m (none) k M G T P E     powers of 1000
//   Ki Mi Gi Ti Pi Ei            powers of 1024
//   e<int> E<int>                powers of ten
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "libk8s/base/status.hpp"

namespace k8s {

class Quantity {
 public:
  __extension__ using Nano = __int128;
  enum class Form : std::uint8_t { kDecimal, kBinary, kExponent };

  Quantity() = default;
  static Quantity from_nano(Nano nano, Form form = Form::kDecimal) { return {nano, form}; }

  // kInvalid with a sentence that names what was given and what is allowed.
  static Result<Quantity> parse(std::string_view text);

  Nano nano() const { return nano_; }
  Form form() const { return form_; }
  bool negative() const { return nano_ < 0; }

  // Whole units, rounded up. Always fits, as larger amounts are not parsed.
  std::int64_t units() const;
  // Thousandths, rounded up; kInvalid when that is above 64 bits.
  Result<std::int64_t> milli() const;
  // Thousandths, rounded up; the ends of the range where it does not fit.
  std::int64_t milli_saturated() const;

  // The API's canonical form: no fraction, the largest suffix that allows that ("1.5" -> "1500m",
  // "1.5Gi" -> "1536Mi", "1024" -> "1024").
  std::string to_string() const;

  friend bool operator==(const Quantity& a, const Quantity& b) { return a.nano_ == b.nano_; }
  friend auto operator<=>(const Quantity& a, const Quantity& b) { return a.nano_ <=> b.nano_; }

 private:
  Quantity(Nano nano, Form form) : nano_(nano), form_(form) {}
  Nano nano_ = 0;
  Form form_ = Form::kDecimal;
};

// The amount of a resource as ResourceList holds it: milli-cores for "cpu", whole units for all
// else, both rounded up; beyond 64 bits it is held at the end of the range.
std::int64_t resource_amount(std::string_view resource, const Quantity& quantity);
// The other way, for people and for requests: "1500m", "2Gi", "4".
std::string format_amount(std::string_view resource, std::int64_t amount);

}  // namespace k8s
