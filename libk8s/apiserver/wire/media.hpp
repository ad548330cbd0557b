// What a client wants to read, and what it has sent: content negotiation.
//
// An Accept header names media types in the client's order of preference. Three encodings are
// served (JSON; protobuf for the kinds that can be written whole) in three forms (the object
// itself, a Table for people, or its metadata alone).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/apiserver/wire/error.hpp"

namespace k8s::apiserver {

enum class Form : std::uint8_t { kObject, kTable, kMetadata };

struct Media {
  bool protobuf = false;
  Form form = Form::kObject;
};

// One entry of an Accept header: "application/json;as=Table;v=v1;g=meta.k8s.io".
struct MediaRange {
  std::string type;  // "application/json"
  std::string as, group, version;
};
std::vector<MediaRange> parse_accept(std::string_view header);

struct Offer {
  bool protobuf = false;  // the kind can be encoded
  bool table = false;     // get, list and watch can
};
// The first entry that can be served; no Accept header means JSON. 406 when none can.
Outcome<Media> negotiate(std::string_view accept, const Offer& offer);

// What the body of a request is written in.
enum class BodyFormat : std::uint8_t {
  kJson,
  kYaml,
  kProtobuf,
  kJsonPatch,
  kMergePatch,
  kStrategicPatch,
  kApplyPatch,
  kUnknown
};
// An empty Content-Type is JSON.
BodyFormat body_format(std::string_view content_type);

}  // namespace k8s::apiserver
