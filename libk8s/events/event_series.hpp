// EventSeries: which events are the same event happening again, and what of it is worth a write.
//
// Two events with one key (regarding, related, type, action, reason, controller, instance) are one
// series. The first is written as it is. The second turns it into a series of two, written at once;
// further ones are only counted, and the count is written every half hour, and when the series has
// been silent for six minutes and ends. So a thousand equal events cost a handful of writes.
//
// Pure: time is an argument. At most `limit` series are remembered; when that is full the one that
// was silent longest is forgotten (its next event begins a new series).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "libk8s/base/loop.hpp"

namespace k8s {

class EventSeries {
 public:
  static constexpr Duration kRefresh = std::chrono::minutes(30);
  static constexpr Duration kFinish = std::chrono::minutes(6);

  explicit EventSeries(std::size_t limit = 4096) : limit_(limit) {}

  enum class Write : std::uint8_t { kNothing, kCreate, kPatch };

  // What is to be written of one key: the count so far and when it was last seen.
  struct Due {
    std::string key;
    std::string event_key;  // "namespace/name" of the Event that was created for it
    std::int64_t count = 1;
    WallTime last;
  };
  struct Observed {
    Write write = Write::kNothing;
    Due due;
  };

  // One more event of `key`; `event_key` names the Event if a new one is to be created.
  Observed observe(const std::string& key, const std::string& event_key, TimePoint now,
                   WallTime wall);
  // What must be written now for counts that have grown unwritten; forgets series that have ended.
  std::vector<Due> sweep(TimePoint now);
  std::size_t size() const { return series_.size(); }

 private:
  struct One {
    std::string event_key;
    std::int64_t count = 1;
    std::int64_t written = 1;
    TimePoint last, last_written;
    WallTime last_wall;
  };
  void make_room();

  std::size_t limit_;
  std::map<std::string, One> series_;
};

// Limits how many events one object may cause: 25 at once, then one in five minutes. Pure.
class EventSpamFilter {
 public:
  static constexpr int kBurst = 25;
  static constexpr Duration kRefill = std::chrono::minutes(5);

  // Whether one more event about `object` may pass.
  bool allow(const std::string& object, TimePoint now);
  // Forgets objects whose bucket is full again.
  void sweep(TimePoint now);
  std::size_t size() const { return full_at_.size(); }

 private:
  // Per object, the moment at which its bucket would be full again.
  std::map<std::string, TimePoint> full_at_;
};

}  // namespace k8s
