// Surplus: what an elastic gang has beyond its minimum, and could give up for somebody.
//
// Any of its Pods may go, since the next attempt numbers them anew: those first that lie where they
// are of use, of these the highest rank first. Whatever it keeps still satisfies what it asked of
// zones and of the topology (size.hpp says for which gangs that is so).
#pragma once

#include <functional>
#include <vector>

#include "scheduler/state/state.hpp"

namespace sched {

struct Surplus {
  struct Given {
    std::size_t rank = 0;
    std::vector<Use> uses;  // what ends with it
    bool stays = false;     // not needed after all
  };
  std::vector<Given> given;  // in the order in which they go
  std::vector<Use> rest;     // what ends when the rest of the gang stops, too

  // The nodes that it keeps, by rank.
  Placement kept(const State& state, const TaskRecord& task) const;
};

// Whether a placed task has any.
bool has_surplus(const TaskRecord& task);
// `useful`: whether the room of a node would be of use.
Surplus surplus_of(const State& state, TaskId task, const std::function<bool(NodeId)>& useful);

}  // namespace sched
