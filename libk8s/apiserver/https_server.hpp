// HttpsServer: the sockets around an ApiServer.
//
// Listens on loopback, speaks HTTP/1.1 over TLS with certificates of its own making, knows callers
// by bearer token, and hands each request to `ApiServer::handle`. Streams (watches, followed logs)
// are sent in chunks as they grow. One thread of its own does everything: it alone calls `handle`
// and `tick`, so the ApiServer belongs to it from `start` to `stop`; `post` brings other work
// there.
//
// Limits: size and time of a request, time of each write to a slow client, number of connections.
// What breaks them is answered with a Status object, or cut. A connection on which nothing is asked
// for is closed after `idle_timeout`, also when a stream went before. An exception from the
// ApiServer or from a stream is logged and closes its connection; nothing that comes from outside
// ends the thread.
//
// Files, all mode 0600 in `data_dir` (made with mode 0700): ca.crt, server.crt, server.key (made at
// the first start and again before they expire), admin.token.
//
//   auto server = HttpsServer::start(*api, {.data_dir = dir});
//   (*server)->write_kubeconfig(dir + "/kubeconfig", "local");
//   ...
//   (*server)->stop();
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "libk8s/apiserver/server.hpp"
#include "libk8s/base/status.hpp"

namespace k8s::apiserver {

struct HttpsOptions {
  std::string address = "127.0.0.1";  // loopback addresses only
  std::uint16_t port = 0;             // 0: any free one
  std::string data_dir;
  // More callers, one a line: "token,user,group,group"; read once. "" for none.
  std::string token_file;
  std::size_t connections = 1000;
  std::chrono::seconds idle_timeout{180};        // between requests on one connection
  std::chrono::seconds request_timeout{60};      // for one request to arrive whole
  std::chrono::seconds write_timeout{30};        // for a client to take what it is sent
  std::chrono::milliseconds stop_timeout{1500};  // for clients to take the ends of their streams
  std::chrono::milliseconds tick_period{200};
};

class HttpsServer {
 public:
  // Makes the certificates where needed, listens and starts the thread. `api` outlives the server.
  // Fails when the port is taken, or the files cannot be written.
  static Result<std::unique_ptr<HttpsServer>> start(ApiServer& api, HttpsOptions options);
  virtual ~HttpsServer() = default;  // stops

  virtual std::uint16_t port() const = 0;
  // "https://127.0.0.1:6443"
  virtual std::string url() const = 0;
  // What clients need: the CA's certificate (PEM) and the administrator's token.
  virtual const std::string& ca_pem() const = 0;
  virtual const std::string& admin_token() const = 0;

  // Writes a kubeconfig for the administrator, mode 0600, replacing it as a whole. `name` names
  // its cluster, user and context.
  virtual Status write_kubeconfig(const std::string& path, const std::string& name) const = 0;

  // Runs `fn` on the server's thread.
  virtual void post(std::function<void()> fn) = 0;

  // Stops listening, ends streams cleanly, closes connections, joins the thread. Within
  // `stop_timeout` or little more, whatever the clients do. May be called twice.
  virtual void stop() = 0;
};

}  // namespace k8s::apiserver
