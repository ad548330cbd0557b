#include "libk8s/apiserver/https/certificates.hpp"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>

namespace k8s::apiserver {
namespace {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* thing) const {
    Free(thing);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Cert = std::unique_ptr<X509, Freed<X509_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;

constexpr long kLifetime_s = 10L * 365 * 24 * 3600;
constexpr long kRenewBefore_s = 30L * 24 * 3600;
constexpr const char* kSubjectAltNames =
    "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:127.0.0.1,"
    "IP:::1";

std::string system_error(const std::string& doing) { return doing + ": " + std::strerror(errno); }

std::string text_of(const Bio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

std::string pem_of(const Cert& cert) {
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), cert.get());
  return text_of(bio);
}

std::string pem_of(const Key& key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return text_of(bio);
}

bool extend(X509* cert, X509* issuer, int what, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, what, value));
  return extension != nullptr && X509_add_ext(cert, extension.get(), -1) == 1;
}

// A certificate with its names, times and serial, not yet signed.
Cert blank(const Key& key, const char* common_name) {
  Cert cert(X509_new());
  std::array<unsigned char, 16> serial{};
  RAND_bytes(serial.data(), static_cast<int>(serial.size()));
  serial[0] &= 0x7fU;  // positive
  BIGNUM* number = BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert.get()));
  BN_free(number);
  X509_set_version(cert.get(), 2);
  // An hour back, for clocks that have just been set.
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), kLifetime_s);
  X509_set_pubkey(cert.get(), key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(common_name), -1, -1, 0);
  return cert;
}

Result<Certificates> make_certificates() {
  const Status failed(Code::kInternal, "OpenSSL could not make the server's certificates");
  const Key ca_key(EVP_EC_gen("P-256"));
  const Key key(EVP_EC_gen("P-256"));
  if (!ca_key || !key) return failed;
  const Cert ca = blank(ca_key, "local-ca");
  X509_set_issuer_name(ca.get(), X509_get_subject_name(ca.get()));
  bool fine = extend(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
              extend(ca.get(), ca.get(), NID_key_usage, "critical,keyCertSign,cRLSign") &&
              extend(ca.get(), ca.get(), NID_subject_key_identifier, "hash") &&
              X509_sign(ca.get(), ca_key.get(), EVP_sha256()) > 0;
  const Cert cert = blank(key, "kube-apiserver");
  X509_set_issuer_name(cert.get(), X509_get_subject_name(ca.get()));
  fine = fine && extend(cert.get(), ca.get(), NID_basic_constraints, "critical,CA:FALSE") &&
         extend(cert.get(), ca.get(), NID_key_usage, "critical,digitalSignature") &&
         extend(cert.get(), ca.get(), NID_ext_key_usage, "serverAuth") &&
         extend(cert.get(), ca.get(), NID_subject_alt_name, kSubjectAltNames) &&
         extend(cert.get(), ca.get(), NID_authority_key_identifier, "keyid") &&
         X509_sign(cert.get(), ca_key.get(), EVP_sha256()) > 0;
  if (!fine) return failed;
  return Certificates{pem_of(ca), pem_of(cert), pem_of(key)};
}

Cert cert_of(const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return Cert(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

Key key_of(const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return Key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
}

bool lasts(const Cert& cert) {
  ASN1_TIME* soon = X509_gmtime_adj(nullptr, kRenewBefore_s);
  const bool good = ASN1_TIME_compare(X509_get0_notAfter(cert.get()), soon) > 0;
  ASN1_STRING_free(soon);
  return good;
}

// Whole, belonging together, and good for some time yet. What is damaged is made anew.
bool still_good(const Certificates& kept) {
  const Cert ca = cert_of(kept.ca_pem);
  const Cert cert = cert_of(kept.server_pem);
  const Key key = key_of(kept.server_key_pem);
  if (!ca || !cert || !key || !lasts(ca) || !lasts(cert)) return false;
  return X509_check_private_key(cert.get(), key.get()) == 1 &&
         X509_verify(cert.get(), X509_get0_pubkey(ca.get())) == 1;
}

// What may stand after "Bearer" (RFC 6750), and long enough not to be guessed.
bool is_token(std::string_view text) {
  return text.size() >= 32 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return (c < 0x80 && std::isalnum(c) != 0) ||
                  std::string_view("-._~+/=").find(static_cast<char>(c)) != std::string_view::npos;
         });
}

}  // namespace

Result<Certificates> load_or_make_certificates(const std::string& directory) {
  const std::string ca_path = directory + "/ca.crt";
  const std::string cert_path = directory + "/server.crt";
  const std::string key_path = directory + "/server.key";
  const auto ca = read_small_file(ca_path);
  const auto cert = read_small_file(cert_path);
  const auto key = read_small_file(key_path);
  if (ca && cert && key) {
    Certificates kept{*ca, *cert, *key};
    if (still_good(kept)) return kept;
  }
  auto made = make_certificates();
  if (!made) return made.status();
  Status status = write_private_file(key_path, made->server_key_pem);
  if (status.is_ok()) status = write_private_file(cert_path, made->server_pem);
  if (status.is_ok()) status = write_private_file(ca_path, made->ca_pem);
  if (!status.is_ok()) return status;
  return made;
}

Result<std::string> load_or_make_token(const std::string& path) {
  if (auto kept = read_small_file(path)) {
    std::string token = std::move(kept).value();
    while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
    if (is_token(token)) return token;
  }
  std::array<unsigned char, 32> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return Status(Code::kInternal, "OpenSSL has no randomness for a token");
  }
  static constexpr char kHex[] = "0123456789abcdef";
  std::string token;
  for (const unsigned char byte : bytes) {
    token += kHex[byte >> 4U];
    token += kHex[byte & 15U];
  }
  if (Status status = write_private_file(path, token + "\n"); !status.is_ok()) return status;
  return token;
}

Status write_private_file(const std::string& path, std::string_view text) {
  const std::string temporary = path + ".new";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return {Code::kInternal, system_error("cannot write " + temporary)};
  bool fine = ::fchmod(fd, 0600) == 0;
  while (fine && !text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    fine = written > 0;
    if (fine) text.remove_prefix(static_cast<std::size_t>(written));
  }
  fine = fine && ::fsync(fd) == 0;
  fine = ::close(fd) == 0 && fine;
  fine = fine && ::rename(temporary.c_str(), path.c_str()) == 0;
  if (fine) return Status::ok();
  Status failed(Code::kInternal, system_error("cannot write " + path));
  ::unlink(temporary.c_str());
  return failed;
}

Result<std::string> read_small_file(const std::string& path) {
  constexpr std::size_t kMost = std::size_t{1} << 20;
  std::ifstream file(path, std::ios::binary);
  if (!file) return Status(Code::kNotFound, system_error("cannot read " + path));
  std::string text(kMost + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMost) return Status(Code::kInvalid, path + " is larger than 1 MiB");
  return text;
}

}  // namespace k8s::apiserver
