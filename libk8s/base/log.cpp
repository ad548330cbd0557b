#include "libk8s/base/log.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>

namespace k8s::log {
namespace {

std::atomic<Format> g_format{Format::kText};
std::atomic<long> g_errors{0};

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = spdlog::stderr_color_mt("main");
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc);
    return made;
  }();
  return *instance;
}

// Quotes `text` as JSON does, so that line ends and control characters stay inside their field.
std::string json_quoted(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

bool is_plain(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f || c == '"' || c == '\\' || c == '=') return false;
  }
  return true;
}

std::string as_text(std::string_view message, Fields fields) {
  std::string line;
  for (const char c : message) line += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  for (const auto& [key, value] : fields) {
    line += ' ';
    line += key;
    line += '=';
    line += is_plain(value) ? value : json_quoted(value);
  }
  return line;
}

std::string as_json(std::string_view message, Fields fields) {
  std::string line = "{\"msg\":" + json_quoted(message);
  for (const auto& [key, value] : fields) line += "," + json_quoted(key) + ":" + json_quoted(value);
  return line + "}";
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
    case Level::kOff:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

}  // namespace

void set_level(Level level) { logger().set_level(to_spdlog(level)); }

void set_format(Format format) {
  g_format = format;
  if (format == Format::kJson)
    logger().set_pattern("{\"ts\":\"%Y-%m-%dT%H:%M:%S.%eZ\",\"level\":\"%l\",\"event\":%v}",
                         spdlog::pattern_time_type::utc);
}

long error_count() { return g_errors; }

void write(Level level, std::string_view message, Fields fields) {
  if (level == Level::kError) ++g_errors;
  const auto at = to_spdlog(level);
  if (!logger().should_log(at)) return;
  const bool json = g_format == Format::kJson;
  logger().log(at, "{}", json ? as_json(message, fields) : as_text(message, fields));
}

}  // namespace k8s::log
