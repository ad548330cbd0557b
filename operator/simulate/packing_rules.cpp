#include "operator/simulate/packing_rules.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "scheduler/engine.hpp"
#include "scheduler/limits.hpp"

namespace fermi::simulate {
namespace {

std::int64_t free_milli(const Room& room) {
  return std::accumulate(room.devices.begin(), room.devices.end(), std::int64_t{0});
}

// Rules that give each node a cost and take the least. Costs are kept by (node, need) until the
// node changes: a placement changes one node.
class CostPacker : public Packer {
 public:
  CostPacker(const std::vector<PackingNode>& nodes, const std::vector<Need>& needs)
      : needs_(needs) {
    for (const PackingNode& node : nodes) rooms_.push_back(node.room);
    known_.resize(rooms_.size());
  }

  bool place(std::uint32_t need) override {
    const Entry* best = nullptr;
    std::size_t where = 0;
    for (std::size_t node = 0; node < rooms_.size(); ++node) {
      const Entry& entry = cost_of(node, need);
      if (!entry.fits || (best != nullptr && entry.cost >= best->cost)) continue;
      best = &entry;
      where = node;
    }
    if (best == nullptr) return false;
    take(rooms_[where], needs_[need], best->device);
    known_[where].clear();
    return true;
  }

 protected:
  struct Entry {
    bool known = false, fits = false;
    __int128 cost = 0;
    std::size_t device = kNoDevice;
  };
  virtual __int128 cost(const Room& before, const Room& after) const = 0;
  const std::vector<Need>& needs() const { return needs_; }

 private:
  const Entry& cost_of(std::size_t node, std::uint32_t need) {
    auto& of_node = known_[node];
    if (of_node.empty()) of_node.resize(needs_.size());
    Entry& entry = of_node[need];
    if (!entry.known) entry = measure(rooms_[node], needs_[need]);
    return entry;
  }

  // Devices with least free first, so that they win ties.
  Entry measure(const Room& room, const Need& need) const {
    Entry best{true, false, 0, kNoDevice};
    if (slots(room, need) == 0) return best;
    std::map<std::int32_t, std::size_t> devices;
    for (std::size_t d = 0; d < room.devices.size() && need.part > 0; ++d) {
      if (room.devices[d] >= need.part) devices.try_emplace(room.devices[d], d);
    }
    if (need.part == 0) devices.emplace(0, kNoDevice);
    for (const auto& [free, device] : devices) {
      Room after = room;
      take(after, need, device);
      const __int128 now = cost(room, after);
      if (!best.fits || now < best.cost) best = {true, true, now, device};
    }
    return best;
  }

  const std::vector<Need> needs_;
  std::vector<Room> rooms_;
  std::vector<std::vector<Entry>> known_;
};

class BestFit : public CostPacker {
 public:
  BestFit(const std::vector<PackingNode>& nodes, const std::vector<Need>& needs)
      : CostPacker(nodes, needs) {
    for (const PackingNode& node : nodes) {
      cpu_max_ = std::max(cpu_max_, node.room.cpu_milli);
      gpu_max_ = std::max(gpu_max_, free_milli(node.room));
    }
  }

 private:
  // cores / most cores + GPUs / most GPUs, times both; then GPUs alone.
  __int128 cost(const Room&, const Room& after) const override {
    const __int128 free = free_milli(after);
    return (after.cpu_milli * __int128{gpu_max_} + free * cpu_max_) * (gpu_max_ + 1) + free;
  }
  std::int64_t cpu_max_ = 1, gpu_max_ = 1;
};

class FragmentGradient : public CostPacker {
 public:
  FragmentGradient(const std::vector<PackingNode>& nodes, const std::vector<Need>& needs,
                   const std::vector<std::int64_t>& counts)
      : CostPacker(nodes, needs), counts_(counts) {}

 private:
  __int128 cost(const Room& before, const Room& after) const override {
    return fragments(after) - fragments(before);
  }
  // What the expected task cannot use of the free GPUs, times the number of tasks.
  std::int64_t fragments(const Room& room) const {
    std::int64_t sum = 0;
    const std::int64_t free = free_milli(room);
    for (std::size_t n = 0; n < counts_.size(); ++n) {
      sum += counts_[n] * useless(room, free, needs()[n]);
    }
    return sum;
  }
  static std::int64_t useless(const Room& room, std::int64_t free, const Need& need) {
    if (need.device_milli() == 0 || slots(room, need) == 0) return free;
    const std::int32_t least = need.part > 0 ? need.part : kWholeDevice;
    std::int64_t sum = 0;
    for (const std::int32_t device : room.devices) sum += device < least ? device : 0;
    return sum;
  }
  const std::vector<std::int64_t> counts_;
};

// One queue without reservations: what does not fit now is dropped.
class EnginePacker : public Packer {
 public:
  EnginePacker(const std::vector<PackingNode>& nodes, const std::vector<Need>& needs)
      : needs_(needs) {
    sched::Queue queue;
    queue.name = kQueue;
    queue.passing = sched::Passing::kFree;
    engine_.apply(sched::QueueUpsert{queue});
    for (const PackingNode& node : nodes) {
      sched::Node record;
      record.name = std::to_string(100'000 + names_++);  // in order
      record.zone = "zone";
      record.gpu_model = node.model;
      record.gpu_sharing = true;
      record.allocatable.cpu_milli = node.room.cpu_milli;
      record.allocatable.memory_bytes = node.room.memory_bytes;
      record.allocatable.pods = sched::kSlotsMax;
      record.allocatable.set_extended(kGpu, static_cast<std::int64_t>(node.room.devices.size()));
      engine_.apply(sched::NodeUpsert{record});
    }
  }

  bool place(std::uint32_t need) override {
    const Need& asks = needs_[need];
    sched::Task task;
    task.uid = std::to_string(++names_);
    task.queue = kQueue;
    sched::PodGroup group{"", 1, {}};
    group.requests.cpu_milli = asks.cpu_milli;
    group.requests.memory_bytes = asks.memory_bytes;
    group.requests.pods = 1;
    group.requests.set_extended(kGpu, asks.devices);
    if (asks.part > 0) group.shared_resource = kGpu;
    group.shared_milli = asks.part;
    task.groups = {group};
    engine_.apply(sched::TaskUpsert{task});
    const sched::Plan plan = engine_.plan({1});
    for (const sched::Start& start : plan.starts) {
      engine_.apply(sched::Assume{start.task, start.attempt, start.placement, {1}});
    }
    if (plan.starts.empty()) engine_.apply(sched::TaskRemove{task.uid, {1}});
    return !plan.starts.empty();
  }

 private:
  static constexpr const char* kQueue = "queue";
  static constexpr const char* kGpu = "nvidia.com/gpu";
  const std::vector<Need> needs_;
  sched::Engine engine_;
  std::int64_t names_ = 0;
};

}  // namespace

std::unique_ptr<Packer> make_packer(PackingRule rule, const std::vector<PackingNode>& nodes,
                                    const std::vector<Need>& needs,
                                    const std::vector<std::int64_t>& counts) {
  if (rule == PackingRule::kBestFit) return std::make_unique<BestFit>(nodes, needs);
  if (rule == PackingRule::kEngine) return std::make_unique<EnginePacker>(nodes, needs);
  return std::make_unique<FragmentGradient>(nodes, needs, counts);
}

}  // namespace fermi::simulate
