// WatchMachine: what an informer asks of the API server next, as a pure state machine.
//
// It sends nothing. `next` says which request to make and how long to wait before; the `on_...`
// calls tell how it went. The Watcher (watcher.hpp) is its shell. Time and chance are arguments.
//
//                 +---------- no WatchList, or it failed ---------+
//                 v                                               |
//   start ---> kListing ---- whole list ----> kWatching      kWatchListing <--- start
//                 ^                            |  ^   ^           |
//                 |  410, or errors that no    |  |   +-----------+
//                 +- retry of the watch mends -+  |     bookmark "initial events end"
//                                                 +-- clean end, cut, silence, 429, refused:
//                                                     resume from the last resourceVersion
//
// Rules, each with its test:
//  1. The first list asks for the most recent state, or for any (RV "0") where the owner allows a
//     stale start. A relist asks for nothing older than what was seen (RV = the last one known), so
//     it never goes back in time.
//  2. 410 Gone and "too large resource version" on a list lead to one immediate try with RV unset;
//     when that fails as well, to back-off.
//  3. 410 on a watch, as HTTP status or as ERROR event in a 200 stream, leads to a relist after
//     back-off. What is cached stays until the new list is whole.
//  4. A clean end, a cut or a silent stream is resumed from the last RV, without a relist; at once,
//     unless it lived under a second and brought no event: then after back-off.
//  5. 429, refused connections and 401 back off (at least Retry-After) and try the same again.
//  6. Internal errors and malformed streams are tried again `kRetriesInARow` times, then relisted.
//  7. WatchList that is refused falls back to LIST: for good when the server does not know it, else
//     for this round. So does one whose initial events never come to their end, `kRetriesInARow`
//     times.
//  8. A paged list whose continue token has expired starts again, whole and with RV unset. Lists
//     with another RV than none or "0" are never paged.
//  9. A server may lose its past: its store is restored from a copy, and its versions go back. A
//     watch from a version that it has not reached yet says nothing, or speaks of older versions
//     than it was asked for. The first older event or bookmark leads to a relist with RV unset.
//     Watches that brought nothing, not even a bookmark, for `kNothingHeard` in all lead to one by
//     rule 1, which such a server refuses: then rule 2.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "libk8s/base/loop.hpp"
#include "libk8s/base/status.hpp"
#include "libk8s/watch/backoff.hpp"

namespace k8s {

enum class WatchState : std::uint8_t {
  kListing,       // a list is wanted or under way
  kWatchListing,  // a watch that begins with the whole state, until its bookmark says so
  kWatching,      // the state is whole; changes come in
};

class WatchMachine {
 public:
  static constexpr int kRetriesInARow = 3;
  static constexpr Duration kShortWatch = std::chrono::seconds(1);
  static constexpr Duration kNothingHeard = std::chrono::minutes(4);

  struct Options {
    bool watch_list = true;
    bool may_start_stale = false;
    int page_size = 0;  // 0: lists are not paged
  };

  // The next request.
  struct Step {
    WatchState state = WatchState::kListing;
    Duration delay{0};                            // wait this long first
    std::optional<std::string> resource_version;  // none: leave it out
    bool not_older_than = false;                  // say resourceVersionMatch=NotOlderThan
    int limit = 0;                                // kListing
    std::string continue_token;                   // kListing, second page on
    // kWatchListing, kWatching: timeoutSeconds, drawn from 5 to 10 minutes.
    std::chrono::seconds server_timeout{0};
  };

  explicit WatchMachine(Options options);

  Step next(std::uint64_t chance) const;

  // A page came, and more follow.
  void on_page(std::string continue_token);
  // The list came whole; `resource_version` is where the watch begins.
  void on_listed(std::string resource_version);
  // The bookmark that ends the initial events of a WatchList; the same stream goes on as a watch.
  void on_initial_events_end(std::string resource_version);
  // A change was taken in.
  void on_progress(std::string resource_version);
  // A bookmark came. It moves the version, but a stream that brings nothing else is no better than
  // a silent one.
  void on_bookmark(std::string resource_version);
  // A watch that began at `resource_version()` or later told of something older than its beginning.
  void on_went_back(TimePoint now, std::uint64_t chance);
  // A list failed.
  void on_list_failed(const Status& status, TimePoint now, std::uint64_t chance);
  // A watch, or a WatchList before its end of initial events, is over. Ok: it ended cleanly.
  void on_watch_ended(const Status& status, Duration lived, TimePoint now, std::uint64_t chance);

  WatchState state() const { return state_; }
  // The newest resourceVersion known to be passed; "" before the first list.
  const std::string& resource_version() const { return resource_version_; }

 private:
  void move_to(std::string resource_version);
  void relist();
  void back_off(const Status& status, TimePoint now, std::uint64_t chance);
  // Gone or too large: asks once more with RV unset, at once; then with back-off.
  void ask_for_most_recent(const Status& status, TimePoint now, std::uint64_t chance);
  void on_watch_list_ended(const Status& status, TimePoint now, std::uint64_t chance);
  void settle(std::string resource_version);
  std::optional<std::string> relist_version(bool watch_list) const;

  Options options_;
  Backoff backoff_;
  WatchState state_;
  Duration delay_{0};
  std::string resource_version_;
  std::string continue_token_;
  bool paging_ = true;            // false: this round's list is whole
  bool most_recent_ = false;      // leave the RV out of the next list
  bool watch_list_known_ = true;  // the server has not refused WatchList for good
  bool watch_list_this_round_ = true;
  bool progress_ = false;   // since the stream began
  bool heard_ = false;      // the same, bookmarks included
  Duration silent_for_{0};  // how long watches brought nothing, one after the other
  int failures_in_a_row_ = 0;
};

}  // namespace k8s
