// Session: one connection of the HTTPS server, from handshake to close. Private to https/.
//
// States of a session: handshaking -> reading a request -> answering it -> reading the next ...
// While a stream is sent, one read stays open, so that a client that goes away is noticed, and its
// watch ended, at once.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <optional>
#include <string_view>

#include "libk8s/apiserver/https_server.hpp"

namespace k8s::apiserver {

// What sessions need of their server.
class SessionHost {
 public:
  virtual ~SessionHost() = default;
  virtual ApiServer& api() = 0;
  virtual const HttpsOptions& options() const = 0;
  // Who has this token; nullptr: nobody.
  virtual const Caller* caller(std::string_view token) const = 0;
  // A request that may have changed something has been handled.
  virtual void changed() = 0;
};

class Session {
 public:
  virtual ~Session() = default;
  // Ends streams and closes the connection, in order.
  virtual void stop() = 0;
};

// Starts a session that lives until its connection ends. `host` outlives it.
std::shared_ptr<Session> start_session(boost::asio::ip::tcp::socket socket,
                                       boost::asio::ssl::context& tls, SessionHost& host);

}  // namespace k8s::apiserver
