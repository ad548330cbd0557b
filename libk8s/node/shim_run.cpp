#include "libk8s/node/shim_run.hpp"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace k8s::node {
namespace {

void send_to(int socket, std::string_view message) {
  (void)::send(socket, message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

ContainerRun::ContainerRun(Supervisor supervisor, LogWriter::Options log,
                           std::function<WallTime()> clock,
                           std::function<void(std::string_view)> on_message)
    : supervisor_(std::move(supervisor)),
      log_(std::move(log)),
      clock_(std::move(clock)),
      on_message_(std::move(on_message)) {}

int ContainerRun::output(LogStream stream) const {
  return stream == LogStream::kStdout ? supervisor_.out.get() : supervisor_.err.get();
}

void ContainerRun::receive() {
  char buffer[4096];
  for (;;) {
    const ssize_t n = ::recv(control(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return supervisor_.control.reset();
    const std::string_view message(buffer, static_cast<std::size_t>(n));
    if (message[0] == 'F') {
      start_error_ = std::string(message.substr(1));
    } else if (message[0] == 'E' && message.size() == 1 + sizeof(int)) {
      int status = 0;
      std::memcpy(&status, message.data() + 1, sizeof status);
      status_ = status;
    } else {
      on_message_(message);
    }
  }
}

bool ContainerRun::copy_once(LogStream stream) {
  char buffer[65536];
  const int fd = output(stream);
  if (fd < 0) return false;
  const ssize_t n = ::read(fd, buffer, sizeof buffer);
  if (n > 0) {
    log_.write(stream, {buffer, static_cast<std::size_t>(n)}, clock_());
    return true;
  }
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return errno == EINTR;
  (stream == LogStream::kStdout ? supervisor_.out : supervisor_.err).reset();
  return false;
}

void ContainerRun::copy_output(LogStream stream) { copy_once(stream); }

void ContainerRun::signal(int number) const {
  send_to(control(), std::string("S") + static_cast<char>(number));
}

void ContainerRun::kill(int times_before) const {
  send_to(control(), "K");
  if (times_before >= 2) ::kill(supervisor_.pid, SIGKILL);
}

void ContainerRun::probe(char which) const { send_to(control(), std::string("P") + which); }

void ContainerRun::finish() {
  if (supervisor_.control) receive();
  // Bounded: without namespaces a process that fled could hold the pipe and print for ever.
  for (int i = 0; i < 64 && copy_once(LogStream::kStdout); ++i) {
  }
  for (int i = 0; i < 64 && copy_once(LogStream::kStderr); ++i) {
  }
  log_.close(clock_());
}

}  // namespace k8s::node
