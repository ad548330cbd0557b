// PlainCosts: what plain Pods spend, from when a node takes them until they have ended.
//
// A plain Pod has no status of ours and carries no finalizer of ours (its controller waits for it
// to go, with or without Fermi). Instead
//   - the ledger knows each one that spends: who is charged, how much, since when. What vanished
//     while nobody led is counted up to when the next leader looked;
//   - one that has ended is folded into the ledger, then told its cost in an annotation. That says
//     to every later leader that it is done; until then a mark in the ledger does.
// Pods that cost nothing are left alone.
// Threads: the loop's.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "libk8s/workqueue/work_queue.hpp"
#include "operator/loop/world.hpp"

namespace fermi {

class PlainCosts {
 public:
  explicit PlainCosts(World& world);

  // After the caches are synced; takes over what the ledger knows.
  void rebuild();
  void on_pod(const k8s::Informer<k8s::Pod>::Event& event);
  void stop(std::function<void()> drained);

 private:
  using Finish = k8s::WorkQueue::Finish;
  struct Tracked {
    std::string key;
    Spending spending;
    std::optional<k8s::WallTime> end;
    std::optional<FinishedRun> run;
    bool told = false;
  };
  void look(const k8s::Pod& pod);
  void ended(const std::string& uid, k8s::WallTime end);
  void work(const std::string& uid, Finish finish);
  void forget(const std::string& uid);
  void tell_cost(const std::string& uid, const Tracked& tracked, Finish finish);

  World& world_;
  std::map<std::string, Tracked> tracked_;  // by uid
  k8s::WorkQueue queue_;
};

}  // namespace fermi
