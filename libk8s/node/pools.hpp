// What Pods of one machine share out among themselves: addresses, devices, and room on a node.
//
// Values in memory; what was given to whom is remembered in the Pods' plans on disk, and claimed
// again when these are read. Pure but for that.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/base/status.hpp"
#include "libk8s/types/meta.hpp"

namespace k8s::node {

// Addresses of a block in 127.0.0.0/8. A name gets the same address whenever that is free.
class AddressPool {
 public:
  // kInvalid: not a block like "127.64.0.0/10", or smaller than a /30, or outside of 127/8.
  static Result<AddressPool> parse(std::string_view block);

  // An address for `owner`; the one it has if it has one. Nothing when all are taken. `hint`
  // decides where the search begins.
  std::optional<std::string> take(const std::string& owner, std::string_view hint);
  // Says that `owner` has this address; false when another has it.
  bool claim(const std::string& owner, const std::string& address);
  void release(const std::string& owner);

 private:
  AddressPool(std::uint32_t base, std::uint32_t size) : base_(base), size_(size) {}
  std::uint32_t base_, size_;
  std::map<std::uint32_t, std::string> owners_;
  std::map<std::string, std::uint32_t> taken_;
};

// The devices of one resource of one node, in the order in which they were named.
class DevicePool {
 public:
  explicit DevicePool(std::vector<std::string> devices) : devices_(std::move(devices)) {}

  // `count` free devices, the first ones; nothing when there are not as many.
  std::optional<std::vector<std::string>> take(const std::string& owner, std::size_t count);
  void claim(const std::string& owner, const std::vector<std::string>& devices);
  void release(const std::string& owner);

 private:
  std::vector<std::string> devices_;
  std::map<std::string, std::string> owner_of_;
};

// The kubelet's last look: why a Pod that wants `request` does not fit beside `used`.
struct Refusal {
  std::string reason;  // "OutOfcpu"
  std::string message;
};
std::optional<Refusal> check_room(const ResourceList& allocatable, const ResourceList& used,
                                  const ResourceList& request);
void add_to(ResourceList& sum, const ResourceList& amounts);

}  // namespace k8s::node
