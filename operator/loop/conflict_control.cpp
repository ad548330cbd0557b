#include "operator/loop/conflict_control.hpp"

#include <algorithm>
#include <utility>

#include "operator/translate/conflicts.hpp"

namespace fermi {
namespace {

constexpr k8s::Duration kSettle = std::chrono::milliseconds(100);
constexpr k8s::Duration kPeriod = std::chrono::seconds(1);
constexpr std::int64_t kSecond = 1'000'000'000, kTellAfter = 10 * kSecond;
constexpr k8s::Duration kPatience = std::chrono::minutes(1);
constexpr std::size_t kToldAtOnce = 5, kMessageMax = 1024;

bool serious(sched::Severity severity) { return severity >= sched::Severity::kHigh; }

}  // namespace

ConflictControl::ConflictControl(World& world, std::function<void(const std::string&)> changed)
    : world_(world),
      changed_(changed),
      slices_(world, std::move(changed)),
      history_(world.loop, world.writer, world.options.ns, world.caches.ledger) {}

ConflictControl::~ConflictControl() { world_.loop.cancel(timer_); }

// Whoever led before has told people of what was serious, or would have soon.
void ConflictControl::restore(const TaskQueue& queue) {
  slices_.restore(queue);
  for (const QueueConflict& shown : queue.status.conflicts) {
    book_.restore(shown.id, {shown.since.ns});
    inherited_[shown.id] = {queue.meta.name, shown};
    for (const QueueResolution& r : queue.status.resolutions)
      if (r.outcome == "Accepted" && r.conflict == shown.id && r.at >= shown.since)
        resolved_[shown.id] = r.strategy;
    const auto severity = sched::severity(shown.severity);
    if (severity && serious(*severity)) told_.insert(shown.id);
  }
}

void ConflictControl::resume(const TaskQueue& queue) {
  const k8s::WallTime now = world_.loop.wall_now();
  for (const QueueResolution& r : queue.status.resolutions)
    if (r.until > now)
      world_.engine.apply(sched::Hold{r.held_for, {r.nodes, r.devices}, {r.until.ns}});
}

void ConflictControl::stop() {
  stopped_ = true;
  world_.loop.cancel(timer_);
}

// --- looking

void ConflictControl::on_planned() {
  const k8s::TimePoint soonest = looked_ + kPeriod, now = world_.loop.now();
  look_after(std::max(kSettle, soonest - now));
}

void ConflictControl::look_after(k8s::Duration delay) {
  if (stopped_) return;
  const k8s::TimePoint due = world_.loop.now() + delay;
  if (timer_ != k8s::TimerId::kNone) {
    if (due_ <= due) return;
    world_.loop.cancel(timer_);
  }
  due_ = due;
  timer_ = world_.loop.after(delay, [this] {
    timer_ = k8s::TimerId::kNone;
    look();
  });
}

// Times are whole seconds, as the status has them.
void ConflictControl::look() {
  looked_ = world_.loop.now();
  const sched::Time now = world_.engine.now();
  const sched::Survey survey = world_.engine.engine().conflicts(now);
  const auto changes = book_.update(survey, {now.ns / kSecond * kSecond});
  std::set<std::string> queues;
  // A wish that came before the first look has not been answered.
  if (!ready_)
    world_.caches.queues.for_each([&](const auto& queue) { queues.insert(queue->meta.name); });
  ready_ = true;
  for (const auto* const part : {&changes.begun, &changes.changed, &changes.over})
    for (const sched::Conflict& conflict : *part) queues.insert(conflict.waits.queue);
  for (const sched::Conflict& conflict : changes.over) close(conflict);
  close_inherited();
  forget_late();
  count();
  tell_people(now);
  for (const std::string& queue : queues) changed_(queue);
  if (const auto turn = slices_.step(book_)) look_after(*turn);
  // A timer far away is set anew from time to time: wall clocks are adjusted.
  const k8s::Duration most = std::chrono::hours(1);
  if (survey.next)
    look_after(std::min(most, k8s::Duration(std::max<std::int64_t>(survey.next->ns - now.ns, 1))));
}

void ConflictControl::count() {
  auto& open = world_.metrics.open_conflicts;
  for (auto& [key, count] : open) count = 0;
  for (const sched::Conflict* conflict : book_.by_arrival())
    ++open[{sched::name(conflict->type), sched::name(conflict->severity)}];
}

// --- what is over

std::string ConflictControl::outcome(const std::string& id, const std::string& uid,
                                     const std::string& name) const {
  const auto by = resolved_.find(id);
  const std::string how = by == resolved_.end() ? "" : ", resolved " + by->second;
  const auto state = world_.engine.engine().state(uid);
  if (!state || *state == sched::TaskState::kEnded) return name + " does not wait any more" + how;
  if (*state == sched::TaskState::kWaiting) return name + " waits for other reasons now" + how;
  return name + " has its room" + how;
}

void ConflictControl::close(const sched::Conflict& conflict) {
  const std::string how = outcome(conflict.id, conflict.waits.uid, conflict.waits.name);
  if (told_.erase(conflict.id) != 0) tell(conflict, true, how);
  remember(conflict.waits.queue, to_status(conflict), how);
}

// Those that were over before this leader's first look: nobody else will tell of them.
void ConflictControl::close_inherited() {
  for (auto& [id, shown] : std::exchange(inherited_, {})) {
    const sched::Conflict* const open = book_.find(id);
    if (open != nullptr && whole_seconds({open->began.ns}) == shown.conflict.since) continue;
    const ConflictParty& waits = shown.conflict.waiting;
    const std::string name = waits.ns.empty() ? waits.name : waits.ns + "/" + waits.name;
    const std::string how = outcome(id, waits.task_id, name);
    if (open == nullptr) told_.erase(id);
    remember(shown.queue, std::move(shown.conflict), how);
  }
}

void ConflictControl::remember(const std::string& queue, QueueConflict conflict,
                               const std::string& how) {
  const std::string id = conflict.id;
  conflict.resolution = how.substr(0, kMessageMax);
  conflict.resolution_at = whole_seconds(world_.loop.wall_now());
  resolved_.erase(id);
  const k8s::WallTime since = conflict.since;
  leaving_[id] = {since, queue, world_.loop.now() + kPatience};
  history_.add(queue, std::move(conflict), [this, id, since, queue] {
    const auto going = leaving_.find(id);
    if (going == leaving_.end() || going->second.since != since) return;
    leaving_.erase(going);
    if (!stopped_) changed_(queue);
  });
}

// A ledger that cannot be written is no reason to show for ever what is over.
void ConflictControl::forget_late() {
  const k8s::TimePoint now = world_.loop.now();
  std::optional<k8s::TimePoint> next;
  for (auto it = leaving_.begin(); it != leaving_.end();) {
    if (it->second.until <= now) {
      changed_(it->second.queue);
      it = leaving_.erase(it);
    } else {
      next = std::min(next.value_or(it->second.until), it->second.until);
      ++it;
    }
  }
  if (next) look_after(*next - now);
}

// --- people

void ConflictControl::tell_people(sched::Time now) {
  std::size_t told = 0;
  for (const sched::Conflict* conflict : book_.by_severity()) {
    if (!serious(conflict->severity) || told_.count(conflict->id) != 0) continue;
    const std::int64_t left = conflict->began.ns + kTellAfter - now.ns;
    if (left > 0 || told == kToldAtOnce) {
      look_after(k8s::Duration(std::max(left, kSecond)));
      continue;
    }
    ++told;
    told_.insert(conflict->id);
    tell(*conflict, false, in_words(*conflict));
  }
}

void ConflictControl::tell(const sched::Conflict& conflict, bool over, const std::string& how) {
  const auto queue = world_.caches.queues.get(conflict.waits.queue);
  if (queue == nullptr) return;
  k8s::EventNote note;
  note.regarding = {std::string(kApiVersion), "TaskQueue", "", queue->meta.name, queue->meta.uid};
  note.warning = !over;
  note.reason = over ? "ConflictResolved" : "Conflict";
  note.action = over ? "Resolve" : "Observe";
  note.note = over ? std::string(sched::name(conflict.type)) + " " + conflict.id + ": " + how : how;
  world_.events.record(note);
}

void ConflictControl::show(const TaskQueue& queue, QueueFacts& facts) const {
  facts.slices = slices_.of(queue.meta.name);
  if (!ready_) {
    facts.conflict_counts = queue.status.conflict_counts;
    facts.conflicts = queue.status.conflicts;
    return;
  }
  for (const sched::Conflict* conflict : book_.by_severity()) {
    if (conflict->waits.queue != queue.meta.name) continue;
    ::fermi::count(conflict->severity, facts.conflict_counts);
    if (facts.conflicts.size() < kShownConflicts) facts.conflicts.push_back(to_status(*conflict));
  }
  for (const QueueConflict& shown : queue.status.conflicts) {
    const auto going = leaving_.find(shown.id);
    if (going == leaving_.end() || going->second.since != shown.since) continue;
    if (book_.find(shown.id) != nullptr || facts.conflicts.size() >= kShownConflicts) continue;
    if (const auto severity = sched::severity(shown.severity))
      ::fermi::count(*severity, facts.conflict_counts);
    facts.conflicts.push_back(shown);
  }
}

// --- what administrators want

// By its id, or by "namespace/name" of the task that waits.
const sched::Conflict* ConflictControl::find(const std::string& queue,
                                             const std::string& text) const {
  for (const sched::Conflict* conflict : book_.by_severity())
    if (conflict->waits.queue == queue && (conflict->id == text || conflict->waits.name == text))
      return conflict;
  return nullptr;
}

QueueResolution ConflictControl::resolve(const TaskQueue& queue, const std::string& text) {
  const ConflictWish wish = read_wish(text);
  QueueResolution out{
      wish.conflict, wish.strategy, "Refused", wish.problem, whole_seconds(world_.loop.wall_now()),
      text};
  if (!wish.problem.empty()) return out;
  if (wish.stops) return stop_turns(queue.meta.name, std::move(out));
  const sched::Conflict* const conflict = find(queue.meta.name, wish.conflict);
  if (conflict == nullptr) {
    out.message = "no conflict " + wish.conflict.substr(0, 60) + " is open in queue " +
                  queue.meta.name + "; status.conflicts has those that are";
    return out;
  }
  sched::Resolve asked{conflict->waits.uid, {}, *wish.by, world_.engine.now()};
  for (const sched::Party& other : conflict->others) asked.others.push_back(other.uid);
  out.conflict = conflict->id;
  sched::Hold kept;
  const sched::Ruling ruling = world_.engine.resolve(asked, kept);
  out.message = sched::sentence(ruling).substr(0, kMessageMax);
  const auto verdict = ruling.verdict;
  const bool done = verdict == sched::Verdict::kGranted;
  if (!done && verdict != sched::Verdict::kUnderWay && verdict != sched::Verdict::kStarts)
    return out;
  out.outcome = "Accepted";
  resolved_[out.conflict] = wish.strategy;
  if (!done) return out;
  ++world_.metrics.resolutions;
  keep_in(out, kept);
  if (*wish.by == sched::Settlement::kTimeSlice)
    slices_.begin(queue.meta.name, *conflict, out);
  else
    slices_.end(asked.task, "another wish took their place");
  return out;
}

QueueResolution ConflictControl::stop_turns(const std::string& queue, QueueResolution out) {
  const sched::Conflict* const conflict = find(queue, out.conflict);
  const std::string why = "an administrator ended them";
  if (slices_.end_named(queue, out.conflict, why) ||
      (conflict != nullptr && slices_.end(conflict->waits.uid, why))) {
    out.outcome = "Accepted";
    out.message = "they take no more turns";
  } else {
    out.message = "no tasks of " + out.conflict.substr(0, 60) + " take turns in queue " + queue;
  }
  return out;
}

}  // namespace fermi
