#include "libk8s/apiserver/core/disruption.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "libk8s/apiserver/core/admission.hpp"
#include "libk8s/apiserver/core/writer.hpp"
#include "libk8s/codec/json.hpp"
#include "libk8s/codec/selector.hpp"

namespace k8s::apiserver {
namespace {

using Json = nlohmann::json;
constexpr const char* kBudgets = "poddisruptionbudgets.policy";

bool is_ended(const Json& pod) {
  const std::string phase = string_at(object_at(pod, "status"), "phase");
  return phase == "Succeeded" || phase == "Failed";
}

bool is_ready(const Json& pod) {
  const auto& conditions = array_at(object_at(pod, "status"), "conditions");
  return std::ranges::any_of(conditions, [](const Json& condition) {
    return string_at(condition, "type") == "Ready" && string_at(condition, "status") == "True";
  });
}

// An empty selector of a policy/v1 budget covers every Pod of its namespace, no selector none.
bool covers(const Json& budget, const Json& pod) {
  const auto& spec = object_at(budget, "spec");
  if (!has(spec, "selector") || namespace_of(budget) != namespace_of(pod)) return false;
  const auto selector = LabelSelector::from_json(object_at(spec, "selector"));
  return selector.is_ok() &&
         selector->matches_json(object_at(object_at(pod, "metadata"), "labels"));
}

// A number of Pods, or a part of `all` in percent, rounded up.
std::int64_t amount(const Json& value, std::int64_t all) {
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (!value.is_string()) return 0;
  const std::string& text = value.get_ref<const std::string&>();
  std::int64_t percent = 0;
  std::from_chars(text.data(), text.data() + text.size(), percent);
  return (percent * all + 99) / 100;
}

// The counts of a budget's status.
Json figures(const Core& core, const Json& budget) {
  std::int64_t expected = 0;
  std::int64_t healthy = 0;
  const std::string ns = namespace_of(budget);
  const Objects& pods = core.store->all("pods");
  for (auto at = pods.lower_bound({ns, ""}); at != pods.end() && at->first.first == ns; ++at) {
    const Json& pod = at->second->json();
    if (is_ended(pod) || !covers(budget, pod)) continue;
    ++expected;
    if (is_ready(pod) && !is_deleting(pod)) ++healthy;
  }
  const auto& spec = object_at(budget, "spec");
  std::int64_t desired = 0;
  if (has(spec, "maxUnavailable")) {
    desired = std::max<std::int64_t>(0, expected - amount(spec["maxUnavailable"], expected));
  } else if (has(spec, "minAvailable")) {
    desired = amount(spec["minAvailable"], expected);
  } else {
    desired = 1;
  }
  return {{"expectedPods", expected},
          {"currentHealthy", healthy},
          {"desiredHealthy", desired},
          {"disruptionsAllowed", expected > 0 ? std::max<std::int64_t>(0, healthy - desired) : 0}};
}

// Writes the figures into the stored status; false when they stand there already.
Outcome<bool> write_figures(Core& core, const ObjectPtr& stored, const Json& counted) {
  Json budget = stored->json();
  Json& status = budget["status"];
  if (!status.is_object()) status = Json::object();
  status.update(counted);
  status["observedGeneration"] = int_at(object_at(budget, "metadata"), "generation");
  const bool enough = int_at(counted, "disruptionsAllowed") > 0;
  set_condition(budget,
                {{"type", "DisruptionAllowed"},
                 {"status", enough ? "True" : "False"},
                 {"reason", enough ? "SufficientPods" : "InsufficientPods"},
                 {"message", ""},
                 {"observedGeneration", int_at(object_at(budget, "metadata"), "generation")}},
                core.now_text());
  if (budget == stored->json()) return false;
  const TypeRef type = core.registry.find_storage(kBudgets);
  const WriteContext context = WriteContext::internal(type, stored->id().ns);
  auto written = commit(core, context, stored->id(), std::move(budget), false);
  if (!written) return written.error();
  return true;
}

}  // namespace

Check take_disruption(Core& core, const ObjectPtr& pod, bool dry_run) {
  const Json& object = pod->json();
  const bool unbound = string_at(object_at(object, "spec"), "nodeName").empty();
  if (is_ended(object) || unbound || is_deleting(object)) return Done{};
  std::vector<ObjectPtr> budgets;
  for (const auto& [key, budget] : core.store->all(kBudgets)) {
    if (covers(budget->json(), object)) budgets.push_back(budget);
  }
  if (budgets.empty()) return Done{};
  if (budgets.size() > 1) {
    return internal(
        "This pod has more than one PodDisruptionBudget, which the eviction "
        "subresource does not support.");
  }
  const ObjectPtr& budget = budgets.front();
  Json counted = figures(core, budget->json());
  const std::int64_t allowed = int_at(counted, "disruptionsAllowed");
  const bool always =
      string_at(object_at(budget->json(), "spec"), "unhealthyPodEvictionPolicy") == "AlwaysAllow";
  // A Pod that is not ready costs the budget nothing as long as the others are enough.
  const bool spare =
      !is_ready(object) &&
      (always || (int_at(counted, "currentHealthy") >= int_at(counted, "desiredHealthy") &&
                  int_at(counted, "desiredHealthy") > 0));
  if (spare) return Done{};
  if (allowed <= 0) {
    ApiError error =
        too_many_requests("Cannot evict pod as it would violate the pod's disruption budget.", 0);
    error.causes = {{"DisruptionBudget",
                     "The disruption budget " + budget->id().name + " needs " +
                         std::to_string(int_at(counted, "desiredHealthy")) +
                         " healthy pods and has " +
                         std::to_string(int_at(counted, "currentHealthy")) + " currently",
                     ""}};
    return error;
  }
  if (dry_run) return Done{};
  counted["disruptionsAllowed"] = allowed - 1;
  auto written = write_figures(core, budget, counted);
  if (!written) return written.error();
  return Done{};
}

bool refresh_budgets(Core& core) {
  bool changed = false;
  const Objects budgets = core.store->all(kBudgets);
  for (const auto& [key, budget] : budgets) {
    const auto written = write_figures(core, budget, figures(core, budget->json()));
    changed = changed || (written && *written);
  }
  return changed;
}

}  // namespace k8s::apiserver
