#include "scheduler/backfill/early_ends.hpp"

#include <algorithm>

namespace sched {

EarlyEnds::EarlyEnds(const Ahead& ahead, Trial& trial) : ahead_(ahead), trial_(trial) {
  for (auto& [node, amounts] : ahead_.all()) {
    trial_.change(node, amounts, -1);
    taken_[node] = std::move(amounts);
  }
}

void EarlyEnds::move(TaskId task, NodeId node, const Amounts& amounts, int sign) {
  const Time at = ahead_.expected_end_of(task);
  std::vector<Release>& gone = gone_[node];
  if (sign > 0) {
    gone.push_back({at, node, &amounts, task});
  } else {
    const auto same = [&](const Release& r) { return r.at == at && r.amounts == &amounts; };
    if (const auto it = std::find_if(gone.begin(), gone.end(), same); it != gone.end()) {
      gone.erase(it);
    }
  }
  take(node);
}

void EarlyEnds::take(NodeId node) {
  Amounts now = ahead_.on(node, gone_[node]);
  Amounts& known = taken_[node];
  if (now == known) return;
  known.minus(now);
  trial_.change(node, known, 1);
  known = std::move(now);
}

void EarlyEnds::give_back() {
  for (const auto& [node, amounts] : taken_) trial_.change(node, amounts, 1);
  taken_.clear();
  gone_.clear();
}

}  // namespace sched
