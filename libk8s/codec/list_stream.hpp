// ListStream: reads a list answer while it arrives, one object at a time.
//
// Bytes go in as the network brings them, whole objects come out; at most one object and one read
// buffer are in memory, never the list. Both encodings are read:
//   JSON      {"kind":"PodList","metadata":{...},"items":[{...},{...}]}; keys in any order
//   protobuf  the envelope (encoding.hpp) around a message with field 1 = list metadata and
//             field 2 = items, which is what every list of the API looks like
//
//   ListStream stream(encoding_of(headers.get("content-type")));
//   // on_data:
//   Status s = stream.feed(bytes, [&](std::string_view object) { return take(object); });
//   // on_end:
//   Status s = stream.finish();   // kMalformed when the list broke off
//   stream.meta().resource_version;
//
// Lists of custom resources carry their metadata after the items, so `meta` is complete only after
// `finish`. Objects in lists of core kinds have no kind and apiVersion of their own.
//
// Errors: kMalformed, with a sentence, for anything that is not such a list, nests deeper than 200
// or holds an object above the limit. The first error is final: later calls return it again. When
// `on_item` returns an error, `feed` stops and returns that.
// Threads: one at a time. Views handed to `on_item` are good during the call only.
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

struct ListMeta {
  std::string resource_version;
  std::string continue_token;             // "" on the last page
  std::int64_t remaining_item_count = 0;  // 0 when the server did not say
};

class ListStream {
 public:
  // Gets one object: a bare protobuf message, or the JSON text of one value.
  using OnItem = std::function<Status(std::string_view object)>;

  // Objects of more than `object_limit` bytes are refused (the server's own limit is about 3 MiB).
  explicit ListStream(Encoding encoding, std::size_t object_limit = std::size_t{16} << 20);
  ~ListStream();
  ListStream(ListStream&&) noexcept;
  ListStream& operator=(ListStream&&) noexcept;

  Status feed(std::string_view bytes, const OnItem& on_item);
  // To be called once, when the answer has ended.
  Status finish();

  Encoding encoding() const;
  const ListMeta& meta() const;
  std::size_t item_count() const;

  class Reader;  // one of the two encodings; in the .cpp files

 private:
  Encoding encoding_;
  std::unique_ptr<Reader> reader_;
};

}  // namespace k8s
