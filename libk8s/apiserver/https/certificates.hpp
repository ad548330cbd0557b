// Certificates: a CA and a server certificate for loopback, made once and kept in a directory.
//
// The CA's key is thrown away after it has signed the one certificate: nobody can make others with
// it. Both are renewed together, some weeks before they expire.
#pragma once

#include <string>

#include "libk8s/base/status.hpp"

namespace k8s::apiserver {

struct Certificates {
  std::string ca_pem;
  std::string server_pem;
  std::string server_key_pem;
};

// Reads them from `directory`, or makes and writes them (mode 0600): also when they are damaged or
// do not belong together.
Result<Certificates> load_or_make_certificates(const std::string& directory);

// 32 random bytes in hex, kept in `path` (mode 0600); made when it is not there, or no token.
Result<std::string> load_or_make_token(const std::string& path);

// Writes a file as a whole: a temporary one beside it, synced, then renamed. Mode 0600.
Status write_private_file(const std::string& path, std::string_view text);
// The whole file; kNotFound when there is none. At most 1 MiB.
Result<std::string> read_small_file(const std::string& path);

}  // namespace k8s::apiserver
