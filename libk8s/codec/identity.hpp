// Identity: which object some bytes are, read without knowing their type.
//
// For bytes that their own codec could not read: a reader that knows at least which object they are
// about can keep, or drop, what it has of that object. Reads `metadata` and nothing else.
// Pure. Errors: kMalformed when there is no name to be found.
#pragma once

#include <string>
#include <string_view>

#include "libk8s/base/status.hpp"
#include "libk8s/codec/encoding.hpp"

namespace k8s {

struct Identity {
  std::string ns, name;  // `ns` is "" for cluster-scoped objects
  std::string resource_version;

  // As ObjectMeta::key(): "namespace/name", or "name".
  std::string key() const { return ns.empty() ? name : ns + "/" + name; }
};

// `bytes` is one object as ListStream and WatchStream give it: JSON text or a bare message. Of a
// message that is broken after its metadata, the metadata counts.
Result<Identity> identity_of(Encoding encoding, std::string_view bytes);

}  // namespace k8s
