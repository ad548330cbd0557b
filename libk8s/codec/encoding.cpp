#include "libk8s/codec/encoding.hpp"

#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/wire.hpp"

namespace k8s {
namespace {

using wire::WireReader;

constexpr std::string_view kMagic{"k8s\0", 4};

Status malformed(const std::string& what) {
  return {Code::kMalformed, "protobuf: " + what + " cannot be read"};
}

void read_type_meta(std::string_view bytes, Unwrapped& out) {
  WireReader reader(bytes);
  while (const auto field = reader.next()) {
    if (field->number == 1) out.api_version = field->bytes;
    if (field->number == 2) out.kind = field->bytes;
  }
}

// StatusDetails: name 1, group 2, kind 3, causes 4, retryAfterSeconds 5, uid 6.
bool read_details(std::string_view bytes, nlohmann::json& out) {
  WireReader reader(bytes);
  while (const auto field = reader.next()) {
    if (field->number == 1) out["name"] = std::string(field->bytes);
    if (field->number == 2) out["group"] = std::string(field->bytes);
    if (field->number == 3) out["kind"] = std::string(field->bytes);
    if (field->number == 5) out["retryAfterSeconds"] = static_cast<std::int32_t>(field->value);
    if (field->number == 6) out["uid"] = std::string(field->bytes);
    if (field->number != 4) continue;
    nlohmann::json cause = nlohmann::json::object();
    WireReader inner(field->bytes);
    while (const auto part = inner.next()) {
      if (part->number == 1) cause["reason"] = std::string(part->bytes);
      if (part->number == 2) cause["message"] = std::string(part->bytes);
      if (part->number == 3) cause["field"] = std::string(part->bytes);
    }
    if (inner.broken()) return false;
    out["causes"].push_back(std::move(cause));
  }
  return !reader.broken();
}

}  // namespace

Encoding encoding_of(std::string_view content_type) {
  return content_type.starts_with("application/vnd.kubernetes.protobuf") ? Encoding::kProtobuf
                                                                         : Encoding::kJson;
}

bool has_envelope(std::string_view bytes) { return bytes.starts_with(kMagic); }

Result<Unwrapped> unwrap(std::string_view bytes) {
  if (!has_envelope(bytes)) return malformed("an answer without its envelope");
  Unwrapped out;
  WireReader reader(bytes.substr(kMagic.size()));
  while (const auto field = reader.next()) {
    if (field->number == 1) read_type_meta(field->bytes, out);
    if (field->number == 2) out.message = field->bytes;
    // The API server does not compress or encode inside the envelope.
    if (field->number == 3 && !field->bytes.empty()) return malformed("an encoded envelope");
  }
  if (reader.broken()) return malformed("an envelope");
  return out;
}

std::string wrap(std::string_view api_version, std::string_view kind, std::string_view message) {
  std::string type_meta;
  wire::append_bytes(type_meta, 1, api_version);
  wire::append_bytes(type_meta, 2, kind);
  std::string out{kMagic};
  wire::append_bytes(out, 1, type_meta);
  wire::append_bytes(out, 2, message);
  wire::append_bytes(out, 3, "");
  wire::append_bytes(out, 4, "");
  return out;
}

// Status: metadata 1, status 2, message 3, reason 4, details 5, code 6.
Result<std::string> status_json(std::string_view message) {
  nlohmann::json out = {{"kind", "Status"}, {"apiVersion", "v1"}};
  WireReader reader(message);
  while (const auto field = reader.next()) {
    if (field->number == 2) out["status"] = std::string(field->bytes);
    if (field->number == 3) out["message"] = std::string(field->bytes);
    if (field->number == 4) out["reason"] = std::string(field->bytes);
    if (field->number == 5) {
      out["details"] = nlohmann::json::object();
      if (!read_details(field->bytes, out["details"])) return malformed("the details of a Status");
    }
    if (field->number == 6) out["code"] = static_cast<std::int32_t>(field->value);
  }
  if (reader.broken()) return malformed("a Status");
  return json_text(out);
}

}  // namespace k8s
