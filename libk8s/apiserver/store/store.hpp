// Store: every object of the server, with one revision counter and a history for watches.
//
// The picture: a map per resource from (namespace, name) to an immutable object, and beside it the
// last events of that resource, oldest first. Each change takes the next revision, is written to
// the database, then to the map, then to the history, and then the listeners of its resource hear
// of it. Readers hold `shared_ptr`s to immutable objects: a list costs no copies.
//
// Invariants:
//  1. Revisions grow by one per change, over all resources; `metadata.resourceVersion` of an object
//     is the revision of its last change. They never go back, not even over a restart.
//  2. A change is visible only once the database has it.
//  3. The history of a resource holds every event after `floor`, and none at or before it.
//
// Threads: one. Errors: the database's; then nothing has changed.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libk8s/apiserver/store/database.hpp"
#include "libk8s/base/status.hpp"

namespace k8s::apiserver {

// One state of one object. Never changes once it is stored.
class Stored {
 public:
  Stored(ObjectId id, std::uint64_t revision, nlohmann::json object);
  ~Stored();
  Stored(const Stored&) = delete;
  Stored& operator=(const Stored&) = delete;

  const ObjectId& id() const { return id_; }
  std::uint64_t revision() const { return revision_; }
  // Decoded; the reference is good until the next change of the store.
  const nlohmann::json& json() const;
  // The JSON text; made once, at the first use.
  const std::string& text() const;
  // Drops the decoded form, which costs several times the text; `json` makes it again.
  void shrink() const;
  // metadata.uid
  const std::string& uid() const { return uid_; }

 private:
  ObjectId id_;
  std::uint64_t revision_;
  mutable std::unique_ptr<nlohmann::json> json_;
  std::string uid_;
  mutable std::string text_;
};
using ObjectPtr = std::shared_ptr<const Stored>;

// A change of one object. `before` is null for a creation; after a deletion `after` is the final
// state, with the revision of the deletion.
struct Event {
  std::uint64_t revision = 0;
  ObjectPtr before, after;
  bool deletion = false;
};

// Hears of the changes of one resource, after they have happened.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void changed(const Event& event) = 0;
};

// (namespace, name)
using Key = std::pair<std::string, std::string>;
using Objects = std::map<Key, ObjectPtr>;

// All objects of a store as of one revision, to begin another store with.
struct Backup {
  std::uint64_t revision = 0;
  std::vector<ObjectPtr> objects;
};

class Store {
 public:
  // `history`: events kept per resource.
  static Result<std::unique_ptr<Store>> open(const std::string& path, std::size_t history);
  // The same of an empty database, which begins with what is in the backup: at its revision, older
  // than what others may have seen.
  static Result<std::unique_ptr<Store>> restore(const std::string& path, std::size_t history,
                                                const Backup& backup);

  Backup backup() const;

  std::uint64_t revision() const { return revision_; }
  ObjectPtr get(const ObjectId& id) const;
  // All objects of a resource, ordered by namespace and name.
  const Objects& all(std::string_view resource) const;
  // The objects as they were at `revision`; nullopt when the history does not reach back to it.
  std::optional<Objects> all_at(std::string_view resource, std::uint64_t revision) const;
  // Names of the resources that have objects.
  std::vector<std::string> resources() const;

  // Writes an object as a new state of `id`; sets its metadata.resourceVersion.
  Result<ObjectPtr> put(const ObjectId& id, nlohmann::json object);
  // Deletes an object. `last` is its final state as watchers are to see it (its resourceVersion
  // is set to the revision of the deletion). The object must exist.
  Result<ObjectPtr> remove(const ObjectId& id, nlohmann::json last);

  // The oldest revision from which a watch can resume.
  std::uint64_t floor(std::string_view resource) const;
  // The first event after `revision`, or null when there is none. Precondition: revision >= floor.
  const Event* next_event(std::string_view resource, std::uint64_t revision) const;
  // Forgets the history of every resource.
  void compact();

  // Hears of every change of every resource, before the listeners. Must not change the store.
  void observe(std::function<void(const Event&)> observer) { observer_ = std::move(observer); }
  // Listeners are held weakly.
  void listen(const std::string& resource, std::weak_ptr<Listener> listener);

 private:
  struct Table {
    Objects objects;
    std::deque<Event> events;
    std::uint64_t floor = 0;
    std::vector<std::weak_ptr<Listener>> listeners;
  };

  Store(Database database, std::size_t history)
      : database_(std::move(database)), history_(history) {}
  Status load();
  Table& table(std::string_view resource);
  const Table* find(std::string_view resource) const;
  void publish(Table& table, Event event);
  static void shrink_old(const Table& table);

  Database database_;
  std::size_t history_;
  std::uint64_t revision_ = 0;
  std::uint64_t base_ = 0;  // the revision at the last start or compaction
  std::map<std::string, Table, std::less<>> tables_;
  std::function<void(const Event&)> observer_;
};

}  // namespace k8s::apiserver
