// Fills a cluster with Pods for the informer benchmark, over our own transport: so many requests in
// flight at once until all are there. Pods that exist already count as made, so that a run that was
// cut can be gone on with.
//
// The Pods look like those of a Deployment: owner, labels, one container with requests, a mounted
// token, two tolerations; about 1.3 KB each in protobuf once the server has filled them in. They
// name a node, so that no scheduler is needed, and nothing runs them.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "libk8s/request/request.hpp"
#include "libk8s/transport/client.hpp"
#include "libk8s/transport/curl_transport.hpp"

namespace {

using nlohmann::json;

constexpr int kPodsPerOwner = 50;
constexpr int kPodsPerNode = 100;

json pod(int number) {
  const std::string owner = "web-" + std::to_string(number / kPodsPerOwner);
  char uid[40];
  std::snprintf(uid, sizeof uid, "00000000-0000-4000-8000-%012d", number / kPodsPerOwner);
  return {{"metadata",
           {{"name", owner + "-" + std::to_string(number)},
            {"labels", {{"app", owner}, {"pod-template-hash", "6d4cf56db6"}, {"tier", "front"}}},
            {"annotations", {{"example.com/revision", std::to_string(number % 7)}}},
            {"ownerReferences", json::array({{{"apiVersion", "apps/v1"},
                                              {"kind", "ReplicaSet"},
                                              {"name", owner},
                                              {"uid", uid},
                                              {"controller", true}}})}}},
          {"spec",
           {{"nodeName", "node-" + std::to_string(number / kPodsPerNode)},
            {"containers",
             json::array({{{"name", "main"},
                           {"image", "registry.example.com/web/front:1.2.3"},
                           {"args", {"--listen=:8080", "--verbose"}},
                           {"env", json::array({{{"name", "MODE"}, {"value", "production"}}})},
                           {"resources",
                            {{"requests", {{"cpu", "250m"}, {"memory", "256Mi"}}},
                             {"limits", {{"memory", "512Mi"}}}}}}})},
            {"tolerations", json::array({{{"key", "node.kubernetes.io/not-ready"},
                                          {"operator", "Exists"},
                                          {"effect", "NoExecute"},
                                          {"tolerationSeconds", 300}},
                                         {{"key", "node.kubernetes.io/unreachable"},
                                          {"operator", "Exists"},
                                          {"effect", "NoExecute"},
                                          {"tolerationSeconds", 300}}})}}}};
}

// Keeps `width` creations in flight until all have been answered.
class Loader {
 public:
  Loader(k8s::Client& client, int pods, int width) : client_(client), pods_(pods), width_(width) {}

  void start() {
    for (int i = 0; i < width_; ++i) next();
  }
  bool done() const { return ended_ == pods_ || !failed_.empty(); }
  const std::string& failed() const { return failed_; }

 private:
  void next() {
    if (begun_ == pods_) return;
    client_.call(k8s::request::create(k8s::resources::pods(), "default", pod(begun_++)),
                 [this](const k8s::Result<json>& answer) { answered(answer.status()); });
  }
  void answered(const k8s::Status& status) {
    if (!status && status.code() != k8s::Code::kAlreadyExists) failed_ = status.to_string();
    if (++ended_ % 10'000 == 0) std::fprintf(stderr, "load: %d of %d Pods\n", ended_, pods_);
    next();
  }

  k8s::Client& client_;
  int pods_, width_;
  int begun_ = 0, ended_ = 0;
  std::string failed_;
};

int load(const std::string& kubeconfig, int pods, int width) {
  k8s::KubeconfigOptions where;
  if (!kubeconfig.empty()) where.files = {kubeconfig};
  const auto config = k8s::load_kubeconfig(where);
  k8s::CurlLoop loop;
  auto transport = config ? k8s::connect(loop, *config)
                          : k8s::Result<std::unique_ptr<k8s::http::Transport>>(config.status());
  if (!transport) {
    std::fprintf(stderr, "load: %s\n", transport.status().to_string().c_str());
    return 1;
  }
  k8s::Client client(loop, **transport);
  Loader loader(client, pods, width);
  const k8s::TimePoint began = loop.now();
  loader.start();
  loop.run_until([&] { return loader.done(); }, std::chrono::minutes(30));
  if (!loader.done() || !loader.failed().empty()) {
    std::fprintf(stderr, "load: %s\n",
                 loader.failed().empty() ? "out of time" : loader.failed().c_str());
    return 1;
  }
  std::fprintf(stderr, "load: %d Pods in %.1f s\n", pods,
               std::chrono::duration<double>(loop.now() - began).count());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string kubeconfig;
  int pods = 100'000, width = 32;
  CLI::App app("Creates Pods for the informer benchmark");
  app.add_option("--kubeconfig", kubeconfig, "of the cluster; default: $KUBECONFIG");
  app.add_option("--pods", pods, "how many");
  app.add_option("--width", width, "requests in flight");
  CLI11_PARSE(app, argc, argv);
  return load(kubeconfig, pods, width);
}
