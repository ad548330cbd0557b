#include "scheduler/backfill/moves.hpp"

#include <algorithm>
#include <utility>

namespace sched {
namespace {

bool shares_a_node(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::any_of(a.begin(), a.end(), [&](const std::string& node) {
    return std::find(b.begin(), b.end(), node) != b.end();
  });
}

}  // namespace

std::vector<Moves::Move> Moves::look(const Engine& engine, Time now) {
  const std::vector<Engine::Outlived> outlived = engine.outlived(now);
  std::map<std::string, Reservation> promised;
  std::vector<Move> moves;
  for (Reservation& now_promised : engine.reservations(now)) {
    const std::string task = now_promised.task;
    const auto before = promised_.find(task);
    if (before != promised_.end() && before->second.at < now_promised.at) {
      const Reservation& old = before->second;
      const auto by = std::find_if(outlived.begin(), outlived.end(), [&](const auto& o) {
        return o.at > looked_ && o.at <= old.at && shares_a_node(o.nodes, old.placement.nodes);
      });
      const Task* const known = engine.task(task);
      if (by != outlived.end() && known != nullptr) {
        moves.push_back({task, known->queue, by->task, old.at, now_promised.at});
      }
    }
    promised.emplace(task, std::move(now_promised));
  }
  promised_ = std::move(promised);
  looked_ = now;
  std::sort(moves.begin(), moves.end(),
            [](const Move& a, const Move& b) { return a.task < b.task; });
  return moves;
}

}  // namespace sched
