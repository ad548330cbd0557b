#include "libk8s/transport/liveness.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace k8s {
namespace {

using Name = int (*)(int, sockaddr*, socklen_t*);

int port_of(int socket, Name name) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (name(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return -1;
  if (address.ss_family == AF_INET)
    return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  if (address.ss_family == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  return -1;
}

}  // namespace

void OpenSockets::close(int socket) {
  std::erase(sockets_, socket);
  ::close(socket);
}

int OpenSockets::find(int local_port, int remote_port) const {
  const auto it = std::ranges::find_if(sockets_, [&](int socket) {
    return port_of(socket, getsockname) == local_port &&
           port_of(socket, getpeername) == remote_port;
  });
  return it == sockets_.end() ? -1 : *it;
}

std::optional<Duration> silent_for(int socket) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (socket < 0 || getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
    return std::nullopt;
  if (info.tcpi_state != TCP_ESTABLISHED) return std::nullopt;
  return std::chrono::milliseconds(info.tcpi_last_data_recv);
}

void sever(int socket) { (void)::shutdown(socket, SHUT_RDWR); }

}  // namespace k8s
