// Pure building of Kubernetes API requests, and reading of their answers. Sends nothing.
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "libk8s/base/status.hpp"
#include "libk8s/http/message.hpp"
#include "libk8s/types/resource.hpp"

namespace k8s {

enum class PatchType { kJson, kMerge, kStrategicMerge, kApply };

struct ListOptions {
  std::string label_selector;
  std::string field_selector;
  std::optional<std::string> resource_version;
  std::string resource_version_match;  // "", "Exact", "NotOlderThan"
  int limit = 0;
  std::string continue_token;
  bool protobuf = false;  // ask for protobuf (core kinds only)
};

struct WatchOptions {
  std::string label_selector;
  std::string field_selector;
  std::optional<std::string> resource_version;
  std::chrono::seconds timeout{0};  // timeoutSeconds, the server's side of the deadline
  bool bookmarks = true;
  bool send_initial_events = false;  // WatchList
  bool protobuf = false;
};

struct WriteOptions {
  std::string field_manager;  // recorded in managedFields; required for kApply
  bool force = false;         // kApply: take over conflicting fields
  bool dry_run = false;
  bool strict = false;  // unknown and doubled fields are refused, not taken away
};

struct DeleteOptions {
  std::string uid;               // precondition; "" for none
  std::string resource_version;  // precondition; "" for none
  std::string propagation;       // "", "Background", "Foreground", "Orphan"
  std::optional<int> grace_seconds;
};

// `ns` is ignored for cluster-scoped resources and empty for "all namespaces".
namespace request {
http::Request get(const Resource&, std::string_view ns, std::string_view name);
http::Request list(const Resource&, std::string_view ns, const ListOptions&);
http::Request watch(const Resource&, std::string_view ns, const WatchOptions&);
http::Request create(const Resource&, std::string_view ns, const nlohmann::json& object,
                     const WriteOptions& = {});
// `subresource` is "" or "status", "scale", ...; the object carries its resourceVersion.
http::Request replace(const Resource&, std::string_view ns, std::string_view name,
                      std::string_view subresource, const nlohmann::json& object,
                      const WriteOptions& = {});
http::Request patch(const Resource&, std::string_view ns, std::string_view name,
                    std::string_view subresource, PatchType type, const nlohmann::json& patch,
                    const WriteOptions& = {});
http::Request remove(const Resource&, std::string_view ns, std::string_view name,
                     const DeleteOptions& = {});
// POST to a subresource: binding, eviction, token.
http::Request post(const Resource&, std::string_view ns, std::string_view name,
                   std::string_view subresource, const nlohmann::json& body);
}  // namespace request

// Turns an answer into a Status: ok for 2xx; otherwise from the Kubernetes Status object in the
// body if there is one, else from the HTTP status alone. Reads Retry-After. `method` matters: 409
// is kAlreadyExists only where the server says so.
Status to_status(const http::Response& response);
// The same from a Kubernetes Status object by itself, as an ERROR event of a watch carries it.
Status to_status(const nlohmann::json& status_object);

// The answer's JSON, or why there is none (HTTP error, malformed, nested deeper than 200).
Result<nlohmann::json> to_json(const http::Response& response);

}  // namespace k8s
