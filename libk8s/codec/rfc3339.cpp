#include "libk8s/codec/rfc3339.hpp"

#include <array>
#include <cstdio>

namespace k8s {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

constexpr std::int64_t kSecond = 1'000'000'000;

Status invalid(std::string_view text) {
  return {Code::kInvalid, "\"" + std::string(text.substr(0, 40)) +
                              "\" is not a time; allowed is the form 2026-01-31T12:00:00Z"};
}

// Reads fixed-width numbers and marks from the front of a text; fails for good at the first misfit.
class Reader {
 public:
  explicit Reader(std::string_view text) : left_(text) {}

  int number(std::size_t width) {
    int value = 0;
    if (left_.size() < width) ok_ = false;
    for (std::size_t i = 0; ok_ && i < width; ++i) {
      if (left_[i] < '0' || left_[i] > '9') ok_ = false;
      value = value * 10 + (left_[i] - '0');
    }
    if (ok_) left_.remove_prefix(width);
    return ok_ ? value : 0;
  }
  void mark(std::string_view any_of) {
    if (left_.empty() || any_of.find(left_[0]) == any_of.npos) ok_ = false;
    if (ok_) left_.remove_prefix(1);
  }
  bool at(char c) const { return ok_ && !left_.empty() && left_[0] == c; }
  bool at_digit() const { return ok_ && !left_.empty() && left_[0] >= '0' && left_[0] <= '9'; }
  void fail() { ok_ = false; }
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && left_.empty(); }

 private:
  std::string_view left_;
  bool ok_ = true;
};

std::int64_t read_fraction(Reader& reader) {
  if (!reader.at('.')) return 0;
  reader.mark(".");
  if (!reader.at_digit()) reader.fail();
  std::int64_t nanos = 0, unit = kSecond / 10;
  for (; reader.at_digit(); unit /= 10) nanos += reader.number(1) * unit;
  return nanos;
}

// Seconds east of UTC.
int read_offset(Reader& reader) {
  if (reader.at('Z') || reader.at('z')) {
    reader.mark("Zz");
    return 0;
  }
  const bool west = reader.at('-');
  reader.mark("+-");
  const int hours = reader.number(2);
  reader.mark(":");
  const int minutes = reader.number(2);
  if (hours > 23 || minutes > 59) reader.fail();
  return (west ? -1 : 1) * (hours * 3600 + minutes * 60);
}

std::string formatted(WallTime time, int digits) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(
      std::chrono::sys_time<std::chrono::nanoseconds>(std::chrono::nanoseconds(time.ns)));
  const auto day = std::chrono::floor<days>(whole);
  const std::chrono::year_month_day date(day);
  const auto second = static_cast<int>((whole - day).count());
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02d", int(date.year()),
                unsigned(date.month()), unsigned(date.day()), second / 3600, second / 60 % 60,
                second % 60);
  std::string text = buffer.data();
  if (digits > 0) {
    const long long nanos = time.ns - whole.time_since_epoch().count() * kSecond;
    std::snprintf(buffer.data(), buffer.size(), ".%09lld", nanos);
    text.append(buffer.data(), static_cast<std::size_t>(digits) + 1);
  }
  return text + "Z";
}

}  // namespace

Result<WallTime> parse_time(std::string_view text) {
  Reader reader(text);
  const int year = reader.number(4);
  reader.mark("-");
  const int month = reader.number(2);
  reader.mark("-");
  const int day = reader.number(2);
  reader.mark("Tt");
  const int hour = reader.number(2);
  reader.mark(":");
  const int minute = reader.number(2);
  reader.mark(":");
  const int second = reader.number(2);
  const std::int64_t nanos = read_fraction(reader);
  const int offset = read_offset(reader);
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!reader.at_end() || !date.ok() || hour > 23 || minute > 59 || second > 60)
    return invalid(text);
  if (year < 1678 || year > 2261) return invalid(text);
  const std::int64_t seconds = sys_days(date).time_since_epoch().count() * 86400LL + hour * 3600 +
                               minute * 60 + second - offset;
  return WallTime{seconds * kSecond + nanos};
}

std::string format_time(WallTime time) { return formatted(time, 0); }
std::string format_micro_time(WallTime time) { return formatted(time, 6); }
std::string format_nano_time(WallTime time) { return formatted(time, 9); }

}  // namespace k8s
