// Collector: the garbage collector, which removes objects whose owners are gone.
//
// The picture: a graph kept up to date by the store's observer: for each owner uid the objects that
// name it, for each live uid where it stands. A change puts the objects that it may concern into a
// queue; `run` takes them out one by one and looks at what is stored now:
//   - an object none of whose owners lives is deleted; dead owners beside a live one are struck
//   out;
//   - an owner that is deleted in the foreground waits until no dependent with blockOwnerDeletion
//     is left, while these are deleted;
//   - an owner that is deleted with "orphan" is struck out of its dependents first.
// An owner counts only when its uid, its kind and its namespace (or cluster scope) all fit.
//
// Threads: one. `run` writes through the same functions as requests do.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>

#include "libk8s/apiserver/core/call.hpp"

namespace k8s::apiserver {

class Collector {
 public:
  // Reads the whole store; `core` outlives the collector.
  explicit Collector(Core& core);

  // To be called for every change.
  void changed(const Event& event);
  bool idle() const { return queue_.empty(); }
  // Works through at most `steps` queue entries. Entries that cannot be settled now (a write
  // failed, a kind is not served) are dropped and come back with the next change around them.
  void run(std::size_t steps);

 private:
  void add(const ObjectPtr& object);
  void forget(const Stored& object);
  void enqueue_around(const ObjectPtr& object);

  void examine(const ObjectId& id, const std::set<std::string>& gone);
  void examine_owner(const ObjectPtr& object);
  void orphan_dependents(const ObjectPtr& owner);
  void await_dependents(const ObjectPtr& owner);
  void examine_dependent(const ObjectPtr& object, const std::set<std::string>& gone);
  void delete_dependent(const ObjectPtr& object, const TypeRef& type, bool waiting);
  bool has_blocking_dependents(const ObjectPtr& owner) const;
  std::set<ObjectId> dependents(const std::string& uid) const;

  Core& core_;
  std::unordered_map<std::string, ObjectId> live_;                  // by uid
  std::unordered_map<std::string, std::set<ObjectId>> dependents_;  // by owner uid
  // What to look at, and which of its owners are known to have just gone.
  std::map<ObjectId, std::set<std::string>> queue_;
};

}  // namespace k8s::apiserver
