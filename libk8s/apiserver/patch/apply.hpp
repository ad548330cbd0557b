// Server-side apply, and the ownership of fields that every write keeps up to date.
//
// Ownership is `metadata.managedFields`: per manager, operation, apiVersion and subresource a set
// of field paths in the FieldsV1 form. `apply` merges what a manager declares, takes away what it
// no longer declares and nobody else owns, and refuses to change what others own unless forced.
// `track_update` gives an ordinary write's changes to its manager. Pure; `now` is passed in.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/apiserver/schema/schema.hpp"
#include "libk8s/base/status.hpp"

namespace k8s::apiserver::patch {

struct Writer {
  std::string manager;        // fieldManager, or the first word of User-Agent before "/"
  std::string api_version;    // of the request
  std::string subresource;    // "" or "status", "scale"
  std::string now;            // RFC 3339, whole seconds
  bool splits_status = true;  // the type has a status subresource: main writes never own status
};

struct Conflict {
  std::string
      manager;       // as kubectl shows it: `"kubectl" using v1`, `"x" with subresource "status"`
  std::string path;  // ".spec.replicas", ".spec.containers[name="a"].image"
};

struct Applied {
  std::shared_ptr<Json> object;     // null when there are conflicts
  std::vector<Conflict> conflicts;  // empty when `object` is there
};

// `live` is null when the object does not exist: then it is created from `config`. The result's
// managedFields are up to date; when nothing but them would change, the old times are kept, so
// that an apply without effect gives an equal object. Errors: kInvalid with HTTP 400/422 (config
// sets managedFields, duplicate list keys, wrong types).
Result<Applied> apply(const Json* live, const Json& config, const Schema& schema,
                      const Writer& writer, bool force);

// The whole 409 Status object, worded as the real server does and kubectl expects.
Json conflict_status(std::string_view group, std::string_view kind, std::string_view name,
                     const std::vector<Conflict>& conflicts);

// After an update, patch or create: sets `fresh`'s managedFields from those of `old` (null on
// create), giving what changed to the writer (operation Update) and taking from the others what
// is gone or changed. managedFields that the caller sent are where it starts, as the real server
// allows (that is how kubectl moves from client-side to server-side apply): one empty entry clears
// them, none or broken ones mean those of `old`. Keeps old times when nothing changed.
void track_update(const Json* old, Json& fresh, const Schema& schema, const Writer& writer);

}  // namespace k8s::apiserver::patch
