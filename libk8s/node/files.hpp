// Small files that must survive a crash: whole reads, and writes that are all or nothing.
//
// Paths are absolute. Errors carry the path and the system's words. Any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "libk8s/base/status.hpp"

namespace k8s::node {

// An open file descriptor with one owner.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() { reset(); }
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

// kNotFound when there is no such file; kMalformed when it is larger than `limit`.
Result<std::string> read_file(const std::string& path, std::size_t limit = std::size_t{16} << 20);

enum class Sync {
  kNone,  // visible at once to other processes, may be lost with the machine
  kDisk,  // on disk when the call returns
};
// Replaces the file by way of a temporary one beside it: readers see the old or the new text.
Status write_file(const std::string& path, std::string_view text, Sync sync);
// Rewrites the file itself, keeping its inode (a bind mount follows); made if missing, mode 0644.
Status rewrite_in_place(const std::string& path, std::string_view text);

Status make_folders(const std::string& path);      // with parents, mode 0755
Status make_open_folder(const std::string& path);  // the same, and writable for everybody
// Everything below and the folder itself; symbolic links are removed, not followed.
void remove_tree(const std::string& path);

// "open /a/b: No such file or directory"
std::string errno_text(std::string_view what, int error);

}  // namespace k8s::node
