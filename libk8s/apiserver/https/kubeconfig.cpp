#include "libk8s/apiserver/https/kubeconfig.hpp"

#include <openssl/evp.h>

#include <nlohmann/json.hpp>

namespace k8s::apiserver {
namespace {

std::string base64(const std::string& bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

}  // namespace

// JSON is YAML, and needs no rules of quoting of its own.
std::string kubeconfig_text(const KubeconfigParts& parts) {
  const nlohmann::json cluster{{"server", parts.url},
                               {"certificate-authority-data", base64(parts.ca_pem)}};
  const nlohmann::json context{
      {"cluster", parts.name}, {"user", parts.name}, {"namespace", "default"}};
  nlohmann::json config{{"apiVersion", "v1"}, {"kind", "Config"}, {"current-context", parts.name}};
  config["clusters"].push_back({{"name", parts.name}, {"cluster", cluster}});
  config["users"].push_back({{"name", parts.name}, {"user", {{"token", parts.token}}}});
  config["contexts"].push_back({{"name", parts.name}, {"context", context}});
  return config.dump(2) + "\n";
}

}  // namespace k8s::apiserver
