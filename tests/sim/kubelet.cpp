#include "tests/sim/kubelet.hpp"

#include <cstdlib>

#include "libk8s/codec/rfc3339.hpp"

namespace fermi::sim {
namespace {

using k8s::Duration;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::string path_of(const Json& pod) {
  return "/api/v1/namespaces/" + text_at(pod, "/metadata/namespace") + "/pods/" +
         text_at(pod, "/metadata/name");
}

Json container_status(const Json& pod, const Json& state) {
  return {{"name", text_at(pod, "/spec/containers/0/name")},
          {"image", "sim"},
          {"imageID", ""},
          {"ready", state.contains("running")},
          {"restartCount", 0},
          {"state", state}};
}

}  // namespace

Kubelet::Kubelet(SimServer& server, Truth& truth, std::uint64_t seed)
    : server_(server), truth_(truth), random_(seed) {
  truth.on_change([this](const std::string& kind, const Json* before, const Json* after) {
    if (kind == "pods") on_change(before, after);
  });
}

void Kubelet::on_change(const Json*, const Json* after_change) {
  if (after_change == nullptr) return;
  const Json& pod = *after_change;
  if (text_at(pod, "/spec/nodeName").empty()) return;
  const std::string uid = text_at(pod, "/metadata/uid");
  const std::string key =
      text_at(pod, "/metadata/namespace") + "/" + text_at(pod, "/metadata/name");
  if (is_deleting(pod)) {
    if (!removing_.insert(uid).second) return;
    const std::int64_t grace_s = pod["metadata"].value("deletionGracePeriodSeconds", 30);
    after(Duration(random_.between(0, std::max<std::int64_t>(grace_s, 1) * 1'000'000'000)), key,
          uid, &Kubelet::remove);
    return;
  }
  if (!started_.insert(uid).second) return;
  const std::string late = text_at(pod, "/metadata/annotations/sim~1start-seconds");
  after(milliseconds(random_.between(50, 3000)) + seconds(std::atoi(late.c_str())), key, uid,
        &Kubelet::run);
}

// Does `step` later, if that very Pod is still there then.
void Kubelet::after(Duration delay, const std::string& key, const std::string& uid,
                    void (Kubelet::*step)(const std::string&, const Json&)) {
  server_.loop().after(delay, [this, key, uid, step] {
    const auto found = truth_.pods().find(key);
    if (found == truth_.pods().end() || text_at(found->second, "/metadata/uid") != uid) return;
    const Json pod = found->second;
    (this->*step)(key, pod);
  });
}

// Of what a Pod asks for, the first that orphans leave too little of on its node; "" for nothing.
// All that the store has bound there counts as well, as it does for whoever bound it.
std::string Kubelet::lacks(const Json& pod) {
  const std::string node = text_at(pod, "/spec/nodeName");
  std::erase_if(orphans_, [&](const Orphan& o) { return o.until <= server_.loop().now(); });
  Amounts orphaned;
  for (const Orphan& orphan : orphans_)
    if (orphan.node == node && orphan.uid != text_at(pod, "/metadata/uid"))
      for (const auto& [name, amount] : orphan.holds) orphaned[name] += amount;
  const auto found = truth_.nodes().find(node);
  if (orphaned.empty() || found == truth_.nodes().end()) return "";
  Amounts used = truth_.used(node);
  const Json allocatable = found->second["status"].value("allocatable", Json::object());
  for (const auto& [name, amount] : held_by(pod))
    if (amount > 0 && allocatable.contains(name) &&
        used[name] + orphaned[name] > milli(allocatable[name]))
      return name;
  return "";
}

void Kubelet::reconnect() {
  for (const auto& [uid, was] : running_) {
    const auto found = truth_.pods().find(text_at(was, "/metadata/namespace") + "/" +
                                          text_at(was, "/metadata/name"));
    const std::string node = text_at(was, "/spec/nodeName");
    const bool stays = found != truth_.pods().end() &&
                       text_at(found->second, "/metadata/uid") == uid &&
                       text_at(found->second, "/spec/nodeName") == node;
    if (stays) continue;
    const std::int64_t grace_s = was["spec"].value("terminationGracePeriodSeconds", 30);
    const Duration grace(random_.between(0, std::max<std::int64_t>(grace_s, 1) * 1'000'000'000));
    orphans_.push_back({node, uid, held_by(was), server_.loop().now() + grace});
  }
  started_.clear();
  removing_.clear();
  running_.clear();
  const Truth::Objects pods = truth_.pods();
  for (const auto& [key, pod] : pods) on_change(nullptr, &pod);
}

void Kubelet::run(const std::string& key, const Json& pod) {
  if (is_deleting(pod) || !occupies(pod)) return;
  if (const std::string lacking = lacks(pod); !lacking.empty()) {
    ++rejected_;
    return report(key, pod, {{"phase", "Failed"}, {"reason", "OutOf" + lacking}});
  }
  running_[text_at(pod, "/metadata/uid")] = pod;
  const std::string now = k8s::format_time(server_.loop().wall_now());
  const std::string before = text_at(pod, "/status/startTime");
  report(key, pod,
         {{"phase", "Running"},
          {"startTime", before.empty() ? now : before},
          {"containerStatuses",
           Json::array({container_status(pod, {{"running", {{"startedAt", now}}}})})}});
  const std::string asked = text_at(pod, "/metadata/annotations/sim~1run-seconds");
  if (asked == "forever") return;
  const Duration length = asked.empty() ? Duration(seconds(random_.between(1, 120)))
                                        : seconds(std::atoi(asked.c_str()));
  after(length + milliseconds(random_.between(0, 2000)), key, text_at(pod, "/metadata/uid"),
        &Kubelet::end);
}

int Kubelet::exit_code(const Json& pod) const {
  std::string asked = text_at(pod, "/metadata/annotations/sim~1exit");
  if (asked.starts_with("once:")) {
    const bool first = text_at(pod, "/metadata/labels/fermi-cluster.com~1attempt") == "0";
    asked = first ? asked.substr(5) : "0";
  }
  return std::atoi(asked.c_str());
}

void Kubelet::end(const std::string& key, const Json& pod) {
  if (is_deleting(pod) || !occupies(pod)) return;
  running_.erase(text_at(pod, "/metadata/uid"));
  const std::string now = k8s::format_time(server_.loop().wall_now());
  const int code = exit_code(pod);
  const Json ended = {{"terminated",
                       {{"exitCode", code},
                        {"reason", code == 0 ? "Completed" : "Error"},
                        {"startedAt", text_at(pod, "/status/startTime")},
                        {"finishedAt", now}}}};
  report(key, pod,
         {{"phase", code == 0 ? "Succeeded" : "Failed"},
          {"containerStatuses", Json::array({container_status(pod, ended)})}});
}

void Kubelet::remove(const std::string&, const Json& pod) {
  running_.erase(text_at(pod, "/metadata/uid"));
  const Json options = {{"kind", "DeleteOptions"},
                        {"apiVersion", "v1"},
                        {"gracePeriodSeconds", 0},
                        {"preconditions", {{"uid", text_at(pod, "/metadata/uid")}}}};
  server_.call("kubelet", "DELETE", path_of(pod), options);
}

void Kubelet::report(const std::string&, const Json& pod, const Json& status) {
  const bool running = text_at(status, "/phase") == "Running";
  Json conditions = Json::array();
  for (const Json& condition : pod["status"].value("conditions", Json::array()))
    if (condition.value("type", "") != "Ready") conditions.push_back(condition);
  conditions.push_back({{"type", "Ready"}, {"status", running ? "True" : "False"}});
  Json patch = {{"status", status}};
  patch["status"]["conditions"] = conditions;
  server_.call("kubelet", "PATCH", path_of(pod) + "/status", patch, "application/merge-patch+json");
}

}  // namespace fermi::sim
