#include "libk8s/apiserver/core/reviews.hpp"

#include <nlohmann/json.hpp>

#include "libk8s/apiserver/core/body.hpp"
#include "libk8s/apiserver/core/rbac.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s::apiserver {
namespace {

using Json = nlohmann::json;

std::vector<std::string> strings(const Json& list) {
  std::vector<std::string> out;
  for (const Json& entry : list) {
    if (entry.is_string()) out.push_back(entry.get<std::string>());
  }
  return out;
}

Access access_of(const Json& spec, std::string user, std::vector<std::string> groups) {
  Access access;
  access.user = std::move(user);
  access.groups = std::move(groups);
  if (has(spec, "nonResourceAttributes")) {
    const auto& attributes = object_at(spec, "nonResourceAttributes");
    access.path = string_at(attributes, "path");
    access.verb = string_at(attributes, "verb");
    return access;
  }
  const auto& attributes = object_at(spec, "resourceAttributes");
  access.verb = string_at(attributes, "verb");
  access.ns = string_at(attributes, "namespace");
  access.group = string_at(attributes, "group");
  access.resource = string_at(attributes, "resource");
  access.subresource = string_at(attributes, "subresource");
  access.name = string_at(attributes, "name");
  return access;
}

Json decide(const Core& core, const Access& access) {
  const std::string why = allowed_by(core, access);
  Json status{{"allowed", !why.empty()}};
  if (!why.empty()) status["reason"] = why;
  return status;
}

Json rules_status(const Core& core, const Caller& caller, const std::string& ns) {
  Json resources = Json::array();
  Json urls = Json::array();
  for (Json& rule : rules_for(core, caller.user, caller.groups, ns)) {
    (has(rule, "nonResourceURLs") ? urls : resources).push_back(std::move(rule));
  }
  return {{"resourceRules", std::move(resources)},
          {"nonResourceRules", std::move(urls)},
          {"incomplete", false}};
}

Outcome<Json> status_of(const Core& core, const Call& call, const Json& object) {
  const Caller& caller = call.caller;
  const std::string& kind = call.type->kind;
  const auto& spec = object_at(object, "spec");
  if (kind == "SelfSubjectReview") {
    return Json{{"userInfo", {{"username", caller.user}, {"groups", caller.groups}}}};
  }
  if (kind == "SelfSubjectRulesReview") {
    return rules_status(core, caller, string_at(spec, "namespace"));
  }
  if (kind == "SelfSubjectAccessReview") {
    return decide(core, access_of(spec, caller.user, caller.groups));
  }
  if (kind == "SubjectAccessReview" || kind == "LocalSubjectAccessReview") {
    if (string_at(spec, "user").empty() && array_at(spec, "groups").empty()) {
      return invalid(
          call.type->subject(),
          {{"FieldValueRequired", "Required value: at least one of user or group must be specified",
            "spec.user"}});
    }
    Access access = access_of(spec, string_at(spec, "user"), strings(array_at(spec, "groups")));
    if (kind == "LocalSubjectAccessReview") access.ns = call.target.ns;
    return decide(core, access);
  }
  return not_implemented(kind + " is not answered by this server");
}

}  // namespace

Reply review(Core& core, Call& call) {
  auto parsed = read_body(call.request.headers.get("Content-Type"), call.request.body);
  if (!parsed) return error_reply(parsed.error());
  Json object = std::move(*parsed->value);
  auto check = check_envelope(call, object, call.type->api_version(), call.type->kind);
  if (!check) return error_reply(check.error());
  if (call.type->rules) {
    check = decode_object(call, object, std::move(parsed->duplicates));
    if (!check) return error_reply(check.error());
  }
  auto status = status_of(core, call, object);
  if (!status) return error_reply(status.error());
  object["metadata"]["creationTimestamp"] = nullptr;
  object["status"] = std::move(status).take();
  return object_reply(core, call, 201, object);
}

}  // namespace k8s::apiserver
