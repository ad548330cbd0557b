// Past: how long tasks of one queue lasted, as far as it is remembered.
//
//   (kind, tenant) ──> shape ──> the last kPastRunsMax of its tasks by when they ended
//                 └──> all of these, oldest first
//
// What is kept is a function of the set of what was told, not of the order in which it was: of a
// shape always the largest by (ended, ran, stated, size). So a new leader that reads the books, and
// one that was told run by run, know the same. (One exception: with more than kPastShapesMax of
// them, the shape whose latest task ended first is forgotten as a whole.)
//
// While the queue learns it has a Predictor, which is made of these runs and nothing else.
//
// It also knows the longest time that a task of the queue has waited: what is asked of somebody in
// the name of a prediction is measured by it (order/pass.hpp). Times are nanoseconds.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/delta.hpp"
#include "scheduler/learn/predictor.hpp"

namespace sched {

class Past {
 public:
  using Run = PastRuns::Run;
  using Runs = std::vector<Run>;                     // oldest first
  using Kind = std::pair<std::string, std::string>;  // its name, and the tenant
  struct OfKind {
    std::map<std::string, Runs> shapes;
    Runs all;
  };

  // A task is over. False when as many are known that all ended later.
  bool add(const Kind& kind, const std::string& shape, Run run);
  // A task began to run after it waited this long.
  void waited(std::int64_t ns) { longest_wait_ = std::max(longest_wait_, ns); }
  void set_longest_wait(std::int64_t ns) { longest_wait_ = std::max<std::int64_t>(ns, 0); }
  // Whether it predicts.
  void learn(bool learns);

  // All that is known of a kind and tenant; null for nothing.
  const Runs* of(const std::string& kind, const std::string& tenant) const;
  // How long a task that has not begun will run, while it learns; else what it stated.
  std::int64_t predict(std::int64_t size, std::int64_t stated_ns) const;
  std::int64_t longest_wait() const { return longest_wait_; }
  const std::map<Kind, OfKind>& kinds() const { return kinds_; }

 private:
  void forget(OfKind& of, const Run& run);
  void forget_oldest_shape();

  std::map<Kind, OfKind> kinds_;
  std::size_t shapes_ = 0;
  std::optional<Predictor> predictor_;
  std::int64_t longest_wait_ = 0;
};

}  // namespace sched
