// Lines and rows: a text read line by line, and the fields of one line as exact numbers.
//
// Nothing here trusts its input: a line is bounded, numbers are checked to the last character, and
// whatever is wrong becomes one sentence with the line's number.
#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/base/status.hpp"

namespace fermi::simulate {

inline constexpr std::size_t kLineMax = std::size_t{1} << 20;

class Lines {
 public:
  explicit Lines(std::istream& in) : in_(in) {}
  // The next line that is not blank, without its end; valid until the next call. Nothing at the
  // end of the text, or when a line is longer than kLineMax (see `status`).
  std::optional<std::string_view> next();
  // "line 17: ...".
  k8s::Status error(const std::string& sentence) const;
  const k8s::Status& status() const { return status_; }

 private:
  bool read();
  std::istream& in_;
  std::string line_;
  std::int64_t number_ = 0;
  k8s::Status status_;
};

// The fields of a line. Each reader names what it looks for; the first thing that is wrong is kept
// in `error` and later calls give zero, so that a caller asks once, after the last field.
class Row {
 public:
  // A separator of ' ' stands for any run of blanks. Double quotes may enclose a field.
  Row(std::string_view line, char separator);

  std::size_t size() const { return fields_.size(); }
  bool empty(std::size_t column) const { return column < size() && fields_[column].empty(); }
  std::string_view text(std::size_t column, const char* what);
  // Seconds as decimal digits, with a fraction or without; digits after the ninth are cut.
  std::int64_t seconds(std::size_t column, const char* what,
                       const char* expected = "a number of seconds of at most 292 years");
  // Seconds, or "2017-10-09 07:01:55" (also with a T between and a Z behind) taken as UTC.
  std::int64_t moment(std::size_t column, const char* what);
  // A whole number, at most kSizeMax; "8.0" is one.
  std::int64_t whole(std::size_t column, const char* what);
  const std::string& error() const { return error_; }

 private:
  std::int64_t wrong(std::string_view field, const char* what, const char* expected);
  std::vector<std::string_view> fields_;
  std::string error_;
};

// Nanoseconds of a decimal number of seconds; nothing when it is none or beyond 292 years.
std::optional<std::int64_t> parse_seconds(std::string_view text);
std::optional<std::int64_t> parse_date(std::string_view text);

}  // namespace fermi::simulate
