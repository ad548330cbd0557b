#include "libk8s/apiserver/https/session.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "libk8s/apiserver/core/call.hpp"
#include "libk8s/apiserver/wire/error.hpp"
#include "libk8s/base/log.hpp"

namespace k8s::apiserver {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using Parser = beast::http::request_parser<beast::http::string_body>;

constexpr std::uint32_t kMaxHeaderBytes = 64 * 1024;
constexpr std::chrono::seconds kHandshakeTimeout{10};
constexpr std::chrono::seconds kShutdownTimeout{1};
// What a refused client goes on to send is read for so long, and so much of it.
constexpr std::chrono::seconds kLingerTimeout{2};
constexpr std::size_t kLingerBytes = 64U << 20U;

ApiError unauthorized() {
  ApiError error = bad_request("Unauthorized: a bearer token is required that this server knows");
  error.http = 401;
  error.reason = "Unauthorized";
  return error;
}

// Paths that tell nothing about anybody: probes ask them without credentials.
bool is_public(std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  return path == "/healthz" || path == "/livez" || path == "/readyz" || path == "/version";
}

std::string head_text(const http::Response& response, bool keep_alive) {
  std::string text = "HTTP/1.1 " + std::to_string(response.status) + " ";
  text +=
      std::string(beast::http::obsolete_reason(static_cast<beast::http::status>(response.status)));
  text += "\r\n";
  for (const auto& [name, value] : response.headers.fields) {
    text += name + ": ";
    // A value with a line break would forge a header.
    for (const char c : value) text += (c == '\r' || c == '\n') ? ' ' : c;
    text += "\r\n";
  }
  text += keep_alive ? "Cache-Control: no-cache, private\r\n"
                     : "Cache-Control: no-cache, private\r\nConnection: close\r\n";
  return text;
}

std::string chunk(const std::string& data) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string size;
  for (std::size_t left = data.size(); left > 0; left >>= 4U) size.insert(0, 1, kHex[left & 15U]);
  return size + "\r\n" + data + "\r\n";
}

class TlsSession final : public Session, public std::enable_shared_from_this<TlsSession> {
  // What every callback goes through: keeps the session alive, and ends it, and nothing else, when
  // something is thrown. Nothing should be; but one connection must not stop the server.
  template <class Handler>
  auto guarded(Handler handler) {
    return [self = shared_from_this(), handler = std::move(handler)](auto... arguments) mutable {
      try {
        handler(arguments...);
      } catch (const std::exception& failure) {
        log::error("a connection was closed: its handling failed", {{"why", failure.what()}});
        self->cut();
      }
    };
  }

 public:
  TlsSession(asio::ip::tcp::socket socket, asio::ssl::context& tls, SessionHost& host)
      : stream_(beast::tcp_stream(std::move(socket)), tls),
        idle_timer_(stream_.get_executor()),
        host_(host) {}

  void start() {
    lowest().expires_after(kHandshakeTimeout);
    reading_ = true;
    stream_.async_handshake(asio::ssl::stream_base::server, guarded([this](error_code error) {
                              reading_ = false;
                              if (!error) read_request();
                            }));
  }

  void stop() override {
    guarded([this] {
      stopping_ = true;
      if (body_) {
        pump();  // ends the stream
      } else if (!writing_) {
        close();
      }
    })();
  }

 private:
  beast::tcp_stream& lowest() { return beast::get_lowest_layer(stream_); }

  void read_request() {
    if (stopping_) return close();
    parser_.emplace();
    parser_->header_limit(kMaxHeaderBytes);
    parser_->body_limit(kMaxBodyBytes);
    lowest().expires_after(host_.options().idle_timeout);
    reading_ = true;
    beast::http::async_read_header(stream_, buffer_, *parser_,
                                   guarded([this](error_code error, std::size_t) {
                                     reading_ = false;
                                     on_header(error);
                                   }));
  }

  void on_header(error_code error) {
    if (error == beast::http::error::body_limit) return refuse(too_large(kMaxBodyBytes));
    if (error == beast::http::error::header_limit) {
      ApiError failure = bad_request("the request's headers are larger than 64 KiB");
      failure.http = 431;
      return refuse(failure);
    }
    if (error) return on_read_error(error);
    lowest().expires_after(host_.options().request_timeout);
    if (beast::iequals(parser_->get()[beast::http::field::expect], "100-continue")) {
      return write("HTTP/1.1 100 Continue\r\n\r\n", [this] { read_body(); });
    }
    read_body();
  }

  void read_body() {
    lowest().expires_after(host_.options().request_timeout);
    reading_ = true;
    beast::http::async_read(stream_, buffer_, *parser_,
                            guarded([this](error_code error, std::size_t) {
                              reading_ = false;
                              if (error == beast::http::error::body_limit) {
                                return refuse(too_large(kMaxBodyBytes));
                              }
                              if (error) return on_read_error(error);
                              answer();
                            }));
  }

  // A client that closes, stalls or talks garbage. Only the last gets a word back.
  void on_read_error(error_code error) {
    const bool garbage =
        error.category() ==
            beast::http::make_error_code(beast::http::error::bad_method).category() &&
        error != beast::http::error::end_of_stream && error != beast::http::error::partial_message;
    if (garbage) return refuse(bad_request("the request is not HTTP/1.1: " + error.message()));
    close();
  }

  void refuse(const ApiError& error) {
    keep_alive_ = false;
    std::string text = whole_text(to_response(error), false);
    write(std::move(text), [this] {
      lowest().expires_after(kLingerTimeout);
      linger(0);
    });
  }

  // To close while the client still sends would reset the connection, and with it take back an
  // answer that the client has not read yet. So the rest is read and thrown away, within limits.
  void linger(std::size_t seen) {
    buffer_.clear();
    reading_ = true;
    stream_.async_read_some(buffer_.prepare(16 * 1024),
                            guarded([this, seen](error_code error, std::size_t size) {
                              reading_ = false;
                              if (error || stopping_ || seen + size > kLingerBytes) return close();
                              linger(seen + size);
                            }));
  }

  void answer() {
    const auto& message = parser_->get();
    keep_alive_ = message.keep_alive() && !stopping_;
    http::Request request;
    request.method = std::string(message.method_string());
    request.target = std::string(message.target());
    for (const auto& field : message) {
      request.headers.add(std::string(field.name_string()), std::string(field.value()));
    }
    request.body = std::move(parser_->get().body());
    const bool head = request.method == "HEAD";
    const Caller* caller = authenticate(request);
    if (caller == nullptr) return send_whole(to_response(unauthorized()), head);
    Reply reply = host_.api().handle(request, *caller);
    if (request.method != "GET" && !head) host_.changed();
    if (reply.stream && message.version() < 11) {
      return send_whole(to_response(bad_request("streams are sent to HTTP/1.1 clients only")),
                        head);
    }
    if (reply.stream && !head) return send_stream(std::move(reply));
    send_whole(reply.response, head);
  }

  const Caller* authenticate(const http::Request& request) const {
    static const Caller kAnonymous{"system:anonymous", {"system:unauthenticated"}};
    constexpr std::string_view kBearer = "Bearer ";
    const std::string_view header = request.headers.get("Authorization");
    if (header.starts_with(kBearer)) return host_.caller(header.substr(kBearer.size()));
    return is_public(request.target) ? &kAnonymous : nullptr;
  }

  std::string whole_text(const http::Response& response, bool head) const {
    std::string text = head_text(response, keep_alive_);
    text += "Content-Length: " + std::to_string(response.body.size()) + "\r\n\r\n";
    if (!head && response.status != 304) text += response.body;
    return text;
  }

  void send_whole(const http::Response& response, bool head) {
    write(whole_text(response, head), [this] { finish(); });
  }

  void finish() {
    if (keep_alive_ && !stopping_) {
      read_request();
    } else {
      close();
    }
  }

  // ---- streams

  void send_stream(Reply reply) {
    body_ = std::move(reply.stream);
    std::string text = head_text(reply.response, keep_alive_);
    text += "Transfer-Encoding: chunked\r\n\r\n";
    body_->on_ready([weak = weak_from_this(), executor = lowest().get_executor()] {
      // May come from inside another request, or from another thread.
      asio::post(executor, [weak] {
        if (const auto self = weak.lock()) self->guarded([self] { self->pump(); })();
      });
    });
    watch_for_end();
    write(std::move(text), [this] { pump(); });
  }

  // Sends what the stream has; called again when it has more, and after each write.
  void pump() {
    if (writing_ || !body_) return;
    const std::string data = body_->take();
    const bool ended = body_->ended() || stopping_;
    std::string text = data.empty() ? std::string() : chunk(data);
    if (ended) text += "0\r\n\r\n";
    if (text.empty()) return;
    if (ended) {
      body_.reset();
      write(std::move(text), [this] { end_of_stream(); });
    } else {
      write(std::move(text), [this] { pump(); });
    }
  }

  void end_of_stream() {
    if (!keep_alive_ || stopping_) return close();
    if (!reading_ahead_) return read_request();
    // The open read becomes the read of the next request. It has no deadline of its own.
    idle_timer_.expires_after(host_.options().idle_timeout);
    idle_timer_.async_wait(guarded([this](error_code error) {
      if (!error && reading_ahead_ && !writing_) close();
    }));
  }

  void watch_for_end() {
    reading_ahead_ = true;
    lowest().expires_never();
    stream_.async_read_some(buffer_.prepare(4096),
                            guarded([this](error_code error, std::size_t size) {
                              reading_ahead_ = false;
                              idle_timer_.cancel();
                              if (error) return cut();
                              buffer_.commit(size);
                              if (!body_ && !writing_) read_request();
                            }));
  }

  // ---- writing and closing

  // One write at a time; `then` runs when it is out, and not when the client has gone.
  template <class Then>
  void write(std::string text, Then then) {
    writing_ = true;
    out_ = std::move(text);
    lowest().expires_after(host_.options().write_timeout);
    asio::async_write(stream_, asio::buffer(out_),
                      guarded([this, then](error_code error, std::size_t) {
                        writing_ = false;
                        out_.clear();
                        if (error) return cut();
                        then();
                      }));
  }

  void close() {
    if (closed_) return;
    // A TLS goodbye reads and writes; if one of these is under way: cut instead.
    if (reading_ahead_ || reading_ || writing_) return cut();
    closed_ = true;
    end_stream();
    lowest().expires_after(kShutdownTimeout);
    stream_.async_shutdown([self = shared_from_this()](error_code) { self->lowest().close(); });
  }

  // Closes without a word. What was under way ends with an error, which finds the session closed.
  void cut() {
    closed_ = true;
    end_stream();
    lowest().close();
  }

  void end_stream() {
    idle_timer_.cancel();
    body_.reset();
  }

  asio::ssl::stream<beast::tcp_stream> stream_;
  asio::steady_timer idle_timer_;  // between a stream and the next request
  SessionHost& host_;
  beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  std::shared_ptr<Stream> body_;  // the stream being sent
  std::string out_;               // the bytes being written
  bool writing_ = false, reading_ = false, reading_ahead_ = false, keep_alive_ = true;
  bool stopping_ = false, closed_ = false;
};

}  // namespace

std::shared_ptr<Session> start_session(asio::ip::tcp::socket socket, asio::ssl::context& tls,
                                       SessionHost& host) {
  auto session = std::make_shared<TlsSession>(std::move(socket), tls, host);
  session->start();
  return session;
}

}  // namespace k8s::apiserver
