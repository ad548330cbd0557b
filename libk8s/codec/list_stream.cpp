#include "libk8s/codec/list_stream.hpp"

#include "libk8s/codec/list_reader.hpp"

namespace k8s {

ListStream::ListStream(Encoding encoding, std::size_t object_limit)
    : encoding_(encoding),
      reader_(encoding == Encoding::kJson ? make_json_list_reader(object_limit)
                                          : make_protobuf_list_reader(object_limit)) {}
ListStream::~ListStream() = default;
ListStream::ListStream(ListStream&&) noexcept = default;
ListStream& ListStream::operator=(ListStream&&) noexcept = default;

Status ListStream::feed(std::string_view bytes, const OnItem& on_item) {
  if (reader_->failed) reader_->failed = reader_->feed(bytes, on_item);
  return reader_->failed;
}

Status ListStream::finish() {
  if (reader_->failed) reader_->failed = reader_->finish();
  return reader_->failed;
}

Encoding ListStream::encoding() const { return encoding_; }
const ListMeta& ListStream::meta() const { return reader_->meta; }
std::size_t ListStream::item_count() const { return reader_->items; }

}  // namespace k8s
