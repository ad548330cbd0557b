#include <nlohmann/json.hpp>
#include <optional>

#include "libk8s/apiserver/kinds/kinds.hpp"

namespace k8s::apiserver::kinds {
namespace {

struct Renamed {
  const char* core;
  const char* events;
};

// The fields that the two forms of an Event call differently.
constexpr Renamed kRenamed[] = {
    {"involvedObject", "regarding"},
    {"message", "note"},
    {"source", "deprecatedSource"},
    {"firstTimestamp", "deprecatedFirstTimestamp"},
    {"lastTimestamp", "deprecatedLastTimestamp"},
    {"count", "deprecatedCount"},
    {"reportingComponent", "reportingController"},
};

void rename(Json& object, const char* from, const char* to) {
  auto it = object.find(from);
  if (it == object.end()) return;
  Json value = std::move(it.value());
  object.erase(it);
  object[to] = std::move(value);
}

const Json* at_path(const Json& object, std::string_view path) {
  const Json* at = &object;
  while (!path.empty()) {
    std::size_t dot = path.find('.');
    if (!at->is_object()) return nullptr;
    auto it = at->find(std::string(path.substr(0, dot)));
    if (it == at->end()) return nullptr;
    at = &it.value();
    path.remove_prefix(dot == std::string_view::npos ? path.size() : dot + 1);
  }
  return at;
}

}  // namespace

Json convert_event(const Json& event, std::string_view api_version) {
  Json converted = event;
  if (!converted.is_object()) return converted;
  for (const Renamed& name : kRenamed) {
    if (api_version == "v1") {
      rename(converted, name.events, name.core);
    } else {
      rename(converted, name.core, name.events);
    }
  }
  converted["apiVersion"] = api_version;
  return converted;
}

std::string selectable_value(const Json& object, std::string_view path) {
  // The one selectable field of Events that is no field: who reported it.
  if (path == "source") {
    std::string component = selectable_value(object, "source.component");
    return component.empty() ? selectable_value(object, "reportingComponent") : component;
  }
  const Json* value = at_path(object, path);
  if (value == nullptr || value->is_null()) {
    bool flag = path == "spec.unschedulable" || path == "spec.hostNetwork";
    return flag ? "false" : "";
  }
  if (value->is_string()) return value->get<std::string>();
  return value->is_primitive() ? value->dump() : "";
}

}  // namespace k8s::apiserver::kinds
