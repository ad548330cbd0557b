#include "scheduler/place/filter.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace sched {
namespace {

constexpr const char* kHostname = "kubernetes.io/hostname";
constexpr const char* kName = "metadata.name";  // matchFields

// Keys whose value is one node's alone. They are asked per node; as a class they would make one
// class of each node.
bool single_node_key(const std::string& key) { return key == kHostname || key == kName; }

bool contains(const std::vector<std::string>& list, const std::string& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

bool allowed(const std::vector<std::string>& list, const std::string& value) {
  return list.empty() || contains(list, value);
}

std::optional<std::int64_t> integer(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The node's own name can be asked for like a label (matchFields).
const std::string* label(const Node& node, const std::string& key) {
  if (key == kName) return &node.name;
  auto found = node.labels.find(key);
  return found == node.labels.end() ? nullptr : &found->second;
}

// Gt and Lt compare integers; anything else does not match, as in Kubernetes.
bool compares(const Requirement& r, const std::string* value) {
  if (value == nullptr || r.values.size() != 1) return false;
  const auto has = integer(*value), limit = integer(r.values[0]);
  if (!has || !limit) return false;
  return r.op == "Gt" ? *has > *limit : *has < *limit;
}

bool any_term(const Filter& filter, const Node& node) {
  return std::any_of(filter.affinity.begin(), filter.affinity.end(), [&](const auto& term) {
    // A term without requirements matches nothing, as in Kubernetes.
    return !term.empty() && std::all_of(term.begin(), term.end(),
                                        [&](const Requirement& r) { return matches(r, node); });
  });
}

// Terms that name single nodes are asked of the node as a whole: "this node, or that class".
bool affinity_names_nodes(const Filter& filter) {
  for (const auto& term : filter.affinity) {
    for (const Requirement& r : term) {
      if (single_node_key(r.key)) return true;
    }
  }
  return false;
}

// The half of the selector that is (or is not) about single nodes.
bool selector_matches(const Filter& filter, const Node& node, bool single) {
  return std::all_of(filter.node_selector.begin(), filter.node_selector.end(), [&](const auto& s) {
    if (single_node_key(s.first) != single) return true;
    const std::string* value = label(node, s.first);
    return value != nullptr && *value == s.second;
  });
}

}  // namespace

Filter filter_of(const Task& task, const Queue* queue) {
  Filter f;
  f.pool = task.pool;
  f.gpu_model = task.gpu_model;
  f.node_selector = task.node_selector;
  f.affinity = task.affinity;
  f.tolerations = task.tolerations;
  f.allowed_zones = task.allowed_zones;
  f.excluded_nodes = task.excluded_nodes;
  if (queue != nullptr) {
    f.zones = queue->zones;
    f.pools = queue->pools;
    f.gpu_models = queue->gpu_models;
  }
  // Sorted, so that two ways to write the same wish are one shape.
  for (auto* list : {&f.allowed_zones, &f.excluded_nodes, &f.zones, &f.pools, &f.gpu_models}) {
    std::sort(list->begin(), list->end());
    list->erase(std::unique(list->begin(), list->end()), list->end());
  }
  return f;
}

bool tolerates(const std::vector<Toleration>& tolerations, const Taint& taint) {
  return std::any_of(tolerations.begin(), tolerations.end(), [&](const Toleration& t) {
    if (!t.effect.empty() && t.effect != taint.effect) return false;
    if (t.op == "Exists") return t.key.empty() || t.key == taint.key;
    return (t.op.empty() || t.op == "Equal") && t.key == taint.key && t.value == taint.value;
  });
}

bool matches(const Requirement& r, const Node& node) {
  const std::string* value = label(node, r.key);
  if (r.op == "In") return value != nullptr && contains(r.values, *value);
  if (r.op == "NotIn") return value == nullptr || !contains(r.values, *value);
  if (r.op == "Exists") return value != nullptr;
  if (r.op == "DoesNotExist") return value == nullptr;
  if (r.op == "Gt" || r.op == "Lt") return compares(r, value);
  return false;
}

Match match_class(const Filter& f, const Node& node) {
  if (f.shares && !node.gpu_sharing) return Match::kNo;
  if (!f.pool.empty() && f.pool != node.pool) return Match::kNo;
  if (!f.gpu_model.empty() && f.gpu_model != node.gpu_model) return Match::kNo;
  if (!allowed(f.allowed_zones, node.zone) || !allowed(f.zones, node.zone)) return Match::kNo;
  if (!allowed(f.pools, node.pool)) return Match::kNo;
  // A queue bound to models still takes CPU nodes, which have none.
  if (!node.gpu_model.empty() && !allowed(f.gpu_models, node.gpu_model)) return Match::kNo;
  if (!selector_matches(f, node, false)) return Match::kNo;
  if (!f.affinity.empty() && !affinity_names_nodes(f) && !any_term(f, node)) return Match::kNo;
  Match match = Match::kYes;
  for (const Taint& taint : node.taints) {
    if (tolerates(f.tolerations, taint)) continue;
    if (taint.effect == "NoSchedule" || taint.effect == "NoExecute") return Match::kNo;
    if (taint.effect == "PreferNoSchedule") match = Match::kLast;
  }
  return match;
}

bool match_node(const Filter& f, const Node& node) {
  if (contains(f.excluded_nodes, node.name)) return false;
  if (!selector_matches(f, node, true)) return false;
  return f.affinity.empty() || !affinity_names_nodes(f) || any_term(f, node);
}

bool asks_of_node(const Filter& f) {
  return !f.excluded_nodes.empty() || affinity_names_nodes(f) ||
         std::any_of(f.node_selector.begin(), f.node_selector.end(),
                     [](const auto& s) { return single_node_key(s.first); });
}

std::set<std::string> asked_labels(const Filter& f) {
  std::set<std::string> keys;
  for (const auto& [key, value] : f.node_selector) {
    if (!single_node_key(key)) keys.insert(key);
  }
  if (affinity_names_nodes(f)) return keys;
  for (const auto& term : f.affinity) {
    for (const Requirement& r : term) keys.insert(r.key);
  }
  return keys;
}

}  // namespace sched
