#include "libk8s/node/prober.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace k8s::node {
namespace {

constexpr std::array<char, 3> kLetters = {'s', 'r', 'l'};
constexpr std::array<std::string_view, 3> kNames = {"startup", "readiness", "liveness"};
constexpr std::size_t kAnswerBytes = 4096;

std::string http_request(const ProbePlan& plan) {
  std::string text = "GET " + (plan.path.empty() ? "/" : plan.path) + " HTTP/1.1\r\n";
  bool host = false;
  for (const auto& [name, value] : plan.headers) {
    text.append(name).append(": ").append(value).append("\r\n");
    host = host || name == "Host";
  }
  if (!host) text += "Host: " + plan.host + ":" + std::to_string(plan.port) + "\r\n";
  return text + "User-Agent: kube-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n";
}

// The status of "HTTP/1.1 200 OK", or nothing before it is all there.
std::optional<int> http_status(std::string_view answer) {
  if (answer.size() < 12) return std::nullopt;
  if (!answer.starts_with("HTTP/1.")) return 0;
  int status = 0;
  for (const char digit : answer.substr(9, 3)) {
    if (digit < '0' || digit > '9') return 0;
    status = status * 10 + (digit - '0');
  }
  return status;
}

// A connection under way, or an empty descriptor.
Fd connect_to(const ProbePlan& plan) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(plan.port));
  if (::inet_pton(AF_INET, plan.host.c_str(), &address.sin_addr) != 1) return {};
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return {};
  const int rc = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (rc != 0 && errno != EINPROGRESS) return {};
  return fd;
}

}  // namespace

Prober::Prober(const ContainerPlan& container, TimePoint started) {
  slots_[kStartup].plan = container.startup;
  slots_[kReadiness].plan = container.readiness;
  slots_[kLiveness].plan = container.liveness;
  for (Slot& slot : slots_) {
    if (slot.plan) slot.next = started + std::chrono::seconds(slot.plan->initial_delay_s);
  }
  started_ = !container.startup;
  ready_ = !container.readiness;
}

bool Prober::allowed(std::size_t which) const {
  return slots_[which].plan && !failure_ && (which == kStartup ? !started_ : started_);
}

std::vector<char> Prober::due(TimePoint now) {
  std::vector<char> to_run;
  for (std::size_t which = 0; which < slots_.size(); ++which) {
    Slot& slot = slots_[which];
    if (slot.deadline && now >= *slot.deadline) result(which, false, now);
    if (!allowed(which) || slot.deadline || now < slot.next) continue;
    slot.deadline = now + std::chrono::seconds(std::max(1, slot.plan->timeout_s));
    slot.next = now + std::chrono::seconds(std::max(1, slot.plan->period_s));
    if (slot.plan->kind == ProbePlan::Kind::kExec) {
      to_run.push_back(kLetters[which]);
    } else if (!begin(slot, now)) {
      result(which, false, now);
    }
  }
  return to_run;
}

bool Prober::begin(Slot& slot, TimePoint) {
  slot.socket = connect_to(*slot.plan);
  slot.sent = false;
  slot.answer.clear();
  return static_cast<bool>(slot.socket);
}

void Prober::heard(std::string_view message, TimePoint now) {
  int status = 0;
  if (message.size() != 1 + sizeof status) return;
  std::memcpy(&status, message.data() + 1, sizeof status);
  for (std::size_t which = 0; which < slots_.size(); ++which) {
    // One that came too late has been counted already.
    if (kLetters[which] == message[0] && slots_[which].deadline) result(which, status == 0, now);
  }
}

void Prober::add_waits(std::vector<pollfd>& waits) const {
  for (const Slot& slot : slots_) {
    if (!slot.socket) continue;
    waits.push_back({slot.socket.get(), static_cast<short>(slot.sent ? POLLIN : POLLOUT), 0});
  }
}

void Prober::ready(const std::vector<pollfd>& waits, TimePoint now) {
  for (std::size_t which = 0; which < slots_.size(); ++which) {
    const int fd = slots_[which].socket.get();
    if (fd < 0) continue;
    const bool woken = std::any_of(waits.begin(), waits.end(), [fd](const pollfd& wait) {
      return wait.fd == fd && wait.revents != 0;
    });
    if (woken) progress(which, now);
  }
}

void Prober::progress(std::size_t which, TimePoint now) {
  Slot& slot = slots_[which];
  if (!slot.sent) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(slot.socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return result(which, false, now);
    if (slot.plan->kind == ProbePlan::Kind::kTcp) return result(which, true, now);
    const std::string request = http_request(*slot.plan);
    const ssize_t n = ::send(slot.socket.get(), request.data(), request.size(), MSG_NOSIGNAL);
    if (n != static_cast<ssize_t>(request.size())) return result(which, false, now);
    slot.sent = true;
    return;
  }
  char buffer[512];
  const ssize_t n = ::recv(slot.socket.get(), buffer, sizeof buffer, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n > 0) slot.answer.append(buffer, static_cast<std::size_t>(n));
  const std::optional<int> status = http_status(slot.answer);
  if (status) return result(which, *status >= 200 && *status < 400, now);
  if (n <= 0 || slot.answer.size() > kAnswerBytes) result(which, false, now);
}

void Prober::result(std::size_t which, bool success, TimePoint) {
  Slot& slot = slots_[which];
  slot.deadline.reset();
  slot.socket.reset();
  slot.successes = success ? slot.successes + 1 : 0;
  slot.failures = success ? 0 : slot.failures + 1;
  const bool good = slot.successes >= std::max(1, slot.plan->success_threshold);
  const bool bad = slot.failures >= std::max(1, slot.plan->failure_threshold);
  if (which == kStartup && good) started_ = true;
  if (which == kReadiness && good) ready_ = true;
  if (which == kReadiness && bad) ready_ = false;
  if (which != kReadiness && bad) {
    failure_ = "Container failed " + std::string(kNames[which]) + " probe, will be restarted";
  }
}

std::optional<TimePoint> Prober::next_wake() const {
  std::optional<TimePoint> wake;
  for (std::size_t which = 0; which < slots_.size(); ++which) {
    const Slot& slot = slots_[which];
    std::optional<TimePoint> next = slot.deadline;
    if (!next && allowed(which)) next = slot.next;
    if (next) wake = wake ? std::min(*wake, *next) : next;
  }
  return wake;
}

}  // namespace k8s::node
