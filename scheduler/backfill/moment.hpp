// Moment: how much is free and how much queues use at a moment to come, against what they do now.
//
// What is guaranteed of some of the nodes (fair/kept.hpp) is judged by the state alone. To judge a
// start that is to come, the state is told for a while what it would be then.
#pragma once

#include <map>
#include <vector>

#include "scheduler/state/state.hpp"

namespace sched {

struct Moment {
  struct Use {
    Amounts all;
    std::vector<Amounts> limits;  // by quota of some nodes
  };
  std::map<ClassId, Amounts> free;  // beside what is free; of classes that take Pods
  std::map<QueueId, Use> used;      // beside what is used; less than nothing where it is less
};

// Puts it into the state as long as it lives. Several end in the reverse order.
class MomentInPlace {
 public:
  // `but`: a queue whose use of quotas of some nodes stays as the state has it; kNoId for none.
  MomentInPlace(State& state, const Moment& then, QueueId but = kNoId);
  ~MomentInPlace();
  MomentInPlace(const MomentInPlace&) = delete;
  MomentInPlace& operator=(const MomentInPlace&) = delete;

 private:
  State& state_;
  std::map<ClassId, Amounts> free_;  // as they were
  struct Before {
    Amounts all;
    std::vector<Amounts> limits;
  };
  std::map<QueueId, Before> used_;
};

}  // namespace sched
