#include "scheduler/fair/kept.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "scheduler/fair/covered.hpp"
#include "scheduler/limits.hpp"
#include "scheduler/place/zones.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {

using namespace grants;

namespace {

// Sets of crossing grants that are looked at together: so many of them, of so many grants.
constexpr std::size_t kTogetherMax = 64, kTogetherOf = 4;

bool cross(const Quota& a, const Quota& b) {
  return !disjoint(a, b) && !within(a, b) && !within(b, a);
}

bool lies_within(const Quota& quota, const Nodes& nodes) {
  return std::any_of(nodes.begin(), nodes.end(),
                     [&](const Quota* other) { return within(quota, *other); });
}

// What is free now for a gang, by nodes and resource: class by class, so that it is read once.
class Free {
 public:
  Free(const State& state, const Amounts& total, const std::vector<ResourceId>& resources,
       Kept::Beside beside)
      : resources_(resources) {
    for (const auto& [name, zone] : state.cluster.zones()) {
      for (const ClassId id : state.cluster.zone(zone).classes) {
        const NodeClass& c = state.cluster.cls(id);
        const bool now = beside != Kept::Beside::kNobody;
        if (now && !c.open) continue;
        classes_.push_back({&c.example, {}});
        for (const ResourceId r : resources) {
          classes_.back().free.push_back(now ? free_for(total, c.free, r) : exactly(c.total, r));
        }
      }
    }
  }

  __int128 of(const Nodes& nodes, ResourceId resource) {
    const auto place = std::find(resources_.begin(), resources_.end(), resource);
    const auto at = static_cast<std::size_t>(place - resources_.begin());
    __int128 sum = 0;
    for (const Class& c : classes_) {
      const auto holds = [&](const Quota* quota) { return matches(*quota, *c.example); };
      if (std::any_of(nodes.begin(), nodes.end(), holds)) sum += c.free[at];
    }
    return sum;
  }
  __int128 of(const Quota& nodes, ResourceId resource) {
    const auto [at, fresh] = known_.try_emplace({&nodes, resource}, 0);
    if (fresh) at->second = of(Nodes{&nodes}, resource);
    return at->second;
  }

 private:
  struct Class {
    const Node* example = nullptr;
    std::vector<__int128> free;  // of each resource
  };
  const std::vector<ResourceId>& resources_;
  std::vector<Class> classes_;
  std::map<std::pair<const Quota*, ResourceId>, __int128> known_;
};

// Whether any Pod of the shape could ever lie on these nodes: else nothing that is kept there
// concerns it.
bool takes_any(const State& state, const Shape& shape, const Nodes& nodes) {
  return std::any_of(shape.groups.begin(), shape.groups.end(), [&](const Shape::Group& g) {
    const Profile& profile = state.cluster.profile(g.profile);
    for (const auto& [name, zone] : state.cluster.zones()) {
      for (const ClassId id : state.cluster.zone(zone).classes) {
        if (profile.cells[id].match == Match::kNo) continue;
        const Node& example = state.cluster.cls(id).example;
        const auto holds = [&](const Quota* quota) { return matches(*quota, example); };
        if (std::any_of(nodes.begin(), nodes.end(), holds)) return true;
      }
    }
    return false;
  });
}

// As if nobody used anything.
Grants unused(Grants grants) {
  static const Amounts kNothing;
  for (Granted& grant : grants) grant.used = &kNothing;
  return grants;
}

// So much has to stay free for a queue, anywhere on these nodes.
struct Need {
  __int128 amount = 0;
  const Quota* nodes = nullptr;
};
using Needs = std::vector<Need>;

// What has to stay free for one queue, of these grants of its: in sum, and each where it may lie.
__int128 add_needs(const Grants& grants, ResourceId r, Free& free, Needs& out) {
  struct Outer {
    __int128 most = 0;
    const Quota* nodes = nullptr;
    Needs parts;
  };
  std::vector<Outer> outer;
  for (const Granted& grant : outermost(grants)) {
    Outer one{0, grant.nodes, {}};
    const __int128 inner = add_needs(inside_of(grants, *grant.nodes), r, free, one.parts);
    const __int128 own = idle(grant, r);
    if (own > inner) one.parts.push_back({own - inner, grant.nodes});
    one.most = std::min(std::max(own, inner), free.of(*grant.nodes, r));
    if (one.most > 0) outer.push_back(std::move(one));
  }
  std::sort(outer.begin(), outer.end(), [](const Outer& a, const Outer& b) {
    return a.most != b.most ? a.most > b.most : name_of(*a.nodes) < name_of(*b.nodes);
  });
  __int128 sum = 0;
  Nodes chosen;
  for (const Outer& one : outer) {
    const bool apart = std::all_of(chosen.begin(), chosen.end(), [&](const Quota* other) {
      return disjoint(*one.nodes, *other);
    });
    if (!apart) continue;
    chosen.push_back(one.nodes);
    out.insert(out.end(), one.parts.begin(), one.parts.end());
    sum += one.most;
  }
  return sum;
}

// So much is needed on the nodes of each of these.
using Wanted = std::vector<std::pair<const Quota*, __int128>>;

// What of it there is room for at once where their nodes cross, in any case: some of them get no
// more than there is on all their nodes together, and the others no more than they need.
__int128 at_once(const Wanted& wanted, ResourceId r, Free& free) {
  __int128 least = 0;
  for (const auto& [nodes, amount] : wanted) least += amount;
  for (std::size_t some = 1; some < std::size_t{1} << wanted.size(); ++some) {
    Nodes nodes;
    __int128 others = 0;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if ((some >> i & 1) != 0) nodes.push_back(wanted[i].first);
      if ((some >> i & 1) == 0) others += wanted[i].second;
    }
    least = std::min(least, others + free.of(nodes, r));
  }
  return least;
}

// The same of any number: of those that cross others only a few, which need most.
__int128 at_least(Wanted wanted, ResourceId r, Free& free) {
  __int128 sum = 0;
  const Wanted all = wanted;
  std::erase_if(wanted, [&](const auto& one) {
    const bool apart = std::all_of(all.begin(), all.end(), [&](const auto& other) {
      return other.first == one.first || disjoint(*other.first, *one.first);
    });
    if (apart) sum += one.second;
    return apart;
  });
  std::sort(wanted.begin(), wanted.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : name_of(*a.first) < name_of(*b.first);
  });
  if (wanted.size() > kTogetherOf) wanted.resize(kTogetherOf);
  return sum + at_once(wanted, r, free);
}

// What can be kept of all these needs on nodes within which they lie: no more than is free there,
// nor of those within than is free on theirs, whoever needs it. Where needs cross, the sum counts
// (`most`), or what there is room for at once of a few that need most.
__int128 kept_on(const Nodes& nodes, Needs needs, bool most, ResourceId r, Free& free) {
  const Quota* const only = nodes.size() == 1 ? nodes.front() : nullptr;
  __int128 sum = 0;
  std::erase_if(needs, [&](const Need& need) {
    const bool here = only != nullptr && same(*need.nodes, *only);
    if (here) sum += need.amount;
    return here;
  });
  Nodes inner;
  for (const Need& need : needs) {
    const bool inside = std::any_of(needs.begin(), needs.end(), [&](const Need& other) {
      return within(*need.nodes, *other.nodes) && !same(*need.nodes, *other.nodes);
    });
    const bool known = std::any_of(inner.begin(), inner.end(),
                                   [&](const Quota* other) { return same(*other, *need.nodes); });
    if (!inside && !known) inner.push_back(need.nodes);
  }
  Wanted parts;
  for (const Quota* const part : inner) {
    Needs there;
    std::erase_if(needs, [&](const Need& need) {
      const bool lies = within(*need.nodes, *part);
      if (lies) there.push_back(need);
      return lies;
    });
    parts.emplace_back(part, kept_on({part}, std::move(there), most, r, free));
  }
  if (!most) sum += at_least(std::move(parts), r, free);
  for (const auto& [part, amount] : most ? parts : Wanted{}) sum += amount;
  return std::min(sum, only != nullptr ? free.of(*only, r) : free.of(nodes, r));
}

// Those of these places of `all` and more behind the first of them, each of which crosses one that
// is there already; every set once.
using Places = std::set<std::size_t>;
void together(const Nodes& all, const Places& some, std::set<Places>& known,
              std::vector<Nodes>& out) {
  for (std::size_t i = *some.begin() + 1; i < all.size() && out.size() < kTogetherMax; ++i) {
    const bool joins = !some.contains(i) && std::any_of(some.begin(), some.end(), [&](auto other) {
      return cross(*all[i], *all[other]);
    });
    if (!joins) continue;
    Places more = some;
    more.insert(i);
    if (!known.insert(more).second) continue;
    Nodes& nodes = out.emplace_back();
    for (const std::size_t place : more) nodes.push_back(all[place]);
    if (more.size() < kTogetherOf) together(all, more, known, out);
  }
}

// The nodes of each grant that somebody else has, by name, all nodes last; then those that cross.
std::vector<Nodes> sets_of(const std::vector<Grants>& others) {
  Nodes all;
  for (const Grants& grants : others) {
    for (const Granted& grant : grants) all.push_back(grant.nodes);
  }
  const auto before = [](const Quota* a, const Quota* b) {
    const bool last_a = same(*a, all_nodes()), last_b = same(*b, all_nodes());
    return last_a != last_b ? last_b : name_of(*a) < name_of(*b);
  };
  std::sort(all.begin(), all.end(), before);
  all.erase(std::unique(all.begin(), all.end(),
                        [](const Quota* a, const Quota* b) { return same(*a, *b); }),
            all.end());
  std::vector<Nodes> sets;
  for (const Quota* nodes : all) sets.push_back({nodes});
  std::set<Places> known;
  for (std::size_t i = 0; i < all.size(); ++i) together(all, {i}, known, sets);
  return sets;
}

}  // namespace

// --- own grants

namespace {

__int128 most_of(const Grants& grants, const Granted& of, ResourceId r) {
  __int128 inner = 0;
  for (const Granted& grant : outermost(inside_of(grants, *of.nodes))) {
    inner += most_of(grants, grant, r);
  }
  return std::max(idle(of, r), inner);
}

}  // namespace

Cover::Cover(const State& state, QueueId id, TaskId but) {
  Grants grants = grants_of(state.queues[id]);
  std::deque<Amounts> used;
  for (Granted& grant : grants) {
    used.push_back(*grant.used);
    for (const auto& [holder, room] : state.held_rooms) {
      if (state.tasks[holder].queue != id || holder == but) continue;
      for (const auto& [node, amounts] : room.need) {
        if (!matches(*grant.nodes, state.cluster.node(node).node)) continue;
        used.back().plus(charged(amounts));
      }
    }
    grant.used = &used.back();
  }
  add(grants);
}

void Cover::add(const std::vector<Granted>& grants) {
  for (const Granted& grant : grants) {
    Grant own{grant.nodes, {}};
    for (const ResourceId r : asked(*grant.guaranteed)) {
      own.left.push_back({r, idle(grant, r), most_of(grants, grant, r)});
    }
    grants_.push_back(std::move(own));
  }
}

Cover Cover::whole(const State& state, QueueId queue) {
  Cover cover;
  cover.add(unused(grants_of(state.queues[queue])));
  return cover;
}

void Cover::keep_inner() {
  for (Grant& grant : grants_) {
    std::vector<const Grant*> inner;
    for (const Grant& other : grants_) {
      const bool lies = within(*other.nodes, *grant.nodes) && !same(*other.nodes, *grant.nodes);
      if (lies) inner.push_back(&other);
    }
    for (const Grant* const part : inner) {
      const bool outer = std::none_of(inner.begin(), inner.end(), [&](const Grant* other) {
        return other != part && within(*part->nodes, *other->nodes);
      });
      for (const Grant::Left& kept : part->left) {
        for (Grant::Left& left : grant.left) {
          if (!outer || left.resource != kept.resource) continue;
          left.idle = std::max<__int128>(left.idle - kept.most, 0);
        }
      }
    }
  }
}

// Within a grant, and all that are wider.
__int128 Cover::of(const Grant& grant, const Node& node, ResourceId resource) const {
  if (!matches(*grant.nodes, node)) return -1;
  __int128 most = -1;
  for (const Grant::Left& left : grant.left) {
    if (left.resource == resource) most = left.idle;
  }
  for (const Grant& wider : grants_) {
    if (most < 0 || &wider == &grant || !within(*grant.nodes, *wider.nodes)) continue;
    for (const Grant::Left& left : wider.left) {
      if (left.resource == resource) most = std::min(most, left.most);
    }
  }
  return most;
}

__int128 Cover::pods(const Grant& grant, const Node& node, const Amounts& request) const {
  __int128 most = -1;
  for (const Grant::Left& left : grant.left) {
    const __int128 asks = exactly(request, left.resource);
    const __int128 room = asks > 0 ? of(grant, node, left.resource) : -1;
    if (room >= 0) most = most < 0 ? room / asks : std::min(most, room / asks);
  }
  return most;
}

std::int64_t Cover::pods(const Node& node, const Amounts& request) const {
  __int128 best = 0;
  for (const Grant& grant : grants_) best = std::max(best, pods(grant, node, request));
  return static_cast<std::int64_t>(std::min<__int128>(best, kSlotsMax));
}

int Cover::closeness(const Node& node, const Amounts& request) const {
  const std::vector<ResourceId> asks = asked(request);
  int best = kUncovered;
  for (const Grant& grant : grants_) {
    if (pods(grant, node, request) < 1) continue;
    const bool devices = std::all_of(asks.begin(), asks.end(), [&](ResourceId r) {
      const auto named = [r](const Grant::Left& left) { return left.resource == r; };
      return r < kFirstExtended || std::any_of(grant.left.begin(), grant.left.end(), named);
    });
    const Quota& nodes = *grant.nodes;
    const int names = !nodes.zone.empty() + !nodes.pool.empty() + !nodes.gpu_model.empty();
    best = std::max(best, names + (devices ? kAllDevices : 0));
  }
  return best;
}

void Cover::take(const Node& node, const Amounts& request, std::int64_t pods) {
  for (Grant& grant : grants_) {
    if (!matches(*grant.nodes, node)) continue;
    for (Grant::Left& left : grant.left) {
      const __int128 taken = exactly(request, left.resource) * pods;
      left.idle = std::max<__int128>(left.idle - taken, 0);
      left.most = std::max<__int128>(left.most - taken, 0);
    }
  }
}

// --- what others leave

Kept::Kept(const State& state, const Shape& shape, Beside beside)
    : Kept(state, shape, beside,
           beside != Beside::kNobody ? Cover(state, shape.guards)
                                     : Cover::whole(state, shape.guards)) {}

Kept::Kept(const State& state, const Shape& shape, Beside beside, Cover own)
    : cover_(std::move(own)) {
  if (beside == Beside::kOwnToo) cover_.keep_inner();
  const std::vector<ResourceId> resources = asked(shape.total);
  std::vector<Grants> others;
  for (QueueId id = 0; id < state.queues.size(); ++id) {
    if (id == shape.guards && beside != Beside::kOwnToo) continue;
    Grants grants = grants_of(state.queues[id]);
    if (beside == Beside::kNobody) grants = unused(std::move(grants));
    std::erase_if(grants, [&](const Granted& grant) {
      return std::all_of(resources.begin(), resources.end(),
                         [&](ResourceId r) { return idle(grant, r) == 0; });
    });
    if (!grants.empty()) others.push_back(std::move(grants));
  }
  if (others.empty()) return;
  Free free(state, shape.total, resources, beside);
  for (Nodes& nodes : sets_of(others)) {
    if (beside == Beside::kNobody && nodes.size() > 1) continue;  // what is said is of one grant
    if (!takes_any(state, shape, nodes)) continue;
    Part part;
    for (const ResourceId r : resources) {
      Needs needs;
      for (const Grants& grants : others) {
        Grants here;
        for (const Granted& grant : grants) {
          if (lies_within(*grant.nodes, nodes)) here.push_back(grant);
        }
        add_needs(here, r, free, needs);
      }
      const __int128 kept = kept_on(nodes, needs, beside != Beside::kNobody, r, free);
      if (kept == 0) continue;
      const __int128 left = free.of(nodes, r) - kept;
      if (left < exactly(shape.total, r)) part.left.push_back({r, left, kept});
    }
    if (part.left.empty()) continue;
    for (std::size_t i = 0; i < cover_.grants_.size(); ++i) {
      if (lies_within(*cover_.grants_[i].nodes, nodes)) part.covers.push_back(i);
    }
    part.nodes = std::move(nodes);
    parts_.push_back(std::move(part));
  }
}

bool Kept::holds(const Part& part, const Node& node) {
  return std::any_of(part.nodes.begin(), part.nodes.end(),
                     [&](const Quota* quota) { return matches(*quota, node); });
}

__int128 Kept::covered(const Part& part, const Node& node, ResourceId resource) const {
  __int128 most = 0;
  for (const std::size_t i : part.covers) {
    most = std::max(most, cover_.of(cover_.grants_[i], node, resource));
  }
  return most;
}

std::int64_t Kept::pods(const Node& node, const Amounts& request) const {
  __int128 most = kSlotsMax;
  for (const Part& part : parts_) {
    if (!holds(part, node)) continue;
    for (const Part::Left& left : part.left) {
      const __int128 asks = exactly(request, left.resource);
      if (asks == 0) continue;
      const __int128 room = std::max<__int128>(left.left, covered(part, node, left.resource));
      most = std::min(most, std::max<__int128>(room, 0) / asks);
    }
  }
  return static_cast<std::int64_t>(most);
}

void Kept::take(const Node& node, const Amounts& request, std::int64_t pods) {
  for (Part& part : parts_) {
    if (!holds(part, node)) continue;
    for (Part::Left& left : part.left) left.left -= exactly(request, left.resource) * pods;
  }
  cover_.take(node, request, pods);
}

// By what all its Pods there ask for: those beyond what is left have to stay within own grants.
bool Kept::takes(const State& state, const Shape& shape, const std::vector<NodeId>& ranks,
                 const Part& part, const Part::Left& left) const {
  Cover cover = cover_;
  __int128 asks = 0, covered = 0;
  auto group = shape.groups.begin();
  std::int64_t of_group = 0;
  for (const NodeId rank : ranks) {
    for (; of_group == group->count; ++group) of_group = 0;
    ++of_group;
    const Node& node = state.cluster.node(rank).node;
    if (!holds(part, node)) continue;
    const __int128 one = exactly(group->request, left.resource);
    __int128 most = 0;
    for (const std::size_t i : part.covers) {
      most = std::max(most, cover.of(cover.grants_[i], node, left.resource));
    }
    asks += one;
    covered += std::min(one, most);
    cover.take(node, group->request, 1);
  }
  return asks > left.left && asks - covered > std::max<__int128>(left.left, 0);
}

Nodes Kept::taken(const State& state, const Shape& shape, const std::vector<NodeId>& ranks) const {
  for (const Part& part : parts_) {
    for (const Part::Left& left : part.left) {
      if (takes(state, shape, ranks, part, left)) return part.nodes;
    }
  }
  return {};
}

// What of a gang that may be divided over zones has to lie on these nodes now, as far as it can.
Amounts Kept::asked_of(const State& state, const Shape& shape, const Part& part) const {
  Amounts sum;
  for (const Shape::Group& group : shape.groups) {
    const Profile& profile = state.cluster.profile(group.profile);
    std::int64_t outside = 0, inside = 0;
    for (const auto& [name, zone] : state.cluster.zones()) {
      if (!group.zone.empty() && group.zone != name) continue;
      for (const ClassId id : state.cluster.zone(zone).classes) {
        (holds(part, state.cluster.cls(id).example) ? inside : outside) += profile.cells[id].slots;
      }
    }
    sum.plus(group.request, std::clamp<std::int64_t>(group.count - outside, 0, inside));
  }
  return sum;
}

// Where Pods of the shape would fit now, and may not all go: where too many have to, if that is
// known.
std::optional<Kept::Told> Kept::tell(const State& state, const Shape& shape) const {
  const bool whole = shape.policy == ZonePolicy::kSingle || !shape.group.empty();
  std::optional<Told> first;
  for (const Part& part : parts_) {
    const Amounts asked = whole ? shape.total : asked_of(state, shape, part);
    for (const auto& [name, zone] : state.cluster.zones()) {
      for (const ClassId id : state.cluster.zone(zone).classes) {
        const Node& node = state.cluster.cls(id).example;
        const bool wanted =
            std::any_of(shape.groups.begin(), shape.groups.end(), [&](const Shape::Group& g) {
              return state.cluster.profile(g.profile).cells[id].slots > 0;
            });
        if (!wanted || !holds(part, node)) continue;
        for (const Part::Left& left : part.left) {
          const __int128 room =
              std::max<__int128>({left.left, 0, covered(part, node, left.resource)});
          if (exactly(shape.total, left.resource) <= room) continue;
          const Guarded guarded = told(shape.total, left.resource, room, left.kept);
          if (exactly(asked, left.resource) > room)
            return Told{*part.nodes.front(), guarded, asked};
          if (!first) first = Told{*part.nodes.front(), guarded, shape.total};
        }
      }
    }
  }
  return first;
}

bool guarantees_forbid(const State& state, const Shape& shape) {
  if (shape.guards == kNoId || !Kept(state, shape).binds()) return false;
  return divide(state, shape, Room::kNow).splits.empty() &&
         !divide(state, shape, Room::kNow, Quotas::kOwn).splits.empty();
}

}  // namespace sched
