#include "libk8s/codec/identity.hpp"

#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/wire.hpp"

namespace k8s {
namespace {

Identity json_identity(std::string_view text) {
  const auto object = parse_json(text);
  if (!object) return {};
  const auto& meta = object_at(*object, "metadata");
  return {string_at(meta, "namespace"), string_at(meta, "name"),
          string_at(meta, "resourceVersion")};
}

// Any object: metadata 1 {name 1, namespace 3, resourceVersion 6}.
Identity protobuf_identity(std::string_view message) {
  Identity out;
  wire::WireReader reader(message);
  while (const auto field = reader.next()) {
    if (field->number != 1) continue;
    wire::WireReader meta(field->bytes);
    while (const auto part = meta.next()) {
      if (part->number == 1) out.name = part->bytes;
      if (part->number == 3) out.ns = part->bytes;
      if (part->number == 6) out.resource_version = part->bytes;
    }
    // Half a metadata could name another object than was meant.
    if (meta.broken()) return {};
  }
  return out;
}

}  // namespace

Result<Identity> identity_of(Encoding encoding, std::string_view bytes) {
  Identity found =
      encoding == Encoding::kProtobuf ? protobuf_identity(bytes) : json_identity(bytes);
  if (found.name.empty()) return Status(Code::kMalformed, "an object without a readable name");
  return found;
}

}  // namespace k8s
