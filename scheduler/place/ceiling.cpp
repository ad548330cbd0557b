#include "scheduler/place/ceiling.hpp"

#include <algorithm>

#include "scheduler/place/filter.hpp"

namespace sched {
namespace {

// Who would take a Pod of it if nothing ran.
Crowd crowd_of_zone(const Cluster& cluster, const Profile& profile, ZoneId zone) {
  Crowd crowd;
  for (const ClassId id : cluster.zone(zone).classes) {
    const Profile::Cell& cell = profile.cells[id];
    if (cell.match != Match::kNo) crowd.emplace_back(&cluster.cls(id).example, cell.empty);
  }
  return crowd;
}

Crowd crowd_of_domain(const Cluster& cluster, const Profile& profile, DomainId domain) {
  Crowd crowd;
  for (const NodeId id : cluster.domains().domain(domain).nodes) {
    const NodeRecord& record = cluster.node(id);
    if (profile.cells[record.cls].match == Match::kNo) continue;
    if (profile.node_level && !match_node(profile.filter, record.node)) continue;
    crowd.emplace_back(&record.node, slots(record.total, profile.request));
  }
  return crowd;
}

}  // namespace

Ceiling::Ceiling(const State& state, const Shape& shape, Quotas quotas)
    : state_(state), shape_(shape), allowance_(state, shape, quotas) {}

std::int64_t Ceiling::most(const Shape::Group& group, ZoneId zone) const {
  const auto [known, fresh] = known_.try_emplace({&group, zone}, 0);
  if (fresh) known->second = most_of(group, zone);
  return known->second;
}

std::int64_t Ceiling::most_of(const Shape::Group& group, ZoneId zone) const {
  const Cluster& cluster = state_.cluster;
  const Profile& profile = cluster.profile(group.profile);
  if (!shape_.one_domain) {
    return allowance_.most(crowd_of_zone(cluster, profile, zone), group.request);
  }
  std::int64_t most = 0;
  if (profile.domains.level() == kNoId) return most;
  for (const DomainId domain : cluster.domains().of(zone, profile.domains.level())) {
    const Crowd crowd = crowd_of_domain(cluster, profile, domain);
    most = std::max(most, allowance_.most(crowd, group.request));
  }
  return most;
}

}  // namespace sched
