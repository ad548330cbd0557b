// Kept: what can never start beside the guarantees of others of some of the nodes.
//
// A proof by counting, of upper bounds alone. On the nodes of a class stand no more Pods than fit
// there if nothing ran, nor more than any grant that they lie in leaves. So a gang never starts
//
//   - of which a group has more Pods than all classes together may take, or
//   - of which so many Pods find no place outside of the nodes of a grant that the rest is more
//     than may be had there.
//
//     zone a: 16 GPUs, 12 guaranteed to others      a gang of 8 that names zone a, or 2 x 8
//     anywhere: zone b:  8 GPUs                               never. One of 8 anywhere: in zone b.
//
// One that goes whole to one zone never starts when that is so of each zone that could hold it. And
// one whose Pods have to lie as it wishes (evenly, in one region or one rack) never does when they
// could not be divided so though each zone, or each rack, took as many as these bounds let in.
#include <algorithm>

#include "scheduler/fair/kept.hpp"
#include "scheduler/limits.hpp"
#include "scheduler/order/rules.hpp"
#include "scheduler/place/zones.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {

// How many Pods of each group may stand on which classes, at most; in one zone, or in all.
class Kept::Bound {
 public:
  Bound(const State& state, const Kept& kept, const Shape& shape, ZoneId only) {
    for (const Shape::Group& group : shape.groups) {
      groups_.emplace_back();
      Group& out = groups_.back();
      for (const auto& [name, zone] : state.cluster.zones()) {
        const bool here =
            (only == kNoId || zone == only) && (group.zone.empty() || group.zone == name);
        if (here) add(state, kept, group, zone, out);
      }
    }
  }
  std::int64_t groups() const { return std::ssize(groups_); }
  // If nothing were guaranteed; and beside that.
  bool fits(std::size_t group, std::int64_t count) const { return groups_[group].fit >= count; }
  bool may(std::size_t group, std::int64_t count) const { return groups_[group].may >= count; }
  std::int64_t outside(std::size_t group, const Part& part) const {
    std::int64_t sum = 0;
    for (const Class& c : groups_[group].classes) sum += holds(part, *c.node) ? 0 : c.may;
    return sum;
  }
  // So many of them have to lie within, as far as any can.
  std::int64_t within(std::size_t group, const Part& part, std::int64_t count) const {
    std::int64_t inside = 0;
    for (const Class& c : groups_[group].classes) inside += holds(part, *c.node) ? c.fit : 0;
    return std::clamp<std::int64_t>(count - outside(group, part), 0, inside);
  }

 private:
  struct Class {
    const Node* node = nullptr;
    std::int64_t fit = 0, may = 0;  // of one group
  };
  struct Group {
    std::int64_t fit = 0, may = 0;
    std::vector<Class> classes;
  };
  static void add(const State& state, const Kept& kept, const Shape::Group& group, ZoneId zone,
                  Group& out) {
    const Profile& profile = state.cluster.profile(group.profile);
    for (const ClassId id : state.cluster.zone(zone).classes) {
      if (profile.cells[id].match == Match::kNo) continue;
      const Node& node = state.cluster.cls(id).example;
      const std::int64_t fit = profile.cells[id].empty;
      const std::int64_t may = std::min(fit, kept.pods(node, group.request));
      out.fit += fit;
      out.may += may;
      out.classes.push_back({&node, fit, may});
    }
  }

  std::vector<Group> groups_;
};

// Rather too much.
__int128 Kept::most_covered(const Part& part, ResourceId resource) const {
  __int128 sum = 0;
  for (const std::size_t i : part.covers) {
    for (const Cover::Grant::Left& left : cover_.grants_[i].left) {
      if (left.resource == resource) sum += left.most;
    }
  }
  return sum;
}

std::optional<Kept::Told> Kept::told_of(const Shape& shape, const Part& part,
                                        const Part::Left& left) const {
  const __int128 most = std::max<__int128>({left.left, 0, most_covered(part, left.resource)});
  if (exactly(shape.total, left.resource) <= most) return std::nullopt;
  return Told{*part.nodes.front(), told(shape.total, left.resource, most, left.kept)};
}

// Of the grants that say it alone, the one that leaves least; else the first that says something.
std::optional<Kept::Told> Kept::never_in(const Bound& bound, const Shape& shape) const {
  bool out = false;  // some group
  for (std::size_t g = 0; g < shape.groups.size(); ++g) {
    if (!bound.fits(g, shape.groups[g].count)) return std::nullopt;  // for want of nodes
    out = out || !bound.may(g, shape.groups[g].count);
  }
  std::optional<Told> first, alone;
  for (const Part& part : parts_) {
    for (const Part::Left& left : part.left) {
      __int128 must = 0;
      for (std::size_t g = 0; g < shape.groups.size(); ++g) {
        const Shape::Group& group = shape.groups[g];
        must += exactly(group.request, left.resource) * bound.within(g, part, group.count);
      }
      const __int128 most = std::max<__int128>(left.left, most_covered(part, left.resource));
      const auto told = must > most || out ? told_of(shape, part, left) : std::nullopt;
      if (!first) first = told;
      if (!told || must <= most) continue;
      const bool less = alone && alone->guarded.resource == told->guarded.resource &&
                        told->guarded.left < alone->guarded.left;
      if (!alone || less) alone = told;
    }
  }
  return alone ? alone : first;
}

std::int64_t Kept::most(const Crowd& crowd, const Amounts& request) const {
  __int128 most = 0;
  for (const auto& [node, fit] : crowd) most += fit;
  for (const Part& part : parts_) {
    __int128 outside = 0;
    for (const auto& [node, fit] : crowd) outside += holds(part, *node) ? 0 : fit;
    for (const Part::Left& left : part.left) {
      const __int128 asks = exactly(request, left.resource);
      const __int128 room = std::max<__int128>({left.left, 0, most_covered(part, left.resource)});
      if (asks > 0) most = std::min(most, outside + room / asks);
    }
  }
  return static_cast<std::int64_t>(std::min<__int128>(most, kSlotsMax));
}

// Told is of the grant that leaves least.
std::optional<Kept::Told> Kept::never_as_wished(const State& state, const Shape& shape) const {
  if (!binds() || !never_within(state, shape, Quotas::kNobody)) return std::nullopt;
  std::optional<Told> least;
  for (const Part& part : parts_) {
    for (const Part::Left& left : part.left) {
      const __int128 room = std::max<__int128>({left.left, 0, most_covered(part, left.resource)});
      const Guarded guarded = told(shape.total, left.resource, room, left.kept);
      if (least && least->guarded.left <= guarded.left) continue;
      least = Told{*part.nodes.front(), guarded, {}, exactly(shape.total, left.resource) <= room};
    }
  }
  return least;
}

std::optional<Kept::Told> Kept::never(const State& state, const Shape& shape) const {
  if (shape.policy != ZonePolicy::kSingle && shape.group.empty()) {
    const auto told = never_in(Bound(state, *this, shape, kNoId), shape);
    return told ? told : never_as_wished(state, shape);
  }
  std::optional<Told> first;
  for (const auto& [name, zone] : state.cluster.zones()) {
    const Bound bound(state, *this, shape, zone);
    const auto why = never_in(bound, shape);
    bool fits = true;
    for (std::size_t g = 0; g < shape.groups.size(); ++g) {
      fits = fits && bound.fits(g, shape.groups[g].count);
    }
    if (!why && fits) return never_as_wished(state, shape);
    if (!first) first = why;
  }
  return first;
}

namespace {

// Whether somebody who yields to that tier holds room of a queue that is guaranteed some.
bool somebody_yields(const State& state, QueueId own, int tier) {
  if (tier == static_cast<int>(Tier::kLow)) return false;
  for (const QueueRecord& queue : state.queues) {
    const bool guaranteed =
        queue.known && (queue.queue.has_guaranteed || grants_places(queue.queue));
    if (&queue == &state.queues[own] || !guaranteed) continue;
    for (const auto& [by, id] : queue.placed) {
      const Task& task = state.tasks[id].task;
      if (static_cast<int>(tier_of(task, queue)) > tier || task.preemptible) return true;
    }
  }
  return false;
}

}  // namespace

std::optional<Kept::Told> never_kept(State& state, ShapeId id, int tier) {
  Shape& shape = state.shapes[id];
  if (shape.guards == kNoId || shape.groups.empty() || shape.too_large) return std::nullopt;
  Shape::NeverKept& known = shape.never_kept;
  if (known.nodes_seen != state.cluster.epoch() + 1 || known.rules_seen != state.rules) {
    known = {state.cluster.epoch() + 1, state.rules, {}, kNoResource, 0, 0, false};
    const auto found = Kept(state, shape, Kept::Beside::kNobody).never(state, shape);
    if (found) {
      known.nodes = found->nodes;
      known.resource = found->guarded.resource;
      known.left = found->guarded.left;
      known.kept = found->guarded.kept;
      known.wishes = found->wishes;
    }
  }
  if (known.resource == kNoResource || somebody_yields(state, shape.guards, tier)) {
    return std::nullopt;
  }
  return Kept::Told{known.nodes, {known.resource, known.left, known.kept}, {}, known.wishes};
}

}  // namespace sched
