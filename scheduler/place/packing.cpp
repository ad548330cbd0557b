#include "scheduler/place/packing.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include "scheduler/limits.hpp"
#include "scheduler/place/domains.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

// Compared of each line. One does most of it; two are nearly as good as all.
constexpr int kCompared = 2;

// What is left of a node when such a use of it begins.
Amounts beside(const Amounts& free, const Amounts& use) {
  Amounts after = free;
  for (ResourceId id = 0; id < kFirstExtended; ++id) after.base[id] -= use.base[id];
  for (const auto& [id, amount] : use.extended) {
    const bool opens = is_device(id) && free.at(id) == 0;
    if (opens) after.add(whole_of(id), -1);
    after.add(id, opens ? kWholeMilli - amount : -amount);
  }
  return after;
}

// The number that a part would get on a device that nobody is on; -1: there is none.
std::int64_t opened_device(const Amounts& free, const Amounts& used, const Part& part) {
  Amounts whole;
  whole.add(part.whole, free.at(part.whole));
  return device_for(whole, used, part);
}

}  // namespace

Packing::Packing(const State& state, const Shape::Group& group, Area area, std::int64_t& looked)
    : state_(state),
      cluster_(state.cluster),
      profile_(state.cluster.profile(group.profile)),
      id_(group.profile),
      request_(group.request),
      part_(part_of(group.request)),
      area_(area),
      looked_(looked) {}

void Packing::change(NodeId node, const Amounts& ended) {
  Amounts used = cluster_.node(node).used;
  used.minus(ended);
  contents_.emplace(node, content(node, std::move(used)));
  changed_.push_back(node);
}

std::optional<Seat> Packing::next(const Open& open) {
  if (!begun_) begin(open);
  begun_ = true;
  const std::optional<Candidate> best = take_best(open);
  if (!best) return std::nullopt;
  settle(*best);
  return Seat{best->node, best->device};
}

// --- what stands where

Packing::Content Packing::content(NodeId node, Amounts used) const {
  const NodeRecord& record = cluster_.node(node);
  Amounts more = record.used;
  more.minus(used);
  const Cluster::Spot spot = cluster_.spot(id_, node, more);
  Content content{std::move(used), {}, spot.devices, spot.rest};
  content.free = free_of(record.total, content.used);
  return content;
}

const Amounts& Packing::free_on(NodeId node) const {
  const auto known = contents_.find(node);
  return known == contents_.end() ? cluster_.node(node).free : known->second.free;
}

const Amounts& Packing::used_on(NodeId node) const {
  const auto known = contents_.find(node);
  return known == contents_.end() ? cluster_.node(node).used : known->second.used;
}

bool Packing::in_area(NodeId node) const {
  return cluster_.cls(cluster_.node(node).cls).zone == area_.zone &&
         (area_.domain == kAnyDomain || cluster_.domain_of(profile_, node) == area_.domain);
}

bool Packing::takes(NodeId node) const {
  const auto known = contents_.find(node);
  if (known == contents_.end()) {
    return node < profile_.node_slots.size() && profile_.node_slots[node] > 0;
  }
  return cluster_.open_to(id_, node) && slots(known->second.free, request_) > 0;
}

bool Packing::takes_unchanged(NodeId node) const {
  return !contents_.contains(node) && takes(node) && in_area(node);
}

// --- lines

void Packing::begin(const Open& open) {
  const auto out = [this](NodeId node) {
    ++looked_;
    return !cluster_.node(node).present || !in_area(node) || !takes(node);
  };
  std::erase_if(changed_, out);
  list(changed_, open);
  if (area_.domain != kNoId && area_.domain != kAnyDomain) {
    std::vector<NodeId> nodes = cluster_.domains().domain(area_.domain).nodes;
    std::erase_if(nodes, [&](NodeId node) { return contents_.contains(node) || out(node); });
    list(nodes, open);
    return;
  }
  for (const Kind& kind : kinds(open)) {
    const bool own = part_ && kind.device == part_->whole;
    if (!own) {
      draw_free(kind, open);
      continue;
    }
    draw_shared(kind, open);
    unopened_.push_back(kind);
  }
}

bool Packing::same_kind(const Kind& kind, ClassId id) const {
  const NodeClass& c = cluster_.cls(id);
  return kind.last == (profile_.cells[id].match == Match::kLast) && kind.device == c.device &&
         kind.example->pool == c.example.pool && kind.example->gpu_model == c.example.gpu_model;
}

std::vector<Packing::Kind> Packing::kinds(const Open& open) const {
  std::vector<Kind> kinds;
  for (const ClassId id : cluster_.zone(area_.zone).classes) {
    if (profile_.cells[id].slots == 0 || !open(id)) continue;
    const auto same = [&](const Kind& kind) { return same_kind(kind, id); };
    auto kind = std::find_if(kinds.begin(), kinds.end(), same);
    if (kind == kinds.end()) {
      const NodeClass& c = cluster_.cls(id);
      const bool last = profile_.cells[id].match == Match::kLast;
      kind = kinds.insert(kinds.end(), Kind{last, &c.example, c.device, {}});
    }
    kind->classes.push_back(id);
  }
  return kinds;
}

// A line for each number of free devices. Parts of what is not the nodes' own kind of device are in
// no index: any of them may have room.
void Packing::draw_free(const Kind& kind, const Open& open) {
  const bool own = part_ && kind.device == part_->whole;
  const std::int64_t wanted = own ? 1 : kind.device == kNoResource ? 0 : request_.at(kind.device);
  std::map<std::int64_t, Line> lines;
  for (const ClassId id : kind.classes) {
    const NodeClass& c = cluster_.cls(id);
    const std::int64_t least = cluster_.least_rest(profile_, c);
    for (auto bucket = c.by_free_devices.lower_bound(wanted); bucket != c.by_free_devices.end();
         ++bucket) {
      const auto at = bucket->second.lower_bound([&](const auto& e) { return e.rest < least; });
      lines[bucket->first].tracks.push_back({id, 0, &bucket->second, at});
    }
  }
  for (auto& [devices, line] : lines)
    add(std::move(line), own ? Devices::kFree : Devices::kAny, open);
}

// A line for each tenth that is left of a shared device.
void Packing::draw_shared(const Kind& kind, const Open& open) {
  constexpr std::int64_t kTenth = kWholeMilli / 10;
  std::map<std::int64_t, Line> lines;
  for (const ClassId id : kind.classes) {
    const NodeClass& c = cluster_.cls(id);
    const std::int64_t least = cluster_.least_rest(profile_, c);
    for (auto bucket = c.by_rest.lower_bound(part_->milli); bucket != c.by_rest.end(); ++bucket) {
      const auto at = bucket->second.lower_bound([&](const auto& e) { return e.rest < least; });
      lines[bucket->first / kTenth].tracks.push_back({id, bucket->first, &bucket->second, at});
    }
  }
  for (auto& [tenth, line] : lines) {
    std::stable_sort(line.tracks.begin(), line.tracks.end(),
                     [](const Track& a, const Track& b) { return a.milli < b.milli; });
    add(std::move(line), Devices::kShared, open);
  }
}

// Nodes that are named one by one, in lines of their own.
void Packing::list(const std::vector<NodeId>& nodes, const Open& open) {
  using Place = std::tuple<std::int64_t, const std::string&, NodeId>;
  using Key = std::tuple<bool, const std::string&, const std::string&, std::int64_t>;
  std::map<Key, std::set<Place>> sorted;
  for (const NodeId id : nodes) {
    const NodeRecord& record = cluster_.node(id);
    const auto known = contents_.find(id);
    const bool as_is = known == contents_.end();
    const Node& node = record.node;
    sorted[{profile_.cells[record.cls].match == Match::kLast, node.pool, node.gpu_model,
            as_is ? record.free_devices : known->second.devices}]
        .insert({as_is ? record.rest : known->second.rest, node.name, id});
  }
  for (const auto& [key, places] : sorted) {
    Line line;
    for (const auto& [rest, name, id] : places) line.listed.push_back(id);
    add(std::move(line), Devices::kAny, open);
  }
}

void Packing::add(Line line, Devices devices, const Open& open) {
  const auto id = static_cast<std::uint32_t>(lines_.size());
  lines_.push_back(std::move(line));
  devices_of_.push_back(devices);
  for (int i = 0; i < kCompared; ++i) follow(id, open);
}

void Packing::follow(std::uint32_t id, const Open& open) {
  const auto [node, milli] = advance(lines_[id], open);
  if (node != kNoId) consider(node, devices_of_[id], milli, id);
}

// The next node of a line that takes a Pod, and what is left of its shared device. Tracks stand by
// what is left.
std::pair<NodeId, std::int64_t> Packing::advance(Line& line, const Open& open) {
  while (line.next < line.listed.size()) {
    const NodeId node = line.listed[line.next++];
    const auto known = contents_.find(node);
    const bool stood_on = known != contents_.end() && known->second.version > 1;
    if (!stood_on && open(cluster_.node(node).cls)) return {node, 0};
  }
  Track* best = nullptr;
  const auto key = [this](const Track& track) {
    const NodeClass::Entry& entry = track.nodes->get(track.at);
    return std::tuple<std::int64_t, std::int64_t, const std::string&>(
        track.milli, entry.rest, cluster_.node(entry.node).node.name);
  };
  for (Track& track : line.tracks) {
    if (best != nullptr && track.milli > best->milli) break;
    if (!open(track.cls)) continue;
    while (!track.nodes->at_end(track.at) && !takes_unchanged(track.nodes->get(track.at).node)) {
      track.at = track.nodes->next(track.at);
      ++looked_;
    }
    if (track.nodes->at_end(track.at)) continue;
    if (best == nullptr || key(track) < key(*best)) best = &track;
  }
  if (best == nullptr) return {kNoId, 0};
  const NodeId node = best->nodes->get(best->at).node;
  best->at = best->nodes->next(best->at);
  ++looked_;
  return {node, best->milli};
}

// --- candidates

bool Packing::before(const Candidate& a, const Candidate& b) const {
  const auto by_room = [](const Candidate& c) {
    return std::tuple(c.last, c.opens, c.cost, c.left, c.devices, c.rest);
  };
  if (by_room(a) != by_room(b)) return by_room(a) < by_room(b);
  if (a.node == b.node) return a.device < b.device;
  return cluster_.node(a.node).node.name < cluster_.node(b.node).node.name;
}

// A Pod on this node, on each device that differs from those before it. `milli`: only on one of
// which so much is left.
void Packing::consider(NodeId node, Devices devices, std::int64_t milli, std::uint32_t line) {
  const NodeRecord& record = cluster_.node(node);
  const auto known = contents_.find(node);
  const bool as_is = known == contents_.end();
  Candidate candidate;
  candidate.last = profile_.cells[record.cls].match == Match::kLast;
  candidate.devices = as_is ? record.free_devices : known->second.devices;
  candidate.rest = as_is ? record.rest : known->second.rest;
  candidate.node = node;
  candidate.version = as_is ? 0 : known->second.version;
  candidate.line = line;
  const Amounts& free = free_on(node);
  if (!part_) return offer(candidate, free);
  std::set<std::int64_t> seen;
  for (const auto& [id, left] : free.extended) {
    if (devices == Devices::kFree || !is_device(id) || whole_of(id) != part_->whole) continue;
    if (left < part_->milli || (devices == Devices::kShared && left != milli)) continue;
    if (!seen.insert(left).second) continue;
    candidate.left = left;
    candidate.device = device_number(id);
    offer(candidate, free);
  }
  if (devices == Devices::kShared || free.at(part_->whole) <= 0) return;
  candidate.opens = true;
  candidate.left = kWholeMilli;
  candidate.device = opened_device(free, used_on(node), *part_);
  if (candidate.device >= 0) offer(candidate, free);
}

void Packing::offer(Candidate candidate, const Amounts& free) {
  const ClassId cls = cluster_.node(candidate.node).cls;
  // Nodes that are alike stand next to each other.
  const bool alike = cls == last_.cls && candidate.left == last_.left && free == last_.free;
  if (!alike) last_ = {cls, candidate.left, free, lost(cls, free, candidate.device, least_)};
  candidate.cost = last_.cost.sum;
  candidate.exact = last_.cost.exact;
  if (candidate.exact) least_ = std::min(least_, candidate.cost);
  push(candidate);
}

void Packing::push(const Candidate& candidate) {
  heap_.push_back(candidate);
  std::push_heap(heap_.begin(), heap_.end(),
                 [this](const Candidate& a, const Candidate& b) { return before(b, a); });
}

Packing::Candidate Packing::pop() {
  std::pop_heap(heap_.begin(), heap_.end(),
                [this](const Candidate& a, const Candidate& b) { return before(b, a); });
  const Candidate best = heap_.back();
  heap_.pop_back();
  return best;
}

// What the mix loses on a node with so much free; no more than known when it is above `most`.
Packing::Cost Packing::lost(ClassId cls, const Amounts& free, std::int64_t device, __int128 most) {
  const Amounts after = beside(free, use_of(request_, device));
  Cost cost;
  for (const Weighed& need : mix_on(cls)) {
    if (cost.sum > most) return {cost.sum, false};
    const std::int64_t has = slots(free, *need.request);
    if (has > 0) cost.sum += need.weight * (has - slots(after, *need.request));
  }
  return cost;
}

// The heaviest needs that may run on nodes of the class, as far as pool, model and parts say.
const std::vector<Packing::Weighed>& Packing::mix_on(ClassId cls) {
  const auto [at, fresh] = mixes_.try_emplace(cls);
  std::vector<Weighed>& mix = at->second;
  if (!fresh) return mix;
  const Node& node = cluster_.cls(cls).example;
  std::size_t asked = 0;
  state_.mix.each_heaviest([&](const Mix::Need& need) {
    const bool may = (need.pool.empty() || need.pool == node.pool) &&
                     (need.gpu_model.empty() || need.gpu_model == node.gpu_model) &&
                     (!has_parts(need.request) || node.gpu_sharing);
    if (may) mix.push_back({&need.request, need.weight()});
    return mix.size() < kMixNeeds && ++asked < kMixNeedsAsked;
  });
  return mix;
}

// Free devices are looked at when no shared one has room on a node that is not to be used last.
std::optional<Packing::Candidate> Packing::take_best(const Open& open) {
  while (true) {
    if (!unopened_.empty() && (heap_.empty() || heap_.front().last || heap_.front().opens)) {
      for (const Kind& kind : std::exchange(unopened_, {})) draw_free(kind, open);
    }
    if (heap_.empty()) return std::nullopt;
    Candidate best = pop();
    const NodeRecord& record = cluster_.node(best.node);
    const auto known = contents_.find(best.node);
    const std::uint32_t version = known == contents_.end() ? 0 : known->second.version;
    const bool stands = best.version == version && open(record.cls);
    if (stands && !best.exact) {  // what it costs is asked for when it could be the least
      best.cost = lost(record.cls, free_on(best.node), best.device, kMost).sum;
      best.exact = true;
      push(best);
      continue;
    }
    if (best.line != kNoId) follow(best.line, open);
    if (!stands) continue;
    least_ = heap_.empty() || !heap_.front().exact ? kMost : heap_.front().cost;
    return best;
  }
}

// The Pod is there for those that come after it.
void Packing::settle(const Candidate& best) {
  Amounts used = used_on(best.node);
  used.plus(use_of(request_, best.device));
  Content& now = contents_[best.node];
  const std::uint32_t version = now.version + 1;
  now = content(best.node, std::move(used));
  now.version = version;
  if (!takes(best.node)) return;
  ++looked_;
  consider(best.node, Devices::kAny, 0, kNoId);
}

}  // namespace sched
