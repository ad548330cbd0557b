#include "scheduler/order/turns.hpp"

#include <algorithm>

#include "scheduler/fair/guarantee.hpp"
#include "scheduler/fair/quota.hpp"
#include "scheduler/fair/tenant_limits.hpp"
#include "scheduler/order/rules.hpp"
#include "scheduler/place/zones.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {

bool can_ever_start(State& state, BucketId id) {
  const Bucket& bucket = state.buckets[id];
  if (!bucket.tasks.empty() && tenant_excess(state, bucket.tasks.front().task, true)) return false;
  return !never(state, bucket.shape) && !never_allowed(state, bucket.shape) &&
         fits_maximum(state.queues[bucket.queue], state.shapes[bucket.shape].total, true);
}

Place lead(State& state, QueueId id, int tier) {
  const QueueRecord& queue = state.queues[id];
  const auto before = [&](const Place& place) { return tier_of(place) < tier; };
  for (auto at = queue.heads.lower_bound(before);
       !queue.heads.at_end(at) && tier_of(queue.heads.get(at)) == tier; at = queue.heads.next(at)) {
    const Place& head = queue.heads.get(at);
    if (can_ever_start(state, state.tasks[head.task].bucket)) return head;
  }
  return queue.line.get(queue.line.lower_bound(before));
}

bool leads(const State& state, const Place& a, const Place& b) {
  if (a.submitted_ns != b.submitted_ns) return a.submitted_ns < b.submitted_ns;
  return state.tasks[a.task].task.uid < state.tasks[b.task].task.uid;
}

// Where a tenant stands whose first task this is. Where priorities decide within a tenant, the
// submit time of its first task says nothing about how long it has waited.
TenantTurn turn_of(const State& state, const QueueRecord& queue, const Tenant& tenant,
                   const Place& first) {
  const bool timed = !by_priority(rules_of(queue.queue).order);
  return {tier_of(first), state.tenant_share(queue, tenant, tenant.used, tenant.pretended),
          timed ? first.submitted_ns : 0, &tenant.name};
}

TaskId first_ready(State& state, QueueId id, const std::set<TaskId>& skip) {
  const QueueRecord& queue = state.queues[id];
  const auto first_of = [&](const Ordered<Place>& heads) {
    for (auto at = heads.begin(); !heads.at_end(at); at = heads.next(at)) {
      const Place& head = heads.get(at);
      if (skip.contains(head.task) || tenant_excess(state, head.task, false)) continue;
      if (can_ever_start(state, state.tasks[head.task].bucket)) return head;
    }
    return Place{};
  };
  if (!queue.by_tenant) return first_of(queue.heads).task;
  TaskId found = kNoId;
  TenantTurn best;
  for (const Tenant& tenant : queue.tenants) {
    const Place head = first_of(tenant.heads);
    if (head.task == kNoId) continue;
    const TenantTurn turn = turn_of(state, queue, tenant, head);
    if (found != kNoId && !before(turn, best)) continue;
    found = head.task;
    best = turn;
  }
  return found;
}

Turns::Turns(State& state) : state_(state) {
  std::map<QueueId, std::vector<BucketId>> active;
  for (const BucketId id : state_.active) active[state_.buckets[id].queue].push_back(id);
  for (const auto& [name, id] : state_.queue_ids) {
    const QueueRecord& queue = state_.queues[id];
    if (!queue.known || queue.queue.closed || queue.heads.empty()) continue;
    Turn& turn = turns_[id];
    turn.queue = id;
    if (strict(queue.queue)) {
      queue.by_tenant ? offer_all(turn) : offer_strictly(turn);
      continue;
    }
    for (const BucketId bucket : active[id]) {
      push(turn, state_.buckets[bucket].tasks.front(), bucket);
    }
    offer_held(turn);
    const Passing passing = rules_of(queue.queue).passing;
    if (passing == Passing::kFree) continue;
    const bool several = passing == Passing::kConservative || queue.queue.reserve_after_ns > 0;
    turn.blocked = several ? std::max<std::int64_t>(queue.queue.depth, 1) : 1;
    if (!queue.by_tenant) offer_blocked(turn, kNoId, turn.blocked);
    if (!queue.by_tenant) continue;
    for (TenantId id = 0; id < queue.tenants.size(); ++id) offer_blocked(turn, id, turn.blocked);
  }
}

// Those for which room is kept, though others of their bucket stand before them.
void Turns::offer_held(Turn& turn) {
  for (const TaskId task : state_.held) {
    const TaskRecord& record = state_.tasks[task];
    if (record.queue != turn.queue || record.bucket == kNoId) continue;
    const bool first = state_.buckets[record.bucket].tasks.front().task == task;
    if (!first) push(turn, record.place, record.bucket);
  }
}

// Those that are known not to fit and may hold a reservation. Each tenant offers as many as the
// queue may: who of them comes first is seen when their turns come.
void Turns::offer_blocked(Turn& turn, TenantId tenant, std::int64_t count) {
  const QueueRecord& queue = state_.queues[turn.queue];
  const Ordered<Place>& heads = tenant == kNoId ? queue.heads : queue.tenants[tenant].heads;
  const auto last = turn.last_blocked.find(tenant);
  // One that its queue's maximum keeps out may have the place of a peer.
  const bool takes_turns = state_.turn_is_over(turn.queue, state_.clock);
  auto at = heads.begin();
  if (last != turn.last_blocked.end()) {
    at = heads.lower_bound([&](const Place& p) { return !state_.less(last->second, p); });
  }
  for (; count > 0 && !heads.at_end(at); at = heads.next(at)) {
    const Place head = heads.get(at);
    const BucketId bucket = state_.tasks[head.task].bucket;
    if (state_.active.contains(bucket)) continue;
    if (state_.buckets[bucket].quota_parked && !takes_turns) continue;
    if (tenant_excess(state_, head.task, false)) continue;
    if (state_.guarded.contains(bucket) || !can_ever_start(state_, bucket)) continue;
    push(turn, head, bucket);
    turn.last_blocked[tenant] = head;
    --count;
  }
}

void Turns::replace(const Offer& offer) {
  if (!offer.known) return;
  Turn& turn = turns_.at(offer.queue);
  ++turn.blocked;
  const bool by_tenant = state_.queues[offer.queue].by_tenant;
  offer_blocked(turn, by_tenant ? state_.buckets[offer.bucket].tenant : kNoId, 1);
}

void Turns::offer_strictly(Turn& turn) {
  const QueueRecord& queue = state_.queues[turn.queue];
  for (auto at = queue.heads.begin(); !queue.heads.at_end(at); at = queue.heads.next(at)) {
    const Place head = queue.heads.get(at);
    const BucketId bucket = state_.tasks[head.task].bucket;
    const bool active = state_.active.contains(bucket);
    if (!active && !can_ever_start(state_, bucket)) continue;
    if (!active && tenant_excess(state_, head.task, false)) continue;
    push(turn, head, bucket);
    if (!active) break;  // tried when its turn comes, in case what blocks it was its quota
  }
}

// Strict, but by tenant: who is first changes with every start.
void Turns::offer_all(Turn& turn) {
  const QueueRecord& queue = state_.queues[turn.queue];
  for (auto at = queue.heads.begin(); !queue.heads.at_end(at); at = queue.heads.next(at)) {
    const BucketId bucket = state_.tasks[queue.heads.get(at).task].bucket;
    if (tenant_excess(state_, queue.heads.get(at).task, false)) continue;
    if (can_ever_start(state_, bucket)) push(turn, queue.heads.get(at), bucket);
  }
}

// --- the lines of a queue

void Turns::push(Turn& turn, Place place, BucketId bucket) const {
  const TenantId tenant = state_.buckets[bucket].tenant;
  const int tier = tenant == kNoId ? 0 : tier_of(place);
  const auto [known, fresh] = turn.line_of.try_emplace({tier, tenant}, turn.lines.size());
  if (fresh) turn.lines.push_back({tenant, {}, 0});
  Line& line = turn.lines[known->second];
  line.heap.push_back({0, place, bucket});
  std::push_heap(line.heap.begin(), line.heap.end(), last_first());
  const bool moved = tenant != kNoId && line.heap.front().place.task == place.task;
  if (line.listed == 0 || moved) list(turn, known->second);
}

Turns::Candidate Turns::pop(Line& line) const {
  std::pop_heap(line.heap.begin(), line.heap.end(), last_first());
  const Candidate first = line.heap.back();
  line.heap.pop_back();
  return first;
}

void Turns::list(Turn& turn, std::size_t index) const {
  Line& line = turn.lines[index];
  const Place& first = line.heap.front().place;
  Entry entry;
  entry.line = index;
  entry.first = first.task;
  if (line.tenant != kNoId) {
    const QueueRecord& queue = state_.queues[turn.queue];
    const Tenant& tenant = queue.tenants[line.tenant];
    entry.turn = turn_of(state_, queue, tenant, first);
    entry.version = tenant.version;
  }
  entry.number = line.listed = ++turn.entries;
  turn.order.push_back(entry);
  std::push_heap(turn.order.begin(), turn.order.end(),
                 [](const Entry& a, const Entry& b) { return before(b.turn, a.turn); });
}

bool Turns::stale(const Turn& turn, const Entry& entry) const {
  const Line& line = turn.lines[entry.line];
  if (line.heap.empty()) return true;
  if (line.tenant == kNoId) return false;  // it is alone
  return line.heap.front().place.task != entry.first ||
         state_.queues[turn.queue].tenants[line.tenant].version != entry.version;
}

// Known not to fit, and its queue has offered as many of those as it may.
bool Turns::worthless(const Turn& turn, const Line& line) const {
  return turn.blocked <= 0 && !state_.active.contains(line.heap.front().bucket) &&
         line.tenant != kNoId && !strict(state_.queues[turn.queue].queue) &&
         !state_.held.contains(line.heap.front().place.task);
}

void Turns::unlist(Turn& turn) const {
  std::pop_heap(turn.order.begin(), turn.order.end(),
                [](const Entry& a, const Entry& b) { return before(b.turn, a.turn); });
  turn.order.pop_back();
}

Turns::Line* Turns::first_line(Turn& turn) {
  while (!turn.order.empty()) {
    const Entry entry = turn.order.front();
    Line& line = turn.lines[entry.line];
    if (entry.number != line.listed) {
      unlist(turn);
      continue;
    }
    const bool idle = !line.heap.empty() && worthless(turn, line);
    if (!idle && !stale(turn, entry)) return &line;
    if (idle) pop(line);
    unlist(turn);
    line.listed = 0;
    if (!line.heap.empty()) list(turn, entry.line);
  }
  return nullptr;
}

// --- between queues

const Place& Turns::lead_of(Turn& turn, int tier) {
  Place& place = turn.leads[tier];
  if (place.task == kNoId) place = lead(state_, turn.queue, tier);
  return place;
}

const Fraction& Turns::share_of(Turn& turn) const {
  const std::uint64_t version = state_.queues[turn.queue].whole.version;
  if (turn.version != version) turn.share = state_.queue_share(turn.queue);
  turn.version = version;
  return turn.share;
}

bool Turns::within(Turn& turn) { return within_guarantee(state_.queues[turn.queue]); }

// Both have a first line.
bool Turns::comes_before(Turn& a, Turn& b) {
  const int x = tier_of(first_line(a)->heap.front().place);
  const int y = tier_of(first_line(b)->heap.front().place);
  if (x != y) return x < y;
  if (const bool within_a = within(a); within_a != within(b)) return within_a;
  if (const int share = compare(share_of(a), share_of(b)); share != 0) return share < 0;
  return leads(state_, lead_of(a, x), lead_of(b, x));
}

Turns::Turn* Turns::best() {
  Turn* best = nullptr;
  for (auto& [id, turn] : turns_) {
    if (first_line(turn) == nullptr) continue;
    if (best == nullptr || comes_before(turn, *best)) best = &turn;
  }
  return best;
}

std::optional<Turns::Offer> Turns::next() {
  Turn* const turn = best();
  if (turn == nullptr) return std::nullopt;
  const Candidate first = pop(*first_line(*turn));
  const bool known = !state_.active.contains(first.bucket);
  if (known) --turn->blocked;
  return Offer{turn->queue, first.place, first.bucket, known};
}

bool Turns::out_of_line(const Offer& offer) const {
  return state_.held.contains(offer.place.task) &&
         state_.buckets[offer.bucket].tasks.front().task != offer.place.task;
}

void Turns::go_on(const Offer& offer, const std::function<bool(TaskId)>& wanted) {
  const auto& tasks = state_.buckets[offer.bucket].tasks;
  const bool in_order = strict(state_.queues[offer.queue].queue);
  for (auto at = tasks.lower_bound([&](const Place& p) { return !state_.less(offer.place, p); });
       !tasks.at_end(at); at = tasks.next(at)) {
    const TaskId task = tasks.get(at).task;
    if (!in_order && state_.held.contains(task)) continue;  // it is offered by itself
    if (wanted && !wanted(task)) continue;
    return push(turns_.at(offer.queue), tasks.get(at), offer.bucket);
  }
}

void Turns::arrange(QueueId queue, std::vector<Candidate> candidates) {
  close(queue);
  if (candidates.empty()) return;
  Turn& turn = turns_.at(queue);
  const auto [known, fresh] = turn.line_of.try_emplace({0, kNoId}, turn.lines.size());
  if (fresh) turn.lines.push_back({kNoId, {}, 0});
  Line& line = turn.lines[known->second];
  line.heap = std::move(candidates);
  std::make_heap(line.heap.begin(), line.heap.end(), last_first());
  list(turn, known->second);
}

void Turns::close(QueueId queue) {
  Turn& turn = turns_.at(queue);
  turn.order.clear();
  for (Line& line : turn.lines) {
    line.heap.clear();
    line.listed = 0;
  }
}

}  // namespace sched
