#include "operator/http/http_server.hpp"

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <optional>
#include <thread>

#include "libk8s/base/log.hpp"

namespace fermi {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using asio::ip::tcp;

constexpr auto kClientTimeout = std::chrono::seconds(10);
constexpr auto kAnswerTimeout = std::chrono::seconds(5);

// One connection: read a request, have it answered on the loop, write, repeat.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, k8s::Loop& loop, std::shared_ptr<HttpServer::Handle> handle)
      : stream_(std::move(socket)),
        deadline_(stream_.get_executor()),
        loop_(loop),
        handle_(std::move(handle)) {}

  void read() {
    parser_.emplace();
    parser_->header_limit(8 * 1024);
    parser_->body_limit(64 * 1024);
    stream_.expires_after(kClientTimeout);
    bhttp::async_read(stream_, buffer_, *parser_,
                      [self = shared_from_this()](beast::error_code error, std::size_t) {
                        if (!error) self->ask();
                      });
  }

 private:
  void ask() {
    const auto& message = parser_->get();
    k8s::http::Request request;
    request.method = std::string(message.method_string());
    request.target = std::string(message.target());
    keep_alive_ = message.keep_alive();
    head_only_ = message.method() == bhttp::verb::head;
    const std::uint64_t turn = ++turn_;
    if (message.method() != bhttp::verb::get && !head_only_)
      return answer(turn, {405, {}, "GET only\n"});
    stream_.expires_never();
    deadline_.expires_after(kAnswerTimeout);
    deadline_.async_wait([self = shared_from_this(), turn](beast::error_code error) {
      if (!error) self->answer(turn, {504, {}, "the main loop did not answer in time\n"});
    });
    // Weak: what is posted may outlive the server, and must not outlive its io_context.
    loop_.post([weak = weak_from_this(), request = std::move(request), turn] {
      auto self = weak.lock();
      if (!self) return;
      auto response = (*self->handle_)(request);
      const auto executor = self->stream_.get_executor();
      asio::post(executor, [self = std::move(self), turn, response = std::move(response)] {
        self->answer(turn, response);
      });
    });
  }

  // The first answer of a turn counts; a late one is dropped.
  void answer(std::uint64_t turn, const k8s::http::Response& response) {
    if (turn != turn_ || answered_ == turn) return;
    answered_ = turn;
    deadline_.cancel();
    response_ = {};
    response_.result(static_cast<unsigned>(response.status));
    response_.version(11);
    response_.set(bhttp::field::content_type, "text/plain; charset=utf-8");
    for (const auto& [name, value] : response.headers.fields) response_.set(name, value);
    if (!head_only_) response_.body() = response.body;
    response_.keep_alive(keep_alive_);
    response_.prepare_payload();
    stream_.expires_after(kClientTimeout);
    bhttp::async_write(stream_, response_,
                       [self = shared_from_this()](beast::error_code error, std::size_t) {
                         if (!error && self->keep_alive_) self->read();
                       });
  }

  beast::tcp_stream stream_;
  asio::steady_timer deadline_;
  beast::flat_buffer buffer_;
  std::optional<bhttp::request_parser<bhttp::string_body>> parser_;
  bhttp::response<bhttp::string_body> response_;
  k8s::Loop& loop_;
  std::shared_ptr<HttpServer::Handle> handle_;
  std::uint64_t turn_ = 0, answered_ = 0;
  bool keep_alive_ = false, head_only_ = false;
};

std::optional<tcp::endpoint> parse_endpoint(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  const std::string host = colon == 0 ? "0.0.0.0" : text.substr(0, colon);
  beast::error_code error;
  const auto ip = asio::ip::make_address(host, error);
  unsigned short port = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, port);
  if (error || parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return tcp::endpoint(ip, port);
}

}  // namespace

struct HttpServer::Impl {
  Impl(k8s::Loop& l, Handle h) : loop(l), handle(std::make_shared<Handle>(std::move(h))) {}

  k8s::Status listen(const tcp::endpoint& endpoint) {
    beast::error_code error;
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return {k8s::Code::kUnavailable, "cannot listen on " + endpoint.address().to_string() + ":" +
                                           std::to_string(endpoint.port()) + ": " +
                                           error.message()};
    }
    const auto local = acceptor.local_endpoint();
    address = local.address().to_string() + ":" + std::to_string(local.port());
    return k8s::Status::ok();
  }

  void accept() {
    acceptor.async_accept([this](beast::error_code error, tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (!error) std::make_shared<Session>(std::move(socket), loop, handle)->read();
      accept();
    });
  }

  k8s::Loop& loop;
  std::shared_ptr<Handle> handle;
  asio::io_context io;
  tcp::acceptor acceptor{io};
  std::thread thread;
  std::string address;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() {
  impl_->io.stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

const std::string& HttpServer::address() const { return impl_->address; }

k8s::Result<std::unique_ptr<HttpServer>> HttpServer::start(k8s::Loop& loop,
                                                           const std::string& address,
                                                           Handle handle) {
  const auto endpoint = parse_endpoint(address);
  if (!endpoint) {
    return k8s::Status(k8s::Code::kInvalid, "--http-address: got \"" + address +
                                                "\", wanted an IP address and a port, such as "
                                                "127.0.0.1:8080 or :8080");
  }
  auto impl = std::make_unique<Impl>(loop, std::move(handle));
  if (const auto status = impl->listen(*endpoint); !status.is_ok()) return status;
  impl->accept();
  impl->thread = std::thread([io = &impl->io] { io->run(); });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

}  // namespace fermi
