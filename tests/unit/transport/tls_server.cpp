#include "tests/unit/transport/tls_server.hpp"

#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <list>
#include <mutex>
#include <thread>

namespace k8s::testing {
namespace {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;
using asio::ip::tcp;
using TlsSocket = asio::ssl::stream<tcp::socket>;

class Connection final : public ServerConnection {
 public:
  Connection(tcp::socket socket, asio::ssl::context& context)
      : stream_(std::move(socket), context) {}

  void send(const std::string& raw) override {
    boost::system::error_code error;
    asio::write(stream_, asio::buffer(raw), error);
  }
  void wait_for_close() override {
    boost::system::error_code error;
    char byte = 0;
    while (!error) stream_.read_some(asio::buffer(&byte, 1), error);
  }
  // Wakes a blocked read of the connection's thread.
  void shut() { ::shutdown(stream_.next_layer().native_handle(), SHUT_RDWR); }
  TlsSocket& stream() { return stream_; }

 private:
  TlsSocket stream_;
};

}  // namespace

struct TlsServer::Impl {
  Impl(const CertificatePem& identity, Behaviour b)
      : behaviour(std::move(b)), acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    context.use_certificate_chain(asio::buffer(identity.cert));
    context.use_private_key(asio::buffer(identity.key), asio::ssl::context::pem);
    port = acceptor.local_endpoint().port();
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
      boost::system::error_code error;
      tcp::socket socket(io);
      acceptor.accept(socket, error);
      if (error) return;
      auto connection = std::make_shared<Connection>(std::move(socket), context);
      const std::lock_guard lock(mutex);
      connections.push_back(connection);
      threads.emplace_back([this, connection, number] { serve(*connection, number); });
    }
  }

  void serve(Connection& connection, int number) {
    boost::system::error_code error;
    connection.stream().handshake(asio::ssl::stream_base::server, error);
    boost::beast::flat_buffer buffer;
    while (!error) {
      beast_http::request<beast_http::string_body> request;
      beast_http::read(connection.stream(), buffer, request, error);
      if (error) break;
      SeenRequest one;
      one.method = std::string(request.method_string());
      one.target = std::string(request.target());
      one.body = request.body();
      one.authorization = std::string(request[beast_http::field::authorization]);
      one.host = std::string(request[beast_http::field::host]);
      one.connection = number;
      {
        const std::lock_guard lock(mutex);
        seen.push_back(one);
      }
      if (!behaviour(one, connection)) break;
    }
    connection.shut();
  }

  Behaviour behaviour;
  asio::io_context io;
  asio::ssl::context context{asio::ssl::context::tls_server};
  tcp::acceptor acceptor;
  int port = 0;
  std::thread listener;
  std::mutex mutex;  // guards what follows
  std::list<std::shared_ptr<Connection>> connections;
  std::list<std::thread> threads;
  std::vector<SeenRequest> seen;
};

TlsServer::TlsServer(const CertificatePem& identity, Behaviour behaviour)
    : impl_(std::make_unique<Impl>(identity, std::move(behaviour))) {}
TlsServer::~TlsServer() = default;

int TlsServer::port() const { return impl_->port; }

std::vector<SeenRequest> TlsServer::seen() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->seen;
}

std::string plain_answer(int status, const std::string& body, const std::string& headers) {
  return "HTTP/1.1 " + std::to_string(status) +
         " X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body;
}

}  // namespace k8s::testing
