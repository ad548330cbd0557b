// Packing: which node, and which of its devices, takes the next Pod so that the others lose least.
//
// The rule: a Pod goes where it costs the fewest slots of the mix. The mix is what runs: for each
// need, how many Pods have it. A slot is room for one more Pod of a need (`slots` of room.hpp), and
// counts as much as the devices that the Pod would use:
//
//   cost(node) = sum over needs of running(need) * devices(need) * (slots before - slots after)
//
// So a Pod without devices keeps off nodes whose cores are what their free devices still need, a
// part goes where the rest of a device is of least use, and a large Pod keeps the large holes.
// Nothing is tuned and nothing of the future is known: the mix is content. Ties: least free
// devices, then what is left of the scarcer of CPU and memory, then the node added first, then the
// device with least free.
//
// Not all nodes are looked at. Nodes of one group (a model, say) with equally many free devices,
// and about equally much free on a shared one, stand in one bucket, tightest first; the first few
// of each bucket that fit are compared. Whether there is a node at all is exact.
//
// One thread; a plain value. Ids are positions in the order of arrival.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "scheduler/place/room.hpp"

namespace sched {

class Packing {
 public:
  using NeedId = std::uint32_t;
  using NodeIndex = std::uint32_t;
  struct Spot {
    NodeIndex node = 0;
    std::size_t device = kNoDevice;  // for a part: which one
    friend bool operator==(const Spot&, const Spot&) = default;
  };

  // The same need has the same id.
  NeedId need(const Need& need);
  // `group`: nodes that are much alike.
  NodeIndex add(const Room& room, std::uint32_t group);
  // Where a Pod of this need goes; nothing when it fits nowhere.
  std::optional<Spot> pick(NeedId need);
  // A Pod runs here from now on: it uses the room and counts to the mix. It must fit.
  void start(NeedId need, const Spot& spot);

  const Room& room(NodeIndex node) const { return nodes_[node].room; }
  // Counted work: nodes compared, and nodes looked at on the way to them.
  std::int64_t compared() const { return compared_; }
  std::int64_t looked() const { return looked_; }

 private:
  struct Kind {  // a need, and how it stands in the mix
    Need need;
    std::int64_t running = 0;
  };
  struct Node {
    Room room;
    std::uint32_t group = 0;
    std::int64_t cpu_total = 0, memory_total = 0;
    std::vector<std::int64_t> slots;  // by need, as far as they were known when it last changed
  };
  struct Group {
    std::int64_t cpu_max = 0, memory_max = 0;  // of any node
    // By free devices and the tenths free on the freest shared one; inside by what is left of the
    // scarcer of CPU and memory.
    std::map<std::pair<std::int32_t, std::int32_t>, std::set<std::pair<std::int64_t, NodeIndex>>>
        buckets;
  };
  using Cost = std::tuple<__int128, std::int32_t, std::int64_t, NodeIndex, std::int32_t>;
  struct Best {
    Cost cost;
    Spot spot;
  };
  void index(NodeIndex node, bool insert);
  std::int64_t rest(const Node& node) const;
  const std::vector<std::int64_t>& slots_of(Node& node);
  void look_in(const Group& group, const Need& need, std::optional<Best>& best);
  void compare(NodeIndex node, const Need& need, std::int64_t rest, std::optional<Best>& best);
  __int128 lost(Node& node, const Room& after);

  std::vector<Kind> kinds_;
  std::map<Need, NeedId> need_ids_;
  std::vector<Node> nodes_;
  std::map<std::uint32_t, Group> groups_;
  std::int64_t compared_ = 0, looked_ = 0;
};

}  // namespace sched
