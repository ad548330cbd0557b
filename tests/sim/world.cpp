#include "tests/sim/world.hpp"

#include <fstream>
#include <sstream>

#include "libk8s/codec/yaml.hpp"

namespace fermi::sim {
namespace {

using std::chrono::milliseconds;

constexpr const char* kJobs = "/apis/fermi-cluster.com/v1alpha1/namespaces/work/trainingjobs";
constexpr const char* kQueues = "/apis/fermi-cluster.com/v1alpha1/taskqueues";
constexpr const char* kPods = "/api/v1/namespaces/work/pods";
constexpr const char* kMergePatch = "application/merge-patch+json";

std::string path_of(const Json& object, const std::string& collection) {
  return collection + "/" + text_at(object, "/metadata/name");
}

std::string pods_of(const Json& pod) {
  return "/api/v1/namespaces/" + text_at(pod, "/metadata/namespace") + "/pods";
}

}  // namespace

World::World(SimServer& server, Truth& truth, std::uint64_t seed, WorldOptions options)
    : server_(server), truth_(truth), random_(seed), options_(options) {}

bool World::make(const std::string& target, const Json& object) {
  const SimServer::Answer answer = server_.call("user", "POST", target, object);
  if (answer.ok() || answer.status == 409) return true;
  error_ = "POST " + target + ": " + answer.body.dump().substr(0, 600);
  return false;
}

bool World::apply_file(const std::string& path, const std::string& target) {
  std::ifstream file(std::string(FERMI_SOURCE_DIR) + "/" + path);
  std::stringstream text;
  text << file.rdbuf();
  const auto documents = k8s::parse_yaml_documents(text.str());
  if (!file || !documents) {
    error_ = "cannot read " + path;
    return false;
  }
  for (const Json& document : *documents)
    if (!make(target, document)) return false;
  return true;
}

bool World::set_up() {
  const char* definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  if (!apply_file("crds/taskqueues.yaml", definitions)) return false;
  if (!apply_file("crds/trainingjobs.yaml", definitions)) return false;
  for (const char* ns : {"work", "fermi-system"}) {
    const Json object = {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", ns}}}};
    if (!make("/api/v1/namespaces", object)) return false;
  }
  for (const char* queue : {"default", "high", "medium", "low"}) {
    if (!apply_file("manifests/queues/" + std::string(queue) + ".yaml", kQueues)) return false;
    if (random_.chance(500))
      patch(std::string(kQueues) + "/" + queue, {{"spec", {{"backfill", {{"learn", true}}}}}});
  }
  if (!make_nodes()) return false;
  const std::int64_t window_ms = options_.submit_within.count() / 1'000'000;
  for (int i = 0; i < options_.jobs; ++i)
    server_.loop().after(milliseconds(random_.between(0, window_ms)), [this, i] { submit_job(i); });
  for (int i = 0; i < options_.pod_gangs; ++i)
    server_.loop().after(milliseconds(random_.between(0, window_ms)),
                         [this, i] { submit_gang(i); });
  return true;
}

bool World::make_nodes() {
  const Json amounts = {{"cpu", "16"}, {"memory", "64Gi"}, {"pods", "20"}, {"nvidia.com/gpu", "8"}};
  for (int zone = 0; zone < options_.zones; ++zone) {
    for (int i = 0; i < options_.nodes_per_zone; ++i) {
      const std::string name = std::string(1, static_cast<char>('a' + zone)) + std::to_string(i);
      const std::string zone_name = std::string("zone-") + static_cast<char>('a' + zone);
      const Json node = {{"apiVersion", "v1"},
                         {"kind", "Node"},
                         {"metadata",
                          {{"name", name},
                           {"labels",
                            {{"topology.kubernetes.io/zone", zone_name},
                             {"topology.kubernetes.io/region", "here"},
                             {"kubernetes.io/hostname", name}}}}}};
      if (!make("/api/v1/nodes", node)) return false;
      const Json status = {
          {"status",
           {{"capacity", amounts},
            {"allocatable", amounts},
            {"conditions", Json::array({{{"type", "Ready"}, {"status", "True"}}})}}}};
      patch("/api/v1/nodes/" + name + "/status", status);
    }
  }
  return true;
}

void World::patch(const std::string& target, const Json& patch) {
  server_.call("foreign", "PATCH", target, patch, kMergePatch);
}

Json World::annotations(const std::string& name) {
  Json made = {{"sim/run-seconds", std::to_string(random_.between(2, 90))}};
  if (random_.chance(80)) {
    made["sim/run-seconds"] = "forever";
    endless_.insert(name);
  } else if (random_.chance(150)) {
    made["sim/exit"] = random_.chance(500) ? "1" : "once:137";
  }
  return made;
}

Json World::job_spec(const std::string& name) {
  const std::int64_t gpus = random_.between(0, 8);
  Json spec = {{"framework", "Command"},
               {"image", "sim"},
               {"command", {"run"}},
               {"resources", {{"cpu", std::to_string(random_.between(1, 8))}, {"memory", "1Gi"}}},
               {"retry", {{"limit", 3}, {"backoff", "2s"}}},
               {"podTemplate",
                {{"metadata", {{"annotations", annotations(name)}}},
                 {"spec", {{"terminationGracePeriodSeconds", random_.between(1, 10)}}}}}};
  static const char* const kQueueNames[] = {"default", "high", "medium", "low"};
  // Most state too much, some outlive what they state.
  spec["scheduling"] = {{"queue", kQueueNames[random_.below(4)]},
                        {"expectedDuration", random_.chance(300) ? "20s" : "2m"}};
  if (options_.zones > 1 && random_.chance(400)) {
    spec["scheduling"]["zones"] =
        Json::array({{{"zone", "zone-a"},
                      {"nodes", random_.between(1, options_.nodes_per_zone)},
                      {"gpusPerNode", gpus}},
                     {{"zone", "zone-b"},
                      {"nodes", random_.between(1, options_.nodes_per_zone)},
                      {"gpusPerNode", gpus}}});
  } else {
    spec["nodes"] = random_.between(1, options_.nodes_per_zone);
    spec["gpusPerNode"] = gpus;
  }
  if (random_.chance(60)) {  // more than the whole cluster has
    spec["scheduling"].erase("zones");
    spec["nodes"] = 1;
    spec["gpusPerNode"] = 9;
    impossible_.insert(name);
    endless_.erase(name);
  }
  return spec;
}

void World::submit_job(int number) {
  ++submitted_;
  const std::string name = "job-" + std::to_string(number);
  make(kJobs, {{"apiVersion", "fermi-cluster.com/v1alpha1"},
               {"kind", "TrainingJob"},
               {"metadata", {{"name", name}, {"namespace", "work"}}},
               {"spec", job_spec(name)}});
}

void World::submit_gang(int number) {
  ++submitted_;
  const std::string gang = "gang-" + std::to_string(number);
  const std::int64_t size = random_.between(1, 3);
  for (std::int64_t i = 0; i < size; ++i) {
    make(kPods, {{"apiVersion", "v1"},
                 {"kind", "Pod"},
                 {"metadata",
                  {{"name", gang + "-" + std::to_string(i)},
                   {"namespace", "work"},
                   {"labels",
                    {{"fermi-cluster.com/queue", "default"},
                     {"fermi-cluster.com/gang", gang},
                     {"fermi-cluster.com/gang-size", std::to_string(size)}}},
                   {"annotations", {{"sim/run-seconds", "10"}}}}},
                 {"spec",
                  {{"schedulerName", "fermi-scheduler"},
                   {"restartPolicy", "Never"},
                   {"terminationGracePeriodSeconds", 5},
                   {"containers", Json::array({{{"name", "main"},
                                                {"image", "sim"},
                                                {"resources",
                                                 {{"requests", {{"cpu", "1"}}},
                                                  {"limits", {{"nvidia.com/gpu", "1"}}}}}}})}}}});
  }
}

// ---- those who get in the way ------------------------------------------------------------------

const Json* World::any(const Truth::Objects& objects) {
  if (objects.empty()) return nullptr;
  auto at = objects.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(random_.below(objects.size())));
  return &at->second;
}

void World::interfere() {
  if (!options_.foreign) return;
  switch (random_.below(6)) {
    case 0:
      return delete_pod();
    case 1:
    case 2:
      return toggle_cordon();
    case 3:
    case 4:
      return edit_job();
    default:
      if (random_.chance(300)) delete_job();
  }
}

void World::delete_pod() {
  const Json* const found = any(truth_.pods());
  if (found == nullptr) return;
  // A member of a plain gang that is deleted is nobody's to make anew: the gang would never be
  // whole.
  if (text_at(*found, "/metadata/labels/fermi-cluster.com~1task-id").empty()) return;
  const Json pod = *found;
  server_.call("foreign", "DELETE", path_of(pod, pods_of(pod)));
}

void World::toggle_cordon() {
  const Json* const found = any(truth_.nodes());
  if (found == nullptr) return;
  const bool cordoned = flag_at(*found, "/spec/unschedulable");
  patch(path_of(*found, "/api/v1/nodes"), {{"spec", {{"unschedulable", !cordoned}}}});
}

void World::edit_job() {
  const Json* const found = any(truth_.jobs());
  if (found == nullptr) return;
  const std::string path = path_of(*found, kJobs);
  const bool suspended = flag_at(*found, "/spec/suspend");
  switch (random_.below(3)) {
    case 0:
      return patch(path, {{"spec", {{"suspend", !suspended}}}});
    case 1:
      return patch(
          path, {{"metadata", {{"annotations", {{"note", std::to_string(random_.below(1000))}}}}}});
    default:
      return patch(path, {{"spec", {{"scheduling", {{"priorityValue", random_.below(10)}}}}}});
  }
}

void World::delete_job() {
  const Json* const found = any(truth_.jobs());
  if (found == nullptr) return;
  const std::string path = path_of(*found, kJobs);
  server_.call("foreign", "DELETE", path);
}

void World::heal() {
  std::vector<std::string> nodes, jobs;
  for (const auto& [key, node] : truth_.nodes())
    if (flag_at(node, "/spec/unschedulable")) nodes.push_back(path_of(node, "/api/v1/nodes"));
  for (const auto& [key, job] : truth_.jobs())
    if (flag_at(job, "/spec/suspend")) jobs.push_back(path_of(job, kJobs));
  for (const std::string& path : nodes) patch(path, {{"spec", {{"unschedulable", false}}}});
  for (const std::string& path : jobs) patch(path, {{"spec", {{"suspend", false}}}});
}

void World::end_endless() {
  for (const std::string& name : endless_)
    server_.call("foreign", "DELETE", std::string(kJobs) + "/" + name);
}

}  // namespace fermi::sim
