#include "libk8s/apiserver/openapi/paths.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace k8s::apiserver::openapi {
namespace {

Json parameter(Form form, const char* name, const char* in, const char* type, const char* about) {
  Json made = {{"name", name}, {"in", in}, {"description", about}};
  if (std::string_view(in) == "path") made["required"] = true;
  if (form == Form::kV2) {
    made["type"] = type;
    made["uniqueItems"] = true;
  } else {
    made["schema"] = {{"type", type}, {"uniqueItems", true}};
  }
  return made;
}

// What every write takes. Clients look here to learn whether the server knows them.
Json write_parameters(Form form, bool patch) {
  Json list = Json::array(
      {parameter(form, "dryRun", "query", "string", "All: nothing is stored."),
       parameter(form, "fieldManager", "query", "string", "Who owns the fields written."),
       parameter(form, "fieldValidation", "query", "string",
                 "What to do with unknown and doubled fields: Ignore, Warn or Strict.")});
  if (patch) {
    list.push_back(parameter(form, "force", "query", "boolean",
                             "Take fields over from their owners (apply only)."));
  }
  return list;
}

Json delete_parameters(Form form) {
  return Json::array(
      {parameter(form, "dryRun", "query", "string", "All: nothing is deleted."),
       parameter(form, "gracePeriodSeconds", "query", "integer", "Seconds before it is gone."),
       parameter(form, "propagationPolicy", "query", "string",
                 "What happens to what it owns: Orphan, Background or Foreground.")});
}

Json list_parameters(Form form) {
  return Json::array(
      {parameter(form, "labelSelector", "query", "string", "Only objects with these labels."),
       parameter(form, "fieldSelector", "query", "string", "Only objects with these values."),
       parameter(form, "limit", "query", "integer", "At most so many objects."),
       parameter(form, "continue", "query", "string", "Where the last answer ended."),
       parameter(form, "resourceVersion", "query", "string", "How old the answer may be."),
       parameter(form, "watch", "query", "boolean", "Go on with every change.")});
}

Json responses(Form form, const std::string& type) {
  Json ref = {{"$ref", reference(form, type)}};
  Json ok = {{"description", "OK"}};
  if (form == Form::kV2) {
    ok["schema"] = std::move(ref);
  } else {
    ok["content"] = {{"application/json", {{"schema", std::move(ref)}}}};
  }
  return {{"200", std::move(ok)}};
}

void add_body(Form form, Json& operation, const std::string& type,
              const std::vector<const char*>& media) {
  Json schema = type.empty() ? Json{{"type", "object"}} : Json{{"$ref", reference(form, type)}};
  if (form == Form::kV2) {
    operation["consumes"] = media;
    operation["parameters"].push_back(
        {{"name", "body"}, {"in", "body"}, {"required", true}, {"schema", std::move(schema)}});
    return;
  }
  for (const char* m : media) operation["requestBody"]["content"][m] = {{"schema", schema}};
  operation["requestBody"]["required"] = true;
}

class PathMaker {
 public:
  PathMaker(const Served& served, Form form, Json& paths)
      : served_(served), form_(form), paths_(paths) {}

  void run() {
    const std::string root = "/" + served_.document();
    const std::string scope = served_.namespaced ? "/namespaces/{namespace}" : "";
    const std::string list = root + scope + "/" + served_.plural;
    collection(list);
    if (served_.review) return;
    if (served_.namespaced) {
      paths_[root + "/" + served_.plural] = {{"get", get("list", list_type_name(served_))}};
    }
    object(list + "/{name}");
    if (served_.status) object(list + "/{name}/status", true);
  }

 private:
  bool can(std::string_view verb) const {
    return std::find(served_.verbs.begin(), served_.verbs.end(), verb) != served_.verbs.end();
  }

  Json operation(const char* action, const std::string& result) const {
    std::string tag = served_.group.substr(0, served_.group.find('.'));
    Json made = {{"x-kubernetes-action", action},
                 {kGvk, gvk(served_.group, served_.version, served_.kind)},
                 {"responses", responses(form_, result)},
                 {"tags", {(tag.empty() ? "core" : tag) + "_" + served_.version}}};
    if (form_ == Form::kV2) made["produces"] = {"application/json"};
    return made;
  }

  Json get(const char* action, const std::string& result) const {
    Json made = operation(action, result);
    if (std::string_view(action) == "list") made["parameters"] = list_parameters(form_);
    return made;
  }

  Json write(const char* action) const {
    Json made = operation(action, served_.type_name);
    bool patch = std::string_view(action) == "patch";
    made["parameters"] = write_parameters(form_, patch);
    if (patch) {
      std::vector<const char*> media = {"application/json-patch+json",
                                        "application/merge-patch+json",
                                        "application/apply-patch+yaml"};
      if (!served_.custom) media.push_back("application/strategic-merge-patch+json");
      add_body(form_, made, "", media);
    } else {
      add_body(form_, made, served_.type_name, {"application/json"});
    }
    return made;
  }

  Json path_parameters(bool named) const {
    Json list = Json::array();
    if (named) list.push_back(parameter(form_, "name", "path", "string", "Name of the object."));
    if (served_.namespaced) {
      list.push_back(parameter(form_, "namespace", "path", "string", "Namespace of the object."));
    }
    return list;
  }

  void collection(const std::string& path) {
    Json item = {{"parameters", path_parameters(false)}};
    if (can("list")) item["get"] = get("list", list_type_name(served_));
    if (can("create")) item["post"] = write("post");
    if (can("deletecollection")) {
      item["delete"] = operation("deletecollection", "io.k8s.apimachinery.pkg.apis.meta.v1.Status");
      item["delete"]["parameters"] = delete_parameters(form_);
    }
    paths_[path] = std::move(item);
  }

  void object(const std::string& path, bool status = false) {
    Json item = {{"parameters", path_parameters(true)}};
    if (can("get")) item["get"] = get("get", served_.type_name);
    if (can("update")) item["put"] = write("put");
    if (can("patch")) item["patch"] = write("patch");
    if (can("delete") && !status) {
      item["delete"] = operation("delete", "io.k8s.apimachinery.pkg.apis.meta.v1.Status");
      item["delete"]["parameters"] = delete_parameters(form_);
    }
    paths_[path] = std::move(item);
  }

  const Served& served_;
  Form form_;
  Json& paths_;
};

}  // namespace

std::string list_type_name(const Served& served) {
  std::size_t dot = served.type_name.rfind('.');
  return served.type_name.substr(0, dot + 1) + served.list_kind;
}

Json list_json(const Served& served, Form form) {
  Json metadata = {{"$ref", reference(form, kListMeta)}};
  if (form == Form::kV3) metadata = {{"allOf", Json::array({metadata})}};
  Json items = {{"type", "array"},
                {"description", "The objects."},
                {"items", {{"$ref", reference(form, served.type_name)}}}};
  return {{"type", "object"},
          {"description", "A list of " + served.kind + " objects."},
          {"required", {"items"}},
          {"properties",
           {{"apiVersion", {{"type", "string"}}},
            {"kind", {{"type", "string"}}},
            {"metadata", std::move(metadata)},
            {"items", std::move(items)}}},
          {kGvk, Json::array({gvk(served.group, served.version, served.list_kind)})}};
}

void add_paths(const Served& served, Form form, Json& paths) {
  PathMaker(served, form, paths).run();
}

}  // namespace k8s::apiserver::openapi
