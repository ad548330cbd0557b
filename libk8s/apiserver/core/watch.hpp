// Watch: the stream of one watch request.
//
// The picture: a cursor over the history of one resource. `take` encodes what lies between the
// cursor and the newest event; nothing is queued per watch, so a slow reader costs no memory: when
// it has fallen out of the history it gets the 410 ERROR event and must list again.
//
// Initial events (no resourceVersion, "0", or sendInitialEvents) come from the state at the start:
// ADDED for each object, then, if asked for, the bookmark that marks their end, then what happened
// after that state. Every event has its object once; revisions of events after the initial ones
// strictly grow; a bookmark never precedes an event that it covers.
//
// A version that the server has not reached: initial events wait for it, at most `kLongestWait`;
// then the stream ends with the 504 ERROR event "Too large resource version". A watch without
// initial events waits without a word, as kube-apiserver's does (seen at 1.36): it begins to tell
// when the server has passed that version.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "libk8s/apiserver/core/call.hpp"
#include "libk8s/apiserver/core/filter.hpp"

namespace k8s::apiserver {

// Answers a watch request; the stream is registered in `core`.
Reply start_watch(Core& core, const Call& call);

class Watch final : public Stream, public Listener {
 public:
  struct Setup {
    TypeRef type;
    Filter filter;
    Media media;
    table::Include include = table::Include::kMetadata;
    std::uint64_t from = 0;   // events after this revision
    std::uint64_t await = 0;  // initial events once the store is here; 0: `initial` has them
    std::deque<ObjectPtr> initial;
    bool mark_initial_end = false;
    bool bookmarks = false;
    WallTime deadline;
  };
  static constexpr std::chrono::seconds kLongestWait{3};
  Watch(const Core& core, Setup setup);

  std::string take() override;
  bool ended() const override { return ended_; }
  void on_ready(std::function<void()> ready) override;
  void changed(const Event& event) override;

  // Sends a bookmark when one is due, ends the stream at its deadline. Returns when to be called
  // next, if ever.
  std::optional<WallTime> tick(WallTime now);
  // Ends the stream with a 410 ERROR event.
  void expire();
  void finish();

 private:
  struct Change {
    const char* type;  // "ADDED", ...
    ObjectPtr object;
    bool restamp = false;  // show the object with the revision of the event
  };
  bool await_version();
  std::optional<WallTime> tick_waiting(WallTime now);
  std::optional<Change> seen_through_filter(const Event& event) const;
  bool take_initial(std::string& out);
  bool take_events(std::string& out);
  void take_end(std::string& out);
  void append(std::string& out, const char* type, const nlohmann::json& object,
              const std::string* text) const;
  void append_table(std::string& out, const char* type, const nlohmann::json& object) const;
  void append_bookmark(std::string& out, std::uint64_t revision, bool initial_end) const;
  void append_error(std::string& out, const ApiError& error) const;
  ApiError gone() const;
  void set_next_bookmark(WallTime now);
  bool has_more() const;
  void wake() const;

  const Core& core_;
  Setup setup_;
  std::uint64_t cursor_;
  bool bookmark_due_ = false, finishing_ = false, ended_ = false;
  std::optional<ApiError> error_;  // ends the stream
  WallTime next_bookmark_, await_until_;
  mutable bool columns_sent_ = false;
  std::function<void()> ready_;
};

}  // namespace k8s::apiserver
