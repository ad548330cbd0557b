#include "scheduler/order/tend.hpp"

#include <algorithm>
#include <utility>

#include "scheduler/backfill/kept_promises.hpp"
#include "scheduler/limits.hpp"
#include "scheduler/order/pass.hpp"

namespace sched {
namespace {

// A search that was thrown away may look at twice as much at once, so many times; and thrown away
// more often than that it is given up.
constexpr int kTwice = 3, kLostMost = 8;

class Tender {
 public:
  Tender(State& state, Tended& known, Time now, std::int64_t budget)
      : state_(state), known_(known), now_(now), budget_(budget) {}

  Tending run() {
    if (!find_due()) return std::move(out_);
    take_back();
    look_at_ends();
    look_at_shaken();
    make();
    if (out_.promises.empty()) better();
    return std::move(out_);
  }

 private:
  bool find_due();
  void keep_behind(std::vector<TaskId> behind);
  void take_back();
  void look_at_ends();
  void look_at_shaken();
  void make();
  void better();
  std::optional<Tended::Away> taken_up(TaskId task);
  bool search(TaskId task, std::unique_ptr<Calendar>& calendar,
              std::optional<Calendar::Reserved>& found);
  TaskId to_better() const;
  bool better(TaskId task);
  Time not_before(TaskId task) const;
  void propose(TaskId task, const std::optional<Calendar::Reserved>& found);
  bool lacks(TaskId task) const;
  bool counts(TaskId task) const;
  Calendar::Reserved reserved(TaskId task) const;
  Tier tier(TaskId task) const {
    return tier_of(state_.tasks[task].task, state_.queues[state_.tasks[task].queue]);
  }
  std::uint64_t changes() const { return state_.loosened + state_.given_up; }

  State& state_;
  Tended& known_;
  const Time now_;
  const std::int64_t budget_;
  std::vector<TaskId> due_;  // in the total order; of these:
  std::set<TaskId> few_;     // the oldest, as many as may be held
  std::map<TaskId, std::size_t> rank_;
  Tending out_;
  bool given_up_ = false;  // the last search was
};

// False when there is a plan to be carried out first: what is promised without it could take the
// room of who starts by it. The pass has to end before anything is looked for.
bool Tender::find_due() {
  std::vector<TaskId> behind;
  {
    const Pass pass(state_, now_, 1000, Pass::Look::kTend);
    out_.plan_first = !pass.plan().starts.empty();
    if (out_.plan_first) return false;
    due_ = pass.due();
    for (const auto& [task, room] : state_.promises) {
      if (pass.unpromised(state_.tasks[task].queue)) behind.push_back(task);
    }
  }
  out_.deserve = static_cast<std::int64_t>(due_.size());
  for (const TaskId task : due_) rank_.emplace(task, rank_.size());
  std::vector<TaskId> oldest = due_;
  std::sort(oldest.begin(), oldest.end(), [this](TaskId a, TaskId b) {
    const Task& one = state_.tasks[a].task;
    const Task& other = state_.tasks[b].task;
    return std::tie(one.submitted, one.uid) < std::tie(other.submitted, other.uid);
  });
  const std::int64_t most =
      std::clamp<std::int64_t>(state_.config.reservations, 0, kReservationsMax);
  if (oldest.size() > static_cast<std::size_t>(most)) {
    oldest.resize(static_cast<std::size_t>(most));
  }
  few_.insert(oldest.begin(), oldest.end());
  keep_behind(std::move(behind));
  return true;
}

// Behind one that was promised nothing yet the pass has asked nobody: who holds a promise there
// keeps it for the time being.
void Tender::keep_behind(std::vector<TaskId> behind) {
  std::sort(behind.begin(), behind.end(), [this](TaskId a, TaskId b) {
    const TaskRecord& one = state_.tasks[a];
    const TaskRecord& other = state_.tasks[b];
    return one.queue != other.queue ? one.queue < other.queue : state_.less(one.place, other.place);
  });
  for (const TaskId task : behind) rank_.emplace(task, rank_.size());
}

// From whoever does not deserve it; who deserves one beyond what may be held is told that he has
// none.
void Tender::take_back() {
  for (const auto& [task, room] : state_.promises) {
    if (!rank_.contains(task)) out_.promises.push_back({state_.tasks[task].task.uid, {}, {}});
  }
  for (const TaskId task : due_) {
    if (few_.contains(task)) continue;
    const auto held = state_.promises.find(task);
    if (held == state_.promises.end() || !held->second.need.empty()) propose(task, std::nullopt);
  }
  std::erase_if(known_.looks, [this](const auto& l) { return !state_.promises.contains(l.first); });
  std::erase_if(known_.broken, [this](TaskId t) { return !state_.promises.contains(t); });
}

// What should have ended, by what it stated or by its last estimate, since the last look, and runs;
// and what is estimated otherwise than then, since a past run was told late.
void Tender::look_at_ends() {
  std::map<State::End, Time> late;
  for (auto at = state_.ends.begin(); !state_.ends.at_end(at) && !state_.promises.empty();
       at = state_.ends.next(at)) {
    const State::End end = state_.ends.get(at);
    if (end.first > now_.ns) break;
    ++out_.looked;
    const Time expected = expected_end(state_, state_.tasks[end.second], now_);
    late.emplace_hint(late.end(), end, expected);
    const auto before = known_.late.find(end);
    if (before != known_.late.end() && before->second == expected) continue;
    ++known_.moved_ends;
    state_.each_use(end.second, [this](NodeId node, const Amounts&) {
      if (node < state_.promised_on.size() && !state_.promised_on[node].empty()) {
        state_.shaken.insert(node);
      }
    });
  }
  known_.late = std::move(late);
}

void Tender::look_at_shaken() {
  const KeptPromises kept(state_, now_);
  for (const NodeId node : state_.shaken) {
    std::vector<TaskId> here;
    for (const TaskId task : state_.promised_on[node]) {
      if (counts(task)) here.push_back(task);
    }
    std::sort(here.begin(), here.end(),
              [this](TaskId a, TaskId b) { return rank_.at(a) < rank_.at(b); });
    KeptPromises::Binding ahead;
    for (const TaskId task : here) {
      ++out_.looked;
      if (!kept.stands(task, node, ahead)) {
        known_.broken.insert(task);
        continue;
      }
      ahead.insert(std::upper_bound(ahead.begin(), ahead.end(), task), task);
    }
  }
  state_.shaken.clear();
}

// A promise of room that others have to look at.
bool Tender::counts(TaskId task) const {
  const auto held = state_.promises.find(task);
  return held != state_.promises.end() && !held->second.need.empty() && rank_.contains(task) &&
         !known_.broken.contains(task);
}

// Of one that may hold a promise: whether it has none that can be kept.
bool Tender::lacks(TaskId task) const {
  const auto held = state_.promises.find(task);
  if (held == state_.promises.end() || known_.broken.contains(task)) return true;
  if (held->second.need.empty() || held->second.at > now_) return false;
  const auto look = known_.looks.find(task);
  return look == known_.looks.end() || look->second.now != now_;  // its moment came
}

Calendar::Reserved Tender::reserved(TaskId task) const {
  const PromisedRoom& room = state_.promises.at(task);
  return {task, room.at, KeptPromises(state_, now_).end(task), room.ranks, room.where.devices};
}

// A broken one may be found where it was: things changed back, or it was looked at with more care
// than is needed (parts of devices). That is no news.
void Tender::propose(TaskId task, const std::optional<Calendar::Reserved>& found) {
  Promise made{state_.tasks[task].task.uid, {}, now_};
  if (found) {
    made.at = found->begin;
    made.placement.devices = found->devices;
    for (const NodeId node : found->ranks) {
      made.placement.nodes.push_back(state_.cluster.node(node).node.name);
    }
  }
  known_.broken.erase(task);
  known_.looks[task] = {changes(), ++known_.turns, now_};
  const auto held = state_.promises.find(task);
  const bool same = held != state_.promises.end() && held->second.where == made.placement &&
                    (!found || held->second.at == made.at);
  if (!same) out_.promises.push_back(std::move(made));
}

// The search for this task that was put away, if it may be taken up.
std::optional<Tended::Away> Tender::taken_up(TaskId task) {
  std::optional<Tended::Away> away = std::move(known_.put_away.away);
  known_.put_away.away.reset();
  if (!away) return std::nullopt;
  if (away->task == task && away->changes == state_.changes && away->ends == known_.moved_ends) {
    return away;
  }
  known_.lost = std::min(known_.lost + 1, 20);
  return std::nullopt;
}

// Whether the search is over; else it was put away, and the calendar with it. One that was thrown
// away too often is given up, which is over, too, and has found nothing.
bool Tender::search(TaskId task, std::unique_ptr<Calendar>& calendar,
                    std::optional<Calendar::Reserved>& found) {
  const std::int64_t at_once = std::max<std::int64_t>(budget_, 1) << std::min(known_.lost, kTwice);
  if (std::optional<Tended::Away> away = taken_up(task)) {
    if (!away->search->go_on(out_.looked, out_.looked + at_once)) {
      known_.put_away.away = std::move(away);
      return false;
    }
    found = std::move(away->search->found);
    known_.lost = 0;
    if (!found || found->begin > now_) return true;
    found.reset();  // it was begun a while ago, and what it found is over
  }
  if (known_.lost > kLostMost) {
    known_.lost = 0;
    given_up_ = true;
    return true;
  }
  Tended::Away fresh{task, state_.changes, known_.moved_ends, nullptr, nullptr};
  fresh.search = std::make_unique<Calendar::Search>(*calendar, task, kEndless);
  if (!fresh.search->go_on(out_.looked, out_.looked + at_once)) {
    fresh.calendar = std::move(calendar);
    // What was proposed before it changes what it stands on.
    if (out_.promises.empty()) known_.put_away.away = std::move(fresh);
    return false;
  }
  known_.lost = 0;
  found = std::move(fresh.search->found);
  return true;
}

// In the total order, each beside those ahead of it.
void Tender::make() {
  const auto wants = [this](TaskId task) { return few_.contains(task) && lacks(task); };
  if (std::none_of(due_.begin(), due_.end(), wants)) return;
  auto calendar = std::make_unique<Calendar>(state_, now_);
  const std::int64_t begun = out_.looked;
  for (const TaskId task : due_) {
    if (!wants(task)) {
      if (counts(task)) calendar->put(reserved(task));
      continue;
    }
    if (out_.looked - begun >= budget_) {
      out_.unpromised = true;
      return;
    }
    std::optional<Calendar::Reserved> found;
    if (!search(task, calendar, found)) {
      out_.unpromised = true;
      return;
    }
    if (found) calendar->put(*found);
    propose(task, found);
    if (std::exchange(given_up_, false)) known_.looks.erase(task);  // it is looked at again
  }
  out_.unsettled = true;  // what is behind may be broken by it
}

// The one that was not looked at for longest, of those whom something since may have helped.
TaskId Tender::to_better() const {
  TaskId first = kNoId;
  std::uint64_t least = 0;
  for (const TaskId task : due_) {
    if (!few_.contains(task) || !state_.promises.contains(task)) continue;
    const auto look = known_.looks.find(task);
    if (look != known_.looks.end() && look->second.changes == changes()) continue;
    const std::uint64_t turn = look == known_.looks.end() ? 0 : look->second.turn;
    if (first != kNoId && turn >= least) continue;
    first = task;
    least = turn;
  }
  return first;
}

void Tender::better() {
  const std::int64_t begun = out_.looked;
  for (TaskId task = to_better(); task != kNoId; task = to_better()) {
    if (out_.looked - begun >= budget_ || !out_.promises.empty()) {
      out_.unsettled = true;
      return;
    }
    if (!better(task)) {
      out_.unsettled = true;
      return;
    }
  }
}

// Who asks for the same, lasts no longer and stands before it in line comes first: to an earlier
// moment than that one's it is not moved.
Time Tender::not_before(TaskId id) const {
  const TaskRecord& task = state_.tasks[id];
  Time latest = now_;
  for (const auto& [other, held] : state_.promises) {
    const TaskRecord& equal = state_.tasks[other];
    if (other == id || equal.bucket == kNoId || equal.bucket != task.bucket) continue;
    if (held.need.empty() || !state_.less(equal.place, task.place)) continue;
    const auto lasts = [](const TaskRecord& t) {
      return end_after({}, t.task.expected_duration_ns);
    };
    if (lasts(equal) <= lasts(task)) latest = std::max(latest, held.at);
  }
  return latest;
}

// One that was promised nothing takes what it can get, as when a promise is made: a search that may
// be put away. False when it was.
bool Tender::better(TaskId task) {
  const PromisedRoom& room = state_.promises.at(task);
  const bool none = room.need.empty();
  auto calendar = std::make_unique<Calendar>(state_, now_);
  for (const auto& [other, held] : state_.promises) {
    const bool ahead = !none || (rank_.contains(other) && rank_[other] < rank_[task]);
    if (other != task && counts(other) && ahead && tier(other) <= tier(task)) {
      calendar->put(reserved(other));
    }
  }
  std::optional<Calendar::Reserved> found;
  if (none && !search(task, calendar, found)) return false;
  given_up_ = false;
  if (!none) found = calendar->find(task, out_.looked, out_.looked + budget_, room.at);
  known_.looks[task] = {changes(), ++known_.turns, now_};
  if (found && found->begin >= not_before(task)) propose(task, found);
  return true;
}

}  // namespace

Tending tend(State& state, Tended& known, Time now, std::int64_t budget) {
  if (!state.config.keep_promises) return {};
  return Tender(state, known, now, budget).run();
}

}  // namespace sched
