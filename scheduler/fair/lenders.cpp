#include "scheduler/fair/lenders.hpp"

#include <algorithm>
#include <string>
#include <tuple>

#include "scheduler/fair/guarantee.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {

using namespace grants;

Lenders::Lenders(const State& state, TaskId task) : state_(state) {
  const Amounts& total = state.shapes[state.tasks[task].shape].total;
  for (const Granted& grant : grants_of(state.queues[state.tasks[task].queue])) {
    std::vector<ResourceId> claimed;
    for (const ResourceId r : asked(*grant.guaranteed)) {
      if (exactly(total, r) > 0 && idle(grant, r) > 0) claimed.push_back(r);
    }
    if (claimed.empty()) continue;
    claims_.push_back(grant.nodes);
    claimed_.push_back(std::move(claimed));
  }
}

Lenders::Use& Lenders::use_of(QueueId id) {
  if (uses_.empty()) {
    for (QueueId q = 0; q < state_.queues.size(); ++q) {
      uses_[q].claimed.resize(claims_.size());
      for (const Granted& grant : grants_of(state_.queues[q])) uses_[q].own.push_back(*grant.used);
    }
    for (const TaskRecord& task : state_.tasks) {
      for (std::size_t r = 0; r < task.ranks.size(); ++r) {
        const Node& node = state_.cluster.node(task.ranks[r].node).node;
        for (std::size_t c = 0; c < claims_.size(); ++c) {
          if (!matches(*claims_[c], node)) continue;
          uses_[task.queue].claimed[c].plus(state_.request_of(task, r));
        }
      }
    }
  }
  return uses_[id];
}

namespace {

// What of a queue's use stays within grants of its own. `used`: of each.
__int128 within_own(const Grants& grants, ResourceId r) {
  __int128 sum = 0;
  for (const Granted& grant : outermost(grants)) {
    const __int128 own = std::min(exactly(*grant.used, r), exactly(*grant.guaranteed, r));
    sum += std::max(own, within_own(inside_of(grants, *grant.nodes), r));
  }
  return sum;
}

// The grants that may explain what a queue uses on these nodes: not those of wider nodes, which say
// nothing of where.
Grants grants_there(const QueueRecord& queue, const std::vector<Amounts>& used,
                    const Quota& nodes) {
  Grants there = grants_of(queue);
  for (std::size_t i = 0; i < there.size(); ++i) there[i].used = &used[i];
  std::erase_if(there, [&](const Granted& grant) {
    const bool wider = within(nodes, *grant.nodes) && !same(nodes, *grant.nodes);
    return wider || disjoint(nodes, *grant.nodes);
  });
  return there;
}

}  // namespace

bool Lenders::exceeds(const QueueRecord& queue, const Use& use, std::size_t claim) const {
  const Grants there = grants_there(queue, use.own, *claims_[claim]);
  return std::any_of(claimed_[claim].begin(), claimed_[claim].end(), [&](ResourceId r) {
    return exactly(use.claimed[claim], r) > within_own(there, r);
  });
}

bool Lenders::claims(NodeId id) const {
  const Node& node = state_.cluster.node(id).node;
  return std::any_of(claims_.begin(), claims_.end(),
                     [&](const Quota* nodes) { return matches(*nodes, node); });
}

bool Lenders::lends(TaskId id, const std::vector<std::size_t>& ranks) {
  const TaskRecord& task = state_.tasks[id];
  const Use& use = use_of(task.queue);
  for (std::size_t c = 0; c < claims_.size(); ++c) {
    const bool runs_there = std::any_of(ranks.begin(), ranks.end(), [&](const std::size_t rank) {
      return matches(*claims_[c], state_.cluster.node(task.ranks[rank].node).node);
    });
    if (runs_there && exceeds(state_.queues[task.queue], use, c)) return true;
  }
  return false;
}

void Lenders::take(TaskId id, const std::vector<std::size_t>& ranks) {
  const TaskRecord& task = state_.tasks[id];
  Use& use = use_of(task.queue);
  const Grants grants = grants_of(state_.queues[task.queue]);
  for (const std::size_t r : ranks) {
    const Node& node = state_.cluster.node(task.ranks[r].node).node;
    const Amounts& request = state_.request_of(task, r);
    for (std::size_t c = 0; c < claims_.size(); ++c) {
      if (matches(*claims_[c], node)) use.claimed[c].minus(request);
    }
    for (std::size_t g = 0; g < grants.size(); ++g) {
      if (matches(*grants[g].nodes, node)) use.own[g].minus(request);
    }
  }
}

// --- what people ask

std::vector<Borrowed> borrowed_places(const State& state, QueueId id) {
  std::map<std::tuple<std::string, std::string, std::string>, std::pair<Quota, Amounts>> found;
  for (QueueId other = 0; other < state.queues.size(); ++other) {
    if (other == id) continue;
    for (const Granted& grant : grants_of(state.queues[other])) {
      if (same(*grant.nodes, all_nodes())) continue;
      auto& [nodes, guaranteed] = found[name_of(*grant.nodes)];
      nodes = *grant.nodes;
      guaranteed.raise_to(*grant.guaranteed);
    }
  }
  std::vector<Amounts> used;
  for (const Granted& grant : grants_of(state.queues[id])) used.push_back(*grant.used);
  std::vector<Borrowed> out;
  for (const auto& [key, wanted] : found) {
    const auto& [nodes, guaranteed] = wanted;
    Amounts here, more;
    for (const TaskRecord& task : state.tasks) {
      if (task.queue != id) continue;
      for (std::size_t r = 0; r < task.ranks.size(); ++r) {
        if (!matches(nodes, state.cluster.node(task.ranks[r].node).node)) continue;
        here.plus(state.request_of(task, r));
      }
    }
    const Grants there = grants_there(state.queues[id], used, nodes);
    for (const ResourceId r : asked(guaranteed)) {
      add_exactly(more, r, exactly(here, r) - within_own(there, r));
    }
    if (more.zero()) continue;
    Borrowed borrowed{{}, std::move(more)};
    std::tie(borrowed.nodes.zone, borrowed.nodes.pool, borrowed.nodes.gpu_model) = key;
    out.push_back(std::move(borrowed));
  }
  return out;
}

}  // namespace sched
