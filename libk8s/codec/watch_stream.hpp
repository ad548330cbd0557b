// WatchStream: reads the answer of a watch, event by event, as bytes arrive.
//
//   JSON      one object a line: {"type":"ADDED","object":{...}}
//   protobuf  frames of a 4-byte big-endian length and a meta/v1 WatchEvent, whose object stands in
//             an envelope of its own
//
// What differs between the encodings ends here. Bookmarks and errors are opened by this class, so
// that the caller never decodes a bookmark as an object, and reads errors in one way:
//   kBookmark  `resource_version` and `initial_events_end` are set, `object` is empty
//   kError     `object` is the JSON text of a Kubernetes Status, in both encodings
//              (request/: to_status)
//   others     `object` is a bare protobuf message, or the JSON text of the object
// An event type that is not known is kUnknown, with its object as it stands; callers skip it.
//
// Errors: kMalformed, final as in ListStream. A stream may end between events at any time; `finish`
// fails only when it ends inside one.
// Threads: one at a time. Views are good during the call only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "libk8s/base/status.hpp"
#include "libk8s/codec/encoding.hpp"

namespace k8s {

enum class WatchEventType : std::uint8_t {
  kAdded,
  kModified,
  kDeleted,
  kBookmark,
  kError,
  kUnknown,
};

struct WatchEvent {
  WatchEventType type = WatchEventType::kUnknown;
  std::string_view object;
  // Bookmarks only: where the stream stands, and whether the annotation
  // k8s.io/initial-events-end=true says that all initial events have been sent.
  std::string_view resource_version;
  bool initial_events_end = false;
};

class WatchStream {
 public:
  // An error from here stops `feed`, which returns it; the stream is then at its end.
  using OnEvent = std::function<Status(const WatchEvent&)>;

  // Events of more than `event_limit` bytes are refused.
  explicit WatchStream(Encoding encoding, std::size_t event_limit = std::size_t{16} << 20);
  ~WatchStream();
  WatchStream(WatchStream&&) noexcept;
  WatchStream& operator=(WatchStream&&) noexcept;

  Status feed(std::string_view bytes, const OnEvent& on_event);
  Status finish();

  Encoding encoding() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace k8s
