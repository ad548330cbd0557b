// Fraction: an exact, non-negative ratio for comparing shares. No floating point: two of them are
// compared by multiplying crosswise into 256 bits, so that nothing is cut.
#pragma once

#include <cstdint>

namespace sched {

struct Fraction {
  unsigned __int128 num = 0, den = 1;  // den is never 0
};

// The full product of two 128-bit numbers.
struct Product {
  unsigned __int128 high = 0, low = 0;
};

inline Product product(unsigned __int128 a, unsigned __int128 b) {
  constexpr unsigned __int128 kLow = ~std::uint64_t{0};
  const unsigned __int128 low = (a & kLow) * (b & kLow);
  const unsigned __int128 left = (a >> 64) * (b & kLow), right = (a & kLow) * (b >> 64);
  const unsigned __int128 middle = (low >> 64) + (left & kLow) + (right & kLow);
  return {(a >> 64) * (b >> 64) + (left >> 64) + (right >> 64) + (middle >> 64),
          (middle << 64) | (low & kLow)};
}

// -1, 0 or 1 as a is smaller, equal or larger.
inline int compare(const Fraction& a, const Fraction& b) {
  const Product x = product(a.num, b.den), y = product(b.num, a.den);
  if (x.high != y.high) return x.high < y.high ? -1 : 1;
  return x.low < y.low ? -1 : x.low > y.low ? 1 : 0;
}

}  // namespace sched
