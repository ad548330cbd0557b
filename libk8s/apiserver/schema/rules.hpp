// TypeRules: everything that the server has to know of one served type to accept an object.
//
// Two sources give them: `kinds::rules` for built-in kinds and `compile_crd` (crd.hpp) for custom
// resources. A write goes through them in this order:
//
//   parse_body -> decode -> prepare -> set_defaults -> (admission, patch ...) -> validate -> store
//
// A patch is applied to the stored object, and its result then takes the same way.
// Pure and immutable; any thread.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/apiserver/schema/decode.hpp"
#include "libk8s/apiserver/schema/field_error.hpp"
#include "libk8s/apiserver/schema/schema.hpp"
#include "libk8s/base/status.hpp"

namespace k8s::apiserver {

// Which part of an object a request may change.
enum class Part : std::uint8_t {
  kMain,    // everything but status (of kinds with a status subresource)
  kStatus,  // status, and the metadata that controllers set there
};

class TypeRules {
 public:
  virtual ~TypeRules() = default;

  // The whole object: apiVersion, kind and metadata included.
  virtual const Schema& schema() const = 0;
  SchemaRef schema_ref() const { return ref_; }

  // Checks every value's type and removes what the type does not know, noting it in `notes` (may
  // be null). Built-in kinds also lose nulls. Errors: kInvalid, HTTP 400, naming each field:
  // `Pod in version "v1" cannot be handled as a Pod: spec.containers[0].image: got number, must be
  // string`. Custom resources never fail here: their types are checked by `validate` (422).
  virtual Status decode(Json& object, Notes* notes) const = 0;

  // Fills in what is absent and has a default. Idempotent. Also for objects read from the store,
  // whose schema may have gained defaults since.
  virtual void set_defaults(Json& object) const = 0;

  // Resets what the caller may not change: on create the status (of kinds with that subresource),
  // on update of the one part the other part, from `old`. Sets metadata.generation for types that
  // have one (1 on create, +1 when anything but metadata and status differs). The rest of the
  // server's metadata (uid, creationTimestamp, resourceVersion, ...) is the caller's business.
  virtual void prepare(Json& object, const Json* old, Part part) const = 0;

  // What is wrong with an object that `decode` and `set_defaults` have gone over; empty: nothing.
  // `old` is null on create. Checks names, metadata, required fields, ranges, immutable fields,
  // CEL rules. An object that has not changed since `old` is never refused for its CEL rules or
  // schema (ratcheting at the level of the whole object's unchanged fields).
  virtual FieldErrors validate(const Json& object, const Json* old, Part part) const = 0;

 protected:
  SchemaRef ref_;
};

using TypeRulesRef = std::shared_ptr<const TypeRules>;

}  // namespace k8s::apiserver
