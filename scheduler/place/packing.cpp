#include "scheduler/place/packing.hpp"

#include <algorithm>

namespace sched {
namespace {

// Compared of each bucket. One does most of it; four are as good as all.
constexpr int kCompared = 4;

// What is left in 2^-20 of what there is; rounded down.
std::int64_t share(std::int64_t part, std::int64_t whole) {
  if (whole <= 0) return 0;
  return static_cast<std::int64_t>((static_cast<__int128>(part) << 20) / whole);
}

}  // namespace

Packing::NeedId Packing::need(const Need& need) {
  const auto [at, fresh] = need_ids_.try_emplace(need, static_cast<NeedId>(kinds_.size()));
  if (fresh) kinds_.push_back({need, 0});
  return at->second;
}

Packing::NodeIndex Packing::add(const Room& room, std::uint32_t group) {
  const auto id = static_cast<NodeIndex>(nodes_.size());
  nodes_.push_back({room, group, room.cpu_milli, room.memory_bytes, {}});
  Group& of = groups_[group];
  of.cpu_max = std::max(of.cpu_max, room.cpu_milli);
  of.memory_max = std::max(of.memory_max, room.memory_bytes);
  index(id, true);
  return id;
}

void Packing::start(NeedId need, const Spot& spot) {
  Kind& kind = kinds_[need];
  Node& node = nodes_[spot.node];
  index(spot.node, false);
  take(node.room, kind.need, spot.device);
  node.slots.clear();
  index(spot.node, true);
  ++kind.running;
}

std::int64_t Packing::rest(const Node& node) const {
  return std::min(share(node.room.cpu_milli, node.cpu_total),
                  share(node.room.memory_bytes, node.memory_total));
}

void Packing::index(NodeIndex id, bool insert) {
  const Node& node = nodes_[id];
  auto& buckets = groups_[node.group].buckets;
  const std::pair key{whole_devices(node.room), largest_rest(node.room) / (kWholeDevice / 10)};
  const std::pair entry{rest(node), id};
  if (insert) {
    buckets[key].insert(entry);
    return;
  }
  const auto at = buckets.find(key);
  at->second.erase(entry);
  if (at->second.empty()) buckets.erase(at);
}

// Needs that came after the node changed are counted when they are asked for.
const std::vector<std::int64_t>& Packing::slots_of(Node& node) {
  while (node.slots.size() < kinds_.size()) {
    node.slots.push_back(slots(node.room, kinds_[node.slots.size()].need));
  }
  return node.slots;
}

// What the mix loses on a node that comes to have this room.
__int128 Packing::lost(Node& node, const Room& after) {
  const std::vector<std::int64_t>& before = slots_of(node);
  __int128 sum = 0;
  for (std::size_t k = 0; k < kinds_.size(); ++k) {
    const Kind& kind = kinds_[k];
    const std::int64_t weight = kind.running * kind.need.device_milli();
    if (weight == 0 || before[k] == 0) continue;
    sum += static_cast<__int128>(weight) * (before[k] - slots(after, kind.need));
  }
  return sum;
}

// The Pod on this node, on each device that differs from those before it.
void Packing::compare(NodeIndex id, const Need& need, std::int64_t rest,
                      std::optional<Best>& best) {
  Node& node = nodes_[id];
  const std::int32_t whole = whole_devices(node.room);
  const auto consider = [&](std::size_t device, std::int32_t free) {
    Room after = node.room;
    take(after, need, device);
    const Cost cost{lost(node, after), whole, rest, id, free};
    if (!best || cost < best->cost) best = Best{cost, {id, device}};
  };
  ++compared_;
  if (need.part == 0) return consider(kNoDevice, 0);
  std::set<std::int32_t> seen;
  for (std::size_t d = 0; d < node.room.devices.size(); ++d) {
    const std::int32_t free = node.room.devices[d];
    if (free >= need.part && seen.insert(free).second) consider(d, free);
  }
}

// Buckets without devices enough, and nodes with too little left of the scarcer rest, are skipped
// without a look.
void Packing::look_in(const Group& group, const Need& need, std::optional<Best>& best) {
  const std::int64_t least =
      std::min(share(need.cpu_milli, group.cpu_max), share(need.memory_bytes, group.memory_max));
  const std::int32_t tenth = need.part / (kWholeDevice / 10);
  for (auto bucket = group.buckets.lower_bound({need.devices, 0}); bucket != group.buckets.end();
       ++bucket) {
    const auto& [whole, rest_of_device] = bucket->first;
    if (need.part > 0 && whole == 0 && rest_of_device < tenth) continue;
    int left = kCompared;
    for (auto at = bucket->second.lower_bound({least, 0}); at != bucket->second.end() && left > 0;
         ++at) {
      ++looked_;
      if (slots(nodes_[at->second].room, need) == 0) continue;
      compare(at->second, need, at->first, best);
      --left;
    }
  }
}

std::optional<Packing::Spot> Packing::pick(NeedId id) {
  std::optional<Best> best;
  for (const auto& [name, group] : groups_) look_in(group, kinds_[id].need, best);
  if (!best) return std::nullopt;
  return best->spot;
}

}  // namespace sched
