#include "scheduler/conflicts/book.hpp"

#include <algorithm>

namespace sched {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// Takes over what was said of the end before, where it says the same.
void keep_end(const Conflict& before, Time now, Conflict& after) {
  const bool same = before.ending == after.ending && before.ends_with == after.ends_with;
  if (!same || before.ends_at.ns <= 0 || after.ends_at.ns <= 0) return;
  const std::int64_t left = std::max<std::int64_t>(before.ends_at.ns - now.ns, 0);
  const std::int64_t moved = before.ends_at < after.ends_at ? after.ends_at.ns - before.ends_at.ns
                                                            : before.ends_at.ns - after.ends_at.ns;
  if (moved <= std::max(left / 10, kSecond)) after.ends_at = before.ends_at;
}

}  // namespace

void Book::list(const Conflict& c, int sign) {
  if (sign > 0) {
    arrivals_.emplace(c.began, c.id);
    severities_.insert({c.severity, c.began, c.id});
  } else {
    arrivals_.erase({c.began, c.id});
    severities_.erase({c.severity, c.began, c.id});
  }
}

Book::Changes Book::update(const Survey& survey, Time now) {
  Changes changes;
  std::map<std::string, Conflict> open;
  for (const Conflict& seen : survey.conflicts) {
    if (open.contains(seen.id)) continue;
    Conflict& c = open[seen.id] = seen;
    const auto before = open_.find(c.id);
    const auto told = known_since_.find(c.id);
    c.began = told == known_since_.end() ? now : told->second;
    if (before == open_.end()) {
      changes.begun.push_back(c);
      continue;
    }
    c.began = before->second.began;
    keep_end(before->second, now, c);
    if (c != before->second) changes.changed.push_back(c);
  }
  known_since_.clear();
  for (const auto& [id, c] : open_) {
    if (!open.contains(id)) changes.over.push_back(c);
  }
  for (const Conflict& c : changes.over) list(c, -1);
  for (const Conflict& c : changes.changed) {
    list(open_.at(c.id), -1);
    list(c, 1);
  }
  for (const Conflict& c : changes.begun) list(c, 1);
  open_ = std::move(open);
  return changes;
}

const Conflict* Book::find(const std::string& id) const {
  const auto at = open_.find(id);
  return at == open_.end() ? nullptr : &at->second;
}

std::vector<const Conflict*> Book::by_arrival() const {
  std::vector<const Conflict*> out;
  for (const auto& [began, id] : arrivals_) out.push_back(&open_.at(id));
  return out;
}

std::vector<const Conflict*> Book::by_severity() const {
  std::vector<const Conflict*> out;
  for (const BySeverity& entry : severities_) out.push_back(&open_.at(entry.id));
  return out;
}

}  // namespace sched
