#include "scheduler/place/trial.hpp"

#include <algorithm>

#include "scheduler/limits.hpp"
#include "scheduler/place/outlook.hpp"
#include "scheduler/place/packing.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

// In `spot_of_`: not asked yet whether the node matters, and: it does not.
constexpr std::uint32_t kUnasked = kNoId - 1, kOut = kNoId - 2;

std::int64_t slots_now(const Profile& profile, NodeId node) {
  return node < profile.node_slots.size() ? profile.node_slots[node] : 0;
}

}  // namespace

Trial::Trial(State& state, const Shape& shape)
    : state_(state), shape_(shape), exact_(!groups_share_zones(shape) && !by_place(shape)) {
  for (const Shape::Group& group : shape.groups) {
    const auto same = [&](const OfProfile& p) { return p.profile == group.profile; };
    const auto at = std::find_if(profiles_.begin(), profiles_.end(), same);
    Zoned zoned{static_cast<std::size_t>(at - profiles_.begin())};
    if (!group.zone.empty()) zoned.zone = state.cluster.find_zone(group.zone);
    zoned.nowhere = !group.zone.empty() && zoned.zone == kNoId;
    groups_.push_back(zoned);
    if (at != profiles_.end()) continue;
    OfProfile p;
    p.profile = group.profile;
    p.gains.resize(state.cluster.profile(group.profile).zones.size(), 0);
    profiles_.push_back(std::move(p));
  }
}

// --- which nodes

bool Trial::ask(NodeId node) const {
  for (const Zoned& group : groups_) {
    if (group.nowhere || !state_.cluster.takes(profiles_[group.profile].profile, node)) continue;
    if (group.zone == kNoId) return true;
    if (state_.cluster.cls(state_.cluster.node(node).cls).zone == group.zone) return true;
  }
  return false;
}

bool Trial::eligible(NodeId node) {
  if (spot_of_.empty()) spot_of_.resize(state_.cluster.node_count(), kUnasked);
  std::uint32_t& known = spot_of_[node];
  if (known == kUnasked) known = ask(node) ? kNoId : kOut;
  return known != kOut;
}

bool Trial::takes_now(NodeId node) const {
  return std::any_of(profiles_.begin(), profiles_.end(), [&](const OfProfile& p) {
    return slots_now(state_.cluster.profile(p.profile), node) > 0;
  });
}

// --- changes

bool Trial::begin_without_low() {
  if (state_.yielding_at_once == 0 || !exact_ || shape_.shares) return false;
  if (asks_for_domains(state_, shape_)) return false;
  begin(Outlook::kWithoutLow);
  return true;
}

void Trial::begin(Outlook outlook) {
  for (OfProfile& p : profiles_) {
    const Profile::Outlook& known = outlook_of(state_, p.profile, outlook);
    p.gains.resize(std::max(p.gains.size(), known.zones.size()), 0);
    for (std::size_t zone = 0; zone < known.zones.size(); ++zone)
      p.gains[zone] += known.zones[zone];
    p.all += known.all;
  }
  begins_ = outlook;
  counted_ = false;
}

// A node that changes for the first time.
Trial::Spot& Trial::spot_on(NodeId id) {
  if (spot_of_[id] != kNoId) return spots_[spot_of_[id]];
  spot_of_[id] = static_cast<std::uint32_t>(spots_.size());
  Spot& spot = spots_.emplace_back(Spot{id, {}, Few<std::int64_t, 2>(profiles_.size())});
  if (!begins_) return spot;
  spot.ended = outlook_on(state_, id, *begins_);
  for (std::size_t i = 0; i < profiles_.size(); ++i) spot.gains[i] = first_gain(profiles_[i], id);
  return spot;
}

// What it began with.
std::int64_t Trial::first_gain(const OfProfile& p, NodeId node) const {
  if (!begins_) return 0;
  const auto which = static_cast<std::size_t>(*begins_);
  const auto& nodes = state_.cluster.profile(p.profile).outlooks[which].nodes;
  return node < nodes.size() ? nodes[node].gain : 0;
}

// Until here only sums were asked for.
void Trial::name_first() {
  if (!begins_) return;
  for (NodeId node = 0; node < state_.cluster.node_count(); ++node) {
    if (has_changed(node) || !eligible(node)) continue;
    if (!outlook_on(state_, node, *begins_).zero()) spot_on(node);
  }
}

// Nodes that can take no Pod of the gang do not matter to it.
void Trial::change(NodeId id, const Amounts& amounts, int sign) {
  if (!eligible(id)) return;
  const NodeRecord& node = state_.cluster.node(id);
  Spot& spot = spot_on(id);
  spot.ended.plus(amounts, sign);
  for (std::size_t i = 0; i < profiles_.size(); ++i) {
    OfProfile& p = profiles_[i];
    if (profiles_.size() > 1 && !state_.cluster.takes(p.profile, id)) continue;
    const Profile& profile = state_.cluster.profile(p.profile);
    const std::int64_t gain =
        slots_without(node.total, node.used, spot.ended, profile.request) - slots_now(profile, id);
    const std::int64_t more = gain - spot.gains[i];
    if (more == 0) continue;
    counted_ = false;
    spot.gains[i] = gain;
    p.gains[state_.cluster.cls(node.cls).zone] += more;
    p.all += more;
    const DomainId domain = state_.cluster.domain_of(profile, id);
    if (domain != kNoId) p.by_domain[domain] += more;
  }
}

// --- asking

std::int64_t Trial::have(std::size_t group) const {
  const Zoned& zoned = groups_[group];
  if (zoned.nowhere) return 0;
  const OfProfile& p = profiles_[zoned.profile];
  const Profile& profile = state_.cluster.profile(p.profile);
  if (zoned.zone == kNoId) return profile.all.slots + p.all;
  return profile.zones[zoned.zone].slots + p.gains[zoned.zone];
}

bool Trial::plausible() const { return missing() <= 0; }

std::int64_t Trial::missing() const {
  std::int64_t most = 0;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    most = std::max(most, shape_.groups[g].count - have(g));
  }
  return most;
}

bool Trial::counts_allow() {
  if (!counted_) counts_allow_ = count();
  counted_ = true;
  return counts_allow_;
}

bool Trial::divides() {
  if (!plausible()) return false;
  shift(1);
  const bool divides = !divide(state_, shape_, Room::kNow).splits.empty();
  shift(-1);
  return divides;
}

bool Trial::fits(Overlay& overlay, std::int64_t& looked) {
  ++looked;
  if (exact_ || !counts_allow()) return counts_allow();
  return place(overlay, looked).has_value();
}

// Sums first; they refuse most. Then the same division over zones that a start is found with, on
// sums that are moved for the length of the question. What is kept for others is asked on the
// nodes: it counts what is free there, not slots.
bool Trial::count() {
  if (!plausible()) return false;
  shift(1);
  const bool divides = !divide(state_, shape_, Room::kNow, Quotas::kOwn).splits.empty();
  shift(-1);
  return divides;
}

void Trial::shift(int sign) {
  for (const OfProfile& p : profiles_) {
    Profile& profile = state_.cluster.profile(p.profile);
    for (ZoneId zone = 0; zone < p.gains.size(); ++zone) {
      profile.zones[zone].slots += sign * p.gains[zone];
    }
    profile.all.slots += sign * p.all;
    for (const auto& [domain, more] : p.by_domain) {
      profile.domains.add(state_.cluster.domains(), domain, sign * more);
    }
  }
  if (!by_place(shape_)) return;  // only quotas and guarantees ask class by class
  for (const Spot& spot : spots_) {
    for (std::size_t i = 0; i < profiles_.size(); ++i) {
      Profile& profile = state_.cluster.profile(profiles_[i].profile);
      if (spot.gains[i] != 0) {
        profile.cells[state_.cluster.node(spot.node).cls].slots += sign * spot.gains[i];
      }
    }
  }
}

// --- placing

// Only nodes that can take a Pod before or after.
bool Trial::matters(const Spot& spot) const {
  for (std::size_t i = 0; i < profiles_.size(); ++i) {
    if (spot.gains[i] != 0 || slots_on(i, spot.node) > 0) return true;
  }
  return false;
}

void Trial::apply(Overlay& overlay) const {
  each_applied([&](NodeId node, const Amounts& ended) { overlay.free(node, ended); });
}

std::optional<Gang> Trial::place(Overlay& overlay, std::int64_t& looked, First first) {
  name_first();
  const bool spreads = shape_.spread && first == First::kAsStarts;
  if (exact_ && !shape_.shares && !spreads) return place_by_counts(looked, first);
  const std::size_t mark = overlay.mark();
  apply(overlay);
  GangAnswer answer = place_gang(state_, shape_, overlay, looked);
  overlay.undo(mark);
  return std::move(answer.gang);
}

std::int64_t Trial::gain(std::size_t profile, NodeId node) const {
  return has_changed(node) ? spots_[spot_of_[node]].gains[profile] : 0;
}

std::int64_t Trial::slots_on(std::size_t profile, NodeId node) const {
  return slots_now(state_.cluster.profile(profiles_[profile].profile), node) + gain(profile, node);
}

std::vector<Cluster::Spot> Trial::changed(std::size_t profile, ZoneId zone, bool freed) const {
  std::vector<Cluster::Spot> out;
  const ProfileId id = profiles_[profile].profile;
  static const Amounts kNothing;
  for (const Spot& spot : spots_) {
    if (slots_on(profile, spot.node) <= 0 || (freed && spot.gains[profile] <= 0)) continue;
    if (state_.cluster.cls(state_.cluster.node(spot.node).cls).zone != zone) continue;
    out.push_back(state_.cluster.spot(id, spot.node, freed ? kNothing : spot.ended));
    if (freed) out.back().rest = 0;
  }
  std::sort(out.begin(), out.end(), [this](const Cluster::Spot& a, const Cluster::Spot& b) {
    return a.node != b.node && state_.cluster.precedes(a, b);
  });
  return out;
}

std::optional<Gang> Trial::place_by_counts(std::int64_t& looked, First first) {
  if (!plausible()) return std::nullopt;
  shift(1);
  const ZoneAnswer zones = divide(state_, shape_, Room::kNow);
  std::optional<std::vector<Part>> parts;
  if (!zones.splits.empty()) parts = parts_of(zones.splits.front());
  shift(-1);
  if (!parts) return std::nullopt;
  const Split& split = zones.splits.front();
  Gang gang{{}, split.zones, split.latency_us};
  for (const Part& part : *parts) {
    if (!fill(part, first, gang.ranks, looked)) return std::nullopt;
  }
  return gang;
}

// While the sums are moved.
std::optional<std::vector<Trial::Part>> Trial::parts_of(const Split& split) const {
  std::vector<Part> parts;
  for (std::size_t g = 0; g < shape_.groups.size(); ++g) {
    for (const ZonePart& of : split.groups[g]) {
      Part part{g, of.zone, {{kNoId, of.count}}};
      if (asks_for_domains(state_, shape_)) {
        part.domains = divide_zone(state_, shape_, shape_.groups[g].profile, of.zone, of.count);
      }
      if (part.domains.empty()) return std::nullopt;
      parts.push_back(std::move(part));
    }
  }
  return parts;
}

// Ranks go zone by zone, domain by domain, node by node, as in place_gang.
bool Trial::fill(const Part& part, First first, std::vector<NodeId>& ranks,
                 std::int64_t& looked) const {
  const auto begin = static_cast<std::ptrdiff_t>(ranks.size());
  const std::size_t profile = groups_[part.group].profile;
  for (const DomainPart& of : part.domains) {
    if (first == First::kAsStarts) {
      if (!keep_slots(part, of, ranks, looked)) return false;
      continue;
    }
    std::int64_t left = of.count;
    const auto take = [&](NodeId node) {
      const std::int64_t pods = std::min(left, slots_on(profile, node));
      ranks.insert(ranks.end(), static_cast<std::size_t>(std::max<std::int64_t>(pods, 0)), node);
      left -= std::max<std::int64_t>(pods, 0);
    };
    if (of.domain == kNoId)
      fill_zone(part, first, left, take, looked);
    else
      fill_domain(part, of.domain, first, left, take, looked);
    if (left > 0) return false;
  }
  std::sort(ranks.begin() + begin, ranks.end(),
            [this](NodeId a, NodeId b) { return state_.cluster.stands_before(a, b); });
  return true;
}

bool Trial::keep_slots(const Part& part, const DomainPart& of, std::vector<NodeId>& ranks,
                       std::int64_t& looked) const {
  Packing packing(state_, shape_.groups[part.group], {part.zone, of.domain}, looked);
  for (const Spot& spot : spots_) {
    if (!spot.ended.zero()) packing.change(spot.node, spot.ended);
  }
  for (std::int64_t i = 0; i < of.count; ++i) {
    const std::optional<Seat> seat = packing.next([](ClassId) { return true; });
    if (!seat) return false;
    ranks.push_back(seat->node);
  }
  return true;
}

// Its nodes that lie in no domain of the level that is asked for: all of them where none is.
void Trial::fill_zone(const Part& part, First first, const std::int64_t& left,
                      const std::function<void(NodeId)>& take_any, std::int64_t& looked) const {
  const std::size_t profile = groups_[part.group].profile;
  const Profile& known = state_.cluster.profile(profiles_[profile].profile);
  const auto take = [&](NodeId node) {
    if (state_.cluster.domain_of(known, node) == kNoId) take_any(node);
  };
  const bool freed_first = first == First::kFreed;
  if (freed_first) {
    for (const Cluster::Spot& spot : changed(profile, part.zone, true)) {
      if (left == 0) break;
      ++looked;
      take(spot.node);
    }
  }
  if (left == 0) return;
  std::vector<Cluster::Spot> own = changed(profile, part.zone, false);
  if (freed_first) {
    std::erase_if(own, [&](const Cluster::Spot& s) { return gain(profile, s.node) > 0; });
  }
  fill_in_order(profile, part.zone, own, left, take, looked);
}

void Trial::fill_domain(const Part& part, DomainId domain, First first, const std::int64_t& left,
                        const std::function<void(NodeId)>& take, std::int64_t& looked) const {
  const std::size_t profile = groups_[part.group].profile;
  static const Amounts kNothing;
  std::vector<Cluster::Spot> freed, others;
  for (const NodeId node : state_.cluster.domains().domain(domain).nodes) {
    ++looked;
    if (slots_on(profile, node) <= 0) continue;
    const bool first_of_all = first == First::kFreed && gain(profile, node) > 0;
    const bool as_it_was = first_of_all || !has_changed(node);
    const Amounts& more = as_it_was ? kNothing : spots_[spot_of_[node]].ended;
    Cluster::Spot spot = state_.cluster.spot(profiles_[profile].profile, node, more);
    if (first_of_all) spot.rest = 0;
    (first_of_all ? freed : others).push_back(spot);
  }
  for (std::vector<Cluster::Spot>* spots : {&freed, &others}) {
    std::sort(spots->begin(), spots->end(), [this](const Cluster::Spot& a, const Cluster::Spot& b) {
      return a.node != b.node && state_.cluster.precedes(a, b);
    });
    for (const Cluster::Spot& spot : *spots) {
      if (left > 0) take(spot.node);
    }
  }
}

// The changed nodes, and those that are as they were, merged in the packing order.
void Trial::fill_in_order(std::size_t profile, ZoneId zone, const std::vector<Cluster::Spot>& own,
                          const std::int64_t& left, const std::function<void(NodeId)>& take,
                          std::int64_t& looked) const {
  Cluster::Walk walk(state_.cluster, profiles_[profile].profile, zone);
  const auto next_other = [&] {
    Cluster::Spot spot = walk.next(looked);
    while (spot.node != kNoId && has_changed(spot.node)) spot = walk.next(looked);
    return spot;
  };
  Cluster::Spot other = next_other();
  auto mine = own.begin();
  while (left > 0 && (mine != own.end() || other.node != kNoId)) {
    if (mine != own.end() && state_.cluster.precedes(*mine, other)) {
      ++looked;
      take((mine++)->node);
    } else {
      take(other.node);
      if (left > 0) other = next_other();
    }
  }
}

}  // namespace sched
