#include "operator/local/journal_file.hpp"

#include <filesystem>

#include "libk8s/base/log.hpp"

namespace fermi {

JournalFile::JournalFile(std::string path, std::int64_t max_bytes)
    : path_(std::move(path)), max_bytes_(max_bytes) {
  open();
}

// Every run starts a file of its own, so that a journal can be replayed from its first line.
void JournalFile::open() {
  std::error_code ignored;
  std::filesystem::rename(path_, path_ + ".old", ignored);
  file_.close();
  file_.clear();
  file_.open(path_, std::ios::binary | std::ios::trunc);
  bytes_ = 0;
}

void JournalFile::write(std::string_view line) {
  if (failed_) return;
  if (bytes_ > max_bytes_) open();
  file_ << line << '\n' << std::flush;
  bytes_ += static_cast<std::int64_t>(line.size()) + 1;
  if (file_.good()) return;
  failed_ = true;
  k8s::log::warn("the decision journal cannot be written any more", {{"file", path_}});
}

}  // namespace fermi
