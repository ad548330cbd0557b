// Mix: what the tasks that wait and run ask for, by need.
//
// A need is what one Pod asks for of a node: its request, and the pool and the model that its task
// names. It weighs as much as the devices that all its Pods together use; needs without devices
// weigh nothing and are not kept. Packing keeps room for the heaviest (place/packing.hpp).
//
// A fold of the tasks as they are now: a task that starts changes nothing, one that comes, ends or
// asks for something else changes its own needs. Nothing of the past is in it, so that a leader who
// starts from the objects has the same.
//
// A plain value. Ids are positions and are reused; every order that is told ends in the content.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "scheduler/delta.hpp"
#include "scheduler/state/amounts.hpp"
#include "scheduler/state/ordered.hpp"

namespace sched {

using NeedId = std::uint32_t;
inline constexpr NeedId kNoNeed = ~NeedId{0};

class Mix {
 public:
  struct Need {
    std::string pool, gpu_model;  // "" for any
    Amounts request;
    std::int64_t device_milli = 0;  // that one Pod uses
    std::int64_t pods = 0;
    std::string key;  // all of the above but `pods`, by names
    __int128 weight() const { return __int128{pods} * device_milli; }
  };

  // So many Pods of a group of this task more. kNoNeed where they use no devices.
  NeedId add(const Task& task, const PodGroup& group, std::int64_t pods, ResourceNames& names);
  // So many less of those that were added.
  void remove(NeedId need, std::int64_t pods);

  // Calls with each need, the heaviest first, until it says no.
  template <class Visit>
  void each_heaviest(const Visit& visit) const {
    for (auto at = line_.begin(); !line_.at_end(at); at = line_.next(at)) {
      if (!visit(needs_[line_.get(at).need])) return;
    }
  }

 private:
  struct Entry {
    __int128 weight = 0;
    NeedId need = kNoNeed;
  };
  void count(NeedId need, std::int64_t pods);

  std::vector<Need> needs_;
  std::vector<NeedId> unused_;
  std::unordered_map<std::string, NeedId> ids_;
  Ordered<Entry> line_;
};

}  // namespace sched
