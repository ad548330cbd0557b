#include "libk8s/apiserver/core/gc.hpp"

#include <nlohmann/json.hpp>

#include "libk8s/apiserver/core/remove.hpp"
#include "libk8s/apiserver/core/writer.hpp"
#include "libk8s/base/log.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s::apiserver {
namespace {

using Json = nlohmann::json;

const Json& owners_of(const Json& object) {
  return array_at(object_at(object, "metadata"), "ownerReferences");
}

std::string owner_uid(const Json& reference) { return string_at(reference, "uid"); }

bool waits_for_dependents(const Json& object) {
  return is_deleting(object) && has_finalizer(object, kForegroundFinalizer);
}

// What became of one owner.
enum class OwnerState : std::uint8_t { kSolid, kWaiting, kAbsent, kUnknown };

OwnerState look_up(const Core& core, const ObjectId& dependent, const Json& reference) {
  const TypeRef type =
      core.registry.find_kind(string_at(reference, "apiVersion"), string_at(reference, "kind"));
  if (type == nullptr) return OwnerState::kUnknown;
  // A cluster-scoped object cannot be owned by a namespaced one: never collected for it.
  if (type->namespaced && dependent.ns.empty()) return OwnerState::kUnknown;
  const ObjectPtr owner =
      core.store->get(object_id(*type, dependent.ns, string_at(reference, "name")));
  if (owner == nullptr || owner->uid() != owner_uid(reference)) return OwnerState::kAbsent;
  return waits_for_dependents(owner->json()) ? OwnerState::kWaiting : OwnerState::kSolid;
}

struct Owners {
  std::size_t solid = 0, waiting = 0, absent = 0;
  bool unknown = false;
  std::set<std::string> lost;  // uids of owners that are absent or waiting
};

Owners sort_owners(const Core& core, const ObjectPtr& object, const std::set<std::string>& gone) {
  Owners owners;
  for (const Json& reference : owners_of(object->json())) {
    const std::string uid = owner_uid(reference);
    const OwnerState state =
        gone.contains(uid) ? OwnerState::kAbsent : look_up(core, object->id(), reference);
    if (state == OwnerState::kSolid) ++owners.solid;
    if (state == OwnerState::kWaiting) ++owners.waiting;
    if (state == OwnerState::kAbsent) ++owners.absent;
    if (state == OwnerState::kUnknown) owners.unknown = true;
    if (state == OwnerState::kAbsent || state == OwnerState::kWaiting) owners.lost.insert(uid);
  }
  return owners;
}

// Strikes owners out of an object, by uid.
void strike_out(Json& object, const std::set<std::string>& uids) {
  Json left = Json::array();
  for (const Json& reference : owners_of(object)) {
    if (!uids.contains(owner_uid(reference))) left.push_back(reference);
  }
  if (left.empty()) {
    object["metadata"].erase("ownerReferences");
  } else {
    object["metadata"]["ownerReferences"] = std::move(left);
  }
}

// Changes metadata of a stored object; it goes if that was what held it.
void change(Core& core, const ObjectPtr& stored, const std::function<void(Json&)>& edit) {
  const TypeRef type = core.registry.find_storage(stored->id().resource);
  if (type == nullptr) return;
  const WriteContext context = WriteContext::internal(type, stored->id().ns);
  auto done = update(core, context, stored->id().name, [&](const Json& current) {
    Json fresh = current;
    edit(fresh);
    return Outcome<Json>(std::move(fresh));
  });
  if (!done && done.error().http != 404) {
    log::warn("garbage collection could not change an object",
              {{"resource", stored->id().resource},
               {"name", stored->id().ns + "/" + stored->id().name},
               {"why", done.error().message}});
  }
}

}  // namespace

Collector::Collector(Core& core) : core_(core) {
  for (const std::string& resource : core_.store->resources()) {
    for (const auto& [key, object] : core_.store->all(resource)) add(object);
  }
  for (const std::string& resource : core_.store->resources()) {
    for (const auto& [key, object] : core_.store->all(resource)) enqueue_around(object);
  }
}

void Collector::add(const ObjectPtr& object) {
  live_[object->uid()] = object->id();
  for (const Json& reference : owners_of(object->json())) {
    dependents_[owner_uid(reference)].insert(object->id());
  }
}

void Collector::forget(const Stored& object) {
  for (const Json& reference : owners_of(object.json())) {
    const auto found = dependents_.find(owner_uid(reference));
    if (found == dependents_.end()) continue;
    found->second.erase(object.id());
    if (found->second.empty()) dependents_.erase(found);
  }
}

void Collector::enqueue_around(const ObjectPtr& object) {
  const bool held = has_finalizer(object->json(), kForegroundFinalizer) ||
                    has_finalizer(object->json(), kOrphanFinalizer);
  const bool acts = is_deleting(object->json()) && held;
  if (acts || !owners_of(object->json()).empty()) queue_[object->id()];
}

void Collector::changed(const Event& event) {
  if (event.before) forget(*event.before);
  if (!event.deletion) {
    add(event.after);
    // A change that touches neither owners nor deletion concerns nobody.
    const bool same = event.before &&
                      owners_of(event.before->json()) == owners_of(event.after->json()) &&
                      is_deleting(event.before->json()) == is_deleting(event.after->json()) &&
                      array_at(object_at(event.before->json(), "metadata"), "finalizers") ==
                          array_at(object_at(event.after->json(), "metadata"), "finalizers");
    if (!same) enqueue_around(event.after);
    // An owner that begins to wait wants its dependents looked at: `examine_owner` does that.
    return;
  }
  const std::string& uid = event.after->uid();
  live_.erase(uid);
  for (const ObjectId& dependent : dependents(uid)) queue_[dependent].insert(uid);
  for (const Json& reference : owners_of(event.after->json())) {
    const auto owner = live_.find(owner_uid(reference));
    if (owner != live_.end()) queue_[owner->second];
  }
}

void Collector::run(std::size_t steps) {
  while (steps-- > 0 && !queue_.empty()) {
    auto entry = queue_.extract(queue_.begin());
    examine(entry.key(), entry.mapped());
  }
}

void Collector::examine(const ObjectId& id, const std::set<std::string>& gone) {
  const ObjectPtr object = core_.store->get(id);
  if (object == nullptr) return;
  if (is_deleting(object->json())) {
    examine_owner(object);
  } else {
    examine_dependent(object, gone);
  }
}

void Collector::examine_owner(const ObjectPtr& object) {
  if (has_finalizer(object->json(), kOrphanFinalizer)) {
    orphan_dependents(object);
  } else if (has_finalizer(object->json(), kForegroundFinalizer)) {
    await_dependents(object);
  }
}

void Collector::orphan_dependents(const ObjectPtr& owner) {
  for (const ObjectId& id : dependents(owner->uid())) {
    const ObjectPtr dependent = core_.store->get(id);
    if (dependent == nullptr) continue;
    change(core_, dependent, [&](Json& object) { strike_out(object, {owner->uid()}); });
  }
  change(core_, owner, [](Json& object) { remove_finalizer(object, kOrphanFinalizer); });
}

void Collector::await_dependents(const ObjectPtr& owner) {
  if (!has_blocking_dependents(owner)) {
    change(core_, owner, [](Json& object) { remove_finalizer(object, kForegroundFinalizer); });
    return;
  }
  for (const ObjectId& id : dependents(owner->uid())) queue_[id];
}

bool Collector::has_blocking_dependents(const ObjectPtr& owner) const {
  for (const ObjectId& id : dependents(owner->uid())) {
    const ObjectPtr dependent = core_.store->get(id);
    if (dependent == nullptr) continue;
    for (const Json& reference : owners_of(dependent->json())) {
      if (owner_uid(reference) == owner->uid() && bool_at(reference, "blockOwnerDeletion")) {
        return true;
      }
    }
  }
  return false;
}

void Collector::examine_dependent(const ObjectPtr& object, const std::set<std::string>& gone) {
  const Owners owners = sort_owners(core_, object, gone);
  if (owners.lost.empty()) return;
  if (owners.solid > 0) {
    change(core_, object, [&](Json& fresh) { strike_out(fresh, owners.lost); });
    return;
  }
  // An owner whose kind is not served may live: leave the object alone.
  if (owners.unknown) return;
  if (const TypeRef type = core_.registry.find_storage(object->id().resource)) {
    delete_dependent(object, type, owners.waiting > 0);
  }
}

// `waiting`: an owner is deleted in the foreground and waits for this one.
void Collector::delete_dependent(const ObjectPtr& object, const TypeRef& type, bool waiting) {
  DeletePlan plan;
  plan.uid = object->uid();
  const bool has_own = !dependents(object->uid()).empty();
  if (waiting && has_own) {
    plan.propagation = "Foreground";
    // In a circle of owners everybody would wait for everybody: this object stops blocking.
    bool circle = false;
    for (const ObjectId& id : dependents(object->uid())) {
      const ObjectPtr dependent = core_.store->get(id);
      circle = circle || (dependent && waits_for_dependents(dependent->json()));
    }
    if (circle) {
      change(core_, object, [](Json& fresh) {
        for (Json& reference : fresh["metadata"]["ownerReferences"]) {
          reference["blockOwnerDeletion"] = false;
        }
      });
    }
  } else if (!has_finalizer(object->json(), kOrphanFinalizer) &&
             !has_finalizer(object->json(), kForegroundFinalizer)) {
    plan.propagation = "Background";
  }
  const WriteContext context = WriteContext::internal(type, object->id().ns);
  auto deletion = remove(core_, context, object->id().name, plan);
  if (!deletion && deletion.error().http != 404) {
    log::warn("garbage collection could not delete an object",
              {{"resource", object->id().resource},
               {"name", object->id().ns + "/" + object->id().name},
               {"why", deletion.error().message}});
  }
}

std::set<ObjectId> Collector::dependents(const std::string& uid) const {
  const auto found = dependents_.find(uid);
  return found == dependents_.end() ? std::set<ObjectId>() : found->second;
}

}  // namespace k8s::apiserver
