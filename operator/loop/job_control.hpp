// JobControl: all TrainingJobs of one leader's term.
//
// For each job it keeps two sides in step with what stands in the job's status:
//   - the engine: `sync` feeds it the deltas that make its picture of the task that of the status
//     (waits, holds a place, runs, has ended). Decisions that another leader wrote are taken over
//     if their room is still free, and taken back if not.
//   - the cluster: a work queue brings each job whose situation changed to `work`, which asks the
//     machine for one step, carries it out, and comes back for the next.
//
// A decision of the engine is first only in memory (`decided`), then written to the status, and
// dropped if the job has changed meanwhile. Threads: the loop's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "libk8s/workqueue/work_queue.hpp"
#include "operator/commit/budgets.hpp"
#include "operator/commit/job_committer.hpp"
#include "operator/loop/overlay.hpp"
#include "operator/loop/world.hpp"
#include "operator/translate/objects.hpp"

namespace fermi {

class JobControl {
 public:
  JobControl(World& world, PodBook& pods);
  ~JobControl();

  // Takes in every job of the cache; decisions that stand in statuses are kept without question.
  void rebuild();
  // After all Pods are counted: gives up what stands decided on nodes that are overbooked (`full`)
  // and is not bound there yet. A store that was restored from a copy may hold a decision that was
  // made when those who have the room now had none.
  void drop_overbooked(const std::function<bool(const std::string& node)>& full);

  void on_job(const k8s::Informer<TrainingJob>::Event& event);
  // A Pod of this owner changed.
  void on_pod(const std::string& owner_uid);
  // A Pod of a gang is gone, and the engine has been told: its rank has no room any more.
  void on_rank_gone(const PodRank& rank);
  void on_node(const std::string& name);
  // The rules of a queue changed, or it came or went.
  void on_queue(const std::string& name);
  void on_namespace(const std::string& name);
  void on_config();
  // A claim changed, or came or went.
  void on_claim(const std::string& key);

  // The engine decided about a job; false when there is no such job.
  bool accept(const sched::Start& start);
  // The engine decided that the room of these jobs is needed by another task; those that are not
  // jobs are left alone.
  void preempt(const sched::Preemption& preemption, const std::string& by);
  // The engine decided that an elastic job goes on with other nodes: counted so from now on, and
  // carried out once it may. False when there is no such job, or it has moved on.
  bool book_resize(const sched::Resize& resize, const std::string& by,
                   const std::string& by_task_id);
  void carry_out_resize(const std::string& uid);
  // It stays as it is, if it is not told yet.
  void forget_resize(const std::string& uid);
  // The Pods of a job that are known now; none when there is no such job.
  Pods pods_of(const std::string& uid) { return pods_.controlled_by(uid); }
  // It was to make room and does not: people are to know why.
  void object(const std::string& uid, const std::string& why);
  // Whether it may be chosen to make room has changed.
  void retell(const std::string& uid);
  // After a pass of the engine: new jobs may be written about, and positions have moved.
  void on_planned();
  // When who waits will start is known anew.
  void on_foreseen();

  // Whether a Pod of this rank that failed still holds its room: its gang's attempt is not over,
  // and the next one may want the same places.
  bool keeps(const PodRank& rank) const;
  // As the engine was told of it, or null.
  const sched::Task* task(const std::string& uid) const;

  void stop(std::function<void()> drained);
  std::size_t pending() const { return queue_.waiting() + queue_.processing(); }

 private:
  struct Record;
  using RecordRef = std::shared_ptr<Record>;

  void learn(const TrainingJob& job, bool rebuilding);
  RecordRef record_of(const TrainingJob& job);
  void drop(const std::string& uid);

  // --- the engine's side (job_sync.cpp)
  void sync(Record& r, const TrainingJob& job, bool rebuilding);
  void count_cost(const Record& r, const TrainingJob& job);
  void sync_phase(Record& r, const TrainingJob& job, bool rebuilding);
  void sync_waiting(Record& r, const TrainingJob& job, const sched::Task& task);
  void sync_placed(Record& r, const TrainingJob& job, const sched::Task& task, bool rebuilding);
  // A namespace that its queue does not take in, as the reason why its task is held.
  void hold_for_namespace(Record& r, const TrainingJob& job, const TaskQueue* queue,
                          sched::Task& task);
  // What it waits for, as the reason why its task is held.
  void hold_for_others(Record& r, const TrainingJob& job, sched::Task& task);
  void index_after(Record& r, const TrainingJob& job);
  // Where its volumes let it run, as part of its task.
  void pin(Record& r, const TrainingJob& job, sched::Task& task);
  std::vector<SelectNode> unselected(const Record& r, const TrainingJob& job) const;
  void tell_dependents(const std::string& key);
  void sync_ended(Record& r, const TrainingJobStatus& status);
  void tell_task(Record& r, const sched::Task& task);
  void release(Record& r, const TrainingJob& job, const std::string& why);
  void index_nodes(Record& r, const std::vector<std::string>& nodes);
  void book_unseen(const Record& r);
  // Books the next attempt of a gang on its own nodes before that is written down.
  void book_restart(Record& r, const TrainingJob& job, const TrainingJobStatus& next);
  void drop_stale_resize(Record& r, const TrainingJob& job);
  bool has_room(const TrainingJob& job, const JobPlacement& placement) const;
  std::int64_t free_port(const Record& r) const;
  static const std::string& queue_name(const TrainingJob& job);
  std::shared_ptr<const TaskQueue> queue_of(const TrainingJob& job) const;

  // --- the cluster's side
  void work(const std::string& key, k8s::WorkQueue::Finish finish);
  JobFacts facts_of(Record& r, const TrainingJob& job);
  std::optional<std::int64_t> guarantee_of(const Record& r) const;
  bool is_overdue(Record& r, const JobFacts& facts);
  static bool is_room_kept(const JobFacts& facts);
  std::optional<Waiting> waiting_of(Record& r, const TrainingJob& job);
  Obstacle obstacle_of(const Record& r, const TrainingJob& job) const;
  // What it would cost where it is expected to go; else at least, by the cheapest nodes it may use.
  std::int64_t waiting_cost(Record& r, const TrainingJob& job, const Foreseen& foreseen) const;
  void arm_refresh();
  void carry_out(RecordRef r, std::shared_ptr<const TrainingJob> job, Step step,
                 k8s::WorkQueue::Finish finish);
  void write(RecordRef r, std::shared_ptr<const TrainingJob> job, WriteStatus step,
             k8s::WorkQueue::Finish finish);
  void fold(const Record& r, const TrainingJob& job, k8s::WorkQueue::Finish finish);
  void written(Record& r, const TrainingJob& before, const WriteStatus& step);
  void tell_people(const TrainingJob& job, const std::vector<Notice>& notices);
  void refresh();

  World& world_;
  PodBook& pods_;
  Overlay<TrainingJob> jobs_;
  JobCommitter committer_;
  std::map<std::string, RecordRef> records_;              // by uid
  std::map<std::string, std::string> uids_;               // by key
  std::map<std::string, std::set<std::string>> on_node_;  // uids by node
  std::map<std::string, std::set<std::string>> after_;    // uids by key of the job they wait for
  std::map<std::string, std::set<std::string>> claims_;   // uids by key of the claim they use
  std::set<std::string> fresh_;                           // keys that wait for a first plan
  std::set<std::string> heads_;                           // keys last seen among the first
  std::string sweep_after_;                               // uid where the sweep goes on
  std::size_t sweep_left_ = 0;                            // records still to be looked at
  k8s::TimerId refresh_timer_ = k8s::TimerId::kNone;
  k8s::WorkQueue queue_;  // last: it must go first
};

}  // namespace fermi
