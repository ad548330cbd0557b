#include "operator/simulate/lines.hpp"

#include <charconv>
#include <chrono>

#include "operator/simulate/trace.hpp"

namespace fermi::simulate {
namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// All of the text as a number without a sign.
std::optional<std::int64_t> digits(std::string_view text) {
  std::int64_t value = 0;
  if (text.empty() || text.front() == '-') return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Bytes that would end a sentence, or move what a terminal shows, by their numbers.
std::string visible(const std::string& text) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string shown;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      shown += c;
    } else {
      shown += std::string("\\x") + kDigits[byte >> 4] + kDigits[byte & 15];
    }
  }
  return shown;
}

// The nanoseconds of what stands behind the point.
std::optional<std::int64_t> fraction(std::string_view text) {
  if (text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  std::int64_t ns = 0;
  for (std::size_t i = 0; i < 9; ++i) ns = ns * 10 + (i < text.size() ? text[i] - '0' : 0);
  return ns;
}

}  // namespace

std::optional<std::int64_t> parse_seconds(std::string_view text) {
  const bool negative = !text.empty() && text.front() == '-';
  if (negative || (!text.empty() && text.front() == '+')) text.remove_prefix(1);
  const auto point = text.find('.');
  const auto whole = digits(text.substr(0, point));
  const auto part = point == std::string_view::npos ? std::optional(std::int64_t{0})
                                                    : fraction(text.substr(point + 1));
  std::int64_t ns = 0;
  if (!whole || !part || __builtin_mul_overflow(*whole, kSecond, &ns) ||
      __builtin_add_overflow(ns, *part, &ns)) {
    return std::nullopt;
  }
  return negative ? -ns : ns;
}

std::optional<std::int64_t> parse_date(std::string_view text) {
  if (!text.empty() && text.back() == 'Z') text.remove_suffix(1);
  if (text.size() < 19 || text[4] != '-' || text[7] != '-' ||
      (text[10] != ' ' && text[10] != 'T') || text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  const auto year = digits(text.substr(0, 4)), month = digits(text.substr(5, 2)),
             day = digits(text.substr(8, 2)), hour = digits(text.substr(11, 2)),
             minute = digits(text.substr(14, 2));
  const auto second = parse_seconds(text.substr(17));
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  // A second of 60 is a leap second: it is taken for the first of the next minute.
  if (!date.ok() || *hour > 23 || *minute > 59 || *second < 0 || *second >= 61 * kSecond) {
    return std::nullopt;
  }
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  std::int64_t ns = 0;
  if (__builtin_mul_overflow(days * 86400 + *hour * 3600 + *minute * 60, kSecond, &ns) ||
      __builtin_add_overflow(ns, *second, &ns)) {
    return std::nullopt;
  }
  return ns;
}

// --- lines

bool Lines::read() {
  line_.clear();
  std::streambuf& from = *in_.rdbuf();
  for (int c = from.sbumpc(); c != '\n'; c = from.sbumpc()) {
    if (c == std::char_traits<char>::eof()) return !line_.empty();
    if (line_.size() >= kLineMax) {
      status_ = error("longer than a megabyte: this is no trace");
      return false;
    }
    line_.push_back(static_cast<char>(c));
  }
  return true;
}

std::optional<std::string_view> Lines::next() {
  while (status_.is_ok()) {
    ++number_;
    if (!read()) break;
    constexpr std::string_view kMark =
        "\xEF\xBB\xBF";  // that a text is UTF-8, as some programs say
    if (number_ == 1 && line_.starts_with(kMark)) line_.erase(0, kMark.size());
    if (const auto line = trimmed(line_); !line.empty()) return line;
  }
  return std::nullopt;
}

k8s::Status Lines::error(const std::string& sentence) const {
  return {k8s::Code::kInvalid, "line " + std::to_string(number_) + ": " + visible(sentence)};
}

// --- rows

Row::Row(std::string_view line, char separator) {
  while (true) {
    line = trimmed(line);
    std::size_t end = 0;
    if (!line.empty() && line.front() == '"') {
      end = std::min(line.find('"', 1), line.size());
      fields_.push_back(line.substr(1, end - 1));
      end = separator == ' ' ? line.find_first_of(kBlanks, end) : line.find(separator, end);
    } else {
      end = separator == ' ' ? line.find_first_of(kBlanks) : line.find(separator);
      fields_.push_back(trimmed(line.substr(0, end)));
    }
    if (end == std::string_view::npos) return;
    line.remove_prefix(end + 1);
  }
}

std::int64_t Row::wrong(std::string_view field, const char* what, const char* expected) {
  if (error_.empty()) {
    error_ = std::string("\"") + std::string(field.substr(0, 40)) + "\" is no " + what + ": " +
             expected + " is expected";
  }
  return 0;
}

std::string_view Row::text(std::size_t column, const char* what) {
  if (column < fields_.size()) return fields_[column];
  if (error_.empty()) {
    error_ = "has " + std::to_string(fields_.size()) + " columns; the " + what +
             " should stand in column " + std::to_string(column + 1);
  }
  return {};
}

std::int64_t Row::seconds(std::size_t column, const char* what, const char* expected) {
  const auto field = text(column, what);
  if (!error_.empty()) return 0;
  const auto ns = parse_seconds(field);
  return ns ? *ns : wrong(field, what, expected);
}

std::int64_t Row::moment(std::size_t column, const char* what) {
  const auto field = text(column, what);
  if (!error_.empty()) return 0;
  const auto date = parse_date(field);
  const auto ns = date ? date : parse_seconds(field);
  return ns ? *ns
            : wrong(field, what, "a number of seconds of at most 292 years or YYYY-MM-DD hh:mm:ss");
}

std::int64_t Row::whole(std::size_t column, const char* what) {
  const auto field = text(column, what);
  if (!error_.empty()) return 0;
  const auto ns = parse_seconds(field);
  if (!ns || *ns % kSecond != 0 || *ns > kSizeMax * kSecond || *ns < -kSizeMax * kSecond) {
    return wrong(field, what, "a whole number of at most 1000000000");
  }
  return *ns / kSecond;
}

}  // namespace fermi::simulate
