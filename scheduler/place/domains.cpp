#include "scheduler/place/domains.hpp"

#include <algorithm>
#include <map>
#include <optional>

namespace sched {
namespace {

using Entry = DomainRoom::Entry;

// Calls with each domain that takes a Pod, the one with most room first, until it says no.
template <class Visit>
void each_from_largest(const DomainRoom::Line& line, const Visit& visit) {
  if (line.empty()) return;
  for (auto at = line.last(); !line.at_end(at); at = line.previous(at)) {
    if (!visit(line.get(at))) return;
  }
}

DomainId ancestor(const Domains& domains, DomainId domain, std::uint32_t level) {
  while (domain != kNoId && domains.domain(domain).level > level) {
    domain = domains.domain(domain).wider;
  }
  return domain != kNoId && domains.domain(domain).level == level ? domain : kNoId;
}

// How many of the largest suffice, and what they take.
struct Largest {
  std::int64_t number = 0, slots = 0;
};
Largest largest_that_suffice(const DomainRoom::Line& line, std::int64_t count) {
  Largest sum;
  each_from_largest(line, [&](const Entry& entry) {
    sum.slots += entry.slots;
    ++sum.number;
    return sum.slots < count;
  });
  return sum;
}

// The smallest domain of a wider level in which as few of the narrow ones suffice.
DomainId wider_that_suffices(const Domains& domains, const DomainRoom::Line& line,
                             std::uint32_t level, std::int64_t few, std::int64_t count) {
  struct Inside {
    std::int64_t seen = 0, of_few = 0, all = 0;
  };
  std::map<DomainId, Inside> inside;
  each_from_largest(line, [&](const Entry& entry) {
    Inside& in = inside[ancestor(domains, entry.domain, level)];
    if (in.seen++ < few) in.of_few += entry.slots;
    in.all += entry.slots;
    return true;
  });
  DomainId best = kNoId;
  const auto key = [&](DomainId id) {
    return std::pair<std::int64_t, const std::string&>{inside.at(id).all, domains.domain(id).path};
  };
  for (const auto& [id, in] : inside) {
    if (id == kNoId || in.of_few < count) continue;
    if (best == kNoId || key(id) < key(best)) best = id;
  }
  return best;
}

// So many domains, all of them within `within` when that is one.
std::vector<DomainPart> fill(const Domains& domains, const DomainRoom::Line& line, DomainId within,
                             std::int64_t few, std::int64_t count) {
  std::vector<DomainPart> parts;
  std::optional<Entry> last;
  each_from_largest(line, [&](const Entry& entry) {
    const bool inside =
        within == kNoId || ancestor(domains, entry.domain, domains.domain(within).level) == within;
    if (!inside) return true;
    if (static_cast<std::int64_t>(parts.size()) + 1 < few) {
      parts.push_back({entry.domain, entry.slots});
      count -= entry.slots;
      return true;
    }
    if (entry.slots < count) return false;
    if (!last || entry.slots < last->slots) last = entry;  // of equal ones the first by path
    return true;
  });
  if (last) parts.push_back({last->domain, count});
  return parts;
}

}  // namespace

bool asks_for_domains(const State& state, const Shape& shape) {
  return !shape.groups.empty() &&
         state.cluster.profile(shape.groups.front().profile).domains.level() != kNoId;
}

std::vector<DomainPart> divide_zone(const State& state, const Shape& shape, ProfileId profile,
                                    ZoneId zone, std::int64_t count) {
  const DomainRoom& room = state.cluster.profile(profile).domains;
  const Domains& domains = state.cluster.domains();
  if (const DomainId one = room.smallest(zone, count); one != kNoId) {
    return {{shape.spread ? room.largest(zone) : one, count}};
  }
  if (shape.one_domain) return {};
  const DomainRoom::Line& line = room.line(zone);
  const Largest largest = largest_that_suffice(line, count);
  std::vector<DomainPart> parts;
  if (largest.slots < count) {
    each_from_largest(line, [&](const Entry& entry) {
      parts.push_back({entry.domain, entry.slots});
      return true;
    });
  } else {
    DomainId within = kNoId;
    for (std::uint32_t level = room.level(); level > 0 && within == kNoId; --level) {
      within = wider_that_suffices(domains, line, level - 1, largest.number, count);
    }
    parts = fill(domains, line, within, largest.number, count);
  }
  std::sort(parts.begin(), parts.end(), [&](const DomainPart& a, const DomainPart& b) {
    return domains.domain(a.domain).path < domains.domain(b.domain).path;
  });
  if (largest.slots < count) parts.push_back({kNoId, count - largest.slots});
  return parts;
}

std::int64_t fewest_domains(const State& state, const Shape& shape, ProfileId profile, ZoneId zone,
                            std::int64_t count) {
  if (!asks_for_domains(state, shape)) return 0;
  const DomainRoom::Line& line = state.cluster.profile(profile).domains.line(zone);
  const Largest largest = largest_that_suffice(line, count);
  return largest.number + (largest.slots < count);
}

std::vector<Cluster::Spot> spots_in(const Cluster& cluster, ProfileId id, DomainId domain) {
  const std::vector<std::uint32_t>& slots = cluster.profile(id).node_slots;
  std::vector<Cluster::Spot> spots;
  for (const NodeId node : cluster.domains().domain(domain).nodes) {
    if (node < slots.size() && slots[node] > 0) spots.push_back(cluster.spot(id, node, {}));
  }
  std::sort(spots.begin(), spots.end(), [&](const Cluster::Spot& a, const Cluster::Spot& b) {
    return a.node != b.node && cluster.precedes(a, b);
  });
  return spots;
}

bool lies_as_required(const State& state, const Shape& shape, const std::vector<NodeId>& ranks) {
  if (!shape.one_domain) return true;
  std::map<ZoneId, DomainId> of_zone;
  const Profile& profile = state.cluster.profile(shape.groups.front().profile);
  for (const NodeId node : ranks) {
    const DomainId domain = state.cluster.domain_of(profile, node);
    const ZoneId zone = state.cluster.cls(state.cluster.node(node).cls).zone;
    if (domain == kNoId || of_zone.try_emplace(zone, domain).first->second != domain) return false;
  }
  return true;
}

namespace {

// How many Pods, no more than are wanted, go to the nodes of a domain; counts them in what is left.
std::int64_t fill_beside(const State& state, const Shape::Group& group, DomainId domain,
                         std::int64_t wanted, Allowance& left) {
  const Profile& profile = state.cluster.profile(group.profile);
  std::int64_t taken = 0;
  for (const Cluster::Spot& spot : spots_in(state.cluster, group.profile, domain)) {
    const ClassId cls = state.cluster.node(spot.node).cls;
    const std::int64_t pods = std::min({wanted - taken, std::int64_t{profile.node_slots[spot.node]},
                                        left.pods(cls, group.request)});
    if (pods <= 0) continue;
    left.take(cls, group.request, pods);
    taken += pods;
  }
  return taken;
}

}  // namespace

std::vector<DomainPart> divide_zone_beside(const State& state, const Shape::Group& group,
                                           ZoneId zone, std::int64_t count, const Allowance& left) {
  const DomainRoom& room = state.cluster.profile(group.profile).domains;
  std::vector<DomainId> domains;
  if (room.level() != kNoId) domains = state.cluster.domains().of(zone, room.level());
  std::vector<DomainPart> parts;
  Allowance rest = left;
  while (count > 0) {
    DomainPart best{kNoId, 0};
    for (const DomainId domain : domains) {
      Allowance look = rest;
      const std::int64_t pods = fill_beside(state, group, domain, count, look);
      const bool smaller = best.domain != kNoId && room.slots(domain) < room.slots(best.domain);
      if (pods > best.count || (pods > 0 && pods == best.count && smaller)) best = {domain, pods};
    }
    if (best.count == 0) break;
    fill_beside(state, group, best.domain, best.count, rest);
    std::erase(domains, best.domain);
    parts.push_back(best);
    count -= best.count;
  }
  if (count > 0) parts.push_back({kNoId, count});
  return parts;
}

}  // namespace sched
