// ChangeLog: which nodes changed, so that what is remembered of them is looked at again only there.
//
// Changes are numbered from 1 on. Of the last few thousand it is known which node each was about;
// who looks less often looks at all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>


namespace sched {

class ChangeLog {
 public:
  // Returns the number of the change.
  std::uint64_t note(std::uint32_t node) {
    last_[next_ % kKept] = node;
    return next_++;
  }
  // The number of the change to come.
  std::uint64_t next() const { return next_; }
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
  std::vector<std::uint32_t> last_ = std::vector<std::uint32_t>(kKept);
};

// Brings what is known as of the change number `seen` up to date: calls with each of `nodes` that
// may be another, or with all.
template <class Visit>
void follow(const ChangeLog& log, std::uint64_t& seen, std::size_t nodes, const Visit& visit) {
  if (!log.each_since(seen, visit)) {
    for (std::uint32_t node = 0; node < nodes; ++node) visit(node);
  }
  seen = log.next();
}

}  // namespace sched
