// CoverCheck: whether whom a claim asks to stop is less closely covered by guarantees of its own
// queue than the one that claims; for the auditor alone.
//
// Reads the definition of docs/adr/0027 once more. The tasks of a queue are read in the order in
// which they began to run; a Pod counts against every grant of its queue in which its node lies.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "scheduler/audit/audit.hpp"
#include "scheduler/audit/grants.hpp"

namespace sched {

class CoverCheck {
 public:
  explicit CoverCheck(const Auditor& known) : known_(known) {}

  // Why `above`, if it ran on these nodes beside the use of its queue by node, may not ask `below`
  // for these ranks (null: for all); "" when it may.
  std::string forbids(const Auditor::Known& above, const std::vector<std::string>& nodes,
                      const Auditor::ByNode& used, const Auditor::Known& below,
                      const std::set<std::size_t>* ranks);

 private:
  struct Tally {  // of one grant
    audit::Grant grant;
    audit::Charge used;
  };
  using Tallies = std::vector<Tally>;
  struct Levels {
    int whole = -1;
    std::vector<int> ranks;
  };

  Tallies tallies_of(const std::string& queue) const;
  static __int128 due(const Tallies& tallies, const audit::Grant& of, const std::string& resource);
  // The gang's Pods one by one, each beside those before it.
  std::vector<int> levels(const Tallies& tallies, const std::vector<PodGroup>& groups,
                          const std::vector<std::string>& nodes,
                          const std::vector<std::size_t>& ranks) const;
  void count(Tallies& tallies, const std::vector<PodGroup>& groups,
             const std::vector<std::string>& nodes, const std::vector<std::size_t>& ranks) const;
  void read(const std::string& queue);
  const Node& node(const std::string& name) const;

  const Auditor& known_;
  std::set<std::string> read_;
  std::map<std::string, Levels> levels_;
};

}  // namespace sched
