// A small HTTP/2 server over TLS on loopback that does what the test says, frame by frame: answers,
// streams that stay open, GOAWAY, refused streams, silence.
//
// It knows the frames of RFC 9113 but does not decode header blocks: tests tell requests apart by
// their number. Each connection has a thread; the behaviour is called on it once for each request
// that has come whole. Everything ends in the destructor.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/transport/certificates.hpp"

namespace k8s::testing {

// Error codes of RFC 9113, section 7.
inline constexpr std::uint32_t kNoError = 0, kRefusedStream = 7;

struct SeenStream {
  int request = 0;           // counted from 1 over all connections
  int connection = 0;        // counted from 1
  std::uint32_t stream = 0;  // its number on the connection
  std::string body;
};

class Http2Connection {
 public:
  virtual ~Http2Connection() = default;
  // An answer that is whole.
  virtual void answer(std::uint32_t stream, int status, const std::string& body) = 0;
  // A head, and a first piece of a body that goes on.
  virtual void open(std::uint32_t stream, const std::string& piece) = 0;
  // More of such a body.
  virtual void more(std::uint32_t stream, const std::string& piece, bool last) = 0;
  virtual void reset(std::uint32_t stream, std::uint32_t code) = 0;
  // Says that streams above `last_stream` were not looked at.
  virtual void goaway(std::uint32_t last_stream, std::uint32_t code) = 0;
  // From now on nothing is read or written; the kernel still acknowledges what comes.
  virtual void fall_silent() = 0;
};

class Http2Server {
 public:
  // False closes the connection.
  using Behaviour = std::function<bool(const SeenStream&, Http2Connection&)>;

  Http2Server(const CertificatePem& identity, Behaviour behaviour);
  ~Http2Server();

  std::string url() const;
  std::vector<SeenStream> seen() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace k8s::testing
