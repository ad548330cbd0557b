// World: random small clusters and histories for the engine's properties.
//
// Everything comes from one seed and an own generator, so a failing seed replays on any machine.
// The world keeps the records behind the deltas it hands out: `snapshot` gives the shortest list
// of deltas that leads to the same content, which a fresh engine is built from.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "scheduler/engine.hpp"

namespace sched::property {

class Rng {
 public:
  explicit Rng(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {  // splitmix64
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  // 0 .. n - 1
  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(n));
  }
  bool one_in(std::int64_t n) { return below(n) == 0; }
  template <class T>
  const T& pick(const std::vector<T>& list) {
    return list[static_cast<std::size_t>(below(static_cast<std::int64_t>(list.size())))];
  }
  template <class T>
  void shuffle(std::vector<T>& list) {
    for (std::size_t i = list.size(); i > 1; --i) {
      std::swap(list[i - 1], list[static_cast<std::size_t>(below(static_cast<std::int64_t>(i)))]);
    }
  }

 private:
  std::uint64_t state_;
};

struct WorldOptions {
  std::int64_t nodes_max = 6;
  bool plain = false;       // one queue, one kind of task, no filters: for brute force on placement
  bool topology = false;    // blocks and racks, some tasks ask for one of them
  bool guarantees = false;  // queues have guaranteed room, some of them borrow
  bool parts = false;       // nodes share their devices, and Pods ask for parts of them
  bool elastic = false;     // half of the gangs of one group may have more Pods than they ask for
  bool limits = false;      // queues have quotas of some nodes, limits for tenants, turns
  bool groups = false;      // tasks of groups that say in which zones they may be
  bool grants = false;      // with `limits`: of some nodes something is guaranteed, too
  bool ends = false;        // tasks state how long they last, and outlive it; some queues learn
};

class World {
 public:
  World(std::uint64_t seed, WorldOptions options = {})
      : rng(seed), options_(options), more_(seed + 0x5eed) {}

  // Deltas that set the world up.
  std::vector<Delta> begin();
  // What happens next: one event, as one or more deltas. `starts` are those of a plan that the
  // caller may hand in to be carried out.
  std::vector<Delta> event(const std::vector<Start>& starts);
  // An elastic gang has another size: the next attempt is decided.
  std::vector<Delta> resize(const Resize& resize);
  // The content so far, by kind, shuffled within each kind when asked.
  std::vector<Delta> snapshot(bool shuffled);

  Node random_node(const std::string& name);
  Queue random_queue(const std::string& name);
  Quota random_quota();
  Task random_task(const std::string& uid);
  Resources random_request();
  ConfigUpdate random_levels();
  // Half of its GPUs are parts, where the world has them.
  PodGroup random_group(const std::string& zone, std::int64_t count);

  Rng rng;
  Time now{1'000'000'000};
  std::map<std::string, Node> nodes;
  std::map<std::string, Queue> queues;
  std::map<std::string, PodUpsert> pods;
  ConfigUpdate config;
  struct Known {
    Task task;
    std::optional<Assume> decision;
    std::optional<Confirm> confirmed;
    std::optional<Reject> rejected;
    bool ended = false;
    std::vector<PodUpsert> gone;  // Pods of the decision that were seen and removed
  };
  std::map<std::string, Known> tasks;
  // What tenants had, by queue and tenant, in an own account.
  std::map<std::pair<std::string, std::string>, Served> pasts;
  // How long tasks lasted, every one, and the longest wait, by queue, in an own account.
  std::map<std::string, std::vector<PastRuns>> runs;
  std::map<std::string, std::int64_t> longest_wait;

 private:
  std::vector<Delta> carry_out(const std::vector<Start>& starts);
  std::vector<Delta> node_event();
  std::vector<Delta> queue_event();
  std::vector<Delta> task_event();
  std::vector<Delta> pod_event();
  std::vector<Delta> life_event();
  Known* random_decided();
  void forget_decision(Known& known);
  void note_start(const Task& task);
  void note_end(const Known& known);
  void note_wait(const Known& known);
  std::vector<Delta> tell_run(const Known& known);
  void tell_runs(std::vector<Delta>& deltas, bool shuffled);
  void add_ends(Task& task);
  void forget_pasts(const std::string& queue, bool starts_too);

  void add_limits(Queue& queue);
  void grant(Quota& quota);
  void join(Task& task);

  WorldOptions options_;
  Rng more_;  // for what only some worlds have, so that the others stay as they are
  std::int64_t serial_ = 0;
};

}  // namespace sched::property
