// LogWriter: turns what one run of a container prints into log files.
//
// One line of output becomes one line of a file, as the container runtime interface has it:
//
//   2026-11-22T15:02:18.123456789Z stdout F the text
//
// "P" instead of "F" says that the line goes on in the next one of its stream: lines are cut at
// 16 KiB, and the last piece before the end may lack its newline. Files are segments,
// `<folder>/<attempt>.<segment>.log`, counted from 0 and never renamed; a new one begins when the
// size is reached, and the oldest goes when there are too many. Logs of the attempt before are
// kept, older ones are removed.
//
// A full disk loses text, not the container: writes that fail are dropped.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "libk8s/base/loop.hpp"
#include "libk8s/node/files.hpp"

namespace k8s::node {

enum class LogStream : std::uint8_t { kStdout, kStderr };

class LogWriter {
 public:
  struct Options {
    std::string folder;  // of this container; made if missing
    int attempt = 0;
    std::int64_t file_bytes = 10 << 20;
    int files = 5;
  };
  LogWriter(Options options);

  void write(LogStream stream, std::string_view bytes, WallTime now);
  // Writes what has no newline yet. Nothing may be written afterwards.
  void close(WallTime now);

 private:
  void append(LogStream stream, bool whole, std::string_view text, WallTime now);
  void flush();
  void open_segment();
  void remove_old_attempts() const;

  Options options_;
  Fd file_;
  std::int64_t size_ = 0;
  int segment_ = -1;
  std::array<std::string, 2> partial_;
  std::string pending_;
};

// Names and numbers of log files, shared with the reader.
std::string log_file_name(int attempt, int segment);
struct LogFileId {
  int attempt = -1, segment = -1;
  friend auto operator<=>(const LogFileId&, const LogFileId&) = default;
};
// {-1, -1} when it is not such a name.
LogFileId parse_log_file_name(std::string_view name);

}  // namespace k8s::node
