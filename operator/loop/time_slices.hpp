// TimeSlices: tasks that take turns in the same room because an administrator resolved their
// conflict by time slice.
//
//   accepted ──> one has the room, the others wait ──┐ the slice of who has it is over,
//                        ^                           │ and no promise keeps it
//                        └──── the next turn <───────┘
//
// Each turn is a wish like the first: asked of the engine, audited, refused where it would break a
// promise (then it is asked again when that is over). Whoever has waited longest is next. Turns end
// for good, and the queue's status says why, when
//
//   - fewer than two of the tasks are left, or all of them have room, for a minute;
//   - no promise will ever let another of them have a turn (High, a higher tier, nobody brings it
//     back);
//   - `kTurnsMax` have been taken;
//   - an administrator says Stop, or resolves a conflict of one of them in another way.
//
// What goes on stands in the queue's status (resolutions[].turns), from where the next leader takes
// it. Looking costs nothing while no turn is due. Threads: the loop's.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operator/api/task_queue.hpp"
#include "operator/loop/world.hpp"
#include "scheduler/conflicts/book.hpp"

namespace fermi {

inline constexpr std::int64_t kTurnsMax = 1000;
inline constexpr std::size_t kSlicesOfQueue = 5;

class TimeSlices {
 public:
  // `changed` is called with the name of a queue whose turns are others now.
  TimeSlices(World& world, std::function<void(const std::string& queue)> changed)
      : world_(world), changed_(std::move(changed)) {}

  // What the last leader said of a queue.
  void restore(const TaskQueue& queue);
  void remove(const std::string& queue) { slices_.erase(queue); }
  // The first turn of a conflict of this queue has been granted: others follow, or `answer` says
  // why not.
  void begin(const std::string& queue, const sched::Conflict& conflict, QueueResolution& answer);
  // Ends the turns in which this task has a part; false when there are none.
  bool end(const std::string& uid, const std::string& why);
  // The same for turns of the queue by the id of their conflict or "namespace/name" of a task.
  bool end_named(const std::string& queue, const std::string& text, const std::string& why);
  // Gives turns that are due; when to look again, if something goes on.
  std::optional<k8s::Duration> step(const sched::Book& book);
  // As the queue's status is to have them.
  std::vector<QueueResolution> of(const std::string& queue) const;

 private:
  struct Slice {
    QueueResolution said;
    k8s::TimePoint due;  // of the next look; over: until then it is shown in any case
    std::optional<k8s::TimePoint> calm_since;  // since when there is nothing to take turns in
    bool goes_on() const { return !said.between.empty(); }
    bool has(const std::string& uid) const;
  };
  void add(const std::string& queue, const QueueResolution& said, k8s::TimePoint due);
  void finish(const std::string& queue, Slice& slice, const std::string& why);
  void step(const std::string& queue, Slice& slice, const sched::Book& book);
  void turn(const std::string& queue, Slice& slice, const sched::Book& book);
  // Why there is nothing to take turns in now; "" when there is.
  std::string calm(const Slice& slice) const;
  bool is_told(const std::string& queue, const Slice& slice) const;

  World& world_;
  std::function<void(const std::string&)> changed_;
  std::map<std::string, std::vector<Slice>> slices_;  // by queue
};

// Puts down where room is kept, so that the next leader keeps it, too.
void keep_in(QueueResolution& resolution, const sched::Hold& kept);

}  // namespace fermi
