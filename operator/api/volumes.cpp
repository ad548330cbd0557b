#include "operator/api/volumes.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "libk8s/codec/json.hpp"
#include "operator/api/meta.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;

void read_requirements(const Json& list, bool on_field, k8s::NodeSelectorTerm& out) {
  for (const Json& from : list) {
    k8s::NodeRequirement r;
    r.key = k8s::string_at(from, "key");
    r.op = k8s::string_at(from, "operator");
    r.on_field = on_field;
    for (const Json& value : k8s::array_at(from, "values"))
      if (value.is_string()) r.values.push_back(value.get<std::string>());
    out.push_back(std::move(r));
  }
}

}  // namespace

k8s::Result<VolumeClaim> decode_volume_claim(const Json& object) {
  auto meta = read_meta(object);
  if (!meta) return meta.status();
  const std::string volume = k8s::string_at(k8s::object_at(object, "spec"), "volumeName");
  return VolumeClaim{std::move(*meta), volume};
}

// An empty term matches no node, as everywhere in Kubernetes; it is kept, so that a volume with
// nothing else is reachable nowhere.
k8s::Result<Volume> decode_volume(const Json& object) {
  auto meta = read_meta(object);
  if (!meta) return meta.status();
  Volume out;
  out.meta = std::move(*meta);
  const Json& spec = k8s::object_at(object, "spec");
  const Json& claim = k8s::object_at(spec, "claimRef");
  if (!k8s::string_at(claim, "name").empty())
    out.claim = k8s::string_at(claim, "namespace") + "/" + k8s::string_at(claim, "name");
  const Json& required = k8s::object_at(k8s::object_at(spec, "nodeAffinity"), "required");
  for (const Json& term : k8s::array_at(required, "nodeSelectorTerms")) {
    k8s::NodeSelectorTerm read;
    read_requirements(k8s::array_at(term, "matchExpressions"), false, read);
    read_requirements(k8s::array_at(term, "matchFields"), true, read);
    out.affinity.push_back(std::move(read));
  }
  return out;
}

}  // namespace fermi
