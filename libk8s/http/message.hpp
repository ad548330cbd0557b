// HTTP requests and responses as plain values, and the Transport that carries them.
//
// The value types are shared by the client (which builds requests) and the embedded API server
// (which answers them), so that a test or a simulation can join the two without a socket.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libk8s/base/status.hpp"

namespace k8s::http {

// Header names compare without regard to case; order is kept.
struct Headers {
  std::vector<std::pair<std::string, std::string>> fields;

  // The first value of `name`, or "".
  std::string_view get(std::string_view name) const;
  void set(std::string_view name, std::string value);  // replaces all of that name
  void add(std::string name, std::string value) {
    fields.emplace_back(std::move(name), std::move(value));
  }
};

struct Request {
  std::string method;  // "GET", "POST", ...
  std::string target;  // path and query, percent-encoded: "/api/v1/pods?watch=true"
  Headers headers;
  std::string body;

  // The whole exchange must end within this time; zero: no limit (streams).
  std::chrono::milliseconds timeout{30'000};
  // The stream is cut when nothing at all arrives for this long; zero: no limit.
  std::chrono::milliseconds silence{0};
  // More body bytes than this end the exchange as kMalformed.
  std::size_t body_limit = std::size_t{1} << 30;
};

struct Response {
  int status = 0;
  Headers headers;
  std::string body;
};

// What a transport tells about one exchange, in this order: at most one on_head, any number of
// on_data, exactly one on_end (unless cancelled: then nothing more). Called on the loop's thread,
// never from inside `start`.
struct Handler {
  std::function<void(int status, const Headers&)> on_head;
  std::function<void(std::string_view bytes)> on_data;
  // Ok: the response came whole, whatever its HTTP status. kUnavailable: nothing was sent.
  // kUnknownOutcome: cut before the response was whole. kMalformed: a limit was broken.
  std::function<void(const Status&)> on_end;
};

enum class ExchangeId : std::uint64_t { kNone = 0 };

// Carries requests to one API server; adds credentials and the host. Loop thread only.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual ExchangeId start(Request request, Handler handler) = 0;
  // Stops an exchange; its handler is not called again. Harmless when it has ended.
  virtual void cancel(ExchangeId exchange) = 0;
};

// Gathers one whole response. The result is an error only when there was no whole response; HTTP
// errors are in Response::status (`to_status` in request/ turns them into a Status).
ExchangeId fetch(Transport& transport, Request request, std::function<void(Result<Response>)> done);

// Percent-encodes one path segment or query value.
std::string percent_encoded(std::string_view text);
// Undoes it; "+" stays a plus in paths and becomes a blank in queries. Broken escapes are kept.
std::string percent_decoded(std::string_view text, bool query);

}  // namespace k8s::http
