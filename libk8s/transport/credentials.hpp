// Credentials: what proves to a server who we are, kept fresh.
//
//   token file     read again when the copy is `token_age` old; the old token is kept when that
//   fails, and
//                  dropped when the server answered 401 to it
//   certificates,  read again every `reload`; when they changed, `on_tls_change` is called so that
//   CA files       connections made with the old ones can be closed. A file that is half written (a
//                  certificate that does not fit its key) is left for the next time
//   exec plugin    run on a thread of its own, one run at a time, when there is no credential, when
//                  it expires within `expiry_leeway`, and after a 401; whoever asks meanwhile waits
//                  for it
//
// Threads: the loop's; the plugin's thread only posts its result. The destructor ends the plugin
// and waits for that. Errors: kInvalid and kNotFound from `open` for what cannot be read;
// kUnauthorized from `get`.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "libk8s/base/loop.hpp"
#include "libk8s/base/status.hpp"
#include "libk8s/transport/cluster_config.hpp"

namespace k8s {

// PEM texts; empty where there is none.
struct TlsMaterial {
  std::string ca, cert, key;
  friend bool operator==(const TlsMaterial&, const TlsMaterial&) = default;
};

struct CredentialOptions {
  Duration token_age = std::chrono::seconds(50);
  Duration reload = std::chrono::minutes(5);
  Duration expiry_leeway = std::chrono::seconds(10);
  Duration plugin_limit = std::chrono::seconds(60);
};

class Credentials {
 public:
  struct Current {
    std::string authorization;  // the header's value, or ""
    std::shared_ptr<const TlsMaterial> tls;
  };
  using Ready = std::function<void(const Result<Current>&)>;

  static Result<std::unique_ptr<Credentials>> open(Loop& loop, const ClusterConfig& config,
                                                   const CredentialOptions& options = {});
  ~Credentials();
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;

  // Calls `ready` at once, or when the plugin has ended; not at all when this is destroyed first.
  void get(Ready ready);
  // The server answered 401 to a request that carried this.
  void rejected(const Current& used);
  void on_tls_change(std::function<void()> changed);

 private:
  struct Impl;
  explicit Credentials(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace k8s
