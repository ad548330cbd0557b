#include "operator/translate/volume_pins.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "libk8s/codec/json.hpp"
#include "operator/translate/objects.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;
using Terms = std::vector<std::vector<sched::Requirement>>;

// Several volumes multiply their terms; a volume of a cloud has one or two.
constexpr std::size_t kTermsMax = 64;

bool is_zone(const k8s::NodeRequirement& r) {
  return !r.on_field && r.op == "In" &&
         (r.key == label::kNodeZone || r.key == "failure-domain.beta.kubernetes.io/zone");
}

// Nothing when some term leaves the zone open.
std::optional<std::set<std::string>> zones_of(const Volume& volume) {
  std::set<std::string> zones;
  for (const k8s::NodeSelectorTerm& term : volume.affinity) {
    const auto zone = std::find_if(term.begin(), term.end(), is_zone);
    if (zone == term.end()) return std::nullopt;
    zones.insert(zone->values.begin(), zone->values.end());
  }
  if (volume.affinity.empty()) return std::nullopt;
  return zones;
}

// The old name of the zone's label is no label of nodes any more.
sched::Requirement to_engine(const k8s::NodeRequirement& r) {
  const std::string key = is_zone(r)   ? label::kNodeZone
                          : r.on_field ? std::string(kNameField)
                                       : r.key;
  return {key, r.op, r.values};
}

// Both: one of the task's terms and one of the volume's.
void require(const Volume& volume, Terms& affinity) {
  Terms both;
  const Terms own = affinity.empty() ? Terms{{}} : affinity;
  for (const auto& before : own) {
    for (const k8s::NodeSelectorTerm& term : volume.affinity) {
      if (term.empty()) continue;
      both.push_back(before);
      for (const k8s::NodeRequirement& r : term) both.back().push_back(to_engine(r));
    }
  }
  if (both.empty()) both.push_back({});  // reachable nowhere
  if (both.size() <= kTermsMax) affinity = std::move(both);
}

bool only_zones(const Volume& volume) {
  return std::all_of(volume.affinity.begin(), volume.affinity.end(),
                     [](const auto& term) { return term.size() == 1 && is_zone(term.front()); });
}

std::string list(const std::set<std::string>& zones) {
  std::string out;
  for (const std::string& zone : zones) out += (out.empty() ? "" : " or ") + zone;
  return out.empty() ? "no zone" : out;
}

void add_claims(const Json& volumes, const char* own, std::set<std::string>& out) {
  for (const Json& volume : volumes) {
    std::string claim = k8s::string_at(volume, own);
    if (claim.empty())
      claim = k8s::string_at(k8s::object_at(volume, "persistentVolumeClaim"), "claimName");
    if (!claim.empty()) out.insert(claim);
  }
}

}  // namespace

std::vector<std::string> claims_of(const TrainingJob& job) {
  std::set<std::string> out;
  if (job.raw_spec == nullptr) return {};
  add_claims(k8s::array_at(*job.raw_spec, "volumes"), "existingClaim", out);
  const Json& pod = k8s::object_at(k8s::object_at(*job.raw_spec, "podTemplate"), "spec");
  add_claims(k8s::array_at(pod, "volumes"), "", out);
  return {out.begin(), out.end()};
}

VolumePins pin_volumes(const std::string& ns, const std::vector<std::string>& claims,
                       const VolumeLookup& look, sched::Task& task) {
  VolumePins out;
  std::optional<std::set<std::string>> allowed;
  if (!task.allowed_zones.empty())
    allowed.emplace(task.allowed_zones.begin(), task.allowed_zones.end());
  for (const std::string& name : claims) {
    const auto claim = look.claim(ns + "/" + name);
    if (claim == nullptr) {
      if (out.problem.empty()) out.problem = "the claim " + name + " does not exist";
      continue;
    }
    const auto volume = claim->volume.empty() ? nullptr : look.volume(claim->volume);
    if (volume == nullptr || volume->affinity.empty()) continue;
    const auto zones = zones_of(*volume);
    out.where += (out.where.empty() ? "" : "; ") + std::string("volume ") + claim->volume +
                 " (claim " + name + ") is " +
                 (zones ? "in " + list(*zones) : "on certain nodes only");
    if (!only_zones(*volume)) require(*volume, task.affinity);
    if (!zones) continue;
    if (!allowed) {
      allowed = zones;
      continue;
    }
    std::erase_if(*allowed, [&](const std::string& zone) { return !zones->contains(zone); });
  }
  if (!allowed || out.where.empty()) return out;
  if (allowed->empty() && out.problem.empty()) out.problem = out.where + ": no zone has them all";
  task.allowed_zones.assign(allowed->begin(), allowed->end());
  return out;
}

}  // namespace fermi
