#include "libk8s/apiserver/core/subresources.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "libk8s/apiserver/core/admission.hpp"
#include "libk8s/apiserver/core/body.hpp"
#include "libk8s/apiserver/core/disruption.hpp"
#include "libk8s/apiserver/core/remove.hpp"
#include "libk8s/apiserver/core/writer.hpp"
#include "libk8s/apiserver/patch/patch.hpp"
#include "libk8s/codec/json.hpp"
#include "libk8s/codec/rfc3339.hpp"

namespace k8s::apiserver {
namespace {

using Json = nlohmann::json;

Subject pod_subject(const std::string& name) { return {"", "pods", "Pod", name}; }

// Reads the body of a subresource that has a kind of its own.
Outcome<Json> read_kind(Call& call, std::string_view api_version, std::string_view kind) {
  auto parsed = read_body(call.request.headers.get("Content-Type"), call.request.body);
  if (!parsed) return parsed.error();
  Json object = std::move(*parsed->value);
  if (auto check = check_envelope(call, object, api_version, kind); !check) return check.error();
  if (const TypeRulesRef rules = kinds::rules(api_version, kind)) {
    if (Status status = rules->decode(object, nullptr); !status.is_ok()) return from_status(status);
  }
  return object;
}

// ---- binding

Check check_bindable(const Json& pod, const std::string& uid, const std::string& version) {
  const Subject subject = pod_subject(name_of(pod));
  const auto& meta = object_at(pod, "metadata");
  if (!uid.empty() && uid != string_at(meta, "uid")) {
    return conflict(subject, "Precondition failed: UID in precondition: " + uid +
                                 ", UID in object meta: " + string_at(meta, "uid"));
  }
  if (!version.empty() && version != string_at(meta, "resourceVersion")) {
    return conflict(subject,
                    "Precondition failed: ResourceVersion in precondition: " + version +
                        ", ResourceVersion in object meta: " + string_at(meta, "resourceVersion"));
  }
  if (is_deleting(pod)) {
    return conflict(subject,
                    "pod " + subject.name + " is being deleted, cannot be assigned to a host");
  }
  const auto& spec = object_at(pod, "spec");
  if (const std::string node = string_at(spec, "nodeName"); !node.empty()) {
    return conflict(subject,
                    "pod " + subject.name + " is already assigned to node \"" + node + "\"");
  }
  if (!array_at(spec, "schedulingGates").empty()) {
    return conflict(subject, "pod " + subject.name + " has non-empty .spec.schedulingGates");
  }
  return Done{};
}

void assign(const Core& core, Json& pod, const Json& binding, const std::string& node) {
  pod["spec"]["nodeName"] = node;
  const auto& annotations = object_at(object_at(binding, "metadata"), "annotations");
  for (const auto& [key, value] : annotations.items()) pod["metadata"]["annotations"][key] = value;
  if (pod["status"].is_object()) pod["status"].erase("nominatedNodeName");
  set_condition(pod, {{"type", "PodScheduled"}, {"status", "True"}}, core.now_text());
}

// ---- eviction

// Says on a Pod that runs why it will go, for whoever sees it end. One that has not run yet, or has
// ended, is deleted without a word.
Check note_eviction(Core& core, const WriteContext& context, const ObjectPtr& pod) {
  const std::string phase = string_at(object_at(pod->json(), "status"), "phase");
  if (phase != "Running" || is_deleting(pod->json())) return Done{};
  Json noted = pod->json();
  set_condition(noted,
                {{"type", "DisruptionTarget"},
                 {"status", "True"},
                 {"reason", "EvictionByEvictionAPI"},
                 {"message", "Eviction API: evicting"}},
                core.now_text());
  auto written = commit(core, context, pod->id(), std::move(noted), false);
  if (!written) return written.error();
  return Done{};
}

// ---- logs

ApiError log_error(const Status& status) {
  ApiError error = status.http_status() != 0 ? from_status(status) : internal(status);
  if (status.http_status() != 0) return error;
  if (status.code() == Code::kNotFound) error.http = 404, error.reason = "NotFound";
  if (status.code() == Code::kInvalid) error.http = 400, error.reason = "BadRequest";
  if (status.code() == Code::kUnsupported) error.http = 501, error.reason = "NotImplemented";
  return error;
}

// The container whose log is meant; several and no name is the caller's mistake.
Outcome<std::string> log_container(const Json& pod, const std::string& given) {
  std::vector<std::string> names;
  std::string choices;
  for (const char* list : {"containers", "initContainers"}) {
    for (const auto& container : array_at(object_at(pod, "spec"), list)) {
      names.push_back(string_at(container, "name"));
      choices += (choices.empty() ? "" : " ") + names.back();
    }
  }
  const std::string pod_name = name_of(pod);
  if (given.empty()) {
    if (array_at(object_at(pod, "spec"), "containers").size() == 1) return names.front();
    return bad_request("a container name must be specified for pod " + pod_name +
                       ", choose one of: [" + choices + "]");
  }
  if (std::ranges::find(names, given) == names.end()) {
    return bad_request("container " + given + " is not valid for pod " + pod_name);
  }
  return given;
}

Check read_log_numbers(const Query& query, LogRequest& request) {
  auto tail = query.number("tailLines");
  if (!tail) return tail.error();
  auto since = query.number("sinceSeconds");
  if (!since) return since.error();
  auto limit = query.number("limitBytes");
  if (!limit) return limit.error();
  request.tail_lines = *tail;
  request.since_seconds = *since;
  request.limit_bytes = *limit;
  if (const std::string time = query.get("sinceTime"); !time.empty()) {
    auto parsed = parse_time(time);
    if (!parsed) return bad_request("sinceTime: " + parsed.status().message());
    if (request.since_seconds) {
      return bad_request("at most one of `sinceTime` or `sinceSeconds` may be specified");
    }
    request.since_time = *parsed;
  }
  return Done{};
}

// ---- scale

// The value at a dotted path, or null.
const Json* at_path(const Json& object, std::string_view path) {
  const Json* at = &object;
  while (!path.empty()) {
    const std::size_t dot = path.find('.');
    if (!at->is_object()) return nullptr;
    const auto found = at->find(std::string(path.substr(0, dot)));
    if (found == at->end()) return nullptr;
    at = &*found;
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return at;
}

void set_path(Json& object, std::string_view path, Json value) {
  Json* at = &object;
  while (true) {
    const std::size_t dot = path.find('.');
    if (!at->is_object()) *at = Json::object();
    at = &(*at)[std::string(path.substr(0, dot))];
    if (dot == std::string_view::npos) break;
    path = path.substr(dot + 1);
  }
  *at = std::move(value);
}

std::int64_t int_path(const Json& object, const std::string& path) {
  const Json* found = path.empty() ? nullptr : at_path(object, path);
  return found != nullptr && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

// The Scale (autoscaling/v1) that stands for a custom resource.
Json scale_of(const Json& object, const ScalePaths& paths) {
  const auto& meta = object_at(object, "metadata");
  Json shown = Json::object();
  for (const char* key : {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"}) {
    if (has(meta, key)) shown[key] = meta[key];
  }
  Json result{{"kind", "Scale"},
              {"apiVersion", "autoscaling/v1"},
              {"metadata", std::move(shown)},
              {"spec", {{"replicas", int_path(object, paths.spec_replicas)}}},
              {"status", {{"replicas", int_path(object, paths.status_replicas)}}}};
  const Json* selector =
      paths.label_selector.empty() ? nullptr : at_path(object, paths.label_selector);
  if (selector != nullptr && selector->is_string()) result["status"]["selector"] = *selector;
  return result;
}

// The Scale that the request asks for: the body of a PUT, or the patched present one.
Outcome<Json> wanted_scale(Call& call, const Json& present) {
  if (call.request.method == "PUT") return read_kind(call, "autoscaling/v1", "Scale");
  const BodyFormat format = body_format(call.request.headers.get("Content-Type"));
  auto patch = parse_json(call.request.body);
  if (!patch) return from_status(patch.status());
  if (format != BodyFormat::kMergePatch && format != BodyFormat::kJsonPatch) {
    return unsupported_media_type(call.request.headers.get("Content-Type"),
                                  "application/json-patch+json, application/merge-patch+json");
  }
  auto patched = format == BodyFormat::kMergePatch ? patch::merge_patch(present, *patch->value)
                                                   : patch::json_patch(present, *patch->value);
  if (!patched) return from_status(patched.status());
  return std::move(patched).value();
}

Outcome<Json> rescaled(Call& call, const Json& current) {
  const ScalePaths& paths = *call.type->scale;
  auto wanted = wanted_scale(call, scale_of(current, paths));
  if (!wanted) return wanted.error();
  const Json* replicas = find(*wanted, {"spec", "replicas"});
  if (replicas == nullptr || !replicas->is_number_integer() || replicas->get<std::int64_t>() < 0) {
    return invalid({"autoscaling", "scales", "Scale", call.target.name},
                   {{"FieldValueInvalid",
                     "Invalid value: " + (replicas ? json_text(*replicas) : std::string("null")) +
                         ": must be a whole number of at least 0",
                     "spec.replicas"}});
  }
  const std::string version = string_at(object_at(*wanted, "metadata"), "resourceVersion");
  Json fresh = current;
  if (!version.empty()) fresh["metadata"]["resourceVersion"] = version;
  set_path(fresh, paths.spec_replicas, *replicas);
  return fresh;
}

}  // namespace

Reply bind_pod(Core& core, Call& call) {
  auto binding = read_kind(call, "v1", "Binding");
  if (!binding) return error_reply(binding.error());
  const std::string given = name_of(*binding);
  const std::string name = call.target.resource == "pods" ? call.target.name : given;
  if (!given.empty() && given != name) {
    return error_reply(bad_request("the name of the object (" + given +
                                   ") does not match the name on the URL (" + name + ")"));
  }
  const auto& target = object_at(*binding, "target");
  const std::string kind = string_at(target, "kind");
  const std::string node = string_at(target, "name");
  if ((!kind.empty() && kind != "Node") || node.empty()) {
    return error_reply(invalid(
        {"", "bindings", "Binding", name},
        {node.empty() ? Cause{"FieldValueRequired", "Required value", "target.name"}
                      : Cause{"FieldValueNotSupported",
                              "Unsupported value: \"" + kind + "\": supported values: \"Node\"",
                              "target.kind"}}));
  }
  const ObjectPtr stored = core.store->get({"pods", call.target.ns, name});
  if (stored == nullptr) return error_reply(not_found(pod_subject(name)));
  const auto& meta = object_at(*binding, "metadata");
  auto check =
      check_bindable(stored->json(), string_at(meta, "uid"), string_at(meta, "resourceVersion"));
  if (!check) return error_reply(check.error());
  Json pod = stored->json();
  assign(core, pod, *binding, node);
  WriteContext context = WriteContext::of(call);
  context.type = core.registry.find("", "v1", "pods");
  auto written = commit(core, context, stored->id(), std::move(pod), false);
  if (!written) return error_reply(written.error());
  return status_reply(201, {{"kind", "Status"},
                            {"apiVersion", "v1"},
                            {"metadata", Json::object()},
                            {"status", "Success"},
                            {"code", 201}});
}

Reply evict_pod(Core& core, Call& call) {
  auto eviction = read_kind(call, "policy/v1", "Eviction");
  if (!eviction) return error_reply(eviction.error());
  auto plan = delete_plan(call.target.query, object_at(*eviction, "deleteOptions"));
  if (!plan) return error_reply(plan.error());
  if (const std::string given = name_of(*eviction); !given.empty() && given != call.target.name) {
    return error_reply(bad_request("name in URL does not match name in Eviction object: " +
                                   call.target.name + " is not " + given));
  }
  const ObjectPtr pod = core.store->get({"pods", call.target.ns, call.target.name});
  if (pod == nullptr) return error_reply(not_found(pod_subject(call.target.name)));
  const auto& dry_run = array_at(object_at(*eviction, "deleteOptions"), "dryRun");
  call.dry_run = call.dry_run || !dry_run.empty();
  if (auto check = take_disruption(core, pod, call.dry_run); !check) {
    return error_reply(check.error());
  }
  WriteContext context = WriteContext::of(call);
  context.type = core.registry.find("", "v1", "pods");
  if (!call.dry_run) {
    if (auto check = note_eviction(core, context, pod); !check) return error_reply(check.error());
  }
  auto deletion = remove(core, context, call.target.name, *plan);
  if (!deletion) return error_reply(deletion.error());
  return status_reply(201, {{"kind", "Status"},
                            {"apiVersion", "v1"},
                            {"metadata", Json::object()},
                            {"status", "Success"},
                            {"code", 201}});
}

Reply pod_log(Core& core, const Call& call) {
  const ObjectPtr pod = core.store->get({"pods", call.target.ns, call.target.name});
  if (pod == nullptr) return error_reply(not_found(pod_subject(call.target.name)));
  const Query& query = call.target.query;
  auto container = log_container(pod->json(), query.get("container"));
  if (!container) return error_reply(container.error());
  LogRequest request;
  request.ns = call.target.ns;
  request.pod = call.target.name;
  request.container = *container;
  request.pod_uid = pod->uid();
  request.follow = query.flag("follow");
  request.previous = query.flag("previous");
  request.timestamps = query.flag("timestamps");
  if (auto check = read_log_numbers(query, request); !check) return error_reply(check.error());
  if (core.options.logs == nullptr) {
    return error_reply(not_implemented("this server has no node to read logs from"));
  }
  auto stream = core.options.logs->open(request);
  if (!stream) return error_reply(log_error(stream.status()));
  Reply reply;
  reply.response.status = 200;
  reply.response.headers.set("Content-Type", "text/plain; charset=utf-8");
  reply.stream = std::move(stream).value();
  return reply;
}

Reply scale(Core& core, Call& call) {
  if (call.request.method == "GET") {
    const ObjectPtr object =
        core.store->get(object_id(*call.type, call.target.ns, call.target.name));
    if (object == nullptr) return error_reply(not_found(call.type->subject(call.target.name)));
    return status_reply(200, scale_of(View(*call.type, object).json(), *call.type->scale));
  }
  auto updated = update(core, WriteContext::of(call), call.target.name,
                        [&](const Json& current) { return rescaled(call, current); });
  if (!updated) return error_reply(updated.error());
  return status_reply(200, scale_of(View(*call.type, *updated).json(), *call.type->scale));
}

Reply finalize_namespace(Core& core, Call& call) {
  auto object = read_kind(call, "v1", "Namespace");
  if (!object) return error_reply(object.error());
  auto updated = update(core, WriteContext::of(call), call.target.name, [&](const Json& current) {
    Json fresh = current;
    const auto& meta = object_at(*object, "metadata");
    for (const char* key : {"name", "uid", "resourceVersion"}) {
      if (has(meta, key)) fresh["metadata"][key] = meta[key];
    }
    fresh["spec"]["finalizers"] = array_at(object_at(*object, "spec"), "finalizers");
    return Outcome<Json>(std::move(fresh));
  });
  return updated ? written_reply(core, call, 200, *updated) : error_reply(updated.error());
}

}  // namespace k8s::apiserver
