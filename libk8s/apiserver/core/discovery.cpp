#include "libk8s/apiserver/core/discovery.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"

namespace k8s::apiserver {
namespace {

using Json = nlohmann::json;

std::string group_version(const std::string& group, const std::string& version) {
  return group.empty() ? version : group + "/" + version;
}

const Registry::Group* find_group(const Core& core, std::string_view name) {
  const auto& groups = core.registry.groups();
  const auto found = std::ranges::find(groups, name, &Registry::Group::name);
  return found == groups.end() ? nullptr : &*found;
}

void set_if(Json& object, const char* key, const std::vector<std::string>& list) {
  if (!list.empty()) object[key] = list;
}

// ---- the lists per group and version

Json resource_entry(const ResourceType& type) {
  Json entry{{"name", type.plural},
             {"singularName", type.singular},
             {"namespaced", type.namespaced},
             {"kind", type.kind},
             {"verbs", type.verbs}};
  set_if(entry, "shortNames", type.short_names);
  set_if(entry, "categories", type.categories);
  return entry;
}

Json subresource_entry(const ResourceType& type, const kinds::Subresource& sub) {
  Json entry{{"name", type.plural + "/" + sub.name},
             {"singularName", ""},
             {"namespaced", type.namespaced},
             {"kind", sub.kind.empty() ? type.kind : sub.kind},
             {"verbs", sub.verbs}};
  if (!sub.group.empty()) entry["group"] = sub.group;
  if (!sub.version.empty()) entry["version"] = sub.version;
  return entry;
}

Json resource_list(const std::string& group, const Registry::Version& version) {
  Json resources = Json::array();
  for (const TypeRef& type : version.types) {
    resources.push_back(resource_entry(*type));
    for (const auto& sub : type->subresources) resources.push_back(subresource_entry(*type, sub));
  }
  return {{"kind", "APIResourceList"},
          {"apiVersion", "v1"},
          {"groupVersion", group_version(group, version.name)},
          {"resources", std::move(resources)}};
}

Json group_entry(const Registry::Group& group) {
  Json versions = Json::array();
  for (const Registry::Version& version : group.versions) {
    versions.push_back(
        {{"groupVersion", group_version(group.name, version.name)}, {"version", version.name}});
  }
  return {{"name", group.name}, {"versions", versions}, {"preferredVersion", versions.front()}};
}

Json group_list(const Core& core) {
  Json groups = Json::array();
  for (const Registry::Group& group : core.registry.groups()) {
    if (!group.name.empty()) groups.push_back(group_entry(group));
  }
  return {{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(groups)}};
}

Json core_versions() {
  return {
      {"kind", "APIVersions"}, {"versions", {"v1"}}, {"serverAddressByClientCIDRs", Json::array()}};
}

// ---- the aggregated document

Json response_kind(const std::string& group, const std::string& version, const std::string& kind) {
  return {{"group", group}, {"version", version}, {"kind", kind}};
}

Json aggregated_resource(const ResourceType& type) {
  Json entry{{"resource", type.plural},
             {"responseKind", response_kind(type.group, type.version, type.kind)},
             {"scope", type.namespaced ? "Namespaced" : "Cluster"},
             {"singularResource", type.singular},
             {"verbs", type.verbs}};
  set_if(entry, "shortNames", type.short_names);
  set_if(entry, "categories", type.categories);
  for (const auto& sub : type.subresources) {
    const bool own = sub.kind.empty();
    entry["subresources"].push_back(
        {{"subresource", sub.name},
         {"responseKind",
          own ? response_kind(type.group, type.version, type.kind)
              : response_kind(sub.group, sub.version.empty() ? type.version : sub.version,
                              sub.kind)},
         {"verbs", sub.verbs}});
  }
  return entry;
}

Json aggregated_group(const Registry::Group& group) {
  Json versions = Json::array();
  for (const Registry::Version& version : group.versions) {
    Json resources = Json::array();
    for (const TypeRef& type : version.types) resources.push_back(aggregated_resource(*type));
    versions.push_back(
        {{"version", version.name}, {"freshness", "Current"}, {"resources", std::move(resources)}});
  }
  Json meta = Json::object();
  if (!group.name.empty()) meta["name"] = group.name;
  meta["creationTimestamp"] = nullptr;
  return {{"metadata", std::move(meta)}, {"versions", std::move(versions)}};
}

Json aggregated(const Core& core, bool legacy_api, const std::string& version) {
  Json items = Json::array();
  for (const Registry::Group& group : core.registry.groups()) {
    if (group.name.empty() == legacy_api) items.push_back(aggregated_group(group));
  }
  return {{"kind", "APIGroupDiscoveryList"},
          {"apiVersion", "apidiscovery.k8s.io/" + version},
          {"metadata", Json::object()},
          {"items", std::move(items)}};
}

// The version of the aggregated document that the client prefers; "" for the old lists.
std::string aggregated_version(const http::Request& request) {
  for (const MediaRange& range : parse_accept(request.headers.get("Accept"))) {
    if (range.type != "application/json") continue;
    if (range.as.empty()) return {};
    const bool asked = range.as == "APIGroupDiscoveryList" && range.group == "apidiscovery.k8s.io";
    if (asked && (range.version == "v2" || range.version == "v2beta1")) return range.version;
  }
  return {};
}

// Adds an ETag, and answers 304 when the client has this very text.
Reply with_etag(const http::Request& request, http::Response response, const std::string& tag) {
  const std::string quoted = "\"" + tag + "\"";
  response.headers.set("ETag", quoted);
  response.headers.set("Vary", "Accept");
  if (request.headers.get("If-None-Match") == quoted) {
    response.status = 304;
    response.body.clear();
  }
  return {std::move(response), nullptr};
}

std::string text_hash(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return std::to_string(hash);
}

Reply aggregated_reply(const Core& core, const http::Request& request, bool legacy_api,
                       const std::string& version) {
  http::Response response = json_response(200, aggregated(core, legacy_api, version));
  response.headers.set("Content-Type", "application/json;g=apidiscovery.k8s.io;v=" + version +
                                           ";as=APIGroupDiscoveryList");
  const std::string tag = text_hash(response.body);
  return with_etag(request, std::move(response), tag);
}

Reply root_paths(const Core& core) {
  Json paths = {"/api",        "/api/v1",     "/apis",   "/healthz", "/livez",
                "/openapi/v2", "/openapi/v3", "/readyz", "/version"};
  for (const Registry::Group& group : core.registry.groups()) {
    if (group.name.empty()) continue;
    paths.push_back("/apis/" + group.name);
    for (const auto& version : group.versions) {
      paths.push_back("/apis/" + group.name + "/" + version.name);
    }
  }
  return status_reply(200, {{"paths", std::move(paths)}});
}

Reply version_reply(const Core& core) {
  const std::string& version = core.options.version;  // "v1.36.3"
  const std::size_t first = version.find('.');
  const std::size_t second = version.find('.', first + 1);
  return status_reply(200, {{"major", version.substr(1, first - 1)},
                            {"minor", version.substr(first + 1, second - first - 1)},
                            {"gitVersion", version},
                            {"gitCommit", ""},
                            {"gitTreeState", "clean"},
                            {"buildDate", "1970-01-01T00:00:00Z"},
                            {"goVersion", "none"},
                            {"compiler", "gcc"},
                            {"platform", "linux/amd64"}});
}

Reply plain_text(std::string text) {
  Reply reply;
  reply.response.status = 200;
  reply.response.headers.set("Content-Type", "text/plain; charset=utf-8");
  reply.response.body = std::move(text);
  return reply;
}

// ---- OpenAPI

// Clients ask for ...spec.v2@v1.0+protobuf, which is no valid media type to answer with.
constexpr std::string_view kV2ProtobufAnswer =
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

Reply document(const http::Request& request, const std::string& text, std::string_view type,
               const std::string& tag) {
  http::Response response;
  response.status = 200;
  response.headers.set("Content-Type", std::string(type));
  response.body = text;
  return with_etag(request, std::move(response), tag);
}

Reply openapi_v2(Core& core, const http::Request& request) {
  auto& documents = core.registry.openapi();
  const std::string_view accept = request.headers.get("Accept");
  if (accept.find("proto-openapi.spec.v2") != std::string_view::npos) {
    const std::string& text = documents.v2_protobuf();
    return document(request, text, kV2ProtobufAnswer, text_hash(text));
  }
  const std::string& text = documents.v2_json();
  return document(request, text, "application/json", text_hash(text));
}

std::optional<Reply> openapi_v3(Core& core, const http::Request& request, const Target& target) {
  auto& documents = core.registry.openapi();
  const std::string_view accept = request.headers.get("Accept");
  const bool only_protobuf = accept.find(openapi::kV3ProtobufType) != std::string_view::npos &&
                             accept.find("application/json") == std::string_view::npos;
  if (only_protobuf) return error_reply(not_acceptable("application/json"));
  if (target.segments.size() == 2) {
    const std::string& index = documents.v3_index();
    return document(request, index, "application/json", text_hash(index));
  }
  std::string path = target.segments[2];
  for (std::size_t i = 3; i < target.segments.size(); ++i) path += "/" + target.segments[i];
  const std::string* text = documents.v3(path);
  if (text == nullptr) return std::nullopt;
  return document(request, *text, "application/json", documents.v3_hash(path));
}

// ---- the routes

std::optional<Reply> api_reply(const Core& core, const http::Request& request,
                               const Target& target) {
  const auto& segments = target.segments;
  const bool legacy = segments[0] == "api";
  if (segments.size() == 1) {
    const std::string version = aggregated_version(request);
    if (!version.empty()) return aggregated_reply(core, request, legacy, version);
    return status_reply(200, legacy ? core_versions() : group_list(core));
  }
  const Registry::Group* group = find_group(core, legacy ? "" : segments[1]);
  if (group == nullptr) return std::nullopt;
  if (!legacy && segments.size() == 2) {
    Json entry = group_entry(*group);
    entry["kind"] = "APIGroup";
    entry["apiVersion"] = "v1";
    return status_reply(200, entry);
  }
  const std::size_t version_at = legacy ? 1 : 2;
  if (segments.size() != version_at + 1) return std::nullopt;
  const auto version =
      std::ranges::find(group->versions, segments[version_at], &Registry::Version::name);
  if (version == group->versions.end()) return std::nullopt;
  return status_reply(200, resource_list(group->name, *version));
}

bool is_health(const std::string& first) {
  return first == "healthz" || first == "livez" || first == "readyz";
}

}  // namespace

std::optional<Reply> discovery_reply(Core& core, const http::Request& request,
                                     const Target& target) {
  const auto& segments = target.segments;
  const std::string first = segments.empty() ? std::string() : segments[0];
  const bool known = segments.empty() || first == "api" || first == "apis" || is_health(first) ||
                     first == "version" || first == "openapi";
  if (!known) return std::nullopt;
  if (request.method != "GET" && request.method != "HEAD") {
    return error_reply(method_not_allowed("this path can only be read (GET)"));
  }
  if (segments.empty()) return root_paths(core);
  if (first == "api" || first == "apis") return api_reply(core, request, target);
  if (is_health(first)) return plain_text("ok");
  if (first == "version" && segments.size() == 1) return version_reply(core);
  if (target.path == "/openapi/v2") return openapi_v2(core, request);
  if (segments.size() >= 2 && segments[1] == "v3") return openapi_v3(core, request, target);
  return std::nullopt;
}

}  // namespace k8s::apiserver
