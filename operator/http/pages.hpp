// What the operator's HTTP endpoint answers: /healthz, /livez, /readyz, /metrics.
#pragma once

#include "libk8s/http/message.hpp"

namespace fermi {

class Operator;

// /healthz and /livez: 200 as long as the loop turns. /readyz: 200 of a leader whose caches are all
// synced and of a standby that sees the lease it waits for, else 503. /metrics: Prometheus text.
// Everything else: 404. Loop thread only.
k8s::http::Response answer_page(const Operator& subject, const k8s::http::Request& request);

}  // namespace fermi
