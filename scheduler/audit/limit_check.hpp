// LimitCheck: what a queue may run on some of the nodes, and what it lets each of its tenants have.
//
// One reading of one plan, start by start; for the auditor alone.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/audit/audit.hpp"

namespace sched {

class LimitCheck {
 public:
  explicit LimitCheck(const Auditor& known) : known_(known) {}

  // Counts a start whose ranks have been checked; says what it breaks. `tasks`: 0 when it only adds
  // to one that runs.
  std::vector<std::string> add(const Start& start, const Auditor::Known& task, const Queue& queue,
                               std::int64_t tasks);
  // Whether its tenant may have it now, beside what was counted so far.
  bool admits(const Auditor::Known& task, const Queue& queue) const;

 private:
  using Owner = std::pair<std::string, std::string>;  // queue, tenant

  void check_quotas(const Start& start, const Auditor::Known& task, const Queue& queue,
                    std::vector<std::string>& wrong);
  Auditor::Usage used_by(const Owner& owner) const;
  std::string too_much_for_tenant(const Auditor::Known& task, const Queue& queue) const;
  std::string tenant_wrong(const Auditor::Known& task, const Queue& queue) const;

  const Auditor& known_;
  // By queue with quotas: what it uses on each node, the starts counted so far included.
  std::map<std::string, Auditor::ByNode> used_on_;
  std::map<Owner, Auditor::Usage> more_;  // by the starts counted so far
};

}  // namespace sched
