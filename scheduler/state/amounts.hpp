// Amounts: Resources in the form the engine computes with.
//
// The four basic resources have fixed places; extended ones go by a small id, so that no string is
// compared on a hot path. Amounts of one ResourceNames table only are compared with each other.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "scheduler/resources.hpp"
#include "scheduler/state/few.hpp"

namespace sched {

using ResourceId = std::uint32_t;
inline constexpr ResourceId kCpu = 0, kMemory = 1, kEphemeral = 2, kPods = 3, kFirstExtended = 4;
inline constexpr ResourceId kNoResource = ~ResourceId{0};

struct Amounts {
  std::array<std::int64_t, 4> base{};
  // Sorted by id. An entry may be zero in what a node has free, never elsewhere.
  Few<std::pair<ResourceId, std::int64_t>, 2> extended;

  std::int64_t at(ResourceId id) const;
  void add(ResourceId id, std::int64_t amount);  // drops an entry that becomes zero
  void plus(const Amounts& other, std::int64_t times = 1);
  void minus(const Amounts& other) { plus(other, -1); }
  // Each amount at least as large as the other's; what is below 0 there counts as 0.
  void raise_to(const Amounts& other);
  bool zero() const;
  friend bool operator==(const Amounts&, const Amounts&) = default;
};

// How many Pods with this request fit into `free`: at least 0, at most kSlotsMax. Parts of devices
// (devices.hpp) fit side by side on what is left of each shared device, and on whole ones.
std::int64_t slots(const Amounts& free, const Amounts& request);

// The names behind the ids. Ids are given in order of arrival: never use them to order anything.
class ResourceNames {
 public:
  ResourceNames();
  ResourceId id(const std::string& name);
  // Of parts and shared devices: the name of their resource.
  const std::string& name(ResourceId id) const { return names_[id & 0xffffu]; }
  // Told apart from whole devices: "nvidia.com/gpu#milli", "nvidia.com/gpu#2".
  std::string text(ResourceId id) const;
  // Cuts each amount to 0 .. kAmountMax.
  Amounts amounts(const Resources& from);
  // What one Pod asks for that shares a device (devices.hpp). Whole devices beside a part of the
  // same resource, and parts of a whole or more, are rounded up: nothing of them is shared.
  Amounts request(const Resources& from, const std::string& shared, std::int64_t milli);
  // The inverse of `resources` for what is charged: parts are told apart by their suffix.
  Amounts charged(const Resources& from);
  Resources resources(const Amounts& from) const;
  // The GPUs among these amounts, each under a name of its own for that model; nothing without one.
  Amounts of_model(const Amounts& from, const std::string& model);
  // How many GPUs these amounts are, of all kinds together, in thousandths and rounded up to whole
  // ones; at most 2^62.
  std::int64_t gpu_milli(const Amounts& from) const;
  std::int64_t gpus(const Amounts& from) const;

 private:
  std::vector<std::string> names_;
  std::vector<bool> is_gpu_;
  std::unordered_map<std::string, ResourceId> ids_;
};

// Whether an extended resource counts GPUs, by its name ("nvidia.com/gpu", "amd.com/gpu").
bool is_gpu(const std::string& name);

}  // namespace sched
