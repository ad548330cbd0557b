// LogReader: the text of one run's log, as `kubectl logs` shows it, from the files as they grow.
//
// Reads the segments that LogWriter makes, in order, from where the options say; each `read` gives
// what has come since. Segments that were dropped meanwhile are skipped. Any one thread at a time;
// reads files, never waits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "libk8s/base/loop.hpp"
#include "libk8s/node/log_writer.hpp"

namespace k8s::node {

struct LogReadOptions {
  bool timestamps = false;
  std::optional<std::int64_t> tail_lines, limit_bytes;
  std::optional<WallTime> since;
};

class LogReader {
 public:
  // `folder`: the container's log folder.
  LogReader(std::string folder, int attempt, LogReadOptions options);

  // At most about `most` bytes; "" at the present end.
  std::string read(std::size_t most = 256 << 10);
  // The byte limit is reached: nothing will come any more.
  bool exhausted() const { return left_ && *left_ <= 0; }

 private:
  void seek_tail(std::int64_t lines);
  bool read_some(std::string& out);
  bool has_newer_segment() const;
  void next_segment();
  void format(std::string_view line, std::string& out);

  std::string folder_;
  int attempt_;
  LogReadOptions options_;
  std::optional<std::int64_t> left_;
  int segment_ = -1;
  Fd file_;
  std::string partial_;       // a file line that is not whole yet
  bool inside_line_ = false;  // the last piece was a "P"
  bool skipping_ = false;     // and belongs to a line before `since`
};

}  // namespace k8s::node
