// Runs a credential program (client.authentication.k8s.io) and reads what it prints.
//
// `run_exec_plugin` blocks: it is called on a thread of its own (credentials.cpp), bounded in time
// and output. All plugins of a process run one at a time, as they may ask a person something.
// The program's standard error goes to ours. Tokens are never part of an error message.
#pragma once

#include <atomic>
#include <optional>
#include <string>

#include "libk8s/base/loop.hpp"
#include "libk8s/base/status.hpp"
#include "libk8s/transport/cluster_config.hpp"

namespace k8s {

struct ExecCredential {
  std::string token;
  std::string client_cert, client_key;  // PEM
  std::optional<WallTime> expires;
};

// `ca_data` is handed to plugins that ask for the cluster's details. Ends early, with kCancelled,
// soon after `cancelled` is set. kUnauthorized: the program failed or printed no credential.
Result<ExecCredential> run_exec_plugin(const ExecPlugin& plugin, const ClusterConfig& cluster,
                                       const std::string& ca_data, Duration limit,
                                       const std::atomic<bool>& cancelled);

// Reads an ExecCredential object as a plugin prints it.
Result<ExecCredential> parse_exec_credential(const std::string& text,
                                             const std::string& api_version);

}  // namespace k8s
