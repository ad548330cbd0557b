// Packing: which node, and which of its devices, takes the next Pod so that the others lose least.
//
// The rule: a Pod goes where it costs the fewest slots of the mix (state/mix.hpp). A slot is room
// for one more Pod of a need, and counts as much as all Pods of that need use devices:
//
//   cost(node) = sum over needs of weight(need) * (slots before - slots after)
//
// So a Pod without devices keeps off nodes whose cores are what their free devices still need, a
// part goes where the rest of a device is of least use, and large Pods keep the large holes.
// Nothing is tuned and nothing of the future is known: the mix is content.
//
// Order: nodes to be used last come last; for a part, devices that are shared already come before
// those that would be opened; then the cost; then least free devices, what is left of the scarcer
// of CPU and memory, the node's name, the least left on the device, its number. Total.
//
//   need: 1 GPU, 8 cores, 10 of them          node a: 2 GPUs, 16 cores free    2 slots
//                                             node b: 2 GPUs, 64 cores free    2 slots
//   a Pod without GPUs that asks for 12 cores costs 2 slots on a, none on b: it goes to b.
//
// Not all nodes are looked at. Nodes of one pool and model with equally many free devices stand in
// one line, tightest first (shared devices: in one line for each tenth that is left of them); the
// first few of each line that fit are compared. Whether there is a node at all is exact. Lines are
// drawn by content, not by class: what splits a class does not change an answer.
//
// A Pod stands on its node for those that come after it, but nothing is booked: the caller does,
// when all have found a place. Until then the cluster must not change. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/place/parts.hpp"
#include "scheduler/state/devices.hpp"
#include "scheduler/state/state.hpp"

namespace sched {

class Packing {
 public:
  // Where the Pods of a group may go: the nodes of a zone, or those in one domain of it (kNoId:
  // those in none of the level that is asked for).
  struct Area {
    ZoneId zone = kNoId;
    DomainId domain = kNoId;
  };
  using Open = std::function<bool(ClassId)>;

  Packing(const State& state, const Shape::Group& group, Area area, std::int64_t& looked);

  // As if so much had ended on the node (below 0: begun). Before the first `next`, each node once.
  void change(NodeId node, const Amounts& ended);
  // Where the next Pod goes; nothing when it fits nowhere. `open`: which classes may take one yet.
  std::optional<Seat> next(const Open& open);

 private:
  static constexpr __int128 kMost = static_cast<__int128>(~static_cast<unsigned __int128>(0) >> 1);
  struct Content {  // of a node that is not as the state has it
    Amounts used, free;
    std::int64_t devices = 0, rest = 0;
    std::uint32_t version = 1;
  };
  struct Track {  // the nodes of one class in a line, in the order of what is left
    ClassId cls = kNoId;
    std::int64_t milli = 0;  // left on the shared device
    const Ordered<NodeClass::Entry>* nodes = nullptr;
    Ordered<NodeClass::Entry>::Cursor at;
  };
  struct Line {
    std::vector<Track> tracks;
    std::vector<NodeId> listed;  // or, named one by one
    std::size_t next = 0;
  };
  enum class Devices : std::uint8_t { kAny, kShared, kFree };
  struct Candidate {
    bool last = false, opens = false;
    bool exact = true;  // false: it costs at least so much
    __int128 cost = 0;
    std::int64_t devices = 0, rest = 0;
    std::int64_t left = 0, device = -1;  // of the shared device; which
    NodeId node = kNoId;
    std::uint32_t version = 0, line = kNoId;
  };
  struct Weighed {
    const Amounts* request = nullptr;
    __int128 weight = 0;
  };
  struct Kind {  // nodes that stand in one line when they have as many free devices
    bool last = false;
    const Node* example = nullptr;
    ResourceId device = kNoResource;
    std::vector<ClassId> classes;
  };

  void begin(const Open& open);
  std::vector<Kind> kinds(const Open& open) const;
  bool same_kind(const Kind& kind, ClassId cls) const;
  void draw_free(const Kind& kind, const Open& open);
  void draw_shared(const Kind& kind, const Open& open);
  void list(const std::vector<NodeId>& nodes, const Open& open);
  void add(Line line, Devices devices, const Open& open);
  void follow(std::uint32_t line, const Open& open);
  std::pair<NodeId, std::int64_t> advance(Line& line, const Open& open);
  bool in_area(NodeId node) const;
  bool takes(NodeId node) const;
  bool takes_unchanged(NodeId node) const;
  bool before(const Candidate& a, const Candidate& b) const;
  void consider(NodeId node, Devices devices, std::int64_t milli, std::uint32_t line);
  void offer(Candidate candidate, const Amounts& free);
  struct Cost {
    __int128 sum = 0;
    bool exact = true;
  };
  Cost lost(ClassId cls, const Amounts& free, std::int64_t device, __int128 most);
  void push(const Candidate& candidate);
  Candidate pop();
  const std::vector<Weighed>& mix_on(ClassId cls);
  std::optional<Candidate> take_best(const Open& open);
  void settle(const Candidate& candidate);
  Content content(NodeId node, Amounts used) const;
  const Amounts& free_on(NodeId node) const;
  const Amounts& used_on(NodeId node) const;

  const State& state_;
  const Cluster& cluster_;
  const Profile& profile_;
  const ProfileId id_;
  const Amounts& request_;
  const std::optional<Part> part_;
  const Area area_;
  std::int64_t& looked_;
  bool begun_ = false;
  std::vector<NodeId> changed_;
  std::map<NodeId, Content> contents_;
  std::vector<Line> lines_;
  std::vector<Devices> devices_of_;  // by line
  std::vector<Kind> unopened_;       // whose free devices nobody has looked at yet
  std::vector<Candidate> heap_;      // the best on top; some of nodes that have changed since
  std::map<ClassId, std::vector<Weighed>> mixes_;
  struct Last {  // that was weighed
    ClassId cls = kNoId;
    std::int64_t left = 0;
    Amounts free;
    Cost cost;
  } last_;
  __int128 least_ = kMost;  // what some candidate costs: no need to know how much more others do
};

}  // namespace sched
