#include <nlohmann/json.hpp>

#include "libk8s/apiserver/patch/patch.hpp"

namespace k8s::apiserver::patch {
namespace {

// RFC 7386. The depth is that of the patch, which was bounded when it was read.
void merge(Json& target, const Json& patch, int depth) {
  if (!patch.is_object() || depth > kMaxDepth) {
    target = patch;
    return;
  }
  if (!target.is_object()) target = Json::object();
  for (const auto& [key, value] : patch.items()) {
    if (value.is_null()) {
      target.erase(key);
    } else {
      merge(target[key], value, depth + 1);
    }
  }
}

}  // namespace

Result<Json> merge_patch(const Json& document, const Json& patch) {
  if (!patch.is_object()) {
    return Status(Code::kInvalid, "a merge patch must be an object")
        .with_http(400)
        .with_reason("BadRequest");
  }
  Json result = document;
  merge(result, patch, 0);
  return result;
}

}  // namespace k8s::apiserver::patch
