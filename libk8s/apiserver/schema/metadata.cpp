#include <nlohmann/json.hpp>

#include "libk8s/apiserver/schema/names.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s::apiserver {
namespace {

constexpr std::size_t kMaxAnnotationBytes = 256 * 1024;

bool same(const Json* old, const Json& now, const char* key) {
  return old != nullptr && find(*old, {key}) != nullptr && find(now, {key}) != nullptr &&
         (*old)[key] == now[key];
}

void check_name(const Json& metadata, const MetadataRules& rules, FieldErrors& errors) {
  std::string name = string_at(metadata, "name");
  std::string prefix = string_at(metadata, "generateName");
  if (name.empty() && prefix.empty()) {
    errors.push_back(field::required("metadata.name", "name or generateName is required"));
  }
  if (!name.empty()) {
    if (std::string wrong = rules.name(name); !wrong.empty()) {
      errors.push_back(field::invalid("metadata.name", name, wrong));
    }
  }
  // A prefix may end in what a whole name may not end in.
  if (!prefix.empty()) {
    std::string probe = prefix.substr(0, prefix.size() - 1) + "a";
    if (std::string wrong = rules.name(probe); !wrong.empty()) {
      errors.push_back(field::invalid("metadata.generateName", prefix, wrong));
    }
  }
}

void check_namespace(const Json& metadata, const MetadataRules& rules, FieldErrors& errors) {
  std::string ns = string_at(metadata, "namespace");
  if (rules.namespaced && ns.empty()) {
    errors.push_back(field::required("metadata.namespace"));
  } else if (!rules.namespaced && !ns.empty()) {
    errors.push_back(field::forbidden("metadata.namespace", "not allowed on this type"));
  } else if (!ns.empty()) {
    if (std::string wrong = dns1123_label(ns); !wrong.empty()) {
      errors.push_back(field::invalid("metadata.namespace", ns, wrong));
    }
  }
}

void check_annotations(const Json& annotations, FieldErrors& errors) {
  std::size_t bytes = 0;
  for (const auto& [key, value] : annotations.items()) {
    std::string lower = key;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (std::string wrong = qualified_name(lower); !wrong.empty()) {
      errors.push_back(field::invalid("metadata.annotations", key, wrong));
    }
    bytes += key.size() + (value.is_string() ? value.get_ref<const std::string&>().size() : 0);
  }
  if (bytes > kMaxAnnotationBytes) {
    errors.push_back(field::too_long("metadata.annotations", kMaxAnnotationBytes));
  }
}

bool is_standard(const std::string& finalizer) {
  return finalizer.find('/') != finalizer.npos || finalizer == "kubernetes" ||
         finalizer == "orphan" || finalizer == "foregroundDeletion";
}

void check_owners(const Json& owners, FieldErrors& errors) {
  std::string controller;
  for (std::size_t i = 0; i < owners.size(); ++i) {
    const std::string path = field::index("metadata.ownerReferences", i);
    for (const char* key : {"apiVersion", "kind", "name", "uid"}) {
      if (string_at(owners[i], key).empty()) {
        errors.push_back(field::invalid(field::child(path, key), "", "must not be empty"));
      }
    }
    if (!bool_at(owners[i], "controller")) continue;
    if (!controller.empty()) {
      errors.push_back(field::invalid("metadata.ownerReferences", owners,
                                      "Only one reference can have Controller set to true. Found "
                                      "\"true\" in references for " +
                                          controller + " and " + string_at(owners[i], "name")));
    }
    controller = string_at(owners[i], "name");
  }
}

// Everything of the object that a change of generation counts.
bool spec_differs(const Json& a, const Json& b) {
  auto counted = [](const std::string& key) { return key != "metadata" && key != "status"; };
  for (const auto& [key, value] : a.items()) {
    if (counted(key) && (!b.contains(key) || b[key] != value)) return true;
  }
  for (const auto& [key, value] : b.items()) {
    if (counted(key) && !a.contains(key)) return true;
  }
  return false;
}

void take_over(Json& object, const Json& old, const char* key) {
  if (old.contains(key)) {
    object[key] = old[key];
  } else {
    object.erase(key);
  }
}

// A status write keeps everything of the old object but status and, of the metadata, what the
// server itself handles.
void keep_all_but_status(Json& object, const Json& old) {
  Json kept = old;
  if (object.contains("status")) {
    kept["status"] = std::move(object["status"]);
  } else {
    kept.erase("status");
  }
  for (const char* key : {"managedFields", "resourceVersion"}) {
    if (!object["metadata"].is_object() || !object["metadata"].contains(key)) {
      kept["metadata"].erase(key);
    } else {
      kept["metadata"][key] = object["metadata"][key];
    }
  }
  // What the caller asked to see under, and the version it wrote.
  for (const char* key : {"apiVersion", "kind"}) {
    if (object.contains(key)) kept[key] = object[key];
  }
  object = std::move(kept);
}

}  // namespace

void check_labels(const Json& labels, const std::string& path, FieldErrors& errors) {
  for (const auto& [key, value] : labels.items()) {
    if (std::string wrong = qualified_name(key); !wrong.empty()) {
      errors.push_back(field::invalid(path, key, wrong));
    }
    if (!value.is_string()) continue;
    if (std::string wrong = label_value(value.get_ref<const std::string&>()); !wrong.empty()) {
      errors.push_back(field::invalid(path, value, wrong));
    }
  }
}

void check_label_selector(const Json& selector, const std::string& path, FieldErrors& errors) {
  check_labels(object_at(selector, "matchLabels"), field::child(path, "matchLabels"), errors);
  const Json& terms = array_at(selector, "matchExpressions");
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const std::string at = field::index(field::child(path, "matchExpressions"), i);
    std::string op = string_at(terms[i], "operator");
    bool values = !array_at(terms[i], "values").empty();
    if ((op == "In" || op == "NotIn") && !values) {
      errors.push_back(
          field::required(at + ".values", "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if ((op == "Exists" || op == "DoesNotExist") && values) {
      errors.push_back(field::forbidden(
          at + ".values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
    }
    if (std::string wrong = qualified_name(string_at(terms[i], "key")); !wrong.empty()) {
      errors.push_back(field::invalid(at + ".key", string_at(terms[i], "key"), wrong));
    }
  }
}

void check_metadata(const Json& metadata, const Json* old, const MetadataRules& rules,
                    FieldErrors& errors) {
  check_name(metadata, rules, errors);
  check_namespace(metadata, rules, errors);
  if (!same(old, metadata, "labels")) {
    check_labels(object_at(metadata, "labels"), "metadata.labels", errors);
  }
  if (!same(old, metadata, "annotations")) {
    check_annotations(object_at(metadata, "annotations"), errors);
  }
  if (!same(old, metadata, "ownerReferences")) {
    check_owners(array_at(metadata, "ownerReferences"), errors);
  }
  if (same(old, metadata, "finalizers")) return;
  const Json& finalizers = array_at(metadata, "finalizers");
  for (std::size_t i = 0; i < finalizers.size(); ++i) {
    if (!finalizers[i].is_string()) continue;
    if (std::string wrong = qualified_name(finalizers[i].get_ref<const std::string&>());
        !wrong.empty()) {
      errors.push_back(
          field::invalid(field::index("metadata.finalizers", i), finalizers[i], wrong));
    } else if (rules.qualified_finalizers &&
               !is_standard(finalizers[i].get_ref<const std::string&>())) {
      errors.push_back(
          field::invalid(field::index("metadata.finalizers", i), finalizers[i],
                         "name is neither a standard finalizer name nor is it fully qualified"));
    }
  }
}

void prepare_object(Json& object, const Json* old, bool status_part, const PrepareRules& rules) {
  if (!object.is_object()) return;
  if (!object["metadata"].is_object()) object["metadata"] = Json::object();
  if (old == nullptr) {
    if (rules.has_status && !rules.created_with_status) object.erase("status");
    if (rules.has_generation) object["metadata"]["generation"] = 1;
    return;
  }
  if (status_part) {
    keep_all_but_status(object, *old);
    return;
  }
  if (rules.has_status) take_over(object, *old, "status");
  std::int64_t generation = int_at(object_at(*old, "metadata"), "generation");
  if (rules.has_generation && spec_differs(object, *old)) ++generation;
  if (generation > 0) {
    object["metadata"]["generation"] = generation;
  } else {
    object["metadata"].erase("generation");
  }
}

}  // namespace k8s::apiserver
