#include "libk8s/node/pools.hpp"

#include <arpa/inet.h>

#include <charconv>

namespace k8s::node {
namespace {

std::optional<std::uint32_t> to_number(const std::string& address) {
  in_addr parsed = {};
  if (::inet_pton(AF_INET, address.c_str(), &parsed) != 1) return std::nullopt;
  return ntohl(parsed.s_addr);
}

std::string to_text(std::uint32_t number) {
  const in_addr address = {htonl(number)};
  char text[INET_ADDRSTRLEN];
  return ::inet_ntop(AF_INET, &address, text, sizeof text);
}

// FNV-1a: the same on every machine and in every run.
std::uint32_t hash(std::string_view text) {
  std::uint32_t h = 2166136261U;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 16777619U;
  return h;
}

}  // namespace

Result<AddressPool> AddressPool::parse(std::string_view block) {
  const Status bad(Code::kInvalid, "address block \"" + std::string(block) +
                                       "\" is not a block in 127.0.0.0/8 of at least 4 addresses");
  const std::size_t slash = block.find('/');
  if (slash == std::string_view::npos) return bad;
  const std::optional<std::uint32_t> base = to_number(std::string(block.substr(0, slash)));
  int bits = 0;
  const std::string_view digits = block.substr(slash + 1);
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (end.ec != std::errc() || end.ptr != digits.data() + digits.size()) return bad;
  if (!base || *base >> 24 != 127 || bits < 8 || bits > 30) return bad;
  const std::uint32_t size = 1U << (32 - bits);
  if (*base % size != 0) return bad;
  return AddressPool(*base, size);
}

std::optional<std::string> AddressPool::take(const std::string& owner, std::string_view hint) {
  if (const auto had = taken_.find(owner); had != taken_.end()) return to_text(had->second);
  const std::uint32_t usable = size_ - 2;
  const std::uint32_t first = hash(hint) % usable;
  for (std::uint32_t i = 0; i < usable; ++i) {
    const std::uint32_t address = base_ + 1 + (first + i) % usable;
    if (owners_.contains(address)) continue;
    owners_[address] = owner;
    taken_[owner] = address;
    return to_text(address);
  }
  return std::nullopt;
}

bool AddressPool::claim(const std::string& owner, const std::string& address) {
  const std::optional<std::uint32_t> number = to_number(address);
  if (!number) return false;
  const auto [entry, fresh] = owners_.emplace(*number, owner);
  if (!fresh && entry->second != owner) return false;
  taken_[owner] = *number;
  return true;
}

void AddressPool::release(const std::string& owner) {
  const auto had = taken_.find(owner);
  if (had == taken_.end()) return;
  owners_.erase(had->second);
  taken_.erase(had);
}

std::optional<std::vector<std::string>> DevicePool::take(const std::string& owner,
                                                         std::size_t count) {
  std::vector<std::string> mine;
  for (const std::string& device : devices_) {
    if (mine.size() == count) break;
    if (!owner_of_.contains(device)) mine.push_back(device);
  }
  if (mine.size() < count) return std::nullopt;
  claim(owner, mine);
  return mine;
}

void DevicePool::claim(const std::string& owner, const std::vector<std::string>& devices) {
  for (const std::string& device : devices) owner_of_.emplace(device, owner);
}

void DevicePool::release(const std::string& owner) {
  std::erase_if(owner_of_, [&owner](const auto& entry) { return entry.second == owner; });
}

std::optional<Refusal> check_room(const ResourceList& allocatable, const ResourceList& used,
                                  const ResourceList& request) {
  for (const auto& [name, amount] : request) {
    if (amount <= 0) continue;
    const auto has = allocatable.find(name);
    const auto taken = used.find(name);
    const std::int64_t room = has == allocatable.end() ? 0 : has->second;
    const std::int64_t busy = taken == used.end() ? 0 : taken->second;
    if (amount <= room && busy <= room - amount) continue;
    return Refusal{"OutOf" + name, "Pod was rejected: Node didn't have enough resource: " + name +
                                       ", requested: " + std::to_string(amount) +
                                       ", used: " + std::to_string(busy) +
                                       ", capacity: " + std::to_string(room)};
  }
  return std::nullopt;
}

void add_to(ResourceList& sum, const ResourceList& amounts) {
  for (const auto& [name, amount] : amounts) {
    std::int64_t& total = sum[name];
    if (__builtin_add_overflow(total, amount, &total)) total = INT64_MAX;
  }
}

}  // namespace k8s::node
