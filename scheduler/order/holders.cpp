#include "scheduler/order/holders.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

constexpr std::size_t kTold = 3;
// Uses of nodes, and nodes, looked at for one answer.
constexpr std::int64_t kUsesLooked = 2'000, kNodesLooked = 200;

// Ends one task after the other and sees where room for a Pod appears. Whoever has gone from a node
// by then, and without whose end there would be none, is told.
class Search {
 public:
  Search(const State& state, const Wanted& wanted, Time now)
      : state_(state), wanted_(wanted), now_(now) {}

  void over_ends(const Late& late);
  void over_nodes();
  std::vector<Reason::Holder> take() const;

 private:
  struct Use {
    std::size_t at = 0;    // of those that ended
    Amounts ends;          // with what is on its way out already
    std::int64_t has = 0;  // without that
  };
  struct OnNode {
    Amounts ended;
    std::int64_t slots = 0;  // more than now
    std::vector<Use> waiting;  // made no room yet
  };
  struct Ended {
    TaskId task = kNoId;
    std::int64_t helps = 0;  // with so much
  };
  bool enough() const {
    return told_ >= kTold || gained_ >= wanted_.pods || looked_ > kUsesLooked;
  }
  bool concerns(NodeId node) const;
  std::int64_t slots_on(NodeId node, const Amounts& ended) const;
  void look_at(TaskId id);
  void look_on(NodeId node);
  void tell(NodeId node, OnNode& here, std::int64_t slots);

  const State& state_;
  const Wanted& wanted_;
  const Time now_;
  std::vector<Ended> ended_;  // in their order
  std::map<NodeId, OnNode> on_;
  std::set<TaskId> seen_;
  std::size_t told_ = 0;
  std::int64_t gained_ = 0, looked_ = 0, nodes_ = 0;
};

bool Search::concerns(NodeId node) const {
  const ClassId cls = state_.cluster.node(node).cls;
  if (cls == kNoId || !state_.cluster.open_to(wanted_.profile, node)) return false;
  return wanted_.zone == kNoId || state_.cluster.cls(cls).zone == wanted_.zone;
}

std::int64_t Search::slots_on(NodeId id, const Amounts& ended) const {
  const NodeRecord& node = state_.cluster.node(id);
  return slots_without(node.total, node.used, ended,
                       state_.cluster.profile(wanted_.profile).request);
}

void Search::look_at(TaskId id) {
  const TaskRecord& task = state_.tasks[id];
  if (!task.evicted_by.empty() || !seen_.insert(id).second) return;
  std::map<NodeId, Use> uses;
  for (const sched::Use& use : state_.uses(id)) {
    ++looked_;
    if (!concerns(use.node)) continue;
    Use& here = uses[use.node];
    here.ends.plus(use.amounts);
    if (!use.passing) here.has += amount_of(use.amounts, wanted_.resource);
  }
  if (uses.empty()) return;
  ended_.push_back({id});
  for (auto& [node, use] : uses) {
    OnNode& here = on_[node];
    use.at = ended_.size() - 1;
    here.ended.plus(use.ends);
    here.waiting.push_back(std::move(use));
    const std::int64_t more = slots_on(node, here.ended) - slots_on(node, {});
    if (more > here.slots) tell(node, here, more);
  }
}

// Who is not needed for it may be for the next Pod.
void Search::tell(NodeId node, OnNode& here, std::int64_t slots) {
  const std::int64_t there = slots_on(node, here.ended);
  Amounts without = here.ended;
  std::vector<Use> rest;
  for (Use& use : here.waiting) {
    without.minus(use.ends);
    if (slots_on(node, without) >= there) {
      rest.push_back(std::move(use));
      continue;
    }
    without.plus(use.ends);
    if (use.has > 0 && ended_[use.at].helps == 0) ++told_;
    ended_[use.at].helps += use.has;
  }
  here.waiting = std::move(rest);
  gained_ += slots - here.slots;
  here.slots = slots;
}

std::vector<Reason::Holder> Search::take() const {
  std::vector<Reason::Holder> found;
  for (const Ended& ended : ended_) {
    if (ended.helps == 0 || found.size() >= kTold) continue;
    const TaskRecord& task = state_.tasks[ended.task];
    const Time end = expected_end(state_, task, now_);
    found.push_back({label(task.task), ended.helps, end < kEndless ? end : Time{}});
  }
  return found;
}

// Those past their stated end and those that were due anyway, in one order. Both are sorted.
void Search::over_ends(const Late& late) {
  auto estimated = late.begin();
  const State::End from{now_.ns, kNoId};
  auto stated = state_.ends.lower_bound([&](const State::End& end) { return end <= from; });
  const auto all_stated = [&] { return state_.ends.at_end(stated); };
  while (!enough() && (estimated != late.end() || !all_stated())) {
    const bool first = all_stated() || (estimated != late.end() &&
                                        estimated->first.ns <= state_.ends.get(stated).first);
    if (first) {
      look_at((estimated++)->second);
    } else {
      look_at(state_.ends.get(stated).second);
      stated = state_.ends.next(stated);
    }
    ++looked_;
  }
}

void Search::look_on(NodeId node) {
  if (node >= state_.tasks_on_node.size() || !concerns(node)) return;
  std::vector<std::pair<std::string, TaskId>> tasks;
  for (const TaskId id : state_.tasks_on_node[node]) {
    tasks.emplace_back(state_.tasks[id].task.uid, id);
  }
  std::sort(tasks.begin(), tasks.end());
  for (const auto& [uid, id] : tasks) {
    if (!enough()) look_at(id);
  }
}

void Search::over_nodes() {
  for (const auto& [name, zone] : state_.cluster.zones()) {
    if (wanted_.zone != kNoId && wanted_.zone != zone) continue;
    std::vector<std::pair<std::string, ClassId>> classes;
    for (const ClassId c : state_.cluster.zone(zone).classes) {
      const bool matches = state_.cluster.profile(wanted_.profile).cells[c].match != Match::kNo;
      if (matches) classes.emplace_back(state_.cluster.cls(c).key, c);
    }
    std::sort(classes.begin(), classes.end());
    for (const auto& [key, c] : classes) {
      for (const auto& [devices, nodes] : state_.cluster.cls(c).by_free_devices) {
        for (auto at = nodes.begin(); !nodes.at_end(at); at = nodes.next(at)) {
          if (enough() || ++nodes_ > kNodesLooked) return;
          look_on(nodes.get(at).node);
        }
      }
    }
  }
}

}  // namespace

std::vector<Reason::Holder> holders(const State& state, const Wanted& wanted, const Late& late,
                                    Time now) {
  Search search(state, wanted, now);
  search.over_ends(late);
  search.over_nodes();
  return search.take();
}

std::int64_t amount_of(const Amounts& use, ResourceId asked) {
  if (!is_milli(asked)) return use.at(asked);
  return static_cast<std::int64_t>(exactly(charged(use), whole_of(asked)));
}

std::string label(const Task& task) {
  return task.ns.empty() && task.name.empty() ? task.uid : task.ns + "/" + task.name;
}

}  // namespace sched
