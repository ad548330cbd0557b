// Why a task waits, in words for people. Pure.
#pragma once

#include <optional>
#include <string>

#include "scheduler/plan.hpp"

namespace fermi {

// What a forecast knows of one for whom it found no start.
struct Outlook {
  sched::Time not_before;  // 0: nothing is known
  bool never = false;      // nothing that is known will let it start
  friend bool operator==(const Outlook&, const Outlook&) = default;
};
// Only for one that waits for what time alone could bring; `shown`: what was said before, which
// stays when it has hardly moved.
Outlook outlook_of(const sched::Reason& reason, std::optional<sched::Time> not_before, bool never,
                   sched::Time now, const Outlook& shown);

// The engine's sentence; for what can never start, what would have to change; and when it is
// expected to start, as far as that is known. Moments a day or more from `now` have their date.
std::string why_waits(const sched::Reason& reason, const Outlook& outlook = {},
                      std::optional<sched::Time> now = std::nullopt);

// The same behind its code, as a condition of a Pod says it: "Capacity: needs 8 x ...".
std::string coded_why(const sched::Reason& reason, const Outlook& outlook,
                      std::optional<sched::Time> now = std::nullopt);

// Whether the task is not taken in as things are: no waiting will mend that, or its tenant has as
// many in line as it may.
bool is_hopeless(const sched::Reason& reason);

// Takes a time over from what was shown before when it has hardly moved: by less than a tenth of
// what is left to wait. An estimate that moves all the time (a task that overruns its own) would
// else be written all the time.
void keep_times(const sched::Reason& shown, sched::Time now, sched::Reason& reason);

}  // namespace fermi
