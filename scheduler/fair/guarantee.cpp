#include "scheduler/fair/guarantee.hpp"

#include <algorithm>

#include "scheduler/order/rules.hpp"

namespace sched {
namespace {

// A resource of which nothing is asked for is not guaranteed.
template <class Look>
void each(const Amounts& amounts, const Look& look) {
  for (const auto& [id, amount] : amounts.extended) {
    if (amount > 0) look(id, amount);
  }
  for (ResourceId id = 0; id < kFirstExtended; ++id) {
    if (amounts.base[id] > 0) look(id, amounts.base[id]);
  }
}

bool guarantees(const QueueRecord& queue) { return queue.known && queue.queue.has_guaranteed; }

std::int64_t idle(const QueueRecord& queue, ResourceId id) {
  if (!guarantees(queue)) return 0;
  return std::max<std::int64_t>(queue.guaranteed.at(id) - queue.used.at(id), 0);
}

// What is free on the nodes that take Pods.
Amounts free_now(const State& state) {
  Amounts free;
  for (const auto& [name, zone] : state.cluster.zones()) {
    for (const ClassId id : state.cluster.zone(zone).classes) {
      const NodeClass& c = state.cluster.cls(id);
      if (c.open) free.plus(c.free);
    }
  }
  return free;
}

}  // namespace

std::optional<Guarded> takes_guaranteed(const State& state, QueueId id, int tier,
                                        const Amounts& total) {
  const QueueRecord& own = state.queues[id];
  if (rules_of(own.queue).pooling && tier != static_cast<int>(Tier::kHigh)) return std::nullopt;
  Amounts kept;
  for (const QueueRecord& queue : state.queues) {
    if (&queue == &own || !guarantees(queue)) continue;
    each(queue.guaranteed, [&](ResourceId r, std::int64_t) { kept.add(r, idle(queue, r)); });
  }
  if (kept.zero()) return std::nullopt;
  const Amounts free = free_now(state);
  std::optional<Guarded> found;
  each(total, [&](ResourceId r, std::int64_t asked) {
    if (found || kept.at(r) == 0 || asked <= idle(own, r)) return;
    const std::int64_t left = free.at(r) - kept.at(r);
    if (asked > left) found = Guarded{r, std::max<std::int64_t>(left, idle(own, r)), kept.at(r)};
  });
  return found;
}

bool within_guarantee(const QueueRecord& queue) {
  bool within = false;
  each(queue.guaranteed,
       [&](ResourceId r, std::int64_t) { within = within || idle(queue, r) > 0; });
  return within;
}

Amounts claim_of(const State& state, QueueId id, const Amounts& total) {
  const QueueRecord& queue = state.queues[id];
  Amounts claim;
  if (!guarantees(queue)) return claim;
  bool within = true;
  each(total, [&](ResourceId r, std::int64_t asked) {
    if (queue.guaranteed.at(r) == 0) return;
    within = within && asked <= idle(queue, r);
    claim.add(r, asked);
  });
  return within ? claim : Amounts{};
}

bool borrows(const QueueRecord& queue, const Amounts& claim, const Amounts& gone) {
  bool more = false;
  each(claim, [&](ResourceId r, std::int64_t) {
    const std::int64_t granted = guarantees(queue) ? queue.guaranteed.at(r) : 0;
    more = more || queue.used.at(r) - gone.at(r) > granted;
  });
  return more;
}

Amounts borrowed(const State& state, QueueId id) {
  const QueueRecord& own = state.queues[id];
  Amounts more;
  each(own.used, [&](ResourceId r, std::int64_t used) {
    const bool wanted =
        std::any_of(state.queues.begin(), state.queues.end(), [&](const QueueRecord& queue) {
          return &queue != &own && guarantees(queue) && queue.guaranteed.at(r) > 0;
        });
    const std::int64_t granted = guarantees(own) ? own.guaranteed.at(r) : 0;
    if (wanted && used > granted) more.add(r, used - granted);
  });
  return more;
}

}  // namespace sched
