#include "libk8s/workqueue/work_set.hpp"

#include <cassert>
#include <utility>

namespace k8s {

bool WorkSet::add(const std::string& key) {
  if (!dirty_.insert(key).second) return false;
  // While it is worked on, `done` will queue it.
  if (!processing_.contains(key)) queue_.push_back(key);
  return true;
}

std::optional<std::string> WorkSet::take() {
  if (queue_.empty()) return std::nullopt;
  std::string key = std::move(queue_.front());
  queue_.pop_front();
  dirty_.erase(key);
  processing_.insert(key);
  return key;
}

void WorkSet::done(const std::string& key) {
  const std::size_t was = processing_.erase(key);
  assert(was == 1 && "done without take");
  if (was == 1 && dirty_.contains(key)) queue_.push_back(key);
}

}  // namespace k8s
