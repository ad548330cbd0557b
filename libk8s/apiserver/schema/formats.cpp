#include <nlohmann/json.hpp>

#include "libk8s/apiserver/schema/go_duration.hpp"
#include "libk8s/apiserver/schema/walk.hpp"
#include "libk8s/codec/quantity.hpp"
#include "libk8s/codec/rfc3339.hpp"

namespace k8s::apiserver {
namespace {

bool is_base64(std::string_view text) {
  std::size_t symbols = 0, padding = 0;
  for (char c : text) {
    if (c == '\n' || c == '\r') continue;
    bool symbol = std::isalnum(static_cast<unsigned char>(c)) || c == '+' || c == '/';
    if (c == '=') {
      ++padding;
    } else if (!symbol || padding > 0) {
      return false;
    } else {
      ++symbols;
    }
  }
  return (symbols + padding) % 4 == 0 && padding <= 2;
}

bool is_date(std::string_view t) { return parse_time(std::string(t) + "T00:00:00Z").is_ok(); }

bool is_ipv4(std::string_view text) {
  int parts = 0;
  while (true) {
    std::size_t dot = text.find('.');
    std::string_view part = text.substr(0, dot);
    if (part.empty() || part.size() > 3 ||
        part.find_first_not_of("0123456789") != std::string_view::npos) {
      return false;
    }
    if (std::stoi(std::string(part)) > 255) return false;
    ++parts;
    if (dot == std::string_view::npos) return parts == 4;
    text.remove_prefix(dot + 1);
  }
}

bool is_uuid(std::string_view text) {
  std::size_t digits = 0;
  for (char c : text) {
    if (std::isxdigit(static_cast<unsigned char>(c))) {
      ++digits;
    } else if (c != '-') {
      return false;
    }
  }
  return digits == 32;
}

}  // namespace

bool fits_format(std::string_view text, std::string_view format) {
  if (format.empty()) return true;
  if (format == "date-time" || format == "micro-time" || format == "datetime") {
    return parse_time(text).is_ok();
  }
  if (format == "quantity") return Quantity::parse(text).is_ok();
  if (format == "byte") return is_base64(text);
  if (format == "date") return is_date(text);
  if (format == "duration") return parse_go_duration(text).has_value();
  if (format == "ipv4") return is_ipv4(text);
  if (format == "uuid") return is_uuid(text);
  return true;
}

std::string format_rule(std::string_view format) {
  if (format == "quantity") {
    return "must be a quantity, such as \"500m\", \"2\" or \"1Gi\"";
  }
  return "must be of type " + std::string(format);
}

}  // namespace k8s::apiserver
