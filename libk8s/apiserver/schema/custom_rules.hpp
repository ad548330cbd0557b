// CustomRules: TypeRules of one version of a custom resource. Internal.
#pragma once

#include <string>

#include "libk8s/apiserver/schema/names.hpp"
#include "libk8s/apiserver/schema/rules.hpp"

namespace k8s::apiserver {

struct CustomType {
  std::string group, version, kind;
  bool namespaced = true;
  bool status = false;
};

TypeRulesRef make_custom_rules(SchemaRef schema, CustomType type);

}  // namespace k8s::apiserver
