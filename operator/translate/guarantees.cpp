#include "operator/translate/guarantees.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <tuple>

#include "scheduler/reason.hpp"

namespace fermi {
namespace {

constexpr std::size_t kNamed = 8;

using NodeSet = std::vector<bool>;  // by node

// One `guaranteed` of a queue: how much of what, on which nodes.
struct Grant {
  std::string queue, field;
  QuotaFlavor where;        // what the field names; "" for any
  bool restricted = false;  // the queue may not use all of those nodes
  NodeSet nodes;
  const k8s::ResourceList* amounts;

  std::int64_t amount(const std::string& resource) const {
    const auto found = amounts->find(resource);
    return found == amounts->end() ? 0 : found->second;
  }
};

// Nobody can mean more; what is beyond any number is beyond what there is.
std::int64_t plus(std::int64_t a, std::int64_t b) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  return a > kMost - b ? kMost : a + b;
}

bool within(const NodeSet& inner, const NodeSet& outer) {
  for (std::size_t i = 0; i < inner.size(); ++i)
    if (inner[i] && !outer[i]) return false;
  return true;
}

bool meet(const NodeSet& a, const NodeSet& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i] && b[i]) return true;
  return false;
}

Grant grant_of(const std::string& queue, const std::string& field, const TaskQueueSpec& spec,
               const QuotaFlavor& where, const std::vector<NodePlace>& nodes) {
  Grant out{queue, field, where, false, {}, nullptr};
  const auto is = [](const std::string& asked, const std::string& has) {
    return asked.empty() || asked == has;
  };
  for (const NodePlace& node : nodes) {
    const bool named = is(where.zone, node.zone) && is(where.pool, node.pool) &&
                       is(where.gpu_model, node.gpu_model);
    const bool usable = may_use(spec, node);
    out.restricted = out.restricted || (named && !usable);
    out.nodes.push_back(named && usable);
  }
  return out;
}

std::vector<Grant> grants_of(const std::string& queue, const TaskQueueSpec& spec,
                             const std::vector<NodePlace>& nodes) {
  std::vector<Grant> out;
  if (!spec.guaranteed.empty()) {
    out.push_back(grant_of(queue, "spec.quota.guaranteed", spec, {}, nodes));
    out.back().amounts = &spec.guaranteed;
  }
  for (std::size_t i = 0; i < spec.flavors.size(); ++i) {
    const QuotaFlavor& flavor = spec.flavors[i];
    if (flavor.guaranteed.empty()) continue;
    const std::string field = "spec.quota.flavors[" + std::to_string(i) + "].guaranteed";
    out.push_back(grant_of(queue, field, spec, flavor, nodes));
    out.back().amounts = &flavor.guaranteed;
  }
  return out;
}

class Sums {
 public:
  Sums(const std::map<std::string, const TaskQueueSpec*>& queues,
       const std::vector<NodePlace>& nodes)
      : nodes_(nodes) {
    for (const auto& [name, spec] : queues) {
      std::vector<Grant> grants = grants_of(name, *spec, nodes);
      if (!grants.empty()) grants_[name] = std::move(grants);
    }
  }

  std::map<std::string, std::string> take() const {
    std::map<std::string, std::string> out;
    for (const auto& [name, own] : grants_) {
      std::set<std::string> resources;
      for (const Grant& grant : own)
        for (const auto& [resource, amount] : *grant.amounts) resources.insert(resource);
      std::string& text = out[name];
      for (const std::string& resource : resources) {
        const std::string sentence = first_beyond(name, resource);
        if (!sentence.empty()) text += (text.empty() ? "" : "; ") + sentence;
      }
      if (text.empty()) out.erase(name);
    }
    return out;
  }

 private:
  // The queue's own guarantees are looked at first.
  std::string first_beyond(const std::string& queue, const std::string& resource) const {
    for (const Grant& grant : grants_.at(queue))
      if (std::string text = beyond(queue, resource, grant); !text.empty()) return text;
    for (const auto& [other, grants] : grants_)
      for (const Grant& grant : grants)
        if (std::string text = other == queue ? "" : beyond(queue, resource, grant); !text.empty())
          return text;
    return "";
  }

  // What of the nodes of `place` is guaranteed to this queue and others, if it is more than there
  // is.
  std::string beyond(const std::string& queue, const std::string& resource,
                     const Grant& place) const {
    if (place.amount(resource) == 0) return "";
    const std::int64_t own = need(queue, resource, place.nodes);
    const std::int64_t has = there_is(resource, place.nodes);
    if (own == 0 || own > has) return "";
    const auto words = [&](std::int64_t value) {
      return sched::amount(resource, place.where.gpu_model, value);
    };
    std::int64_t sum = own;
    std::string others;
    std::size_t count = 0;
    for (const auto& [other, grants] : grants_) {
      const std::int64_t theirs = other == queue ? 0 : need(other, resource, place.nodes);
      if (theirs == 0) continue;
      sum = plus(sum, theirs);
      if (++count <= kNamed)
        others += (others.empty() ? "" : ", ") + other + " (" + words(theirs) + ")";
    }
    if (sum <= has) return "";
    if (count > kNamed) others += " and " + std::to_string(count - kNamed) + " more";
    return field_within(queue, resource, place.nodes) + ": " + words(own) +
           " guaranteed, and to queues " + others + ": together " + words(sum) + ", and " +
           in_words(place) + " have " + words(has) + ", so not all of them can have theirs at once";
  }

  std::string field_within(const std::string& queue, const std::string& resource,
                           const NodeSet& nodes) const {
    for (const Grant& grant : grants_.at(queue))
      if (grant.amount(resource) > 0 && within(grant.nodes, nodes)) return grant.field;
    return "";
  }

  // At least so much is guaranteed to the queue within: one guarantee, or several that share no
  // node, the larger first.
  std::int64_t need(const std::string& queue, const std::string& resource,
                    const NodeSet& nodes) const {
    std::vector<const Grant*> inside;
    for (const Grant& grant : grants_.at(queue))
      if (grant.amount(resource) > 0 && within(grant.nodes, nodes)) inside.push_back(&grant);
    std::stable_sort(inside.begin(), inside.end(), [&](const Grant* a, const Grant* b) {
      return a->amount(resource) > b->amount(resource);
    });
    std::int64_t most = 0;
    for (std::size_t first = 0; first < inside.size(); ++first) {
      std::vector<const Grant*> chosen;
      std::int64_t sum = 0;
      for (std::size_t i = first; i < inside.size(); ++i) {
        const auto shares = [&](const Grant* c) { return meet(c->nodes, inside[i]->nodes); };
        if (std::any_of(chosen.begin(), chosen.end(), shares)) continue;
        chosen.push_back(inside[i]);
        sum = plus(sum, inside[i]->amount(resource));
      }
      most = std::max(most, sum);
    }
    return most;
  }

  std::int64_t there_is(const std::string& resource, const NodeSet& nodes) const {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const auto found = nodes_[i].allocatable.find(resource);
      if (nodes[i] && found != nodes_[i].allocatable.end()) sum = plus(sum, found->second);
    }
    return sum;
  }

  static std::string in_words(const Grant& place) {
    std::string text = "the nodes";
    if (!place.where.zone.empty()) text += " of zone " + place.where.zone;
    if (!place.where.pool.empty()) text += " of pool " + place.where.pool;
    if (!place.where.gpu_model.empty()) text += " with " + place.where.gpu_model;
    if (place.restricted) text += " that queue " + place.queue + " may use";
    return text;
  }

  const std::vector<NodePlace>& nodes_;
  std::map<std::string, std::vector<Grant>> grants_;
};

}  // namespace

std::vector<NodePlace> merged(const std::vector<NodePlace>& nodes) {
  std::map<std::tuple<std::string, std::string, std::string>, k8s::ResourceList> sums;
  for (const NodePlace& node : nodes) {
    k8s::ResourceList& sum = sums[{node.zone, node.pool, node.gpu_model}];
    for (const auto& [resource, amount] : node.allocatable) sum[resource] = plus(sum[resource], amount);
  }
  std::vector<NodePlace> out;
  for (auto& [place, sum] : sums)
    out.push_back({std::get<0>(place), std::get<1>(place), std::get<2>(place), std::move(sum)});
  return out;
}

std::map<std::string, std::string> guarantees_beyond(
    const std::map<std::string, const TaskQueueSpec*>& queues,
    const std::vector<NodePlace>& nodes) {
  if (nodes.empty()) return {};
  return Sums(queues, nodes).take();
}

}  // namespace fermi
