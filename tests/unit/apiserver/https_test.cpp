// The HTTPS shell: who gets in, what its limits are, how streams and a stop end.
#include "libk8s/apiserver/https_server.hpp"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

namespace k8s::apiserver {
namespace {

using Json = nlohmann::json;

struct Got {
  CURLcode code = CURLE_OK;
  long status = 0;
  std::string body;
  Json json() const { return Json::parse(body, nullptr, false); }
};

std::size_t append(char* data, std::size_t size, std::size_t count, void* to) {
  static_cast<std::string*>(to)->append(data, size * count);
  return size * count;
}

std::size_t refuse(char*, std::size_t, std::size_t, void*) { return 0; }

// A body that one thread receives and another looks at.
struct Growing {
  std::mutex mutex;
  std::string text;
  bool contains(const std::string& words) {
    const std::lock_guard lock(mutex);
    return text.find(words) != std::string::npos;
  }
};

std::size_t grow(char* data, std::size_t size, std::size_t count, void* to) {
  auto& body = *static_cast<Growing*>(to);
  const std::lock_guard lock(body.mutex);
  body.text.append(data, size * count);
  return size * count;
}

// Whether `done` comes true within a time that is long for any machine.
template <class Done>
bool comes_true(const Done& done) {
  for (int i = 0; i < 3000; ++i) {
    if (done()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return done();
}

// An API server in which everything that can throw does.
class Throwing final : public ApiServer {
 public:
  Reply handle(const http::Request& request, const Caller&) override {
    if (request.target == "/throw") throw std::runtime_error("handle");
    Reply reply;
    reply.response.status = 200;
    reply.response.body = "fine";
    if (request.target == "/stream") reply.stream = std::make_shared<Broken>();
    return reply;
  }
  std::optional<WallTime> tick() override {
    ++ticks;
    throw std::runtime_error("tick");
  }
  void compact() override {}
  std::shared_ptr<const Backup> backup() const override { return nullptr; }

  std::atomic<int> ticks{0};

 private:
  struct Broken final : Stream {
    std::string take() override { throw std::runtime_error("take"); }
    bool ended() const override { return false; }
    void on_ready(std::function<void()> ready) override { ready(); }
  };
};

// A server over an in-memory API server, in a folder of its own.
class Https : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "https-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    Options options;
    options.now = [] {
      const auto now = std::chrono::system_clock::now().time_since_epoch();
      return WallTime{std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()};
    };
    options.random = [this] { return random_(); };
    api_ = std::move(ApiServer::open(std::move(options))).value();
    https_.data_dir = folder_ + "/tls";
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }
  void start() {
    auto started = HttpsServer::start(*api_, https_);
    ASSERT_TRUE(started.is_ok()) << started.status().message();
    server_ = std::move(started).value();
    std::ofstream(folder_ + "/ca.pem") << server_->ca_pem();
  }

  // A request by libcurl, as the administrator and with nobody to take its body, so far.
  CURL* prepare(const std::string& path, const std::string& token) {
    CURL* curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, (server_->url() + path).c_str());
    curl_easy_setopt(curl, CURLOPT_CAINFO, (folder_ + "/ca.pem").c_str());
    if (!token.empty()) {
      curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
      curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, token.c_str());
    }
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
    // Waits for the server's word before it sends a large body, however slow the machine is.
    curl_easy_setopt(curl, CURLOPT_EXPECT_100_TIMEOUT_MS, 30'000L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    return curl;
  }
  // Sends it (again, where it was sent before).
  static Got perform(CURL* curl) {
    Got got;
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &got.body);
    got.code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &got.status);
    return got;
  }
  // One request on a connection of its own. `token` "" sends none.
  Got send(const std::string& method, const std::string& path, const std::string& token,
           const std::string& body = "") {
    CURL* curl = prepare(path, token);
    curl_slist* headers = curl_slist_append(nullptr, "Content-Type: application/json");
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method.c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (!body.empty()) {
      curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
      curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.c_str());
    }
    Got got = perform(curl);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return got;
  }
  // Asks for something large and goes away with the first bytes of it.
  void break_off(const std::string& path) {
    CURL* curl = prepare(path, server_->admin_token());
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, refuse);
    EXPECT_EQ(curl_easy_perform(curl), CURLE_WRITE_ERROR);
    curl_easy_cleanup(curl);
  }
  Got get(const std::string& path) { return send("GET", path, server_->admin_token()); }
  Got make(const std::string& name) {
    return send("POST", "/api/v1/namespaces/default/configmaps", server_->admin_token(),
                R"({"metadata":{"name":")" + name + R"("}})");
  }

  std::mt19937_64 random_{1};
  std::string folder_;
  std::unique_ptr<ApiServer> api_;
  HttpsOptions https_;
  std::unique_ptr<HttpsServer> server_;
};

TEST_F(Https, Serves_who_has_a_token_and_nobody_else) {
  start();
  EXPECT_EQ(get("/api/v1/namespaces").status, 200);
  const Got none = send("GET", "/api/v1/namespaces", "");
  EXPECT_EQ(none.status, 401);
  EXPECT_EQ(none.json()["reason"], "Unauthorized");
  EXPECT_EQ(send("GET", "/api/v1/namespaces", "wrong").status, 401);
  EXPECT_EQ(send("GET", "/healthz", "").body, "ok");
  EXPECT_EQ(send("GET", "/healthz?verbose", "").status, 200);
  EXPECT_EQ(send("GET", "/healthzz", "").status, 401);
}

TEST_F(Https, Knows_callers_by_the_token_file) {
  https_.token_file = folder_ + "/tokens";
  std::ofstream(https_.token_file) << "# people\nabcdefghijklmnopqrst,eve,team-a\n";
  start();
  const Got me = send("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews",
                      "abcdefghijklmnopqrst", "{}");
  EXPECT_EQ(me.json()["status"]["userInfo"]["username"], "eve");
  EXPECT_EQ(me.json()["status"]["userInfo"]["groups"][0], "team-a");
}

TEST_F(Https, Refuses_a_body_above_3_MiB_with_413) {
  start();
  const Got got = send("POST", "/api/v1/namespaces/default/configmaps", server_->admin_token(),
                       std::string((3U << 20U) + 1, 'x'));
  EXPECT_EQ(got.status, 413);
  EXPECT_EQ(get("/version").status, 200);
}

TEST_F(Https, Sends_a_watch_as_it_happens_and_ends_it_when_it_stops) {
  https_.stop_timeout = std::chrono::seconds(30);  // a busy machine may need more than usual
  start();
  Growing body;
  CURL* curl = prepare("/api/v1/configmaps?watch=true&resourceVersion=0", server_->admin_token());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, grow);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
  CURLcode end = CURLE_OK;
  std::thread watcher([&] { end = curl_easy_perform(curl); });
  // The watch begins with the present objects, so it does not matter which of the two is first.
  EXPECT_EQ(make("a").status, 201);
  EXPECT_TRUE(comes_true([&] { return body.contains("\"name\":\"a\""); }));
  EXPECT_EQ(make("b").status, 201);
  EXPECT_TRUE(comes_true([&] { return body.contains("\"name\":\"b\""); }));
  server_->stop();
  watcher.join();
  EXPECT_EQ(end, CURLE_OK) << "the stream was cut, not ended";
  curl_easy_cleanup(curl);
}

TEST_F(Https, Serves_the_next_request_on_a_connection_whose_stream_has_ended) {
  start();
  CURL* curl = prepare("/api/v1/configmaps?watch=true&timeoutSeconds=1", server_->admin_token());
  EXPECT_EQ(perform(curl).status, 200);
  curl_easy_setopt(curl, CURLOPT_URL, (server_->url() + "/version").c_str());
  EXPECT_EQ(perform(curl).status, 200);
  long connects = -1;
  curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &connects);
  EXPECT_EQ(connects, 0);
  curl_easy_cleanup(curl);
}

TEST_F(Https, Closes_an_idle_connection_also_when_a_stream_went_before) {
  https_.idle_timeout = std::chrono::seconds(1);
  start();
  for (const char* path : {"/version", "/api/v1/configmaps?watch=true&timeoutSeconds=1"}) {
    CURL* curl = prepare(path, server_->admin_token());
    EXPECT_EQ(perform(curl).status, 200);
    curl_socket_t fd = CURL_SOCKET_BAD;
    curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &fd);
    pollfd entry{fd, POLLRDHUP, 0};
    EXPECT_EQ(::poll(&entry, 1, 30'000), 1) << path << " left its connection open";
    curl_easy_cleanup(curl);
  }
}

TEST_F(Https, Loses_one_connection_and_not_itself_to_whatever_is_thrown) {
  auto throwing = std::make_unique<Throwing>();
  Throwing& api = *throwing;
  api_ = std::move(throwing);
  https_.tick_period = std::chrono::milliseconds(1);
  start();
  EXPECT_NE(get("/throw").code, CURLE_OK);
  EXPECT_EQ(get("/").body, "fine");
  EXPECT_NE(get("/stream").code, CURLE_OK);
  EXPECT_EQ(get("/").body, "fine");
  server_->post([] { throw std::runtime_error("post"); });
  EXPECT_EQ(get("/").body, "fine");
  const int before = api.ticks;
  EXPECT_TRUE(comes_true([&] { return api.ticks > before + 1; })) << "it ticks no more";
}

TEST_F(Https, Answers_or_closes_whatever_is_sent_instead_of_a_request) {
  start();
  const std::string head = "Host: x\r\nAuthorization: Bearer " + server_->admin_token() + "\r\n";
  const std::vector<std::string> garbage = {
      std::string("\0\xff\r\n\r\n", 6),
      "GET\r\n\r\n",
      "GET / HTTP/9.9\r\n\r\n",
      "GET / HTTP/1.1\r\nx: " + std::string(70'000, 'x'),
      "POST /api HTTP/1.1\r\n" + head + "Content-Length: -1\r\n\r\n",
      "POST /api HTTP/1.1\r\n" + head + "Content-Length: 99999999999\r\n\r\n",
      "POST /api HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
      "GET /%ff%00%zz?watch=%ff&resourceVersion=-1 HTTP/1.1\r\n" + head + "\r\n",
      "GET /version HTTP/1.0\r\n\r\nGET /version HTTP/1.1\r\n\r\n",
  };
  for (const std::string& bytes : garbage) {
    CURL* curl = prepare("/", "");
    curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    ASSERT_EQ(curl_easy_perform(curl), CURLE_OK);
    curl_socket_t fd = CURL_SOCKET_BAD;
    curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &fd);
    CURLcode code = CURLE_OK;
    for (std::size_t at = 0, sent = 0; at < bytes.size(); at += sent, sent = 0) {
      code = curl_easy_send(curl, bytes.data() + at, bytes.size() - at, &sent);
      if (code != CURLE_OK && code != CURLE_AGAIN) break;  // it has closed already
      pollfd room{fd, POLLOUT, 0};
      (void)::poll(&room, 1, 30'000);
    }
    pollfd entry{fd, POLLIN | POLLRDHUP, 0};
    EXPECT_EQ(::poll(&entry, 1, 30'000), 1) << "no word to: " << bytes.substr(0, 60);
    curl_easy_cleanup(curl);
  }
  EXPECT_EQ(get("/version").status, 200);
}

// Sends all of it before it reads a word, as simple clients do; gives what was answered.
std::string blurt(HttpsServer& server, const std::string& bytes) {
  namespace asio = boost::asio;
  asio::io_context io;
  asio::ssl::context context(asio::ssl::context::tls_client);
  asio::ssl::stream<asio::ip::tcp::socket> stream(io, context);
  stream.next_layer().connect({asio::ip::address_v4::loopback(), server.port()});
  stream.handshake(asio::ssl::stream_base::client);
  boost::system::error_code error;
  asio::write(stream, asio::buffer(bytes), error);
  EXPECT_FALSE(error) << "closed before all was sent: " << error.message();
  ::shutdown(stream.next_layer().native_handle(), SHUT_WR);
  std::string answer;
  asio::read(stream, asio::dynamic_buffer(answer), error);
  return answer;
}

TEST_F(Https, A_client_that_sends_too_much_before_it_listens_still_reads_why) {
  start();
  const std::size_t size = 12U << 20U;
  const std::string too_large =
      blurt(*server_,
            "POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: x\r\n"
            "Content-Length: " +
                std::to_string(size) + "\r\n\r\n" + std::string(size, 'x'));
  EXPECT_TRUE(too_large.starts_with("HTTP/1.1 413 ")) << too_large.substr(0, 100);
  EXPECT_NE(too_large.find("Connection: close"), std::string::npos);
  const std::string headers =
      blurt(*server_, "GET /version HTTP/1.1\r\nHost: x\r\nX-Long: " + std::string(8U << 20U, 'x') +
                          "\r\n\r\n");
  EXPECT_TRUE(headers.starts_with("HTTP/1.1 431 ")) << headers.substr(0, 100);
  const std::string chunked =
      blurt(*server_,
            "POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: x\r\n"
            "Transfer-Encoding: chunked\r\n\r\n800000\r\n" +
                std::string(8U << 20U, 'x') + "\r\n0\r\n\r\n");
  EXPECT_TRUE(chunked.starts_with("HTTP/1.1 413 ")) << chunked.substr(0, 100);
}

TEST_F(Https, Stops_in_time_while_a_client_holds_a_connection_and_says_nothing) {
  start();
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server_->port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(get("/version").status, 200);
  server_->stop();  // would wait for ever, or until the test's own end
  ::close(fd);
}

TEST_F(Https, Goes_on_when_clients_leave_in_the_middle_of_a_large_answer) {
  start();
  for (int i = 0; i < 4; ++i) {
    const Got made = send("POST", "/api/v1/namespaces/default/configmaps", server_->admin_token(),
                          R"({"metadata":{"name":"m)" + std::to_string(i) + R"("},"data":{"k":")" +
                              std::string(600'000, 'x') + "\"}}");
    ASSERT_EQ(made.status, 201) << made.body;
  }
  for (int i = 0; i < 8; ++i) {
    break_off("/api/v1/configmaps?watch=true&resourceVersion=0");
    break_off("/api/v1/configmaps");
  }
  EXPECT_EQ(get("/version").status, 200);
}

TEST_F(Https, Keeps_its_certificates_and_token_over_a_restart_and_to_its_owner) {
  start();
  const std::string ca = server_->ca_pem();
  const std::string token = server_->admin_token();
  for (const auto& entry : std::filesystem::directory_iterator(https_.data_dir)) {
    struct stat info {};
    ASSERT_EQ(::stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U) << entry.path();
  }
  server_.reset();
  start();
  EXPECT_EQ(server_->ca_pem(), ca);
  EXPECT_EQ(server_->admin_token(), token);
  EXPECT_EQ(get("/version").status, 200);
}

TEST_F(Https, Makes_anew_what_is_damaged_of_its_certificates_and_token) {
  const auto damage = [this](const std::string& file, const std::string& text) {
    std::ofstream(https_.data_dir + "/" + file, std::ios::binary) << text;
  };
  start();
  const std::string key = "-----BEGIN PRIVATE KEY-----\n";
  for (const std::string file : {"ca.crt", "server.crt", "server.key", "admin.token"}) {
    for (const std::string& text : {std::string(), std::string(300, '\xb3'), key}) {
      server_.reset();
      damage(file, text);
      start();
      EXPECT_EQ(get("/version").status, 200) << file;
      EXPECT_TRUE(server_->write_kubeconfig(folder_ + "/kubeconfig", "local").is_ok()) << file;
    }
  }
}

TEST_F(Https, Writes_a_kubeconfig_that_only_its_owner_can_read) {
  start();
  const std::string path = folder_ + "/kubeconfig";
  ASSERT_TRUE(server_->write_kubeconfig(path, "local").is_ok());
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  std::ifstream file(path);
  const Json config = Json::parse(file);
  EXPECT_EQ(config["clusters"][0]["cluster"]["server"], server_->url());
  EXPECT_EQ(config["users"][0]["user"]["token"], server_->admin_token());
  EXPECT_EQ(config["current-context"], "local");
}

TEST_F(Https, Listens_on_loopback_only_and_says_when_the_port_is_taken) {
  https_.address = "0.0.0.0";
  EXPECT_FALSE(HttpsServer::start(*api_, https_).is_ok());
  https_.address = "127.0.0.1";
  start();
  HttpsOptions second = https_;
  second.port = server_->port();
  const auto taken = HttpsServer::start(*api_, second);
  ASSERT_FALSE(taken.is_ok());
  EXPECT_NE(taken.status().message().find("cannot listen"), std::string::npos);
}

TEST_F(Https, Serves_many_clients_at_once) {
  start();
  std::atomic<int> made{0};
  std::vector<std::thread> clients;
  for (int client = 0; client < 8; ++client) {
    clients.emplace_back([&, client] {
      for (int i = 0; i < 10; ++i) {
        const std::string name = "m" + std::to_string(client) + "-" + std::to_string(i);
        made += make(name).status == 201 ? 1 : 0;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(made, 80);
  EXPECT_EQ(get("/api/v1/configmaps").json()["items"].size(), 80U);
}

}  // namespace
}  // namespace k8s::apiserver
