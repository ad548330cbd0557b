// JournalFile: the decision journal on disk, bounded: two files of at most `max_bytes` each, the
// older one replaced when the newer is full. It may be lost; only replay reads it. A full disk
// costs the journal, never the operator: writing stops with one warning. Loop thread only.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

namespace fermi {

class JournalFile {
 public:
  explicit JournalFile(std::string path, std::int64_t max_bytes = 64 << 20);
  void write(std::string_view line);

 private:
  void open();
  std::string path_;
  std::int64_t max_bytes_, bytes_ = 0;
  std::ofstream file_;
  bool failed_ = false;
};

}  // namespace fermi
