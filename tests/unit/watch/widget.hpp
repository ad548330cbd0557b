// Widget: a small custom resource for the tests of this folder.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "libk8s/codec/json.hpp"
#include "libk8s/watch/informer.hpp"

namespace k8s {

struct Widget {
  ObjectMeta meta;
  std::string color;
};

template <>
struct Codec<Widget> : JsonCodec<Widget> {
  static Resource resource() { return {"example.com", "v1", "widgets", "Widget", true}; }
  static Result<Widget> from_json(const nlohmann::json& json) {
    const nlohmann::json& meta = object_at(json, "metadata");
    Widget widget;
    widget.meta.name = string_at(meta, "name");
    widget.meta.ns = string_at(meta, "namespace");
    widget.meta.uid = string_at(meta, "uid");
    widget.meta.resource_version = string_at(meta, "resourceVersion");
    widget.color = string_at(object_at(json, "spec"), "color");
    if (widget.color == "unreadable") return Status(Code::kMalformed, "no such color");
    return widget;
  }
};

namespace testing {

inline nlohmann::json widget(const std::string& name, const std::string& uid, int version,
                             const std::string& color = "red") {
  return {{"apiVersion", "example.com/v1"},
          {"kind", "Widget"},
          {"metadata",
           {{"name", name},
            {"namespace", "ns"},
            {"uid", uid},
            {"resourceVersion", std::to_string(version)}}},
          {"spec", {{"color", color}}}};
}

inline std::string widget_list(int version, const std::vector<nlohmann::json>& items,
                               const std::string& continue_token = "") {
  nlohmann::json meta = {{"resourceVersion", std::to_string(version)}};
  if (!continue_token.empty()) meta["continue"] = continue_token;
  const nlohmann::json list = {{"apiVersion", "example.com/v1"},
                               {"kind", "WidgetList"},
                               {"metadata", meta},
                               {"items", items}};
  return list.dump();
}

inline std::string event(const std::string& type, const nlohmann::json& object) {
  return nlohmann::json({{"type", type}, {"object", object}}).dump() + "\n";
}

inline std::string bookmark(int version, bool initial_events_end = false) {
  nlohmann::json meta = {{"resourceVersion", std::to_string(version)}};
  if (initial_events_end) meta["annotations"] = {{"k8s.io/initial-events-end", "true"}};
  return event("BOOKMARK",
               {{"apiVersion", "example.com/v1"}, {"kind", "Widget"}, {"metadata", meta}});
}

inline std::string error_event(int code, const std::string& reason, const std::string& message) {
  return event("ERROR", {{"kind", "Status"},
                         {"apiVersion", "v1"},
                         {"status", "Failure"},
                         {"message", message},
                         {"reason", reason},
                         {"code", code}});
}

}  // namespace testing
}  // namespace k8s
