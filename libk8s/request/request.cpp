#include "libk8s/request/request.hpp"

#include <limits>
#include <nlohmann/json.hpp>

#include "libk8s/codec/encoding.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s {
namespace request {
namespace {

// Lists of a large cluster take longer than other requests; the server itself gives up after 60 s.
constexpr std::chrono::seconds kListTimeout{120};

// Path and query of a request, put together piece by piece.
class Target {
 public:
  Target(const Resource& resource, std::string_view ns) {
    text_ = resource.group.empty() ? "/api/" : "/apis/" + resource.group + "/";
    text_ += resource.version;
    if (resource.namespaced && !ns.empty()) segment("namespaces").segment(ns);
    segment(resource.plural);
  }

  Target& segment(std::string_view name) {
    if (!name.empty()) text_ += "/" + http::percent_encoded(name);
    return *this;
  }
  // Empty values are left out.
  Target& query(std::string_view key, std::string_view value) {
    if (value.empty()) return *this;
    text_ += has_query_ ? '&' : '?';
    has_query_ = true;
    text_ += key;
    text_ += '=';
    text_ += http::percent_encoded(value);
    return *this;
  }
  Target& query_if(bool wanted, std::string_view key, std::string_view value) {
    return wanted ? query(key, value) : *this;
  }
  Target& options(const WriteOptions& options) {
    return query("fieldManager", options.field_manager)
        .query_if(options.dry_run, "dryRun", "All")
        .query_if(options.strict, "fieldValidation", "Strict");
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  bool has_query_ = false;
};

http::Request plain(std::string method, Target& target) {
  http::Request request;
  request.method = std::move(method);
  request.target = target.take();
  request.headers.add("Accept", std::string(kAcceptJson));
  return request;
}

http::Request with_body(std::string method, Target& target, const nlohmann::json& body,
                        std::string_view content_type = "application/json") {
  http::Request request = plain(std::move(method), target);
  request.headers.add("Content-Type", std::string(content_type));
  request.body = json_text(body);
  return request;
}

std::string_view content_type(PatchType type) {
  switch (type) {
    case PatchType::kJson:
      return "application/json-patch+json";
    case PatchType::kMerge:
      return "application/merge-patch+json";
    case PatchType::kStrategicMerge:
      return "application/strategic-merge-patch+json";
    case PatchType::kApply:
      return "application/apply-patch+yaml";  // JSON is YAML
  }
  return "application/json";
}

// A resourceVersion of "" that was asked for is the same as none.
std::string_view text_of(const std::optional<std::string>& value) {
  return value ? std::string_view(*value) : std::string_view();
}

nlohmann::json delete_body(const DeleteOptions& options) {
  nlohmann::json body = {{"kind", "DeleteOptions"}, {"apiVersion", "v1"}};
  if (!options.uid.empty()) body["preconditions"]["uid"] = options.uid;
  if (!options.resource_version.empty())
    body["preconditions"]["resourceVersion"] = options.resource_version;
  if (!options.propagation.empty()) body["propagationPolicy"] = options.propagation;
  if (options.grace_seconds) body["gracePeriodSeconds"] = *options.grace_seconds;
  return body;
}

}  // namespace

http::Request get(const Resource& resource, std::string_view ns, std::string_view name) {
  return plain("GET", Target(resource, ns).segment(name));
}

http::Request list(const Resource& resource, std::string_view ns, const ListOptions& options) {
  Target target(resource, ns);
  target.query("labelSelector", options.label_selector)
      .query("fieldSelector", options.field_selector)
      .query_if(options.limit > 0, "limit", std::to_string(options.limit))
      .query("continue", options.continue_token);
  // A continue token holds its version; a second one is refused by the server.
  if (options.continue_token.empty()) {
    target.query("resourceVersion", text_of(options.resource_version))
        .query("resourceVersionMatch", options.resource_version_match);
  }
  http::Request request = plain("GET", target);
  if (options.protobuf) request.headers.set("Accept", std::string(kAcceptProtobuf));
  request.timeout = kListTimeout;
  return request;
}

http::Request watch(const Resource& resource, std::string_view ns, const WatchOptions& options) {
  Target target(resource, ns);
  target.query("watch", "true")
      .query("labelSelector", options.label_selector)
      .query("fieldSelector", options.field_selector)
      .query("resourceVersion", text_of(options.resource_version))
      .query_if(options.bookmarks, "allowWatchBookmarks", "true")
      .query_if(options.timeout.count() > 0, "timeoutSeconds",
                std::to_string(options.timeout.count()))
      .query_if(options.send_initial_events, "sendInitialEvents", "true")
      .query_if(options.send_initial_events, "resourceVersionMatch", "NotOlderThan");
  http::Request request = plain("GET", target);
  if (options.protobuf) request.headers.set("Accept", std::string(kAcceptProtobufWatch));
  request.timeout = {};
  // A stream has no size; each event has (codec/watch_stream).
  request.body_limit = std::numeric_limits<std::size_t>::max();
  return request;
}

http::Request create(const Resource& resource, std::string_view ns, const nlohmann::json& object,
                     const WriteOptions& options) {
  return with_body("POST", Target(resource, ns).options(options), object);
}

http::Request replace(const Resource& resource, std::string_view ns, std::string_view name,
                      std::string_view subresource, const nlohmann::json& object,
                      const WriteOptions& options) {
  Target target(resource, ns);
  return with_body("PUT", target.segment(name).segment(subresource).options(options), object);
}

http::Request patch(const Resource& resource, std::string_view ns, std::string_view name,
                    std::string_view subresource, PatchType type, const nlohmann::json& patch,
                    const WriteOptions& options) {
  Target target(resource, ns);
  target.segment(name).segment(subresource).options(options);
  target.query_if(type == PatchType::kApply && options.force, "force", "true");
  return with_body("PATCH", target, patch, content_type(type));
}

http::Request remove(const Resource& resource, std::string_view ns, std::string_view name,
                     const DeleteOptions& options) {
  return with_body("DELETE", Target(resource, ns).segment(name), delete_body(options));
}

http::Request post(const Resource& resource, std::string_view ns, std::string_view name,
                   std::string_view subresource, const nlohmann::json& body) {
  Target target(resource, ns);
  return with_body("POST", target.segment(name).segment(subresource), body);
}

}  // namespace request
}  // namespace k8s
