#include "scheduler/order/holders.hpp"

#include <algorithm>
#include <set>

#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

constexpr std::size_t kTold = 3;
// Uses of nodes, and nodes, looked at for one answer.
constexpr std::int64_t kUsesLooked = 2'000, kNodesLooked = 200;

class Search {
 public:
  Search(const State& state, const Wanted& wanted, Time now)
      : state_(state), wanted_(wanted), now_(now) {}

  void over_ends(const Late& late);
  void over_nodes();
  std::vector<Reason::Holder> take() { return std::move(found_); }

 private:
  bool enough() const { return found_.size() >= kTold || missing() <= 0 || looked_ > kUsesLooked; }
  std::int64_t missing() const { return wanted_.missing - told_; }
  bool concerns(NodeId node) const;
  void look_at(TaskId id);
  void look_on(NodeId node);

  const State& state_;
  const Wanted& wanted_;
  const Time now_;
  std::vector<Reason::Holder> found_;
  std::set<TaskId> seen_;
  std::int64_t told_ = 0, looked_ = 0, nodes_ = 0;
};

bool Search::concerns(NodeId node) const {
  const ClassId cls = state_.cluster.node(node).cls;
  if (cls == kNoId || !state_.cluster.open_to(wanted_.profile, node)) return false;
  return wanted_.zone == kNoId || state_.cluster.cls(cls).zone == wanted_.zone;
}

void Search::look_at(TaskId id) {
  const TaskRecord& task = state_.tasks[id];
  if (!task.evicted_by.empty() || !seen_.insert(id).second) return;
  std::int64_t has = 0;
  state_.each_own_use(id, [&](NodeId node, const Amounts& amounts) {
    ++looked_;
    const std::int64_t use = amount_of(amounts, wanted_.resource);
    if (use > 0 && concerns(node)) has += use;
  });
  if (has == 0) return;
  const Time end = expected_end(state_, task, now_);
  found_.push_back({label(task.task), has, end < kEndless ? end : Time{}});
  told_ += has;
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
