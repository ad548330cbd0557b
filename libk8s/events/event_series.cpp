#include "libk8s/events/event_series.hpp"

#include <algorithm>

namespace k8s {

EventSeries::Observed EventSeries::observe(const std::string& key, const std::string& event_key,
                                           TimePoint now, WallTime wall) {
  const auto found = series_.find(key);
  if (found == series_.end() || now - found->second.last > kFinish) {
    if (found != series_.end()) series_.erase(found);
    make_room();
    series_[key] = {event_key, 1, 1, now, now, wall};
    return {Write::kCreate, {key, event_key, 1, wall}};
  }
  One& one = found->second;
  ++one.count;
  one.last = now;
  one.last_wall = wall;
  if (one.count > 2) return {Write::kNothing, {}};
  one.written = one.count;
  one.last_written = now;
  return {Write::kPatch, {key, one.event_key, one.count, wall}};
}

std::vector<EventSeries::Due> EventSeries::sweep(TimePoint now) {
  std::vector<Due> due;
  for (auto at = series_.begin(); at != series_.end();) {
    One& one = at->second;
    const bool ended = now - one.last > kFinish;
    const bool grown = one.count > one.written;
    if (grown && (ended || now - one.last_written >= kRefresh)) {
      due.push_back({at->first, one.event_key, one.count, one.last_wall});
      one.written = one.count;
      one.last_written = now;
    }
    at = ended ? series_.erase(at) : std::next(at);
  }
  return due;
}

void EventSeries::make_room() {
  if (series_.size() < limit_) return;
  const auto oldest =
      std::min_element(series_.begin(), series_.end(),
                       [](const auto& a, const auto& b) { return a.second.last < b.second.last; });
  series_.erase(oldest);
}

bool EventSpamFilter::allow(const std::string& object, TimePoint now) {
  const auto found = full_at_.find(object);
  const TimePoint full_at = std::max(found == full_at_.end() ? now : found->second, now) + kRefill;
  if (full_at - now > kRefill * kBurst) return false;
  full_at_[object] = full_at;
  return true;
}

void EventSpamFilter::sweep(TimePoint now) {
  std::erase_if(full_at_, [&](const auto& pair) { return pair.second <= now; });
}

}  // namespace k8s
