// TypeLibrary: Kubernetes' own types, parsed from dense texts (types/*.types). Internal.
//
// A text is a list of types, each a list of fields:
//
//   package core io.k8s.api.core.v1
//   type Container # A process of a pod.
//     name 1 string! # Its name.
//     ports 6 []ContainerPort map=containerPort,protocol merge=containerPort
//     restartPolicy 24 string {Always|Never} =Always
//     ~handler 1 ProbeHandler
//
// The number is the field's in protobuf (0: not there). Types: string int32 int64 bool double
// bytes quantity intstr time microtime duration raw any, a type of the package, alias.Type,
// []T, map[T], T|bool. After the type: `!` must be there and not empty, `+` named as required in
// OpenAPI only. Then: map=k,k (list keyed), set, atomic, merge[=key] and retain (strategic merge),
// {A|B} (allowed values), =V (default), # text. `~` means that the fields of T stand in the
// object itself (in protobuf they are a message of their own).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/apiserver/schema/schema.hpp"

namespace k8s::apiserver {

class SchemaArena;

class TypeLibrary {
 public:
  // Parses texts that were written with the program: a mistake in them is a bug and aborts.
  explicit TypeLibrary(const std::vector<std::string_view>& texts);

  // By full name "io.k8s.api.core.v1.Pod"; null: not there.
  const Schema* find(std::string_view full_name) const;
  std::vector<std::string> names() const;
  SchemaRef ref(const Schema& node) const;

 private:
  std::shared_ptr<SchemaArena> arena_;
  std::map<std::string, const Schema*, std::less<>> types_;
};

// The types of meta/v1 (ObjectMeta and its parts), which every object has.
std::string_view meta_types_text();
const TypeLibrary& meta_types();

}  // namespace k8s::apiserver
