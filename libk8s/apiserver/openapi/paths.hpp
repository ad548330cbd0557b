// The paths of a document: what can be done with each type, and with which parameters. Internal.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "libk8s/apiserver/openapi/schema_json.hpp"

namespace k8s::apiserver::openapi {

// One type as the documents see it, built in or custom.
struct Served {
  std::string group, version, kind, list_kind, plural;
  bool namespaced = true, review = false, status = false;
  bool custom = false;  // takes no strategic merge patch, and clients look here to know
  std::string type_name;  // of its schema
  std::vector<std::string> verbs;

  // "api/v1" or "apis/<group>/<version>".
  std::string document() const {
    return group.empty() ? "api/" + version : "apis/" + group + "/" + version;
  }
};

// Adds the paths of one type: its list, its objects, its status.
void add_paths(const Served& served, Form form, Json& paths);

// The schema of its list.
Json list_json(const Served& served, Form form);
std::string list_type_name(const Served& served);

}  // namespace k8s::apiserver::openapi
