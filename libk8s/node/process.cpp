#include "libk8s/node/process.hpp"

#include <dirent.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <map>
#include <memory>

namespace k8s::node {
namespace {

struct Stat {
  char state = '?';
  pid_t parent = 0;
  std::uint64_t start_ticks = 0;
};

template <class T>
T number(std::string_view text) {
  T value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// "pid (name) S ppid ...": the name may hold anything, so counting begins after the last ')'.
std::optional<Stat> parse_stat(std::string_view text) {
  const std::size_t end = text.rfind(')');
  if (end == std::string_view::npos || end + 2 >= text.size()) return std::nullopt;
  text.remove_prefix(end + 2);
  Stat stat;
  for (int field = 3; field <= 22; ++field) {
    const std::size_t space = text.find(' ');
    const std::string_view value = text.substr(0, space);
    if (field == 3) stat.state = value.empty() ? '?' : value[0];
    if (field == 4) stat.parent = number<pid_t>(value);
    if (field == 22) stat.start_ticks = number<std::uint64_t>(value);
    if (space == std::string_view::npos) return field == 22 ? std::optional(stat) : std::nullopt;
    text.remove_prefix(space + 1);
  }
  return stat;
}

std::optional<Stat> read_stat(pid_t pid) {
  const Result<std::string> text = read_file("/proc/" + std::to_string(pid) + "/stat", 4096);
  if (!text) return std::nullopt;
  return parse_stat(*text);
}

bool dead(const Stat& stat) { return stat.state == 'Z' || stat.state == 'X'; }

}  // namespace

std::vector<pid_t> all_processes() {
  std::vector<pid_t> pids;
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), ::closedir);
  if (!proc) return pids;
  while (const dirent* entry = ::readdir(proc.get())) {
    const pid_t pid = number<pid_t>(entry->d_name);
    if (pid > 0) pids.push_back(pid);
  }
  return pids;
}

std::optional<ProcessId> identify(pid_t pid) {
  const std::optional<Stat> stat = read_stat(pid);
  if (!stat || dead(*stat)) return std::nullopt;
  return ProcessId{pid, stat->start_ticks};
}

bool alive(const ProcessId& process) {
  return process.pid > 0 && identify(process.pid) == std::optional(process);
}

Fd open_process(const ProcessId& process) {
  Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  // Looked at after opening: if it is the right one now, the descriptor names the right one.
  if (!alive(process)) fd.reset();
  return fd;
}

bool send_signal(const ProcessId& process, int signal) {
  const Fd fd = open_process(process);
  return fd && ::syscall(SYS_pidfd_send_signal, fd.get(), signal, nullptr, 0) == 0;
}

std::vector<pid_t> children(pid_t parent) {
  std::vector<pid_t> found;
  for (const pid_t pid : all_processes()) {
    const std::optional<Stat> stat = read_stat(pid);
    if (stat && !dead(*stat) && stat->parent == parent) found.push_back(pid);
  }
  return found;
}

std::vector<pid_t> descendants(pid_t ancestor) {
  std::multimap<pid_t, pid_t> children;
  for (const pid_t pid : all_processes()) {
    const std::optional<Stat> stat = read_stat(pid);
    if (stat && !dead(*stat)) children.emplace(stat->parent, pid);
  }
  std::vector<pid_t> found;
  std::vector<pid_t> open = {ancestor};
  while (!open.empty()) {
    const auto [first, last] = children.equal_range(open.back());
    open.pop_back();
    for (auto child = first; child != last; ++child) {
      found.push_back(child->second);
      open.push_back(child->second);
    }
  }
  return found;
}

bool has_environment(pid_t pid, std::string_view entry) {
  const Result<std::string> text = read_file("/proc/" + std::to_string(pid) + "/environ");
  if (!text) return false;
  std::string needle("\0", 1);
  needle.append(entry).push_back('\0');
  return (std::string(1, '\0') + *text).find(needle) != std::string::npos;
}

std::string boot_id() {
  Result<std::string> text = read_file("/proc/sys/kernel/random/boot_id", 256);
  if (!text) return "";
  while (!text->empty() && text->back() == '\n') text->pop_back();
  return *text;
}

}  // namespace k8s::node
