// PromiseCheck: whether starts leave the room that was promised to others.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "scheduler/audit/audit.hpp"

namespace sched {

class PromiseCheck {
 public:
  PromiseCheck(const Auditor& known, Time now) : known_(known), now_(now) {}

  // Reads a start beside those read before it, whose ranks lie on nodes that are there: what is
  // wrong with it. Costs nothing where nothing was promised.
  // `task`: as large as it is to be.
  std::vector<std::string> add(const Start& start, const Auditor::Known& task, const Queue& queue);
  // Whether room of the node was promised to somebody who does not start; once all starts are read.
  bool promised(const std::string& node);

 private:
  struct Given {  // by the plan so far
    Placement where;
    std::vector<PodGroup> groups;
    Time end;
  };
  bool binds(const std::string& holder, const Auditor::Known& task, const Queue& queue) const;
  // When it is expected to have ended.
  Time end_of(const Auditor::Known& task) const { return {known_.end_of(task, now_)}; }
  Time end_of(const Promise& promise) const;
  std::string wrong_at(const std::string& node, Time at, const std::vector<const Promise*>& binding,
                       const audit::NodeUse& own) const;
  void add_ranks(audit::NodeUse& to, const Placement& where, const std::vector<PodGroup>& groups,
                 const std::string& node) const;

  const Auditor& known_;
  const Time now_;
  std::vector<Given> given_;
  std::set<std::string> started_;
  std::optional<std::set<std::string>> promised_;  // nodes, once somebody asks
};

}  // namespace sched
