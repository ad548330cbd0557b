#include "scheduler/order/ruled_out.hpp"

#include <algorithm>
#include <set>
#include <vector>

namespace sched {
namespace {

constexpr std::size_t kNamed = 8;

template <class Names>
std::string joined(const Names& names) {
  std::string text;
  std::size_t count = 0;
  for (const std::string& name : names) {
    if (++count <= kNamed) text += (text.empty() ? "" : ", ") + name;
  }
  if (names.size() > kNamed) text += " and " + std::to_string(names.size() - kNamed) + " more";
  return text;
}

// One wish of a filter, alone.
struct Wish {
  Filter alone;
  std::string name;     // "the label disk=ssd"
  std::string problem;  // what is said when no node satisfies it; "": it is told elsewhere
};

class RuledOut {
 public:
  RuledOut(const Cluster& cluster, const Filter& filter, ZoneId zone)
      : cluster_(cluster), filter_(filter), zone_(zone) {}
  std::string text();

 private:
  template <class See>
  void each_class(See&& see) const;
  bool any(const Filter& filter) const;
  void want(Filter alone, std::string name, std::string problem);
  void want_places();
  void want_labels();
  void want_taints();

  const Cluster& cluster_;
  const Filter& filter_;
  const ZoneId zone_;
  std::vector<Wish> wishes_;
};

template <class See>
void RuledOut::each_class(See&& see) const {
  for (const auto& [name, id] : cluster_.zones()) {
    if (zone_ != kNoId && zone_ != id) continue;
    for (const ClassId c : cluster_.zone(id).classes) {
      if (cluster_.cls(c).nodes > 0) see(cluster_.cls(c));
    }
  }
}

bool RuledOut::any(const Filter& filter) const {
  bool found = false;
  each_class([&](const NodeClass& c) {
    if (found || match_class(filter, c.example) == Match::kNo) return;
    if (!asks_of_node(filter)) {
      found = true;
      return;
    }
    for (const auto& [devices, nodes] : c.by_free_devices) {
      for (auto at = nodes.begin(); !found && !nodes.at_end(at); at = nodes.next(at))
        found = match_node(filter, cluster_.node(nodes.get(at).node).node);
    }
  });
  return found;
}

// Taints are a wish of their own.
void RuledOut::want(Filter alone, std::string name, std::string problem) {
  alone.tolerations = {Toleration{"", "Exists", "", ""}};
  wishes_.push_back({std::move(alone), std::move(name), std::move(problem)});
}

void RuledOut::want_places() {
  std::set<std::string> zones, pools, models;
  each_class([&](const NodeClass& c) {
    if (!c.example.zone.empty()) zones.insert(c.example.zone);
    if (!c.example.pool.empty()) pools.insert(c.example.pool);
    if (!c.example.gpu_model.empty()) models.insert(c.example.gpu_model);
  });
  const auto known = [](const char* word, const std::set<std::string>& there) {
    return there.empty() ? std::string("; no node names its ") + word
                         : "; " + std::string(word) + "s: " + joined(there);
  };
  const auto add = [&](std::vector<std::string> Filter::*list, const char* word, const char* verb,
                       const std::set<std::string>& there, const char* whose) {
    const std::vector<std::string>& asked = filter_.*list;
    if (asked.empty()) return;
    Filter alone;
    alone.*list = asked;
    want(std::move(alone), word + std::string(" ") + joined(asked) + whose,
         std::string("no node ") + verb + joined(asked) + whose + known(word, there));
  };
  constexpr const char* kQueue = ", to which its queue is bound";
  if (!filter_.gpu_model.empty()) {
    Filter alone;
    alone.gpu_model = filter_.gpu_model;
    want(std::move(alone), "GPU model " + filter_.gpu_model, "");
  }
  if (!filter_.pool.empty()) {
    Filter alone;
    alone.pool = filter_.pool;
    want(std::move(alone), "pool " + filter_.pool, "");
  }
  add(&Filter::allowed_zones, "zone", "lies in ", zones, "");
  add(&Filter::zones, "zone", "lies in ", zones, kQueue);
  add(&Filter::pools, "pool", "is of pool ", pools, kQueue);
  add(&Filter::gpu_models, "GPU model", "has GPU model ", models, kQueue);
}

void RuledOut::want_labels() {
  for (const auto& [key, value] : filter_.node_selector) {
    Filter alone;
    alone.node_selector[key] = value;
    const std::string label = "the label " + key + "=" + value;
    want(std::move(alone), label, "no node has " + label);
  }
  if (!filter_.affinity.empty()) {
    Filter alone;
    alone.affinity = filter_.affinity;
    want(std::move(alone), "its required node affinity",
         "no node satisfies its required node affinity");
  }
  if (!filter_.excluded_nodes.empty()) {
    Filter alone;
    alone.excluded_nodes = filter_.excluded_nodes;
    want(std::move(alone), "other nodes than it excludes", "it excludes every node");
  }
}

// A taint of the first class by zone that is not tolerated stands for all.
void RuledOut::want_taints() {
  std::string example;
  each_class([&](const NodeClass& c) {
    for (const Taint& taint : c.example.taints) {
      const bool keeps = taint.effect == "NoSchedule" || taint.effect == "NoExecute";
      if (!example.empty() || !keeps || tolerates(filter_.tolerations, taint)) continue;
      example = taint.key + (taint.value.empty() ? "" : "=" + taint.value) + ":" + taint.effect;
    }
  });
  if (example.empty()) return;
  Filter alone;
  alone.tolerations = filter_.tolerations;
  wishes_.push_back({std::move(alone), "no taint that it does not tolerate (as " + example + ")",
                     "every node has a taint that it does not tolerate, such as " + example});
}

std::string RuledOut::text() {
  Filter every;
  every.tolerations = {Toleration{"", "Exists", "", ""}};
  if (!any(every)) return "";
  want_places();
  want_labels();
  want_taints();
  std::string none, together;
  bool elsewhere = false;
  for (const Wish& wish : wishes_) {
    together += (together.empty() ? "" : ", ") + wish.name;
    if (any(wish.alone)) continue;
    elsewhere = elsewhere || wish.problem.empty();
    if (!wish.problem.empty()) none += (none.empty() ? "" : "; ") + wish.problem;
  }
  if (!none.empty() || elsewhere || wishes_.size() < 2) return none;
  return "no node has all of these together: " + together;
}

}  // namespace

std::string ruled_out(const Cluster& cluster, const Filter& filter, ZoneId zone) {
  return RuledOut(cluster, filter, zone).text();
}

}  // namespace sched
