#include "operator/report/counting_transport.hpp"

#include <memory>
#include <string_view>
#include <utility>

namespace fermi {
namespace {

bool is_watch(const k8s::http::Request& request) {
  return request.method == "GET" && (request.target.find("?watch=") != std::string::npos ||
                                     request.target.find("&watch=") != std::string::npos);
}

// "pods" of "/api/v1/namespaces/x/pods?watch=true".
std::string resource_of(std::string_view target) {
  target = target.substr(0, target.find('?'));
  return std::string(target.substr(target.rfind('/') + 1));
}

}  // namespace

k8s::http::ExchangeId CountingTransport::start(k8s::http::Request request,
                                               k8s::http::Handler handler) {
  const bool watch = is_watch(request);
  const std::string verb = watch ? "WATCH" : request.method;
  if (watch) ++metrics_.watches[resource_of(request.target)];
  ++metrics_.requests_in_flight;
  auto status = std::make_shared<int>(0);
  auto on_head = std::move(handler.on_head);
  handler.on_head = [status, on_head](int code, const k8s::http::Headers& headers) {
    *status = code;
    if (on_head) on_head(code, headers);
  };
  auto on_end = std::move(handler.on_end);
  handler.on_end = [this, status, verb, on_end](const k8s::Status& end) {
    --metrics_.requests_in_flight;
    ++metrics_.api_requests[{verb, *status}];
    if (on_end) on_end(end);
  };
  return next_.start(std::move(request), std::move(handler));
}

}  // namespace fermi
