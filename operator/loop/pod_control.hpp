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
// What a preempted batch was (its submit time, how often it was preempted) is kept in the API
// server for the Pods that its controller makes instead (PodMemory).
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
#include "operator/commit/budgets.hpp"
#include "operator/loop/overlay.hpp"
#include "operator/loop/pod_memory.hpp"
#include "operator/loop/world.hpp"
#include "operator/translate/objects.hpp"
#include "operator/translate/plain_pod.hpp"
#include "operator/translate/waiting.hpp"
#include "scheduler/plan.hpp"

namespace fermi {

class PodControl {
 public:
  explicit PodControl(World& world);
  ~PodControl();

  void rebuild();
  // After all Pods are counted: gives up what stands decided on nodes that are overbooked (`full`)
  // and is not bound there yet. A store that was restored from a copy may hold a decision that was
  // made when those who have the room now had none.
  void drop_overbooked(const std::function<bool(const std::string& node)>& full);
  void on_pod(const k8s::Informer<k8s::Pod>::Event& event);
  void on_queue(const std::string& name);
  // A native PodGroup came, went or is another: its Pods may be placed together, or one by one.
  void on_pod_group(const std::string& key);
  void on_claim(const std::string& key);
  void on_namespace(const std::string& name);
  bool accept(const sched::Start& start);
  // The engine decided that the room of these batches is needed by another task; those that are
  // not of plain Pods are left alone.
  void preempt(const sched::Preemption& preemption, const std::string& by);
  void on_planned();
  // The Pods of a placed batch; none when there is no such batch.
  Pods pods_of(const std::string& id);
  // It was to make room and does not: people are to know why.
  void object(const std::string& id, const std::string& why);
  // Whether it may be chosen to make room has changed.
  void retell(const std::string& id);
  // Which rank of which task a Pod is, once its batch is placed.
  std::optional<PodRank> rank_of(const k8s::Pod& pod) const;
  const sched::Task* task(const std::string& uid) const;
  void stop(std::function<void()> drained);
  std::size_t pending() const { return queue_.waiting() + queue_.processing(); }

 private:
  // Whether one that is asked to stop in these words gave way to a peer after its turn.
  static bool ends_a_turn(const std::string& message);
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
    std::string evicted_for;                      // for whom it was asked to stop; "" for nobody
    std::string objection;                        // why it did not make room, and not told yet
    std::string pinned;                           // where its volumes are, in words
    std::map<std::string, std::string> selected;  // node by key of a claim, as it was told
    bool refusal_told = false;                    // that it could not be evicted
    bool remembered = false;  // that it is preempted: for the Pods that come instead
    sched::Reason shown;      // why it waits, as last asked
    Outlook outlook;          // and what else is known of when it starts
    std::string said;         // as last written
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
  std::shared_ptr<const k8s::PodGroup> native_of(const k8s::Pod& pod) const;
  std::string join(const k8s::Pod& pod);
  std::string group_of(const k8s::Pod& pod) const;
  void leave(const std::string& group, const std::string& pod);
  sched::Task task_of(const std::vector<PodRef>& members, std::int64_t bound) const;
  Census census(const std::string& group);
  void reform(const std::string& group);
  void remove_forming(const std::string& group);
  std::string pin(const std::string& group, const std::vector<PodRef>& members, sched::Task& task);
  void index_claims(const std::string& group, std::set<std::string> keys);
  void adopt(const std::string& group);
  void count_bound(const std::string& group);
  void hold(const std::string& group, std::vector<PodRef> members);
  void check_placed(const BatchRef& batch);
  void shrink(const BatchRef& batch);
  sched::Time running_since(const Batch& batch);
  void tell_bound(const Batch& batch);
  void give_up(const BatchRef& batch, const std::string& why);
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
  void await_start(const BatchRef& batch, Finish finish);
  void nominate(const BatchRef& batch, std::vector<std::size_t> ranks, Finish finish);
  std::optional<std::pair<std::string, std::string>> unselected(const Batch& batch);
  void select_node(const BatchRef& batch, const std::string& claim, const std::string& node,
                   Finish finish);
  void bind(const BatchRef& batch, std::vector<std::size_t> ranks, Finish finish);
  void bind_one(const BatchRef& batch, std::size_t rank, std::shared_ptr<bool> retry,
                std::function<void(bool)> next);
  void take_back(const BatchRef& batch, Finish finish);
  void work_stray(const std::string& key, Finish finish);

  // pod_evict.cpp
  void resume_eviction(const BatchRef& batch);
  void protect(Batch& batch, const TaskQueue* queue);
  void work_evicted(const BatchRef& batch, Finish finish);
  // A condition of each of these Pods: whether they make room, for whom or why not.
  struct Told {
    bool goes = false;
    std::string reason, message;
  };
  void tell_evicted(std::vector<Member> members, Told told, Finish finish);
  void work_objection(const BatchRef& batch, Finish finish);
  void tell_people(const Member& member, const char* reason, const std::string& message);
  void lose_holds(std::vector<Member> members, Finish finish);
  void evict(const BatchRef& batch, std::vector<Member> members, Finish finish);
  void evict_one(const BatchRef& batch, const Member& member, const std::string& violates,
                 std::function<void(bool retry)> done);

  // pod_past.cpp
  bool knows_past(const std::string& group, const PodMemory::Owner& owner);
  std::string inheritance(const k8s::Pod& pod, const PodPasts& pasts) const;
  void recall(const std::string& group, const std::vector<PodRef>& members, sched::Task& task);
  void recall_all(const std::string& group);
  void recall_placed(Batch& batch);
  void remember(const BatchRef& batch, Finish finish);
  void forget_past(const Batch& batch);
  void forget_owner(const std::string& group);

  PodRef pod_of(const Member& member);
  PodRef with_binding(PodRef pod) const;

  World& world_;
  Overlay<k8s::Pod> pods_;
  std::map<std::string, std::set<std::string>> groups_;  // Pod keys by group
  // The group that each Pod of a native PodGroup is in, by that PodGroup and the Pod's key.
  std::map<std::string, std::map<std::string, std::string>> natives_;
  std::map<std::string, std::string> forming_;                         // batch id by group
  std::map<std::string, BatchRef> batches_;                            // by id
  std::map<std::string, std::pair<std::string, std::size_t>> placed_;  // Pod uid -> id, rank
  std::map<std::string, std::string> bound_;  // Pod uid -> node, until the cache shows it
  std::map<std::string, std::set<std::string>> claims_;  // groups that wait, by key of a claim
  std::map<std::string, std::set<std::string>> claims_of_group_;
  std::map<std::string, Failures> failures_;  // by group
  PodMemory memory_;
  std::set<std::string> recalling_;                    // groups whose past is being read
  std::map<std::string, std::string> group_owner_;     // the controller's uid, by group
  std::map<std::string, std::size_t> groups_of_;       // by the controller's uid
  std::map<std::string, k8s::TimePoint> stray_slots_;  // Pod key -> its place in the budget
  k8s::TimerId refresh_timer_ = k8s::TimerId::kNone;
  k8s::WorkQueue queue_;
};

}  // namespace fermi
