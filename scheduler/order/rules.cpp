#include "scheduler/order/rules.hpp"

namespace sched {
namespace {

Rules preset(Strategy strategy) {
  switch (strategy) {
    case Strategy::kFifo:
      return {Order::kSubmitTime, Passing::kStrict, false, false, false};
    case Strategy::kDrf:
      return {Order::kTenantShare, Passing::kEasy, false, false, false};
    case Strategy::kBackfill:
      return {Order::kSubmitTime, Passing::kEasy, false, false, false};
    case Strategy::kPriorityBased:
      return {Order::kPriority, Passing::kEasy, false, false, false};
    case Strategy::kFairSharing:
      return {Order::kDecayedShare, Passing::kEasy, false, false, false};
    case Strategy::kTimeSlicing:
      return {Order::kRoundRobin, Passing::kEasy, false, false, true};
    case Strategy::kResourcePooling:
      return {Order::kSubmitTime, Passing::kEasy, true, false, false};
    case Strategy::kLoadBalancing:
      return {Order::kSubmitTime, Passing::kEasy, false, true, false};
    case Strategy::kHybrid:
      return {Order::kTenantPriority, Passing::kEasy, true, false, false, true};
  }
  return {};
}

}  // namespace

Rules rules_of(const Queue& queue) {
  Rules rules = preset(queue.strategy);
  rules.order = queue.order.value_or(rules.order);
  rules.passing = queue.passing.value_or(rules.passing);
  rules.pooling = queue.pooling.value_or(rules.pooling);
  rules.spreads_services = rules.spreads_services && !queue.spread.has_value();
  rules.spread = queue.spread.value_or(rules.spread);
  rules.slices = queue.slices.value_or(rules.slices);
  return rules;
}

}  // namespace sched
