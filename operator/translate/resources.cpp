#include "operator/translate/resources.hpp"

#include <algorithm>

#include "libk8s/codec/quantity.hpp"

namespace fermi {

sched::Resources to_engine(const k8s::ResourceList& list) {
  sched::Resources out;
  for (const auto& [name, amount] : list) {
    const std::int64_t value = std::max<std::int64_t>(amount, 0);
    if (name == "cpu") {
      out.cpu_milli = value;
    } else if (name == "memory") {
      out.memory_bytes = value;
    } else if (name == "ephemeral-storage") {
      out.ephemeral_bytes = value;
    } else if (name == "pods") {
      out.pods = value;
    } else if (value != 0) {
      out.set_extended(name, value);
    }
  }
  return out;
}

sched::Resources pod_to_engine(const k8s::ResourceList& requests) {
  sched::Resources out = to_engine(requests);
  out.pods = 1;
  return out;
}

k8s::StringMap to_quantities(const sched::Resources& r) {
  k8s::StringMap out;
  const auto put = [&out](const std::string& name, std::int64_t amount) {
    if (amount != 0) out[name] = k8s::format_amount(name, amount);
  };
  put("cpu", r.cpu_milli);
  put("memory", r.memory_bytes);
  put("ephemeral-storage", r.ephemeral_bytes);
  put("pods", r.pods);
  constexpr std::string_view kParts = "#milli";  // beside whole ones: thousandths of devices
  for (const auto& [name, amount] : r.extended) {
    if (!name.ends_with(kParts)) {
      const std::int64_t parts = r.extended_amount(name + std::string(kParts));
      put(name, parts == 0 ? amount : 0);
      continue;
    }
    const std::string whole = name.substr(0, name.size() - kParts.size());
    const std::int64_t milli = r.extended_amount(whole) * 1000 + amount;
    if (milli != 0) out[whole] = k8s::format_amount("cpu", milli);
  }
  return out;
}

void add(sched::Resources& a, const sched::Resources& b, std::int64_t times) {
  a.cpu_milli += b.cpu_milli * times;
  a.memory_bytes += b.memory_bytes * times;
  a.ephemeral_bytes += b.ephemeral_bytes * times;
  a.pods += b.pods * times;
  for (const auto& [name, amount] : b.extended)
    a.set_extended(name, a.extended_amount(name) + amount * times);
}

bool fits(const sched::Resources& need, const sched::Resources& have) {
  if (need.cpu_milli > have.cpu_milli || need.memory_bytes > have.memory_bytes ||
      need.ephemeral_bytes > have.ephemeral_bytes || need.pods > have.pods)
    return false;
  return std::all_of(need.extended.begin(), need.extended.end(), [&](const auto& entry) {
    return entry.second <= have.extended_amount(entry.first);
  });
}

}  // namespace fermi
