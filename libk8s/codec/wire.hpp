// The protobuf wire format, just enough to open envelopes and frames without generated code.
//
//   WireReader reader(bytes);
//   while (auto field = reader.next()) { if (field->number == 2) use(field->bytes); }
//   if (reader.broken()) ...
//
// Numbers of 32 and 64 bits of fixed width are skipped, groups (not used by the API) are refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace k8s::wire {

enum class Type : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

// Reads one varint from the front of `bytes`. `used` is 0 when there is not enough yet, -1 when it
// is longer than ten bytes.
struct Varint {
  std::uint64_t value = 0;
  int used = 0;
};
inline Varint read_varint(std::string_view bytes) {
  Varint out;
  for (std::size_t i = 0; i < bytes.size() && i < 10; ++i) {
    const auto byte = static_cast<std::uint8_t>(bytes[i]);
    out.value |= std::uint64_t{byte & 0x7fU} << (7 * i);
    if (byte < 0x80) {
      out.used = static_cast<int>(i) + 1;
      return out;
    }
  }
  out.used = bytes.size() >= 10 ? -1 : 0;
  return out;
}

inline void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7f) | 0x80);
  out += static_cast<char>(value);
}

inline void append_bytes(std::string& out, std::uint32_t field, std::string_view bytes) {
  append_varint(out, std::uint64_t{field} << 3 | std::uint64_t(Type::kBytes));
  append_varint(out, bytes.size());
  out += bytes;
}

struct Field {
  std::uint32_t number = 0;
  Type type = Type::kVarint;
  std::uint64_t value = 0;  // kVarint
  std::string_view bytes;   // kBytes
};

class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : left_(bytes) {}

  // The next field; nothing at the end or when the bytes are broken.
  std::optional<Field> next() {
    if (left_.empty() || broken_) return std::nullopt;
    const auto tag = number();
    Field field;
    field.number = static_cast<std::uint32_t>(tag >> 3);
    field.type = static_cast<Type>(tag & 7);
    if (field.number == 0 || tag >> 32 != 0) broken_ = true;
    if (!broken_) read_value(field);
    if (broken_) return std::nullopt;
    return field;
  }
  bool broken() const { return broken_; }

 private:
  void read_value(Field& field) {
    switch (field.type) {
      case Type::kVarint:
        field.value = number();
        return;
      case Type::kFixed64:
        take(8);
        return;
      case Type::kBytes:
        field.bytes = take(number());
        return;
      case Type::kFixed32:
        take(4);
        return;
    }
    broken_ = true;
  }
  std::uint64_t number() {
    const auto read = read_varint(left_);
    if (read.used <= 0) {
      broken_ = true;
      return 0;
    }
    left_.remove_prefix(static_cast<std::size_t>(read.used));
    return read.value;
  }
  std::string_view take(std::uint64_t size) {
    if (broken_ || size > left_.size()) {
      broken_ = true;
      return {};
    }
    const auto taken = left_.substr(0, static_cast<std::size_t>(size));
    left_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view left_;
  bool broken_ = false;
};

}  // namespace k8s::wire
