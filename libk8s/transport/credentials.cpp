#include "libk8s/transport/credentials.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <atomic>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "libk8s/base/log.hpp"
#include "libk8s/transport/exec_plugin.hpp"

namespace k8s {
namespace {

using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;
using CertPtr = std::unique_ptr<X509, decltype(&X509_free)>;
using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

BioPtr memory(const std::string& pem) {
  return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free};
}

// No key of a client has a passphrase: there would be nobody to ask.
int no_passphrase(char*, int, int, void*) { return 0; }

bool is_pair(const std::string& cert_pem, const std::string& key_pem) {
  const BioPtr cert_bio = memory(cert_pem), key_bio = memory(key_pem);
  const CertPtr cert(PEM_read_bio_X509(cert_bio.get(), nullptr, no_passphrase, nullptr),
                     &X509_free);
  const KeyPtr key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, no_passphrase, nullptr),
                   &EVP_PKEY_free);
  return cert && key && X509_check_private_key(cert.get(), key.get()) == 1;
}

Result<std::string> read_pem(const PemSource& source) {
  if (!source.data.empty() || source.file.empty()) return source.data;
  return read_small_file(source.file);
}

Result<TlsMaterial> read_tls(const ClusterConfig& config) {
  TlsMaterial out;
  for (const auto& [source, text] :
       {std::pair{&config.ca, &out.ca}, std::pair{&config.client_cert, &out.cert},
        std::pair{&config.client_key, &out.key}}) {
    auto pem = read_pem(*source);
    if (!pem) return pem.status();
    *text = std::move(*pem);
  }
  if (!config.client_cert.empty() && !is_pair(out.cert, out.key))
    return Status(Code::kInvalid, "the client certificate does not fit its key");
  return out;
}

Result<std::string> read_token(const std::string& file) {
  auto text = read_small_file(file);
  if (!text) return text.status();
  const auto first = text->find_first_not_of(" \t\r\n");
  if (first == text->npos) return Status(Code::kInvalid, file + " is empty");
  const auto last = text->find_last_not_of(" \t\r\n");
  std::string token = text->substr(first, last - first + 1);
  // It becomes a header: nothing in it may end one.
  if (token.find_first_of("\r\n") != token.npos)
    return Status(Code::kInvalid, file + " has more than one line");
  return token;
}

std::string base64(const std::string& text) {
  std::string out((text.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

}  // namespace

struct Credentials::Impl : std::enable_shared_from_this<Credentials::Impl> {
  Impl(Loop& l, const ClusterConfig& c, const CredentialOptions& o)
      : loop(l), config(c), options(o) {}

  ~Impl() {
    cancelled = true;
    if (runner.joinable()) runner.join();
  }

  Status open() {
    auto material = read_tls(config);
    if (!material) return material.status();
    tls = std::make_shared<const TlsMaterial>(std::move(*material));
    if (!config.token_file.empty() && !config.exec) {
      auto token = read_token(config.token_file);
      if (!token) return token.status();
      file_token = std::move(*token);
      token_read_at = loop.now();
    }
    schedule_reload();
    return {};
  }

  void schedule_reload() {
    const bool files = !config.ca.file.empty() || !config.client_cert.file.empty();
    if (!files) return;
    reload_timer = loop.after(options.reload, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self) return;
      self->reload();
      self->schedule_reload();
    });
  }

  void reload() {
    auto material = read_tls(config);
    if (!material) {
      log::warn("credentials cannot be read again, the old ones stay",
                {{"reason", material.status().message()}});
      return;
    }
    if (tls->cert == material->cert && tls->key == material->key && tls->ca == material->ca) return;
    replace_tls(std::move(*material));
  }

  void replace_tls(TlsMaterial material) {
    tls = std::make_shared<const TlsMaterial>(std::move(material));
    if (changed) changed();
  }

  void get(Ready ready) {
    if (config.exec) return get_from_plugin(std::move(ready));
    if (!config.token_file.empty()) {
      refresh_file_token();
      if (file_token.empty()) {
        ready(Status(Code::kUnauthorized, config.token_file + " holds no usable token"));
        return;
      }
    }
    ready(current());
  }

  Current current() const {
    if (config.exec) return {bearer(plugin_credential->token), plugin_tls()};
    if (!config.token_file.empty()) return {bearer(file_token), tls};
    if (!config.token.empty()) return {bearer(config.token), tls};
    if (!config.username.empty())
      return {"Basic " + base64(config.username + ":" + config.password), tls};
    return {"", tls};
  }

  static std::string bearer(const std::string& token) {
    return token.empty() ? "" : "Bearer " + token;
  }

  void refresh_file_token() {
    if (!file_token.empty() && loop.now() - token_read_at < options.token_age) return;
    token_read_at = loop.now();
    auto token = read_token(config.token_file);
    if (token) {
      file_token = std::move(*token);
    } else if (!file_token.empty()) {
      log::warn("token cannot be read again, the old one stays",
                {{"reason", token.status().message()}});
    }
  }

  void rejected(const Current& used) {
    // A newer one may be there by now; it has not been refused.
    if (config.exec) {
      if (plugin_credential && used.authorization == bearer(plugin_credential->token))
        plugin_credential.reset();
    } else if (!config.token_file.empty() && used.authorization == bearer(file_token)) {
      file_token.clear();
    }
  }

  // --- exec plugin ---

  bool plugin_fresh() const {
    if (!plugin_credential) return false;
    return !plugin_credential->expires ||
           loop.wall_now() + options.expiry_leeway < *plugin_credential->expires;
  }

  void get_from_plugin(Ready ready) {
    if (plugin_fresh()) return ready(current());
    waiting.push_back(std::move(ready));
    if (running) return;
    running = true;
    if (runner.joinable()) runner.join();  // it has posted its result, and is about to end
    runner = std::thread([this, weak = weak_from_this(), ca = tls->ca] {
      auto result = run_exec_plugin(*config.exec, config, ca, options.plugin_limit, cancelled);
      loop.post([weak, result = std::move(result)] {
        if (const auto self = weak.lock()) self->plugin_ended(result);
      });
    });
  }

  void plugin_ended(const Result<ExecCredential>& result) {
    running = false;
    if (result) {
      const bool new_cert = plugin_credential_cert != result->client_cert ||
                            plugin_credential_key != result->client_key;
      plugin_credential = *result;
      plugin_credential_cert = result->client_cert;
      plugin_credential_key = result->client_key;
      if (new_cert) {
        plugin_material.reset();
        if (changed) changed();
      }
    }
    const Result<Current> answer = result ? Result<Current>(current()) : result.status();
    const auto keep = shared_from_this();
    for (const auto& ready : std::exchange(waiting, {})) ready(answer);
  }

  // A certificate from the plugin takes the place of the configured one.
  std::shared_ptr<const TlsMaterial> plugin_tls() const {
    if (plugin_credential->client_cert.empty()) return tls;
    if (!plugin_material) {
      plugin_material = std::make_shared<const TlsMaterial>(
          TlsMaterial{tls->ca, plugin_credential->client_cert, plugin_credential->client_key});
    }
    return plugin_material;
  }

  Loop& loop;
  const ClusterConfig config;
  const CredentialOptions options;
  std::function<void()> changed;
  std::shared_ptr<const TlsMaterial> tls;
  TimerId reload_timer = TimerId::kNone;

  std::string file_token;
  TimePoint token_read_at;

  std::optional<ExecCredential> plugin_credential;
  std::string plugin_credential_cert, plugin_credential_key;
  mutable std::shared_ptr<const TlsMaterial> plugin_material;
  std::vector<Ready> waiting;
  bool running = false;
  std::atomic<bool> cancelled{false};
  std::thread runner;
};

Credentials::Credentials(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Credentials::~Credentials() {
  impl_->waiting.clear();
  impl_->changed = nullptr;
  impl_->loop.cancel(impl_->reload_timer);
}

Result<std::unique_ptr<Credentials>> Credentials::open(Loop& loop, const ClusterConfig& config,
                                                       const CredentialOptions& options) {
  auto impl = std::make_shared<Impl>(loop, config, options);
  if (auto status = impl->open(); !status) return status;
  return std::unique_ptr<Credentials>(new Credentials(std::move(impl)));
}

void Credentials::get(Ready ready) { impl_->get(std::move(ready)); }
void Credentials::rejected(const Current& used) { impl_->rejected(used); }
void Credentials::on_tls_change(std::function<void()> changed) {
  impl_->changed = std::move(changed);
}

}  // namespace k8s
