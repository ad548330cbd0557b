// The closed table of built-in kinds, and the rules of each.
//
// What is not in this table and not defined by a CRD is not served (404). The field schemas are
// complete: whatever the real API accepts in these kinds is accepted here.
// Everything is parsed once, at the first call; immutable afterwards; any thread may read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "libk8s/apiserver/schema/rules.hpp"

namespace k8s::apiserver::kinds {

// A subresource as discovery shows it: "status", "binding", "scale", ...
struct Subresource {
  std::string name;
  // The kind of its bodies; empty group/version/kind: that of its parent.
  std::string group, version, kind;
  std::vector<std::string> verbs;  // "get", "update", "patch", "create"
};

struct Kind {
  std::string group;     // "" for the core group
  std::string version;   // "v1"
  std::string kind;      // "Pod"
  std::string plural;    // "pods"
  std::string singular;  // "pod"
  bool namespaced = true;
  // Only POST, nothing is stored: SubjectAccessReview and its like.
  bool review = false;
  std::vector<std::string> short_names, categories, verbs;
  std::vector<Subresource> subresources;
  bool protobuf = false;              // protobuf/ can encode it
  bool unconditional_update = false;  // PUT without a resourceVersion overwrites
  bool create_on_update = false;      // PUT to a name that is not there creates it
  // Objects of this other group/kind are the same stored objects (Event in v1 and events.k8s.io).
  std::string stored_as;  // "" or "v1/events": the type under which it is stored
  // Field selectors beyond metadata.name and metadata.namespace: "spec.nodeName", ...
  std::vector<std::string> selectable_fields;

  std::string api_version() const { return group.empty() ? version : group + "/" + version; }
  const Subresource* subresource(std::string_view name) const;
  bool has_status() const { return subresource("status") != nullptr; }
};

// All kinds, in discovery order (core group first).
const std::vector<Kind>& all();
// By URL; null: not built in.
const Kind* find(std::string_view group, std::string_view version, std::string_view plural);
// By apiVersion and kind of an object; null: not built in.
const Kind* find_kind(std::string_view api_version, std::string_view kind);

// The rules of a built-in kind.
TypeRulesRef rules(const Kind& kind);
// The rules of bodies that are no served kind of their own: Binding (v1), Eviction (policy/v1),
// Scale (autoscaling/v1), DeleteOptions (v1), TokenRequest (authentication.k8s.io/v1), ...
// Null: not known.
TypeRulesRef rules(std::string_view api_version, std::string_view kind);

// The schema of a named type ("io.k8s.api.core.v1.PodSpec"); null: not known. For OpenAPI, explain
// and protobuf.
const Schema* type(std::string_view full_name);
std::vector<std::string> type_names();

// Between the two forms of one Event: from `event` in either version to the form of
// `api_version` ("v1" or "events.k8s.io/v1"): involvedObject/regarding, message/note, ...
Json convert_event(const Json& event, std::string_view api_version);

// The value of a selectable field as a selector compares it ("" when absent, "false" for bools).
std::string selectable_value(const Json& object, std::string_view dotted_path);

}  // namespace k8s::apiserver::kinds
