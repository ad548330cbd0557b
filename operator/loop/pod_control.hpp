// PodControl: plain Pods and Pod groups of one leader's term.
//
// A batch is what is placed together: one Pod, or the waiting Pods of a gang.
// It is `forming` while it waits (one per group; its members may come and go),
// and `placed` once the engine has decided. A placed batch of several first
// writes its hold, status.nominatedNodeName of each member, then the Bindings;
// a new leader that finds every member bound or nominated goes on from there. A
// batch that loses a member before all are bound is given up, and what is left
// waits again.
//
// A batch that has to make room for a task above it is told so, member by
// member, in a condition of its own, then evicted whole through the Eviction
// API; a new leader that finds one Pod told goes on with all of them. Pods
// without a controller would not come back, and are never asked.
//
// Every Pod that is bound and has not ended is a member of a placed batch, so
// that it counts for its queue, however it came to be bound; a member that has
// ended gives back its share. Why a Pod waits goes into its PodScheduled
// condition. Threads: the loop's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/workqueue/work_queue.hpp"
#include "operator/loop/overlay.hpp"
#include "operator/loop/world.hpp"
#include "operator/translate/objects.hpp"
#include "operator/translate/plain_pod.hpp"
#include "scheduler/plan.hpp"

namespace fermi {

class PodControl {
 public:
  explicit PodControl(World& world);
  ~PodControl();

  void rebuild();
  void on_pod(const k8s::Informer<k8s::Pod>::Event& event);
  void on_queue(const std::string& name);
  void on_namespace(const std::string& name);
  bool accept(const sched::Start& start);
  // The engine decided that the room of these batches is needed by another task; those that are
  // not of plain Pods are left alone.
  void preempt(const sched::Preemption& preemption, const std::string& by);
  void on_planned();
  // Which rank of which task a Pod is, once its batch is placed.
  std::optional<PodRank> rank_of(const k8s::Pod& pod) const;
  const sched::Task* task(const std::string& uid) const;
  void stop(std::function<void()> drained);
  std::size_t pending() const { return queue_.waiting() + queue_.processing(); }

 private:
  struct Member {
    std::string key, uid;
  };
  // Before the key of a Pod, in the work queue: a Pod without a queue. Others
  // are ids of batches.
  static constexpr std::string_view kStray = "stray ";
  // Members of a placed batch never change: writes that are under way name them
  // by rank. When some have ended, another batch with the same id takes its
  // place.
  struct Batch {
    std::string id, group;
    sched::Task task;
    std::vector<Member> members;     // by rank
    std::vector<std::string> nodes;  // by rank; empty while forming
    std::int64_t attempt = 0;
    sched::Time decided_at;
    std::optional<sched::Time> confirmed;    // since when all of it runs
    std::optional<k8s::TimePoint> ended_at;  // when a member ended whose share is not given back
    k8s::TimePoint placed_at;
    std::optional<std::string> refusal;
    std::string evicted_for;    // for whom it was asked to stop; "" for nobody
    bool refusal_told = false;  // that it could not be evicted
    sched::Reason shown;        // why it waits, as last asked
    std::string said;           // as last written
    k8s::TimePoint said_at;
    std::optional<k8s::TimePoint> slot;
  };
  using BatchRef = std::shared_ptr<Batch>;
  struct Failures {
    int count = 0;
    k8s::WallTime not_before;
  };
  using Finish = k8s::WorkQueue::Finish;

  // What a group's Pods are: those that wait, those that run and are counted,
  // those that run and are not.
  struct Census {
    std::vector<PodRef> waiting, running, uncounted;
  };
  Census census(const std::string& group);
  void reform(const std::string& group);
  void remove_forming(const std::string& group);
  void adopt(const std::string& group);
  void count_bound(const std::string& group);
  void hold(const std::string& group, std::vector<PodRef> members);
  void check_placed(const BatchRef& batch);
  void shrink(const BatchRef& batch);
  sched::Time running_since(const Batch& batch);
  void tell_bound(const Batch& batch);
  void give_up(const BatchRef& batch, const char* why);
  void place(const BatchRef& batch, std::vector<std::string> nodes);
  bool is_current(const BatchRef& batch) const;
  void on_stray(const k8s::Pod& pod);
  std::shared_ptr<const TaskQueue> queue_of(const std::string& name) const;

  // pod_writes.cpp
  void work(const std::string& id, Finish finish);
  void work_forming(const BatchRef& batch, Finish finish);
  void work_placed(const BatchRef& batch, Finish finish);
  void say_why(const BatchRef& batch, const std::string& why, Finish finish);
  void patch_status(const Member& member, nlohmann::json status, bool strategic,
                    std::function<void(k8s::Status)> done);
  void nominate(const BatchRef& batch, std::vector<std::size_t> ranks, Finish finish);
  void bind(const BatchRef& batch, std::vector<std::size_t> ranks, Finish finish);
  void bind_one(const BatchRef& batch, std::size_t rank, std::shared_ptr<bool> retry,
                std::function<void(bool)> next);
  void take_back(const BatchRef& batch, Finish finish);
  void work_stray(const std::string& key, Finish finish);

  // pod_evict.cpp
  void resume_eviction(const BatchRef& batch);
  void protect(Batch& batch, const TaskQueue* queue);
  void work_evicted(const BatchRef& batch, Finish finish);
  void tell_evicted(const BatchRef& batch, std::vector<Member> members, Finish finish);
  void tell_people(const Member& member, const char* reason, const std::string& message);
  void lose_holds(std::vector<Member> members, Finish finish);
  void evict(const BatchRef& batch, std::vector<Member> members, Finish finish);

  PodRef pod_of(const Member& member);
  PodRef with_binding(PodRef pod) const;

  World& world_;
  Overlay<k8s::Pod> pods_;
  std::map<std::string, std::set<std::string>> groups_;                // Pod keys by group
  std::map<std::string, std::string> forming_;                         // batch id by group
  std::map<std::string, BatchRef> batches_;                            // by id
  std::map<std::string, std::pair<std::string, std::size_t>> placed_;  // Pod uid -> id, rank
  std::map<std::string, std::string> bound_;           // Pod uid -> node, until the cache shows it
  std::map<std::string, Failures> failures_;           // by group
  std::map<std::string, k8s::TimePoint> stray_slots_;  // Pod key -> its place in the budget
  k8s::TimerId refresh_timer_ = k8s::TimerId::kNone;
  k8s::WorkQueue queue_;
};

}  // namespace fermi
