#include <openssl/crypto.h>
#include <sys/stat.h>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <thread>
#include <vector>

#include "libk8s/apiserver/https/certificates.hpp"
#include "libk8s/apiserver/https/kubeconfig.hpp"
#include "libk8s/apiserver/https/session.hpp"
#include "libk8s/apiserver/https_server.hpp"
#include "libk8s/base/log.hpp"

namespace k8s::apiserver {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

struct Known {
  std::string token;
  Caller caller;
};

// Whether two tokens are equal, in a time that does not tell where they differ.
bool same_token(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

// Lines of "token,user,group,group"; empty ones and those with '#' in front are left out.
Result<std::vector<Known>> read_token_file(const std::string& path) {
  std::vector<Known> known;
  if (path.empty()) return known;
  const auto text = read_small_file(path);
  if (!text) return text.status();
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream parts(line);
    Known entry;
    entry.caller.groups.clear();
    std::getline(parts, entry.token, ',');
    std::getline(parts, entry.caller.user, ',');
    for (std::string group; std::getline(parts, group, ',');) entry.caller.groups.push_back(group);
    entry.caller.groups.emplace_back("system:authenticated");
    if (entry.token.size() < 16 || entry.caller.user.empty()) {
      return Status(Code::kInvalid, path +
                                        ": a line needs a token of at least 16 characters and "
                                        "a user");
    }
    known.push_back(std::move(entry));
  }
  return known;
}

// Runs `fn`; what it throws ends nothing but itself.
template <class Fn>
void attempt(const char* what, const Fn& fn) {
  try {
    fn();
  } catch (const std::exception& failure) {
    log::error("the API server goes on after a failure", {{"of", what}, {"why", failure.what()}});
  }
}

// Picks HTTP/1.1 where the client offers a choice.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* in, unsigned in_size, void*) {
  static constexpr unsigned char kHttp11[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kHttp11, sizeof(kHttp11) - 1, in, in_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

class Server final : public HttpsServer, public SessionHost {
 public:
  Server(ApiServer& api, HttpsOptions options) : api_(api), options_(std::move(options)) {}
  ~Server() override { Server::stop(); }

  Status open();

  std::uint16_t port() const override { return port_; }
  std::string url() const override {
    return "https://" + options_.address + ":" + std::to_string(port_);
  }
  const std::string& ca_pem() const override { return certificates_.ca_pem; }
  const std::string& admin_token() const override { return known_.front().token; }
  Status write_kubeconfig(const std::string& path, const std::string& name) const override {
    return write_private_file(path, kubeconfig_text({name, url(), ca_pem(), admin_token()}));
  }
  void post(std::function<void()> fn) override {
    asio::post(io_, [fn = std::move(fn)] { attempt("posted work", fn); });
  }
  void stop() override;

  ApiServer& api() override { return api_; }
  const HttpsOptions& options() const override { return options_; }
  const Caller* caller(std::string_view token) const override;
  void changed() override;

 private:
  Status load_files();
  Status listen();
  void set_up_tls();
  void accept();
  void accept_later();
  void accepted(tcp::socket socket);
  void tick();
  void arrange_tick();
  void serve();
  void shut_down();
  void await_sessions(std::chrono::steady_clock::time_point deadline);

  ApiServer& api_;
  HttpsOptions options_;
  Certificates certificates_;
  std::vector<Known> known_;  // the administrator first
  asio::io_context io_{1};
  asio::ssl::context tls_{asio::ssl::context::tls_server};
  tcp::acceptor acceptor_{io_};
  asio::steady_timer accept_timer_{io_};
  asio::steady_timer tick_timer_{io_};
  asio::steady_timer stop_timer_{io_};
  std::vector<std::weak_ptr<Session>> sessions_;
  bool tick_posted_ = false, stopping_ = false;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

Status Server::load_files() {
  std::error_code error;
  std::filesystem::create_directories(options_.data_dir, error);
  if (error || ::chmod(options_.data_dir.c_str(), 0700) != 0) {
    return {Code::kInternal, "cannot make the directory " + options_.data_dir + ": " +
                                 (error ? error.message() : std::strerror(errno))};
  }
  auto certificates = load_or_make_certificates(options_.data_dir);
  if (!certificates) return certificates.status();
  certificates_ = std::move(certificates).value();
  auto token = load_or_make_token(options_.data_dir + "/admin.token");
  if (!token) return token.status();
  auto others = read_token_file(options_.token_file);
  if (!others) return others.status();
  known_.push_back(
      {std::move(token).value(), Caller{"admin", {"system:masters", "system:authenticated"}}});
  for (Known& other : *others) known_.push_back(std::move(other));
  return Status::ok();
}

void Server::set_up_tls() {
  tls_.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                   asio::ssl::context::no_tlsv1_1 | asio::ssl::context::no_compression);
  tls_.use_certificate_chain(asio::buffer(certificates_.server_pem));
  tls_.use_private_key(asio::buffer(certificates_.server_key_pem), asio::ssl::context::pem);
  SSL_CTX_set_alpn_select_cb(tls_.native_handle(), choose_protocol, nullptr);
}

Status Server::listen() {
  error_code error;
  const auto address = asio::ip::make_address(options_.address, error);
  if (error || !address.is_loopback()) {
    return {Code::kInvalid, "\"" + options_.address + "\" is not a loopback address"};
  }
  const tcp::endpoint endpoint(address, options_.port);
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return {Code::kUnavailable, "cannot listen on " + options_.address + ":" +
                                    std::to_string(options_.port) + ": " + error.message()};
  }
  port_ = acceptor_.local_endpoint().port();
  return Status::ok();
}

Status Server::open() {
  if (Status status = load_files(); !status.is_ok()) return status;
  try {
    set_up_tls();
  } catch (const std::exception& failure) {
    return {Code::kInternal, std::string("cannot use the certificates: ") + failure.what()};
  }
  if (Status status = listen(); !status.is_ok()) return status;
  accept();
  arrange_tick();
  thread_ = std::thread([this] { serve(); });
  return Status::ok();
}

// Sessions, ticks and posted work keep what they throw to themselves. Should something get here all
// the same, the thread goes on with the next event: only `stop` ends it.
void Server::serve() {
  while (!io_.stopped()) attempt("an event", [this] { io_.run(); });
}

void Server::accept() {
  acceptor_.async_accept([this](error_code error, tcp::socket socket) {
    if (stopping_ || error == asio::error::operation_aborted) return;
    if (error) return accept_later();
    attempt("a connection", [&] { accepted(std::move(socket)); });
    accept();
  });
}

// With no file left to open, say, asking again at once would bring the same answer for ever.
void Server::accept_later() {
  accept_timer_.expires_after(std::chrono::milliseconds(100));
  accept_timer_.async_wait([this](error_code error) {
    if (!error && !stopping_) accept();
  });
}

void Server::accepted(tcp::socket socket) {
  std::erase_if(sessions_, [](const auto& weak) { return weak.expired(); });
  if (sessions_.size() >= options_.connections) {
    log::warn("a connection was refused: too many are open",
              {{"open", std::to_string(sessions_.size())}});
    return;  // closes it
  }
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  sessions_.push_back(start_session(std::move(socket), tls_, *this));
}

const Caller* Server::caller(std::string_view token) const {
  const Caller* found = nullptr;
  for (const Known& known : known_) {
    if (same_token(known.token, token)) found = &known.caller;
  }
  return found;
}

void Server::changed() {
  if (tick_posted_ || stopping_) return;
  tick_posted_ = true;
  asio::post(io_, [this] {
    tick_posted_ = false;
    tick();
  });
}

void Server::arrange_tick() {
  tick_timer_.expires_after(options_.tick_period);
  tick_timer_.async_wait([this](error_code error) {
    if (error || stopping_) return;
    tick();
    arrange_tick();
  });
}

void Server::tick() {
  attempt("background work", [this] { (void)api_.tick(); });
}

void Server::stop() {
  if (!thread_.joinable()) return;
  asio::post(io_, [this] { shut_down(); });
  thread_.join();
}

void Server::shut_down() {
  if (stopping_) return;
  stopping_ = true;
  error_code ignored;
  acceptor_.close(ignored);
  accept_timer_.cancel();
  tick_timer_.cancel();
  for (const auto& weak : sessions_) {
    if (const auto session = weak.lock()) session->stop();
  }
  await_sessions(std::chrono::steady_clock::now() + options_.stop_timeout);
}

// A client that does not read its last bytes does not hold the server up for ever.
void Server::await_sessions(std::chrono::steady_clock::time_point deadline) {
  std::erase_if(sessions_, [](const auto& weak) { return weak.expired(); });
  if (sessions_.empty() || std::chrono::steady_clock::now() >= deadline) return io_.stop();
  stop_timer_.expires_after(std::chrono::milliseconds(10));
  stop_timer_.async_wait([this, deadline](error_code) { await_sessions(deadline); });
}

}  // namespace

Result<std::unique_ptr<HttpsServer>> HttpsServer::start(ApiServer& api, HttpsOptions options) {
  auto server = std::make_unique<Server>(api, std::move(options));
  if (Status status = server->open(); !status.is_ok()) return status;
  return std::unique_ptr<HttpsServer>(std::move(server));
}

}  // namespace k8s::apiserver
