// Writing: create, replace and patch, with everything that Kubernetes does to an object on its way
// into the store.
//
// A write goes: body -> decode (types, unknown fields) -> server metadata -> prepare -> defaults ->
// admission -> validation -> ownership of fields -> store. A change that changes nothing is not
// written and keeps its resourceVersion. An object that is being deleted and lost its last
// finalizer is removed by the write that took it.
//
// The *_object functions answer requests; `create` and `update` serve the server's own controllers
// and the subresources as well.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "libk8s/apiserver/core/call.hpp"
#include "libk8s/apiserver/schema/rules.hpp"

namespace k8s::apiserver {

Reply create_object(Core& core, Call& call);
Reply update_object(Core& core, Call& call);
Reply patch_object(Core& core, Call& call);

// How a write is to be done.
struct WriteContext {
  TypeRef type;
  std::string ns;
  std::string manager;      // owner of the fields that change
  std::string subresource;  // "" or "status", "scale", "finalize"
  bool dry_run = false;
  bool applied = false;   // managedFields are up to date already (server-side apply)
  bool complete = false;  // metadata of deletion and finalizers may be set (the server itself)

  Part part() const { return subresource == "status" ? Part::kStatus : Part::kMain; }
  // For the server's own controllers.
  static WriteContext internal(TypeRef type, std::string ns);
  static WriteContext of(const Call& call);
};

// Makes a new object (in the version of the type). The result is what was stored; with dry_run,
// what would have been.
Outcome<ObjectPtr> create(Core& core, const WriteContext& context, nlohmann::json object);

// Reads, transforms, checks, writes. `transform` gets the object in the version of the type.
using Transform = std::function<Outcome<nlohmann::json>(const nlohmann::json& current)>;
Outcome<ObjectPtr> update(Core& core, const WriteContext& context, const std::string& name,
                          const Transform& transform);

// Puts or removes without any further rule; keeps the registry and ownership up to date.
Outcome<ObjectPtr> commit(Core& core, const WriteContext& context, const ObjectId& id,
                          nlohmann::json object, bool removal);

// The answer to a write.
Reply written_reply(const Core& core, const Call& call, int http, const ObjectPtr& object);

}  // namespace k8s::apiserver
