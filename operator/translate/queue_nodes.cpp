#include "operator/translate/queue_nodes.hpp"

#include <algorithm>
#include <set>

#include "scheduler/reason.hpp"

namespace fermi {
namespace {

constexpr std::size_t kNamed = 8;

using Names = std::set<std::string>;

void add(std::string& text, const std::string& sentence) {
  text += (text.empty() ? "" : "; ") + sentence;
}

std::string joined(const Names& names) {
  std::string text;
  std::size_t count = 0;
  for (const std::string& name : names)
    if (++count <= kNamed) text += (text.empty() ? "" : ", ") + name;
  if (names.size() > kNamed) text += " and " + std::to_string(names.size() - kNamed) + " more";
  return text;
}

// What nodes say of themselves, one of three ways.
struct Kind {
  const char* verb;  // "lies in"
  const char* word;  // "zone"
  Names there;

  std::string missing(const std::string& field, const Names& asked) const {
    Names gone;
    std::set_difference(asked.begin(), asked.end(), there.begin(), there.end(),
                        std::inserter(gone, gone.begin()));
    gone.erase("");
    if (gone.empty()) return "";
    const std::string known = there.empty() ? std::string("no node names a ") + word
                                            : word + std::string("s: ") + joined(there);
    return field + ": no node " + verb + " " + joined(gone) + " (" + known + ")";
  }
};

bool allows(const std::vector<std::string>& list, const std::string& value) {
  return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
}

class Look {
 public:
  Look(const TaskQueueSpec& spec, const std::vector<NodePlace>& nodes) : spec_(spec) {
    for (const NodePlace& node : nodes) {
      if (!node.zone.empty()) zones_.there.insert(node.zone);
      if (!node.pool.empty()) pools_.there.insert(node.pool);
      if (!node.gpu_model.empty()) models_.there.insert(node.gpu_model);
      if (may_use(spec, node)) usable_.push_back(&node);
    }
  }

  QueueNodes take() {
    see(zones_, "spec.zones", {spec_.zones.begin(), spec_.zones.end()});
    see(pools_, "spec.pools", {spec_.pools.begin(), spec_.pools.end()});
    see(models_, "spec.gpuModels", {spec_.gpu_models.begin(), spec_.gpu_models.end()});
    see_guarantee("spec.quota.guaranteed", {}, spec_.guaranteed);
    for (std::size_t i = 0; i < spec_.flavors.size(); ++i) {
      const QuotaFlavor& flavor = spec_.flavors[i];
      const std::string field = "spec.quota.flavors[" + std::to_string(i) + "].";
      see(zones_, field + "zone", {flavor.zone});
      see(pools_, field + "pool", {flavor.pool});
      see(models_, field + "gpuModel", {flavor.gpu_model});
      see_guarantee(field + "guaranteed", flavor, flavor.guaranteed);
    }
    return std::move(out_);
  }

 private:
  void see(const Kind& kind, const std::string& field, const Names& asked) {
    const std::string problem = kind.missing(field, asked);
    if (!problem.empty()) add(out_.missing, problem);
  }

  // On the nodes that have all that `where` names.
  void see_guarantee(const std::string& field, const QuotaFlavor& where,
                     const k8s::ResourceList& guaranteed) {
    const auto fits = [](const std::string& asked, const std::string& has) {
      return asked.empty() || asked == has;
    };
    for (const auto& [resource, amount] : guaranteed) {
      std::int64_t has = 0;
      for (const NodePlace* node : usable_) {
        const auto found = node->allocatable.find(resource);
        if (found != node->allocatable.end() && fits(where.zone, node->zone) &&
            fits(where.pool, node->pool) && fits(where.gpu_model, node->gpu_model))
          has += found->second;
      }
      if (amount <= has) continue;
      add(out_.uncovered, field + ": " + sched::amount(resource, where.gpu_model, amount) +
                              " guaranteed, and the nodes that it may use have " +
                              sched::amount(resource, where.gpu_model, has) +
                              ": all of it is kept from queues that do not borrow");
    }
  }

  const TaskQueueSpec& spec_;
  Kind zones_{"lies in", "zone", {}};
  Kind pools_{"is of pool", "pool", {}};
  Kind models_{"has GPU model", "GPU model", {}};
  std::vector<const NodePlace*> usable_;
  QueueNodes out_;
};

}  // namespace

// A queue that is bound to models still takes nodes without one.
bool may_use(const TaskQueueSpec& spec, const NodePlace& node) {
  return allows(spec.zones, node.zone) && allows(spec.pools, node.pool) &&
         (node.gpu_model.empty() || allows(spec.gpu_models, node.gpu_model));
}

bool names_nodes(const TaskQueueSpec& spec) {
  return !spec.zones.empty() || !spec.pools.empty() || !spec.gpu_models.empty() ||
         !spec.flavors.empty() || !spec.guaranteed.empty();
}

QueueNodes look_at_nodes(const TaskQueueSpec& spec, const std::vector<NodePlace>& nodes) {
  if (nodes.empty()) return {};
  return Look(spec, nodes).take();
}

}  // namespace fermi
