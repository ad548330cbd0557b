// The inside of ListStream: one reader for each encoding. Not for other folders.
#pragma once

#include <memory>
#include <string>

#include "libk8s/codec/list_stream.hpp"

namespace k8s {

class ListStream::Reader {
 public:
  explicit Reader(std::size_t object_limit) : limit_(object_limit) {}
  virtual ~Reader() = default;

  virtual Status feed(std::string_view bytes, const OnItem& on_item) = 0;
  virtual Status finish() = 0;

  ListMeta meta;
  std::size_t items = 0;
  Status failed;  // the first error, kept

 protected:
  Status malformed(const std::string& why) const { return {Code::kMalformed, "list: " + why}; }
  Status too_large() const {
    return malformed("an object of more than " + std::to_string(limit_) + " bytes");
  }
  std::size_t limit() const { return limit_; }

 private:
  std::size_t limit_;
};

std::unique_ptr<ListStream::Reader> make_json_list_reader(std::size_t object_limit);
std::unique_ptr<ListStream::Reader> make_protobuf_list_reader(std::size_t object_limit);

}  // namespace k8s
