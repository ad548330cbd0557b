// SchemaArena: where the nodes of one schema live. Internal to the API server's type code.
//
// Addresses are stable; a SchemaRef made by `ref` keeps the whole arena alive.
#pragma once

#include <deque>
#include <memory>
#include <nlohmann/json.hpp>

#include "libk8s/apiserver/schema/schema.hpp"

namespace k8s::apiserver {

class SchemaArena : public std::enable_shared_from_this<SchemaArena> {
 public:
  Schema& make() { return nodes_.emplace_back(); }
  Schema& make(const Schema& like) { return nodes_.emplace_back(like); }
  // A node of this arena, to finish it; it was made here, so it is not really const.
  Schema& writable(const Schema& node) { return const_cast<Schema&>(node); }
  SchemaRef ref(const Schema& node) const { return SchemaRef(shared_from_this(), &node); }
  // Keeps another arena alive, whose nodes this one points to.
  void keep(SchemaRef other) { kept_.push_back(std::move(other)); }

 private:
  std::deque<Schema> nodes_;
  std::vector<SchemaRef> kept_;
};

}  // namespace k8s::apiserver
