// OpenAPI documents: v3 per group and version (explain, validation) and the one v2 document.
//
// Built from the built-in kinds and the CRDs that are established. Make a new Documents when a CRD
// changes; it is cheap until a document is asked for, and each is made once.
// Not thread safe (it caches).
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/apiserver/schema/schema.hpp"

namespace k8s::apiserver::openapi {

// What a v2 document is sent as.
inline constexpr std::string_view kV2ProtobufType =
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
inline constexpr std::string_view kV3ProtobufType =
    "application/com.github.proto-openapi.spec.v3@v1.0+protobuf";  // not made: answer JSON or 406

class Documents {
 public:
  // `crds` are whole CustomResourceDefinition objects; copied.
  explicit Documents(std::vector<Json> crds, std::string server_version = "v1.36.3");
  ~Documents();

  // GET /openapi/v3: {"paths": {"api/v1": {"serverRelativeURL": "/openapi/v3/api/v1?hash=..."}}}.
  const std::string& v3_index();
  // GET /openapi/v3/<path>: `path` is "api/v1" or "apis/<group>/<version>"; null: none (404).
  const std::string* v3(std::string_view path);
  // The hash of a v3 document (ETag, and ?hash=); "" when there is none.
  std::string v3_hash(std::string_view path);
  // GET /openapi/v2.
  const std::string& v2_json();
  const std::string& v2_protobuf();

 private:
  struct V3 {
    std::string text, hash;
  };
  void make_all_v3();

  std::vector<Json> crds_;
  std::string version_;
  std::string index_, v2_json_, v2_protobuf_;
  std::map<std::string, V3, std::less<>> v3_;
};

}  // namespace k8s::apiserver::openapi
