// Calendar: what the future holds, as far as expected ends tell: the reservations of one pass.
//
// A reservation is room on named nodes, from a time on, for a task that cannot start now. It is
// sub-node: some GPUs of a node, not the node. Somebody else may start now if, at every moment at
// which both would run, the node still has what the reservation needs: what of the room that is
// free now must be left alone for that is taken from a trial by `keep`.
//
// Exact: `reserve` finds the first moment at which the gang has room, and its queue's leave
// (leave.hpp), for its whole expected duration beside every reservation made before, given the
// expected ends, and given where those reservations lie (parts of devices are counted with care: a
// device that others share until then is not counted on by who needs it whole, so that for gangs
// that share or meet those who do it may be a later moment). A reservation takes room that is about
// to be given back before room that is free now, so that as little as possible is kept idle; as
// tasks start, `renew` moves it to keep it so. Whom its task may have stop counts as ended when
// nothing protects him any more. (EASY: Lifka 1995; conservative backfill and its analysis: Mu'alem
// and Feitelson 2001.)
//
// It counts ahead for the one shape (place/trial.hpp): the live state does not move, but for gangs
// whose groups compete for one zone's room, and then only until the call returns; nobody is woken.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "scheduler/backfill/future.hpp"
#include "scheduler/backfill/leave.hpp"
#include "scheduler/place/trial.hpp"
#include "scheduler/preempt/promise.hpp"

namespace sched {

class Calendar {
 public:
  struct Reserved {
    TaskId task = kNoId;
    Time begin, end;
    std::vector<NodeId> ranks;
    std::vector<std::int64_t> devices{};  // by rank, as in Gang
  };

  Calendar(State& state, Time now) : state_(state), now_(now), leave_(state, now) {}

  // Reserves the earliest room for a waiting task. False when no expected end gives it room.
  // `looked` counts the ends and nodes looked at in this pass; it ends all search at
  // ConfigUpdate::reservation_ends.
  bool reserve(TaskId task, std::int64_t& looked);
  // The same, before some moment, until `most` were looked at; it is not reserved.
  std::optional<Reserved> find(TaskId task, std::int64_t& looked, std::int64_t most, Time before);
  // The same search, which may be cut off and taken up again as long as the state and this calendar
  // stay as they are.
  class Search;
  // Reserves just this.
  void put(const Reserved& reserved) { add(reserved); }
  // A task that starts in this pass; it gives its room back at `end`. `ranks`: its nodes, which
  // have to lie still.
  void started(TaskId task, const Gang& gang, Time end, const std::vector<NodeId>& ranks);
  // Finds the rooms anew, in the same order, if something started since: none begins later.
  // Returns whether it did.
  bool renew(std::int64_t& looked);

  const std::vector<Reserved>& reservations() const { return reservations_; }
  Leave& leave() { return leave_; }
  // The claims of all reservations but that of this task.
  Leave::Claims claims(TaskId but) const;
  // What is past its stated end, or does not run yet: estimated as of this pass.
  const Late& late() {
    if (!late_) late_ = sched::late(state_, now_);
    return *late_;
  }
  // The first reservation that begins before `end`, of another than `but`, or null.
  const Reserved* first_before(Time end, TaskId but = kNoId) const;
  // The same of those that may be in the way of the task: somebody else's, with a node that could
  // take a Pod of it.
  const Reserved* first_in_way(TaskId task, Time end) const;
  // Takes from the trial what whoever runs from now until `end` must leave free. Only nodes that
  // take a Pod of its shape now. What is reserved for the task `of` itself is not counted.
  void keep(Trial& trial, Time end, TaskId of = kNoId);
  // The same of all nodes. What is reserved for the task `of` itself is not counted.
  NodeAmounts kept(Time end, TaskId of = kNoId);
  // The same of one node, if all of `gone` had ended by now and gave nothing back later.
  Amounts kept_on(NodeId node, Time end, TaskId of, const std::vector<Release>& gone);
  Time expected_end_of(TaskId task) const { return expected_end(state_, state_.tasks[task], now_); }
  bool reserves(NodeId node) const { return spot(node) != kNoId; }

 private:
  struct Booking {  // on one node
    Time begin, end;
    const Amounts* amounts = nullptr;
    TaskId task = kNoId;
  };
  struct Booked {  // a node with reservations
    NodeId node = kNoId;
    std::vector<Booking> bookings;
    bool known = false;             // `releases` are; made when they are first asked for
    std::vector<Release> releases;  // of what ran before this pass
  };
  class Beside;

  // What all searches of a pass may look at.
  std::int64_t ends_of_pass() const;
  void add(const Reserved& reserved);
  const Amounts& use(const Shape& shape, std::size_t rank,
                     const std::vector<std::int64_t>& devices);
  // The position of a node in `booked_`; kNoId when it has no reservations.
  std::uint32_t spot(NodeId node) const { return node < spot_of_.size() ? spot_of_[node] : kNoId; }
  // `applied`: what ends until `from` has been ended already, for this task.
  Amounts kept_on(Booked& booked, Time from, Time to, TaskId applied,
                  const std::vector<Release>& gone = {}) const;
  bool ended(const Booked& booked, const Release& release, Time at) const;
  // Whether the first waits, and may have the second stop by then.
  bool yields(TaskId holder, TaskId task, Time at) const {
    return task != kNoId && may_have_stop_from(state_, holder, task, now_) <= at;
  }
  const std::vector<Release>& releases_of(Booked& booked) const;
  std::vector<Release> releases_on(NodeId node) const;
  const std::vector<Release>& started();  // soonest first

  State& state_;
  const Time now_;
  Leave leave_;
  std::vector<Reserved> reservations_;
  std::vector<Booked> booked_;
  std::vector<std::uint32_t> spot_of_;  // by node
  std::optional<Late> late_;
  std::vector<Release> started_;  // of this pass
  bool sorted_ = true;            // soonest first
  std::map<NodeId, std::vector<Release>> started_on_;
  bool stale_ = false;
  // What Pods use that share a device, by profile and device: lies still, as bookings point to it.
  std::map<std::pair<ProfileId, std::int64_t>, Amounts> shared_uses_;
};

class Calendar::Search {
 public:
  // The calendar must outlive it.
  Search(Calendar& calendar, TaskId task, Time before);
  ~Search();
  // Goes on until `looked` reaches `most`. True when it is over: `found` says what there is.
  bool go_on(std::int64_t& looked, std::int64_t most);
  std::optional<Reserved> found;

 private:
  struct Parts;
  std::optional<Gang> place(Time at, Time to, std::int64_t& looked);
  std::optional<Gang> place_guarded(Time at, std::int64_t& looked);
  Calendar& calendar_;
  const TaskId task_;
  const Time before_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace sched
