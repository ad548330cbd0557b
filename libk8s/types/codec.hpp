// Codec<T>: how objects of one type are asked for, read, and kept in a store (watch/codec.hpp says
// what each member means). Here stand those of the core kinds.
//
// Both encodings give the same object. Readers are lenient: they fail only for bytes that are no
// such object and for one without a name; fields of a wrong type read as absent.
//
// `Packed` is the object in a few hundred bytes, exactly: unpack(pack(x)) equals x. It is text only
// in the sense of std::string, and means nothing outside this process.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "libk8s/base/status.hpp"
#include "libk8s/types/node.hpp"
#include "libk8s/types/pod.hpp"
#include "libk8s/types/resource.hpp"

namespace k8s {

template <class T>
struct Codec;

template <>
struct Codec<Pod> {
  static constexpr bool kProtobuf = true;
  using Packed = std::string;

  static Resource resource() { return resources::pods(); }
  static Result<Pod> from_json(const nlohmann::json& object);
  // `bytes` is the bare message, without the envelope.
  static Result<Pod> from_protobuf(std::string_view bytes);
  static const ObjectMeta& meta(const Pod& pod) { return pod.meta; }
  static Packed pack(const Pod& pod);
  static std::shared_ptr<const Pod> unpack(const Packed& packed);
};

template <>
struct Codec<Node> {
  static constexpr bool kProtobuf = true;
  using Packed = std::string;

  static Resource resource() { return resources::nodes(); }
  static Result<Node> from_json(const nlohmann::json& object);
  static Result<Node> from_protobuf(std::string_view bytes);
  static const ObjectMeta& meta(const Node& node) { return node.meta; }
  static Packed pack(const Node& node);
  static std::shared_ptr<const Node> unpack(const Packed& packed);
};

// metadata of any object. Custom resources use it too.
ObjectMeta meta_from_json(const nlohmann::json& metadata);

}  // namespace k8s
