#include "scheduler/fair/tenants.hpp"

#include <algorithm>
#include <limits>

#include "scheduler/fair/quota.hpp"
#include "scheduler/limits.hpp"
#include "scheduler/order/rules.hpp"
#include "scheduler/place/group.hpp"
#include "scheduler/state/devices.hpp"
#include "scheduler/state/state.hpp"

namespace sched {
namespace {

std::int64_t bounded_weight(std::int64_t weight) {
  return std::clamp<std::int64_t>(weight, 1, kWeightMax);
}

std::int64_t weight_of(const Queue& queue, const std::string& tenant) {
  const auto known = queue.tenant_weights.find(tenant);
  return known == queue.tenant_weights.end() ? 1 : bounded_weight(known->second);
}

// 0 when nothing of the past is kept.
std::int64_t memory_of(const QueueRecord& queue) {
  return queue.known ? half_life_ms(queue.queue) : 0;
}

unsigned __int128 wide(std::int64_t amount) {
  return static_cast<unsigned __int128>(std::max<std::int64_t>(amount, 0));
}

}  // namespace

bool before(const TenantTurn& a, const TenantTurn& b) {
  if (a.tier != b.tier) return a.tier < b.tier;
  if (const int rounds = compare(a.rounds, b.rounds); rounds != 0) return rounds > 0;
  if (const int share = compare(a.share, b.share); share != 0) return share < 0;
  if (a.submitted_ns != b.submitted_ns) return a.submitted_ns < b.submitted_ns;
  return a.name != b.name && *a.name < *b.name;
}

namespace {

// What a pass books changes no round.
std::int64_t tasks_of(const Tenant& tenant) {
  return static_cast<std::int64_t>(tenant.line.size()) + tenant.running - tenant.pretended;
}

}  // namespace

Rounds rounds_of(const State& state, const QueueRecord& queue) {
  Rounds rounds;
  if (!queue.known || !queue.by_tenant) return rounds;
  std::int64_t turn = slice_ns(queue.queue);
  if (turn == 0) return rounds;
  if (queue.queue.tier != Tier::kLow) {
    for (const auto& [over, task] : queue.turns_over) {
      turn = std::max(turn, over - state.tasks[task].since.ns);
    }
  }
  rounds.turns_ns = 2 * std::min(turn, std::numeric_limits<std::int64_t>::max() / 2);
  for (const Tenant& tenant : queue.tenants) {
    if (tasks_of(tenant) > 0) rounds.weights += weight_of(queue.queue, tenant.name);
  }
  return rounds;
}

Fraction rounds_waited(const QueueRecord& queue, const Rounds& rounds, const Tenant& tenant,
                       std::int64_t waited_ns) {
  const std::int64_t tasks = tasks_of(tenant);
  if (rounds.turns_ns == 0 || tasks <= 0) return {};
  const Fraction waited{wide(waited_ns) * wide(weight_of(queue.queue, tenant.name)),
                        wide(rounds.turns_ns) * wide(tasks) * wide(rounds.weights)};
  return compare(waited, {1, 1}) < 0 ? Fraction{} : waited;
}

Amounts served_of(const Amounts& total, const Amounts& by_model, const ResourceNames& names) {
  if (by_model.extended.empty()) return total;
  Amounts served;
  served.base = total.base;
  for (const auto& [id, amount] : total.extended) {
    if (!is_gpu(names.name(id))) served.add(id, amount);
  }
  served.plus(by_model);
  return served;
}

// --- who is there

TenantId State::enter(QueueId id, const std::string& name) {
  QueueRecord& queue = queues[id];
  const auto known = queue.tenant_ids.find(name);
  TenantId tenant = known == queue.tenant_ids.end() ? kNoId : known->second;
  if (tenant == kNoId) {
    tenant = static_cast<TenantId>(queue.tenants.size());
    if (queue.free_tenants.empty()) {
      queue.tenants.emplace_back();
    } else {
      tenant = queue.free_tenants.back();
      queue.free_tenants.pop_back();
    }
    queue.tenants[tenant].name = name;
    queue.tenants[tenant].live = true;
    queue.tenant_ids.emplace(name, tenant);
  }
  ++queue.tenants[tenant].members;
  return tenant;
}

// One without tasks stays as long as it has a past; of too many such, who started something longest
// ago goes.
void State::leave(QueueId id, TenantId left) {
  QueueRecord& queue = queues[id];
  const auto drop = [&](TenantId tenant) {
    queue.tenant_ids.erase(queue.tenants[tenant].name);
    queue.tenants[tenant] = {};
    queue.free_tenants.push_back(tenant);
  };
  if (--queue.tenants[left].members > 0) return;
  if (!queue.tenants[left].has_past()) return drop(left);
  TenantId oldest = kNoId;
  std::size_t idle = 0;
  if (queue.tenant_ids.size() <= kIdleTenantsMax) return;
  for (const auto& [name, tenant] : queue.tenant_ids) {
    const Tenant& other = queue.tenants[tenant];
    if (other.members > 0) continue;
    ++idle;
    if (oldest == kNoId || other.last_start < queue.tenants[oldest].last_start) oldest = tenant;
  }
  if (idle > kIdleTenantsMax) drop(oldest);
}

void State::forget_pasts(QueueRecord& queue) {
  const std::map<std::string, TenantId> known = queue.tenant_ids;
  for (const auto& [name, tenant] : known) {
    Tenant& record = queue.tenants[tenant];
    record.last_start = {};
    record.starts = 0;
    record.past.clear();
    if (record.members > 0) continue;
    queue.tenant_ids.erase(name);
    record = {};
    queue.free_tenants.push_back(tenant);
  }
}

// Another half-life cuts time anew: the past begins with what runs.
void State::restart_usage(QueueId id) {
  QueueRecord& queue = queues[id];
  queue.whole.past.clear();
  queue.whole.runs.clear();
  for (Tenant& tenant : queue.tenants) {
    tenant.past.clear();
    tenant.runs.clear();
  }
  for (const TaskRecord& task : tasks) {
    if (task.live && task.queue == id) meter(task, 1);
  }
}

// --- what they use

Time State::hear(Time at) {
  heard = std::max(heard, at);
  return at.ns > 0 ? at : heard;
}

// Counts a decided task in or out. Less use can only help those that the maximum stopped.
void State::charge(const TaskRecord& task, int sign) {
  QueueRecord& queue = queues[task.queue];
  queue.used.plus(task.booked, sign);
  queue.running += sign;
  for (Tenant* who : {&queue.tenants[task.tenant], &queue.whole}) {
    who->used.plus(task.served, sign);
    who->running += sign;
  }
  occupy(task, sign);
  meter(task, sign);
  if (places_group(task.task)) wake_group(task.task.group_uid);
  if (sign < 0) wake_quota(task.queue);
  if (!refused.empty()) wake_refused(task.queue);  // tenants stand otherwise
}

// Counts what a running task uses from its start on, in or out.
void State::meter(const TaskRecord& task, int sign) {
  QueueRecord& queue = queues[task.queue];
  const std::int64_t half_life = memory_of(queue);
  if (half_life == 0 || task.state != TaskState::kRunning) return;
  queue.tenants[task.tenant].runs.step(half_life, task.since, task.served, sign);
  queue.whole.runs.step(half_life, task.since, task.served, sign);
}

// A task that ran until now: what it used is past.
void State::note_end(const TaskRecord& task, Time at) {
  QueueRecord& queue = queues[task.queue];
  const std::int64_t half_life = memory_of(queue);
  if (half_life == 0 || task.state != TaskState::kRunning) return;
  queue.tenants[task.tenant].past.span(half_life, task.since, at, task.served);
  queue.whole.past.span(half_life, task.since, at, task.served);
}

void State::note_start(const TaskRecord& task, Time at) {
  QueueRecord& queue = queues[task.queue];
  if (!queue.known) return;  // a past begins with its queue
  Tenant& tenant = queue.tenants[task.tenant];
  if (at < tenant.last_start) return;
  tenant.starts = at == tenant.last_start ? tenant.starts + 1 : 1;
  tenant.last_start = at;
}

void State::pretend(TaskId id, const std::vector<NodeId>& ranks, int sign) {
  const TaskRecord& task = tasks[id];
  const Shape& shape = shapes[task.shape];
  QueueRecord& queue = queues[task.queue];
  std::size_t rank = 0;
  for (const Shape::Group& group : shape.groups) {
    for (std::int64_t i = 0; i < group.count && !queue.limits.empty(); ++i) {
      count_in(queue, cluster.node(ranks[rank++]).node, group.request, sign);
    }
  }
  if (!shape.group.empty() && !ranks.empty()) {
    const std::pair at{shape.group, cluster.cls(cluster.node(ranks.front()).cls).zone};
    if ((pretended[at] += sign) == 0) pretended.erase(at);
    wake_group(shape.group);
  }
  queue.used.plus(shape.total, sign);
  queue.running += sign;
  for (Tenant* who : {&queue.tenants[task.tenant], &queue.whole}) {
    who->used.plus(shape.served, sign);
    who->running += sign;
    who->pretended += sign;
    ++who->version;
  }
  if (sign > 0) return;
  wake_quota(task.queue);
  wake_guarded();
}

void State::pretend_more(TaskId id, NodeId node, const Amounts& request, const Amounts& served,
                         int sign) {
  QueueRecord& queue = queues[tasks[id].queue];
  count_in(queue, cluster.node(node).node, request, sign);
  queue.used.plus(request, sign);
  for (Tenant* who : {&queue.tenants[tasks[id].tenant], &queue.whole}) {
    who->used.plus(served, sign);
    ++who->version;
  }
}

// The past is replaced as a whole; what runs stays counted.
bool State::on(const Served& d) {
  const auto known = queue_ids.find(d.queue);
  if (known == queue_ids.end() || !queues[known->second].known || d.starts < 0) return false;
  QueueRecord& queue = queues[known->second];
  const std::int64_t half_life = memory_of(queue);
  Usage past;
  for (const Served::Span& span : d.spans) {
    if (half_life == 0) break;
    const Amounts used = names.charged(span.used);
    past.span(half_life, span.from, span.to,
              served_of(used, names.of_model(used, span.gpu_model), names));
  }
  const TenantId id = enter(known->second, d.tenant);
  Tenant& tenant = queue.tenants[id];
  const Time last = d.starts > 0 ? d.last_start : Time{};
  const bool changed =
      tenant.past != past || tenant.last_start != last || tenant.starts != d.starts;
  queue.whole.past.plus(tenant.past, -1);
  queue.whole.past.plus(past, 1);
  tenant.past = past;
  tenant.last_start = last;
  tenant.starts = d.starts;
  leave(known->second, id);
  return changed;
}

namespace {

// The resource's name and, behind the last @, the model.
std::pair<std::string, std::string> by_model(const std::string& name) {
  const std::size_t at = name.rfind('@');
  if (at == std::string::npos || !is_gpu(name.substr(0, at))) return {name, ""};
  return {name.substr(0, at), name.substr(at + 1)};
}

Resources one(const std::string& name, std::int64_t amount) {
  Resources r;
  if (name == "cpu") {
    r.cpu_milli = amount;
  } else if (name == "memory") {
    r.memory_bytes = amount;
  } else {
    r.set_extended(name, amount);
  }
  return r;
}

}  // namespace

// Spans that come to the same sums: what a resource was used in one period is told as the smallest
// amount that fits into the period, for as long as it takes, and the rest for a millisecond.
std::vector<Served> State::served(QueueId id) const {
  const QueueRecord& queue = queues[id];
  const std::int64_t half_life = memory_of(queue);
  std::vector<Served> all;
  for (const auto& [name, tenant_id] : queue.tenant_ids) {
    const Tenant& tenant = queue.tenants[tenant_id];
    if (!tenant.has_past()) continue;
    Served served{queue.queue.name, name, tenant.last_start, tenant.starts, {}};
    for (const auto& [resource, cells] : tenant.past.cells()) {
      auto [plain, model] = by_model(names.name(resource));
      if (is_milli(resource)) plain += kMilliSuffix;
      for (const auto& [period, used] : tenant.past.sums(resource, half_life)) {
        // All of it was used until the latest time known.
        const std::int64_t room =
            std::clamp<std::int64_t>(to_ms(heard) - period * half_life, 1, half_life);
        const __int128 amount = (used + room - 1) / room;
        if (amount <= 0) continue;
        const auto from = Time{period * half_life * 1'000'000};
        const auto length = static_cast<std::int64_t>(used / amount) * 1'000'000;
        served.spans.push_back(
            {from, {from.ns + length}, model, one(plain, static_cast<std::int64_t>(amount))});
        const auto rest = static_cast<std::int64_t>(used % amount);
        if (rest == 0) continue;
        served.spans.push_back({from, {from.ns + 1'000'000}, model, one(plain, rest)});
      }
    }
    all.push_back(std::move(served));
  }
  return all;
}

// --- shares

// The largest used / total by weight. With a half-life: of the mean of what is used now and what
// was used on average. The decayed sum weighs the current period as long as it has lasted and the
// whole past before it like one period, so its average is over that time.
Fraction State::dominant(const Tenant& tenant, const Amounts& used, std::int64_t weight,
                         std::int64_t half_life) const {
  const std::int64_t length = half_life > 0 ? half_life + to_ms(clock) % half_life : 0;
  Fraction most;
  const auto look = [&](ResourceId id, std::int64_t total) {
    if (total <= 0) return;
    const auto sum = [&](ResourceId of) {
      const auto now = wide(used.at(of));
      if (length == 0) return now;
      return now * wide(length) + tenant.past.at(of, half_life, clock) +
             tenant.runs.at(of, half_life, clock);
    };
    Fraction share{sum(id), wide(total) * wide(weight)};
    if (length > 0) share.den *= 2 * wide(length);
    // Thousandths are brought in only where parts are in use: sums stay as small as they can.
    if (const auto parts = id < kFirstExtended ? 0 : sum(milli_of(id)); parts > 0) {
      share.num = share.num * wide(kWholeMilli) + parts;
      share.den *= wide(kWholeMilli);
    }
    if (compare(most, share) < 0) most = share;
  };
  const auto total = [&](ResourceId id) {
    const std::int64_t sum = cluster.total().at(id);
    return sum > 0 ? sum : cluster.total_by_model().at(id);
  };
  look(kCpu, total(kCpu));
  look(kMemory, total(kMemory));
  for (const auto& [id, amount] : used.extended) look(whole_of(id), total(whole_of(id)));
  if (length == 0) return most;
  for (const auto& [id, cells] : tenant.past.cells()) {
    const ResourceId of = id < kFirstExtended ? id : whole_of(id);
    look(of, total(of));
  }
  return most;
}

Fraction State::tenant_share(const QueueRecord& queue, const Tenant& tenant, const Amounts& used,
                             std::int64_t more_starts) const {
  const Order order = rules_of(queue.queue).order;
  if (order == Order::kRoundRobin) {
    const Time last = more_starts > 0 ? std::max(clock, tenant.last_start) : tenant.last_start;
    const std::int64_t starts = more_starts + (last == tenant.last_start ? tenant.starts : 0);
    return {(wide(last.ns) << 32) + std::min<unsigned __int128>(wide(starts), ~std::uint32_t{0}),
            1};
  }
  const std::int64_t half_life = order == Order::kDecayedShare ? memory_of(queue) : 0;
  return dominant(tenant, used, weight_of(queue.queue, tenant.name), half_life);
}

Fraction State::dominant_share(const QueueRecord& queue, const Tenant& tenant) const {
  const bool decays = rules_of(queue.queue).order == Order::kDecayedShare;
  return dominant(tenant, tenant.used, weight_of(queue.queue, tenant.name),
                  decays ? memory_of(queue) : 0);
}

Fraction State::queue_share(QueueId id) const {
  const QueueRecord& queue = queues[id];
  const bool decays = rules_of(queue.queue).order == Order::kDecayedShare;
  return dominant(queue.whole, queue.whole.used, bounded_weight(queue.queue.weight),
                  decays ? memory_of(queue) : 0);
}

int State::compare_share(QueueId a, QueueId b) const {
  return compare(queue_share(a), queue_share(b));
}

}  // namespace sched
