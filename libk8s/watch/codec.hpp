// Codec<T>: how objects of one type are asked for, read, and kept in a store.
//
// Specialise it beside the type:
//
//   template <> struct Codec<Pod> {
//     static Resource resource();
//     static constexpr bool kProtobuf = true;     // ask the server for protobuf
//     static Result<Pod> from_json(const nlohmann::json&);
//     static Result<Pod> from_protobuf(std::string_view bytes);  // only when kProtobuf
//     static const ObjectMeta& meta(const Pod&);
//     using Packed = ...;                          // what the store keeps per object
//     static Packed pack(const Pod&);
//     static std::shared_ptr<const Pod> unpack(const Packed&);
//   };
//
// A custom resource, read as JSON and kept as it is, needs two functions of its own:
//
//   template <> struct Codec<Widget> : JsonCodec<Widget> {
//     static Resource resource();
//     static Result<Widget> from_json(const nlohmann::json&);
//   };
//
// Readers are lenient: they fail only for what has no name or uid, because an object that cannot be
// read is old in the cache, or missing. What else is wrong with an object is for its controller to
// say.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "libk8s/base/status.hpp"
#include "libk8s/request/request.hpp"
#include "libk8s/types/meta.hpp"

namespace k8s {

template <class T>
struct Codec;

// The part of a Codec that is the same for all JSON types with a member `meta`. The store shares
// the object with whoever asks for it, so that `get` copies nothing.
template <class T>
struct JsonCodec {
  static constexpr bool kProtobuf = false;
  using Packed = std::shared_ptr<const T>;
  static Packed pack(const T& object) { return std::make_shared<const T>(object); }
  static std::shared_ptr<const T> unpack(const Packed& packed) { return packed; }
  static const ObjectMeta& meta(const T& object) { return object.meta; }
};

}  // namespace k8s
