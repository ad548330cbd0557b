#include "libk8s/apiserver/core/filter.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"

namespace k8s::apiserver {
namespace {

bool selectable(const ResourceType& type, const std::string& field) {
  return field == "metadata.name" || (field == "metadata.namespace" && type.namespaced) ||
         std::ranges::find(type.selectable_fields, field) != type.selectable_fields.end();
}

}  // namespace

Outcome<Filter> Filter::from(const Call& call) {
  Filter filter;
  filter.ns = call.target.ns;
  auto labels = LabelSelector::parse(call.target.query.get("labelSelector"));
  if (!labels) {
    return bad_request("unable to parse the label selector: " + labels.status().message());
  }
  filter.labels = std::move(labels).value();
  auto fields = FieldSelector::parse(call.target.query.get("fieldSelector"));
  if (!fields) {
    return bad_request("unable to parse the field selector: " + fields.status().message());
  }
  filter.fields = std::move(fields).value();
  for (const FieldRequirement& requirement : filter.fields.requirements()) {
    if (!selectable(*call.type, requirement.field)) {
      return bad_request("field label not supported: " + requirement.field);
    }
  }
  return filter;
}

bool Filter::matches(const nlohmann::json& object) const {
  if (!labels.empty() && !labels.matches_json(object_at(object_at(object, "metadata"), "labels"))) {
    return false;
  }
  return fields.empty() || fields.matches([&](const std::string& field) {
    return std::optional(kinds::selectable_value(object, field));
  });
}

bool Filter::matches(const ResourceType& type, const ObjectPtr& object) const {
  if (!ns.empty() && object->id().ns != ns) return false;
  return empty() || matches(View(type, object).json());
}

}  // namespace k8s::apiserver
