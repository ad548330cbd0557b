#include "scheduler/place/zones.hpp"

#include <algorithm>
#include <optional>
#include <tuple>

#include "scheduler/limits.hpp"
#include "scheduler/place/ceiling.hpp"
#include "scheduler/place/domains.hpp"
#include "scheduler/place/group.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

constexpr std::size_t kCandidatesMax = 32;
constexpr __int128 kPriceMax = __int128{1} << 62;

// A division that fits, with what it costs in the order of preference. Names settle every tie.
struct Candidate {
  std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t,
             std::int64_t>
      cost;
  std::vector<std::string> names;
  Split split;
  bool operator<(const Candidate& o) const {
    return std::tie(cost, names) < std::tie(o.cost, o.names);
  }
};

class Search {
 public:
  // `zones`: those that it may use; null: all. `ceiling`: no zone takes more than that.
  Search(const State& state, const Shape& shape, Room room, Quotas quotas,
         const std::set<ZoneId>* zones = nullptr, const Ceiling* ceiling = nullptr)
      : state_(state),
        shape_(shape),
        room_(room),
        zones_(zones),
        ceiling_(ceiling),
        allowance_(state, shape, quotas) {}

  ZoneAnswer run();

 private:
  std::int64_t slots(const Shape::Group& g, ZoneId z) const {
    if (zones_ != nullptr && !zones_->contains(z)) return 0;
    const std::int64_t most = ceiling_ == nullptr ? kSlotsMax : ceiling_->most(g, z);
    const std::int64_t room = std::min(room_of(g, z), most);
    return allowance_.binds() ? std::min(room, allowed(g, z)) : room;
  }
  std::int64_t room_of(const Shape::Group& g, ZoneId z) const {
    if (room_ == Room::kNow || !shape_.one_domain) {
      return slots_in_zone(state_, shape_, g, z, room_);
    }
    // No order is kept of what empty domains hold: each zone is looked through once.
    const auto [known, fresh] = empty_.try_emplace({g.profile, z}, 0);
    if (fresh) known->second = slots_in_zone(state_, shape_, g, z, room_);
    return known->second;
  }
  std::int64_t allowed(const Shape::Group& g, ZoneId z) const;
  std::int64_t allot(Allowance& left, const Shape::Group& g, ZoneId z, std::int64_t wanted) const;
  std::int64_t left_behind(const Shape::Group& g, const ZonePart& part) const;
  const std::string& name(ZoneId z) const { return state_.cluster.zone(z).name; }
  bool fixed_groups_fit();
  void list_candidates();
  std::pair<std::size_t, std::size_t> sizes() const;
  void extend(std::size_t start, std::size_t size);
  bool joins(ZoneId zone) const;
  bool may_suffice(std::size_t start, std::size_t size) const;
  void consider();
  std::optional<Split> split() const;
  bool divide_group(const Shape::Group& g, std::vector<ZonePart>& parts, Allowance& left) const;
  bool fill_within(const Shape::Group& g, std::vector<ZonePart>& parts, Allowance& left) const;
  bool spread_group(const Shape::Group& g, std::vector<ZonePart>& parts) const;
  bool fill_group(const Shape::Group& g, std::vector<ZonePart>& parts) const;
  Candidate rate(Split split) const;
  std::int64_t price(const Shape::Group& g, ZoneId z) const;
  std::int64_t worst_latency() const;
  bool settled() const;

  const State& state_;
  const Shape& shape_;
  const Room room_;
  const std::set<ZoneId>* zones_;
  const Ceiling* ceiling_;
  const Allowance allowance_;
  // By group and zone: how many Pods the quotas let in there, if no other zone had any.
  mutable std::map<std::pair<const Shape::Group*, ZoneId>, std::int64_t> allowed_;
  std::vector<const Shape::Group*> free_;  // groups that name no zone
  const Shape::Group* lead_ = nullptr;     // the largest of them: bounds the search
  std::vector<ZoneId> candidates_;         // most room for the lead first
  std::vector<ZoneId> set_;                // the zones in hand; fixed ones first
  std::size_t fixed_ = 0;
  std::vector<Candidate> found_;
  bool latency_allows_ = false;  // some set of the size in hand keeps the latency
  int steps_ = 0;
  mutable std::map<std::pair<ProfileId, ZoneId>, std::int64_t> empty_;
};

// Takes as many as wanted, and as the classes of the zone have room and are allowed for, one class
// after the other by name. Where quotas are nested that is the most there can be, in any order.
std::int64_t Search::allot(Allowance& left, const Shape::Group& g, ZoneId z,
                           std::int64_t wanted) const {
  const Profile& profile = state_.cluster.profile(g.profile);
  std::vector<ClassId> classes;
  for (const ClassId id : state_.cluster.zone(z).classes) {
    if (profile.cells[id].match != Match::kNo) classes.push_back(id);
  }
  std::sort(classes.begin(), classes.end(), [&](ClassId a, ClassId b) {
    return state_.cluster.cls(a).key < state_.cluster.cls(b).key;
  });
  std::int64_t taken = 0;
  for (const ClassId id : classes) {
    const Profile::Cell& cell = profile.cells[id];
    const std::int64_t room = room_ == Room::kNow ? cell.slots : cell.empty;
    const std::int64_t pods = std::min({wanted - taken, room, left.pods(id, g.request)});
    if (pods <= 0) continue;
    left.take(id, g.request, pods);
    taken += pods;
  }
  return taken;
}

std::int64_t Search::allowed(const Shape::Group& g, ZoneId z) const {
  const auto [known, fresh] = allowed_.try_emplace({&g, z}, 0);
  if (fresh) {
    Allowance left = allowance_;
    known->second = allot(left, g, z, g.count);
  }
  return known->second;
}

// Groups that name their zone leave nothing to search: they fit there, or nothing fits.
bool Search::fixed_groups_fit() {
  for (const Shape::Group& g : shape_.groups) {
    if (g.zone.empty()) {
      free_.push_back(&g);
      if (lead_ == nullptr || g.count > lead_->count) lead_ = &g;
      continue;
    }
    const ZoneId zone = state_.cluster.find_zone(g.zone);
    if (zone == kNoId || slots(g, zone) < g.count) return false;
    if (std::find(set_.begin(), set_.end(), zone) != set_.end()) continue;
    if (!joins(zone)) return false;
    set_.push_back(zone);
  }
  fixed_ = set_.size();
  return true;
}

// Whether a zone may stand beside those in hand.
bool Search::joins(ZoneId zone) const {
  for (const ZoneId other : set_) {
    if (shape_.max_latency_us > 0 && state_.latency_us(zone, other) > shape_.max_latency_us) {
      return false;
    }
    if (shape_.policy == ZonePolicy::kSameRegion &&
        state_.cluster.region(zone) != state_.cluster.region(other)) {
      return false;
    }
  }
  return true;
}

// Zones with the most room first: the bound in `may_suffice` needs that order, and large zones
// make small sets.
void Search::list_candidates() {
  const bool spread = shape_.policy == ZonePolicy::kSpread;
  for (const auto& [zone_name, zone] : state_.cluster.zones()) {
    if (std::find(set_.begin(), set_.end(), zone) != set_.end()) continue;
    // An even spread counts every zone that has nodes for it, full ones too.
    const bool counts = std::any_of(free_.begin(), free_.end(), [&, z = zone](const auto* g) {
      return slots(*g, z) > 0 || (spread && state_.cluster.profile(g->profile).zones[z].empty > 0);
    });
    if (counts) candidates_.push_back(zone);
  }
  std::stable_sort(candidates_.begin(), candidates_.end(),
                   [&](ZoneId a, ZoneId b) { return slots(*lead_, a) > slots(*lead_, b); });
}

// The smallest and the largest number of zones to try.
std::pair<std::size_t, std::size_t> Search::sizes() const {
  std::size_t most = fixed_ + candidates_.size();
  if (shape_.policy == ZonePolicy::kSingle) most = std::min<std::size_t>(most, 1);
  if (shape_.max_zones > 0) most = std::min(most, static_cast<std::size_t>(shape_.max_zones));
  return {std::max<std::size_t>(fixed_, 1), most};
}

// Sets of zones by size, smallest first; a spread starts with the largest that keeps the latency.
ZoneAnswer Search::run() {
  if (shape_.groups.empty() || shape_.too_large || !fixed_groups_fit()) return {};
  if (free_.empty()) {
    const bool one = shape_.policy != ZonePolicy::kSingle || set_.size() <= 1;
    const bool few =
        shape_.max_zones <= 0 || set_.size() <= static_cast<std::size_t>(shape_.max_zones);
    if (one && few) consider();
  } else {
    list_candidates();
    const auto [least, most] = sizes();
    if (shape_.policy == ZonePolicy::kSpread) {
      for (std::size_t size = most; size >= least && size > 0 && !latency_allows_; --size) {
        extend(0, size);
      }
    } else {
      for (std::size_t size = least; size <= most && !settled(); ++size) extend(0, size);
    }
  }
  ZoneAnswer answer;
  answer.exhaustive = steps_ <= kZoneSearchSteps;
  for (Candidate& c : found_) answer.splits.push_back(std::move(c.split));
  return answer;
}

// Whether no larger set can be better than the best in hand.
bool Search::settled() const {
  if (found_.empty()) return steps_ > kZoneSearchSteps;
  const auto& [degraded, first, second, domains, last, left, price] = found_.front().cost;
  if (steps_ > kZoneSearchSteps) return true;
  return degraded == 0 && (shape_.policy == ZonePolicy::kSameRegion || first == 0);
}

// The zones left, best first, can at most add this much for the lead group.
bool Search::may_suffice(std::size_t start, std::size_t size) const {
  if (shape_.policy == ZonePolicy::kSpread) return true;
  std::int64_t room = 0;
  for (const ZoneId z : set_) room += slots(*lead_, z);
  for (std::size_t i = start; i < candidates_.size() && i - start < size - set_.size(); ++i) {
    room += slots(*lead_, candidates_[i]);
  }
  return room >= lead_->count;
}

// All sets of one size, in depth. Latency and region cut a branch as soon as two zones disagree.
void Search::extend(std::size_t start, std::size_t size) {
  if (++steps_ > kZoneSearchSteps) return;
  if (set_.size() == size) {
    latency_allows_ = true;
    consider();
    return;
  }
  for (std::size_t i = start; i < candidates_.size(); ++i) {
    if (candidates_.size() - i < size - set_.size() || !may_suffice(i, size)) return;
    if (!joins(candidates_[i])) continue;
    set_.push_back(candidates_[i]);
    extend(i + 1, size);
    set_.pop_back();
  }
}

// One division is enough for one group: the counts prove it. With several groups the best few are
// kept, since they may fail on the nodes.
void Search::consider() {
  std::optional<Split> split = this->split();
  if (!split) return;
  Candidate candidate = rate(std::move(*split));
  const bool several = shape_.groups.size() > 1 || allowance_.binds();
  if (!several && !found_.empty() && !(candidate < found_.front())) return;
  found_.insert(std::upper_bound(found_.begin(), found_.end(), candidate), std::move(candidate));
  if (found_.size() > (several ? kCandidatesMax : 1)) found_.pop_back();
}

// Divides the groups over the zones in hand; nothing when they do not fit there, or when one of
// the zones would stay unused (a smaller set then does).
std::optional<Split> Search::split() const {
  Split split;
  Allowance left = allowance_;
  std::map<ZoneId, std::int64_t> per_zone;
  for (const Shape::Group& g : shape_.groups) {
    std::vector<ZonePart> parts;
    if (!divide_group(g, parts, left)) return std::nullopt;
    std::sort(parts.begin(), parts.end(),
              [&](const ZonePart& a, const ZonePart& b) { return name(a.zone) < name(b.zone); });
    for (const ZonePart& part : parts) per_zone[part.zone] += part.count;
    split.groups.push_back(std::move(parts));
  }
  if (shape_.policy != ZonePolicy::kSpread && per_zone.size() < set_.size()) return std::nullopt;
  for (const auto& [zone, count] : per_zone) {
    if (count < shape_.min_per_zone) return std::nullopt;
  }
  split.zones = static_cast<std::int64_t>(per_zone.size());
  return split;
}

bool Search::divide_group(const Shape::Group& g, std::vector<ZonePart>& parts,
                          Allowance& left) const {
  const bool spread = shape_.policy == ZonePolicy::kSpread;
  if (!g.zone.empty()) {
    parts.push_back({state_.cluster.find_zone(g.zone), g.count});
  } else if (!spread && allowance_.binds()) {
    return fill_within(g, parts, left);
  } else if (!(spread ? spread_group(g, parts) : fill_group(g, parts))) {
    return false;
  }
  if (!allowance_.binds()) return true;
  return std::all_of(parts.begin(), parts.end(), [&](const ZonePart& part) {
    return allot(left, g, part.zone, part.count) == part.count;
  });
}

// As `fill_group`, beside the quotas: what one zone takes of a quota the next has no more.
bool Search::fill_within(const Shape::Group& g, std::vector<ZonePart>& parts,
                         Allowance& left) const {
  std::vector<ZoneId> zones = set_;
  std::sort(zones.begin(), zones.end(), [&](ZoneId a, ZoneId b) {
    const std::int64_t x = slots(g, a), y = slots(g, b);
    return x != y ? x > y : name(a) < name(b);
  });
  const bool alone = shape_.groups.size() == 1;
  const std::int64_t least = alone ? std::max<std::int64_t>(shape_.min_per_zone, 1) : 0;
  std::int64_t rest = g.count, behind = static_cast<std::int64_t>(zones.size());
  for (const ZoneId z : zones) {
    const std::int64_t pods = allot(left, g, z, std::max<std::int64_t>(0, rest - least * --behind));
    if (pods < least) return false;
    if (pods > 0) parts.push_back({z, pods});
    rest -= pods;
  }
  return rest == 0;
}

// As much as possible where most room is, each zone at least min_per_zone.
bool Search::fill_group(const Shape::Group& g, std::vector<ZonePart>& parts) const {
  std::vector<ZoneId> zones = set_;
  std::sort(zones.begin(), zones.end(), [&](ZoneId a, ZoneId b) {
    const std::int64_t x = slots(g, a), y = slots(g, b);
    return x != y ? x > y : name(a) < name(b);
  });
  // With several groups a zone's minimum is reached by their sum, which `split` checks.
  const bool alone = shape_.groups.size() == 1;
  const std::int64_t least = alone ? std::max<std::int64_t>(shape_.min_per_zone, 1) : 0;
  std::int64_t rest = g.count;
  for (const ZoneId z : zones) {
    if (slots(g, z) < least || rest < least) return false;
    rest -= least;
  }
  for (const ZoneId z : zones) {
    const std::int64_t more = std::min(rest, slots(g, z) - least);
    rest -= more;
    if (least + more > 0) parts.push_back({z, least + more});
  }
  return rest == 0;
}

// Each zone gets m .. m + skew Pods, with the largest m that works: exact, since a zone with less
// room than m rules m out and more room never hurts.
bool Search::spread_group(const Shape::Group& g, std::vector<ZonePart>& parts) const {
  std::vector<ZoneId> zones = set_;
  std::sort(zones.begin(), zones.end(), [&](ZoneId a, ZoneId b) { return name(a) < name(b); });
  const auto n = static_cast<std::int64_t>(zones.size());
  const std::int64_t skew = std::clamp<std::int64_t>(shape_.max_skew, 1, g.count);
  std::int64_t least = g.count / n;
  for (const ZoneId z : zones) least = std::min(least, slots(g, z));
  const auto room = [&](std::int64_t m) {
    std::int64_t sum = 0;
    for (const ZoneId z : zones) sum += std::min(m + skew, slots(g, z));
    return sum;
  };
  if (room(least) < g.count) return false;  // a smaller m only lowers the ceiling
  std::int64_t rest = g.count - least * n;
  for (const ZoneId z : zones) parts.push_back({z, least});
  for (std::int64_t level = 1; level <= skew && rest > 0; ++level) {
    for (ZonePart& part : parts) {
      if (rest == 0) break;
      if (slots(g, part.zone) < least + level) continue;
      ++part.count;
      --rest;
    }
  }
  std::erase_if(parts, [](const ZonePart& part) { return part.count == 0; });
  return true;
}

// --- preference

std::int64_t Search::worst_latency() const {
  std::int64_t worst = 0;
  for (std::size_t i = 0; i < set_.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      worst = std::max(worst, state_.latency_us(set_[i], set_[j]));
    }
  }
  return worst;
}

// Millionths per hour for one Pod of the group in this zone; of the pool that the task names, where
// that has prices of its own. What single nodes cost is not looked at: which of them are taken is
// decided by how well they are filled.
std::int64_t Search::price(const Shape::Group& g, ZoneId z) const {
  const ConfigUpdate& config = state_.config;
  const auto zone = config.zone_price.find(name(z));
  const auto pool = config.pool_price.find(state_.cluster.profile(g.profile).filter.pool);
  const Price& p = pool != config.pool_price.end()   ? pool->second
                   : zone != config.zone_price.end() ? zone->second
                                                     : config.price;
  const auto bounded = [](std::int64_t amount) { return static_cast<__int128>(amount); };
  __int128 sum = bounded(g.request.base[kCpu]) * p.cpu_core / 1000 +
                 (bounded(g.request.base[kMemory]) >> 20) * p.memory_gib / 1024;
  auto model = p.gpu_by_model.find(shape_.gpu_model);
  const std::int64_t gpu = model == p.gpu_by_model.end() ? p.gpu_default : model->second;
  for (const auto& [id, amount] : g.request.extended) {
    if (!is_gpu(state_.names.name(id))) continue;
    sum += is_milli(id) ? bounded(amount) * gpu / kWholeMilli : bounded(amount) * gpu;
  }
  return static_cast<std::int64_t>(std::clamp<__int128>(sum, -kAmountMax, kAmountMax));
}

// Where one domain takes the part, it is the smallest that does which stays behind.
std::int64_t Search::left_behind(const Shape::Group& g, const ZonePart& part) const {
  const DomainRoom& domains = state_.cluster.profile(g.profile).domains;
  const bool smallest = room_ == Room::kNow && shape_.one_domain && !shape_.spread;
  const DomainId one = smallest ? domains.smallest(part.zone, part.count) : kNoId;
  return (one == kNoId ? slots(g, part.zone) : domains.slots(one)) - part.count;
}

Candidate Search::rate(Split split) const {
  std::int64_t degraded = 0, domains = 0, last = 0, left = 0;
  __int128 cost = 0;
  for (const ZoneId z : set_) {
    degraded += state_.cluster.degraded(z, state_.config.degraded_permille);
  }
  for (std::size_t i = 0; i < shape_.groups.size(); ++i) {
    const Shape::Group& g = shape_.groups[i];
    for (const ZonePart& part : split.groups[i]) {
      const Profile::Sum& sum = state_.cluster.profile(g.profile).zones[part.zone];
      last += std::max<std::int64_t>(0, part.count - (sum.slots - sum.last));
      left += left_behind(g, part);
      domains += fewest_domains(state_, shape_, g.profile, part.zone, part.count);
      cost += static_cast<__int128>(price(g, part.zone)) * part.count;
    }
  }
  Candidate candidate;
  split.latency_us = worst_latency();
  const bool few_first = shape_.policy == ZonePolicy::kSameRegion;
  candidate.cost = {degraded,
                    few_first ? split.zones : split.latency_us,
                    few_first ? split.latency_us : split.zones,
                    domains,
                    last,
                    shape_.spread ? -left : left,
                    static_cast<std::int64_t>(std::clamp<__int128>(cost, -kPriceMax, kPriceMax))};
  for (const ZoneId z : set_) candidate.names.push_back(name(z));
  std::sort(candidate.names.begin(), candidate.names.end());
  candidate.split = std::move(split);
  return candidate;
}

}  // namespace

std::int64_t slots_in_zone(const State& state, const Shape& shape, const Shape::Group& group,
                           ZoneId zone, Room room) {
  const Profile& profile = state.cluster.profile(group.profile);
  if (!shape.one_domain) {
    return room == Room::kNow ? profile.zones[zone].slots : profile.zones[zone].empty;
  }
  if (profile.domains.level() == kNoId) return 0;
  if (room == Room::kNow) return profile.domains.most(zone);
  std::int64_t most = 0;
  for (const DomainId domain : state.cluster.domains().of(zone, profile.domains.level())) {
    most = std::max(most, profile.domains.empty(domain));
  }
  return most;
}

ZoneAnswer divide(const State& state, const Shape& shape, Room room, Quotas quotas) {
  if (shape.group.empty()) return Search(state, shape, room, quotas).run();
  if (room == Room::kEmpty) {
    const std::set<ZoneId> zones = group_zones(state, shape);
    return Search(state, shape, room, quotas, &zones).run();
  }
  for (const std::set<ZoneId>& zones : group_stages(state, shape)) {
    ZoneAnswer answer = Search(state, shape, room, quotas, &zones).run();
    if (!answer.splits.empty()) return answer;
  }
  return {};
}

namespace {

// Devices in thousandths where parts are among them.
JointLack told(const Amounts& need, const Amounts& have, ResourceId id) {
  const auto asks = static_cast<std::int64_t>(exactly(need, id));
  if (need.at(milli_of(id)) == 0) return {id, need.at(id), have.at(id)};
  return {milli_of(id), asks, static_cast<std::int64_t>(exactly(have, id))};
}

}  // namespace

std::optional<JointLack> joint_lack(const State& state, const Shape& shape,
                                    const std::string* zone) {
  Amounts need, have;
  std::vector<const Shape::Group*> groups;
  for (const Shape::Group& g : shape.groups) {
    if (zone != nullptr && g.zone != *zone) continue;
    need.plus(g.request, g.count);
    groups.push_back(&g);
  }
  if (groups.size() < 2) return std::nullopt;
  for (const auto& [name, id] : state.cluster.zones()) {
    for (const ClassId c : state.cluster.zone(id).classes) {
      const bool used = std::any_of(groups.begin(), groups.end(), [&, &zone_name = name](auto* g) {
        const bool here = g->zone.empty() || g->zone == zone_name;
        return here && state.cluster.profile(g->profile).cells[c].match != Match::kNo;
      });
      if (used) have.plus(state.cluster.cls(c).total);
    }
  }
  std::optional<JointLack> found;  // of GPUs before other devices, by name; then the rest
  const auto lacks = [&](ResourceId id) { return exactly(need, id) > exactly(have, id); };
  for (const auto& [asked, amount] : need.extended) {
    const ResourceId id = whole_of(asked);
    if (!lacks(id)) continue;
    const auto rank = [&](ResourceId r) {
      return std::pair{!is_gpu(state.names.name(r)), state.names.name(r)};
    };
    if (!found || rank(id) < rank(found->resource)) found = told(need, have, id);
  }
  for (ResourceId id = 0; id < kFirstExtended && !found; ++id) {
    if (lacks(id)) found = {id, need.at(id), have.at(id)};
  }
  return found;
}

namespace {

bool lack_together(const State& state, const Shape& shape) {
  if (shape.groups.size() < 2) return false;
  for (const Shape::Group& g : shape.groups) {
    if (!g.zone.empty() && joint_lack(state, shape, &g.zone)) return true;
  }
  return joint_lack(state, shape, nullptr).has_value();
}

}  // namespace

// Closed nodes count as well; where its queue's quotas or the zones of its group have a say, the
// node is looked at as it is.
bool never(State& state, ShapeId id) {
  Shape& shape = state.shapes[id];
  const bool of_all = shape.group.empty() && shape.limits == kNoId;
  const std::uint64_t epoch = (of_all ? state.cluster.makeup() : state.cluster.epoch()) + 1;
  if (shape.never_epoch != epoch) {
    const ZoneAnswer answer = divide(state, shape, Room::kEmpty, Quotas::kIgnored);
    shape.never = (answer.splits.empty() && answer.exhaustive) || lack_together(state, shape);
    shape.never_allowed = false;
    if (shape.limits != kNoId && !answer.splits.empty()) {
      const ZoneAnswer alone = divide(state, shape, Room::kEmpty, Quotas::kAlone);
      shape.never_allowed =
          (alone.splits.empty() && alone.exhaustive) || never_within(state, shape, Quotas::kAlone);
    }
    shape.never_epoch = epoch;
  }
  return shape.never;
}

bool never_within(const State& state, const Shape& shape, Quotas quotas) {
  const Ceiling ceiling(state, shape, quotas);
  if (!ceiling.binds()) return false;
  const bool grouped = !shape.group.empty();
  const std::set<ZoneId> zones = grouped ? group_zones(state, shape) : std::set<ZoneId>{};
  const ZoneAnswer answer =
      Search(state, shape, Room::kEmpty, Quotas::kIgnored, grouped ? &zones : nullptr, &ceiling)
          .run();
  return answer.splits.empty() && answer.exhaustive;
}

bool never_allowed(State& state, ShapeId id) {
  return !never(state, id) && state.shapes[id].never_allowed;
}

bool quotas_forbid(const State& state, const Shape& shape) {
  return shape.limits != kNoId && divide(state, shape, Room::kEmpty, Quotas::kOwn).splits.empty();
}

}  // namespace sched
