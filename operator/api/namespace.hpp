// Namespace, as far as the operator reads one: its labels, by which queues choose who may submit.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "libk8s/request/request.hpp"
#include "libk8s/types/meta.hpp"
#include "libk8s/watch/codec.hpp"

namespace fermi {

struct Namespace {
  k8s::ObjectMeta meta;
};

k8s::Result<Namespace> decode_namespace(const nlohmann::json& object);

}  // namespace fermi

template <>
struct k8s::Codec<fermi::Namespace> : k8s::JsonCodec<fermi::Namespace> {
  static Resource resource() { return resources::namespaces(); }
  static Result<fermi::Namespace> from_json(const nlohmann::json& object) {
    return fermi::decode_namespace(object);
  }
};
