// Moves: which reservations moved because a task outlived its estimate.
//
// A reservation is as good as the estimates it stands on. Whoever looks from time to time is told
// of each that begins later than when he looked last, and had counted on the room of a task that
// has outlived its estimate meanwhile, on one of its nodes, before it was to begin. What moves for
// another reason (a node is lost, somebody comes before it in the order) is not told.
//
// It decides nothing, and is no part of the engine's state.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "scheduler/engine.hpp"

namespace sched {

class Moves {
 public:
  struct Move {
    std::string task, queue;  // whose reservation
    std::string by;           // the task that outlived its estimate; of several the first by uid
    Time from, to;
    friend bool operator==(const Move&, const Move&) = default;
  };
  // As of `now`, which never goes back. By task. Costs as much as `Engine::reservations`.
  std::vector<Move> look(const Engine& engine, Time now);

 private:
  std::map<std::string, Reservation> promised_;
  Time looked_;
};

}  // namespace sched
