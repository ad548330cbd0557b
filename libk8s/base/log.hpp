// The logging front: structured lines through spdlog, one per event worth a person's attention.
//
// `log::info("pod bound", {{"pod", "a/b"}, {"node", "n1"}})` prints `pod bound pod=a/b node=n1`
// (or one JSON object a line, when `set_format(Format::kJson)` was called). Values are escaped, so
// that nothing from outside can forge a line. Never log the contents of Secrets or tokens.
// Threads: any.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace k8s::log {

enum class Level { kDebug, kInfo, kWarn, kError, kOff };
enum class Format { kText, kJson };
using Field = std::pair<std::string_view, std::string>;
using Fields = std::initializer_list<Field>;

void set_level(Level level);
void set_format(Format format);
// How many errors were logged by this process so far; a simulation run fails when it is not zero.
long error_count();

void write(Level level, std::string_view message, Fields fields);
inline void debug(std::string_view m, Fields f = {}) { write(Level::kDebug, m, f); }
inline void info(std::string_view m, Fields f = {}) { write(Level::kInfo, m, f); }
inline void warn(std::string_view m, Fields f = {}) { write(Level::kWarn, m, f); }
inline void error(std::string_view m, Fields f = {}) { write(Level::kError, m, f); }

}  // namespace k8s::log
