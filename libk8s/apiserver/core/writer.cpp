#include "libk8s/apiserver/core/writer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "libk8s/apiserver/core/admission.hpp"
#include "libk8s/apiserver/core/body.hpp"
#include "libk8s/apiserver/patch/apply.hpp"
#include "libk8s/apiserver/patch/patch.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s::apiserver {
namespace {

constexpr std::string_view kChangedMeanwhile =
    "the object has been modified; please apply your changes to the latest version and try again";

// Metadata that belongs to the server: taken from the stored object at every update.
constexpr const char* kServerMeta[] = {
    "uid",        "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
    "generation", "resourceVersion",   "selfLink"};

// Metadata of which nothing is the same as none.
constexpr const char* kCollections[] = {"labels", "annotations", "finalizers", "ownerReferences"};

void drop_empty_metadata(nlohmann::json& object) {
  auto& meta = object["metadata"];
  for (const char* key : kCollections) {
    const auto found = meta.find(key);
    if (found != meta.end() && found->empty()) meta.erase(found);
  }
}

void copy_or_erase(nlohmann::json& to, const nlohmann::json& from, const char* key) {
  const auto found = from.find(key);
  if (found == from.end()) {
    to.erase(key);
  } else {
    to[key] = *found;
  }
}

std::string random_suffix(const Core& core) {
  static constexpr std::string_view kLetters = "bcdfghjklmnpqrstvwxz2456789";
  std::string suffix;
  std::uint64_t bits = core.options.random();
  for (int i = 0; i < 5; ++i) {
    suffix += kLetters[bits % kLetters.size()];
    bits /= kLetters.size();
  }
  return suffix;
}

// The object's namespace must be the URL's; fills it in.
Check settle_namespace(const WriteContext& context, nlohmann::json& object) {
  auto& meta = object["metadata"];
  if (!context.type->namespaced) {
    meta.erase("namespace");
    return Done{};
  }
  const std::string given = string_at(meta, "namespace");
  if (!given.empty() && given != context.ns) {
    return bad_request(
        "the namespace of the provided object does not match the namespace sent on "
        "the request: \"" +
        given + "\" is not \"" + context.ns + "\"");
  }
  meta["namespace"] = context.ns;
  return Done{};
}

// Gives a new object its name; true when it was generated.
Outcome<bool> settle_name(const Core& core, const WriteContext& context, nlohmann::json& object) {
  constexpr std::size_t kLongestPrefix = 58;  // 63 less the suffix
  constexpr int kTries = 8;
  auto& meta = object["metadata"];
  // Protobuf clients send it empty.
  if (string_at(meta, "generateName").empty()) meta.erase("generateName");
  if (!string_at(meta, "name").empty()) return false;
  const std::string prefix = string_at(meta, "generateName").substr(0, kLongestPrefix);
  if (prefix.empty()) {
    return invalid(context.type->subject(),
                   {{"FieldValueRequired", "Required value: name or generateName is required",
                     "metadata.name"}});
  }
  for (int i = 0; i < kTries; ++i) {
    meta["name"] = prefix + random_suffix(core);
    const ObjectId id = object_id(*context.type, context.ns, string_at(meta, "name"));
    if (core.store->get(id) == nullptr) break;
  }
  return true;
}

void set_server_meta(const Core& core, nlohmann::json& object) {
  auto& meta = object["metadata"];
  for (const char* key : kServerMeta) meta.erase(key);
  meta["uid"] = core.random_uid();
  meta["creationTimestamp"] = core.now_text();
}

void track(const Core& core, const WriteContext& context, const nlohmann::json* old,
           nlohmann::json& fresh) {
  if (context.applied || context.manager.empty()) return;
  patch::track_update(
      old, fresh, context.type->rules->schema(),
      {context.manager, context.type->api_version(), context.subresource, core.now_text()});
}

// Who creates an object owns what they sent and its defaults, not what the server adds to it.
nlohmann::json owners_of_new(const Core& core, const WriteContext& context,
                             const nlohmann::json& object) {
  if (context.applied || context.manager.empty()) {
    const auto& meta = object_at(object, "metadata");
    return has(meta, "managedFields") ? meta["managedFields"] : nlohmann::json();
  }
  nlohmann::json sent = object;
  if (context.type->subresource("status") != nullptr) sent.erase("status");
  track(core, context, nullptr, sent);
  const auto& meta = object_at(sent, "metadata");
  return has(meta, "managedFields") ? meta["managedFields"] : nlohmann::json();
}

Check validate(const WriteContext& context, const nlohmann::json& object,
               const nlohmann::json* old) {
  const FieldErrors errors = context.type->rules->validate(object, old, context.part());
  if (errors.empty()) return Done{};
  return from_field_errors(context.type->subject(name_of(object)), errors);
}

// The caller's object must be the one that is stored: name, namespace, uid, resourceVersion.
Check check_identity(const WriteContext& context, const nlohmann::json& old,
                     const nlohmann::json& fresh) {
  const auto& meta = object_at(fresh, "metadata");
  const std::string name = name_of(old);
  const Subject subject = context.type->subject(name);
  if (const std::string given = string_at(meta, "name"); given != name) {
    return bad_request("the name of the object (" + given +
                       ") does not match the name on the URL (" + name + ")");
  }
  const std::string uid = string_at(object_at(old, "metadata"), "uid");
  if (const std::string given = string_at(meta, "uid"); !given.empty() && given != uid) {
    return conflict(subject, "Precondition failed: UID in precondition: " + given +
                                 ", UID in object meta: " + uid);
  }
  const std::string version = string_at(meta, "resourceVersion");
  if (version.empty() || version == "0") {
    if (context.type->unconditional_update) return Done{};
    return invalid(subject,
                   {{"FieldValueInvalid", "Invalid value: 0: must be specified for an update",
                     "metadata.resourceVersion"}});
  }
  if (version != string_at(object_at(old, "metadata"), "resourceVersion")) {
    return conflict(subject, kChangedMeanwhile);
  }
  return Done{};
}

// Nothing may be added to the finalizers once deletion has begun.
Check check_finalizers(const WriteContext& context, const nlohmann::json& old,
                       const nlohmann::json& fresh) {
  if (!is_deleting(old) || context.complete) return Done{};
  for (const auto& entry : array_at(object_at(fresh, "metadata"), "finalizers")) {
    if (entry.is_string() && !has_finalizer(old, entry.get_ref<const std::string&>())) {
      return invalid(context.type->subject(name_of(old)),
                     {{"FieldValueForbidden",
                       "Forbidden: no new finalizers can be added if the object is being deleted, "
                       "found new finalizer " +
                           json_text(entry),
                       "metadata.finalizers"}});
    }
  }
  return Done{};
}

// Deletion has begun, nothing holds the object, and no grace period is running.
bool can_go(const nlohmann::json& object) {
  const auto& meta = object_at(object, "metadata");
  const bool held = !array_at(meta, "finalizers").empty() ||
                    !array_at(object_at(object, "spec"), "finalizers").empty();
  return is_deleting(object) && !held && int_at(meta, "deletionGracePeriodSeconds") == 0;
}

Outcome<ObjectPtr> replace(Core& core, const WriteContext& context, const ObjectPtr& stored,
                           const nlohmann::json& old, nlohmann::json fresh) {
  if (auto check = settle_namespace(context, fresh); !check) return check.error();
  drop_empty_metadata(fresh);
  if (auto check = check_identity(context, old, fresh); !check) return check.error();
  if (auto check = check_finalizers(context, old, fresh); !check) return check.error();
  if (!context.complete) {
    for (const char* key : kServerMeta) {
      copy_or_erase(fresh["metadata"], object_at(old, "metadata"), key);
    }
  } else {
    copy_or_erase(fresh["metadata"], object_at(old, "metadata"), "resourceVersion");
  }
  const TypeRules& rules = *context.type->rules;
  // First: a default that was not sent is no change, and does not count as a new generation.
  rules.set_defaults(fresh);
  rules.prepare(fresh, &old, context.part());
  if (auto check = admit_update(core, context, old, fresh); !check) return check.error();
  if (auto check = validate(context, fresh, &old); !check) return check.error();
  track(core, context, &old, fresh);
  const bool removal = can_go(fresh);
  if (!removal && fresh == old) return stored;
  return commit(core, context, stored->id(), std::move(fresh), removal);
}

Check parse_and_decode(Call& call, nlohmann::json& object) {
  auto parsed = read_body(call.request.headers.get("Content-Type"), call.request.body);
  if (!parsed) return parsed.error();
  object = std::move(*parsed->value);
  if (auto check = check_envelope(call, object, call.type->api_version(), call.type->kind);
      !check) {
    return check;
  }
  return decode_object(call, object, std::move(parsed->duplicates));
}

bool patch_fits(const Call& call, BodyFormat format) {
  switch (format) {
    case BodyFormat::kJsonPatch:
    case BodyFormat::kMergePatch:
    case BodyFormat::kApplyPatch:
      return true;
    case BodyFormat::kStrategicPatch:
      return !call.type->custom;
    default:
      return false;
  }
}

Outcome<nlohmann::json> run_patch(const Call& call, BodyFormat format, const nlohmann::json& patch,
                                  const nlohmann::json& current) {
  Result<nlohmann::json> result =
      format == BodyFormat::kJsonPatch ? patch::json_patch(current, patch)
      : format == BodyFormat::kMergePatch
          ? patch::merge_patch(current, patch)
          : patch::strategic_merge(current, patch, call.type->rules->schema());
  if (!result) return from_status(result.status());
  return std::move(result).value();
}

ApiError apply_conflict(const Call& call, const std::vector<patch::Conflict>& conflicts) {
  const nlohmann::json status =
      patch::conflict_status(call.type->group, call.type->kind, call.target.name, conflicts);
  ApiError error = conflict({}, "");
  error.message = string_at(status, "message");
  for (const auto& cause : array_at(object_at(status, "details"), "causes")) {
    error.causes.push_back(
        {string_at(cause, "reason"), string_at(cause, "message"), string_at(cause, "field")});
  }
  return error;
}

// Server-side apply: merges the body into `live` (null: makes a new object).
Outcome<nlohmann::json> run_apply(const Core& core, Call& call, const nlohmann::json* live,
                                  const nlohmann::json& config) {
  patch::Writer writer{call.manager, call.type->api_version(), call.target.subresource,
                       core.now_text()};
  // Without a status subresource, status is a field like any other: applied and owned.
  writer.splits_status = call.type->subresource("status") != nullptr;
  auto applied = patch::apply(live, config, call.type->rules->schema(), writer,
                              call.target.query.flag("force"));
  if (!applied) return from_status(applied.status());
  if (!applied->conflicts.empty()) return apply_conflict(call, applied->conflicts);
  return std::move(*applied->object);
}

Outcome<ParsedBody> read_patch(const Call& call, BodyFormat format) {
  auto parsed = format == BodyFormat::kApplyPatch ? parse_yaml(call.request.body)
                                                  : parse_json(call.request.body);
  if (!parsed) return from_status(parsed.status());
  return std::move(parsed).value();
}

// What is applied must say what it is, and may hold nothing that would be lost without a word: who
// applies again would believe to own it.
Check check_configuration(const Call& call, const nlohmann::json& config) {
  for (const char* key : {"apiVersion", "kind"}) {
    if (config.is_object() && string_at(config, key).empty()) {
      return bad_request("invalid object type: " + std::string(key) + " is missing in the body");
    }
  }
  nlohmann::json known = config;
  Notes notes;
  if (Status status = call.type->rules->decode(known, &notes); !status.is_ok()) {
    return from_status(status);
  }
  if (notes.unknown.empty()) return Done{};
  return bad_request("failed to create typed patch object: ." + notes.unknown.front() +
                     ": field not declared in schema");
}

Reply apply_object(Core& core, Call& call, ParsedBody body) {
  nlohmann::json config = std::move(*body.value);
  if (auto check = check_configuration(call, config); !check) return error_reply(check.error());
  auto check = check_envelope(call, config, call.type->api_version(), call.type->kind);
  if (!check) return error_reply(check.error());
  check = decode_object(call, config, std::move(body.duplicates));
  if (!check) return error_reply(check.error());
  if (name_of(config).empty()) config["metadata"]["name"] = call.target.name;
  if (name_of(config) != call.target.name) {
    return error_reply(bad_request("the name of the object (" + name_of(config) +
                                   ") does not match the name on the URL (" + call.target.name +
                                   ")"));
  }
  WriteContext context = WriteContext::of(call);
  context.applied = true;
  const ObjectId id = object_id(*call.type, call.target.ns, call.target.name);
  if (core.store->get(id) == nullptr) {
    if (!call.target.subresource.empty()) {
      return error_reply(not_found(call.type->subject(call.target.name)));
    }
    // A uid says which object is meant; that one is gone, and must not come back as another.
    const std::string uid = string_at(object_at(config, "metadata"), "uid");
    if (!uid.empty()) {
      return error_reply(conflict(call.type->subject(call.target.name),
                                  "uid mismatch: the provided object specified uid " + uid +
                                      ", and no existing object was found"));
    }
    config["metadata"].erase("resourceVersion");  // as Kubernetes: it says nothing here
    auto made = run_apply(core, call, nullptr, config);
    if (!made) return error_reply(made.error());
    auto created = create(core, context, std::move(made).take());
    return created ? written_reply(core, call, 201, *created) : error_reply(created.error());
  }
  auto updated = update(core, context, call.target.name, [&](const nlohmann::json& current) {
    return run_apply(core, call, &current, config);
  });
  return updated ? written_reply(core, call, 200, *updated) : error_reply(updated.error());
}

}  // namespace

WriteContext WriteContext::internal(TypeRef type, std::string ns) {
  WriteContext context;
  context.type = std::move(type);
  context.ns = std::move(ns);
  context.complete = true;
  return context;
}

WriteContext WriteContext::of(const Call& call) {
  WriteContext context;
  context.type = call.type;
  context.ns = call.target.ns;
  context.manager = call.manager;
  context.subresource = call.target.subresource;
  context.dry_run = call.dry_run;
  return context;
}

Outcome<ObjectPtr> create(Core& core, const WriteContext& context, nlohmann::json object) {
  if (auto check = settle_namespace(context, object); !check) return check.error();
  drop_empty_metadata(object);
  if (!string_at(object_at(object, "metadata"), "resourceVersion").empty()) {
    return bad_request("resourceVersion should not be set on objects to be created");
  }
  auto generated = settle_name(core, context, object);
  if (!generated) return generated.error();
  set_server_meta(core, object);
  const TypeRules& rules = *context.type->rules;
  // Before anything is compared or owned, as if the caller had sent them.
  rules.set_defaults(object);
  nlohmann::json owners = owners_of_new(core, context, object);
  rules.prepare(object, nullptr, Part::kMain);
  if (auto check = admit_create(core, context, object); !check) return check.error();
  if (auto check = validate(context, object, nullptr); !check) return check.error();
  finish_create(core, context, object);
  object["metadata"].erase("managedFields");
  if (!owners.empty()) object["metadata"]["managedFields"] = std::move(owners);
  const ObjectId id = object_id(*context.type, context.ns, name_of(object));
  if (core.store->get(id) != nullptr) return already_exists(context.type->subject(id.name));
  return commit(core, context, id, std::move(object), false);
}

Outcome<ObjectPtr> update(Core& core, const WriteContext& context, const std::string& name,
                          const Transform& transform) {
  const ObjectPtr stored = core.store->get(object_id(*context.type, context.ns, name));
  if (stored == nullptr) return not_found(context.type->subject(name));
  const View old(*context.type, stored);
  auto fresh = transform(old.json());
  if (!fresh) return fresh.error();
  return replace(core, context, stored, old.json(), std::move(fresh).take());
}

Outcome<ObjectPtr> commit(Core& core, const WriteContext& context, const ObjectId& id,
                          nlohmann::json object, bool removal) {
  object = to_stored(*context.type, std::move(object));
  if (context.dry_run) {
    return ObjectPtr(std::make_shared<Stored>(id, core.store->revision(), std::move(object)));
  }
  auto written =
      removal ? core.store->remove(id, std::move(object)) : core.store->put(id, std::move(object));
  if (!written) return internal(written.status());
  if (id.resource == kCrdStorage) core.registry.refresh(*core.store);
  return std::move(written).value();
}

Reply written_reply(const Core& core, const Call& call, int http, const ObjectPtr& object) {
  const View view(*call.type, object);
  if (call.media.form != Form::kObject || call.media.protobuf) {
    return object_reply(core, call, http, view.json());
  }
  Reply reply;
  reply.response.status = http;
  reply.response.headers.set("Content-Type", "application/json");
  reply.response.body = view.text();
  add_warnings(reply.response, call.warnings);
  return reply;
}

Reply create_object(Core& core, Call& call) {
  if (call.type->terminating) {
    return error_reply(
        method_not_allowed("create not allowed while custom resource definition is terminating"));
  }
  nlohmann::json object;
  if (auto check = parse_and_decode(call, object); !check) return error_reply(check.error());
  auto created = create(core, WriteContext::of(call), std::move(object));
  return created ? written_reply(core, call, 201, *created) : error_reply(created.error());
}

Reply update_object(Core& core, Call& call) {
  nlohmann::json object;
  if (auto check = parse_and_decode(call, object); !check) return error_reply(check.error());
  const std::string& name = call.target.name;
  if (name_of(object).empty()) {
    return error_reply(bad_request("the name of the object (" + name +
                                   " based on URL) was undeterminable: name must be provided"));
  }
  const WriteContext context = WriteContext::of(call);
  const bool absent = core.store->get(object_id(*call.type, call.target.ns, name)) == nullptr;
  if (absent && call.type->create_on_update && call.target.subresource.empty() &&
      name_of(object) == name) {
    // As with apply: a uid says which object is meant, and that one is gone.
    const std::string uid = string_at(object_at(object, "metadata"), "uid");
    if (!uid.empty()) {
      return error_reply(
          conflict(call.type->subject(name),
                   "Precondition failed: UID in precondition: " + uid + ", UID in object meta: "));
    }
    object["metadata"].erase("resourceVersion");
    auto created = create(core, context, std::move(object));
    return created ? written_reply(core, call, 201, *created) : error_reply(created.error());
  }
  auto updated = update(core, context, name, [&](const nlohmann::json&) {
    return Outcome<nlohmann::json>(std::move(object));
  });
  return updated ? written_reply(core, call, 200, *updated) : error_reply(updated.error());
}

Reply patch_object(Core& core, Call& call) {
  const std::string_view given = call.request.headers.get("Content-Type");
  const BodyFormat format = body_format(given);
  if (given.empty() || !patch_fits(call, format)) {
    return error_reply(unsupported_media_type(
        given, call.type->custom
                   ? "application/json-patch+json, application/merge-patch+json, "
                     "application/apply-patch+yaml"
                   : "application/json-patch+json, application/merge-patch+json, "
                     "application/strategic-merge-patch+json, application/apply-patch+yaml"));
  }
  auto body = read_patch(call, format);
  if (!body) return error_reply(body.error());
  if (format == BodyFormat::kApplyPatch) return apply_object(core, call, std::move(body).take());
  auto updated =
      update(core, WriteContext::of(call), call.target.name,
             [&](const nlohmann::json& current) -> Outcome<nlohmann::json> {
               auto fresh = run_patch(call, format, *body->value, current);
               if (!fresh) return fresh;
               auto check = check_envelope(call, *fresh, call.type->api_version(), call.type->kind);
               if (check) check = decode_object(call, *fresh, body->duplicates);
               // What was patched is to blame, not the request as such.
               if (!check) return invalid_patch(check.error().message);
               return fresh;
             });
  return updated ? written_reply(core, call, 200, *updated) : error_reply(updated.error());
}

}  // namespace k8s::apiserver
