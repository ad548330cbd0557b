#include "scheduler/state/digest.hpp"

#include <algorithm>

namespace sched {
namespace {

// FNV-1a over bytes in a fixed order, numbers low byte first.
class Hash {
 public:
  void number(std::int64_t value) {
    auto bits = static_cast<std::uint64_t>(value);
    for (int i = 0; i < 8; ++i, bits >>= 8) byte(static_cast<unsigned char>(bits & 0xff));
  }
  void text(const std::string& value) {
    number(static_cast<std::int64_t>(value.size()));
    for (const char c : value) byte(static_cast<unsigned char>(c));
  }
  std::uint64_t value() const { return hash_; }

 private:
  void byte(unsigned char b) { hash_ = (hash_ ^ b) * 1099511628211ull; }
  std::uint64_t hash_ = 14695981039346656037ull;
};

void put(Hash& h, const ResourceNames& names, const Amounts& amounts) {
  const Resources r = names.resources(amounts);  // sorted by name: ids depend on history
  for (const std::int64_t part : {r.cpu_milli, r.memory_bytes, r.ephemeral_bytes, r.pods}) {
    h.number(part);
  }
  h.number(static_cast<std::int64_t>(r.extended.size()));
  for (const auto& [name, amount] : r.extended) {
    h.text(name);
    h.number(amount);
  }
}

template <class Map>
std::vector<std::string> sorted_keys(const Map& map) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  return keys;
}

void put_nodes(Hash& h, const State& s) {
  std::vector<const NodeRecord*> nodes;
  for (NodeId id = 0; id < s.cluster.node_count(); ++id) {
    const NodeRecord& record = s.cluster.node(id);
    if (record.present || record.bookings > 0) nodes.push_back(&record);
  }
  std::sort(nodes.begin(), nodes.end(),
            [](const auto* a, const auto* b) { return a->node.name < b->node.name; });
  for (const NodeRecord* record : nodes) {
    const Node& n = record->node;
    for (const std::string* part : {&n.name, &n.zone, &n.region, &n.pool, &n.gpu_model}) {
      h.text(*part);
    }
    for (const auto& [key, value] : n.labels) {
      h.text(key);
      h.text(value);
    }
    for (const Taint& t : n.taints) h.text(t.key + "=" + t.value + ":" + t.effect);
    h.number(record->present | n.unschedulable << 1 | n.ready << 2 | n.gpu_sharing << 3);
    put(h, s.names, record->total);
    put(h, s.names, record->used);
    put(h, s.names, record->free);
  }
}

// The slots of a waiting task's profiles are part of it: a sum that drifted from its nodes shows
// up as another digest.
void put_task(Hash& h, const State& s, const TaskRecord& t) {
  for (const std::string* part : {&t.task.uid, &t.task.queue, &t.task.tenant, &t.rejected_why,
                                  &t.evicted_by, &t.task.topology_level}) {
    h.text(*part);
  }
  for (const std::int64_t part :
       {static_cast<std::int64_t>(t.state), static_cast<std::int64_t>(t.task.tier),
        std::int64_t{t.task.priority_value}, t.task.submitted.ns, t.task.attempt,
        t.task.not_before.ns, t.rejected_until.ns, t.attempt, t.since.ns, std::int64_t{t.task.held},
        std::int64_t{t.task.topology_required}}) {
    h.number(part);
  }
  for (const TaskRecord::Rank& rank : t.ranks) {
    h.text(s.cluster.node(rank.node).node.name);
    h.number(rank.reserved);
    h.number(rank.device);
  }
  for (const std::string* part : {&t.task.group_uid, &t.task.replaces}) h.text(*part);
  for (const GroupZone& zone : t.task.group_zones) {
    h.text(zone.zone);
    h.number(zone.backup);
    h.number(zone.replicas);
  }
  h.number(t.task.group_skew);
  h.number(t.task.checkpoint_every_ns);
  put(h, s.names, t.booked);
  for (const PodGroup& group : t.task.groups) h.number(group.most);
  h.number(t.evicted_at.ns);
  h.number(t.hold_until.ns);
  for (const std::string& node : t.hold) h.text(node);
  for (const std::int64_t device : t.hold_devices) h.number(device);
  if (t.shape == kNoId) return;
  for (const Shape::Group& g : s.shapes[t.shape].groups) {
    const Profile& profile = s.cluster.profile(g.profile);
    for (const auto& [name, zone] : s.cluster.zones()) {
      h.number(profile.zones[zone].slots);
      h.number(profile.zones[zone].last);
      h.number(profile.zones[zone].empty);
      if (profile.domains.level() == kNoId) continue;
      for (const DomainId domain : s.cluster.domains().of(zone, profile.domains.level())) {
        h.text(s.cluster.domains().domain(domain).path);
        h.number(profile.domains.slots(domain));
        h.number(profile.domains.empty(domain));
      }
    }
  }
}

void put_line(Hash& h, const State& s, const Ordered<Place>& line) {
  for (auto at = line.begin(); !line.at_end(at); at = line.next(at)) {
    h.text(s.tasks[line.get(at).task].task.uid);
  }
}

void put_usage(Hash& h, const State& s, const Usage& usage) {
  std::map<std::string, const Usage::Cells*> by_name;
  for (const auto& [id, cells] : usage.cells()) by_name.emplace(s.names.name(id), &cells);
  for (const auto& [name, cells] : by_name) {
    h.text(name);
    for (const auto& [period, cell] : *cells) {
      h.number(period);
      h.number(static_cast<std::int64_t>(cell.partial));
      h.number(static_cast<std::int64_t>(cell.partial >> 64));
      h.number(cell.rate);
    }
  }
}

void put_tenant(Hash& h, const State& s, const Tenant& t) {
  h.text(t.name);
  for (const std::int64_t part : {t.members, t.running, t.last_start.ns, t.starts}) h.number(part);
  put(h, s.names, t.used);
  put_usage(h, s, t.past);
  put_usage(h, s, t.runs);
  put_line(h, s, t.line);
}

void put_runs(Hash& h, const std::string& shape, const Past::Runs& runs) {
  h.text(shape);
  for (const Past::Run& run : runs) {
    for (const std::int64_t part : {run.ended.ns, run.ran_ns, run.stated_ns, run.size}) {
      h.number(part);
    }
  }
}

// The line in its order: two states that would start tasks in another order differ.
void put_queue(Hash& h, const State& s, const QueueRecord& q) {
  h.text(q.queue.name);
  h.number(q.known);
  h.number(q.running);
  put(h, s.names, q.used);
  put(h, s.names, q.maximum);
  put(h, s.names, q.guaranteed);
  for (const QueueRecord::Limit& limit : q.limits) {
    put(h, s.names, limit.maximum);
    put(h, s.names, limit.guaranteed);
    put(h, s.names, limit.used);
  }
  std::set<std::pair<std::int64_t, std::string>> turns;
  for (const auto& [at, task] : q.turns_over) turns.emplace(at, s.tasks[task].task.uid);
  for (const auto& [at, uid] : turns) {
    h.number(at);
    h.text(uid);
  }
  for (const std::int64_t part :
       {static_cast<std::int64_t>(q.queue.tier), static_cast<std::int64_t>(q.queue.strategy),
        q.queue.weight, std::int64_t{q.queue.closed}, q.queue.max_running, q.waiting[0],
        q.waiting[1], q.waiting[2]}) {
    h.number(part);
  }
  put_line(h, s, q.line);
  for (const auto& [name, id] : q.tenant_ids) put_tenant(h, s, q.tenants[id]);
  put_tenant(h, s, q.whole);
  h.number(q.queue.learned);
  h.number(q.past.longest_wait());
  for (const auto& [kind, of] : q.past.kinds()) {
    h.text(kind.first);
    h.text(kind.second);
    for (const auto& [shape, runs] : of.shapes) put_runs(h, shape, runs);
  }
}

void put_promises(Hash& h, const State& s) {
  std::map<std::string, const PromisedRoom*> by_uid;
  for (const auto& [task, room] : s.promises) by_uid.emplace(s.tasks[task].task.uid, &room);
  for (const auto& [uid, room] : by_uid) {
    h.text(uid);
    h.number(room->at.ns);
    for (const std::string& node : room->where.nodes) h.text(node);
    for (const std::int64_t device : room->where.devices) h.number(device);
  }
}

}  // namespace

std::uint64_t digest(const State& s) {
  Hash h;
  put_nodes(h, s);
  for (const std::string& uid : sorted_keys(s.task_ids)) {
    put_task(h, s, s.tasks[s.task_ids.at(uid)]);
  }
  for (const auto& [name, id] : s.queue_ids) put_queue(h, s, s.queues[id]);
  s.mix.each_heaviest([&h](const Mix::Need& need) {
    h.text(need.key);
    h.number(need.pods);
    return true;
  });
  for (const std::string& uid : sorted_keys(s.pod_ids)) {
    const PodRecord& pod = s.pods[s.pod_ids.at(uid)];
    for (const std::string* part : {&pod.pod.uid, &pod.pod.node, &pod.pod.task}) h.text(*part);
    h.number(pod.pod.attempt);
    h.number(pod.pod.rank);
    put(h, s.names, pod.amounts);
  }
  for (const auto& [uid, wish] : s.wishes) {
    h.text(uid);
    for (const std::string& other : wish.others) h.text(other);
    h.number(static_cast<std::int64_t>(wish.by));
    h.number(wish.at.ns);
  }
  put_promises(h, s);
  for (const auto& [pair, latency] : s.config.latency_us) {
    h.text(pair.first);
    h.text(pair.second);
    h.number(latency);
  }
  for (const TopologyLevel& level : s.config.topology) {
    h.text(level.name);
    h.text(level.label);
  }
  h.number(s.config.degraded_permille);
  return h.value();
}

}  // namespace sched
