// WorkSet: which keys wait for work, which are worked on, and which changed meanwhile. Pure.
//
// Three fields, with client-go's invariants:
//   queue       the order in which keys are taken
//   dirty       keys that need work
//   processing  keys that are worked on
//  1. A key is in `queue` exactly when it is dirty and not processing; never twice.
//  2. A key is worked on by one worker at a time.
//  3. A key that is added while it is worked on is queued again when that work is done; added many
//     times, it is queued once. So nothing added is ever lost, and nothing is done twice for one
//     change.
// Keys are taken first in, first out: no key waits for ever.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <unordered_set>

namespace k8s {

class WorkSet {
 public:
  // True when the key was not dirty before.
  bool add(const std::string& key);
  // The next key, which is processing from now on; nothing when none waits.
  std::optional<std::string> take();
  // The work on a key that was taken is over; it is queued again if it was added meanwhile.
  void done(const std::string& key);

  std::size_t waiting() const { return queue_.size(); }
  std::size_t processing() const { return processing_.size(); }
  bool is_dirty(const std::string& key) const { return dirty_.contains(key); }
  bool is_processing(const std::string& key) const { return processing_.contains(key); }

 private:
  std::deque<std::string> queue_;
  std::unordered_set<std::string> dirty_;
  std::unordered_set<std::string> processing_;
};

}  // namespace k8s
