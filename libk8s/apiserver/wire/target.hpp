// Target: a request's path and query, taken apart into what it asks of the API.
//
// "/apis/batch.example/v1/namespaces/a/jobs/b/status?dryRun=All" becomes group "batch.example",
// version "v1", ns "a", resource "jobs", name "b", subresource "status", query {dryRun: All}. Pure;
// says nothing about whether such a resource exists.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/apiserver/wire/error.hpp"

namespace k8s::apiserver {

class Query {
 public:
  static Query parse(std::string_view text);

  // The first value of `key`, or "".
  std::string get(std::string_view key) const;
  bool has(std::string_view key) const;
  // Booleans as Kubernetes reads them: present, and neither "0" nor "false".
  bool flag(std::string_view key) const;
  // A whole number of at least zero; nullopt when absent; an error names the parameter.
  Outcome<std::optional<std::int64_t>> number(std::string_view key) const;

 private:
  std::multimap<std::string, std::string, std::less<>> values_;
};

struct Target {
  std::string path;                   // decoded, without the query
  std::vector<std::string> segments;  // of the path, decoded one by one
  Query query;

  // Set for paths below /api/v1 and /apis/GROUP/VERSION with at least a resource.
  bool is_resource = false;
  std::string group, version, ns, resource, name, subresource;
  std::string rest;  // what follows the subresource ("a/b"), for proxies; none are served
};

// Never fails: an odd path is a Target that no handler knows. `watch` prefixes of old clients
// (/api/v1/watch/...) are not understood.
Target parse_target(std::string_view target);

}  // namespace k8s::apiserver
