#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "libk8s/transport/cluster_config.hpp"

namespace k8s {
namespace {

namespace fs = std::filesystem;

// A folder of its own for each test, removed at its end.
class KubeconfigTest : public ::testing::Test {
 protected:
  KubeconfigTest() {
    std::string pattern = (fs::temp_directory_path() / "kubeconfig-test-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
  }
  ~KubeconfigTest() override { fs::remove_all(directory_); }

  std::string write(const std::string& name, const std::string& text) {
    fs::create_directories((directory_ / name).parent_path());
    std::ofstream(directory_ / name) << text;
    return (directory_ / name).string();
  }
  Result<ClusterConfig> load(const std::string& text, const std::string& context = "") {
    return load_kubeconfig({.files = {write("config", text)}, .context = context});
  }

  fs::path directory_;
};

const char* const kFull = R"(
apiVersion: v1
kind: Config
current-context: main
contexts:
- name: main
  context: {cluster: c, user: u, namespace: team}
- name: other
  context: {cluster: plain, user: nobody}
- name: broken
  context: {cluster: missing}
clusters:
- name: c
  cluster:
    server: https://example.com:6443/prefix/
    tls-server-name: kubernetes
    proxy-url: http://proxy:3128
    disable-compression: true
    certificate-authority: pki/ca.crt
- name: plain
  cluster: {server: "http://127.0.0.1:8080"}
users:
- name: u
  user:
    client-certificate-data: Q0VSVA==
    client-key-data: S0VZUw==
    token: inline
    tokenFile: token
    as: someone
    as-groups: [a, b]
    as-user-extra: {reason: [audit]}
- name: nobody
  user: {}
)";

TEST_F(KubeconfigTest, Every_field_of_the_current_context_is_read) {
  const auto config = load(kFull);
  ASSERT_TRUE(config.is_ok()) << config.status().to_string();
  EXPECT_EQ(config->server, "https://example.com:6443/prefix");
  EXPECT_EQ(config->tls_server_name, "kubernetes");
  EXPECT_EQ(config->proxy_url, "http://proxy:3128");
  EXPECT_TRUE(config->disable_compression);
  EXPECT_EQ(config->ca.file, (directory_ / "pki/ca.crt").string());
  EXPECT_EQ(config->client_cert.data, "CERT");
  EXPECT_EQ(config->client_key.data, "KEYS");
  EXPECT_EQ(config->token_file, (directory_ / "token").string());
  EXPECT_EQ(config->act_as.user, "someone");
  EXPECT_EQ(config->act_as.groups, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(config->act_as.extra.at("reason"), std::vector<std::string>{"audit"});
  EXPECT_EQ(config->ns, "team");
}

TEST_F(KubeconfigTest, Another_context_can_be_asked_for) {
  const auto config = load(kFull, "other");
  ASSERT_TRUE(config.is_ok());
  EXPECT_EQ(config->server, "http://127.0.0.1:8080");
  EXPECT_EQ(config->ns, "default");
}

TEST_F(KubeconfigTest, What_is_missing_is_named) {
  EXPECT_NE(load(kFull, "none").status().message().find("\"none\""), std::string::npos);
  EXPECT_NE(load(kFull, "broken").status().message().find("\"missing\""), std::string::npos);
  EXPECT_EQ(load("{}").status().code(), Code::kInvalid);
  EXPECT_EQ(load("a: [").status().code(), Code::kInvalid);
  EXPECT_EQ(load_kubeconfig({.files = {"/nonexistent/config"}}).status().code(), Code::kNotFound);
}

TEST_F(KubeconfigTest, The_first_file_to_name_something_wins) {
  const auto first = write("a/config", R"(
contexts: [{name: x, context: {cluster: c}}]
clusters: [{name: c, cluster: {server: "https://first", certificate-authority: ca.crt}}]
)");
  const auto second = write("b/config", R"(
current-context: x
clusters: [{name: c, cluster: {server: "https://second"}}]
)");
  const auto config = load_kubeconfig({.files = {first, "/nonexistent/config", second}});
  ASSERT_TRUE(config.is_ok()) << config.status().to_string();
  EXPECT_EQ(config->server, "https://first");
  EXPECT_EQ(config->ca.file, (directory_ / "a/ca.crt").string());
}

std::string with_user(const std::string& user, const std::string& cluster = "server: https://s") {
  return "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
         "clusters: [{name: c, cluster: {" +
         cluster + "}}]\nusers: [{name: u, user: {" + user + "}}]\n";
}

TEST_F(KubeconfigTest, Exec_plugins_are_read_with_their_arguments) {
  const auto config = load(with_user(
      "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./get-token, args: [a, 'b c'],"
      " env: [{name: X, value: why}], interactiveMode: Never, provideClusterInfo: true, installHint: "
      "install it}"));
  ASSERT_TRUE(config.is_ok()) << config.status().to_string();
  ASSERT_TRUE(config->exec.has_value());
  EXPECT_EQ(fs::path(config->exec->command).lexically_normal(), directory_ / "get-token");
  EXPECT_EQ(config->exec->args, (std::vector<std::string>{"a", "b c"}));
  EXPECT_EQ(config->exec->env.at(0).second, "why");
  EXPECT_EQ(config->exec->interactive_mode, "Never");
  EXPECT_TRUE(config->exec->provide_cluster_info);
}

TEST_F(KubeconfigTest, Contradictions_and_what_is_gone_are_refused) {
  EXPECT_EQ(load(with_user("exec: {apiVersion: v9, command: x}")).status().code(), Code::kInvalid);
  EXPECT_EQ(load(with_user("exec: {apiVersion: client.authentication.k8s.io/v1}")).status().code(),
            Code::kInvalid);
  EXPECT_EQ(load(with_user("auth-provider: {name: gcp}")).status().code(), Code::kUnsupported);
  EXPECT_EQ(load(with_user("client-certificate: x")).status().code(), Code::kInvalid);
  EXPECT_EQ(load(with_user("client-key-data: '***'")).status().code(), Code::kInvalid);
  EXPECT_EQ(load(with_user("", "server: ftp://x")).status().code(), Code::kInvalid);
  EXPECT_EQ(
      load(with_user("",
                     "server: https://x, insecure-skip-tls-verify: true, certificate-authority: a"))
          .status()
          .code(),
      Code::kInvalid);
}

TEST_F(KubeconfigTest, Inside_a_Pod_the_service_account_is_used) {
  write("token", "abc");
  write("ca.crt", "CA");
  write("namespace", "system\n");
  const auto config =
      in_cluster_config({.directory = directory_.string(), .host = "fd00::1", .port = "443"});
  ASSERT_TRUE(config.is_ok()) << config.status().to_string();
  EXPECT_EQ(config->server, "https://[fd00::1]:443");
  EXPECT_EQ(config->token_file, (directory_ / "token").string());
  EXPECT_EQ(config->ns, "system");
  EXPECT_EQ(
      in_cluster_config({.directory = "/nonexistent", .host = "h", .port = "1"}).status().code(),
      Code::kNotFound);
}

TEST_F(KubeconfigTest, Large_files_are_not_read) {
  EXPECT_EQ(read_small_file(write("big", std::string(2000, 'x')), 1000).status().code(),
            Code::kInvalid);
  EXPECT_EQ(read_small_file(directory_.string()).status().code(), Code::kInvalid);
}

}  // namespace
}  // namespace k8s
