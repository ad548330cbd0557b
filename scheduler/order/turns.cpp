#include "scheduler/order/turns.hpp"

#include <algorithm>

#include "scheduler/fair/kept.hpp"
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
         fits_maximum(state.queues[bucket.queue], state.shapes[bucket.shape].total, true) &&
         !never_left(state, bucket.queue, bucket.tier, state.shapes[bucket.shape].total) &&
         !never_kept(state, bucket.shape, bucket.tier);
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
TenantTurn turn_of(const State& state, const QueueRecord& queue, const Rounds& rounds,
                   const Tenant& tenant, const Place& first) {
  const bool timed = !by_priority(rules_of(queue.queue).order);
  const std::int64_t waited = span({first.submitted_ns}, state.clock);
  return {tier_of(first), rounds_waited(queue, rounds, tenant, waited),
          state.tenant_share(queue, tenant, tenant.used, tenant.pretended),
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
  const Rounds rounds = rounds_of(state, queue);
  TaskId found = kNoId;
  TenantTurn best;
  for (const Tenant& tenant : queue.tenants) {
    const Place head = first_of(tenant.heads);
    if (head.task == kNoId) continue;
    const TenantTurn turn = turn_of(state, queue, rounds, tenant, head);
    if (found != kNoId && !before(turn, best)) continue;
    found = head.task;
    best = turn;
  }
  return found;
}

Turns::Turns(State& state) : state_(state) {
  index_.resize(state_.queues.size(), kNoId);
  turns_.reserve(state_.queues.size());
  for (const BucketId id : state_.active) active_.emplace_back(state_.buckets[id].queue, id);
  std::sort(active_.begin(), active_.end());
  for (QueueId id = 0; id < state_.queues.size(); ++id) {
    const QueueRecord& queue = state_.queues[id];
    if (!queue.known || queue.queue.closed || queue.heads.empty()) continue;
    index_[id] = turns_.size();
    Turn& turn = turns_.emplace_back();
    turn.queue = id;
    turn.rounds = rounds_of(state_, queue);
    const auto first = std::lower_bound(active_.begin(), active_.end(), std::pair{id, BucketId{0}});
    for (auto at = first; !strict(queue.queue) && at != active_.end() && at->first == id; ++at) {
      push(turn, state_.buckets[at->second].tasks.front(), at->second);
    }
    if (!strict(queue.queue)) offer_held(turn);
    offer_known(turn);
    if (!turn.order.empty()) rank(index_[id]);
  }
}

// Those for which room is kept, though others of their bucket stand before them, or their shape is
// known not to fit: what is kept for them was not counted then.
void Turns::offer_held(Turn& turn) {
  for (const TaskId task : state_.held) {
    const TaskRecord& record = state_.tasks[task];
    if (record.queue != turn.queue || record.bucket == kNoId) continue;
    const bool first = state_.buckets[record.bucket].tasks.front().task == task;
    if (!first || !state_.active.contains(record.bucket)) {
      push(turn, record.place, record.bucket);
    }
  }
}

// What a queue offers beside what is active.
void Turns::offer_known(Turn& turn) {
  const QueueRecord& queue = state_.queues[turn.queue];
  if (strict(queue.queue)) return queue.by_tenant ? offer_all(turn) : offer_strictly(turn);
  const Passing passing = rules_of(queue.queue).passing;
  if (passing == Passing::kFree) return;
  const bool several = passing == Passing::kConservative || queue.queue.reserve_after_ns > 0;
  turn.blocked = several ? std::max<std::int64_t>(queue.queue.depth, 1) : 1;
  const std::int64_t most = turn.blocked;
  if (!queue.by_tenant) return offer_blocked(turn, kNoId, most, most);
  for (TenantId id = 0; id < queue.tenants.size(); ++id) offer_blocked(turn, id, most, most);
}

// Those that are known not to fit and may hold a reservation. Each tenant offers as many as the
// queue may: who of them comes first is seen when their turns come. So many of those whom the
// queue's maximum, or what is guaranteed to others, keeps out come beside them.
void Turns::offer_blocked(Turn& turn, TenantId tenant, std::int64_t count, std::int64_t kept_out) {
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
    if (was_active(turn.queue, bucket) || state_.held.contains(head.task)) continue;
    // Others may have to stop for one of a higher tier all the same.
    const bool asks = tier_of(head) != static_cast<int>(Tier::kLow);
    const bool kept = (state_.buckets[bucket].quota_parked && !takes_turns) ||
                      (state_.guarded.contains(bucket) && !asks);
    if (kept && kept_out <= 0) continue;
    if (tenant_excess(state_, head.task, false)) continue;
    if (!can_ever_start(state_, bucket)) continue;
    push(turn, head, bucket);
    turn.last_blocked[tenant] = head;
    --(kept ? kept_out : count);
  }
}

void Turns::replace(const Offer& offer) {
  if (!offer.known) return;
  Turn& turn = of(offer.queue);
  ++turn.blocked;
  const bool by_tenant = state_.queues[offer.queue].by_tenant;
  offer_blocked(turn, by_tenant ? state_.buckets[offer.bucket].tenant : kNoId, 1);
  rank(index_[offer.queue]);
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
    // Tried when its turn comes, in case what blocks it was its quota. What starts before may bring
    // its tenant to a limit, and then it blocks nobody. Who has room kept for it may start there.
    const bool blocks = !active && !state_.held.contains(head.task);
    if (blocks && queue.queue.tenant_limits == TenantLimits{}) break;
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
    entry.turn = turn_of(state_, queue, turn.rounds, tenant, first);
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

Turns::Standing Turns::standing(Turn& turn, const Line& first) {
  const int tier = tier_of(first.heap.front().place);
  const Fraction& share = share_of(turn);
  return {tier, !within_guarantee(state_.queues[turn.queue]), turn.version, share,
          lead_of(turn, tier)};
}

bool Turns::better(const Standing& a, const Standing& b) const {
  if (a.tier != b.tier) return a.tier < b.tier;
  if (a.beyond != b.beyond) return b.beyond;
  if (const int share = compare(a.share, b.share); share != 0) return share < 0;
  return leads(state_, a.lead, b.lead);
}

// Notes where a queue stands now; what was noted before counts no more.
void Turns::rank(std::size_t index) {
  Turn& turn = turns_[index];
  const Line* const first = first_line(turn);
  turn.ranked = ++rankings_;
  if (first == nullptr) return;
  ranking_.push_back({standing(turn, *first), index, turn.ranked});
  std::push_heap(ranking_.begin(), ranking_.end(), [this](const Ranked& a, const Ranked& b) {
    return better(b.standing, a.standing);
  });
}

// The queue at the front of the heap, if that is still true; else it is ranked anew.
Turns::Turn* Turns::best() {
  while (!ranking_.empty()) {
    const Ranked& top = ranking_.front();
    const std::size_t index = top.turn;
    Turn& turn = turns_[index];
    const bool listed = top.number == turn.ranked;
    const Line* const first = listed ? first_line(turn) : nullptr;
    if (first != nullptr && top.standing.same(standing(turn, *first))) return &turn;
    std::pop_heap(ranking_.begin(), ranking_.end(), [this](const Ranked& a, const Ranked& b) {
      return better(b.standing, a.standing);
    });
    ranking_.pop_back();
    if (first != nullptr) rank(index);
  }
  return nullptr;
}

std::optional<Turns::Offer> Turns::next() {
  Turn* const turn = best();
  if (turn == nullptr) return std::nullopt;
  const Candidate first = pop(*first_line(*turn));
  const bool known =
      !state_.active.contains(first.bucket) && !state_.held.contains(first.place.task);
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
    push(of(offer.queue), tasks.get(at), offer.bucket);
    return rank(index_[offer.queue]);
  }
}

void Turns::arrange(QueueId queue, std::vector<Candidate> candidates) {
  close(queue);
  if (candidates.empty()) return;
  Turn& turn = of(queue);
  const auto [known, fresh] = turn.line_of.try_emplace({0, kNoId}, turn.lines.size());
  if (fresh) turn.lines.push_back({kNoId, {}, 0});
  Line& line = turn.lines[known->second];
  line.heap = std::move(candidates);
  std::make_heap(line.heap.begin(), line.heap.end(), last_first());
  list(turn, known->second);
  rank(index_[queue]);
}

void Turns::close(QueueId queue) {
  Turn& turn = of(queue);
  turn.order.clear();
  for (Line& line : turn.lines) {
    line.heap.clear();
    line.listed = 0;
  }
}

}  // namespace sched
