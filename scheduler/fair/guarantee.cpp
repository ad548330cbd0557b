#include "scheduler/fair/guarantee.hpp"

#include <algorithm>
#include <map>

#include "scheduler/fair/quota.hpp"
#include "scheduler/order/rules.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

// Calls with each resource of which there is something: devices once, whole or in parts. (What
// nothing is asked for is not guaranteed.)
template <class Look>
void each(const Amounts& amounts, const Look& look) {
  for (const auto& [id, amount] : amounts.extended) {
    if (amount > 0 && !(is_milli(id) && amounts.at(whole_of(id)) > 0)) look(whole_of(id));
  }
  for (ResourceId id = 0; id < kFirstExtended; ++id) {
    if (amounts.base[id] > 0) look(id);
  }
}

bool guarantees(const QueueRecord& queue) { return queue.known && queue.queue.has_guaranteed; }

// As it is compared (devices.hpp): devices in thousandths.
__int128 idle(const QueueRecord& queue, ResourceId id, const Amounts* more = nullptr) {
  if (!guarantees(queue)) return 0;
  const __int128 used = exactly(queue.used, id) + (more == nullptr ? 0 : exactly(*more, id));
  return std::max<__int128>(exactly(queue.guaranteed.at(id), id) - used, 0);
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

__int128 free_for(const Amounts& total, const Amounts& free, ResourceId id) {
  __int128 sum = exactly(free.at(id), id);
  if (id < kFirstExtended || total.at(milli_of(id)) == 0) return sum;
  for (const auto& [device, milli] : free.extended) {
    if (is_device(device) && whole_of(device) == id) sum += milli;
  }
  return sum;
}

Guarded told(const Amounts& total, ResourceId id, __int128 left, __int128 kept) {
  if (id < kFirstExtended) {
    return {id, static_cast<std::int64_t>(left), static_cast<std::int64_t>(kept)};
  }
  const bool parts = total.at(milli_of(id)) > 0;
  const std::int64_t unit = parts ? 1 : kWholeMilli;
  return {parts ? milli_of(id) : id, static_cast<std::int64_t>(left / unit),
          static_cast<std::int64_t>((kept + unit - 1) / unit)};
}

void add_exactly(Amounts& to, ResourceId id, __int128 amount) {
  if (amount <= 0) return;
  const std::int64_t unit = id < kFirstExtended ? 1 : kWholeMilli;
  to.add(id, static_cast<std::int64_t>(amount / unit));
  if (const auto rest = static_cast<std::int64_t>(amount % unit); rest > 0) {
    to.add(milli_of(id), rest);
  }
}

std::optional<Guarded> takes_guaranteed(const State& state, QueueId id, int tier,
                                        const Amounts& total, const Amounts* more,
                                        const std::map<QueueId, Amounts>* used) {
  const QueueRecord& own = state.queues[id];
  const auto also = [&](QueueId queue) -> const Amounts* {
    const bool known = used != nullptr && used->contains(queue);
    return known ? &used->at(queue) : nullptr;
  };
  if (state.granting > 0) return std::nullopt;  // it depends on where it goes (fair/kept.hpp)
  if (rules_of(own.queue).pooling && tier != static_cast<int>(Tier::kHigh)) return std::nullopt;
  std::map<ResourceId, __int128> kept;
  for (QueueId other = 0; other < state.queues.size(); ++other) {
    const QueueRecord& queue = state.queues[other];
    if (other == id || !guarantees(queue)) continue;
    each(queue.guaranteed, [&](ResourceId r) {
      if (const __int128 left = idle(queue, r, also(other)); left > 0) kept[r] += left;
    });
  }
  if (kept.empty()) return std::nullopt;
  const Amounts free = free_now(state);
  std::optional<Guarded> found;
  each(total, [&](ResourceId r) {
    const auto others = kept.find(r);
    const __int128 asked = exactly(total, r);
    const __int128 within = idle(own, r, also(id));
    if (found || others == kept.end() || asked <= within) return;
    const __int128 freed = more == nullptr ? 0 : exactly(*more, r);
    const __int128 all = free_for(total, free, r) + freed;
    const __int128 most = std::min(others->second, std::max<__int128>(all, 0));  // that is kept
    if (asked > all - others->second) {
      found = told(total, r, std::max(all - others->second, within), most);
    }
  });
  return found;
}

bool free_suffices(const State& state, const Amounts& total) {
  const Amounts free = free_now(state);
  bool suffices = true;
  each(total,
       [&](ResourceId r) { suffices = suffices && exactly(total, r) <= free_for(total, free, r); });
  return suffices;
}

// What others use of theirs is in use, and what they do not is kept for them.
std::optional<Guarded> never_left(const State& state, QueueId id, int tier, const Amounts& total) {
  const QueueRecord& own = state.queues[id];
  if (state.granting > 0) return std::nullopt;
  if (rules_of(own.queue).pooling && tier != static_cast<int>(Tier::kHigh)) return std::nullopt;
  Amounts kept;
  for (const QueueRecord& queue : state.queues) {
    if (&queue != &own && guarantees(queue)) kept.plus(queue.guaranteed);
  }
  if (kept.zero()) return std::nullopt;
  Amounts all;
  for (const auto& [name, zone] : state.cluster.zones()) {
    for (const ClassId c : state.cluster.zone(zone).classes) all.plus(state.cluster.cls(c).total);
  }
  // Others' guaranteed room may be in the hands of those who yield.
  const auto yielding = [&](ResourceId r) {
    __int128 sum = 0;
    for (const QueueRecord& queue : state.queues) {
      if (&queue == &own || !guarantees(queue) || tier == static_cast<int>(Tier::kLow)) continue;
      for (const auto& [by, task] : queue.placed) {
        const bool below = static_cast<int>(tier_of(state.tasks[task].task, queue)) > tier ||
                           state.tasks[task].task.preemptible;
        if (below) sum += exactly(state.tasks[task].booked, r);
      }
    }
    return sum;
  };
  std::optional<Guarded> found;
  each(total, [&](ResourceId r) {
    const __int128 asked = exactly(total, r), others = exactly(kept.at(r), r);
    const __int128 within = guarantees(own) ? exactly(own.guaranteed.at(r), r) : 0;
    const __int128 left = std::max<__int128>(exactly(all.at(r), r) - others, within);
    if (!found && others > 0 && asked > left && asked > left + yielding(r)) {
      found = told(total, r, std::max<__int128>(left, 0), others);
    }
  });
  return found;
}

bool within_guarantee(const QueueRecord& queue) {
  bool within = false;
  each(queue.guaranteed, [&](ResourceId r) { within = within || idle(queue, r) > 0; });
  for (const QueueRecord::Limit& limit : queue.limits) {
    each(limit.guaranteed, [&](ResourceId r) {
      within = within || exactly(limit.guaranteed, r) > exactly(limit.used, r);
    });
  }
  return within;
}

Amounts claim_of(const State& state, TaskId task) {
  const QueueRecord& queue = state.queues[state.tasks[task].queue];
  const Amounts& total = state.shapes[state.tasks[task].shape].total;
  Amounts claim;
  if (!guarantees(queue)) return claim;
  const Amounts promised = promised_to_others(state, task).amounts;
  bool within = true;
  each(total, [&](ResourceId r) {
    if (queue.guaranteed.at(r) == 0) return;
    within = within && exactly(total, r) + exactly(promised, r) <= idle(queue, r);
    claim.add(r, total.at(r));
    if (r >= kFirstExtended) claim.add(milli_of(r), total.at(milli_of(r)));
  });
  return within ? claim : Amounts{};
}

bool borrows(const QueueRecord& queue, const Amounts& claim, const Amounts& gone) {
  bool more = false;
  each(claim, [&](ResourceId r) {
    const std::int64_t granted = guarantees(queue) ? queue.guaranteed.at(r) : 0;
    more = more || exactly(queue.used, r) - exactly(gone, r) > exactly(granted, r);
  });
  return more;
}

Amounts borrowed(const State& state, QueueId id) {
  const QueueRecord& own = state.queues[id];
  Amounts more;
  each(own.used, [&](ResourceId r) {
    const bool wanted =
        std::any_of(state.queues.begin(), state.queues.end(), [&](const QueueRecord& queue) {
          return &queue != &own && guarantees(queue) && queue.guaranteed.at(r) > 0;
        });
    const std::int64_t granted = guarantees(own) ? own.guaranteed.at(r) : 0;
    const __int128 beyond = exactly(own.used, r) - exactly(granted, r);
    if (!wanted || beyond <= 0) return;
    add_exactly(more, r, beyond);
  });
  return more;
}

}  // namespace sched
