#include "libk8s/apiserver/schema/custom_rules.hpp"

#include <nlohmann/json.hpp>

#include "libk8s/apiserver/schema/type_text.hpp"
#include "libk8s/apiserver/schema/walk.hpp"

namespace k8s::apiserver {
namespace {

class CustomRules : public TypeRules {
 public:
  CustomRules(SchemaRef schema, CustomType type) : type_(std::move(type)) {
    ref_ = std::move(schema);
    prepare_.has_status = type_.status;
    prepare_.has_generation = true;
  }

  const Schema& schema() const override { return *ref_; }

  Status decode(Json& object, Notes* notes) const override {
    if (!object.is_object()) return refused("the body must be an object");
    // Metadata has one form for all kinds; everything else is judged by `validate`.
    FieldErrors errors;
    if (auto it = object.find("metadata"); it != object.end()) {
      Path at{nullptr, "metadata", 0, false, false, 0};
      decode_typed(it.value(), meta(), at, notes, errors);
    }
    for (const char* key : {"apiVersion", "kind"}) {
      if (object.contains(key) && !object[key].is_string()) {
        errors.push_back({FieldErrorType::kTypeInvalid, key, "must be string"});
      }
    }
    if (!errors.empty()) return refused(errors.front().message());
    Json metadata;
    if (object.contains("metadata")) metadata = std::move(object["metadata"]);
    object.erase("metadata");
    prune(object, *ref_, Path{}, notes);
    if (!metadata.is_null()) object["metadata"] = std::move(metadata);
    return Status::ok();
  }

  void set_defaults(Json& object) const override {
    drop_nulls(object, *ref_);
    fill_defaults(object, *ref_);
  }

  void prepare(Json& object, const Json* old, Part part) const override {
    prepare_object(object, old, part == Part::kStatus, prepare_);
  }

  FieldErrors validate(const Json& object, const Json* old, Part) const override {
    FieldErrors errors;
    auto metadata = object.find("metadata");
    if (metadata == object.end()) {
      errors.push_back(field::required("metadata"));
      return errors;
    }
    const Json* before =
        old != nullptr && old->contains("metadata") ? &(*old)["metadata"] : nullptr;
    check_metadata(metadata.value(), before, {type_.namespaced, dns1123_subdomain}, errors);
    check_value(object, old, *ref_, Path{}, Strictness::kCustom, errors);
    // Rules are written for objects that fit their schema.
    if (errors.empty()) check_rules(object, old, *ref_, errors);
    return errors;
  }

 private:
  static const Schema& meta() {
    static const Schema& schema =
        *meta_types().find("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");
    return schema;
  }

  Status refused(const std::string& why) const {
    return Status(Code::kInvalid, type_.kind + " in version \"" + type_.version +
                                      "\" cannot be handled as a " + type_.kind + ": " + why)
        .with_http(400)
        .with_reason("BadRequest");
  }

  CustomType type_;
  PrepareRules prepare_;
};

}  // namespace

TypeRulesRef make_custom_rules(SchemaRef schema, CustomType type) {
  return std::make_shared<CustomRules>(std::move(schema), std::move(type));
}

}  // namespace k8s::apiserver
