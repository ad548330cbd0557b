// Estimate: when a task ends that has outlived what it stated.
//
// The last sixteen tasks of its queue, kind and tenant that lasted longer than it has lasted by now
// tell how long such a one goes on: their median (the larger of the two in the middle). When fewer
// than four are known (of the last 256), it lasts as long again as it has lasted.
//
// An estimate stands until it is outlived, and then the next is made as of that moment, from what
// was known of tasks that were over by then:
//
//   stated 1 h        ran: 50 m, 90 m, 100 m, 2 h, 3 h      at 1 h: 90 m 100 m [2 h] 3 h -> 2 h
//                                                           at 2 h: 3 h alone -> as long again: 4 h
//
// So it is a function of when the task began, what it stated, the runs and now; it does not creep
// with the clock, and what ends in between does not move it. A reservation that stands on it moves
// only when it is outlived. Integers; times are nanoseconds.
#pragma once

#include "scheduler/learn/past.hpp"

namespace sched {

struct Estimate {
  Time end;       // after `now`
  Time outlived;  // the estimate before it, which is over; 0: what it stated is not over yet
};

// Of a task that runs since `since` and by what it stated ended at `stated_end`, which is not after
// `now`. `runs`: of its queue, kind and tenant, oldest first; may be null. `endless`: what counts
// as no end.
Estimate estimate_again(Time since, Time stated_end, const Past::Runs* runs, Time now,
                        Time endless);

}  // namespace sched
