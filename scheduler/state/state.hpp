// State: the fold of the deltas. Everything the engine knows, and nothing it decided.
//
// Cluster has the nodes; State adds tasks, Pods, queues and the waiting lines over them. `order/`
// reads it to decide, books what it decides while it looks on (and gives it back), and parks
// shapes that do not fit.
//
// Words
//   shape   everything about a gang that decides where it fits, interned. Two tasks of one shape
//           have the same answer.
//   bucket  the ready tasks of one (queue, tier, shape), in the queue's order: only its head can
//           be next, and when the shape does not fit none of them is looked at. In queues that
//           order by tenant, of one (queue, tier, tenant, shape): shares move, and with them the
//           order between tenants, but never the order within one. So it is in queues that limit
//           what each tenant may have: who is at the limit stands in nobody's way.
//   parked  a shape that was tried and did not fit. It is looked at again when the slots it lacks
//           appear. `fragile`: the search was not exhaustive for it, so any change wakes it, and it
//           has its turn in each pass: what is booked before that may help it, too.
//   refused a bucket all of whose tasks fit alone and were refused beside what is promised to
//           others, for reasons that only what wakes it changes (refusals.cpp).
//   active  buckets whose shape is not parked, or fragile, whose queue's maximum leaves room, and
//           which are not refused: what the next pass looks at. Everything else costs nothing.
//
// Invariants
//   1. A waiting task stands in its queue's line. It stands in a bucket exactly when it is not
//      held, its queue is known and its back-off is over (as of `clock`).
//   2. A rank of a reserved or running task books its node until its Pod is seen; a Pod books its
//      node while it is known. Never both.
//   3. What a hold keeps is booked on its nodes whenever somebody looks.
//   4. used(queue) is the sum of the requests of its reserved and running tasks; so is that of each
//      of its tenants. What it uses of a quota is the sum over those ranks whose node matches, as
//      the node is labelled now; a node that is not there has no labels.
//   5. The mix counts the Pods of the tasks that have not ended.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "scheduler/delta.hpp"
#include "scheduler/engine.hpp"
#include "scheduler/fair/tenants.hpp"
#include "scheduler/learn/past.hpp"
#include "scheduler/state/cluster.hpp"
#include "scheduler/state/mix.hpp"

namespace sched {

using QueueId = std::uint32_t;
using ShapeId = std::uint32_t;
using BucketId = std::uint32_t;
using PodId = std::uint32_t;

struct Shape {
  std::string key;
  struct Group {
    ProfileId profile = kNoId;
    std::string zone;  // "" for any
    std::int64_t count = 0;
    Amounts request;
  };
  std::vector<Group> groups;
  ZonePolicy policy = ZonePolicy::kAny;
  std::int64_t max_zones = 0, min_per_zone = 0, max_skew = 0, max_latency_us = 0;
  std::string gpu_model;
  bool one_domain = false;  // of the level that its profiles count, in each zone
  bool spread = false;      // its queue spreads: the least loaded nodes, instead of packing
  // The queue whose quotas limit how much of it may go where: then all its tasks are of that queue.
  QueueId limits = kNoId;
  // The queue that others' guarantees of some of the nodes keep from places (fair/kept.hpp): then
  // all its tasks are of that queue, and alike in that.
  QueueId guards = kNoId;
  // What its tasks say of their group (place/group.hpp): then all are of that group. "": none.
  std::string group;
  std::vector<GroupZone> group_zones;
  std::int64_t group_skew = 0;
  std::string replaces;
  // In a search for what this task may claim back: it may go only where its queue is guaranteed
  // what it asks for.
  TaskId claims = kNoId;
  std::int64_t pods = 0;
  bool too_large = false;  // more Pods than kGangMax
  bool shares = false;     // some of its Pods ask for a part of a device
  Amounts total;
  Amounts served;  // the same as shares count it: GPUs under their model's name
  std::int64_t refs = 0;
  std::vector<BucketId> buckets;
  bool parked = false, fragile = false;
  std::uint64_t never_epoch = 0;  // of the cluster, plus one: as of when `never` was computed
  bool never = false;             // the empty cluster cannot hold it
  bool never_allowed = false;     // nor would its queue's quotas let it in there
  // Why what is guaranteed to others of some of the nodes never lets it start, as of those nodes
  // and rules (fair/kept.hpp); kNoResource: no reason is known.
  struct NeverKept {
    std::uint64_t nodes_seen = 0, rules_seen = 0;
    Quota nodes;
    ResourceId resource = kNoResource;
    std::int64_t left = 0, kept = 0;
    bool wishes = false;  // it is for how the gang wishes to be divided
  };
  NeverKept never_kept;
  // By tier: nobody's stopping would make room, for this many changes of nodes (0: not known); see
  // preempt/hopeless.hpp.
  struct Hopeless {
    std::uint64_t changes = 0, loosened = 0;
    Time now;
    std::uint64_t sizes = 0;             // Cluster::sizes, plus one: `most` is as of then
    std::int64_t missing = 0, most = 1;  // Pods that lack in sum, and that one node takes at most
  };
  Hopeless hopeless[3];
};

struct Bucket {
  QueueId queue = kNoId;
  ShapeId shape = kNoId;
  std::uint8_t tier = 0;
  TenantId tenant = kNoId;  // in queues that order by tenant
  TenantId owner = kNoId;   // in these, and in those that limit what each tenant may have
  bool quota_parked = false;
  bool refused = false;  // beside what is promised
  Ordered<Place> tasks;
};

struct QueueRecord {
  Queue queue;
  bool known = false;
  Amounts maximum;
  // For each of `queue.quotas`: its amounts, and what the queue uses of the nodes that match.
  struct Limit {
    Amounts maximum, guaranteed, used;
  };
  std::vector<Limit> limits;
  // Placed tasks that a peer may have stop, by the time from which on it may (preempt/promise.hpp).
  std::set<std::pair<std::int64_t, TaskId>> turns_over;
  // Its placed tasks, by when they end by what they stated: those that do not run yet first (0),
  // those that stated nothing last (kNoEnd).
  static constexpr std::int64_t kNoEnd = std::int64_t{1} << 62;
  std::set<std::pair<std::int64_t, TaskId>> placed;
  Ordered<Place> line;                                  // all that wait
  std::set<std::pair<std::int64_t, TaskId>> submitted;  // the same by when they were submitted
  Ordered<Place> heads;                                 // the first of each bucket
  std::int64_t waiting[3] = {0, 0, 0};
  std::map<std::tuple<std::uint8_t, TenantId, ShapeId>, BucketId> buckets;
  std::int64_t running = 0;
  Amounts used;
  std::int64_t members = 0;  // tasks that name it, in any state
  Amounts guaranteed;
  bool by_tenant = false;  // how its tasks stand in line
  bool by_owner = false;   // each tenant has a line of its own: by_tenant, or tenants have limits
  std::deque<Tenant> tenants;
  std::map<std::string, TenantId> tenant_ids;
  std::vector<TenantId> free_tenants;
  Tenant whole;  // all its tenants together: the queue's own share
  Past past;     // how long its tasks lasted that are over
};

struct TaskRecord {
  Task task;
  bool live = false;
  TaskState state = TaskState::kWaiting;
  QueueId queue = kNoId;
  TenantId tenant = kNoId;
  ShapeId shape = kNoId;    // while it waits
  BucketId bucket = kNoId;  // while it stands in one
  Place place;
  Time ready_at;  // the later of the task's own and the last Reject's
  Time rejected_until;
  std::string rejected_why;
  // The decision, while reserved or running.
  std::int64_t attempt = 0;
  struct Rank {
    NodeId node = kNoId;
    bool reserved = false;
    std::int64_t device = -1;  // that it shares there
  };
  std::vector<Rank> ranks;
  std::vector<std::pair<std::int64_t, Amounts>> parts;  // ranks below .first use this much
  std::vector<std::pair<std::int64_t, Amounts>> asks;   // ranks below .first ask for this much
  Amounts booked;
  Amounts served;         // the same as shares count it
  std::int64_t gpus = 0;  // of `booked`, of all kinds, rounded up; and exactly
  std::int64_t gpu_milli = 0;
  std::vector<PodId> pods;   // that are known to be its own, in the order of their coming
  Few<NeedId, 2> needs;      // of its groups, as long as it has not ended
  std::int64_t passing = 0;  // how many of them are of attempts before the decided one
  Time since;
  std::int64_t protected_ns = 0;  // its key in `protected_until`; 0: not there
  bool unprotected = false;       // in `unprotected`
  std::int64_t turn_ns = 0;       // its key in its queue's `turns_over`; 0: not there
  std::int64_t grow_ns = 0;       // its key in `growable`; 0: not there
  // While it holds a decision: who it was asked to stop for ("" for nobody), and when.
  std::string evicted_by;
  Time evicted_at;
  // While it waits: the nodes, by rank, whose room is kept for it, and the devices.
  std::vector<std::string> hold;
  std::vector<std::int64_t> hold_devices;
  Time hold_until;
};

// What a search for victims reads of a placed task, close together. It repeats what the task's
// record says, but for those that no time makes askable.
struct Askable {
  TaskId task = kNoId;
  NodeId node = kNoId;  // of its first rank
  Tier tier = Tier::kLow;
  bool runs = false, leaving = false, unevictable = false, unprotected = false;
  bool surplus = false;  // an elastic gang above its minimum: it may be asked for a part alone
  std::int64_t protected_ns = 0, guarantee_ns = 0, turn_ns = 0, since_ns = 0;
  std::int64_t gpu_milli = 0, cpu = 0, pods = 0;
  std::int64_t checkpoint_every_ns = 0;
};

// Something of a node that a task has.
struct Use {
  NodeId node = kNoId;
  Amounts amounts;
  bool passing = false;  // a Pod of an attempt before the decided one: it is on its way out
};

struct PodRecord {
  PodUpsert pod;
  NodeId node = kNoId;
  Amounts amounts;
};

// What is kept for a waiting task: `need` is what it asks for on each node that its hold names;
// `booked` is what of that has to be kept from others. As long as those who were asked to stop for
// it are there, they take part of the room themselves; each that leaves makes `booked` grow by what
// it leaves behind, in the same step: the room is never free for a moment.
//
//      node: [ victim 6 GPUs | free 2 ]    the hold needs 8: 2 are booked, nothing is left over
//      node: [ free 8 ]                    the victim has gone: 8 are booked
struct HeldRoom {
  NodeAmounts need, booked;   // of the same nodes, by id
  std::vector<NodeId> ranks;  // kNoId where a node is not known
  // Where in both a node stands; nothing when it is not there.
  std::optional<std::size_t> at(NodeId node) const {
    const auto before = [node](const auto& part) { return part.first < node; };
    const auto here = std::partition_point(need.begin(), need.end(), before);
    if (here == need.end() || here->first != node) return std::nullopt;
    return static_cast<std::size_t>(here - need.begin());
  }
  // Not part of the content: as of this change of a node (Cluster::changes; 0: not known) there
  // will be room for all of it when all have left who were asked to (preempt/holds.hpp).
  mutable std::uint64_t stood = 0;
  // The same: how many Pods more of each profile of its gang each of these nodes would take without
  // what is booked there for it (preempt/own_room.hpp). `nodes`: as they stand in `booked`.
  mutable std::vector<std::pair<ProfileId, Profile::Outlook>> given_back{};
};

// Room that is promised to a waiting task from `at` on. Nothing is booked for it: who starts looks
// at what it must leave alone (backfill/kept_promises.hpp).
struct PromisedRoom {
  Placement where;  // no nodes: nothing could be promised
  Time at;
  std::vector<NodeId> ranks;
  NodeAmounts need;  // by node
  // Not part of the content: a search for victims for this task found nobody beside all promises,
  // for this many changes of nodes (0: not known), before this time (preempt/hopeless.hpp).
  struct Hopeless {
    std::uint64_t changes = 0, seen = 0;
    Time now, until;
  };
  Hopeless hopeless;
};

class State {
 public:
  bool apply(const Delta& delta);

  // --- what is known
  ResourceNames names;
  Cluster cluster;
  Mix mix;
  ConfigUpdate config;
  std::deque<TaskRecord> tasks;
  std::unordered_map<std::string, TaskId> task_ids;
  std::deque<QueueRecord> queues;
  std::map<std::string, QueueId> queue_ids;
  std::deque<Shape> shapes;
  std::deque<Bucket> buckets;
  std::deque<PodRecord> pods;
  std::unordered_map<std::string, PodId> pod_ids;
  // Pods whose task is not known (yet), by its uid.
  std::unordered_map<std::string, std::vector<PodId>> orphans;

  // --- what the next pass looks at; not part of the content
  std::set<BucketId> active;
  std::set<BucketId> guarded;  // would take room that is guaranteed to others
  std::set<BucketId> refused;  // beside what is promised to others; until when that is sure
  Time refused_until;
  std::int64_t granting = 0;    // known queues that are guaranteed something of some of the nodes
  std::uint64_t rules = 0;      // changes of queues' rules
  std::uint64_t changes = 0;    // deltas that changed something
  std::uint64_t geography = 0;  // of the cluster, when shapes were last woken for it
  Time clock;
  std::set<TaskId> held;  // waiting tasks with a hold
  // Of those whose hold counts: it lasts at `clock`, names a node for each Pod, and is that of a
  // task that the empty cluster could hold.
  std::map<TaskId, HeldRoom> held_rooms;
  // When running tasks end by what they stated (those that stated it); who is placed and does not
  // run yet; who is placed where.
  using End = std::pair<std::int64_t, TaskId>;
  Ordered<End> ends;
  std::set<TaskId> starting;
  // Running tasks that stated no duration, by uid.
  std::map<std::string, TaskId> endless;
  // What administrators want for waiting tasks, by uid.
  std::map<std::string, Resolve> wishes;
  // What is promised to waiting tasks, and to whom on each node.
  std::map<TaskId, PromisedRoom> promises;
  std::vector<std::vector<TaskId>> promised_on;
  // Nodes of promises on which something changed since somebody looked (order/tend.hpp).
  std::set<NodeId> shaken;
  // Nodes on which something that was promised is not any more. Grows only.
  std::uint64_t given_up = 0;
  // Until when placed tasks are protected: time alone may then change a plan.
  std::set<std::pair<std::int64_t, TaskId>> protected_until;
  // Placed tasks that are protected by no time: Low ones, and those that said they may be
  // preempted.
  std::set<TaskId> unprotected;
  // Whoever of the placed may be asked to stop now, or some time; in no order.
  std::vector<Askable> askable;
  // Placed tasks that were asked to stop.
  std::set<TaskId> leaving;
  // Placed tasks some of whose Pods are of attempts before the decided one: these are on their way
  // out, though the task stays.
  std::set<TaskId> moving;
  // Running elastic tasks below their maximum, by when they may be given more: time alone may then
  // change a plan.
  std::set<std::pair<std::int64_t, TaskId>> growable;
  // Changes of single nodes that may have made more of them free, or in the hands of those who may
  // be asked to stop. Grows only.
  std::uint64_t loosened = 0;
  // What the last of them may have brought: in a ring, by number.
  struct Loosening {
    enum class What : std::uint8_t { kAmounts, kNode, kCloses, kOpens, kAnything };
    What what = What::kAnything;
    NodeId node = kNoId;
    Amounts amounts;  // kAmounts: at most so much of the node
  };
  static constexpr std::uint64_t kLooseningsKept = 64;
  std::vector<Loosening> loosenings;
  // What counts for more changes than anything waits for.
  static constexpr std::uint64_t kLoosenedAnew = std::uint64_t{1} << 40;
  // Whether any hold may stand otherwise than when a pass last looked at all.
  bool holds_moved = true;
  // What the last pass with nothing to try asked, in the order of its turns, and found nobody; as
  // long as that order stands (order/idle.cpp). Not part of the content.
  struct Asked {
    bool known = false;
    Time at;
    bool any_time = false;  // time alone does not move the order
    bool cut = false;       // the pass had made all the reservations that it may, and left out some
    std::vector<std::pair<TaskId, PreemptionKind>> asks;
    std::vector<TaskId> came;  // who came into line since
  };
  Asked asked;
  std::vector<std::set<TaskId>> tasks_on_node;
  std::set<std::pair<std::int64_t, TaskId>> cooling;  // back-off not over at `clock`
  std::set<std::pair<std::int64_t, TaskId>> matured;  // had one, over at `clock`

  // The tasks of each group that says something of zones, by its uid.
  std::map<std::string, std::set<TaskId>> groups;
  // Waiting tasks of a group that count as started, by group and zone.
  std::map<std::pair<std::string, ZoneId>, std::int64_t> pretended;

  // Moves tasks whose back-off is over into their buckets (back out of them when time was set
  // back).
  void advance(Time now);
  // What a task would ask for in this queue, interned; each call is matched by a release.
  ShapeId acquire_shape(const Task& task, const QueueRecord& queue);
  void release_shape(ShapeId id);
  void park(ShapeId shape, bool fragile);
  void park_for_quota(BucketId bucket);
  void wake_changed();  // after bookings: shapes for which there may be room again
  void wake_quota(QueueId queue);
  void park_for_guarantee(BucketId bucket);
  void wake_guarded();
  // Buckets that no pass needs to try before what the word above says. `until`: time alone may
  // change the answer then.
  void park_refused(const std::vector<BucketId>& ids, Time until);
  void wake_refused();
  void wake_refused(QueueId queue);
  // Those that others' guarantees of some of the nodes kept from places: what is free there changes
  // with almost everything.
  void wake_kept();
  void wake_group(const std::string& group);
  // Counts a waiting task as one that has started on these nodes, or takes that back.
  void pretend(TaskId task, const std::vector<NodeId>& ranks, int sign);
  // Counts one Pod more of a task that is placed, or pretends to be, or takes that back. Wakes
  // nobody.
  void pretend_more(TaskId task, NodeId node, const Amounts& request, const Amounts& served,
                    int sign);
  // Counts a placed task in the quotas of its queue, or out.
  void occupy(const TaskRecord& task, int sign);
  // A placed task was asked to stop for `by` ("": no longer).
  void mark_leaving(TaskId task, const std::string& by, Time at);
  // Gives a waiting task a hold, or takes it away (no nodes); books what it keeps.
  void set_hold(TaskId task, Placement where, Time until);
  // Takes back what is promised to it.
  void forget_promise(TaskId id);
  // Makes what is booked for holds true again; `apply` and `advance` end with it, after the nodes
  // were asked whether they still hold everybody for whom room is kept.
  void settle();

  // --- reading
  TaskId find(std::string_view uid) const;
  bool less(const Place& a, const Place& b) const;
  auto by_place() const {
    return [this](const Place& a, const Place& b) { return less(a, b); };
  }
  // The latency between two zones; kLatencyFar when nothing is known and the regions differ.
  std::int64_t latency_us(ZoneId a, ZoneId b) const;
  // Orders queues of one tier: least dominant share by weight first.
  int compare_share(QueueId a, QueueId b) const;
  Fraction queue_share(QueueId id) const;
  // By which a tenant stands in its queue's order, with this in use and this many starts more.
  Fraction tenant_share(const QueueRecord& queue, const Tenant& tenant, const Amounts& used,
                        std::int64_t more_starts) const;
  // Its dominant share by weight, decayed where the queue decays.
  Fraction dominant_share(const QueueRecord& queue, const Tenant& tenant) const;
  std::vector<Served> served(QueueId id) const;
  std::vector<PastRuns> past_runs(QueueId id) const;
  Time heard;  // the latest time that a delta named
  // Whether a High task waits: only for those does it matter when a guarantee ends.
  bool waits_high() const;
  // Whether a High or Medium task waits, and somebody is placed whom it might preempt: a cheap
  // question before the search. `high`: of a High task.
  bool may_preempt_somebody(bool high, Time now) const;
  // Whether somebody waits in this queue, and one who runs there may be made to take turns.
  bool turn_is_over(QueueId queue, Time now) const;
  bool turn_is_over(Time now) const;
  static std::optional<Time> next_patient(const QueueRecord& queue, Time after);
  // Whether somebody waits in a queue that is guaranteed something.
  bool may_reclaim_somebody() const;
  // Whether the slots suffice in sum for each group: what must hold before a shape can fit at all.
  bool plausible(const Shape& shape) const;
  // What a rank of a placed task was decided to ask for, and what of its node it uses.
  const Amounts& request_of(const TaskRecord& task, std::size_t rank) const;
  const Amounts& use_of_rank(const TaskRecord& task, std::size_t rank) const;
  // What ends with a task, by node: its reserved ranks and its Pods. It lies here: good until
  // something changes.
  const std::vector<Use>& uses(TaskId task) const;
  template <class Visit>
  void each_use(TaskId task, const Visit& visit) const {
    for (const Use& use : uses(task)) visit(use.node, use.amounts);
  }
  // The node of a task that uses one; kNoId where it is not known, or uses several.
  NodeId only_node(TaskId task) const {
    return task < only_node_.size() ? only_node_[task] : kNoId;
  }
  // Whether whoever waits above Low may have it stop at once: Low, and not asked yet.
  bool yields_at_once(TaskId task) const {
    if (task >= askable_at_.size() || askable_at_[task] == kNoId) return false;
    const Askable& known = askable[askable_at_[task]];
    return known.tier == Tier::kLow && !known.leaving && !known.unevictable;
  }
  // How many do.
  std::int64_t yielding_at_once = 0;
  // And how many above Low said that they may be preempted.
  std::int64_t preemptible_above_low = 0;
  // How much more would be free on each node, as of the change of a node number `seen`; and which
  // nodes were others then than at the look before.
  struct OnNodes {
    std::vector<Amounts> more;
    std::vector<std::uint64_t> changed;  // NodeRecord::changed
    std::uint64_t seen = 0;
    ChangeLog log;
  };
  std::array<OnNodes, 2> outlooks;
  // What ends when the task is asked to stop now: not what is on its way out already.
  template <class Visit>
  void each_own_use(TaskId task, const Visit& visit) const {
    for (const Use& use : uses(task)) {
      if (!use.passing) visit(use.node, use.amounts);
    }
  }
  // What is on its way out of placed tasks that stay.
  template <class Visit>
  void each_passing_use(const Visit& visit) const {
    for (const TaskId id : moving) {
      if (!tasks[id].evicted_by.empty()) continue;  // all of it is
      for (const Use& use : uses(id)) {
        if (use.passing) visit(id, use);
      }
    }
  }
  // The same of one node alone.
  template <class Visit>
  void each_use_on(NodeId node, TaskId task, const Visit& visit) const {
    const std::vector<Use>& all = uses(task);
    auto at = std::lower_bound(all.begin(), all.end(), node,
                               [](const Use& use, NodeId n) { return use.node < n; });
    for (; at != all.end() && at->node == node; ++at) visit(at->amounts);
  }
  // The same but for what is on its way out.
  template <class Visit>
  void each_own_use_on(NodeId node, TaskId task, const Visit& visit) const {
    if (tasks[task].passing == 0) return each_use_on(node, task, visit);
    each_own_use(task, [&](NodeId at, const Amounts& amounts) {
      if (at == node) visit(amounts);
    });
  }

 private:
  bool on(const NodeUpsert& d);
  bool on(const NodeRemove& d);
  bool on(const QueueUpsert& d);
  bool on(const QueueRemove& d);
  bool on(const TaskUpsert& d);
  bool on(const TaskRemove& d);
  bool on(const PodUpsert& d);
  bool on(const PodRemove& d);
  bool on(const Assume& d);
  bool on(const Confirm& d);
  bool on(const Reject& d);
  bool on(const TaskEnd& d);
  bool on(const ConfigUpdate& d);
  bool on(const Evict& d);
  bool on(const Hold& d);
  bool on(const Served& d);
  bool on(const Resolve& d);
  bool on(const PastRuns& d);
  bool on(const Promise& d);
  void promise(TaskId id, PromisedRoom room);
  NodeAmounts promised_need(const Task& task, const Promise& d);
  void forget_promises_on(NodeId node);
  void forget_promises_of(QueueId queue);
  void loosen(Loosening::What what, NodeId node, const Amounts& amounts = {});
  // Whatever a task uses may be in other hands.
  void loosen_uses(const TaskRecord& task);
  // Something changed there: whoever was promised room of it looks again.
  void shake(NodeId node) {
    if (node >= promised_on.size() || promised_on[node].empty()) return;
    shaken.insert(node);
    if (!refused.empty()) loosened_on_.push_back(node);
  }
  bool gains(const Shape& shape, NodeId node) const;
  void wake_refused_on();
  void forget_hold(TaskId id);
  bool hold_counts(const TaskRecord& task);
  void ask_holders();
  HeldRoom room_for(const TaskRecord& task) const;
  NodeAmounts less_occupied(const TaskRecord& task, const NodeAmounts& need) const;
  Amounts less_occupied_on(NodeId node, const TaskRecord& task, const Amounts& need) const;
  void unsettle(TaskId holder) { unsettled_[holder].all = true; }
  void unsettle_for(TaskId victim, NodeId comes = kNoId);
  void rebook_on(TaskId holder, std::vector<NodeId> nodes);
  void rebook(TaskId holder, HeldRoom now);

  QueueId queue_of(const std::string& name);
  void forget_queue(QueueId id);
  TenantId enter(QueueId queue, const std::string& tenant);
  void leave(QueueId queue, TenantId tenant);
  void forget_pasts(QueueRecord& queue);
  void restart_usage(QueueId queue);
  void charge(const TaskRecord& task, int sign);
  void mix_in(TaskRecord& task);
  void mix_out(TaskRecord& task);
  void set_limits(QueueId queue);
  void recount(NodeId node, int sign);
  std::int64_t turn_of(const TaskRecord& task) const;
  std::int64_t grows_from(const TaskRecord& task) const;
  void count_passing(TaskId task);
  void meter(const TaskRecord& task, int sign);
  void note_start(const TaskRecord& task, Time at);
  void note_end(const TaskRecord& task, Time at);
  Time hear(Time at);
  Fraction dominant(const Tenant& tenant, const Amounts& used, std::int64_t weight,
                    std::int64_t half_life_ms) const;
  void reline(QueueId id, const Queue& queue, bool known);
  void line_up_anew();
  void enlist(TaskId id);
  void delist(TaskId id);
  void ready(TaskId id);
  void unready(TaskId id);
  Place place_of(TaskId id) const;
  ShapeId free_shape();
  void join_group(TaskId id, int sign);
  BucketId bucket_of(const TaskRecord& task);
  void drop_bucket(BucketId id);
  void reposition(BucketId id, const Place* before);
  void refresh(BucketId id);
  void unpark(ShapeId id);
  void watch(const Shape& shape, int sign);
  void wake_all();
  void wake_zone_sensitive();
  void reserve(TaskRecord& task, const Assume& decision);
  void release(TaskId id, Time at);
  void withdraw(TaskId id, Time at);
  void release_rank(TaskRecord& task, std::size_t rank, NodeId node, const Amounts* pod);
  void book_pod(PodId id);
  void unbook_pod(PodId id);
  // Keeps `askable` true.
  void list_askable(TaskId id);
  void unlist_askable(TaskId id);
  void count_yielding(TaskId id, int sign);
  // Keeps `ends`, `starting` and `tasks_on_node` true; `sign` -1 before a change, 1 after.
  void track(TaskId id, int sign);
  void forget_uses(TaskId task) {
    if (task < uses_.size()) uses_[task].known = false;
    if (task < only_node_.size()) only_node_[task] = kNoId;
  }
  bool decided(const TaskRecord& task) const {
    return task.state == TaskState::kReserved || task.state == TaskState::kRunning;
  }

  // What each task uses, close together: searches read it of thousands. Made when it is asked for,
  // and forgotten when a rank, a Pod or the task itself changes.
  struct Uses {
    bool known = false;
    std::vector<Use> list;
  };
  mutable std::vector<Uses> uses_;
  mutable std::vector<NodeId> only_node_;  // by task
  bool in_order_ = false;  // the delta in hand left the order of turns as it was, but for who came
  std::vector<std::uint32_t> askable_at_;  // by task: its position in `askable`, or kNoId
  std::vector<NodeId> loosened_on_;        // since refused buckets were last looked at
  // Holders whose booking may not be true any more: on some nodes, or altogether.
  struct Unsettled {
    bool all = false;
    std::vector<NodeId> nodes;
  };
  std::map<TaskId, Unsettled> unsettled_;
  std::uint64_t settled_epoch_ = 0;  // of the nodes, when holders were last asked
  std::vector<TaskId> free_tasks_;
  std::vector<PodId> free_pods_;
  std::vector<QueueId> free_queues_;
  std::vector<ShapeId> free_shapes_;
  std::vector<BucketId> free_buckets_;
  std::unordered_map<std::string, ShapeId> shape_ids_;
  std::vector<std::vector<ShapeId>> shapes_by_profile_;
};

// The tier a task has: its own, never above its queue's.
Tier tier_of(const Task& task, const QueueRecord& queue);
// Whether nobody may pass a blocked head of this queue.
bool strict(const Queue& queue);

}  // namespace sched
