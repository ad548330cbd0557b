#include "libk8s/apiserver/patch/owned_merge.hpp"

#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "libk8s/codec/json.hpp"

namespace k8s::apiserver::patch {
namespace {

Json merge(const Json& live, const Json& config, const Schema& schema, int depth);

// Both orders are kept where they agree, and the configuration's where they do not. At one place,
// elements that only live go before those that are new.
Json merge_lists(const Json& live, const Json& config, const Schema& schema, int depth) {
  std::unordered_map<std::string, std::size_t> place;  // in the live list
  std::vector<std::string> live_keys;
  for (std::size_t i = 0; i < live.size(); ++i) {
    live_keys.push_back(element_key(live[i], schema));
    place.emplace(live_keys.back(), i);
  }
  std::set<std::string> named;
  for (const Json& element : config) named.insert(element_key(element, schema));
  Json merged = Json::array();
  std::size_t next = 0;  // live elements before this one are in
  auto take_live_until = [&](std::size_t end) {
    for (; next < end; ++next) {
      if (!named.contains(live_keys[next])) merged.push_back(live[next]);
    }
  };
  auto take_live_only = [&] {
    std::size_t end = next;
    while (end < live.size() && !named.contains(live_keys[end])) ++end;
    take_live_until(end);
  };
  for (const Json& element : config) {
    auto it = place.find(element_key(element, schema));
    if (it == place.end()) {
      take_live_only();
      merged.push_back(element);
      continue;
    }
    take_live_until(it->second);
    merged.push_back(schema.list_type == ListType::kMap
                         ? merge(live[it->second], element, *schema.items, depth + 1)
                         : element);
  }
  take_live_until(live.size());
  return merged;
}

Json merge(const Json& live, const Json& config, const Schema& schema, int depth) {
  if (depth > kMaxDepth) return config;
  if (is_granular_object(config, schema) && live.is_object()) {
    Json merged = live;
    for (const auto& [key, value] : config.items()) {
      auto it = merged.find(key);
      if (it == merged.end()) {
        merged[key] = value;
      } else {
        it.value() = merge(it.value(), value, child_of(schema, key), depth + 1);
      }
    }
    return merged;
  }
  if (is_granular_list(config, schema) && live.is_array()) {
    return merge_lists(live, config, schema, depth);
  }
  return config;
}

void take_out(Json& value, const FieldSet& gone, const FieldSet& kept, const Schema& schema);

const FieldSet& child_set(const FieldSet& set, const std::string& key) {
  static const FieldSet none;
  auto it = set.children.find(key);
  return it == set.children.end() ? none : it->second;
}

// Whether the part at `key` goes as a whole; if not, what is below it may have been taken out.
bool goes(Json& part, const std::string& key, const FieldSet& gone, const FieldSet& kept,
          const Schema& schema) {
  const FieldSet& below = child_set(gone, key);
  const FieldSet& stays = child_set(kept, key);
  if (below.empty()) return false;
  if (below.self && stays.empty()) return true;
  bool had = part.is_structured() && !part.empty();
  take_out(part, below, stays, schema);
  return had && part.empty() && stays.empty();
}

void take_out(Json& value, const FieldSet& gone, const FieldSet& kept, const Schema& schema) {
  if (is_granular_object(value, schema)) {
    for (auto it = value.begin(); it != value.end();) {
      const Schema& child = child_of(schema, it.key());
      bool out = goes(it.value(), "f:" + it.key(), gone, kept, child);
      it = out ? value.erase(it) : std::next(it);
    }
  } else if (is_granular_list(value, schema)) {
    Json left = Json::array();
    for (Json& element : value) {
      std::string key = element_key(element, schema);
      if (!goes(element, key, gone, kept, *schema.items)) left.push_back(std::move(element));
    }
    value = std::move(left);
  }
}

Status bad(std::string message) {
  return Status(Code::kInvalid, std::move(message)).with_http(400).with_reason("BadRequest");
}

}  // namespace

Json owned_merge(const Json& live, const Json& config, const Schema& schema) {
  return merge(live, config, schema, 0);
}

void remove_fields(Json& value, const FieldSet& gone, const FieldSet& kept, const Schema& schema) {
  if (!gone.empty()) take_out(value, gone, kept, schema);
}

Status check_lists(const Json& value, const Schema& schema, const std::string& path) {
  if (is_granular_object(value, schema)) {
    for (const auto& [key, item] : value.items()) {
      if (Status s = check_lists(item, child_of(schema, key), path + "." + key); !s) return s;
    }
  } else if (is_granular_list(value, schema)) {
    std::set<std::string> seen;
    for (const Json& element : value) {
      std::string key = element_key(element, schema);
      if (key.empty()) {
        return bad(path + ": element " + json_text(element) +
                   ": associative list with keys has an element that omits a key field");
      }
      if (!seen.insert(key).second) {
        return bad(path + ": duplicate entries for key " + key.substr(2));
      }
      if (Status s = check_lists(element, *schema.items, path + "[" + key.substr(2) + "]"); !s) {
        return s;
      }
    }
  }
  return Status::ok();
}

}  // namespace k8s::apiserver::patch
