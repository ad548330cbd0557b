#include <openssl/evp.h>
#include <nlohmann/json.hpp>

#include "libk8s/apiserver/kinds/builtin.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s::apiserver::kinds {
namespace {

constexpr std::size_t kMaxDataBytes = 1024 * 1024;

std::string base64(const std::string& plain) {
  std::string out(4 * ((plain.size() + 2) / 3) + 1, '\0');
  int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                             reinterpret_cast<const unsigned char*>(plain.data()),
                             static_cast<int>(plain.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::size_t check_keys(const Json& map, const char* part, FieldErrors& errors) {
  std::size_t bytes = 0;
  for (const auto& [key, value] : map.items()) {
    if (std::string wrong = data_key(key); !wrong.empty()) {
      errors.push_back(field::invalid(field::keyed(part, key), key, wrong));
    }
    if (value.is_string()) bytes += value.get_ref<const std::string&>().size();
  }
  return bytes;
}

// An immutable object stays as it is, and stays immutable.
void check_frozen(const Json& now, const Json& old, std::initializer_list<const char*> parts,
                  FieldErrors& errors) {
  if (!bool_at(old, "immutable")) return;
  if (!bool_at(now, "immutable")) {
    errors.push_back(field::forbidden("immutable", "field is immutable when `immutable` is set"));
  }
  for (const char* part : parts) {
    if (object_at(now, part) == object_at(old, part)) continue;
    errors.push_back(field::forbidden(part, "field is immutable when `immutable` is set"));
  }
}

struct TypedKeys {
  std::string_view type;
  std::vector<const char*> keys;
};

void check_typed_keys(const Json& secret, FieldErrors& errors) {
  static const TypedKeys kTyped[] = {
      {"kubernetes.io/tls", {"tls.crt", "tls.key"}},
      {"kubernetes.io/dockerconfigjson", {".dockerconfigjson"}},
      {"kubernetes.io/dockercfg", {".dockercfg"}},
      {"kubernetes.io/ssh-auth", {"ssh-privatekey"}},
  };
  for (const TypedKeys& typed : kTyped) {
    if (string_at(secret, "type") != typed.type) continue;
    for (const char* key : typed.keys) {
      if (!object_at(secret, "data").contains(key)) {
        errors.push_back(field::required(field::keyed("data", key)));
      }
    }
  }
}

}  // namespace

void secret_defaults(Json& secret) {
  // stringData is only for writing: it goes over data and is never stored.
  if (!secret.is_object() || !secret.contains("stringData")) return;
  for (const auto& [key, value] : secret["stringData"].items()) {
    if (value.is_string()) secret["data"][key] = base64(value.get_ref<const std::string&>());
  }
  secret.erase("stringData");
}

void check_secret(const Json& secret, const Json* old, Part, FieldErrors& errors) {
  // In base64 three bytes are four.
  if (check_keys(object_at(secret, "data"), "data", errors) > kMaxDataBytes / 3 * 4) {
    errors.push_back(field::too_long("data", kMaxDataBytes));
  }
  check_typed_keys(secret, errors);
  if (old == nullptr) return;
  if (string_at(*old, "type") != string_at(secret, "type")) {
    errors.push_back(field::invalid("type", string_at(secret, "type"), "field is immutable"));
  }
  check_frozen(secret, *old, {"data"}, errors);
}

void check_config_map(const Json& map, const Json* old, Part, FieldErrors& errors) {
  const Json& data = object_at(map, "data");
  const Json& binary = object_at(map, "binaryData");
  std::size_t bytes = check_keys(data, "data", errors) + check_keys(binary, "binaryData", errors);
  if (bytes > kMaxDataBytes) errors.push_back(field::too_long("", kMaxDataBytes));
  for (const auto& [key, value] : binary.items()) {
    if (!data.contains(key)) continue;
    errors.push_back(
        field::invalid(field::keyed("data", key), key, "duplicate of key present in binaryData"));
  }
  if (old != nullptr) check_frozen(map, *old, {"data", "binaryData"}, errors);
}

}  // namespace k8s::apiserver::kinds
