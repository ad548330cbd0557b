#include "scheduler/place/gang.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "scheduler/limits.hpp"
#include "scheduler/place/domains.hpp"
#include "scheduler/place/packing.hpp"
#include "scheduler/place/parts.hpp"
#include "scheduler/place/spread.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

// Devices first, then CPU: what is hardest to place goes first.
std::vector<std::size_t> hardest_first(const Shape& shape) {
  std::vector<std::size_t> order(shape.groups.size());
  std::iota(order.begin(), order.end(), 0);
  const auto weight = [&](std::size_t g) {
    __int128 devices = 0;
    for (const auto& [id, amount] : shape.groups[g].request.extended) {
      devices += is_milli(id) ? __int128{amount} : exactly(amount, id);
    }
    return std::pair{devices, shape.groups[g].request.base[kCpu]};
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return weight(a) > weight(b); });
  return order;
}

// By which rule nodes are chosen. Tight: fullest first, by what is on the nodes alone.
enum class Rule : std::uint8_t { kTight, kSlots, kSpread };

// One placement in the making: what it books, and what it has looked at.
struct Making {
  State& state;
  const Shape& shape;
  Rule rule = Rule::kTight;
  Overlay& overlay;
  Allowance& left;  // of the quotas, beside what is booked so far
  std::int64_t& looked;
};

// Pod by Pod, since each one is load for the next.
bool spread_part(const Making& m, const Shape::Group& group, ZoneId zone, const DomainPart& part,
                 std::vector<NodeId>& ranks) {
  const auto open = [&](ClassId cls) { return m.left.pods(cls, group.request) > 0; };
  for (std::int64_t i = 0; i < part.count; ++i) {
    const NodeId node =
        least_loaded_in(m.state.cluster, group.profile, zone, part.domain, m.looked, open);
    if (node == kNoId) return false;
    m.left.take(m.state.cluster.node(node).cls, group.request, 1);
    m.overlay.book(node, group.request);
    ranks.push_back(node);
  }
  return true;
}

// Node by node, each as full as it gets.
bool pack_part(const Making& m, const Shape::Group& group, ZoneId zone, const DomainPart& part,
               std::vector<NodeId>& ranks) {
  const Profile& profile = m.state.cluster.profile(group.profile);
  std::vector<std::pair<NodeId, std::int64_t>> found;
  std::int64_t left = part.count;
  const auto take = [&](NodeId node) {
    const ClassId cls = m.state.cluster.node(node).cls;
    const std::int64_t pods =
        std::min({left, std::int64_t{profile.node_slots[node]}, m.left.pods(cls, group.request)});
    if (pods <= 0) return;
    m.left.take(cls, group.request, pods);
    found.emplace_back(node, pods);
    left -= pods;
  };
  if (part.domain != kNoId && part.domain != kAnyDomain) {
    for (const Cluster::Spot& spot : spots_in(m.state.cluster, group.profile, part.domain)) {
      ++m.looked;
      if (left > 0) take(spot.node);
    }
  } else {
    Cluster::Walk walk(m.state.cluster, group.profile, zone);
    while (left > 0) {
      const NodeId node = walk.next(m.looked).node;
      if (node == kNoId) return false;
      const bool wanted =
          part.domain == kAnyDomain || m.state.cluster.domain_of(profile, node) == kNoId;
      if (wanted) take(node);
    }
  }
  if (left > 0) return false;
  for (const auto& [node, pods] : found) {
    m.overlay.book(node, group.request, pods);
    ranks.insert(ranks.end(), static_cast<std::size_t>(pods), node);
  }
  return true;
}

// The Pods of one group in one zone, each with the device of its node that it shares.
using Seats = std::vector<Seat>;

// Each where it costs the others least.
bool keep_slots(const Making& m, const Shape::Group& group, ZoneId zone, const DomainPart& part,
                Seats& seats) {
  Seats found;
  Packing packing(m.state, group, {zone, part.domain}, m.looked);
  const auto open = [&](ClassId cls) { return m.left.pods(cls, group.request) > 0; };
  for (std::int64_t i = 0; i < part.count; ++i) {
    const std::optional<Seat> seat = packing.next(open);
    if (!seat) return false;
    m.left.take(m.state.cluster.node(seat->node).cls, group.request, 1);
    found.push_back(*seat);
  }
  std::map<std::pair<NodeId, std::int64_t>, std::int64_t> pods;
  for (const Seat& seat : found) ++pods[{seat.node, seat.device}];
  for (const auto& [at, count] : pods) {
    m.overlay.book(at.first, use_of(group.request, at.second), count);
  }
  seats.insert(seats.end(), found.begin(), found.end());
  return true;
}

bool place_part(const Making& m, const Shape::Group& group, ZoneId zone, const DomainPart& part,
                Seats& seats) {
  if (m.rule == Rule::kSlots) return keep_slots(m, group, zone, part, seats);
  const bool spread = m.rule == Rule::kSpread;
  if (has_parts(group.request)) {
    return share_devices(m.state, group, zone, part, spread, m.overlay, m.left, seats, m.looked);
  }
  std::vector<NodeId> nodes;
  const bool placed =
      spread ? spread_part(m, group, zone, part, nodes) : pack_part(m, group, zone, part, nodes);
  for (const NodeId node : nodes) seats.push_back({node, -1});
  return placed;
}

// Ranks go domain by domain, node by node, device by device.
bool place_in_zone(const Making& m, const Shape::Group& group, ZoneId zone,
                   const std::vector<DomainPart>& parts, Seats& seats) {
  for (const DomainPart& part : parts) {
    if (!place_part(m, group, zone, part, seats)) return false;
  }
  std::sort(seats.begin(), seats.end(), [&](const Seat& a, const Seat& b) {
    if (a.node == b.node) return a.device < b.device;
    return m.state.cluster.stands_before(a.node, b.node);
  });
  return true;
}

// By group and zone.
using Ranks = std::map<std::pair<std::size_t, ZoneId>, Seats>;

// Where quotas bind, counts do not say how much of a domain is left to the gang: then few domains
// are looked for node by node, and where that fails it is all the same to one that only prefers
// them.
bool place_zone_part(const Making& m, const Shape::Group& group, const ZonePart& part,
                     Seats& seats) {
  const bool beside = m.left.binds() && !m.shape.one_domain;
  if (asks_for_domains(m.state, m.shape) && !beside) {
    const auto parts = divide_zone(m.state, m.shape, group.profile, part.zone, part.count);
    return !parts.empty() && place_in_zone(m, group, part.zone, parts, seats);
  }
  if (asks_for_domains(m.state, m.shape) && !has_parts(group.request)) {
    const std::size_t mark = m.overlay.mark();
    const Allowance before = m.left;
    const auto parts = divide_zone_beside(m.state, group, part.zone, part.count, m.left);
    if (place_in_zone(m, group, part.zone, parts, seats)) return true;
    m.overlay.undo(mark);
    m.left = before;
    seats.clear();
  }
  return place_in_zone(m, group, part.zone, {{kAnyDomain, part.count}}, seats);
}

// Groups in the given order, each where the counts of this moment send it. Takes back what it
// booked when one does not fit.
bool place_one_by_one(const Making& m, const Split& split, const std::vector<std::size_t>& order,
                      std::optional<ZoneId> only, Ranks& ranks) {
  const std::size_t mark = m.overlay.mark();
  const Allowance before = m.left;
  for (const std::size_t g : order) {
    const Shape::Group& group = m.shape.groups[g];
    for (const ZonePart& part : split.groups[g]) {
      if (only && part.zone != *only) continue;
      Seats& own = ranks[{g, part.zone}];
      own.clear();
      if (place_zone_part(m, group, part, own)) continue;
      m.overlay.undo(mark);
      m.left = before;
      return false;
    }
  }
  return true;
}

// The groups of one zone in one domain.
bool place_in(const Making& m, const Split& split, const std::vector<std::size_t>& order,
              ZoneId zone, DomainId domain, Ranks& ranks) {
  const std::size_t mark = m.overlay.mark();
  const Allowance before = m.left;
  for (const std::size_t g : order) {
    for (const ZonePart& part : split.groups[g]) {
      if (part.zone != zone) continue;
      Seats& own = ranks[{g, zone}];
      own.clear();
      if (place_in_zone(m, m.shape.groups[g], zone, {{domain, part.count}}, own)) continue;
      m.overlay.undo(mark);
      m.left = before;
      return false;
    }
  }
  return true;
}

// The domains of a zone in which each of the groups would fit alone, smallest first.
std::vector<DomainId> candidates(const Making& m, const Split& split, ZoneId zone) {
  const Cluster& cluster = m.state.cluster;
  const auto& lead = cluster.profile(m.shape.groups.front().profile).domains;
  std::vector<DomainId> found = cluster.domains().of(zone, lead.level());
  std::erase_if(found, [&](DomainId domain) {
    for (std::size_t g = 0; g < split.groups.size(); ++g) {
      const auto& room = cluster.profile(m.shape.groups[g].profile).domains;
      for (const ZonePart& part : split.groups[g]) {
        if (part.zone == zone && room.slots(domain) < part.count) return true;
      }
    }
    return false;
  });
  std::stable_sort(found.begin(), found.end(), [&](DomainId a, DomainId b) {
    return m.rule == Rule::kSpread ? lead.slots(a) > lead.slots(b) : lead.slots(a) < lead.slots(b);
  });
  if (found.size() > kDomainTriesMax) found.resize(kDomainTriesMax);
  return found;
}

// Groups that share a zone share its domain, too: zone by zone the first that takes them all,
// beside the quotas. Where it is no more than a wish, each group then has its own.
bool place_together(const Making& m, const Split& split, const std::vector<std::size_t>& order,
                    Ranks& ranks) {
  std::map<std::string, ZoneId> zones;
  for (const auto& parts : split.groups) {
    for (const ZonePart& part : parts)
      zones.emplace(m.state.cluster.zone(part.zone).name, part.zone);
  }
  const std::size_t mark = m.overlay.mark();
  for (const auto& [name, zone] : zones) {
    const std::vector<DomainId> tries = candidates(m, split, zone);
    const bool together = std::any_of(tries.begin(), tries.end(), [&, at = zone](DomainId domain) {
      return place_in(m, split, order, at, domain, ranks);
    });
    if (together) continue;
    if (!m.shape.one_domain && place_one_by_one(m, split, order, zone, ranks)) continue;
    m.overlay.undo(mark);
    return false;
  }
  return true;
}

// The groups in the given order, on nodes; all or nothing. Ranks are numbered in the order in which
// the groups are written, whatever order they were placed in.
std::optional<Gang> place_split(const Making& m, const Split& split,
                                const std::vector<std::size_t>& order) {
  Ranks ranks;
  const bool together =
      (groups_share_zones(m.shape) || m.left.binds()) && asks_for_domains(m.state, m.shape);
  const bool placed = together ? place_together(m, split, order, ranks)
                               : place_one_by_one(m, split, order, std::nullopt, ranks);
  if (!placed) return std::nullopt;
  Gang gang{{}, split.zones, split.latency_us};
  for (std::size_t g = 0; g < split.groups.size(); ++g) {
    for (const ZonePart& part : split.groups[g]) {
      for (const Seat& seat : ranks.at({g, part.zone})) {
        gang.ranks.push_back(seat.node);
        if (m.shape.shares) gang.devices.push_back(seat.device);
      }
    }
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

namespace {

// Where no division was found: what others are guaranteed may be all that is in the way. What it
// is that has to change then, is more than slots.
GangAnswer no_gang(const State& state, const Shape& shape, const ZoneAnswer& zones) {
  if (shape.guards == kNoId || !Kept(state, shape).binds()) {
    return {std::nullopt, proves_none(state, shape, zones)};
  }
  const ZoneAnswer own = divide(state, shape, Room::kNow, Quotas::kOwn);
  if (!own.splits.empty()) return {std::nullopt, false};
  const bool exact = own.exhaustive && shape.group.empty() && more_room_only_helps(shape) &&
                     exact_beside_quotas(state, shape, Quotas::kOwn);
  return {std::nullopt, exact};
}

}  // namespace

bool groups_share_zones(const Shape& shape) {
  if (shape.groups.size() < 2) return false;
  std::vector<std::string_view> zones;
  zones.reserve(shape.groups.size());
  for (const Shape::Group& g : shape.groups) {
    if (g.zone.empty()) return true;
    zones.push_back(g.zone);
  }
  std::sort(zones.begin(), zones.end());
  return std::adjacent_find(zones.begin(), zones.end()) != zones.end();
}

Fit fits_alone(State& state, const Shape& shape, std::int64_t& looked) {
  const ZoneAnswer zones = divide(state, shape, Room::kNow);
  if (zones.splits.empty()) return {false, no_gang(state, shape, zones).exact};
  if (!groups_share_zones(shape) && !by_place(shape)) return {true, true};
  const Quiet quiet(state.cluster);
  Overlay look(state);
  const GangAnswer answer = place_gang(state, shape, look, looked);
  return {answer.gang.has_value(), answer.exact};
}

namespace {

// A division over zones and an order of the groups that led to places for all.
struct Way {
  const Split* split = nullptr;
  const std::vector<std::size_t>* order = nullptr;
};

class Placing {
 public:
  Placing(State& state, const Shape& shape, Overlay& overlay, std::int64_t& looked)
      : state_(state),
        shape_(shape),
        overlay_(overlay),
        looked_(looked),
        fresh_(state, shape, Quotas::kNow) {
    hardest_ = hardest_first(shape);
    written_.resize(hardest_.size());
    std::iota(written_.begin(), written_.end(), 0);
  }

  // The first way that succeeds, over the best splits.
  std::optional<Gang> first(const ZoneAnswer& zones, Rule rule, Way* found = nullptr) {
    for (const Split& split : zones.splits) {
      for (const auto* order : {&hardest_, &written_}) {
        if (order == &written_ && written_ == hardest_) continue;
        std::optional<Gang> gang = go({&split, order}, rule);
        if (gang && found != nullptr) *found = {&split, order};
        if (gang) return gang;
      }
    }
    return std::nullopt;
  }

  std::optional<Gang> go(const Way& way, Rule rule) {
    Allowance left = fresh_;
    return place_split({state_, shape_, rule, overlay_, left, looked_}, *way.split, *way.order);
  }

 private:
  State& state_;
  const Shape& shape_;
  Overlay& overlay_;
  std::int64_t& looked_;
  const Allowance fresh_;
  std::vector<std::size_t> hardest_, written_;
};

// Whether some way leads to places whatever rule chooses the nodes, if any does.
bool exact(const State& state, const Shape& shape) {
  return !groups_share_zones(shape) && exact_beside_quotas(state, shape);
}

}  // namespace

// Whether groups that compete fit is found out by what is on the nodes alone: it must not depend on
// who else waits. What was found is then improved.
GangAnswer place_gang(State& state, const Shape& shape, Overlay& overlay, std::int64_t& looked) {
  const ZoneAnswer zones = divide(state, shape, Room::kNow);
  if (zones.splits.empty()) return no_gang(state, shape, zones);
  Placing placing(state, shape, overlay, looked);
  // Groups that compete may fit packed where they do not fit spread.
  if (shape.spread) {
    if (auto gang = placing.first(zones, Rule::kSpread)) return {std::move(gang), true};
  } else if (exact(state, shape)) {
    if (auto gang = placing.first(zones, Rule::kSlots)) return {std::move(gang), true};
  }
  const std::size_t mark = overlay.mark();
  Way way;
  std::optional<Gang> gang = placing.first(zones, Rule::kTight, &way);
  if (!gang) return {std::nullopt, exact(state, shape)};
  if (!shape.spread && !exact(state, shape)) {
    overlay.undo(mark);
    std::optional<Gang> better = placing.go(way, Rule::kSlots);
    gang = better ? std::move(better) : placing.go(way, Rule::kTight);
  }
  return {std::move(gang), true};
}

// Ranks on one node stand together within a zone: one booking for each such run.
void book(Overlay& overlay, const Shape& shape, const Gang& gang) {
  std::size_t rank = 0;
  for (const Shape::Group& group : shape.groups) {
    const std::size_t end = rank + static_cast<std::size_t>(group.count);
    while (rank < end) {
      std::size_t next = rank + 1;
      if (has_parts(group.request)) {
        overlay.book(gang.ranks[rank], use_of(group.request, gang.devices[rank]));
        rank = next;
        continue;
      }
      while (next < end && gang.ranks[next] == gang.ranks[rank]) ++next;
      overlay.book(gang.ranks[rank], group.request, static_cast<std::int64_t>(next - rank));
      rank = next;
    }
  }
}

}  // namespace sched
