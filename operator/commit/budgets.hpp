// Budgets: whether the disruption budgets of a namespace would let Pods go, all of them together.
//
// Asked before anybody is told to stop: a gang of which one Pod has been evicted and the next may
// not be would be half a gang. What is found here is only a forecast. The Eviction API decides, and
// may still say no.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "libk8s/codec/selector.hpp"
#include "libk8s/types/pod.hpp"
#include "operator/commit/writer.hpp"

namespace fermi {

using Pods = std::vector<std::shared_ptr<const k8s::Pod>>;

// A PodDisruptionBudget as its status was last written.
struct DisruptionBudget {
  std::string name;
  k8s::LabelSelector selector;
  std::int64_t allowed = 0;  // how many Pods may go now
  bool spares = false;       // a Pod that is not ready costs nothing
};

// Those that cover anything at all.
std::vector<DisruptionBudget> read_budgets(const nlohmann::json& list);

// Counts Pods against the budgets of their namespace, gang by gang.
class BudgetCount {
 public:
  explicit BudgetCount(std::vector<DisruptionBudget> budgets) : budgets_(std::move(budgets)) {}

  // "" when these may go beside all that went before; they are counted then. Else why not: nothing
  // is counted.
  std::string take(const Pods& gang);

 private:
  std::vector<DisruptionBudget> budgets_;
};

// The budgets of a namespace. Where they may not be read there are none: the Eviction API decides.
void fetch_budgets(Writer& writer, const std::string& ns,
                   std::function<void(k8s::Result<std::vector<DisruptionBudget>>)> done);

}  // namespace fermi
