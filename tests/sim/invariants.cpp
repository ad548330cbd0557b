#include "tests/sim/invariants.hpp"

namespace fermi::sim {
namespace {

constexpr const char* kGang = "/metadata/labels/fermi-cluster.com~1gang";
constexpr const char* kGangSize = "/metadata/labels/fermi-cluster.com~1gang-size";
constexpr const char* kTaskId = "/metadata/labels/fermi-cluster.com~1task-id";
constexpr const char* kAttempt = "/metadata/labels/fermi-cluster.com~1attempt";

// "/api/v1/namespaces/ns/pods/name/binding" -> "ns/name".
std::string bound_pod(const std::string& target) {
  const std::string prefix = "/api/v1/namespaces/";
  const std::size_t ns_end = target.find('/', prefix.size());
  const std::size_t name = target.find("/pods/", ns_end) + 6;
  const std::size_t name_end = target.find('/', name);
  return target.substr(prefix.size(), ns_end - prefix.size()) + "/" +
         target.substr(name, name_end - name);
}

std::int64_t job_size(const Json& job) {
  const Json& spec = job["spec"];
  std::int64_t size = 0;
  if (spec.contains("scheduling"))
    for (const Json& zone : spec["scheduling"].value("zones", Json::array()))
      size += zone.value("nodes", 0);
  return size > 0 ? size : spec.value("nodes", 1);
}

}  // namespace

Invariants::Invariants(SimServer& server, Truth& truth) : server_(server), truth_(truth) {
  server.on_served([this](const Served& served) { on_served(served); });
  truth.on_change([this](const std::string& kind, const Json* before, const Json* after) {
    if (kind == "pods") on_pod_change(before, after);
  });
}

void Invariants::violate(const std::string& what) {
  if (!violation_) violation_ = what;
}

void Invariants::on_served(const Served& served) {
  if (served.actor != "operator") return;
  const bool bookkeeping = served.target.find("/leases") != std::string::npos ||
                           served.target.find("/events") != std::string::npos;
  if (!bookkeeping) {
    ++operator_writes_;
    last_operator_write_ = served.method + " " + served.target;
  }
  const bool binding = served.target.find("/binding") != std::string::npos;
  if (binding && served.status >= 200 && served.status < 300) on_binding(served);
}

void Invariants::on_binding(const Served& served) {
  ++bindings_;
  const std::string key = bound_pod(served.target);
  const auto found = truth_.pods().find(key);
  if (found == truth_.pods().end()) return violate("invariant 3: " + key + " bound, but not there");
  const Json& pod = found->second;
  if (++bound_[text_at(pod, "/metadata/uid")] > 1)
    violate("invariant 3: " + key + " was bound twice");
  if (is_deleting(pod)) violate("invariant 3: " + key + " was bound while being deleted");
  if (!pod["spec"].value("schedulingGates", Json::array()).empty())
    violate("invariant 3: " + key + " was bound while gated");
  check_node(text_at(pod, "/spec/nodeName"));
}

void Invariants::check_node(const std::string& node) {
  const auto found = truth_.nodes().find(node);
  if (found == truth_.nodes().end()) return;  // deleted in the same moment: nobody can know
  for (const auto& [name, used] : truth_.used(node)) {
    const Json::json_pointer at("/status/allocatable");
    const Json& allocatable = found->second.at(at);
    const std::int64_t room = allocatable.contains(name) ? milli(allocatable[name]) : 0;
    if (used > room) {
      violate("invariant 1: node " + node + " has " + std::to_string(used) + " of " +
              std::to_string(room) + " thousandths of " + name + " in use after a Binding");
    }
  }
}

void Invariants::on_pod_change(const Json* before, const Json* after) {
  if (before == nullptr || after == nullptr || restoring_) return;
  const std::string was = text_at(*before, "/spec/nodeName");
  const bool same = text_at(*before, "/metadata/uid") == text_at(*after, "/metadata/uid");
  if (same && !was.empty() && was != text_at(*after, "/spec/nodeName"))
    violate("invariant 3: " + text_at(*after, "/metadata/name") + " changed its node");
}

void Invariants::across(const std::function<void()>& restore) {
  restoring_ = true;
  restore();
  restoring_ = false;
  bound_.clear();
  partial_since_.clear();
  for (const auto& [key, pod] : truth_.pods())
    if (!text_at(pod, "/spec/nodeName").empty()) bound_[text_at(pod, "/metadata/uid")] = 1;
}

// Members that run or may run: bound, and not being deleted.
std::map<std::string, Invariants::Gang> Invariants::gangs() const {
  std::map<std::string, Gang> found;
  std::map<std::string, std::int64_t> sizes;
  for (const auto& [key, job] : truth_.jobs()) sizes[text_at(job, "/metadata/uid")] = job_size(job);
  for (const auto& [key, pod] : truth_.pods()) {
    const std::string task = text_at(pod, kTaskId);
    const std::string group = text_at(pod, kGang);
    if (task.empty() && group.empty()) continue;
    if (!task.empty() && !sizes.contains(task)) continue;  // its job is gone: it goes as well
    const std::string name = task.empty() ? text_at(pod, "/metadata/namespace") + "/" + group
                                          : task + " attempt " + text_at(pod, kAttempt);
    Gang& gang = found[name];
    gang.size = task.empty() ? std::atoll(text_at(pod, kGangSize).c_str()) : sizes[task];
    const bool bound = !text_at(pod, "/spec/nodeName").empty();
    if (bound && !occupies(pod)) gang.ended = true;
    if (bound && occupies(pod) && !is_deleting(pod)) ++gang.bound;
  }
  return found;
}

void Invariants::check_gangs() {
  std::map<std::string, k8s::TimePoint> partial;
  const k8s::TimePoint now = server_.loop().now();
  for (const auto& [name, gang] : gangs()) {
    if (gang.ended || gang.bound == 0 || gang.bound >= gang.size) continue;
    const auto known = partial_since_.find(name);
    const k8s::TimePoint since = known == partial_since_.end() ? now : known->second;
    partial[name] = since;
    if (now - since > kGangDeadline) {
      violate("invariant 4: gang " + name + " has " + std::to_string(gang.bound) + " of " +
              std::to_string(gang.size) + " members bound for too long");
    }
  }
  partial_since_ = std::move(partial);
}

std::optional<std::string> Invariants::partial_gang() const {
  for (const auto& [name, gang] : gangs()) {
    if (!gang.ended && gang.bound > 0 && gang.bound < gang.size) return name;
  }
  return std::nullopt;
}

}  // namespace fermi::sim
