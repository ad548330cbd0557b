// A small HTTPS server on loopback whose answers are written byte by byte by the test.
//
// Each connection has a thread. For every request the behaviour is called on it; it sends what it
// likes, and says whether the connection stays open. Everything ends in the destructor.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/transport/certificates.hpp"

namespace k8s::testing {

struct SeenRequest {
  std::string method, target, body;
  std::string authorization, host;
  int connection = 0;  // counted from 1
};

class ServerConnection {
 public:
  virtual ~ServerConnection() = default;
  virtual void send(const std::string& raw) = 0;
  // Blocks until the client closes the connection, or the server ends.
  virtual void wait_for_close() = 0;
};

class TlsServer {
 public:
  // False ends the connection without another word.
  using Behaviour = std::function<bool(const SeenRequest&, ServerConnection&)>;

  TlsServer(const CertificatePem& identity, Behaviour behaviour);
  ~TlsServer();

  int port() const;
  std::string url() const { return "https://127.0.0.1:" + std::to_string(port()); }
  std::vector<SeenRequest> seen() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// "HTTP/1.1 200 OK" with a length and the body.
std::string plain_answer(int status, const std::string& body, const std::string& headers = "");

}  // namespace k8s::testing
