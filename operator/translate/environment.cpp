// The environment by which the ranks of a gang find each other.
//
// Both families of names that scripts rely on are set with the same values: PET_* (read by
// torchrun) and MASTER_ADDR, WORLD_SIZE, RANK (read by scripts that are started directly). The
// second family counts the processes that Fermi starts: one per Pod, unless processesPerNode says
// how many the program starts itself.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "libk8s/codec/json.hpp"
#include "operator/translate/job_pod.hpp"
#include "operator/translate/parts.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;

class Environment {
 public:
  void set(const std::string& name, const std::string& value) {
    entries_.push_back({{"name", name}, {"value", value}});
  }
  void set(const std::string& name, std::int64_t value) { set(name, std::to_string(value)); }
  Json take() { return std::move(entries_); }

 private:
  Json entries_ = Json::array();
};

std::string upper_name(const std::string& name) {
  std::string out;
  for (const char c : name) {
    if (c >= 'a' && c <= 'z')
      out += static_cast<char>(c - 'a' + 'A');
    else
      out += (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
  }
  return out;
}

// An elastic job has as many as this attempt was given.
std::int64_t nodes_of(const TrainingJob& job, const JobPlacement& placement) {
  return job.spec.most_nodes > 0 ? std::ssize(placement.nodes) : job.spec.nodes();
}

std::string master_address(const TrainingJob& job) {
  return needs_service(job) ? job.meta.name + "-0." + job.meta.name : "localhost";
}

void set_rendezvous(const TrainingJob& job, const JobPlacement& placement, std::int64_t rank,
                    Environment& env) {
  const std::int64_t nodes = nodes_of(job, placement);
  const std::int64_t gpus = job.spec.group_of(rank).gpus;
  const std::int64_t stated = job.spec.processes_per_node;
  const std::int64_t processes = stated != 0 ? stated : std::max<std::int64_t>(gpus, 1);
  const std::int64_t port = placement.port != 0 ? placement.port : kRendezvousPort;
  env.set("PET_NNODES", nodes);
  env.set("PET_NPROC_PER_NODE", processes);
  env.set("PET_NODE_RANK", rank);
  env.set("PET_MASTER_ADDR", master_address(job));
  env.set("PET_MASTER_PORT", port);
  env.set("MASTER_ADDR", master_address(job));
  env.set("MASTER_PORT", port);
  env.set("WORLD_SIZE", nodes * std::max<std::int64_t>(stated, 1));
  env.set("RANK", rank);
  env.set("PYTHONUNBUFFERED", "1");
}

void set_fermi(const TrainingJob& job, const JobPlacement& placement, std::int64_t rank,
               Environment& env) {
  std::string zones;
  std::set<std::string> seen;
  for (const auto& [zone, nodes] : placement.zones)
    if (seen.insert(zone).second) zones += (zones.empty() ? "" : ",") + zone;
  env.set("FERMI_TASK_ID", job.meta.uid);
  env.set("FERMI_JOB_NAME", job.meta.name);
  env.set("FERMI_NODE_RANK", rank);
  env.set("FERMI_NODES", nodes_of(job, placement));
  // Who shares a GPU sees one.
  const JobGroup& group = job.spec.group_of(rank);
  env.set("FERMI_GPUS_PER_NODE", group.gpu_milli > 0 ? 1 : group.gpus);
  if (group.gpu_milli > 0) env.set("FERMI_GPU_MEMORY_FRACTION", part_text(group.gpu_milli));
  env.set("FERMI_ZONE", placement.zone_of(rank));
  env.set("FERMI_ZONES", zones);
  env.set("FERMI_ATTEMPT", placement.attempt);
  env.set("FERMI_RESUME", placement.attempt > 0 ? "1" : "0");
  env.set("FERMI_CHECKPOINT_PATH", job.spec.checkpoint_path);
}

void set_from_spec(const Json& spec, Environment& env) {
  const auto put = [&env](const char* name, const std::string& value) {
    if (!value.empty()) env.set(name, value);
  };
  put("FERMI_PURPOSE", k8s::string_at(spec, "purpose"));
  put("FERMI_PARALLELISM", k8s::string_at(spec, "parallelism"));
  put("FERMI_MODEL_PATH", k8s::string_at(k8s::object_at(spec, "model"), "path"));
  put("FERMI_DATASET_PATH", k8s::string_at(k8s::object_at(spec, "dataset"), "path"));
}

}  // namespace

Json rank_environment(const TrainingJob& job, const JobPlacement& placement, std::int64_t rank) {
  Environment env;
  // A command of several nodes needs the rendezvous as much as PyTorch does; it costs nothing else.
  set_rendezvous(job, placement, rank, env);
  set_fermi(job, placement, rank, env);
  set_from_spec(*job.raw_spec, env);
  std::set<std::string> taken;  // "lr" and "LR" are one name here: the first in order wins
  for (const auto& [name, value] : job.spec.parameters) {
    const std::string variable = "FERMI_PARAM_" + upper_name(name);
    if (taken.insert(variable).second) env.set(variable, value);
  }
  return env.take();
}

std::string substituted(const std::string& text, const k8s::StringMap& parameters) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t open = text.find("{{", at);
    const std::size_t close = open == std::string::npos ? open : text.find("}}", open + 2);
    if (close == std::string::npos) break;
    std::string name = text.substr(open + 2, close - open - 2);
    name.erase(0, std::min(name.find_first_not_of(' '), name.size()));
    name.erase(name.find_last_not_of(' ') + 1);
    const auto found = parameters.find(name);
    out += text.substr(at, open - at);
    if (found == parameters.end()) {
      out += "{{";  // what follows may hold another one
      at = open + 2;
      continue;
    }
    out += found->second;
    at = close + 2;
  }
  return out + text.substr(std::min(at, text.size()));
}

}  // namespace fermi
