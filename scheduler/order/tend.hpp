// Tend: makes the promises that passes keep, and sees to it that they can be kept.
//
//   1. A pass that starts nobody and asks nobody says who deserves a promise, in the total order:
//   of
//      these the oldest, as many as may be held. Who is among them no longer loses his.
//   2. A promise is broken when its moment has come and the task does not run, or when on a node of
//      it something changed (something began there, an end came to be expected later, another
//      promise ahead of it was made) and the room is not there any more beside the promises ahead.
//   3. Whoever deserves one and has none, or a broken one, is promised the first room that there is
//      beside the promises ahead of it, for as long as it is expected to run. That no end gives it
//      room is said, too: nobody waits for a promise that cannot be made.
//      A search that looked at enough for one piece is put away, and taken up where it stands if
//      nothing has happened since; else it is thrown away and begins anew. It may look at twice as
//      much at once then, up to eight times; and if it is thrown away nine times in a row, its task
//      is told that nothing is promised to it for now, and may be passed. So a piece has a bound,
//      and nobody is kept waiting by a search that does not come to its end.
//   4. When all have theirs, those that were not looked at for longest are bettered: moved to an
//      earlier moment beside all others of their tier and above, whoever is ahead. So nobody loses
//      by it.
//
// Promises of one set have room beside each other, given the expected ends (2 and 3 see to it), and
// who starts leaves that room (order/promised.cpp). With true durations and nobody new ahead of it,
// a holder starts no later than it was promised.
//
// What is found here is a proposal: it counts once it is fed back as a delta. `Tended` remembers
// what need not be looked at again; it changes no plan.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>

#include "scheduler/backfill/calendar.hpp"
#include "scheduler/plan.hpp"

namespace sched {

struct Tended {
  struct Look {
    std::uint64_t changes = 0;  // of nodes, when it was last looked at
    std::uint64_t turn = 0;     // which look that was, of all
    Time now;
  };
  // Of those past what they stated: when they were expected to end when that was last looked at.
  std::map<State::End, Time> late;
  std::uint64_t turns = 0;
  std::map<TaskId, Look> looks;  // at promises that are held
  std::set<TaskId> broken;

  // The search that was cut off. It belongs to this state: a copy begins its own.
  struct Away {
    TaskId task = kNoId;
    std::uint64_t changes = 0;  // of the state
    std::uint64_t ends = 0;     // how often an end was found to be expected otherwise
    std::unique_ptr<Calendar> calendar;
    std::unique_ptr<Calendar::Search> search;  // before the calendar it goes
  };
  struct PutAway {
    PutAway() = default;
    PutAway(const PutAway&) {}
    PutAway& operator=(const PutAway&) {
      away.reset();
      return *this;
    }
    std::optional<Away> away;
  } put_away;
  std::uint64_t moved_ends = 0;
  int lost = 0;  // how many in a row were thrown away before they were over
};

Tending tend(State& state, Tended& known, Time now, std::int64_t budget);

}  // namespace sched
