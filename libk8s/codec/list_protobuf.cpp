// Lists in protobuf: magic, then runtime.Unknown {1 type, 2 raw}, then in `raw` the list {1
// metadata, 2 items}. Read in nested frames: what is left of `raw` is counted, and each field of
// the list is handed over as soon as it is whole. Whole fields are read where they lie in the
// caller's bytes; only one that is cut by the end of a read is copied together.

#include "libk8s/codec/list_reader.hpp"
#include "libk8s/codec/wire.hpp"

namespace k8s {
namespace {

constexpr std::uint64_t kBytesType = static_cast<std::uint64_t>(wire::Type::kBytes);

class ProtobufListReader final : public ListStream::Reader {
 public:
  using Reader::Reader;

  Status feed(std::string_view bytes, const ListStream::OnItem& on_item) override {
    // First complete the part that the last read cut, with as little copying as it takes.
    while (!cut_.empty() && !bytes.empty()) {
      const std::size_t take = std::min(bytes.size(), wanted());
      cut_ += bytes.substr(0, take);
      bytes.remove_prefix(take);
      std::string_view whole = cut_;
      const std::size_t before = whole.size();
      if (auto status = consume(whole, on_item); !status) return status;
      if (whole.size() != before) cut_.erase(0, before - whole.size());
    }
    if (bytes.empty()) return {};
    if (auto status = consume(bytes, on_item); !status) return status;
    cut_ = bytes;
    return {};
  }

  Status finish() override {
    if (stage_ == Stage::kMagic || !seen_raw_ || raw_left_ > 0 || !cut_.empty())
      return malformed("it ended before it was whole");
    return {};
  }

 private:
  enum class Stage {
    kMagic,     // before the first four bytes
    kEnvelope,  // between fields of the envelope
    kRaw,       // inside its field 2: between fields of the list
  };

  // Bytes to add to `cut_` before another try makes sense: the rest of the field whose length is
  // known, or a little for its head.
  std::size_t wanted() const { return need_ > cut_.size() ? need_ - cut_.size() : std::size_t{1}; }

  // Takes whole parts off the front of `bytes`; what is left is the start of a part.
  Status consume(std::string_view& bytes, const ListStream::OnItem& on_item) {
    while (true) {
      need_ = 0;
      if (stage_ == Stage::kRaw && raw_left_ == 0) stage_ = Stage::kEnvelope;
      if (bytes.empty()) return {};
      std::size_t used = 0;
      const Status status =
          stage_ == Stage::kMagic ? magic(bytes, used) : field(bytes, used, on_item);
      if (!status) return status;
      if (used == 0) return {};
      bytes.remove_prefix(used);
    }
  }

  Status magic(std::string_view bytes, std::size_t& used) {
    if (bytes.size() < 4) {
      need_ = 4;
      return {};
    }
    if (!has_envelope(bytes)) return malformed("it does not begin with the protobuf envelope");
    stage_ = Stage::kEnvelope;
    used = 4;
    return {};
  }

  // One field of the envelope or of the list; `used` stays 0 when it is not whole yet.
  Status field(std::string_view bytes, std::size_t& used, const ListStream::OnItem& on_item) {
    const auto tag = wire::read_varint(bytes);
    if (tag.used < 0) return malformed("a broken field");
    if (tag.used == 0) return {};
    const auto length = wire::read_varint(bytes.substr(static_cast<std::size_t>(tag.used)));
    if (length.used < 0) return malformed("a broken field");
    if (length.used == 0) return {};
    const auto head = static_cast<std::size_t>(tag.used) + static_cast<std::size_t>(length.used);
    const std::uint64_t type = tag.value & 7;
    // All fields of envelopes and lists are byte fields; a number may be added one day.
    if (type == 0) return skip_number(head, used);
    if (type != kBytesType) return malformed("a field of a type that lists do not have");
    if (stage_ == Stage::kEnvelope && tag.value >> 3 == 2)
      return enter_raw(length.value, head, used);
    if (length.value > limit()) return too_large();
    const auto size = head + static_cast<std::size_t>(length.value);
    if (stage_ == Stage::kRaw && size > raw_left_) return malformed("an object beyond its end");
    if (bytes.size() < size) {
      need_ = size;
      return {};
    }
    if (stage_ == Stage::kRaw) raw_left_ -= size;
    used = size;
    if (stage_ != Stage::kRaw) return {};
    return list_field(tag.value >> 3, bytes.substr(head, size - head), on_item);
  }

  Status skip_number(std::size_t head, std::size_t& used) {
    if (stage_ == Stage::kRaw) {
      if (head > raw_left_) return malformed("a number beyond its end");
      raw_left_ -= head;
    }
    used = head;
    return {};
  }

  Status enter_raw(std::uint64_t length, std::size_t head, std::size_t& used) {
    if (seen_raw_) return malformed("two bodies");
    seen_raw_ = true;
    raw_left_ = length;
    stage_ = Stage::kRaw;
    used = head;
    return {};
  }

  Status list_field(std::uint64_t number, std::string_view bytes,
                    const ListStream::OnItem& on_item) {
    if (number == 1) return metadata(bytes);
    if (number != 2) return {};
    ++items;
    return on_item(bytes);
  }

  // ListMeta: resourceVersion 2, continue 3, remainingItemCount 4.
  Status metadata(std::string_view bytes) {
    wire::WireReader reader(bytes);
    while (const auto part = reader.next()) {
      if (part->number == 2) meta.resource_version = part->bytes;
      if (part->number == 3) meta.continue_token = part->bytes;
      if (part->number == 4) meta.remaining_item_count = static_cast<std::int64_t>(part->value);
    }
    return reader.broken() ? malformed("broken metadata") : Status();
  }

  Stage stage_ = Stage::kMagic;
  bool seen_raw_ = false;
  std::uint64_t raw_left_ = 0;
  std::string cut_;       // the start of a part, kept until the rest arrives
  std::size_t need_ = 0;  // the whole size of that part, when known
};

}  // namespace

std::unique_ptr<ListStream::Reader> make_protobuf_list_reader(std::size_t object_limit) {
  return std::make_unique<ProtobufListReader>(object_limit);
}

}  // namespace k8s
