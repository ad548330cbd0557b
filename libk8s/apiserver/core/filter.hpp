// Filter: which objects of a type a list, watch or deletecollection means.
#pragma once

#include <string>

#include "libk8s/apiserver/core/call.hpp"
#include "libk8s/codec/selector.hpp"

namespace k8s::apiserver {

struct Filter {
  std::string ns;  // "" for all
  LabelSelector labels;
  FieldSelector fields;

  // From the URL and ?labelSelector, ?fieldSelector. 400 for what cannot be read and for fields
  // that cannot be selected by.
  static Outcome<Filter> from(const Call& call);

  bool empty() const { return labels.empty() && fields.empty(); }
  // `object` is in the version of the call's type.
  bool matches(const nlohmann::json& object) const;
  bool matches(const ResourceType& type, const ObjectPtr& object) const;
};

}  // namespace k8s::apiserver
