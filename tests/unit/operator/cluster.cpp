#include "tests/unit/operator/cluster.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "libk8s/codec/rfc3339.hpp"
#include "libk8s/codec/yaml.hpp"

namespace fermi::testing {
namespace {

constexpr const char* kDefinitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

bool counts(const sim::Served& served) {
  return served.actor == "operator" && served.method != "GET" &&
         served.target.find("/leases") == std::string::npos &&
         served.target.find("/events") == std::string::npos;
}

Json containers(int gpus) {
  const Json limits = {{"nvidia.com/gpu", std::to_string(gpus)}};
  return Json::array({{{"name", "main"}, {"image", "i"}, {"resources", {{"limits", limits}}}}});
}

}  // namespace

Json job_for(const JobWish& wish) {
  const Json annotations = {{"sim/run-seconds", wish.run_seconds}, {"sim/exit", wish.exit}};
  return {{"nodes", wish.nodes},
          {"gpusPerNode", wish.gpus},
          {"scheduling",
           {{"queue", wish.queue},
            {"expectedDuration", wish.expected},
            {"priorityValue", wish.priority}}},
          {"podTemplate",
           {{"metadata", {{"annotations", annotations}}},
            {"spec", {{"terminationGracePeriodSeconds", wish.grace_seconds}}}}}};
}

Json pod_for(const std::string& name, const PodWish& wish) {
  Json metadata = {{"name", name},
                   {"namespace", "work"},
                   {"labels", Json::object()},
                   {"annotations", {{"sim/run-seconds", wish.run_seconds}}}};
  if (!wish.queue.empty()) metadata["labels"]["fermi-cluster.com/queue"] = wish.queue;
  if (!wish.gang.empty()) {
    metadata["labels"]["fermi-cluster.com/gang"] = wish.gang;
    metadata["labels"]["fermi-cluster.com/gang-size"] = std::to_string(wish.size);
  }
  if (!wish.expected.empty())
    metadata["annotations"]["fermi-cluster.com/expected-duration"] = wish.expected;
  metadata["annotations"].update(wish.annotations);
  if (!wish.owner.is_null()) metadata["ownerReferences"] = Json::array({wish.owner});
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata", metadata},
          {"spec",
           {{"schedulerName", "fermi-scheduler"},
            {"restartPolicy", "Never"},
            {"terminationGracePeriodSeconds", wish.grace_seconds},
            {"containers", containers(wish.gpus)}}}};
}

std::int64_t millionths(const std::string& amount) {
  const std::size_t point = amount.find('.');
  std::string fraction = amount.substr(point + 1);
  fraction.resize(6, '0');
  return std::stoll(amount.substr(0, point)) * 1'000'000 + std::stoll(fraction);
}

std::int64_t seconds_at(const Json& object, const std::string& pointer) {
  const auto time = k8s::parse_time(object.value(Json::json_pointer(pointer), ""));
  return time ? time->ns / 1'000'000'000 : 0;
}

Json condition(const Json& object, const std::string& type) {
  if (object.is_object())
    for (const Json& c : object.value("/status/conditions"_json_pointer, Json::array()))
      if (c.value("type", "") == type) return c;
  return Json::object();
}

Options configured(const std::string& text) {
  Options options;
  options.config_text = text;
  return options;
}

Options priced() { return configured("prices: {gpu: \"36.00\"}\n"); }

Cluster::Cluster(std::vector<Layout> zones, Options options)
    : server(loop, 7),
      truth(server),
      kubelet(server, truth, 7),
      invariants(server, truth),
      options_(std::move(options)) {
  server.on_served([this](const sim::Served& served) { writes_ += counts(served) ? 1 : 0; });
  load("crds/taskqueues.yaml", kDefinitions);
  load("crds/trainingjobs.yaml", kDefinitions);
  for (const char* ns : {"work", "fermi-system"})
    create("/api/v1/namespaces",
           {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", ns}}}});
  for (const char* queue : {"default", "high", "medium", "low"})
    load("manifests/queues/" + std::string(queue) + ".yaml",
         "/apis/fermi-cluster.com/v1alpha1/taskqueues");
  for (const Layout& zone : zones)
    for (int i = 0; i < zone.nodes; ++i)
      add_node(zone.zone + "-" + std::to_string(i), zone.zone, zone.gpus);
}

void Cluster::load(const std::string& file, const std::string& collection) {
  std::ifstream in(std::string(FERMI_SOURCE_DIR) + "/" + file);
  std::stringstream text;
  text << in.rdbuf();
  auto documents = k8s::parse_yaml_documents(text.str());
  ASSERT_TRUE(documents) << file;
  for (const Json& document : *documents) create(collection, document);
}

void Cluster::start_operator() {
  process_ = std::make_unique<sim::ProcessLoop>(loop, 100 + static_cast<unsigned>(++lives_),
                                                k8s::Duration(0));
  transport_ = std::make_unique<sim::SimTransport>(server, *process_, "operator", faults_,
                                                   200 + static_cast<unsigned>(lives_));
  Options options = options_;
  options.identity = "operator-" + std::to_string(lives_);
  operator_ = std::make_unique<Operator>(*process_, *transport_, options);
  operator_->start();
}

void Cluster::kill_operator() {
  process_->kill();
  transport_->die();
  operator_.reset();
  transport_.reset();
  process_.reset();
}

void Cluster::kill_at_write(int n, sim::WritePoint point) {
  auto left = std::make_shared<int>(n);
  transport_->on_write([this, left, point](sim::WritePoint at, const k8s::http::Request& request) {
    const bool other = request.target.find("/leases") != std::string::npos ||
                       request.target.find("/events") != std::string::npos;
    if (other) return false;
    if (at == sim::WritePoint::kBeforeSend) --*left;
    if (*left != 0 || at != point) return false;
    process_->kill();
    return true;
  });
}

void Cluster::before_write(const std::string& target, const std::string& body,
                           std::function<void()> act) {
  auto done = std::make_shared<bool>(false);
  transport_->on_write([done, target, body, act = std::move(act)](
                           sim::WritePoint at, const k8s::http::Request& request) {
    const bool now = !*done && at == sim::WritePoint::kBeforeSend &&
                     request.target.find(target) != std::string::npos &&
                     request.body.find(body) != std::string::npos;
    if (now) {
      *done = true;
      act();
    }
    return false;
  });
}

void Cluster::restore_store() {
  invariants.across([this] {
    server.restore();
    truth.reopen();
  });
  kubelet.reconnect();
  if (transport_) transport_->reset();
}

Json Cluster::create(const std::string& collection, const Json& object) {
  const auto answer = server.call("user", "POST", collection, object);
  EXPECT_TRUE(answer.ok()) << collection << " " << answer.body.dump();
  return answer.body;
}

int Cluster::status_of_create(const std::string& collection, const Json& object,
                              std::string* message) {
  const auto answer = server.call("user", "POST", collection, object);
  if (message != nullptr) *message = answer.body.value("message", "");
  return answer.status;
}

void Cluster::patch(const std::string& path, const Json& patch) {
  const auto answer = server.call("user", "PATCH", path, patch, "application/merge-patch+json");
  EXPECT_TRUE(answer.ok()) << path << " " << answer.body.dump();
}

void Cluster::remove(const std::string& path) { server.call("user", "DELETE", path); }

Json Cluster::get(const std::string& path) {
  const auto answer = server.call("user", "GET", path);
  return answer.ok() ? answer.body : Json();
}

void Cluster::add_node(const std::string& name, const std::string& zone, int gpus) {
  const Json amounts = {{"cpu", "64"},
                        {"memory", "256Gi"},
                        {"pods", "110"},
                        {"nvidia.com/gpu", std::to_string(gpus)}};
  create("/api/v1/nodes",
         {{"apiVersion", "v1"},
          {"kind", "Node"},
          {"metadata", {{"name", name}, {"labels", {{"topology.kubernetes.io/zone", zone}}}}}});
  patch("/api/v1/nodes/" + name + "/status",
        {{"status",
          {{"capacity", amounts},
           {"allocatable", amounts},
           {"conditions", Json::array({{{"type", "Ready"}, {"status", "True"}}})}}}});
}

void Cluster::make_queue(const std::string& name, const Json& spec) {
  create(kQueues, {{"apiVersion", "fermi-cluster.com/v1alpha1"},
                   {"kind", "TaskQueue"},
                   {"metadata", {{"name", name}}},
                   {"spec", spec}});
}

Json Cluster::queue_status(const std::string& name) {
  const Json found = get(std::string(kQueues) + "/" + name);
  return found.is_null() ? found : found.value("status", Json::object());
}

Json Cluster::make_owner(const std::string& name) {
  const Json made = create("/api/v1/namespaces/work/configmaps",
                           {{"apiVersion", "v1"},
                            {"kind", "ConfigMap"},
                            {"metadata", {{"name", name}, {"namespace", "work"}}}});
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"name", name},
          {"uid", made["metadata"]["uid"]},
          {"controller", true}};
}

void Cluster::bind(const std::string& pod, const std::string& node) {
  create(std::string(kPods) + "/" + pod + "/binding",
         {{"apiVersion", "v1"},
          {"kind", "Binding"},
          {"metadata", {{"name", pod}, {"namespace", "work"}}},
          {"target", {{"kind", "Node"}, {"name", node}}}});
}

void Cluster::evict(const std::string& pod) {
  create(std::string(kPods) + "/" + pod + "/eviction",
         {{"apiVersion", "policy/v1"},
          {"kind", "Eviction"},
          {"metadata", {{"name", pod}, {"namespace", "work"}}}});
}

void Cluster::submit(const std::string& name, const Json& spec) {
  Json whole = {{"framework", "Command"}, {"image", "i"}, {"command", {"run"}}};
  whole.merge_patch(spec);
  create(kJobs, {{"apiVersion", "fermi-cluster.com/v1alpha1"},
                 {"kind", "TrainingJob"},
                 {"metadata", {{"name", name}, {"namespace", "work"}}},
                 {"spec", whole}});
}

void Cluster::run(const std::string& name, const Json& spec) {
  submit(name, spec);
  ASSERT_TRUE(wait_phase(name, "Running")) << job(name).dump(1);
}

Json Cluster::job(const std::string& name) { return get(std::string(kJobs) + "/" + name); }

std::string Cluster::phase(const std::string& name) {
  const Json found = job(name);
  return found.is_null() ? "" : found.value("/status/phase"_json_pointer, "");
}

std::string Cluster::message_of(const std::string& name) {
  const Json found = job(name);
  return found.is_null() ? "" : found.value("/status/message"_json_pointer, "");
}

std::vector<Json> Cluster::pods_of(const std::string& job) {
  std::vector<Json> out;
  for (const auto& [key, pod] : truth.pods())
    if (pod.value("/metadata/labels/fermi-cluster.com~1name"_json_pointer, "") == job)
      out.push_back(pod);
  return out;
}

bool Cluster::has_pod(const std::string& name) {
  return !get(std::string(kPods) + "/" + name).is_null();
}

std::string Cluster::node_of(const std::string& pod) {
  const Json found = get(std::string(kPods) + "/" + pod);
  return found.is_null() ? "?" : found.value("/spec/nodeName"_json_pointer, "");
}

std::string Cluster::why_waits(const std::string& pod) {
  const Json found = get(std::string(kPods) + "/" + pod);
  if (found.is_null()) return "?";
  const Json scheduled = condition(found, "PodScheduled");
  return scheduled.value("status", "") == "False" ? scheduled.value("message", "") : "";
}

bool Cluster::wait(k8s::Duration span, const std::function<bool()>& done) {
  const k8s::TimePoint end = loop.now() + span;
  // Looks often enough to see short phases, and seldom enough for hours to cost little.
  const k8s::Duration step = std::max<k8s::Duration>(std::chrono::milliseconds(20), span / 5000);
  while (!done()) {
    if (loop.now() >= end) return false;
    loop.run_for(step);
  }
  return true;
}

bool Cluster::wait_phase(const std::string& name, const std::string& wanted, k8s::Duration span) {
  return wait(span, [&] { return phase(name) == wanted; });
}

bool Cluster::wait_attempt(const std::string& name, int attempt) {
  return wait(std::chrono::minutes(10), [&] {
    const Json status = job(name).value("status", Json::object());
    return status.value("attempt", -1) == attempt && status.value("phase", "") == "Running";
  });
}

std::map<std::string, Json> Cluster::ledger(const std::string& prefix) {
  std::map<std::string, Json> out;
  const Json list = get(kFermiMaps);
  for (const Json& map : list["items"]) {
    if (!map["metadata"].value("labels", Json::object()).contains("fermi-cluster.com/ledger"))
      continue;
    std::istringstream lines(map.value("/data/records"_json_pointer, ""));
    for (std::string line; std::getline(lines, line);) {
      const Json record = Json::parse(line);
      const auto key = record[0].get<std::string>();
      if (key.starts_with(prefix)) out[key] = record[1];
    }
  }
  return out;
}

std::int64_t Cluster::spent() {
  std::int64_t sum = 0;
  for (const auto& [key, days] : ledger("cost/"))
    for (const auto& [day, pools] : days.items())
      for (const auto& [pool, amount] : pools.items()) sum += millionths(amount);
  return sum;
}

}  // namespace fermi::testing
