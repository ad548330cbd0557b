// Columns: how one cell of a Table is made. Internal to table/.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/apiserver/table/table.hpp"

namespace k8s::apiserver::table {

using Cell = std::function<Json(const Json& object, WallTime now)>;

struct Column {
  std::string name;
  std::string type = "string";
  std::string format, description;
  int priority = 0;  // 1: only with -o wide
  Cell cell;
};
using Columns = std::vector<Column>;

// The columns of a kind that has its own; empty: Name and Created At.
Columns columns_of(std::string_view group, std::string_view kind);
Columns pod_columns();
Columns node_columns();
Columns workload_columns(std::string_view kind);  // services, events and what stands beside them
Columns storage_columns(std::string_view kind);
Columns access_columns(std::string_view kind);

Column name_column();
Column age_column();
Column created_column();
// A text at a path of keys; `none` when it is absent or empty.
Column text_column(std::string name, std::vector<std::string> path, std::string none = "",
                   int priority = 0);

// "5m" from a time's text until now; "<unknown>" without a time.
std::string since(const Json& time, WallTime now);
// "a,b,c"; `none` for nothing.
std::string joined(const std::vector<std::string>& parts, std::string_view none = "<none>");
// "a=b,c=d" of labels or a selector.
std::string labels_text(const Json& labels);
// What stands at a path of keys, or null.
const Json& at(const Json& object, const std::vector<std::string>& path);

}  // namespace k8s::apiserver::table
