// ChangeLog: which nodes changed, so that what is remembered of them is looked at again only there.
//
// Changes are numbered from 1 on. Of the last few thousand it is known which node each was about;
// who looks less often looks at all of them. A node that changes again before anybody has looked is
// noted once: a gang's victims may be told of three times each between two looks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sched {

class ChangeLog {
 public:
  // Returns the number of the change.
  std::uint64_t note(std::uint32_t node) {
    if (number_of_.size() <= node) number_of_.resize(node + std::size_t{1});
    if (number_of_[node] >= looked_) return number_of_[node];
    last_[next_ % kKept] = node;
    return number_of_[node] = next_++;
  }
  // The number of the change to come, for one who has looked.
  std::uint64_t look() const { return looked_ = next_; }
  // Whether it is known which nodes changed since `seen`: not for 0, nor for what is too long ago.
  bool reaches(std::uint64_t seen) const { return seen != 0 && next_ - seen < kKept; }
  // Calls with each of them, with some more than once; false when it is not known.
  template <class Visit>
  bool each_since(std::uint64_t seen, const Visit& visit) const {
    if (!reaches(seen)) return false;
    for (std::uint64_t i = seen; i != next_; ++i) visit(last_[i % kKept]);
    return true;
  }

 private:
  static constexpr std::uint64_t kKept = 4096;
  std::uint64_t next_ = 1;
  mutable std::uint64_t looked_ = 1;      // the last that anybody was told
  std::vector<std::uint64_t> number_of_;  // by node: its last change; 0: none
  std::vector<std::uint32_t> last_ = std::vector<std::uint32_t>(kKept);
};

// Brings what is known as of the change number `seen` up to date: calls with each of `nodes` that
// may be another, or with all.
template <class Visit>
void follow(const ChangeLog& log, std::uint64_t& seen, std::size_t nodes, const Visit& visit) {
  if (!log.each_since(seen, visit)) {
    for (std::uint32_t node = 0; node < nodes; ++node) visit(node);
  }
  seen = log.look();
}

}  // namespace sched
