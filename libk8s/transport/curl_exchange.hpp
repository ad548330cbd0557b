// One exchange of a CurlTransport as libcurl sees it: options in, callbacks out, errors translated.
// Not for other folders.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "libk8s/base/loop.hpp"
#include "libk8s/base/status.hpp"
#include "libk8s/http/message.hpp"
#include "libk8s/transport/credentials.hpp"
#include "libk8s/transport/liveness.hpp"

using CURL = void;
struct curl_slist;

namespace k8s {

// What is the same for all requests to one server.
struct Endpoint {
  std::string base;        // scheme, name to verify, port and path prefix
  std::string connect_to;  // "name:port:host:port" when the name to verify is not the host's
  std::string host;        // the Host header in that case
  std::string proxy;
  bool use_proxy_variables = true;  // not for loopback, which no proxy could reach
  bool insecure = false;
  bool compress = false;
  Impersonation act_as;
};
Result<Endpoint> make_endpoint(const ClusterConfig& config);

struct CurlExchange {
  CurlExchange();
  ~CurlExchange();
  CurlExchange(const CurlExchange&) = delete;
  CurlExchange& operator=(const CurlExchange&) = delete;

  http::Request request;
  http::Handler handler;
  Credentials::Current credentials;
  const Loop* clock = nullptr;
  CURL* easy = nullptr;  // the loop's, once attached
  TimerId timeout_timer = TimerId::kNone, silence_timer = TimerId::kNone,
          probe_timer = TimerId::kNone;
  bool cancelled = false;  // nothing more may be told to the handler

  // Of the answer so far.
  int status = 0;
  http::Headers headers;
  std::size_t header_bytes = 0, body_bytes = 0;
  bool head_told = false;
  TimePoint launched, last_heard;
  Status fault;  // why a callback stopped the exchange

  std::size_t body_sent = 0;
  curl_slist* header_list = nullptr;
  curl_slist* connect_to = nullptr;
  std::array<char, 256> error{};  // CURL_ERROR_SIZE
};

// An easy handle for the exchange, which must live as long as it; the sockets must live longer.
CURL* make_easy(const Endpoint& endpoint, CurlExchange& exchange, OpenSockets& sockets);

// What an exchange came to that libcurl ended with this CURLcode.
Status outcome(const CurlExchange& exchange, int curl_code);
// The connection that it is on, or -1.
int socket_of(const CurlExchange& exchange, const OpenSockets& sockets);
// Whether other exchanges may be on its connection, too: it is not known to be HTTP/1.
bool may_share(const CurlExchange& exchange);
// What it came to when we ended it ourselves: kUnavailable if nothing was sent.
Status interrupted(const CurlExchange& exchange, const std::string& why);

}  // namespace k8s
