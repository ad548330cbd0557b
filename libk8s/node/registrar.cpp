#include "libk8s/node/registrar.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "libk8s/base/log.hpp"
#include "libk8s/codec/quantity.hpp"
#include "libk8s/codec/rfc3339.hpp"
#include "libk8s/node/api_writer.hpp"
#include "libk8s/node/process.hpp"
#include "libk8s/request/request.hpp"

namespace k8s::node {
namespace {

using nlohmann::json;

constexpr const char* kLeaseNamespace = "kube-node-lease";

json amounts_json(const ResourceList& amounts) {
  json out = json::object();
  for (const auto& [name, amount] : amounts) out[name] = format_amount(name, amount);
  return out;
}

std::string architecture() {
  utsname name = {};
  ::uname(&name);
  const std::string machine = name.machine;
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  return machine;
}

json labels_of(const NodeSpec& node) {
  json labels = {{"kubernetes.io/hostname", node.name},
                 {"kubernetes.io/os", "linux"},
                 {"kubernetes.io/arch", architecture()}};
  for (const auto& [key, value] : node.labels) labels[key] = value;
  return labels;
}

json taints_of(const NodeSpec& node) {
  json taints = json::array();
  for (const Taint& taint : node.taints) {
    json j = {{"key", taint.key}, {"effect", taint.effect}};
    if (!taint.value.empty()) j["value"] = taint.value;
    taints.push_back(std::move(j));
  }
  return taints;
}

json node_object(const NodeSpec& node) {
  json object = {
      {"apiVersion", "v1"},
      {"kind", "Node"},
      {"metadata",
       {{"name", node.name}, {"labels", labels_of(node)}, {"annotations", node.annotations}}},
      {"spec", json::object()}};
  if (!node.taints.empty()) object["spec"]["taints"] = taints_of(node);
  return object;
}

json condition(const char* type, bool value, const char* reason, const char* message,
               const std::string& now, const std::string& since) {
  return {
      {"type", type},       {"status", value ? "True" : "False"}, {"reason", reason},
      {"message", message}, {"lastHeartbeatTime", now},           {"lastTransitionTime", since}};
}

json node_info() {
  utsname name = {};
  ::uname(&name);
  return {{"machineID", ""},
          {"systemUUID", ""},
          {"bootID", boot_id()},
          {"kernelVersion", name.release},
          {"osImage", "Linux"},
          {"containerRuntimeVersion", "process://1"},
          {"kubeletVersion", "v1.36.3"},
          {"kubeProxyVersion", ""},
          {"operatingSystem", "linux"},
          {"architecture", architecture()}};
}

json node_status(const NodeSpec& node, const std::string& host_ip, const std::string& now,
                 const std::string& since) {
  json conditions = json::array();
  conditions.push_back(condition("MemoryPressure", false, "KubeletHasSufficientMemory",
                                 "the node has sufficient memory available", now, since));
  conditions.push_back(condition("DiskPressure", false, "KubeletHasNoDiskPressure",
                                 "the node has no disk pressure", now, since));
  conditions.push_back(condition("PIDPressure", false, "KubeletHasSufficientPID",
                                 "the node has sufficient PIDs available", now, since));
  conditions.push_back(
      condition("Ready", true, "KubeletReady", "the process runtime is ready", now, since));
  return {{"capacity", amounts_json(capacity_of(node))},
          {"allocatable", amounts_json(allocatable_of(node))},
          {"addresses", json::array({{{"type", "InternalIP"}, {"address", host_ip}},
                                     {{"type", "Hostname"}, {"address", node.name}}})},
          {"conditions", std::move(conditions)},
          {"nodeInfo", node_info()}};
}

}  // namespace

ResourceList capacity_of(const NodeSpec& node) {
  ResourceList amounts = node.capacity;
  for (const auto& [resource, devices] : node.devices) {
    amounts[resource] = static_cast<std::int64_t>(devices.size());
  }
  amounts.try_emplace("pods", 110);
  return amounts;
}

ResourceList allocatable_of(const NodeSpec& node) {
  ResourceList amounts = capacity_of(node);
  for (const auto& [name, amount] : node.reserved) {
    const auto has = amounts.find(name);
    if (has != amounts.end()) has->second = std::max<std::int64_t>(0, has->second - amount);
  }
  return amounts;
}

struct Registrar::One {
  One(Loop& loop, const NodeSpec& s) : spec(s), retry(loop) {}
  const NodeSpec& spec;
  std::int64_t place = 0;  // among all nodes: spreads the writes
  std::string since;       // when it became ready
  bool registered = false;
  RetryTimer retry;
  TimerId status_timer = TimerId::kNone, lease_timer = TimerId::kNone;
  std::map<http::ExchangeId, bool> exchanges;  // in flight
};

Registrar::Registrar(Loop& loop, http::Transport& transport, const NodeOptions& options)
    : loop_(loop), transport_(transport), options_(options) {}

Registrar::~Registrar() {
  for (const auto& one : nodes_) {
    for (const auto& [exchange, _] : one->exchanges) transport_.cancel(exchange);
    loop_.cancel(one->status_timer);
    loop_.cancel(one->lease_timer);
  }
}

void Registrar::start() {
  for (const NodeSpec& spec : options_.nodes) {
    nodes_.push_back(std::make_unique<One>(loop_, spec));
    nodes_.back()->place = static_cast<std::int64_t>(nodes_.size()) - 1;
    create(*nodes_.back());
  }
}

bool Registrar::registered() const {
  return !nodes_.empty() &&
         std::all_of(nodes_.begin(), nodes_.end(), [](const auto& one) { return one->registered; });
}

void Registrar::send(One& one, http::Request request, std::function<void(const Status&)> done) {
  auto id = std::make_shared<http::ExchangeId>(http::ExchangeId::kNone);
  *id = http::fetch(transport_, std::move(request),
                    [&one, id, done = std::move(done)](Result<http::Response> response) {
                      one.exchanges.erase(*id);
                      done(response ? to_status(*response) : response.status());
                    });
  one.exchanges[*id] = true;
}

void Registrar::create(One& one) {
  send(one, request::create(resources::nodes(), "", node_object(one.spec)),
       [this, &one](const Status& status) {
         if (status.code() == Code::kAlreadyExists) return patch_object(one);
         if (status) return write_status(one);
         log::warn("node not registered, trying again",
                   {{"node", one.spec.name}, {"why", status.message()}});
         one.retry.again([this, &one] { create(one); });
       });
}

void Registrar::patch_object(One& one) {
  json patch = node_object(one.spec);
  patch.erase("apiVersion");
  patch.erase("kind");
  send(one,
       request::patch(resources::nodes(), "", one.spec.name, "", PatchType::kStrategicMerge, patch),
       [this, &one](const Status& status) {
         if (status) return write_status(one);
         log::warn("node not updated, trying again",
                   {{"node", one.spec.name}, {"why", status.message()}});
         one.retry.again([this, &one] { create(one); });
       });
}

void Registrar::write_status(One& one) {
  const std::string now = format_time(loop_.wall_now());
  if (one.since.empty()) one.since = now;
  const json patch = {{"status", node_status(one.spec, options_.host_ip, now, one.since)}};
  send(one,
       request::patch(resources::nodes(), "", one.spec.name, "status", PatchType::kStrategicMerge,
                      patch),
       [this, &one](const Status& status) {
         if (status.code() == Code::kNotFound) return create(one);
         if (!status) {
           log::warn("node status not written, trying again",
                     {{"node", one.spec.name}, {"why", status.message()}});
           return one.retry.again([this, &one] { write_status(one); });
         }
         one.retry.succeeded();
         schedule(one);
       });
}

// After a status was written: the next one, and, the first time, the Lease.
void Registrar::schedule(One& one) {
  const auto count = static_cast<std::int64_t>(nodes_.size());
  const bool first = !one.registered;
  one.registered = true;
  if (first && options_.lease_period > Duration(0)) {
    one.lease_timer =
        loop_.after(options_.lease_period * one.place / count, [this, &one] { ensure_lease(one); });
  }
  // The first period is shorter by the node's place, which spreads the later ones.
  const Duration early = first ? options_.status_period * one.place / (2 * count) : Duration(0);
  loop_.cancel(one.status_timer);
  one.status_timer =
      loop_.after(options_.status_period - early, [this, &one] { write_status(one); });
}

// The Lease may be new, and so may its namespace.
void Registrar::ensure_lease(One& one) {
  const json ns = {
      {"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", kLeaseNamespace}}}};
  send(one, request::create(resources::namespaces(), "", ns), [this, &one](const Status&) {
    const json lease = {{"apiVersion", "coordination.k8s.io/v1"},
                        {"kind", "Lease"},
                        {"metadata", {{"name", one.spec.name}, {"namespace", kLeaseNamespace}}},
                        {"spec", {{"holderIdentity", one.spec.name}}}};
    send(one, request::create(resources::leases(), kLeaseNamespace, lease),
         [this, &one](const Status&) { renew(one); });
  });
}

void Registrar::renew(One& one) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(options_.lease_period);
  const json patch = {{"spec",
                       {{"holderIdentity", one.spec.name},
                        {"leaseDurationSeconds", std::max<std::int64_t>(1, 4 * seconds.count())},
                        {"renewTime", format_micro_time(loop_.wall_now())}}}};
  send(one,
       request::patch(resources::leases(), kLeaseNamespace, one.spec.name, "", PatchType::kMerge,
                      patch),
       [this, &one](const Status& status) {
         const bool gone = status.code() == Code::kNotFound;
         one.lease_timer = loop_.after(
             options_.lease_period, [this, &one, gone] { gone ? ensure_lease(one) : renew(one); });
       });
}

}  // namespace k8s::node
