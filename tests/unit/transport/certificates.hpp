// Throw-away certificates for tests.
#pragma once

#include <memory>
#include <string>

namespace k8s::testing {

struct CertificatePem {
  std::string cert, key;
};

// A certificate authority, and what it signs. Names are like "IP:127.0.0.1,DNS:localhost".
class TestAuthority {
 public:
  explicit TestAuthority(const std::string& name = "test authority");
  ~TestAuthority();
  const std::string& cert() const;
  CertificatePem issue(const std::string& common_name, const std::string& alt_names = "") const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace k8s::testing
