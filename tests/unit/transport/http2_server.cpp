#include "tests/unit/transport/http2_server.hpp"

#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <list>
#include <map>
#include <mutex>
#include <thread>

namespace k8s::testing {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// Frame types and flags of RFC 9113, section 6.
constexpr std::uint8_t kData = 0, kHeaders = 1, kReset = 3, kSettings = 4, kPing = 6, kGoaway = 7;
constexpr std::uint8_t kEndStream = 1, kAck = 1, kEndHeaders = 4;
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

struct Frame {
  std::uint8_t type = 0, flags = 0;
  std::uint32_t stream = 0;
  std::string payload;
};

std::string number(std::uint32_t value, int bytes) {
  std::string text;
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
    text += static_cast<char>((value >> static_cast<unsigned>(shift)) & 0xffU);
  return text;
}

// ":status" as a literal field with an indexed name (RFC 7541, 6.2.2), which needs no state.
std::string status_block(int status) { return std::string("\x08\x03") + std::to_string(status); }

class Connection final : public Http2Connection {
 public:
  Connection(tcp::socket socket, asio::ssl::context& context)
      : stream_(std::move(socket), context) {}

  void answer(std::uint32_t stream, int status, const std::string& body) override {
    send({kHeaders, kEndHeaders, stream, status_block(status)});
    send({kData, kEndStream, stream, body});
  }
  void open(std::uint32_t stream, const std::string& piece) override {
    send({kHeaders, kEndHeaders, stream, status_block(200)});
    send({kData, 0, stream, piece});
  }
  void more(std::uint32_t stream, const std::string& piece, bool last) override {
    send({kData, last ? kEndStream : std::uint8_t{0}, stream, piece});
  }
  void reset(std::uint32_t stream, std::uint32_t code) override {
    send({kReset, 0, stream, number(code, 4)});
  }
  void goaway(std::uint32_t last_stream, std::uint32_t code) override {
    send({kGoaway, 0, 0, number(last_stream, 4) + number(code, 4)});
  }
  void fall_silent() override { silent_ = true; }

  bool silent() const { return silent_; }
  bool begin() {
    error_code error;
    stream_.handshake(asio::ssl::stream_base::server, error);
    if (error) return false;
    std::string preface(kPreface.size(), '\0');
    asio::read(stream_, asio::buffer(preface), error);
    if (error || preface != kPreface) return false;
    send({kSettings, 0, 0, {}});
    return true;
  }
  bool receive(Frame& frame) {
    error_code error;
    unsigned char head[9];
    asio::read(stream_, asio::buffer(head), error);
    if (error) return false;
    frame.type = head[3];
    frame.flags = head[4];
    frame.stream = 0;
    for (int i = 5; i < 9; ++i) frame.stream = (frame.stream << 8U) | head[i];
    frame.payload.resize((std::size_t{head[0]} << 16U) | (std::size_t{head[1]} << 8U) | head[2]);
    asio::read(stream_, asio::buffer(frame.payload), error);
    return !error;
  }
  void send(const Frame& frame) {
    error_code error;
    std::string text = number(static_cast<std::uint32_t>(frame.payload.size()), 3);
    text += static_cast<char>(frame.type);
    text += static_cast<char>(frame.flags);
    asio::write(stream_, asio::buffer(text + number(frame.stream, 4) + frame.payload), error);
  }
  // Wakes a blocked read of the connection's thread.
  void shut() { ::shutdown(stream_.next_layer().native_handle(), SHUT_RDWR); }
  // Until the other side closes, without reading a byte of what it says.
  void wait_until_closed() {
    char byte = 0;
    const int socket = stream_.next_layer().native_handle();
    // What comes is thrown away below TLS, so nobody who waits for an answer gets one.
    while (::recv(socket, &byte, 1, 0) > 0) {
    }
  }

 private:
  asio::ssl::stream<tcp::socket> stream_;
  bool silent_ = false;
};

int choose_h2(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in,
              unsigned in_size, void*) {
  static constexpr unsigned char kH2[] = "\x02h2";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, size, kH2, 3, in, in_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

struct Http2Server::Impl {
  Impl(const CertificatePem& identity, Behaviour b)
      : behaviour(std::move(b)), acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    context.use_certificate_chain(asio::buffer(identity.cert));
    context.use_private_key(asio::buffer(identity.key), asio::ssl::context::pem);
    SSL_CTX_set_alpn_select_cb(context.native_handle(), choose_h2, nullptr);
    listener = std::thread([this] { accept(); });
  }

  ~Impl() {
    ::shutdown(acceptor.native_handle(), SHUT_RDWR);
    listener.join();
    {
      const std::lock_guard lock(mutex);
      for (const auto& connection : connections) connection->shut();
    }
    for (auto& thread : threads) thread.join();
  }

  void accept() {
    for (int number = 1;; ++number) {
      error_code error;
      tcp::socket socket(io);
      acceptor.accept(socket, error);
      if (error) return;
      socket.set_option(tcp::no_delay(true), error);
      auto connection = std::make_shared<Connection>(std::move(socket), context);
      const std::lock_guard lock(mutex);
      connections.push_back(connection);
      threads.emplace_back([this, connection, number] {
        serve(*connection, number);
        connection->shut();
      });
    }
  }

  void serve(Connection& connection, int number) {
    if (!connection.begin()) return;
    std::map<std::uint32_t, std::string> bodies;
    for (Frame frame; connection.receive(frame);) {
      if (frame.type == kSettings && (frame.flags & kAck) == 0)
        connection.send({kSettings, kAck, 0, {}});
      if (frame.type == kPing && (frame.flags & kAck) == 0)
        connection.send({kPing, kAck, 0, frame.payload});
      if (frame.type != kHeaders && frame.type != kData) continue;
      if (frame.type == kData) bodies[frame.stream] += frame.payload;
      if ((frame.flags & kEndStream) == 0) continue;
      if (!behaviour(note(number, frame.stream, bodies[frame.stream]), connection)) return;
      if (connection.silent()) return connection.wait_until_closed();
    }
  }

  SeenStream note(int connection, std::uint32_t stream, const std::string& body) {
    const std::lock_guard lock(mutex);
    seen.push_back({static_cast<int>(seen.size()) + 1, connection, stream, body});
    return seen.back();
  }

  Behaviour behaviour;
  asio::io_context io;
  asio::ssl::context context{asio::ssl::context::tls_server};
  tcp::acceptor acceptor;
  std::thread listener;
  std::mutex mutex;  // guards what follows
  std::list<std::shared_ptr<Connection>> connections;
  std::list<std::thread> threads;
  std::vector<SeenStream> seen;
};

Http2Server::Http2Server(const CertificatePem& identity, Behaviour behaviour)
    : impl_(std::make_unique<Impl>(identity, std::move(behaviour))) {}
Http2Server::~Http2Server() = default;

std::string Http2Server::url() const {
  return "https://127.0.0.1:" + std::to_string(impl_->acceptor.local_endpoint().port());
}

std::vector<SeenStream> Http2Server::seen() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->seen;
}

}  // namespace k8s::testing
