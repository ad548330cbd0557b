// PlanCheck: the checks of what a plan starts; for the auditor alone.
//
// One object reads one plan, start by start, each beside what those before it took. What is
// guaranteed to others has to be left in that order, or in the one in which elastic gangs that
// start with more than they have to come last: they got it last. What is wrong is a sentence that
// begins with the task. Its checks stand by what they are about: the task and the plan in
// check.cpp, nodes, zones and room in place_check.cpp, maximum and guarantees in quota_check.cpp,
// who may go first in order_check.cpp, what was promised to others in promise_check.cpp. Then come
// the moves that are proposed for tasks of groups, in place_check.cpp, and what running gangs are
// given beside what they have, each as a start of the Pods that it adds, in grow_check.cpp.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/audit/audit.hpp"
#include "scheduler/audit/group_check.hpp"
#include "scheduler/audit/guarantee_check.hpp"
#include "scheduler/audit/limit_check.hpp"
#include "scheduler/audit/promise_check.hpp"

namespace sched {

class PlanCheck {
 public:
  PlanCheck(const Auditor& known, Time now)
      : known_(known), now_(now), limits_(known), promises_(known, now), groups_(known) {}

  std::vector<std::string> run(const Plan& plan) {
    for (const Start& start : plan.starts) planned_.insert(start.task);
    for (const Start& start : plan.starts) read(start);
    for (const Move& move : plan.moves) check_move(move);
    read_sizes(plan);
    if (!takes_guaranteed_.empty() && !PlanCheck(known_, now_).leaves_guaranteed_last(plan)) {
      violations_.insert(violations_.end(), takes_guaranteed_.begin(), takes_guaranteed_.end());
    }
    return std::move(violations_);
  }

 private:
  using Amount = Auditor::Amount;
  using Charge = audit::Charge;
  using Known = Auditor::Known;

  void say(const Start& start, const std::string& what) {
    violations_.push_back(start.task + ": " + what);
  }
  bool leaves_guaranteed_last(const Plan& plan);
  void read(const Start& start);
  void read_sizes(const Plan& plan);
  void read_grow(const Resize& grow);
  std::string forbids_growth(const Resize& grow, const Known& task) const;
  bool waited_for(const Node& node);
  void list_waiting();
  bool surely_wants_room(const Known& task, const Queue& queue);
  bool cools_off(const Known& task) const {
    const Time until = std::max(task.task.not_before, task.rejected_until);
    return until.ns > 0 && until > now_;  // 0 and before: not asked for
  }
  bool ready(const Known& task) const;
  void check_task(const Start& start, const Known& task);
  bool check_ranks(const Start& start, const Known& task, const Queue& queue);
  void check_device(const Start& start, std::size_t rank, const PodGroup& group, const Node& node);
  void check_zones(const Start& start, const Known& task, const Queue& queue);
  void check_room(const Start& start, const Known& task);
  void check_move(const Move& move);
  // `tasks`: how many it adds to those of its queue.
  void check_quota(const Start& start, const Known& task, const Queue& queue,
                   std::int64_t tasks = 1);
  std::vector<std::string> beyond_kept(const Start& start, const Known& task) const;
  void check_guarantees(const Start& start, const Known& task, const Queue& queue);
  void leaves_guaranteed(const Start& start, const Known& task, const Queue& queue,
                         const Charge& own);
  __int128 idle(const Queue& queue, const std::string& resource);
  __int128 free_for(const Charge& asked, const Known& task, const std::string& resource);
  void check_order(const Start& start, const Known& task, const Queue& queue);
  bool may_ever_start(const Known& task, const Queue& queue);
  double share(const Queue& queue, const std::string& tenant);
  bool passes_poorer(const Task& ahead, const Task& task, const Queue& queue);
  struct Members {                              // of a queue
    __int128 turn_ns = 0;                       // how long a turn lasts
    std::map<std::string, std::int64_t> tasks;  // how many wait or run, by tenant
  };
  void count_members(const Queue& queue, Members& members) const;
  double rounds(const Task& task, const Queue& queue);
  bool passes_longer(const Task& ahead, const Task& task, const Queue& queue);
  bool is_left(const Known& task, const Queue& queue, Charge& own);
  const std::string& region_of(const std::string& zone);

  const Auditor& known_;
  const Time now_;
  LimitCheck limits_;
  PromiseCheck promises_;
  GroupCheck groups_;
  std::set<std::string> planned_;                // by the whole plan
  std::set<std::string> done_;                   // read so far
  std::map<std::string, std::string> regions_;   // by zone, once they are needed
  std::map<std::string, audit::NodeUse> taken_;  // by node, by the starts read so far
  std::map<std::string, Auditor::Usage> more_;   // by queue
  // By queue and tenant, what the starts read so far add; and what all nodes have.
  std::map<std::pair<std::string, std::string>, Charge> given_;
  Charge owned_;
  // On nodes that take Pods, and what is left on shared devices beside it.
  struct Free {
    Charge whole, parts;
    void count(const Node& node, const audit::NodeUse& used, int sign);
  };
  std::optional<Free> free_;  // before the plan
  std::optional<GuaranteeCheck> guarantees_;
  std::optional<GuaranteeCheck> ever_;  // in an empty cluster, when asked
  bool looked_at_empty_ = false;
  std::map<std::string, Members> members_;  // by queue that takes turns by tenant, when asked
  std::optional<std::vector<const Known*>> waiting_;  // who surely could use room, when asked
  // What takes the guarantees of others as the starts come in the plan.
  std::vector<std::string> takes_guaranteed_;
  std::vector<std::string> violations_;
};

}  // namespace sched
