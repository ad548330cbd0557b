// The HTTPS shell: who gets in, what its limits are, how streams and a stop end.
#include "libk8s/apiserver/https_server.hpp"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
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

  // One request by libcurl. `token` "" sends none.
  Got send(const std::string& method, const std::string& path, const std::string& token,
           const std::string& body = "") {
    Got got;
    CURL* curl = curl_easy_init();
    curl_slist* headers = curl_slist_append(nullptr, "Content-Type: application/json");
    if (!token.empty()) {
      headers = curl_slist_append(headers, ("Authorization: Bearer " + token).c_str());
    }
    curl_easy_setopt(curl, CURLOPT_URL, (server_->url() + path).c_str());
    curl_easy_setopt(curl, CURLOPT_CAINFO, (folder_ + "/ca.pem").c_str());
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method.c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &got.body);
    if (!body.empty()) {
      curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
      curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.c_str());
    }
    got.code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &got.status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return got;
  }
  // Asks for something large and goes away with the first bytes of it.
  void break_off(const std::string& path) {
    CURL* curl = curl_easy_init();
    const std::string token = "Authorization: Bearer " + server_->admin_token();
    curl_slist* headers = curl_slist_append(nullptr, token.c_str());
    curl_easy_setopt(curl, CURLOPT_URL, (server_->url() + path).c_str());
    curl_easy_setopt(curl, CURLOPT_CAINFO, (folder_ + "/ca.pem").c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, refuse);
    EXPECT_EQ(curl_easy_perform(curl), CURLE_WRITE_ERROR);
    curl_slist_free_all(headers);
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
  start();
  Got watched;
  std::thread watcher([&] { watched = get("/api/v1/configmaps?watch=true&resourceVersion=0"); });
  // The watch begins with the present objects, so it does not matter which of the two is first.
  ASSERT_EQ(make("a").status, 201);
  ASSERT_EQ(make("b").status, 201);
  std::string told;
  // A second watch with a deadline shows that both were told, without waiting on the first.
  told = get("/api/v1/configmaps?watch=true&resourceVersion=0&timeoutSeconds=1").body;
  EXPECT_NE(told.find("\"name\":\"b\""), std::string::npos);
  const auto before = std::chrono::steady_clock::now();
  server_->stop();
  watcher.join();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(2));
  if (watched.status == 200) {
    EXPECT_EQ(watched.code, CURLE_OK) << "the stream was cut, not ended";
    EXPECT_NE(watched.body.find("\"ADDED\""), std::string::npos);
  }
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
  const auto before = std::chrono::steady_clock::now();
  server_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(2));
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
