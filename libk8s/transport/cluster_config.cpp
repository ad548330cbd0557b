#include "libk8s/transport/cluster_config.hpp"

#include <openssl/evp.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/yaml.hpp"

namespace k8s {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

Status invalid(const std::string& what) { return {Code::kInvalid, "kubeconfig: " + what}; }

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::vector<std::string> default_files() {
  std::vector<std::string> files;
  const std::string list = environment("KUBECONFIG");
  for (std::size_t start = 0; start < list.size();) {
    const auto end = std::min(list.find(':', start), list.size());
    if (end > start) files.push_back(list.substr(start, end - start));
    start = end + 1;
  }
  if (files.empty() && !environment("HOME").empty())
    files.push_back(environment("HOME") + "/.kube/config");
  return files;
}

std::optional<std::string> base64_decoded(std::string text) {
  std::erase_if(text, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
  if (text.size() % 4 != 0 || text.size() > (std::size_t{1} << 24)) return std::nullopt;
  std::string out(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  // The padding was decoded as zeros.
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

// The kubeconfig files as one: named entries and the current context, the first one wins. File
// names in them are made relative to where they stand.
class Merged {
 public:
  Status add(const std::string& file) {
    const auto text = read_small_file(file);
    if (!text) return text.status();
    const auto parsed = parse_yaml(*text);
    if (!parsed) return invalid(file + ": " + parsed.status().message());
    const std::string directory = fs::absolute(file).parent_path().string();
    for (const std::string section : {"clusters", "users", "contexts"}) {
      for (const auto& entry : array_at(*parsed, section)) {
        json body = object_at(entry, section.substr(0, section.size() - 1));
        resolve_files(body, directory);
        sections_[section].emplace(string_at(entry, "name"), std::move(body));
      }
    }
    if (current_.empty()) current_ = string_at(*parsed, "current-context");
    return {};
  }

  const std::string& current() const { return current_; }

  const json* entry(const std::string& section, const std::string& name) const {
    const auto in = sections_.find(section);
    if (in == sections_.end()) return nullptr;
    const auto it = in->second.find(name);
    return it == in->second.end() ? nullptr : &it->second;
  }

 private:
  static void resolve(json& object, const char* key, const std::string& directory) {
    const std::string path = string_at(object, key);
    if (!path.empty() && path.front() != '/') object[key] = directory + "/" + path;
  }
  static void resolve_files(json& body, const std::string& directory) {
    for (const char* key :
         {"certificate-authority", "client-certificate", "client-key", "tokenFile"})
      resolve(body, key, directory);
    if (!has(body, "exec") || !body["exec"].is_object()) return;
    // A command with a slash is a path; one without is looked up in PATH.
    if (string_at(body["exec"], "command").find('/') != std::string::npos)
      resolve(body["exec"], "command", directory);
  }

  std::map<std::string, std::map<std::string, json>> sections_;
  std::string current_;
};

Result<PemSource> pem(const json& object, const std::string& key) {
  PemSource source;
  source.file = string_at(object, key);
  const std::string data = string_at(object, key + "-data");
  if (data.empty()) return source;
  auto decoded = base64_decoded(data);
  if (!decoded) return invalid(key + "-data is not base64");
  source.data = std::move(*decoded);
  return source;
}

Result<ExecPlugin> exec_plugin(const json& object) {
  ExecPlugin plugin;
  plugin.api_version = string_at(object, "apiVersion");
  plugin.command = string_at(object, "command");
  for (const auto& arg : array_at(object, "args"))
    plugin.args.push_back(arg.is_string() ? arg.get<std::string>() : arg.dump());
  for (const auto& one : array_at(object, "env"))
    plugin.env.emplace_back(string_at(one, "name"), string_at(one, "value"));
  plugin.install_hint = string_at(object, "installHint");
  plugin.interactive_mode = string_at(object, "interactiveMode", "IfAvailable");
  plugin.provide_cluster_info = bool_at(object, "provideClusterInfo");
  if (plugin.command.empty()) return invalid("exec has no command");
  const bool known = plugin.api_version == "client.authentication.k8s.io/v1" ||
                     plugin.api_version == "client.authentication.k8s.io/v1beta1";
  if (!known)
    return invalid("exec has apiVersion \"" + plugin.api_version +
                   "\"; client.authentication.k8s.io/v1 and v1beta1 are allowed");
  return plugin;
}

Status read_cluster(const json& cluster, ClusterConfig& config) {
  config.server = string_at(cluster, "server");
  if (!config.server.starts_with("https://") && !config.server.starts_with("http://"))
    return invalid("server is \"" + config.server + "\"; it must begin with https:// or http://");
  while (config.server.ends_with('/')) config.server.pop_back();
  config.tls_server_name = string_at(cluster, "tls-server-name");
  config.insecure = bool_at(cluster, "insecure-skip-tls-verify");
  config.proxy_url = string_at(cluster, "proxy-url");
  config.disable_compression = bool_at(cluster, "disable-compression");
  auto ca = pem(cluster, "certificate-authority");
  if (!ca) return ca.status();
  config.ca = std::move(*ca);
  if (config.insecure && !config.ca.empty())
    return invalid("insecure-skip-tls-verify and a certificate-authority exclude each other");
  return {};
}

void read_impersonation(const json& user, Impersonation& out) {
  out.user = string_at(user, "as");
  out.uid = string_at(user, "as-uid");
  for (const auto& group : array_at(user, "as-groups"))
    if (group.is_string()) out.groups.push_back(group.get<std::string>());
  for (const auto& [key, values] : object_at(user, "as-user-extra").items()) {
    for (const auto& value : values)
      if (value.is_string()) out.extra[key].push_back(value.get<std::string>());
  }
}

Status read_user(const json& user, ClusterConfig& config) {
  if (has(user, "auth-provider"))
    return {Code::kUnsupported, "kubeconfig: auth-provider was removed from Kubernetes; use exec"};
  auto cert = pem(user, "client-certificate");
  if (!cert) return cert.status();
  auto key = pem(user, "client-key");
  if (!key) return key.status();
  if (cert->empty() != key->empty())
    return invalid("client-certificate and client-key come together");
  config.client_cert = std::move(*cert);
  config.client_key = std::move(*key);
  config.token = string_at(user, "token");
  config.token_file = string_at(user, "tokenFile");
  config.username = string_at(user, "username");
  config.password = string_at(user, "password");
  read_impersonation(user, config.act_as);
  if (!has(user, "exec")) return {};
  auto plugin = exec_plugin(object_at(user, "exec"));
  if (!plugin) return plugin.status();
  config.exec = std::move(*plugin);
  return {};
}

Result<ClusterConfig> resolve(const Merged& merged, const std::string& context_name) {
  if (context_name.empty()) return invalid("no current-context is set");
  const json* context = merged.entry("contexts", context_name);
  if (context == nullptr) return invalid("there is no context \"" + context_name + "\"");
  ClusterConfig config;
  config.ns = string_at(*context, "namespace", "default");
  const std::string cluster_name = string_at(*context, "cluster");
  const json* cluster = merged.entry("clusters", cluster_name);
  if (cluster == nullptr)
    return invalid("context \"" + context_name + "\" names the cluster \"" + cluster_name +
                   "\", which is not there");
  if (auto status = read_cluster(*cluster, config); !status) return status;
  const std::string user_name = string_at(*context, "user");
  if (user_name.empty()) return config;
  const json* user = merged.entry("users", user_name);
  if (user == nullptr)
    return invalid("context \"" + context_name + "\" names the user \"" + user_name +
                   "\", who is not there");
  if (auto status = read_user(*user, config); !status) return status;
  return config;
}

}  // namespace

Result<std::string> read_small_file(const std::string& path, std::size_t limit) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Status(Code::kNotFound, path + " cannot be opened");
  std::string text(limit + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return Status(Code::kInvalid, path + " cannot be read");
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > limit)
    return Status(Code::kInvalid, path + " has more than " + std::to_string(limit) + " bytes");
  return text;
}

Result<ClusterConfig> load_kubeconfig(const KubeconfigOptions& options) {
  const auto files = options.files.empty() ? default_files() : options.files;
  Merged merged;
  bool any = false;
  for (const auto& file : files) {
    const Status status = merged.add(file);
    any = any || status.is_ok();
    if (!status && status.code() != Code::kNotFound) return status;
  }
  if (!any)
    return Status(
        Code::kNotFound,
        "kubeconfig: " + (files.empty() ? "HOME is not set" : files.front() + " cannot be opened"));
  return resolve(merged, options.context.empty() ? merged.current() : options.context);
}

Result<ClusterConfig> in_cluster_config(const InClusterOptions& options) {
  const std::string host =
      options.host.empty() ? environment("KUBERNETES_SERVICE_HOST") : options.host;
  const std::string port =
      options.port.empty() ? environment("KUBERNETES_SERVICE_PORT") : options.port;
  if (host.empty() || port.empty())
    return Status(Code::kNotFound,
                  "not in a Pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set");
  ClusterConfig config;
  const bool v6 = host.find(':') != std::string::npos;
  config.server = "https://" + (v6 ? "[" + host + "]" : host) + ":" + port;
  config.ca.file = options.directory + "/ca.crt";
  config.token_file = options.directory + "/token";
  if (const auto token = read_small_file(config.token_file); !token) return token.status();
  if (const auto ns = read_small_file(options.directory + "/namespace"); ns && !ns->empty())
    config.ns = ns->substr(0, ns->find_first_of(" \n"));
  return config;
}

}  // namespace k8s
