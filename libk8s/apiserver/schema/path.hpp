// Path: where a walk over a value stands, as a chain on the stack. It becomes text only when
// something has to be said, so that walks over good objects build no strings.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace k8s::apiserver {

struct Path {
  const Path* parent = nullptr;
  std::string_view key;   // of an object's property or a map's entry
  std::size_t index = 0;  // of a list's element, when `is_index`
  bool is_index = false;
  bool is_map_key = false;  // rendered as [key]
  int depth = 0;

  Path child(std::string_view k) const { return {this, k, 0, false, false, depth + 1}; }
  Path entry(std::string_view k) const { return {this, k, 0, false, true, depth + 1}; }
  Path at(std::size_t i) const { return {this, {}, i, true, false, depth + 1}; }

  // "spec.containers[0].image"; "" for the root.
  std::string text() const;
};

}  // namespace k8s::apiserver
