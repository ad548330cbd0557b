// Serving: how much of several needs the room there is can meet at once; for the auditor alone.
//
// A need is an amount that may lie in some of the sources; a unit of a source serves one need. As a
// flow along shortest augmenting paths, in whole amounts: exact, whatever sources needs share.
//
//   room: 2 in zone a, 8 in zone b      needs: 2 in zone a, 2 in zone a, 4 anywhere
//   served: 6, of the first two one alone
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace sched::audit {

class Serving {
 public:
  // `serves`: which needs, one after another, it can serve. Less than nothing counts as nothing.
  void add(std::vector<bool> serves, __int128 room);
  // Of needs of these amounts, what can be served in all. Once.
  __int128 most(const std::vector<__int128>& needs);

 private:
  struct Source {
    std::vector<bool> serves;
    __int128 left = 0;
    std::vector<__int128> given;  // to each need
  };
  // A source that would serve the need, in turn for the step before.
  struct Step {
    std::size_t source = 0, need = 0;
    std::optional<std::size_t> before;
  };
  std::vector<Step> search(std::size_t need) const;
  __int128 give(const std::vector<Step>& steps, __int128 lacks);

  std::vector<Source> sources_;
};

}  // namespace sched::audit
