// Rules for names, labels and the rest of metadata, with Kubernetes' sentences. Internal.
//
// Each name function gives "" when the text is fine, else what is wrong with it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "libk8s/apiserver/schema/field_error.hpp"

namespace k8s::apiserver {

std::string dns1123_label(std::string_view text);      // at most 63 bytes
std::string dns1123_subdomain(std::string_view text);  // at most 253 bytes
std::string dns1035_label(std::string_view text);
std::string path_segment_name(std::string_view text);  // RBAC's names
std::string qualified_name(std::string_view text);     // label and annotation keys
std::string label_value(std::string_view text);
std::string env_name(std::string_view text);
std::string data_key(std::string_view text);  // keys of config maps and secrets
std::string port_name(std::string_view text);

using NameRule = std::string (*)(std::string_view);

struct MetadataRules {
  bool namespaced = true;
  NameRule name = dns1123_subdomain;
  bool qualified_finalizers = false;  // a finalizer names its owner's domain, or is a standard one
};

// metadata of a whole object: name, namespace, labels, annotations, owners, finalizers.
// `old` (may be null) is the metadata before: what did not change is not refused.
void check_metadata(const Json& metadata, const Json* old, const MetadataRules& rules,
                    FieldErrors& errors);
void check_labels(const Json& labels, const std::string& path, FieldErrors& errors);
// A LabelSelector.
void check_label_selector(const Json& selector, const std::string& path, FieldErrors& errors);

// metadata.generation and the part that a request may not touch; see TypeRules::prepare.
struct PrepareRules {
  bool has_status = false;
  bool has_generation = false;
  bool created_with_status = false;  // nodes: kubelets bring it along
};
void prepare_object(Json& object, const Json* old, bool status_part, const PrepareRules& rules);

}  // namespace k8s::apiserver
