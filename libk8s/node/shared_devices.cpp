#include "libk8s/node/shared_devices.hpp"

#include <charconv>

namespace k8s::node {

std::optional<SharedName> SharedName::parse(std::string_view text) {
  const std::size_t mark = text.rfind('#');
  if (mark == std::string_view::npos || mark == 0) return std::nullopt;
  const std::string_view digits = text.substr(mark + 1);
  SharedName name{std::string(text), std::string(text.substr(0, mark)), -1};
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), name.number);
  const bool whole = end.ec == std::errc() && end.ptr == digits.data() + digits.size();
  if (!whole || name.number < 0 || name.number > 4095) return std::nullopt;
  return name;
}

std::optional<std::string> SharedDevices::device(const std::string& node,
                                                 const SharedName& name) const {
  const auto here = seats_.find(node);
  if (here == seats_.end()) return std::nullopt;
  const auto seat = here->second.find(name.text);
  if (seat == here->second.end()) return std::nullopt;
  return seat->second.device;
}

void SharedDevices::join(const std::string& node, const SharedName& name, const std::string& device,
                         const std::string& owner) {
  Seat& seat = seats_[node].try_emplace(name.text, Seat{name, device, {}}).first->second;
  seat.owners.insert(owner);
}

std::optional<SharedName> SharedDevices::leave(const std::string& node, const std::string& owner) {
  const auto here = seats_.find(node);
  if (here == seats_.end()) return std::nullopt;
  for (auto seat = here->second.begin(); seat != here->second.end(); ++seat) {
    if (seat->second.owners.erase(owner) == 0) continue;
    if (!seat->second.owners.empty()) return std::nullopt;
    SharedName name = std::move(seat->second.name);
    here->second.erase(seat);
    return name;
  }
  return std::nullopt;
}

ResourceList SharedDevices::used(const std::string& node) const {
  ResourceList sum;
  const auto here = seats_.find(node);
  if (here == seats_.end()) return sum;
  for (const auto& [text, seat] : here->second) ++sum[seat.name.resource];
  return sum;
}

}  // namespace k8s::node
