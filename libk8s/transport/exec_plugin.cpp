#include "libk8s/transport/exec_plugin.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/rfc3339.hpp"

namespace k8s {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxOutput = 1 << 20;
constexpr std::chrono::milliseconds kLook{50};  // how soon a cancel is noticed

Status failed(const ExecPlugin& plugin, const std::string& why) {
  std::string text = "credential program " + plugin.command + " " + why;
  if (!plugin.install_hint.empty()) text += "; " + plugin.install_hint.substr(0, 500);
  return {Code::kUnauthorized, text};
}

std::string base64(const std::string& bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

// KUBERNETES_EXEC_INFO: what the program may want to know.
std::string exec_info(const ExecPlugin& plugin, const ClusterConfig& cluster,
                      const std::string& ca_data, bool interactive) {
  json spec = {{"interactive", interactive}};
  if (plugin.provide_cluster_info) {
    json& details = spec["cluster"];
    details["server"] = cluster.server;
    if (!cluster.tls_server_name.empty()) details["tls-server-name"] = cluster.tls_server_name;
    if (cluster.insecure) details["insecure-skip-tls-verify"] = true;
    if (!ca_data.empty()) details["certificate-authority-data"] = base64(ca_data);
    if (!cluster.proxy_url.empty()) details["proxy-url"] = cluster.proxy_url;
  }
  return json_text(
      {{"kind", "ExecCredential"}, {"apiVersion", plugin.api_version}, {"spec", spec}});
}

std::vector<std::string> child_environment(const ExecPlugin& plugin, const std::string& info) {
  std::vector<std::string> out;
  const auto overridden = [&](std::string_view entry) {
    const auto name = entry.substr(0, entry.find('='));
    if (name == "KUBERNETES_EXEC_INFO") return true;
    for (const auto& [key, value] : plugin.env)
      if (key == name) return true;
    return false;
  };
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (!overridden(*entry)) out.emplace_back(*entry);
  for (const auto& [key, value] : plugin.env) out.push_back(key + "=" + value);
  out.push_back("KUBERNETES_EXEC_INFO=" + info);
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// A file descriptor that closes itself.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&&) = delete;
  ~Fd() { close(); }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// The running program. Killed, with what it started, unless it has ended.
class Child {
 public:
  Child(pid_t pid, bool leads_group) : pid_(pid), leads_group_(leads_group) {}
  ~Child() {
    if (pid_ <= 0) return;
    kill(leads_group_ ? -pid_ : pid_, SIGKILL);
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
  }
  // The wait status once it has ended.
  std::optional<int> ended() {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
    pid_ = 0;
    return status;
  }

 private:
  pid_t pid_;
  bool leads_group_;
};

Result<pid_t> spawn(const ExecPlugin& plugin, std::vector<std::string> environment, int stdout_fd,
                    bool interactive) {
  std::vector<std::string> args{plugin.command};
  args.insert(args.end(), plugin.args.begin(), plugin.args.end());
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (!interactive) posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, stdout_fd, 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  // A group of its own, so that all of it can be ended. A program that talks to a person stays in
  // ours: it could not read from the terminal otherwise.
  short flags = POSIX_SPAWN_SETSIGMASK;
  if (!interactive) flags |= POSIX_SPAWN_SETPGROUP;
  posix_spawnattr_setflags(&attributes, flags);
  auto argv = pointers(args);
  auto envp = pointers(environment);
  pid_t pid = 0;
  const int error =
      posix_spawnp(&pid, plugin.command.c_str(), &actions, &attributes, argv.data(), envp.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return failed(plugin, std::string("cannot be started: ") + std::strerror(error));
  return pid;
}

// Reads until the program closes its output; kCancelled, or a failure, when it takes too long.
Status gather(const ExecPlugin& plugin, int fd, Clock::time_point deadline,
              const std::atomic<bool>& cancelled, std::string& output) {
  std::array<char, 4096> buffer;
  while (true) {
    if (cancelled) return {Code::kCancelled, "credential program cancelled"};
    if (Clock::now() >= deadline) return failed(plugin, "did not end in time");
    pollfd wait{fd, POLLIN, 0};
    if (poll(&wait, 1, static_cast<int>(kLook.count())) <= 0) continue;
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(plugin, std::string("cannot be read: ") + std::strerror(errno));
    if (got == 0) return {};
    output.append(buffer.data(), static_cast<std::size_t>(got));
    if (output.size() > kMaxOutput) return failed(plugin, "prints too much");
  }
}

Result<int> wait_for_end(const ExecPlugin& plugin, Child& child, Clock::time_point deadline,
                         const std::atomic<bool>& cancelled) {
  while (true) {
    if (const auto status = child.ended()) return *status;
    if (cancelled) return Status(Code::kCancelled, "credential program cancelled");
    if (Clock::now() >= deadline) return failed(plugin, "did not end in time");
    poll(nullptr, 0, 5);
  }
}

Result<bool> may_interact(const ExecPlugin& plugin) {
  if (plugin.interactive_mode == "Never") return false;
  const bool terminal = isatty(STDIN_FILENO) == 1;
  if (plugin.interactive_mode == "Always" && !terminal)
    return failed(plugin, "needs a terminal, and there is none");
  return terminal;
}

}  // namespace

Result<ExecCredential> parse_exec_credential(const std::string& text,
                                             const std::string& api_version) {
  const auto object = parse_json(text);
  if (!object)
    return Status(Code::kUnauthorized, "a credential that is " + object.status().message());
  if (string_at(*object, "kind") != "ExecCredential")
    return Status(Code::kUnauthorized, "no ExecCredential was printed");
  if (string_at(*object, "apiVersion") != api_version)
    return Status(Code::kUnauthorized, "a credential of apiVersion \"" +
                                           string_at(*object, "apiVersion").substr(0, 80) +
                                           "\" where " + api_version + " was asked for");
  const json& status = object_at(*object, "status");
  ExecCredential out;
  out.token = string_at(status, "token");
  out.client_cert = string_at(status, "clientCertificateData");
  out.client_key = string_at(status, "clientKeyData");
  if (out.client_cert.empty() != out.client_key.empty())
    return Status(Code::kUnauthorized, "a certificate without its key, or a key alone");
  if (out.token.empty() && out.client_cert.empty())
    return Status(Code::kUnauthorized, "neither a token nor a certificate was printed");
  const std::string expires = string_at(status, "expirationTimestamp");
  if (expires.empty()) return out;
  const auto time = parse_time(expires);
  if (!time) return Status(Code::kUnauthorized, "expirationTimestamp: " + time.status().message());
  out.expires = *time;
  return out;
}

Result<ExecCredential> run_exec_plugin(const ExecPlugin& plugin, const ClusterConfig& cluster,
                                       const std::string& ca_data, Duration limit,
                                       const std::atomic<bool>& cancelled) {
  static std::timed_mutex one_at_a_time;
  const auto deadline = Clock::now() + limit;
  std::unique_lock lock(one_at_a_time, std::defer_lock);
  while (!lock.try_lock_for(kLook)) {
    if (cancelled) return Status(Code::kCancelled, "credential program cancelled");
    if (Clock::now() >= deadline) return failed(plugin, "has to wait for another one");
  }
  const auto interactive = may_interact(plugin);
  if (!interactive) return interactive.status();
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return failed(plugin, "cannot be started: no pipe");
  Fd out(ends[0]), in(ends[1]);
  const auto info = exec_info(plugin, cluster, ca_data, *interactive);
  const auto pid = spawn(plugin, child_environment(plugin, info), in.get(), *interactive);
  if (!pid) return pid.status();
  Child child(*pid, !*interactive);
  in.close();
  std::string output;
  if (auto status = gather(plugin, out.get(), deadline, cancelled, output); !status) return status;
  const auto ended = wait_for_end(plugin, child, deadline, cancelled);
  if (!ended) return ended.status();
  if (!WIFEXITED(*ended) || WEXITSTATUS(*ended) != 0) {
    const int code = WIFEXITED(*ended) ? WEXITSTATUS(*ended) : 128 + WTERMSIG(*ended);
    return failed(plugin, "ended with " + std::to_string(code));
  }
  auto credential = parse_exec_credential(output, plugin.api_version);
  if (!credential) return failed(plugin, "printed " + credential.status().message());
  return credential;
}

}  // namespace k8s
