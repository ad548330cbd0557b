// HttpServer: the operator's own small HTTP endpoint (health, readiness, metrics).
//
// One thread of its own does the sockets; every request is answered by `handle` on the loop's
// thread, so the answer shows consistent state and a stuck loop fails its liveness probe (504
// after 5 s). Made and destroyed on the loop's thread. GET and HEAD only, small requests only, slow
// clients are dropped after 10 s.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "libk8s/base/loop.hpp"
#include "libk8s/base/status.hpp"
#include "libk8s/http/message.hpp"

namespace fermi {

class HttpServer {
 public:
  using Handle = std::function<k8s::http::Response(const k8s::http::Request&)>;

  // Listens on "address:port"; port 0 picks one. The loop must outlive the server.
  static k8s::Result<std::unique_ptr<HttpServer>> start(k8s::Loop& loop, const std::string& address,
                                                        Handle handle);
  ~HttpServer();

  // "127.0.0.1:8080": where it really listens.
  const std::string& address() const;

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fermi
