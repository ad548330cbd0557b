// GroupCheck: whether tasks of a group start in zones where the group may have one more, and
// whether moves back from a backup zone are what they say.
//
// One reading of one plan; for the auditor alone, written from what the tasks say of their group.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "scheduler/audit/audit.hpp"

namespace sched {

class GroupCheck {
 public:
  explicit GroupCheck(const Auditor& known) : known_(known) {}

  // What is wrong with where it goes; counts it.
  std::vector<std::string> add(const Start& start, const Auditor::Known& task);
  // What is wrong with a move, room aside.
  std::vector<std::string> check(const Move& move);

 private:
  bool degraded(const std::string& zone) const;
  std::map<std::string, std::int64_t> placed(const Task& task) const;
  std::string zone_wrong(const Task& task, const std::string& zone) const;

  const Auditor& known_;
  std::map<std::string, std::map<std::string, std::int64_t>> more_;  // by group and zone
  std::map<std::string, std::int64_t> moves_;                        // by group
};

}  // namespace sched
