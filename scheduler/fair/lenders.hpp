// Lenders: who has what a queue is guaranteed of some of the nodes, and may be asked for it.
#pragma once

#include <map>
#include <vector>

#include "scheduler/fair/grants.hpp"

namespace sched {

// Who may be asked for what a queue claims back on the nodes of its grants: those who run there,
// of queues that have more there than they are guaranteed.
class Lenders {
 public:
  Lenders(const State& state, TaskId claims);
  bool claims() const { return !claims_.empty(); }  // something of a grant is idle that it asks for
  bool claims(NodeId node) const;                   // there
  // Whether the task's queue has too much on nodes where these ranks of it run, those gone that
  // were taken.
  bool lends(TaskId task, const std::vector<std::size_t>& ranks);
  void take(TaskId task, const std::vector<std::size_t>& ranks);

 private:
  struct Use {
    std::vector<Amounts> claimed;  // on the nodes of each claimed grant
    std::vector<Amounts> own;      // of each of its own grants
  };
  Use& use_of(QueueId queue);
  bool exceeds(const QueueRecord& queue, const Use& use, std::size_t claim) const;

  const State& state_;
  std::vector<const Quota*> claims_;              // own grants of which something is idle
  std::vector<std::vector<ResourceId>> claimed_;  // of each: what is claimed
  std::map<QueueId, Use> uses_;
};

// What a queue uses on the nodes of a grant of others beyond what it is guaranteed there: what can
// be taken back from it. By the nodes, those of which nothing is borrowed left out.
struct Borrowed {
  Quota nodes;
  Amounts amounts;
};
std::vector<Borrowed> borrowed_places(const State& state, QueueId queue);

}  // namespace sched
