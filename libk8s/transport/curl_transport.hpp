// CurlTransport: the real Transport, over libcurl: HTTP/2 where the server has it, else HTTP/1.1.
//
//   CurlLoop loop;
//   auto config = load_kubeconfig();                 // or in_cluster_config()
//   auto transport = connect(loop, *config);         // Result<unique_ptr<http::Transport>>
//
// What it adds to a request: the server's address, credentials (credentials.hpp), impersonation.
// What it guards against:
//   - dead peers: TCP keep-alive and TCP_USER_TIMEOUT, probes of silent connections (liveness.hpp),
//     and the request's own deadlines on the whole exchange and on silence;
//   - answers without end: the request's body limit, and 256 KiB of headers;
//   - doubled writes: a request whose body was sent is never sent again by itself, also not when a
//     kept connection turns out to be dead; that ends as kUnknownOutcome.
// When certificates change, streams (requests without a timeout) end as kUnknownOutcome, and new
// connections are made for everything that starts afterwards.
//
// Nothing is retried here; redirects are answers. Threads: the loop's. It must be destroyed before
// its loop. Errors are those of http::Handler::on_end, and kUnauthorized when there is no
// credential to send.
#pragma once

#include <memory>

#include "libk8s/base/status.hpp"
#include "libk8s/http/message.hpp"
#include "libk8s/transport/cluster_config.hpp"
#include "libk8s/transport/credentials.hpp"
#include "libk8s/transport/curl_loop.hpp"
#include "libk8s/transport/liveness.hpp"

namespace k8s {

// Reads the credentials once and checks the address; sends nothing.
Result<std::unique_ptr<http::Transport>> connect(CurlLoop& loop, const ClusterConfig& config,
                                                 const CredentialOptions& options = {},
                                                 const LivenessOptions& liveness = {});

}  // namespace k8s
