// Over quota: why a queue's maximum, or what it lets its tenant have, keeps a task out, with the
// numbers of the first resource that is too much.
#pragma once

#include "scheduler/fair/tenant_limits.hpp"
#include "scheduler/place/allowance.hpp"
#include "scheduler/reason.hpp"

namespace sched {

// `r`: what is known of it already; it is completed.
Reason quota(const State& state, const QueueRecord& queue, const Shape& shape, const Amounts& used,
             Reason r);
// The first of the quotas of some nodes that does not let the whole gang in there.
Reason quota_of_nodes(const State& state, const Shape& shape, Quotas beside, Reason r);
Reason tenant_limit(const QueueRecord& queue, const TenantExcess& excess, Reason r);

}  // namespace sched
