#include "operator/loop/time_slices.hpp"

#include <algorithm>
#include <utility>

#include "operator/translate/conflicts.hpp"
#include "scheduler/conflicts/ruling.hpp"

namespace fermi {
namespace {

constexpr k8s::Duration kRetry = std::chrono::seconds(10), kCalm = std::chrono::minutes(1);
constexpr k8s::Duration kSoonest = std::chrono::seconds(1), kLatest = std::chrono::hours(1);
constexpr std::size_t kKeptMax = 256, kMessageMax = 1024;

std::string name_of(const ConflictParty& party) {
  return party.ns.empty() ? party.name : party.ns + "/" + party.name;
}

bool is_same(const QueueResolution& a, const QueueResolution& b) {
  return a.conflict == b.conflict && a.at == b.at;
}

// Whether a refusal stands however long one waits.
bool is_final(sched::Verdict verdict) {
  return verdict == sched::Verdict::kHigh || verdict == sched::Verdict::kTierBelow ||
         verdict == sched::Verdict::kUnevictable;
}

}  // namespace

void keep_in(QueueResolution& resolution, const sched::Hold& kept) {
  const auto& nodes = kept.placement.nodes;
  const bool keeps = !nodes.empty() && nodes.size() <= kKeptMax;
  resolution.held_for = keeps ? kept.task : "";
  resolution.nodes = keeps ? nodes : std::vector<std::string>();
  resolution.devices = keeps ? kept.placement.devices : std::vector<std::int64_t>();
  resolution.until = keeps ? whole_seconds({kept.until.ns}) : k8s::WallTime{};
}

bool TimeSlices::Slice::has(const std::string& uid) const {
  return std::any_of(said.between.begin(), said.between.end(),
                     [&](const ConflictParty& party) { return party.task_id == uid; });
}

void TimeSlices::restore(const TaskQueue& queue) {
  for (const QueueResolution& said : queue.status.resolutions)
    if (!said.between.empty() && slices_[queue.meta.name].size() < kSlicesOfQueue)
      add(queue.meta.name, said, world_.loop.now());
}

// The request is the status's alone: it is there until the annotation is gone.
void TimeSlices::add(const std::string& queue, const QueueResolution& said, k8s::TimePoint due) {
  slices_[queue].push_back({said, due, std::nullopt});
  slices_[queue].back().said.request.clear();
}

void TimeSlices::begin(const std::string& queue, const sched::Conflict& conflict,
                       QueueResolution& answer) {
  const QueueConflict shown = to_status(conflict);
  const auto open =
      static_cast<std::size_t>(std::count_if(slices_[queue].begin(), slices_[queue].end(),
                                             [](const Slice& slice) { return slice.goes_on(); }));
  if (conflict.others.size() >= kShownParties) {
    answer.message += "; no turns follow this one, as more than " + std::to_string(kShownParties) +
                      " tasks have a part in it";
  } else if (open >= kSlicesOfQueue) {
    answer.message += "; no turns follow this one, as " + std::to_string(open) +
                      " conflicts of the queue are resolved by turns already";
  } else {
    end(conflict.waits.uid, "another wish took their place");
    answer.between = shown.others;
    answer.between.insert(answer.between.begin(), shown.waiting);
    answer.turns = 1;
    add(queue, answer, world_.loop.now() + kRetry);
  }
}

void TimeSlices::finish(const std::string& queue, Slice& slice, const std::string& why) {
  slice.said.between.clear();
  slice.due = world_.loop.now() + kCalm;
  slice.said.message = ("turns are over after " + std::to_string(slice.said.turns) + ": " + why)
                           .substr(0, kMessageMax);
  changed_(queue);
}

bool TimeSlices::end(const std::string& uid, const std::string& why) {
  bool any = false;
  for (auto& [queue, slices] : slices_)
    for (Slice& slice : slices)
      if (slice.has(uid)) {
        finish(queue, slice, why);
        any = true;
      }
  return any;
}

bool TimeSlices::end_named(const std::string& queue, const std::string& text,
                           const std::string& why) {
  const auto found = slices_.find(queue);
  if (found == slices_.end()) return false;
  for (Slice& slice : found->second) {
    const auto& all = slice.said.between;
    const bool named = std::any_of(
        all.begin(), all.end(), [&](const ConflictParty& party) { return name_of(party) == text; });
    if (!slice.goes_on() || (!named && slice.said.conflict != text)) continue;
    finish(queue, slice, why);
    return true;
  }
  return false;
}

std::string TimeSlices::calm(const Slice& slice) const {
  const sched::Engine& engine = world_.engine.engine();
  std::size_t left = 0, waiting = 0;
  for (const ConflictParty& party : slice.said.between) {
    const auto state = engine.state(party.task_id);
    if (!state || *state == sched::TaskState::kEnded) continue;
    ++left;
    if (*state == sched::TaskState::kWaiting) ++waiting;
  }
  if (left < 2) return "fewer than two of the tasks are left";
  return waiting == 0 ? "all of the tasks have room" : "";
}

// Tasks that are between two attempts, or have just started, are not looked at too closely: what
// ends turns has to hold for a while.
void TimeSlices::step(const std::string& queue, Slice& slice, const sched::Book& book) {
  const k8s::TimePoint now = world_.loop.now();
  slice.due = now + kRetry;
  const std::string why = calm(slice);
  if (why.empty()) {
    slice.calm_since.reset();
    if (slice.said.turns >= kTurnsMax) return finish(queue, slice, "no more are given");
    return turn(queue, slice, book);
  }
  if (!slice.calm_since) slice.calm_since = now;
  if (now - *slice.calm_since >= kCalm) finish(queue, slice, why);
}

void TimeSlices::turn(const std::string& queue, Slice& slice, const sched::Book& book) {
  const sched::Time now = world_.engine.now();
  std::string last;
  bool hope = false;
  std::optional<sched::Time> next;
  for (const sched::Conflict* conflict : book.by_arrival()) {
    if (!slice.has(conflict->waits.uid)) continue;
    sched::Resolve wish{conflict->waits.uid, {}, sched::Settlement::kTimeSlice, now};
    for (const sched::Party& other : conflict->others)
      if (slice.has(other.uid)) wish.others.push_back(other.uid);
    if (wish.others.empty()) {
      hope = true;
      continue;
    }
    sched::Hold kept;
    const sched::Ruling ruling = world_.engine.resolve(wish, kept);
    if (ruling.verdict == sched::Verdict::kGranted) {
      ++world_.metrics.resolutions;
      ++slice.said.turns;
      slice.said.turned_at = whole_seconds(world_.loop.wall_now());
      slice.said.message =
          ("turn " + std::to_string(slice.said.turns) + ": " + sched::sentence(ruling))
              .substr(0, kMessageMax);
      keep_in(slice.said, kept);
      return changed_(queue);
    }
    if (!is_final(ruling.verdict)) hope = true;
    if (ruling.until > now) next = std::min(next.value_or(ruling.until), ruling.until);
    last = sched::sentence(ruling);
  }
  if (!hope && !last.empty()) return finish(queue, slice, last);
  if (next)
    slice.due = world_.loop.now() + std::clamp(k8s::Duration(next->ns - now.ns), kSoonest, kLatest);
}

std::optional<k8s::Duration> TimeSlices::step(const sched::Book& book) {
  std::optional<k8s::TimePoint> next;
  const k8s::TimePoint now = world_.loop.now();
  for (auto& [queue, slices] : slices_) {
    for (Slice& slice : slices) {
      if (slice.goes_on() && slice.due <= now) step(queue, slice, book);
      if (slice.goes_on()) next = std::min(next.value_or(slice.due), slice.due);
    }
    std::erase_if(slices, [&, &name = queue](const Slice& slice) {
      return !slice.goes_on() && slice.due <= now && is_told(name, slice);
    });
  }
  if (!next) return std::nullopt;
  return std::max(*next - now, kSoonest);
}

// Whether the status says that it is over, or says nothing of it any more.
bool TimeSlices::is_told(const std::string& queue, const Slice& slice) const {
  const auto known = world_.caches.queues.get(queue);
  if (known == nullptr) return true;
  const auto& all = known->status.resolutions;
  return std::none_of(all.begin(), all.end(), [&](QueueResolution said) {
    said.request.clear();
    return is_same(said, slice.said) && said != slice.said;
  });
}

std::vector<QueueResolution> TimeSlices::of(const std::string& queue) const {
  std::vector<QueueResolution> out;
  const auto found = slices_.find(queue);
  if (found == slices_.end()) return out;
  for (const Slice& slice : found->second) out.push_back(slice.said);
  return out;
}

}  // namespace fermi
