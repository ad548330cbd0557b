#include "operator/http/pages.hpp"

#include "operator/http/metrics_text.hpp"
#include "operator/operator.hpp"

namespace fermi {

k8s::http::Response answer_page(const Operator& subject, const k8s::http::Request& request) {
  const std::string path = request.target.substr(0, request.target.find('?'));
  if (path == "/healthz" || path == "/livez") return {200, {}, "ok\n"};
  if (path == "/readyz") {
    if (!subject.ready())
      return {503, {}, "not ready: no lease is seen yet, or not every cache is synced\n"};
    return {200, {}, subject.leading() ? "ok, leading\n" : "ok, standing by\n"};
  }
  if (path == "/metrics") {
    k8s::http::Response response{200, {}, metrics_text(subject.metrics())};
    response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    return response;
  }
  return {404, {}, "there are /healthz, /livez, /readyz and /metrics\n"};
}

}  // namespace fermi
