// Book: the conflicts that are open, in two orders, and what changed from one survey to the next.
//
//   by arrival    began, then id
//   by severity   most severe first, then by arrival
//
// A conflict begins when a survey has it that the one before had not, and is over when a survey has
// it no more. The book says when; who asks it for how long may have known it before (restore).
// Estimates move all the time: as long as a conflict's end is expected from the same cause, its
// time is kept while it moves by less than a tenth of what is left to it, or a second.
//
// Each step costs the size of the surveys and its logarithm.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "scheduler/conflicts/conflict.hpp"

namespace sched {

class Book {
 public:
  // A conflict that this id stands for began then: told by who knew it before.
  void restore(const std::string& id, Time began) { known_since_[id] = began; }

  struct Changes {
    std::vector<Conflict> begun, changed, over;  // each by id; `over` as it was last seen
  };
  Changes update(const Survey& survey, Time now);

  const Conflict* find(const std::string& id) const;
  std::size_t size() const { return open_.size(); }
  std::vector<const Conflict*> by_arrival() const;
  std::vector<const Conflict*> by_severity() const;

 private:
  struct BySeverity {
    Severity severity;
    Time began;
    std::string id;
    friend bool operator<(const BySeverity& a, const BySeverity& b) {
      if (a.severity != b.severity) return a.severity > b.severity;
      return a.began != b.began ? a.began < b.began : a.id < b.id;
    }
  };
  void list(const Conflict& conflict, int sign);

  std::map<std::string, Conflict> open_;
  std::set<std::pair<Time, std::string>> arrivals_;
  std::set<BySeverity> severities_;
  std::map<std::string, Time> known_since_;  // until the first survey
};

}  // namespace sched
