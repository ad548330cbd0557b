// GuaranteeCheck: whether starts leave others what they are guaranteed of some of the nodes, and
// whether what is claimed back is owed.
//
// One reading of one plan; for the auditor alone. Reads the definition of docs/adr/0022 once more:
// for the nodes of each grant, and for all nodes, what is free there has to suffice for what other
// queues do not use of theirs (as much of it as can be kept: where queues are guaranteed more of
// some nodes than there is, each keeps what there is), but for what the start takes within what its
// own queue is guaranteed there. (Grants that cross are judged one by one.)
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "scheduler/audit/audit.hpp"
#include "scheduler/audit/grants.hpp"

namespace sched {

class GuaranteeCheck {
 public:
  explicit GuaranteeCheck(const Auditor& known);

  // Whether some queue is guaranteed something of some of the nodes; else nothing is asked here.
  bool concerns() const { return concerns_; }
  // Before anything is asked about starts: what is in use on each node.
  void look(const std::function<audit::NodeUse(const std::string& node)>& in_use);
  // Or, to ask what can ever be: as if nothing ran, and every node took Pods.
  void look_at_empty();

  // What the start takes that is kept for others; "" when nothing. Read before it is counted.
  std::string wrong(const Start& start, const Auditor::Known& task, const Queue& queue) const;
  // Why a claim to these nodes is not owed by the victim's queue, of which so much has gone; ""
  // when it is.
  std::string forbids_claim(const Auditor::Known& claims, const std::vector<std::string>& nodes,
                            const Auditor::Known& victim, const Auditor::ByNode& gone) const;
  void add(const Placement& where, const Task& task);
  // What its queue uses alone: more by a task that runs so, or less (-1).
  void count(const Placement& where, const Task& task, int sign);
  // After look_at_empty: whether the task could ever have what it asks for, as far as counting
  // tells.
  bool ever_left(const Task& task, const Queue& queue) const;

 private:
  void count_free(const std::string& name);
  using Grants = std::vector<audit::Grant>;
  using Needs = std::vector<std::pair<__int128, Quota>>;  // so much on those nodes

  audit::Charge used_on(const std::string& queue, const Quota& nodes) const;
  __int128 idle(const std::string& queue, const audit::Grant& grant,
                const std::string& resource) const;
  __int128 need(const std::string& queue, const Grants& grants, const std::string& resource,
                bool parts, Needs& out) const;
  __int128 kept(const Needs& needs, const std::string& resource, bool parts) const;
  static Grants within(const Queue& queue, const Quota& nodes);
  Needs needs_of_others(const Queue& queue, const Quota& nodes, const std::string& resource,
                        bool parts) const;
  __int128 free_on(const Quota& nodes, const std::string& resource, bool parts) const;
  __int128 due(const std::string& queue, const Grants& grants, const std::string& resource) const;
  __int128 covered(const std::string& queue, const Grants& grants, const Auditor::ByNode& own,
                   const std::string& resource) const;
  struct Limit {
    Quota nodes;
    std::string resource;
    __int128 left = 0;
  };
  std::vector<Limit> limits_for(const Queue& queue, const audit::Charge& asked) const;
  __int128 pods_ever(const Queue& queue, const std::vector<Limit>& limits, const audit::Charge& one,
                     const Node& node, __int128 fits) const;
  using Place = std::pair<std::string, std::string>;  // a zone, and a domain of it ("": all)
  bool ever_left_in(const Task& task, const Queue& queue, const Place* place) const;
  bool ever_left_in_domains(const Task& task, const Queue& queue) const;
  bool claims_within(const Auditor::Known& claims, const Auditor::ByNode& own) const;
  bool lends(const Auditor::Known& victim, const audit::Grant& claimed,
             const Auditor::ByNode& gone) const;
  __int128 explained(const std::string& queue, const Grants& grants, const Auditor::ByNode& gone,
                     const std::string& resource) const;

  const Auditor& known_;
  bool concerns_ = false, empty_ = false;
  std::map<std::vector<std::string>, Quota> sets_;
  // Of the nodes that take Pods: what is in use, what is free, and what is left on shared devices.
  std::map<std::string, audit::NodeUse> uses_;
  std::map<std::string, std::pair<audit::Charge, audit::Charge>> free_;
  std::map<std::string, Auditor::ByNode> more_;  // by queue: what was counted so far
  // In an empty cluster, by queue, nodes and resource: what others leave; nothing where nothing is
  // kept for them.
  using Key = std::tuple<std::string, std::vector<std::string>, std::string>;
  mutable std::map<Key, std::optional<__int128>> left_ever_;
};

}  // namespace sched
