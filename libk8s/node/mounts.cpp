#include "libk8s/node/mounts.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>

namespace k8s::node {
namespace {

constexpr std::size_t kMirrorEntries = 4096;
constexpr const char* kMirrorOptions = "mode=0755,size=16m";

Status failed(const std::string& what) { return {Code::kInternal, errno_text(what, errno)}; }

std::string fd_path(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

Status bind_mount(const std::string& source, const std::string& target) {
  if (::mount(source.c_str(), target.c_str(), nullptr, MS_BIND | MS_REC, nullptr) == 0) {
    return Status::ok();
  }
  return failed("mount on " + target);
}

Status make_read_only(const std::string& target) {
  mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  const long rc = ::syscall(SYS_mount_setattr, AT_FDCWD, target.c_str(), AT_RECURSIVE, &attributes,
                            sizeof attributes);
  return rc == 0 ? Status::ok() : failed("make " + target + " read-only");
}

// Opens `path` below `folder` with symbolic links and ".." kept inside it; made if missing.
Result<Fd> open_below(const std::string& folder, const std::string& path) {
  const Fd root(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return failed("open " + folder);
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT;
  const auto open_at = [&](const std::string& part) {
    return Fd(static_cast<int>(::syscall(SYS_openat2, root.get(), part.c_str(), &how, sizeof how)));
  };
  if (Fd whole = open_at(path)) return whole;
  std::string done = ".";
  for (const auto& part : std::filesystem::path(path).relative_path()) {
    if (part.empty()) continue;
    const Fd parent = open_at(done);
    if (!parent) return failed("open " + done + " in " + folder);
    if (::mkdirat(parent.get(), part.c_str(), 0777) != 0 && errno != EEXIST) {
      return failed("make " + path + " in " + folder);
    }
    done += "/" + part.string();
  }
  if (Fd whole = open_at(path)) return whole;
  return failed("open " + path + " in " + folder);
}

Result<Fd> open_source(const Mount& mount) {
  if (!mount.sub_path.empty()) return open_below(mount.source, mount.sub_path);
  Fd source(::open(mount.source.c_str(), O_PATH | O_CLOEXEC));
  if (!source) return failed("volume " + mount.source + " for " + mount.target);
  return source;
}

// Puts one entry of the original folder into its mirror. What cannot be opened is left out.
Status mirror_entry(int original, const std::string& mirror, const std::string& name) {
  const std::string to = mirror + "/" + name;
  struct stat info = {};
  if (::fstatat(original, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return Status::ok();
  if (S_ISLNK(info.st_mode)) {
    std::string link(4096, '\0');
    const ssize_t n = ::readlinkat(original, name.c_str(), link.data(), link.size());
    if (n <= 0) return Status::ok();
    link.resize(static_cast<std::size_t>(n));
    return ::symlink(link.c_str(), to.c_str()) == 0 ? Status::ok() : failed("link " + to);
  }
  const Fd source(::openat(original, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!source) return Status::ok();
  if (S_ISDIR(info.st_mode)) {
    if (::mkdir(to.c_str(), 0755) != 0) return failed("make " + to);
  } else {
    const Fd place(::open(to.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    if (!place) return failed("make " + to);
  }
  return bind_mount(fd_path(source.get()), to);
}

// Mirrors every entry of the folder open at `original` into the tmpfs at `mirror`.
Status fill_mirror(const Fd& original, const std::string& folder, const std::string& mirror) {
  const int listing = ::openat(original.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(listing < 0 ? nullptr : ::fdopendir(listing),
                                                    ::closedir);
  if (!entries) return failed("read " + folder);
  std::size_t count = 0;
  while (const dirent* entry = ::readdir(entries.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (++count > kMirrorEntries) {
      return {Code::kInvalid, folder + " has too many entries to make a mount point in it; make " +
                                  "the mount point on this machine beforehand"};
    }
    if (Status bad = mirror_entry(original.get(), mirror, name); !bad) return bad;
  }
  return Status::ok();
}

bool is_folder(const std::string& path, bool fallback) {
  struct stat info = {};
  return ::stat(path.c_str(), &info) == 0 ? S_ISDIR(info.st_mode) : fallback;
}

}  // namespace

Status MountView::begin() {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return failed("make the mounts private");
  }
  if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) {
    return failed("mount /proc");
  }
  return Status::ok();
}

Status MountView::apply(std::vector<Mount> mounts) {
  std::stable_sort(mounts.begin(), mounts.end(),
                   [](const Mount& a, const Mount& b) { return a.target < b.target; });
  for (const Mount& mount : mounts) {
    if (Status bad = apply_one(mount); !bad) return bad;
  }
  return Status::ok();
}

Status MountView::apply_one(const Mount& mount) {
  Result<Fd> source = open_source(mount);
  if (!source) return source.status();
  const bool folder = is_folder(fd_path(source->get()), true);
  if (Status bad = make_target(mount.target, folder); !bad) return bad;
  // Again, as making the target may have changed the root and with it every mount.
  source = open_source(mount);
  if (!source) return source.status();
  if (is_folder(mount.target, folder) != folder) {
    return {Code::kInvalid, "mountPath " + mount.target + " is a " + (folder ? "file" : "folder") +
                                ", but the volume is a " + (folder ? "folder" : "file")};
  }
  if (Status bad = bind_mount(fd_path(source->get()), mount.target); !bad) return bad;
  mounted_.push_back(mount.target);
  return mount.read_only ? make_read_only(mount.target) : Status::ok();
}

Status MountView::make_target(const std::string& target, bool folder) {
  std::error_code error;
  if (std::filesystem::exists(target, error)) return Status::ok();
  std::filesystem::path parent = std::filesystem::path(target).parent_path();
  while (!std::filesystem::exists(parent, error) && parent.has_relative_path()) {
    parent = parent.parent_path();
  }
  if (!may_create_in(parent)) {
    if (Status bad = parent == "/" ? mirror_root() : mirror(parent); !bad) return bad;
  }
  for (std::filesystem::path made = parent;
       const auto& part : std::filesystem::path(target).lexically_relative(parent)) {
    made /= part;
    if (Status bad = make_entry(made, folder || made != target); !bad) return bad;
  }
  return Status::ok();
}

Status MountView::make_entry(const std::string& path, bool folder) {
  if (folder) {
    if (::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST) return Status::ok();
  } else if (Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644))) {
    return Status::ok();
  }
  return failed("make the mount point " + path);
}

// True where a new entry does no harm: in our mirrors, in volumes mounted before, in folders open
// to everyone, and in a plain user's own folders.
bool MountView::may_create_in(const std::string& folder) const {
  struct stat info = {};
  if (::stat(folder.c_str(), &info) != 0) return false;
  if (mirrors_.contains(info.st_dev)) return true;
  for (const std::string& target : mounted_) {
    if (folder == target || folder.starts_with(target + "/")) return true;
  }
  if (::access(folder.c_str(), W_OK) != 0) return false;
  if ((info.st_mode & S_IWOTH) != 0) return true;
  return ::geteuid() != 0 && info.st_uid == ::geteuid();
}

Status MountView::mirror(const std::string& folder) {
  const Fd original(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!original) return failed("open " + folder);
  // The original is reached through its descriptor once the tmpfs covers it.
  if (::mount("mirror", folder.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, kMirrorOptions) != 0) {
    return failed("mount a mirror on " + folder);
  }
  struct stat info = {};
  if (::stat(folder.c_str(), &info) == 0) mirrors_.insert(info.st_dev);
  return fill_mirror(original, folder, folder);
}

// Nothing can be mounted over "/" so that running processes see it: the mirror is built elsewhere
// and becomes the root.
Status MountView::mirror_root() {
  const Fd original(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (::mount("mirror", scratch_.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, kMirrorOptions) != 0) {
    return failed("mount a mirror of the root");
  }
  struct stat info = {};
  if (::stat(scratch_.c_str(), &info) == 0) mirrors_.insert(info.st_dev);
  if (Status bad = fill_mirror(original, "/", scratch_); !bad) return bad;
  if (::chdir(scratch_.c_str()) != 0 || ::syscall(SYS_pivot_root, ".", ".") != 0 ||
      ::umount2(".", MNT_DETACH) != 0 || ::chdir("/") != 0) {
    return failed("enter the mirror of the root");
  }
  return Status::ok();
}

}  // namespace k8s::node
