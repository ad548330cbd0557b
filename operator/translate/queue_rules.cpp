#include "operator/translate/queue_rules.hpp"

#include "operator/api/duration.hpp"
#include "scheduler/order/rules.hpp"

namespace fermi {
namespace {

std::string order_in_words(const sched::Queue& queue, sched::Order order) {
  switch (order) {
    case sched::Order::kSubmitTime:
      return "by submit time";
    case sched::Order::kTenantShare:
      return "the tenant with the smallest share first, then by submit time";
    case sched::Order::kPriority:
      return "by priorityValue, then by submit time";
    case sched::Order::kDecayedShare:
      return "the tenant that has and had least first (what it had counts half after " +
             format_duration(queue.half_life_ns) + "), then by submit time";
    case sched::Order::kRoundRobin:
      return "tenants in turn";
    case sched::Order::kTenantPriority:
      return "the tenant with the smallest share first, then by priorityValue";
  }
  return "";
}

std::string passing_in_words(const sched::Queue& queue, sched::Passing passing) {
  switch (passing) {
    case sched::Passing::kStrict:
      return "nobody passes one that is blocked";
    case sched::Passing::kEasy:
      return "others pass one that is blocked where that " +
             (queue.reserve_after_ns > 0
                  ? "delays neither the first in line nor any that waits for " +
                        format_duration(queue.reserve_after_ns)
                  : std::string("does not delay the first in line"));
    case sched::Passing::kConservative:
      return "others pass one that is blocked where that delays none of the first " +
             std::to_string(queue.depth);
    case sched::Passing::kFree:
      return "others pass one that is blocked";
  }
  return "";
}

bool learns(const sched::Queue& queue, const sched::Rules& rules) {
  return queue.learned && rules.passing == sched::Passing::kEasy && !sched::by_tenant(rules.order);
}

std::string unused(const TaskQueueSpec& spec, const sched::Queue& queue,
                   const sched::Rules& rules) {
  std::string out;
  const auto add = [&out](const char* field) {
    out += (out.empty() ? "" : ", ") + std::string(field);
  };
  if (spec.half_life_ns > 0 && rules.order != sched::Order::kDecayedShare) add("spec.halfLife");
  if (!spec.tenant_weights.empty() && !sched::by_tenant(rules.order)) add("spec.tenantWeights");
  if (spec.reserve_after_ns > 0 && rules.passing != sched::Passing::kEasy) add("spec.reserveAfter");
  if (spec.depth != kDefaultDepth && rules.passing != sched::Passing::kConservative)
    add("spec.backfill.depth");
  if (spec.learn && !learns(queue, rules)) add("spec.backfill.learn");
  if (spec.quantum_ns && queue.tier == sched::Tier::kHigh)
    add("spec.quantum (High runs until it ends)");
  if (rules.pooling && queue.tier == sched::Tier::kHigh) add("borrowing (High never borrows)");
  return out;
}

}  // namespace

std::string rules_in_words(const TaskQueueSpec& spec, const sched::Queue& queue) {
  const sched::Rules rules = sched::rules_of(queue);
  std::string out =
      order_in_words(queue, rules.order) + "; " + passing_in_words(queue, rules.passing);
  if (learns(queue, rules)) out += ", judged by how long such tasks lasted";
  if (rules.pooling && queue.tier != sched::Tier::kHigh)
    out += "; idle room that is guaranteed to other queues may be borrowed";
  if (rules.spread) out += "; on the nodes where least runs";
  if (rules.spread == false && spec.spread) out += "; on the fullest nodes that take it";
  if (sched::slice_ns(queue) > 0)
    out += "; after " + format_duration(queue.quantum_ns) +
           " one that runs may have to give its room to one that waits";
  const std::string without_effect = unused(spec, queue, rules);
  if (!without_effect.empty()) out += "; without effect here: " + without_effect;
  return out;
}

}  // namespace fermi
