#include "libk8s/apiserver/table/table.hpp"

#include <nlohmann/json.hpp>

#include "libk8s/apiserver/schema/json_path.hpp"
#include "libk8s/apiserver/table/columns.hpp"
#include "libk8s/codec/json.hpp"
#include "libk8s/codec/rfc3339.hpp"

namespace k8s::apiserver::table {
namespace {

class ColumnPrinter : public Printer {
 public:
  explicit ColumnPrinter(Columns columns) : columns_(std::move(columns)) {}

  Json columns() const override {
    Json definitions = Json::array();
    for (const Column& c : columns_) {
      definitions.push_back({{"name", c.name},
                             {"type", c.type},
                             {"format", c.format},
                             {"description", c.description},
                             {"priority", c.priority}});
    }
    return definitions;
  }

  Json cells(const Json& object, WallTime now) const override {
    Json cells = Json::array();
    for (const Column& c : columns_) cells.push_back(c.cell(object, now));
    return cells;
  }

 private:
  Columns columns_;
};

// A cell of a custom column: the first value that the path reaches, if it is of the type.
Json custom_cell(const JsonPath& path, const std::string& type, const Json& object, WallTime now) {
  std::vector<const Json*> found = path.find(object);
  if (found.empty() || found.front()->is_null()) return nullptr;
  const Json& value = *found.front();
  if (type == "date") return since(value, now);
  if (type == "integer") {
    if (value.is_number_integer()) return value;
    return value.is_number() ? Json(static_cast<std::int64_t>(value.get<double>())) : Json();
  }
  if (type == "number") return value.is_number() ? value : Json();
  if (type == "boolean") return value.is_boolean() ? value : Json();
  if (value.is_string()) return value;
  // Several results, or a structure, as one text.
  if (found.size() == 1) return json_text(value);
  std::string all;
  for (const Json* v : found) {
    all += (all.empty() ? "" : " ") + (v->is_string() ? v->get<std::string>() : json_text(*v));
  }
  return all;
}

Column custom_column(const PrinterColumn& wanted) {
  Column column{wanted.name, wanted.type, wanted.format, wanted.description, wanted.priority, {}};
  Result<JsonPath> path = JsonPath::parse(wanted.json_path);
  if (!path) {
    column.cell = [](const Json&, WallTime) { return Json(); };
    return column;
  }
  column.cell = [path = *path, type = wanted.type](const Json& object, WallTime now) {
    return custom_cell(path, type, object, now);
  };
  return column;
}

}  // namespace

const Json& at(const Json& object, const std::vector<std::string>& path) {
  static const Json none;
  const Json* here = &object;
  for (const std::string& key : path) {
    if (!here->is_object()) return none;
    auto it = here->find(key);
    if (it == here->end()) return none;
    here = &it.value();
  }
  return *here;
}

std::string since(const Json& time, WallTime now) {
  if (!time.is_string()) return "<unknown>";
  Result<WallTime> then = parse_time(time.get_ref<const std::string&>());
  return then ? human_duration(now - *then) : "<invalid>";
}

std::string joined(const std::vector<std::string>& parts, std::string_view none) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ",") + part;
  return text.empty() ? std::string(none) : text;
}

std::string labels_text(const Json& labels) {
  std::vector<std::string> parts;
  if (labels.is_object()) {
    for (const auto& [key, value] : labels.items()) {
      if (value.is_string()) parts.push_back(key + "=" + value.get<std::string>());
    }
  }
  return joined(parts);
}

Column name_column() {
  return {
      "Name", "string",
      "name", "Name of the object, unique in its namespace.",
      0,      [](const Json& o, WallTime) { return string_at(object_at(o, "metadata"), "name"); }};
}

Column age_column() {
  return {"Age",
          "string",
          "",
          "Time since the object was created.",
          0,
          [](const Json& o, WallTime now) {
            return since(at(o, {"metadata", "creationTimestamp"}), now);
          }};
}

Column created_column() {
  return {"Created At", "date", "", "When the object was created.", 0, [](const Json& o, WallTime) {
            return at(o, {"metadata", "creationTimestamp"});
          }};
}

Column text_column(std::string name, std::vector<std::string> path, std::string none,
                   int priority) {
  Column column{std::move(name), "string", "", "", priority, {}};
  column.cell = [path = std::move(path), none = std::move(none)](const Json& o, WallTime) -> Json {
    const Json& value = at(o, path);
    if (value.is_string() && !value.get_ref<const std::string&>().empty()) return value;
    return value.is_primitive() && !value.is_string() && !value.is_null() ? Json(value.dump())
                                                                          : Json(none);
  };
  return column;
}

Columns columns_of(std::string_view group, std::string_view kind) {
  if (kind == "Pod" && group.empty()) return pod_columns();
  if (kind == "Node" && group.empty()) return node_columns();
  for (auto family : {workload_columns, storage_columns, access_columns}) {
    if (Columns columns = family(kind); !columns.empty()) return columns;
  }
  return {};
}

PrinterRef printer(const kinds::Kind& kind) {
  Columns columns = columns_of(kind.group, kind.kind);
  if (columns.empty()) columns = {name_column(), created_column()};
  return std::make_shared<ColumnPrinter>(std::move(columns));
}

PrinterRef printer(const CrdVersion& version) {
  Columns columns = {name_column()};
  for (const PrinterColumn& wanted : version.columns) columns.push_back(custom_column(wanted));
  if (version.columns.empty()) {
    columns.push_back(custom_column({"Age", "date", "", "Time since the object was created.",
                                     ".metadata.creationTimestamp", 0}));
  }
  return std::make_shared<ColumnPrinter>(std::move(columns));
}

Result<Include> parse_include(std::string_view parameter) {
  if (parameter.empty() || parameter == "Metadata") return Include::kMetadata;
  if (parameter == "Object") return Include::kObject;
  if (parameter == "None") return Include::kNone;
  return Status(Code::kInvalid, "unrecognized includeObject value: \"" + std::string(parameter) +
                                    "\": supported values: \"None\", \"Metadata\", \"Object\"")
      .with_http(400)
      .with_reason("BadRequest");
}

Json row(const Printer& printer, const Json& object, Include include, WallTime now) {
  Json row = {{"cells", printer.cells(object, now)}};
  if (include == Include::kObject) row["object"] = object;
  if (include == Include::kMetadata) {
    row["object"] = {{"kind", "PartialObjectMetadata"},
                     {"apiVersion", "meta.k8s.io/v1"},
                     {"metadata", object_at(object, "metadata")}};
  }
  return row;
}

Json table(const Printer& printer, const std::vector<const Json*>& objects, const Json& list_meta,
           Include include, WallTime now, bool with_columns) {
  Json rows = Json::array();
  for (const Json* object : objects) rows.push_back(row(printer, *object, include, now));
  return {{"kind", "Table"},
          {"apiVersion", "meta.k8s.io/v1"},
          {"metadata", list_meta.is_object() ? list_meta : Json::object()},
          {"columnDefinitions", with_columns ? printer.columns() : Json()},
          {"rows", std::move(rows)}};
}

std::string human_duration(Duration d) {
  auto text = [](std::int64_t n, char unit) { return std::to_string(n) + unit; };
  auto two = [&](std::int64_t a, char unit_a, std::int64_t b, char unit_b) {
    return b == 0 ? text(a, unit_a) : text(a, unit_a) + text(b, unit_b);
  };
  std::int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(d).count();
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 120) return text(seconds, 's');
  std::int64_t minutes = seconds / 60;
  if (minutes < 10) return two(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return text(minutes, 'm');
  std::int64_t hours = minutes / 60;
  if (hours < 8) return two(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return text(hours, 'h');
  std::int64_t days = hours / 24;
  if (days < 8) return two(days, 'd', hours % 24, 'h');
  if (days < 365 * 2) return text(days, 'd');
  if (days < 365 * 8) return two(days / 365, 'y', days % 365, 'd');
  return text(days / 365, 'y');
}

}  // namespace k8s::apiserver::table
