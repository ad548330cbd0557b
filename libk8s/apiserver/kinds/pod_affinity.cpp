#include <charconv>
#include <nlohmann/json.hpp>

#include "libk8s/apiserver/kinds/builtin.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s::apiserver::kinds {
namespace {

void check_node_term(const Json& term, const std::string& path, FieldErrors& errors) {
  const Json& expressions = array_at(term, "matchExpressions");
  for (std::size_t i = 0; i < expressions.size(); ++i) {
    const std::string at = field::index(path + ".matchExpressions", i);
    std::string op = string_at(expressions[i], "operator"), key = string_at(expressions[i], "key");
    const Json& values = array_at(expressions[i], "values");
    if ((op == "In" || op == "NotIn") && values.empty()) {
      errors.push_back(
          field::required(at + ".values", "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if ((op == "Exists" || op == "DoesNotExist") && !values.empty()) {
      errors.push_back(field::forbidden(
          at + ".values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
    } else if ((op == "Gt" || op == "Lt") && values.size() != 1) {
      errors.push_back(field::required(at + ".values",
                                       "must be specified single value when `operator` is 'Lt' or "
                                       "'Gt'"));
    }
    if (std::string wrong = qualified_name(key); !wrong.empty()) {
      errors.push_back(field::invalid(at + ".key", key, wrong));
    }
  }
}

void check_weight(const Json& preference, const std::string& path, FieldErrors& errors) {
  std::int64_t weight = int_at(preference, "weight");
  if (weight >= 1 && weight <= 100) return;
  errors.push_back(field::invalid(path + ".weight", weight, "must be in the range 1-100"));
}

void check_node_affinity(const Json& affinity, const std::string& path, FieldErrors& errors) {
  constexpr const char* kRequired = "requiredDuringSchedulingIgnoredDuringExecution";
  constexpr const char* kPreferred = "preferredDuringSchedulingIgnoredDuringExecution";
  const Json& terms = array_at(object_at(affinity, kRequired), "nodeSelectorTerms");
  for (std::size_t i = 0; i < terms.size(); ++i) {
    check_node_term(terms[i], field::index(path + "." + kRequired + ".nodeSelectorTerms", i),
                    errors);
  }
  const Json& wishes = array_at(affinity, kPreferred);
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    const std::string at = field::index(path + "." + kPreferred, i);
    check_weight(wishes[i], at, errors);
    check_node_term(object_at(wishes[i], "preference"), at + ".preference", errors);
  }
}

void check_pod_term(const Json& term, const std::string& path, FieldErrors& errors) {
  check_label_selector(object_at(term, "labelSelector"), path + ".labelSelector", errors);
  std::string key = string_at(term, "topologyKey");
  if (std::string wrong = qualified_name(key); !wrong.empty()) {
    errors.push_back(field::invalid(path + ".topologyKey", key, wrong));
  }
}

void check_pod_affinity(const Json& affinity, const std::string& path, FieldErrors& errors) {
  const std::string required = path + ".requiredDuringSchedulingIgnoredDuringExecution";
  const std::string preferred = path + ".preferredDuringSchedulingIgnoredDuringExecution";
  const Json& terms = array_at(affinity, "requiredDuringSchedulingIgnoredDuringExecution");
  for (std::size_t i = 0; i < terms.size(); ++i) {
    check_pod_term(terms[i], field::index(required, i), errors);
  }
  const Json& wishes = array_at(affinity, "preferredDuringSchedulingIgnoredDuringExecution");
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    const std::string at = field::index(preferred, i);
    check_weight(wishes[i], at, errors);
    check_pod_term(object_at(wishes[i], "podAffinityTerm"), at + ".podAffinityTerm", errors);
  }
}

}  // namespace

void check_affinity(const Json& affinity, const std::string& path, FieldErrors& errors) {
  check_node_affinity(object_at(affinity, "nodeAffinity"), path + ".nodeAffinity", errors);
  check_pod_affinity(object_at(affinity, "podAffinity"), path + ".podAffinity", errors);
  check_pod_affinity(object_at(affinity, "podAntiAffinity"), path + ".podAntiAffinity", errors);
}

}  // namespace k8s::apiserver::kinds
