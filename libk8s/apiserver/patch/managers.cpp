#include "libk8s/apiserver/patch/managers.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "libk8s/codec/json.hpp"

namespace k8s::apiserver::patch {
namespace {

constexpr const char* kAncient = "ancient-changes";

}  // namespace

Managers read_managers(const Json* object) {
  Managers managers;
  if (object == nullptr) return managers;
  for (const Json& entry : array_at(object_at(*object, "metadata"), "managedFields")) {
    Manager manager;
    manager.name = string_at(entry, "manager");
    manager.operation = string_at(entry, "operation");
    manager.api_version = string_at(entry, "apiVersion");
    manager.subresource = string_at(entry, "subresource");
    manager.time = string_at(entry, "time");
    manager.fields = from_fields_v1(object_at(entry, "fieldsV1"));
    bool known = manager.operation == "Apply" || manager.operation == "Update";
    if (known && !manager.fields.empty()) managers.push_back(std::move(manager));
  }
  return managers;
}

void write_managers(const Managers& managers, Json& object) {
  Managers sorted = managers;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Manager& a, const Manager& b) {
    return std::tie(a.operation, a.time, a.name, a.api_version, a.subresource) <
           std::tie(b.operation, b.time, b.name, b.api_version, b.subresource);
  });
  Json list = Json::array();
  for (const Manager& m : sorted) {
    if (m.fields.empty()) continue;
    Json entry = {{"manager", m.name},
                  {"operation", m.operation},
                  {"apiVersion", m.api_version},
                  {"fieldsType", "FieldsV1"},
                  {"fieldsV1", to_fields_v1(m.fields)}};
    if (!m.time.empty()) entry["time"] = m.time;
    if (!m.subresource.empty()) entry["subresource"] = m.subresource;
    list.push_back(std::move(entry));
  }
  if (!object["metadata"].is_object()) object["metadata"] = Json::object();
  if (list.empty()) {
    object["metadata"].erase("managedFields");
  } else {
    object["metadata"]["managedFields"] = std::move(list);
  }
}

Manager* find_manager(Managers& managers, const Manager& key) {
  for (Manager& manager : managers) {
    if (manager.is(key)) return &manager;
  }
  return nullptr;
}

std::string readable_manager(const Manager& manager) {
  std::string text = json_text(manager.name);
  if (!manager.subresource.empty()) text += " with subresource " + json_text(manager.subresource);
  if (manager.operation == "Update") text += " using " + manager.api_version;
  return text;
}

void cap_updaters(Managers& managers) {
  while (true) {
    std::vector<Manager*> updaters;
    for (Manager& m : managers) {
      if (m.operation == "Update" && m.subresource.empty()) updaters.push_back(&m);
    }
    if (updaters.size() <= kMaxUpdaters) return;
    std::stable_sort(updaters.begin(), updaters.end(), [](const Manager* a, const Manager* b) {
      bool a_old = a->name == kAncient, b_old = b->name == kAncient;
      return a_old != b_old ? a_old : a->time < b->time;
    });
    Manager merged = *updaters[1];
    merged.name = kAncient;
    merged.fields = set_union(std::move(merged.fields), updaters[0]->fields);
    updaters[1]->fields = FieldSet{};
    *updaters[0] = std::move(merged);
    std::erase_if(managers, [](const Manager& m) { return m.fields.empty(); });
  }
}

}  // namespace k8s::apiserver::patch
