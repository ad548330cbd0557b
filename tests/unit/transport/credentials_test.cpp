#include "libk8s/transport/credentials.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "libk8s/base/log.hpp"
#include "libk8s/transport/curl_loop.hpp"
#include "libk8s/transport/exec_plugin.hpp"
#include "tests/support/sim_loop.hpp"
#include "tests/unit/transport/certificates.hpp"

namespace k8s {
namespace {

using namespace std::chrono_literals;
using testing::SimLoop;
using testing::TestAuthority;
namespace fs = std::filesystem;

class CredentialsTest : public ::testing::Test {
 protected:
  CredentialsTest() {
    std::string pattern = (fs::temp_directory_path() / "credentials-test-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
    log::set_level(log::Level::kOff);
  }
  ~CredentialsTest() override { fs::remove_all(directory_); }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name) << text;
    return (directory_ / name).string();
  }
  std::unique_ptr<Credentials> open(Loop& loop) {
    auto made = Credentials::open(loop, config_);
    EXPECT_TRUE(made.is_ok()) << made.status().to_string();
    return made ? std::move(*made) : nullptr;
  }
  // The credentials now, which must be there without waiting.
  static Result<Credentials::Current> now(Credentials& credentials) {
    std::optional<Result<Credentials::Current>> out;
    credentials.get([&](const Result<Credentials::Current>& current) { out = current; });
    EXPECT_TRUE(out.has_value());
    return *out;
  }
  // The same, waiting for a plugin.
  static Result<Credentials::Current> wait(CurlLoop& loop, Credentials& credentials) {
    std::optional<Result<Credentials::Current>> out;
    credentials.get([&](const Result<Credentials::Current>& current) { out = current; });
    EXPECT_TRUE(loop.run_until([&] { return out.has_value(); }, 20s));
    return *out;
  }
  void use_plugin(const std::string& script) {
    ExecPlugin plugin;
    plugin.api_version = "client.authentication.k8s.io/v1";
    plugin.command = "/bin/sh";
    plugin.args = {"-c", script};
    plugin.env = {{"DIR", directory_.string()}};
    plugin.interactive_mode = "Never";
    config_.exec = plugin;
  }
  int runs() const {
    std::ifstream file(directory_ / "runs");
    int count = 0;
    for (std::string line; std::getline(file, line);) ++count;
    return count;
  }

  fs::path directory_;
  ClusterConfig config_;
};

// Prints a credential whose token counts the runs of the program.
const char* const kCounting = R"(
echo x >> $DIR/runs; n=$(wc -l < $DIR/runs)
echo "{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{\"token\":\"t$n\"}}")";

TEST_F(CredentialsTest, A_rotated_token_file_is_read_again_within_a_minute) {
  SimLoop loop;
  config_.token = "ignored";
  config_.token_file = write("token", "one\n");
  const auto credentials = open(loop);
  write("token", "two");
  loop.run_for(49s);
  EXPECT_EQ(now(*credentials)->authorization, "Bearer one");
  loop.run_for(2s);
  EXPECT_EQ(now(*credentials)->authorization, "Bearer two");
}

TEST_F(CredentialsTest, The_old_token_stays_while_the_file_cannot_be_read) {
  SimLoop loop;
  config_.token_file = write("token", "one");
  const auto credentials = open(loop);
  fs::remove(directory_ / "token");
  loop.run_for(5min);
  EXPECT_EQ(now(*credentials)->authorization, "Bearer one");
}

TEST_F(CredentialsTest, A_401_drops_the_token_and_the_file_is_read_at_once) {
  SimLoop loop;
  config_.token_file = write("token", "one");
  const auto credentials = open(loop);
  const auto used = *now(*credentials);
  write("token", "two");
  credentials->rejected(used);
  EXPECT_EQ(now(*credentials)->authorization, "Bearer two");
  // A late 401 to the old one says nothing about the new one.
  write("token", "three");
  credentials->rejected(used);
  EXPECT_EQ(now(*credentials)->authorization, "Bearer two");
}

TEST_F(CredentialsTest, A_token_with_a_line_end_cannot_become_a_header) {
  SimLoop loop;
  config_.token_file = write("token", "one\r\nX-Evil: 1");
  EXPECT_EQ(Credentials::open(loop, config_).status().code(), Code::kInvalid);
}

TEST_F(CredentialsTest, Changed_certificates_are_noticed_within_five_minutes) {
  SimLoop loop;
  const TestAuthority authority;
  const auto first = authority.issue("me"), second = authority.issue("me");
  config_.client_cert.file = write("cert", first.cert);
  config_.client_key.file = write("key", first.key);
  const auto credentials = open(loop);
  int changes = 0;
  credentials->on_tls_change([&] { ++changes; });
  loop.run_for(5min);
  EXPECT_EQ(changes, 0);
  write("cert", second.cert);
  loop.run_for(5min);
  EXPECT_EQ(changes, 0) << "the key of the new certificate is not there yet";
  EXPECT_EQ(now(*credentials)->tls->cert, first.cert);
  write("key", second.key);
  loop.run_for(5min);
  EXPECT_EQ(changes, 1);
  EXPECT_EQ(now(*credentials)->tls->cert, second.cert);
}

TEST_F(CredentialsTest, A_certificate_that_does_not_fit_its_key_is_refused) {
  SimLoop loop;
  const TestAuthority authority;
  config_.client_cert.data = authority.issue("a").cert;
  config_.client_key.data = authority.issue("b").key;
  EXPECT_EQ(Credentials::open(loop, config_).status().code(), Code::kInvalid);
}

TEST_F(CredentialsTest, Name_and_password_become_basic_authorization) {
  SimLoop loop;
  config_.username = "u";
  config_.password = "p";
  EXPECT_EQ(now(*open(loop))->authorization, "Basic dTpw");
}

TEST_F(CredentialsTest, A_plugin_is_run_once_for_all_who_wait_and_its_token_is_kept) {
  CurlLoop loop;
  use_plugin(kCounting);
  const auto credentials = open(loop);
  int answers = 0;
  for (int i = 0; i < 5; ++i)
    credentials->get([&](const Result<Credentials::Current>& current) {
      EXPECT_EQ(current->authorization, "Bearer t1");
      ++answers;
    });
  EXPECT_TRUE(loop.run_until([&] { return answers == 5; }, 20s));
  EXPECT_EQ(now(*credentials)->authorization, "Bearer t1");
  EXPECT_EQ(runs(), 1);
}

TEST_F(CredentialsTest, After_a_401_the_plugin_is_run_again) {
  CurlLoop loop;
  use_plugin(kCounting);
  const auto credentials = open(loop);
  const auto used = wait(loop, *credentials);
  credentials->rejected(*used);
  EXPECT_EQ(wait(loop, *credentials)->authorization, "Bearer t2");
  credentials->rejected(*used);  // long replaced
  EXPECT_EQ(now(*credentials)->authorization, "Bearer t2");
}

TEST_F(CredentialsTest, An_expired_credential_is_replaced) {
  CurlLoop loop;
  use_plugin(
      R"(echo x >> $DIR/runs; echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1",
    "status":{"token":"t","expirationTimestamp":"2001-01-01T00:00:00Z"}}')");
  const auto credentials = open(loop);
  EXPECT_TRUE(wait(loop, *credentials).is_ok());
  EXPECT_TRUE(wait(loop, *credentials).is_ok());
  EXPECT_EQ(runs(), 2);
}

TEST_F(CredentialsTest, A_plugin_knows_its_cluster_if_it_asks) {
  CurlLoop loop;
  use_plugin(R"(printf '%s' "$KUBERNETES_EXEC_INFO" > $DIR/info;)" + std::string(kCounting));
  config_.server = "https://example.com";
  config_.exec->provide_cluster_info = true;
  const auto credentials = open(loop);
  EXPECT_TRUE(wait(loop, *credentials).is_ok());
  const auto info = read_small_file((directory_ / "info").string());
  ASSERT_TRUE(info.is_ok());
  EXPECT_NE(info->find("https://example.com"), std::string::npos) << *info;
  EXPECT_NE(info->find("\"interactive\":false"), std::string::npos) << *info;
}

TEST_F(CredentialsTest, Plugins_that_fail_say_so_and_keep_their_output_to_themselves) {
  for (const std::string script :
       {"exit 3", "echo secret", "kill -9 $$", "echo '{\"kind\":\"Pod\"}'"}) {
    CurlLoop loop;
    use_plugin(script);
    const auto credentials = open(loop);
    const auto result = wait(loop, *credentials);
    EXPECT_EQ(result.status().code(), Code::kUnauthorized) << script;
    EXPECT_EQ(result.status().message().find("secret"), std::string::npos);
  }
  CurlLoop loop;
  use_plugin("");
  config_.exec->command = "/nonexistent/program";
  config_.exec->install_hint = "get it there";
  const auto credentials = open(loop);
  EXPECT_NE(wait(loop, *credentials).status().message().find("get it there"), std::string::npos);
}

TEST_F(CredentialsTest, A_plugin_that_hangs_is_ended_with_all_it_started) {
  use_plugin("sleep 1000 & wait");
  std::atomic<bool> cancelled{false};
  const auto result = run_exec_plugin(*config_.exec, config_, "", 100ms, cancelled);
  EXPECT_EQ(result.status().code(), Code::kUnauthorized);
  EXPECT_NE(result.status().message().find("in time"), std::string::npos);
}

TEST_F(CredentialsTest, Going_away_does_not_wait_for_a_plugin_that_hangs) {
  CurlLoop loop;
  use_plugin("sleep 1000");
  bool called = false;
  const TimePoint before = loop.now();
  open(loop)->get([&](const auto&) { called = true; });
  EXPECT_LT(loop.now() - before, 10s);
  EXPECT_FALSE(called);
}

TEST_F(CredentialsTest, A_plugin_may_give_a_certificate) {
  CurlLoop loop;
  const auto pair = TestAuthority().issue("me");
  write("cert", pair.cert);
  write("key", pair.key);
  use_plugin(R"(j() { awk '{printf "%s\\n", $0}' "$1"; }
    printf '%s' "{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{
      \"clientCertificateData\":\"$(j $DIR/cert)\",\"clientKeyData\":\"$(j $DIR/key)\"}}")");
  const auto credentials = open(loop);
  const auto result = wait(loop, *credentials);
  ASSERT_TRUE(result.is_ok()) << result.status().to_string();
  EXPECT_EQ(result->authorization, "");
  EXPECT_EQ(result->tls->cert, pair.cert);
}

}  // namespace
}  // namespace k8s
