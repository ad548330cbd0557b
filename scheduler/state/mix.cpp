#include "scheduler/state/mix.hpp"

#include <algorithm>

#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

// GPUs where some are asked for, else the first other device by name, in thousandths. Huge pages
// are memory, not devices.
std::int64_t device_milli(const Amounts& request, const ResourceNames& names) {
  constexpr __int128 kMost = __int128{1} << 40;
  __int128 milli = names.gpu_milli(request);
  const std::string* first = nullptr;
  for (const auto& [id, amount] : request.extended) {
    const std::string& name = names.name(id);
    if (names.gpu_milli(request) > 0 || name.starts_with("hugepages-")) continue;
    if (first != nullptr && *first <= name) continue;
    first = &name;
    milli = is_milli(id) ? __int128{amount} : exactly(amount, id);
  }
  return static_cast<std::int64_t>(std::min(milli, kMost));
}

void append(std::string& key, const std::string& text) {
  key += text;
  key += '\0';
}

std::string key_of(const Task& task, const Amounts& request, const ResourceNames& names) {
  std::string key;
  append(key, task.pool);
  append(key, task.gpu_model);
  for (const std::int64_t amount : request.base) append(key, std::to_string(amount));
  for (const auto& [name, amount] : names.resources(request).extended) {  // by name
    append(key, name);
    append(key, std::to_string(amount));
  }
  return key;
}

}  // namespace

NeedId Mix::add(const Task& task, const PodGroup& group, std::int64_t pods, ResourceNames& names) {
  if (pods <= 0) return kNoNeed;
  const Amounts request = names.request(group.requests, group.shared_resource, group.shared_milli);
  const std::int64_t milli = device_milli(request, names);
  if (milli == 0) return kNoNeed;
  std::string key = key_of(task, request, names);
  auto known = ids_.find(key);
  if (known == ids_.end()) {
    auto id = static_cast<NeedId>(needs_.size());
    if (unused_.empty()) {
      needs_.emplace_back();
    } else {
      id = unused_.back();
      unused_.pop_back();
    }
    needs_[id] = {task.pool, task.gpu_model, request, milli, 0, key};
    known = ids_.emplace(std::move(key), id).first;
  }
  count(known->second, pods);
  return known->second;
}

void Mix::remove(NeedId id, std::int64_t pods) {
  if (id == kNoNeed) return;
  count(id, -pods);
  if (needs_[id].pods > 0) return;
  ids_.erase(needs_[id].key);
  needs_[id] = {};
  unused_.push_back(id);
}

// The line is searched by what an entry was inserted with: out before the weight changes, and in
// after.
void Mix::count(NeedId id, std::int64_t pods) {
  const auto less = [this](const Entry& a, const Entry& b) {
    if (a.weight != b.weight) return a.weight > b.weight;
    return a.need != b.need && needs_[a.need].key < needs_[b.need].key;
  };
  Need& need = needs_[id];
  if (need.pods > 0) line_.erase({need.weight(), id}, less);
  need.pods += pods;
  if (need.pods > 0) line_.insert({need.weight(), id}, less);
}

}  // namespace sched
