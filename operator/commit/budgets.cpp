#include "operator/commit/budgets.hpp"

#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "libk8s/codec/json.hpp"
#include "libk8s/request/request.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;

k8s::Resource disruption_budgets() {
  return {"policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", true};
}

// A budget whose figures are older than its spec lets nobody go, as the Eviction API has it.
DisruptionBudget read_budget(const Json& object, k8s::LabelSelector selector) {
  const Json& meta = k8s::object_at(object, "metadata");
  const Json& spec = k8s::object_at(object, "spec");
  const Json& status = k8s::object_at(object, "status");
  DisruptionBudget out;
  out.name = k8s::string_at(meta, "name");
  out.selector = std::move(selector);
  const std::int64_t desired = k8s::int_at(status, "desiredHealthy");
  const bool enough = desired > 0 && k8s::int_at(status, "currentHealthy") >= desired;
  out.spares = enough || k8s::string_at(spec, "unhealthyPodEvictionPolicy") == "AlwaysAllow";
  if (k8s::int_at(status, "observedGeneration") >= k8s::int_at(meta, "generation"))
    out.allowed = k8s::int_at(status, "disruptionsAllowed");
  return out;
}

// An eviction of these asks no budget.
bool is_free(const k8s::Pod& pod) { return !pod.occupies() || pod.meta.deleting(); }

}  // namespace

std::vector<DisruptionBudget> read_budgets(const Json& list) {
  std::vector<DisruptionBudget> out;
  for (const Json& item : k8s::array_at(list, "items")) {
    const Json& spec = k8s::object_at(item, "spec");
    if (!k8s::has(spec, "selector")) continue;  // covers nobody
    auto selector = k8s::LabelSelector::from_json(k8s::object_at(spec, "selector"));
    if (selector) out.push_back(read_budget(item, std::move(*selector)));
  }
  return out;
}

std::string BudgetCount::take(const Pods& gang) {
  std::map<std::size_t, std::int64_t> needed;
  for (const auto& pod : gang) {
    if (is_free(*pod)) continue;
    const DisruptionBudget* covered = nullptr;
    for (std::size_t i = 0; i < budgets_.size(); ++i) {
      const DisruptionBudget& budget = budgets_[i];
      if (!budget.selector.matches(pod->meta.labels)) continue;
      if (covered != nullptr)
        return "disruption budgets \"" + covered->name + "\" and \"" + budget.name +
               "\" both cover Pod " + pod->meta.name + ", which cannot be evicted then";
      covered = &budget;
      if (pod->ready() || !budget.spares) ++needed[i];
    }
  }
  for (const auto& [i, count] : needed)
    if (count > budgets_[i].allowed)
      return "disruption budget \"" + budgets_[i].name + "\" lets " +
             std::to_string(budgets_[i].allowed) + " of " + std::to_string(count) + " Pods go";
  for (const auto& [i, count] : needed) budgets_[i].allowed -= count;
  return "";
}

void fetch_budgets(Writer& writer, const std::string& ns,
                   std::function<void(k8s::Result<std::vector<DisruptionBudget>>)> done) {
  writer.send(k8s::request::list(disruption_budgets(), ns, {}),
              [done = std::move(done)](k8s::Result<Json> answer) {
                if (answer) return done(read_budgets(*answer));
                const k8s::Code code = answer.status().code();
                const bool none = code == k8s::Code::kForbidden || code == k8s::Code::kNotFound;
                if (none) return done(std::vector<DisruptionBudget>{});
                done(answer.status());
              });
}

}  // namespace fermi
