// Tables: what `kubectl get` shows, made by the server (meta.k8s.io/v1 Table).
//
// A Printer knows the columns of one type. Columns of priority 1 are shown with -o wide. Ages are
// relative to a time that is passed in. Pure; any thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/apiserver/kinds/kinds.hpp"
#include "libk8s/apiserver/schema/crd.hpp"
#include "libk8s/base/loop.hpp"

namespace k8s::apiserver::table {

// ?includeObject: what rides in each row's `object`. "" and "Metadata": PartialObjectMetadata.
enum class Include : std::uint8_t { kMetadata, kObject, kNone };
Result<Include> parse_include(std::string_view parameter);

class Printer {
 public:
  virtual ~Printer() = default;
  // `columnDefinitions`.
  virtual Json columns() const = 0;
  // The cells of one object, one per column.
  virtual Json cells(const Json& object, WallTime now) const = 0;
};
using PrinterRef = std::shared_ptr<const Printer>;

// For a built-in kind: its own columns, or Name and Created At.
PrinterRef printer(const kinds::Kind& kind);
// For a version of a CRD: Name, then its printer columns, or Age when it has none.
PrinterRef printer(const CrdVersion& version);

// One row: {"cells": [...], "object": ...}.
Json row(const Printer& printer, const Json& object, Include include, WallTime now);
// A whole Table. `list_meta` is the list's metadata (resourceVersion, continue, ...) or that of
// the one object. Without `with_columns` columnDefinitions is left out: the second and later
// events of a watch.
Json table(const Printer& printer, const std::vector<const Json*>& objects, const Json& list_meta,
           Include include, WallTime now, bool with_columns = true);

// "5m", "3d4h": how kubectl writes a length of time.
std::string human_duration(Duration d);

}  // namespace k8s::apiserver::table
