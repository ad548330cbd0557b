// Informer: a local copy of one resource type, kept current by list and watch.
//
// Picture: watcher (a named state machine: list, watch, WatchList, back-off) -> store (one writer,
// swapped as a whole at the end of a relist) -> handlers (old, new).
//
// What a handler may rely on (reference: client-go's shared informer):
//  1. It sees a subsequence of each object's states, in order. No order across objects.
//  2. Duplicates happen. Handlers compare, and are quick.
//  3. (nullptr, new) is an add, (old, new) an update, (old, nullptr) a delete. A delete that was
//     only noticed by a relist carries the last known state and `stale` is set (a tombstone).
//  4. An object that was deleted and made anew under its name (other uid) is always reported as a
//     delete and then an add, also when both happened between two lists.
//  5. An object that is there is never told as deleted because it cannot be read: what is cached of
//     it stays, old as it is, also over a relist; `skipped` counts, `last_error` tells. A list with
//     an item that has not even a readable name fails and is tried again: it could be any object.
// The store is swapped as a whole at the end of a relist, before its events are delivered: a
// handler that reads the store sees the newest state, which may be ahead of its event.
//
// Threads: the loop's only. A handler may call `stop`, but not destroy the informer. Errors never
// stop it: it backs off and goes on; `last_error` tells.
//
// `T` is any type with a `Codec<T>` (watch/codec.hpp): k8s::Pod, k8s::Node, custom resources, ...
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "libk8s/base/loop.hpp"
#include "libk8s/base/status.hpp"
#include "libk8s/http/message.hpp"
#include "libk8s/request/request.hpp"
#include "libk8s/watch/codec.hpp"

namespace k8s {

struct InformerOptions {
  std::string ns{};  // "" for all
  std::string label_selector{};
  std::string field_selector{};
  // Start with WatchList (sendInitialEvents) where the server has it; falls back to LIST.
  bool watch_list = true;
  // Let the first list come from a server's cache, however old. Cheaper on servers before 1.34, but
  // after a restart it may show a state from before one's own last writes. Never for a scheduler.
  bool may_start_stale = false;
  // Objects per page of a list; 0: one whole answer, which is what servers' caches do best.
  int page_size = 0;
  // For types that stand for several resources; else Codec<T>::resource().
  std::optional<Resource> resource{};
};

template <class T>
class Informer {
 public:
  struct Event {
    std::shared_ptr<const T> before;  // null: added
    std::shared_ptr<const T> after;   // null: deleted
    bool stale = false;               // a delete seen only by relist: `before` may be old
  };
  using EventHandler = std::function<void(const Event&)>;

  Informer(Loop& loop, http::Transport& transport, InformerOptions options = {});
  ~Informer();
  Informer(const Informer&) = delete;
  Informer& operator=(const Informer&) = delete;

  // Handlers are added before `start`.
  void on_event(EventHandler handler);
  // Called once, when the first whole list has been delivered to every handler.
  void on_synced(std::function<void()> done);
  // Called each time that the server turns out to have lost its past: its store was restored from a
  // copy. Some of what was told before may never have been, and what was decided on it is void.
  void on_went_back(std::function<void()> told);
  void start();
  void stop();

  bool synced() const;
  // The object as it is in the store, or null. `key` is ObjectMeta::key().
  std::shared_ptr<const T> get(std::string_view key) const;
  // Every object, in no order that means anything.
  void for_each(const std::function<void(const std::shared_ptr<const T>&)>& visit) const;
  std::size_t size() const;
  // The newest resourceVersion that the store is known to have passed.
  std::string resource_version() const;
  Status last_error() const;
  // How often an object could not be read, and is therefore old or missing here.
  std::uint64_t skipped() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace k8s

#include "libk8s/watch/informer_impl.hpp"
