#include "scheduler/state/domains.hpp"

#include <algorithm>

#include "scheduler/limits.hpp"

namespace sched {

// --- which nodes lie together

void Domains::set_levels(const std::vector<TopologyLevel>& levels) {
  levels_.clear();
  domains_.clear();
  unused_.clear();
  ids_.clear();
  for (const TopologyLevel& level : levels) {
    const bool good = !level.name.empty() && !level.label.empty();
    if (good && levels_.size() < kTopologyLevelsMax) levels_.push_back(level);
  }
}

// Of two levels of one name the wider one counts.
std::uint32_t Domains::find_level(const std::string& name) const {
  for (std::uint32_t i = 0; i < levels_.size(); ++i) {
    if (levels_[i].name == name) return i;
  }
  return kNoId;
}

std::string Domains::path_of(const Node& node) const {
  std::string path;
  for (const TopologyLevel& level : levels_) {
    if (const auto at = node.labels.find(level.label); at != node.labels.end()) path += at->second;
    path += '\0';
  }
  return path;
}

std::vector<DomainId> Domains::join(NodeId id, const Node& node, ZoneId zone) {
  std::vector<DomainId> joined;
  std::string path;
  DomainId wider = kNoId;
  for (std::uint32_t level = 0; level < levels_.size(); ++level) {
    const auto value = node.labels.find(levels_[level].label);
    const bool lies = value != node.labels.end() && !value->second.empty();
    if (lies) path += value->second;
    path += '\0';
    joined.push_back(kNoId);
    if (lies) {
      const auto [at, fresh] = ids_.try_emplace({zone, level, path}, kNoId);
      if (fresh && unused_.empty()) {
        at->second = static_cast<DomainId>(domains_.size());
        domains_.emplace_back();
      } else if (fresh) {
        at->second = unused_.back();
        unused_.pop_back();
      }
      if (fresh) domains_[at->second] = {zone, level, path, wider};
      domains_[at->second].nodes.push_back(id);
      joined.back() = at->second;
    }
    wider = joined.back();
  }
  return joined;
}

void Domains::leave(NodeId id, const std::vector<DomainId>& domains) {
  for (const DomainId left : domains) {
    if (left == kNoId) continue;
    Domain& domain = domains_[left];
    std::erase(domain.nodes, id);
    if (!domain.nodes.empty()) continue;
    ids_.erase({domain.zone, domain.level, domain.path});
    domain = {};
    unused_.push_back(left);
  }
}

std::vector<DomainId> Domains::of(ZoneId zone, std::uint32_t level) const {
  std::vector<DomainId> found;
  for (auto at = ids_.lower_bound({zone, level, ""}); at != ids_.end(); ++at) {
    if (std::get<0>(at->first) != zone || std::get<1>(at->first) != level) break;
    found.push_back(at->second);
  }
  return found;
}

// --- how much fits

void DomainRoom::add(const Domains& domains, DomainId id, std::int64_t slots) {
  if (slots == 0) return;
  const ZoneId zone = domains.domain(id).zone;
  if (slots_.size() <= id) slots_.resize(id + 1, 0);
  if (lines_.size() <= zone) lines_.resize(zone + 1);
  const auto less = [&domains](const Entry& a, const Entry& b) {
    if (a.slots != b.slots) return a.slots < b.slots;
    return a.domain != b.domain && domains.domain(a.domain).path > domains.domain(b.domain).path;
  };
  if (slots_[id] > 0) lines_[zone].erase({slots_[id], id}, less);
  slots_[id] += slots;
  if (slots_[id] > 0) lines_[zone].insert({slots_[id], id}, less);
}

void DomainRoom::add_empty(DomainId id, std::int64_t slots) {
  if (empty_.size() <= id) empty_.resize(id + 1, 0);
  empty_[id] += slots;
}

const DomainRoom::Line& DomainRoom::line(ZoneId zone) const {
  static const Line kNone;
  return zone < lines_.size() ? lines_[zone] : kNone;
}

std::int64_t DomainRoom::most(ZoneId zone) const {
  const Line& of_zone = line(zone);
  return of_zone.empty() ? 0 : of_zone.get(of_zone.last()).slots;
}

DomainId DomainRoom::largest(ZoneId zone) const {
  const Line& of_zone = line(zone);
  return of_zone.empty() ? kNoId : of_zone.get(of_zone.last()).domain;
}

// Those with as many slots stand in the reverse order of their paths.
DomainId DomainRoom::smallest(ZoneId zone, std::int64_t count) const {
  const Line& of_zone = line(zone);
  const auto enough = of_zone.lower_bound([&](const Entry& e) { return e.slots < count; });
  if (of_zone.at_end(enough)) return kNoId;
  const std::int64_t slots = of_zone.get(enough).slots;
  const auto beyond = of_zone.lower_bound([&](const Entry& e) { return e.slots <= slots; });
  const auto found = of_zone.at_end(beyond) ? of_zone.last() : of_zone.previous(beyond);
  return of_zone.get(found).domain;
}

}  // namespace sched
