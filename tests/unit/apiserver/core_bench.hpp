// Bench: an ApiServer in virtual time, with short names for requests. For the core_* tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "libk8s/apiserver/server.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s::apiserver::testing {

using Json = nlohmann::json;

struct Answer {
  int status = 0;
  Json body;
  http::Headers headers;
  std::shared_ptr<Stream> stream;

  std::string message() const { return string_at(body, "message"); }
  std::string reason() const { return string_at(body, "reason"); }
  std::string version() const { return string_at(object_at(body, "metadata"), "resourceVersion"); }
  std::string uid() const { return string_at(object_at(body, "metadata"), "uid"); }
  const Json& meta() const { return object_at(body, "metadata"); }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const Json& item : array_at(body, "items")) {
      found.push_back(string_at(object_at(item, "metadata"), "name"));
    }
    return found;
  }
};

// An event of a watch, as a test wants to see it.
struct Seen {
  std::string type, name, version;
  Json object;
};

inline std::vector<Seen> seen(const std::shared_ptr<Stream>& stream) {
  std::vector<Seen> events;
  std::string text;
  for (std::string part = stream->take(); !part.empty(); part = stream->take()) text += part;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const Json event = Json::parse(line);
    const Json& object = event.at("object");
    const Json& meta = object_at(object, "metadata");
    events.push_back(
        {event.at("type"), string_at(meta, "name"), string_at(meta, "resourceVersion"), object});
  }
  return events;
}

// "ADDED a, MODIFIED a": the types and names of the events that are there.
inline std::string told(const std::shared_ptr<Stream>& stream) {
  std::string text;
  for (const Seen& event : seen(stream)) {
    text += (text.empty() ? "" : ", ") + event.type + (event.name.empty() ? "" : " " + event.name);
  }
  return text;
}

class Bench {
 public:
  explicit Bench(std::string database = ":memory:", std::size_t history = 10'000)
      : database_(std::move(database)), history_(history) {
    open();
  }

  void open() {
    api_.reset();
    Options options;
    options.database = database_;
    options.watch_history = history_;
    options.now = [this] { return now_; };
    options.random = [this] { return random(); };
    auto opened = ApiServer::open(std::move(options));
    EXPECT_TRUE(opened.is_ok()) << opened.status().message();
    if (opened) api_ = std::move(opened).value();
  }

  ApiServer& api() { return *api_; }

  Answer send(const std::string& method, const std::string& target, const std::string& body = "",
              const std::string& content_type = "application/json", http::Headers headers = {}) {
    http::Request request;
    request.method = method;
    request.target = target;
    request.body = body;
    request.headers = std::move(headers);
    if (!body.empty()) request.headers.set("Content-Type", content_type);
    Reply reply = api_->handle(request, Caller{});
    Answer answer;
    answer.status = reply.response.status;
    answer.headers = reply.response.headers;
    answer.stream = reply.stream;
    answer.body = Json::parse(reply.response.body, nullptr, false);
    return answer;
  }

  Answer get(const std::string& target) { return send("GET", target); }
  Answer post(const std::string& target, const Json& body) {
    return send("POST", target, body.dump());
  }
  Answer put(const std::string& target, const Json& body) {
    return send("PUT", target, body.dump());
  }
  Answer merge(const std::string& target, const Json& body) {
    return send("PATCH", target, body.dump(), "application/merge-patch+json");
  }
  Answer remove(const std::string& target, const Json& options = nullptr) {
    return send("DELETE", target, options.is_null() ? "" : options.dump());
  }
  std::shared_ptr<Stream> watch(const std::string& target) {
    const Answer answer = get(target);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer.stream;
  }

  // Lets the server's own work come to rest.
  void settle() {
    for (int i = 0; i < 1000; ++i) {
      const auto next = api_->tick();
      if (!next || *next > now_) return;
    }
    ADD_FAILURE() << "the server's background work does not come to rest";
  }
  void pass(Duration time) {
    now_ = now_ + time;
    settle();
  }
  WallTime now() const { return now_; }

  std::uint64_t random() {  // splitmix64
    std::uint64_t z = (seed_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31U);
  }

 private:
  std::string database_;
  std::size_t history_;
  std::uint64_t seed_ = 7;
  WallTime now_{1'800'000'000'000'000'000};
  std::unique_ptr<ApiServer> api_;
};

// ---- objects

inline const char* kMaps = "/api/v1/namespaces/default/configmaps";
inline const char* kPods = "/api/v1/namespaces/default/pods";

inline Json config_map(const std::string& name, const Json& labels = Json::object()) {
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata", {{"name", name}, {"labels", labels}}},
          {"data", {{"key", "value"}}}};
}

inline Json pod(const std::string& name, const Json& labels = Json::object()) {
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata", {{"name", name}, {"labels", labels}}},
          {"spec", {{"containers", {{{"name", "main"}, {"image", "none"}}}}}}};
}

inline Json binding(const std::string& name, const std::string& node) {
  return {{"apiVersion", "v1"},
          {"kind", "Binding"},
          {"metadata", {{"name", name}}},
          {"target", {{"apiVersion", "v1"}, {"kind", "Node"}, {"name", node}}}};
}

// An owner reference to what was created.
inline Json owner(const Answer& of, bool block = false) {
  return {{"apiVersion", of.body.at("apiVersion")},
          {"kind", of.body.at("kind")},
          {"name", of.meta().at("name")},
          {"uid", of.uid()},
          {"blockOwnerDeletion", block}};
}

// `owners`: an array of references, or one alone.
inline Json owned(Json object, const Json& owners) {
  object["metadata"]["ownerReferences"] = owners.is_array() ? owners : Json::array({owners});
  return object;
}

inline bool is_deleting_now(const Json& object) {
  return has(object_at(object, "metadata"), "deletionTimestamp");
}

// A namespaced custom type with status and scale: widgets.example.com/v1.
inline Json widget_crd() {
  return Json::parse(R"({
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {"group": "example.com", "scope": "Namespaced",
      "names": {"plural": "widgets", "singular": "widget", "kind": "Widget",
                "listKind": "WidgetList", "shortNames": ["wd"]},
      "versions": [{"name": "v1", "served": true, "storage": true,
        "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas",
          "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.selector"}},
        "additionalPrinterColumns": [
          {"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {
          "spec": {"type": "object", "properties": {
            "size": {"type": "integer", "minimum": 1, "default": 3},
            "replicas": {"type": "integer"}, "color": {"type": "string"}}},
          "status": {"type": "object", "properties": {
            "replicas": {"type": "integer"}, "selector": {"type": "string"},
            "phase": {"type": "string"}}}}}}}]}})");
}
inline const char* kCrds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
inline const char* kWidgets = "/apis/example.com/v1/namespaces/default/widgets";

inline Json widget(const std::string& name, const Json& spec = Json::object()) {
  return {{"apiVersion", "example.com/v1"},
          {"kind", "Widget"},
          {"metadata", {{"name", name}}},
          {"spec", spec}};
}

}  // namespace k8s::apiserver::testing
