#include "libk8s/apiserver/patch/apply.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "libk8s/apiserver/patch/field_set.hpp"
#include "libk8s/apiserver/patch/managers.hpp"
#include "libk8s/apiserver/patch/owned_merge.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s::apiserver::patch {
namespace {

Status bad(std::string message) {
  return Status(Code::kInvalid, std::move(message)).with_http(400).with_reason("BadRequest");
}

// What the server handles itself: nobody owns it.
FieldSet unowned() {
  FieldSet set;
  for (const char* key : {"f:apiVersion", "f:kind", "f:metadata"}) set.children[key].self = true;
  for (const char* key : {"f:name", "f:namespace", "f:creationTimestamp", "f:selfLink", "f:uid",
                          "f:generation", "f:managedFields", "f:resourceVersion"}) {
    set.children["f:metadata"].children[key].self = true;
  }
  return set;
}

FieldSet owned(FieldSet set) {
  static const FieldSet none = unowned();
  // managedFields is no field to own, whatever is in it.
  if (auto it = set.children.find("f:metadata"); it != set.children.end()) {
    it->second.children.erase("f:managedFields");
  }
  return set_difference(std::move(set), none);
}

Json without_managed_fields(const Json& object) {
  Json copy = object;
  if (copy.contains("metadata") && copy["metadata"].is_object()) {
    copy["metadata"].erase("managedFields");
  }
  return copy;
}

// The part of a declaration that the request is about.
Json relevant(const Json& config, const Writer& writer) {
  Json copy = config;
  if (writer.subresource.empty()) {
    if (writer.splits_status) copy.erase("status");
    return copy;
  }
  if (writer.subresource != "status") return copy;
  for (auto it = copy.begin(); it != copy.end();) {
    bool kept = it.key() == "status" || it.key() == "apiVersion" || it.key() == "kind" ||
                it.key() == "metadata";
    it = kept ? std::next(it) : copy.erase(it);
  }
  Json metadata = Json::object();
  for (const char* key : {"name", "namespace", "uid", "resourceVersion"}) {
    if (object_at(copy, "metadata").contains(key)) metadata[key] = copy["metadata"][key];
  }
  copy["metadata"] = std::move(metadata);
  return copy;
}

Status check_config(const Json& config, const Schema& schema) {
  if (!config.is_object()) return bad("an apply configuration must be an object");
  if (config.contains("metadata") && !config["metadata"].is_object()) {
    return bad("metadata must be an object");
  }
  const Json& metadata = object_at(config, "metadata");
  if (metadata.contains("managedFields") && !metadata["managedFields"].empty()) {
    return bad("metadata.managedFields must be nil");
  }
  return check_lists(config, schema, "");
}

// One apply, step by step.
class Application {
 public:
  Application(const Json* live, const Schema& schema, const Writer& writer)
      : live_(live), schema_(schema), writer_(writer), managers_(read_managers(live)) {
    key_.name = writer.manager;
    key_.operation = "Apply";
    key_.api_version = writer.api_version;
    key_.subresource = writer.subresource;
    key_.time = writer.now;
    adopt_unowned();
  }

  Applied run(const Json& config, bool force) {
    FieldSet last = own_fields(), declared = owned(fields_of(config, schema_));
    Json before = live_ == nullptr ? Json::object() : without_managed_fields(*live_);
    Json after = owned_merge(before, config, schema_);
    FieldSet others;
    for (const Manager& m : managers_) {
      if (!m.is(key_)) others = set_union(std::move(others), m.fields);
    }
    remove_fields(after, set_difference(last, set_union(declared, others)),
                  set_union(declared, others), schema_);
    // Only what truly changes can be a conflict.
    Difference change = compare(live_ == nullptr ? nullptr : &before, after, schema_);
    FieldSet changed = set_union(change.added, change.modified);
    Applied result;
    result.conflicts = conflicts(changed);
    if (!result.conflicts.empty() && !force) return result;
    result.conflicts.clear();
    release(set_union(changed, change.removed));
    claim(std::move(declared), last);
    write_managers(managers_, after);
    result.object = std::make_shared<Json>(std::move(after));
    return result;
  }

 private:
  // An object that nobody owns belongs to whoever wrote it before the first apply.
  void adopt_unowned() {
    if (live_ == nullptr || !managers_.empty()) return;
    Manager before;
    before.name = "before-first-apply";
    before.operation = "Update";
    before.api_version = writer_.api_version;
    before.time = writer_.now;
    before.fields = owned(fields_of(without_managed_fields(*live_), schema_));
    managers_.push_back(std::move(before));
  }

  FieldSet own_fields() {
    Manager* own = find_manager(managers_, key_);
    return own == nullptr ? FieldSet{} : own->fields;
  }

  std::vector<Conflict> conflicts(const FieldSet& changed) const {
    std::vector<Conflict> found;
    for (const Manager& m : managers_) {
      if (m.is(key_)) continue;
      for (std::string& path : readable_paths(set_intersection(m.fields, changed))) {
        found.push_back({readable_manager(m), std::move(path)});
      }
    }
    return found;
  }

  void release(const FieldSet& fields) {
    for (Manager& m : managers_) {
      if (!m.is(key_)) m.fields = set_difference(std::move(m.fields), fields);
    }
  }

  void claim(FieldSet declared, const FieldSet& last) {
    Manager* own = find_manager(managers_, key_);
    if (own == nullptr) own = &managers_.emplace_back(key_);
    bool same = declared == last && own->api_version == key_.api_version;
    if (!same) own->time = writer_.now;
    own->api_version = key_.api_version;
    own->fields = std::move(declared);
  }

  const Json* live_;
  const Schema& schema_;
  const Writer& writer_;
  Managers managers_;
  Manager key_;
};

// The managers that an update starts from: those it sent, if they make sense, else the old ones.
Managers managers_of_update(const Json* old, const Json& fresh, bool& reset) {
  const Json& sent = array_at(object_at(fresh, "metadata"), "managedFields");
  // A list of one empty entry is the wish to forget all owners.
  reset = sent.size() == 1 && sent[0].is_object() && sent[0].empty();
  Managers managers = read_managers(&fresh);
  return managers.empty() ? read_managers(old) : managers;
}

}  // namespace

Result<Applied> apply(const Json* live, const Json& config, const Schema& schema,
                      const Writer& writer, bool force) {
  if (Status status = check_config(config, schema); !status) return status;
  return Application(live, schema, writer).run(relevant(config, writer), force);
}

Json conflict_status(std::string_view group, std::string_view kind, std::string_view name,
                     const std::vector<Conflict>& conflicts) {
  Json causes = Json::array();
  std::map<std::string, std::vector<std::string>> by_manager;
  for (const Conflict& c : conflicts) {
    causes.push_back({{"reason", "FieldManagerConflict"},
                      {"message", "conflict with " + c.manager},
                      {"field", c.path}});
    by_manager[c.manager].push_back(c.path);
  }
  std::string message = "Apply failed with " + std::to_string(conflicts.size()) + " conflicts:";
  if (conflicts.size() == 1) {
    message = "Apply failed with 1 conflict: conflict with " + conflicts[0].manager + ": " +
              conflicts[0].path;
  } else {
    for (const auto& [manager, paths] : by_manager) {
      message += (message.ends_with(':') ? " " : "\n") + ("conflicts with " + manager + ":");
      for (const std::string& path : paths) message += "\n- " + path;
    }
  }
  Json details = {{"name", name}, {"kind", kind}, {"causes", std::move(causes)}};
  if (!group.empty()) details["group"] = group;
  return {{"kind", "Status"},
          {"apiVersion", "v1"},
          {"metadata", Json::object()},
          {"status", "Failure"},
          {"message", message},
          {"reason", "Conflict"},
          {"details", std::move(details)},
          {"code", 409}};
}

void track_update(const Json* old, Json& fresh, const Schema& schema, const Writer& writer) {
  if (!fresh.is_object()) return;
  bool reset = false;
  Managers managers = managers_of_update(old, fresh, reset);
  if (!fresh["metadata"].is_object()) fresh["metadata"] = Json::object();
  fresh["metadata"].erase("managedFields");
  if (reset) return;
  Json before = old == nullptr ? Json::object() : without_managed_fields(*old);
  Difference change = compare(old == nullptr ? nullptr : &before, fresh, schema);
  FieldSet changed = owned(set_union(change.added, change.modified));
  Manager key;
  key.name = writer.manager;
  key.operation = "Update";
  key.api_version = writer.api_version;
  key.subresource = writer.subresource;
  key.time = writer.now;
  FieldSet lost = set_union(changed, change.removed);
  for (Manager& m : managers) {
    m.fields = set_difference(std::move(m.fields), m.is(key) ? change.removed : lost);
  }
  if (!changed.empty()) {
    Manager* own = find_manager(managers, key);
    if (own == nullptr) own = &managers.emplace_back(key);
    own->fields = set_union(std::move(own->fields), changed);
    own->time = writer.now;
  }
  cap_updaters(managers);
  write_managers(managers, fresh);
}

}  // namespace k8s::apiserver::patch
