// Rules: the filters of Kubernetes and the zone forms, written down for the auditor alone.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "scheduler/delta.hpp"

namespace sched::audit {

// What a strategy and its switches mean.
bool is_strict(const Queue& queue);
bool by_priority(const Queue& queue);
bool by_tenant(const Queue& queue);
bool by_share(const Queue& queue);  // by tenant, by what they use now
bool may_borrow(const Queue& queue);
bool takes_turns(const Queue& queue);  // a peer may follow after the quantum
// Whether what runs on the node counts in the quota: it has all that the quota names.
bool counts_in(const Quota& quota, const Node& node);
std::string of_nodes(const Quota& quota);  // " in zone a, in pool p"
bool counts_gpus(const std::string& resource);

// The Pods of a task that is given so many nodes, group by group; nothing when it may not have so
// many. An elastic task has one group, no even spread, no least number in each zone and whole
// devices only.
std::optional<std::vector<PodGroup>> groups_for(const Task& task, std::size_t nodes);

// Whether the nodes of a start are those that were kept for it; an elastic gang may have more.
bool includes(std::vector<std::string> all, std::vector<std::string> some);

// When one that begins then and lasts so long is over, in nanoseconds; kNever for one whose
// duration is not known, or longer or later than kLongest.
inline constexpr std::int64_t kLongest = std::int64_t{1} << 61, kNever = std::int64_t{1} << 62;
std::int64_t stated_end(std::int64_t from, std::int64_t duration);

// Why a Pod of this task may not run on the node; "" when it may. Room, readiness and cordons are
// not part of it.
std::string refuses(const Node& node, const Task& task, const Queue& queue);

// A latency between two zones as configured; `regions` says where zones lie.
struct Geography {
  const ConfigUpdate& config;
  std::map<std::string, std::string> region_of;
  std::int64_t latency(const std::string& a, const std::string& b) const;
};

// Whether what a task says of its group puts it whole into one zone.
bool in_one_zone(const Task& task);
// Whether a task may be in the zone, as far as its group goes: it names it, or names none.
bool group_names(const Task& task, const std::string& zone);
// Why Pods divided like this over zones are not what the task asks for; "" when they are.
// `eligible`: the zones an even spread counts.
std::string zones_wrong(const Task& task, const std::map<std::string, std::int64_t>& per_zone,
                        const std::set<std::string>& eligible, const Geography& geography);

// Why ranks on these nodes are not what the task asks of the topology below the zone; "" when they
// are. `numbered`: whether the ranks of a zone have to go domain by domain as well.
std::string topology_wrong(const Task& task, const std::vector<TopologyLevel>& levels,
                           const std::vector<const Node*>& ranks, bool numbered);

// Where a node lies at the level that a task asks for: the labels from the widest level down; ""
// when it lies in no domain of it, or there is no such level.
std::string domain_of(const Task& task, const std::vector<TopologyLevel>& levels, const Node& node);

}  // namespace sched::audit
