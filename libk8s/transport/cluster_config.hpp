// ClusterConfig: where a cluster is and how to prove who one is, from a kubeconfig or from inside a
// Pod. A value; reading it opens files, nothing here talks to a server.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libk8s/base/status.hpp"

namespace k8s {

// PEM text, inline or in a file that is read again from time to time. Inline wins.
struct PemSource {
  std::string data;
  std::string file;
  bool empty() const { return data.empty() && file.empty(); }
};

// A program that is run to get credentials (client.authentication.k8s.io).
struct ExecPlugin {
  std::string api_version;
  std::string command;
  std::vector<std::string> args;
  std::vector<std::pair<std::string, std::string>> env;
  std::string install_hint;
  std::string interactive_mode = "IfAvailable";  // Never, IfAvailable, Always
  bool provide_cluster_info = false;
};

struct Impersonation {
  std::string user, uid;
  std::vector<std::string> groups;
  std::map<std::string, std::vector<std::string>> extra;
};

struct ClusterConfig {
  std::string server;  // "https://host:port", with a path prefix if any
  std::string tls_server_name;
  bool insecure = false;  // accept any certificate
  std::string proxy_url;
  bool disable_compression = false;
  PemSource ca;  // empty: the system's

  PemSource client_cert, client_key;
  std::string token;
  std::string token_file;  // wins over `token`
  std::string username, password;
  std::optional<ExecPlugin> exec;
  Impersonation act_as;

  std::string ns = "default";  // of the context, or of the Pod
};

struct KubeconfigOptions {
  // Files to merge, the first to say something wins. Empty: $KUBECONFIG, else ~/.kube/config.
  std::vector<std::string> files = {};
  std::string context = {};  // "": the current one
};

// Errors: kInvalid, naming the file and what is wrong or missing in it; kNotFound when no file is
// there. Files that are named but missing are passed over if another one is there.
Result<ClusterConfig> load_kubeconfig(const KubeconfigOptions& options = {});

struct InClusterOptions {
  std::string directory = "/var/run/secrets/kubernetes.io/serviceaccount";
  // "" reads KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT.
  std::string host = {}, port = {};
};

// The ServiceAccount of the Pod that this process runs in. kNotFound when it runs in none.
Result<ClusterConfig> in_cluster_config(const InClusterOptions& options = {});

// A file's text; kNotFound or kInvalid (above the limit, not readable) with its name.
Result<std::string> read_small_file(const std::string& path, std::size_t limit = 1 << 20);

}  // namespace k8s
