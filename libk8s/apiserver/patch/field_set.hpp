// FieldSet: a set of field paths, in the form of `fieldsV1`. Internal to patch/.
//
// A tree whose edges are path elements as fieldsV1 spells them: "f:name" a field, "k:{...}" a list
// element by its keys, "v:..." an element of a set. A node may be a member of the set itself, have
// members below it, or both.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/apiserver/schema/schema.hpp"

namespace k8s::apiserver::patch {

struct FieldSet {
  bool self = false;
  std::map<std::string, FieldSet, std::less<>> children;

  bool empty() const;
  // Drops nodes without members.
  void tidy();
  friend bool operator==(const FieldSet& a, const FieldSet& b) {
    return a.self == b.self && a.children == b.children;
  }
};

FieldSet set_union(FieldSet a, const FieldSet& b);
FieldSet set_difference(FieldSet a, const FieldSet& b);
FieldSet set_intersection(const FieldSet& a, const FieldSet& b);

// fieldsV1 and back. Reading ignores what it cannot understand.
Json to_fields_v1(const FieldSet& set);
FieldSet from_fields_v1(const Json& json);

// Every member as a path that people read: ".spec.containers[name="a"].image".
std::vector<std::string> readable_paths(const FieldSet& set);

// Everything that a value sets.
FieldSet fields_of(const Json& value, const Schema& schema);

struct Difference {
  FieldSet added, modified, removed;
};
// What turns `before` (null: nothing was there) into `after`.
Difference compare(const Json* before, const Json& after, const Schema& schema);

// --- How values of a schema are taken apart -------------------------------------------------

// Objects and maps whose entries have owners of their own.
bool is_granular_object(const Json& value, const Schema& schema);
bool is_granular_list(const Json& value, const Schema& schema);
const Schema& child_of(const Schema& schema, std::string_view key);
// "k:{...}" or "v:..." of a list's element; "" when it lacks a key.
std::string element_key(const Json& element, const Schema& list);

}  // namespace k8s::apiserver::patch
