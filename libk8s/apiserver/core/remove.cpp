#include "libk8s/apiserver/core/remove.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "libk8s/apiserver/core/admission.hpp"
#include "libk8s/apiserver/core/body.hpp"
#include "libk8s/apiserver/core/filter.hpp"
#include "libk8s/codec/json.hpp"
#include "libk8s/codec/rfc3339.hpp"

namespace k8s::apiserver {
namespace {

constexpr std::array<std::string_view, 4> kEternalNamespaces = {"default", "kube-system",
                                                                "kube-public", "kube-node-lease"};
// Kinds whose DELETE answers with the object instead of a Status.
constexpr std::array<std::string_view, 6> kAnswerWithObject = {
    "pods",      "services", "persistentvolumeclaims", "persistentvolumes", "serviceaccounts",
    "namespaces"};

Check check_preconditions(const ResourceType& type, const ObjectPtr& stored,
                          const DeletePlan& plan) {
  const Subject subject = type.subject(stored->id().name);
  if (!plan.uid.empty() && plan.uid != stored->uid()) {
    return conflict(subject, "Precondition failed: UID in precondition: " + plan.uid +
                                 ", UID in object meta: " + stored->uid());
  }
  const std::string version = std::to_string(stored->revision());
  if (!plan.resource_version.empty() && plan.resource_version != version) {
    return conflict(
        subject, "Precondition failed: ResourceVersion in precondition: " + plan.resource_version +
                     ", ResourceVersion in object meta: " + version);
  }
  return Done{};
}

// Propagation is remembered as a finalizer, which the garbage collector acts on.
void set_propagation(nlohmann::json& object, const std::string& propagation) {
  if (propagation.empty()) return;
  remove_finalizer(object, kForegroundFinalizer);
  remove_finalizer(object, kOrphanFinalizer);
  if (propagation == "Foreground") add_finalizer(object, kForegroundFinalizer);
  if (propagation == "Orphan") add_finalizer(object, kOrphanFinalizer);
}

// How long an object may take to end. Only Pods that run somewhere get any time.
std::int64_t grace_of(const ResourceType& type, const nlohmann::json& object,
                      const DeletePlan& plan) {
  if (type.storage != "pods") return 0;
  const auto& spec = object_at(object, "spec");
  const std::string phase = string_at(object_at(object, "status"), "phase");
  if (string_at(spec, "nodeName").empty() || phase == "Succeeded" || phase == "Failed") return 0;
  return plan.grace_s.value_or(int_at(spec, "terminationGracePeriodSeconds", 30));
}

// Marks the object as being deleted, or shortens the time it has. False when nothing changes.
bool begin_deletion(const Core& core, const WriteContext& context, nlohmann::json& object,
                    std::int64_t grace_s, bool grace_given) {
  nlohmann::json& meta = object["metadata"];
  const WallTime now = core.options.now();
  if (is_deleting(object)) {
    const std::int64_t left = int_at(meta, "deletionGracePeriodSeconds");
    if (!grace_given || grace_s >= left) return false;
  } else if (has(meta, "generation")) {
    meta["generation"] = int_at(meta, "generation") + 1;
  }
  meta["deletionTimestamp"] = format_time(now + std::chrono::seconds(grace_s));
  meta["deletionGracePeriodSeconds"] = grace_s;
  if (context.type->storage == "namespaces") object["status"]["phase"] = "Terminating";
  if (context.type->storage == kCrdStorage) {
    set_condition(object,
                  {{"type", "Terminating"},
                   {"status", "True"},
                   {"reason", "InstanceDeletionPending"},
                   {"message", "CustomResource deletion is pending"}},
                  core.now_text());
  }
  return true;
}

bool is_held(const nlohmann::json& object) {
  return !array_at(object_at(object, "metadata"), "finalizers").empty() ||
         !array_at(object_at(object, "spec"), "finalizers").empty();
}

Reply deletion_reply(const Core& core, const Call& call, const Deletion& deletion) {
  const bool with_object =
      !deletion.gone ||
      std::ranges::find(kAnswerWithObject, call.type->storage) != kAnswerWithObject.end();
  if (with_object) return written_reply(core, call, 200, deletion.object);
  return status_reply(
      200, success_object(call.type->subject(deletion.object->id().name), deletion.object->uid()));
}

ApiError two_policies() {
  return invalid_options(
      "DeleteOptions", {"FieldValueInvalid",
                        "Invalid value: orphanDependents and propagationPolicy cannot be both set",
                        "propagationPolicy"});
}

Outcome<DeletePlan> read_plan(Call& call) {
  nlohmann::json options;
  if (!call.request.body.empty()) {
    auto parsed = read_body(call.request.headers.get("Content-Type"), call.request.body);
    if (!parsed) return parsed.error();
    options = std::move(*parsed->value);
    if (!options.is_object()) return bad_request("the body must be a DeleteOptions object");
    const std::string kind = string_at(options, "kind");
    if (!kind.empty() && kind != "DeleteOptions") {
      return bad_request("no kind \"" + kind +
                         "\" is expected in the body of a DELETE, only \"DeleteOptions\"");
    }
  }
  const auto& dry_run = array_at(options, "dryRun");
  call.dry_run = call.dry_run || std::ranges::find(dry_run, nlohmann::json("All")) != dry_run.end();
  return delete_plan(call.target.query, options);
}

}  // namespace

Outcome<DeletePlan> delete_plan(const Query& query, const nlohmann::json& options) {
  DeletePlan plan;
  auto grace = query.number("gracePeriodSeconds");
  if (!grace) return grace.error();
  plan.grace_s = *grace;
  plan.propagation = query.get("propagationPolicy");
  const bool orphans =
      query.has("orphanDependents") || (options.is_object() && has(options, "orphanDependents"));
  if (query.flag("orphanDependents")) plan.propagation = "Orphan";
  if (options.is_object()) {
    if (has(options, "gracePeriodSeconds"))
      plan.grace_s = int_at(options, "gracePeriodSeconds", -1);
    if (has(options, "propagationPolicy"))
      plan.propagation = string_at(options, "propagationPolicy");
    if (orphans && !plan.propagation.empty()) return two_policies();
    if (bool_at(options, "orphanDependents")) plan.propagation = "Orphan";
    const auto& preconditions = object_at(options, "preconditions");
    plan.uid = string_at(preconditions, "uid");
    plan.resource_version = string_at(preconditions, "resourceVersion");
  }
  // A negative grace period counts as one second, as in Kubernetes.
  if (plan.grace_s.value_or(0) < 0) plan.grace_s = 1;
  const std::string& policy = plan.propagation;
  if (!policy.empty() && policy != "Background" && policy != "Foreground" && policy != "Orphan") {
    return invalid_options("DeleteOptions",
                           {"FieldValueNotSupported",
                            "Unsupported value: \"" + policy +
                                "\": supported values: \"Foreground\", \"Background\", \"Orphan\"",
                            "propagationPolicy"});
  }
  return plan;
}

Outcome<Deletion> remove(Core& core, const WriteContext& context, const std::string& name,
                         const DeletePlan& plan) {
  const ObjectPtr stored = core.store->get(object_id(*context.type, context.ns, name));
  if (stored == nullptr) return not_found(context.type->subject(name));
  if (auto check = check_preconditions(*context.type, stored, plan); !check) return check.error();
  if (context.type->storage == "namespaces" &&
      std::ranges::find(kEternalNamespaces, name) != kEternalNamespaces.end()) {
    return forbidden(context.type->subject(name), "this namespace may not be deleted");
  }
  nlohmann::json object = View(*context.type, stored).json();
  const nlohmann::json before = object;
  set_propagation(object, plan.propagation);
  const std::int64_t grace = grace_of(*context.type, object, plan);
  // A Pod that was given no time of its own goes at once, even if it was given some before.
  const bool grace_given = plan.grace_s.has_value() || grace == 0;
  begin_deletion(core, context, object, grace, grace_given);
  const bool waits = int_at(object_at(object, "metadata"), "deletionGracePeriodSeconds") > 0;
  const bool gone = !waits && !is_held(object);
  if (!gone && object == before) return Deletion{stored, false};
  auto written = commit(core, context, stored->id(), std::move(object), gone);
  if (!written) return written.error();
  return Deletion{std::move(written).take(), gone};
}

Reply delete_object(Core& core, Call& call) {
  auto plan = read_plan(call);
  if (!plan) return error_reply(plan.error());
  auto deletion = remove(core, WriteContext::of(call), call.target.name, *plan);
  return deletion ? deletion_reply(core, call, *deletion) : error_reply(deletion.error());
}

Reply delete_collection(Core& core, Call& call) {
  auto plan = read_plan(call);
  if (!plan) return error_reply(plan.error());
  auto filter = Filter::from(call);
  if (!filter) return error_reply(filter.error());
  std::vector<ObjectPtr> chosen;
  for (const auto& [key, object] : core.store->all(call.type->storage)) {
    if (filter->matches(*call.type, object)) chosen.push_back(object);
  }
  WriteContext context = WriteContext::of(call);
  nlohmann::json items = nlohmann::json::array();
  for (const ObjectPtr& object : chosen) {
    context.ns = object->id().ns;
    auto deletion = remove(core, context, object->id().name, *plan);
    if (!deletion) {
      if (deletion.error().http == 404) continue;
      return error_reply(deletion.error());
    }
    // What has gone is shown as it was.
    items.push_back(View(*call.type, deletion->gone ? object : deletion->object).json());
  }
  return status_reply(200,
                      {{"kind", call.type->list_kind},
                       {"apiVersion", call.type->api_version()},
                       {"metadata", {{"resourceVersion", std::to_string(core.store->revision())}}},
                       {"items", std::move(items)}});
}

}  // namespace k8s::apiserver
