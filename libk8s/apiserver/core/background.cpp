#include "libk8s/apiserver/core/background.hpp"

#include <nlohmann/json.hpp>

#include "libk8s/apiserver/core/admission.hpp"
#include "libk8s/apiserver/core/remove.hpp"
#include "libk8s/apiserver/core/writer.hpp"
#include "libk8s/base/log.hpp"
#include "libk8s/codec/json.hpp"
#include "libk8s/codec/rfc3339.hpp"

namespace k8s::apiserver {
namespace {

using Json = nlohmann::json;

// Deletes every object of one resource, in one namespace ("" for all). Returns how many are left
// (held by finalizers or a grace period) and whether something was changed.
struct Sweep {
  std::size_t left = 0;
  bool changed = false;
};

Sweep sweep(Core& core, const TypeRef& type, const std::string& ns) {
  Sweep result;
  std::vector<ObjectPtr> found;
  const Objects& objects = core.store->all(type->storage);
  for (auto at = objects.lower_bound({ns, ""}); at != objects.end(); ++at) {
    if (!ns.empty() && at->first.first != ns) break;
    found.push_back(at->second);
  }
  for (const ObjectPtr& object : found) {
    if (is_deleting(object->json())) {
      ++result.left;
      continue;
    }
    const WriteContext context = WriteContext::internal(type, object->id().ns);
    auto deletion = remove(core, context, object->id().name, {});
    result.changed = result.changed || deletion;
    if (!deletion || !deletion->gone) ++result.left;
  }
  return result;
}

void strike_finalizer(Core& core, const ObjectPtr& stored, bool in_spec, const char* finalizer) {
  const TypeRef type = core.registry.find_storage(stored->id().resource);
  const WriteContext context = WriteContext::internal(type, "");
  auto done = update(core, context, stored->id().name, [&](const Json& current) {
    Json fresh = current;
    if (in_spec) {
      fresh["spec"]["finalizers"] = Json::array();
    } else {
      remove_finalizer(fresh, finalizer);
    }
    return Outcome<Json>(std::move(fresh));
  });
  if (!done) {
    log::warn("clean-up could not finish an object",
              {{"name", stored->id().name}, {"why", done.error().message}});
  }
}

// When an Event was last added to.
WallTime last_seen(const Json& event) {
  WallTime latest;
  const std::string times[] = {string_at(object_at(event, "metadata"), "creationTimestamp"),
                               string_at(event, "lastTimestamp"), string_at(event, "eventTime"),
                               string_at(object_at(event, "series"), "lastObservedTime")};
  for (const std::string& text : times) {
    const auto time = parse_time(text);
    if (time && *time > latest) latest = *time;
  }
  return latest;
}

std::vector<ObjectPtr> deleting(const Core& core, std::string_view resource) {
  std::vector<ObjectPtr> found;
  for (const auto& [key, object] : core.store->all(resource)) {
    if (is_deleting(object->json())) found.push_back(object);
  }
  return found;
}

}  // namespace

Check make_namespaces(Core& core) {
  const TypeRef type = core.registry.find("", "v1", "namespaces");
  if (type == nullptr) return internal("the table of kinds has no namespaces");
  for (const char* name : {"default", "kube-node-lease", "kube-public", "kube-system"}) {
    if (core.store->get({"namespaces", "", name}) != nullptr) continue;
    auto made =
        create(core, WriteContext::internal(type, ""),
               {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}});
    if (!made) return made.error();
  }
  return Done{};
}

bool clean_namespaces(Core& core) {
  bool changed = false;
  for (const ObjectPtr& ns : deleting(core, "namespaces")) {
    if (array_at(object_at(ns->json(), "spec"), "finalizers").empty()) continue;
    std::size_t left = 0;
    for (const std::string& resource : core.store->resources()) {
      const TypeRef type = core.registry.find_storage(resource);
      if (type == nullptr || !type->namespaced) continue;
      const Sweep result = sweep(core, type, ns->id().name);
      left += result.left;
      changed = changed || result.changed;
    }
    if (left > 0) continue;
    strike_finalizer(core, ns, true, "kubernetes");
    changed = true;
  }
  return changed;
}

bool clean_crds(Core& core) {
  bool changed = false;
  for (const ObjectPtr& crd : deleting(core, kCrdStorage)) {
    if (!has_finalizer(crd->json(), kCrdFinalizer)) continue;
    const TypeRef type = core.registry.find_storage(crd->id().name);
    if (type != nullptr) {
      const Sweep result = sweep(core, type, "");
      changed = changed || result.changed;
      if (result.left > 0) continue;
    }
    strike_finalizer(core, crd, false, kCrdFinalizer);
    changed = true;
  }
  return changed;
}

void expire_events(Core& core) {
  constexpr std::chrono::hours kKept{1};
  const TypeRef type = core.registry.find("", "v1", "events");
  if (type == nullptr) return;
  const WallTime limit = core.options.now() - kKept;
  std::vector<ObjectPtr> old;
  for (const auto& [key, event] : core.store->all(type->storage)) {
    if (last_seen(event->json()) < limit) old.push_back(event);
  }
  for (const ObjectPtr& event : old) {
    (void)remove(core, WriteContext::internal(type, event->id().ns), event->id().name, {});
  }
}

}  // namespace k8s::apiserver
