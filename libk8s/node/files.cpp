#include "libk8s/node/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace k8s::node {
namespace {

Status failed(std::string_view what, const std::string& path) {
  const int error = errno;
  const Code code = error == ENOENT ? Code::kNotFound : Code::kInternal;
  return {code, errno_text(std::string(what) + " " + path, error)};
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// A rename is on disk only when its folder is.
void sync_folder_of(const std::string& path) {
  const Fd folder(::open(std::filesystem::path(path).parent_path().c_str(),
                         O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder) (void)::fsync(folder.get());
}

}  // namespace

void Fd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

std::string errno_text(std::string_view what, int error) {
  return std::string(what) + ": " + std::error_code(error, std::generic_category()).message();
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return failed("open", path);
  std::string text;
  char buffer[16384];
  for (;;) {
    const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed("read", path);
    if (n == 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
    if (text.size() > limit) {
      return Status(Code::kMalformed, path + " is larger than " + std::to_string(limit) + " bytes");
    }
  }
}

Status write_file(const std::string& path, std::string_view text, Sync sync) {
  const std::string fresh = path + ".new";
  const Fd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return failed("open", fresh);
  if (!write_all(fd.get(), text)) return failed("write", fresh);
  if (sync == Sync::kDisk && ::fsync(fd.get()) != 0) return failed("fsync", fresh);
  if (::rename(fresh.c_str(), path.c_str()) != 0) return failed("rename", path);
  if (sync == Sync::kDisk) sync_folder_of(path);
  return Status::ok();
}

Status rewrite_in_place(const std::string& path, std::string_view text) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (!fd) return failed("open", path);
  // The new text goes over the old before the rest is cut, so that a reader between the two never
  // finds the file empty.
  if (!write_all(fd.get(), text)) return failed("write", path);
  if (::ftruncate(fd.get(), static_cast<off_t>(text.size())) != 0) return failed("truncate", path);
  return Status::ok();
}

Status make_folders(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return {Code::kInternal, "make folder " + path + ": " + error.message()};
  return Status::ok();
}

Status make_open_folder(const std::string& path) {
  if (Status bad = make_folders(path); !bad) return bad;
  return ::chmod(path.c_str(), 0777) == 0 ? Status::ok() : failed("open up", path);
}

void remove_tree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
}

}  // namespace k8s::node
