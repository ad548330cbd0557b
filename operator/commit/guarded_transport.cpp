#include "operator/commit/guarded_transport.hpp"

#include <utility>

namespace fermi {

k8s::http::ExchangeId GuardedTransport::start(k8s::http::Request request,
                                              k8s::http::Handler handler) {
  if (request.method == "GET" || may_write_())
    return next_.start(std::move(request), std::move(handler));
  loop_.post([on_end = std::move(handler.on_end)] {
    if (on_end) on_end(k8s::Status(k8s::Code::kCancelled, "this process does not lead"));
  });
  return k8s::http::ExchangeId::kNone;
}

}  // namespace fermi
