// Runner: one scenario file against the engine, in virtual time. The format is in README.md.
//
// `run` returns what went wrong as "line 7: ...", empty when the promise held. Every plan is read
// by the auditor before it is carried out; a violation is a failure of the scenario.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "scheduler/audit/audit.hpp"
#include "scheduler/backfill/moves.hpp"
#include "scheduler/conflicts/book.hpp"
#include "scheduler/engine.hpp"
#include "tests/scenario/words.hpp"

namespace sched::scenario {

class Runner {
 public:
  Runner();
  std::vector<std::string> run(const std::string& text);

 private:
  void line(const Words& words);
  void apply(const Delta& delta);
  void advance(Time to);
  void settle();
  void start(const Start& start);
  void preempt(const Preemption& preemption);
  void move(const Move& move);
  void group_of(Task& task, Words& words);
  void leave(const std::string& task);
  void resize(const Resize& resize);
  void return_resized(std::string task);
  void make_pods(const std::string& task, std::int64_t attempt, const Placement& placement);
  void finish(const std::string& task);
  void remember(const std::string& task);
  void forget_pods(std::string task);
  void fail(const std::string& what);

  void nodes(Words words);
  void topology(Words words);
  void queue(Words words);
  void switches(Queue& queue, Words& words);
  void limits(Queue& queue, Words& words);
  void submit(Words words);
  void reject(Words words);
  void foreign(Words words);
  void change_node(const std::string& verb, const std::string& name);
  void shrink(const std::string& name, std::int64_t gpus);
  void change_task(const std::string& verb, const std::string& name);
  void expect(Words words);
  void expect_running(Words words);
  void expect_waiting(Words words);
  void expect_zones(const std::string& task, const std::string& zones);
  void expect_used(const std::string& node, Words words);
  void expect_order(const Words& words);
  void expect_size(const std::string& task, Words words);
  void expect_end(const std::string& task, Words words);
  void expect_moved(Words words);
  void expect_preempted(const std::string& task, Words words);
  const Conflict* conflict_of(const std::string& waiting);
  void expect_conflict(Words words);
  void expect_conflicts(Words words);
  void resolve(Words words);
  void equal(const std::string& what, std::int64_t is, std::int64_t wanted);

  Engine engine_;
  Auditor auditor_;
  Time now_;
  int line_ = 0;
  bool dirty_ = false;
  std::vector<std::string> failures_;
  std::map<std::string, Node> nodes_;
  std::map<std::string, std::int64_t> count_in_zone_;
  std::map<std::string, Queue> queues_;
  std::map<std::string, Task> tasks_;
  std::map<std::string, std::int64_t> runs_ns_;
  std::map<std::string, std::int64_t> grace_ns_;
  std::set<std::pair<std::int64_t, std::string>> ends_;
  std::set<std::pair<std::int64_t, std::string>> leaves_;   // those who were asked to stop
  std::set<std::pair<std::int64_t, std::string>> returns_;  // whose old Pods stop, of another size
  std::map<std::string, std::int64_t> resized_;             // how often
  std::map<std::string, PreemptionKind> preempted_;         // the last time, and why
  std::map<std::string, Placement> placed_;
  std::map<std::string, std::set<std::string>> pods_;  // by task, or by node for foreign ones
  std::vector<std::string> started_;
  ConfigUpdate config_;
  Book book_;
  Moves moves_;
  std::vector<Moves::Move> moved_;
};

}  // namespace sched::scenario
