#include "scheduler/place/gang.hpp"

#include <algorithm>
#include <numeric>

#include "scheduler/place/spread.hpp"

namespace sched {
namespace {

// Devices first, then CPU: what is hardest to place goes first.
std::vector<std::size_t> hardest_first(const Shape& shape) {
  std::vector<std::size_t> order(shape.groups.size());
  std::iota(order.begin(), order.end(), 0);
  const auto weight = [&](std::size_t g) {
    std::int64_t devices = 0;
    for (const auto& [id, amount] : shape.groups[g].request.extended) devices += amount;
    return std::pair{devices, shape.groups[g].request.base[kCpu]};
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return weight(a) > weight(b); });
  return order;
}

// Pod by Pod, since each one is load for the next.
bool spread_part(State& state, const Shape::Group& group, const ZonePart& part, Overlay& overlay,
                 Allowance& left, std::vector<NodeId>& ranks, std::int64_t& looked) {
  for (std::int64_t i = 0; i < part.count; ++i) {
    const NodeId node =
        least_loaded(state.cluster, group.profile, part.zone, looked,
                     [&](ClassId cls) { return left.pods(cls, group.request) > 0; });
    if (node == kNoId) return false;
    left.take(state.cluster.node(node).cls, group.request, 1);
    overlay.book(node, group.request);
    ranks.push_back(node);
  }
  return true;
}

// Node by node, each as full as it gets.
bool pack_part(State& state, const Shape::Group& group, const ZonePart& part, Overlay& overlay,
               Allowance& allowed, std::vector<NodeId>& ranks, std::int64_t& looked) {
  const std::vector<std::uint32_t>& slots = state.cluster.profile(group.profile).node_slots;
  std::vector<std::pair<NodeId, std::int64_t>> found;
  Cluster::Walk walk(state.cluster, group.profile, part.zone);
  for (std::int64_t left = part.count; left > 0;) {
    const NodeId node = walk.next(looked).node;
    if (node == kNoId) return false;
    const ClassId cls = state.cluster.node(node).cls;
    const std::int64_t pods =
        std::min({left, std::int64_t{slots[node]}, allowed.pods(cls, group.request)});
    if (pods == 0) continue;
    allowed.take(cls, group.request, pods);
    found.emplace_back(node, pods);
    left -= pods;
  }
  for (const auto& [node, pods] : found) {
    overlay.book(node, group.request, pods);
    ranks.insert(ranks.end(), static_cast<std::size_t>(pods), node);
  }
  return true;
}

// One group in its zones. Ranks go zone by zone, node by node.
bool place_group(State& state, const Shape::Group& group, const std::vector<ZonePart>& parts,
                 bool spread, Overlay& overlay, Allowance& left, std::vector<NodeId>& ranks,
                 std::int64_t& looked) {
  for (const ZonePart& part : parts) {
    const auto first = static_cast<std::ptrdiff_t>(ranks.size());
    const bool placed = spread ? spread_part(state, group, part, overlay, left, ranks, looked)
                               : pack_part(state, group, part, overlay, left, ranks, looked);
    if (!placed) return false;
    std::sort(ranks.begin() + first, ranks.end(), [&](NodeId a, NodeId b) {
      return a != b && state.cluster.node(a).node.name < state.cluster.node(b).node.name;
    });
  }
  return true;
}

// The groups in the given order, on nodes; all or nothing. Ranks are numbered in the order in which
// the groups are written, whatever order they were placed in.
std::optional<Gang> place_split(State& state, const Shape& shape, const Split& split,
                                const std::vector<std::size_t>& order, bool spread,
                                Overlay& overlay, std::int64_t& looked) {
  const std::size_t mark = overlay.mark();
  std::vector<std::vector<NodeId>> ranks(shape.groups.size());
  Allowance left(state, shape, Quotas::kNow);
  for (const std::size_t g : order) {
    if (place_group(state, shape.groups[g], split.groups[g], spread, overlay, left, ranks[g],
                    looked)) {
      continue;
    }
    overlay.undo(mark);
    return std::nullopt;
  }
  Gang gang{{}, split.zones, split.latency_us};
  for (const auto& of_group : ranks) {
    gang.ranks.insert(gang.ranks.end(), of_group.begin(), of_group.end());
  }
  return gang;
}

}  // namespace

void Overlay::book(NodeId node, const Amounts& request, std::int64_t times) {
  Amounts sum;
  sum.plus(request, times);
  state_.cluster.adjust(node, &sum, nullptr);
  changes_.push_back({node, std::move(sum), false});
}

void Overlay::free(NodeId node, const Amounts& use) {
  state_.cluster.adjust(node, nullptr, &use);
  changes_.push_back({node, use, true});
}

// In reverse, so that the state passes through the same points on the way back.
void Overlay::undo(std::size_t mark) {
  while (changes_.size() > mark) {
    const Change& last = changes_.back();
    state_.cluster.adjust(last.node, last.freed ? &last.amounts : nullptr,
                          last.freed ? nullptr : &last.amounts);
    changes_.pop_back();
  }
}

namespace {

// An even spread leaves a zone out when that is full: then the others may reach what each zone used
// has to have at least.
bool more_room_only_helps(const Shape& shape) {
  return shape.policy != ZonePolicy::kSpread || shape.min_per_zone <= 1;
}

bool proves_none(const State& state, const Shape& shape, const ZoneAnswer& zones) {
  return zones.exhaustive && more_room_only_helps(shape) && exact_beside_quotas(state, shape);
}

}  // namespace

bool groups_share_zones(const Shape& shape) {
  if (shape.groups.size() < 2) return false;
  std::vector<std::string> zones;
  for (const Shape::Group& g : shape.groups) {
    if (g.zone.empty()) return true;
    zones.push_back(g.zone);
  }
  std::sort(zones.begin(), zones.end());
  return std::adjacent_find(zones.begin(), zones.end()) != zones.end();
}

Fit fits_alone(State& state, const Shape& shape, std::int64_t& looked) {
  const ZoneAnswer zones = divide(state, shape, Room::kNow);
  if (zones.splits.empty()) return {false, proves_none(state, shape, zones)};
  if (!groups_share_zones(shape) && shape.limits == kNoId) return {true, true};
  const Quiet quiet(state.cluster);
  Overlay look(state);
  const GangAnswer answer = place_gang(state, shape, look, looked);
  return {answer.gang.has_value(), answer.exact};
}

GangAnswer place_gang(State& state, const Shape& shape, Overlay& overlay, std::int64_t& looked) {
  const ZoneAnswer zones = divide(state, shape, Room::kNow);
  if (zones.splits.empty()) return {std::nullopt, proves_none(state, shape, zones)};
  std::vector<std::size_t> hardest = hardest_first(shape);
  std::vector<std::size_t> written(hardest.size());
  std::iota(written.begin(), written.end(), 0);
  // Groups that compete may fit packed where they do not fit spread.
  for (const bool spread : {shape.spread, false}) {
    for (const Split& split : zones.splits) {
      for (const auto* order : {&hardest, &written}) {
        if (order == &written && written == hardest) continue;
        if (auto gang = place_split(state, shape, split, *order, spread, overlay, looked)) {
          return {std::move(gang), true};
        }
      }
    }
    if (!spread) break;
  }
  return {std::nullopt, !groups_share_zones(shape) && exact_beside_quotas(state, shape)};
}

// Ranks on one node stand together within a zone: one booking for each such run.
void book(Overlay& overlay, const Shape& shape, const Gang& gang) {
  std::size_t rank = 0;
  for (const Shape::Group& group : shape.groups) {
    const std::size_t end = rank + static_cast<std::size_t>(group.count);
    while (rank < end) {
      std::size_t next = rank + 1;
      while (next < end && gang.ranks[next] == gang.ranks[rank]) ++next;
      overlay.book(gang.ranks[rank], group.request, static_cast<std::int64_t>(next - rank));
      rank = next;
    }
  }
}

}  // namespace sched
