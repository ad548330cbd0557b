// Deltas: everything the engine ever learns, as plain values.
//
// The engine's state is the fold of the deltas given to it, in order, and of nothing else: a file
// of deltas replays every decision bit for bit. Names are the identity of nodes and queues, uids
// that of tasks and Pods. An upsert replaces the whole record.
//
// The engine books room in two ways that never count twice:
//   - a Pod that is bound (PodUpsert) uses its node, whoever bound it, until PodRemove;
//   - a decision (Assume) reserves room for each rank of a gang; the reservation of a rank ends
//     when the bound Pod of that (task, attempt, rank) is seen, or with Reject / TaskEnd.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "scheduler/resources.hpp"

namespace sched {

// Wall time in nanoseconds since 1970 UTC, handed in by the caller; the engine reads no clock.
struct Time {
  std::int64_t ns = 0;
  friend auto operator<=>(const Time&, const Time&) = default;
};

enum class Tier : std::uint8_t { kHigh = 0, kMedium = 1, kLow = 2 };

enum class Strategy : std::uint8_t {
  kFifo,
  kDrf,
  kBackfill,
  kPriorityBased,
  kFairSharing,
  kTimeSlicing,
  kResourcePooling,
  kLoadBalancing,
  kHybrid,
};

// The four switches that a strategy is a preset of (order/rules.hpp has the table); each can be set
// by itself.
enum class Order : std::uint8_t {
  kSubmitTime,
  kTenantShare,     // the tenant with the smallest dominant share first, then submit time
  kPriority,        // priority_value, then submit time
  kDecayedShare,    // as kTenantShare, of usage that decays with the queue's half-life
  kRoundRobin,      // tenants in turn
  kTenantPriority,  // as kTenantShare, then priority_value
};
enum class Passing : std::uint8_t {
  kStrict,        // nobody passes a blocked head
  kEasy,          // beside the reservations of the head and of all older than `reserve_after`
  kConservative,  // beside the reservations of all up to `depth`
  kFree,          // beside nothing: for yardsticks only
};

struct Taint {
  std::string key, value, effect;  // NoSchedule, PreferNoSchedule, NoExecute
  friend bool operator==(const Taint&, const Taint&) = default;
};

struct Toleration {
  std::string key, op, value, effect;  // as in Kubernetes; op "" is Equal
  friend auto operator<=>(const Toleration&, const Toleration&) = default;
};

// One expression of a node selector term: In, NotIn, Exists, DoesNotExist, Gt, Lt.
struct Requirement {
  std::string key, op;
  std::vector<std::string> values;
  friend auto operator<=>(const Requirement&, const Requirement&) = default;
};

struct Node {
  std::string name;
  std::string zone, region, pool, gpu_model;  // "" when not labelled
  std::map<std::string, std::string> labels;
  std::vector<Taint> taints;
  bool unschedulable = false;  // cordoned
  bool ready = true;
  bool gpu_sharing = false;  // fractions of its GPUs may be given away
  Resources allocatable;     // may fall below what is used
  friend bool operator==(const Node&, const Node&) = default;
};

// What a queue may have of some of the nodes: those that match each name that is not "".
struct Quota {
  std::string zone, pool, gpu_model;
  Resources maximum;  // a resource that is not named is not limited
  bool has_maximum = false;
  Resources guaranteed;
  bool has_guaranteed = false;
  friend bool operator==(const Quota&, const Quota&) = default;
};

// What each tenant of a queue may have there; 0 and what is not named: no limit.
struct TenantLimits {
  std::int64_t running = 0, pending = 0;  // tasks
  Resources resources;
  bool has_resources = false;
  friend bool operator==(const TenantLimits&, const TenantLimits&) = default;
};

struct Queue {
  std::string name;
  Tier tier = Tier::kMedium;
  Strategy strategy = Strategy::kBackfill;
  std::int64_t weight = 1;
  bool closed = false;           // accepts nothing new, starts nothing
  std::int64_t max_running = 0;  // tasks; 0: no limit
  Resources maximum;             // a resource that is not named is not limited
  bool has_maximum = false;
  std::vector<std::string> zones, pools, gpu_models;  // empty: all
  // Switches that differ from the strategy's.
  std::optional<Order> order;
  std::optional<Passing> passing;
  std::optional<bool> pooling;  // idle guaranteed room of other queues may be borrowed
  std::optional<bool> spread;   // least loaded first, instead of packing
  std::optional<bool> slices;   // a running task may be rotated out after `quantum_ns`
  // Whom a passed head lets by is chosen by what was learned of finished tasks (kEasy, by submit
  // time or priority): scheduler/learn.
  bool learned = false;
  // Reservations.
  std::int64_t depth = 16;            // of kConservative
  std::int64_t reserve_after_ns = 0;  // 0: only the head (kEasy)
  // Preemption: the least guarantee, and how long a preempted Medium task is left alone.
  std::int64_t floor_ns = 60'000'000'000;
  std::int64_t cooldown_ns = 60'000'000'000;
  std::int64_t quantum_ns = 0;                         // 0: no rotation
  std::int64_t half_life_ns = 0;                       // 0: no decay
  std::map<std::string, std::int64_t> tenant_weights;  // not named: 1
  // What is named here is kept for this queue: others without `pooling` leave it alone, what others
  // with `pooling` borrow of it is returned.
  Resources guaranteed;
  bool has_guaranteed = false;
  std::vector<Quota> quotas;  // of some of the nodes, beside `maximum` and `guaranteed`
  TenantLimits tenant_limits;
  friend bool operator==(const Queue&, const Queue&) = default;
};

// The Pods of one task that are alike: `count` Pods with these requests, all in `zone` when it is
// not empty. Ranks are numbered group by group in this order.
struct PodGroup {
  std::string zone;
  std::int64_t count = 0;
  Resources requests;  // of one Pod, effective requests; pods is 1
  // A part of one device, in thousandths below 1,000, beside `requests`; 0: none.
  std::string shared_resource{};  // "nvidia.com/gpu"
  std::int64_t shared_milli = 0;
  // Above `count`: the gang is elastic. `count` is its minimum, by which it is judged until it
  // starts; it may have up to so many Pods (elastic/size.hpp).
  std::int64_t most = 0;
  friend bool operator==(const PodGroup&, const PodGroup&) = default;
};

enum class ZonePolicy : std::uint8_t {
  kAny,         // the engine chooses; one zone if it fits there
  kExact,       // each PodGroup names its zone
  kSingle,      // one zone, any that fits
  kSameRegion,  // as few zones as possible within a region
  kSpread,      // even over zones
};

// What the tasks of one group may have of a zone; each task lies whole in one.
struct GroupZone {
  std::string zone;
  bool backup = false;        // only while no primary zone takes it
  std::int64_t replicas = 0;  // so many tasks at most; 0: any number
  friend bool operator==(const GroupZone&, const GroupZone&) = default;
};

struct Task {
  std::string uid;             // the task id; stable over attempts
  std::string ns, name, kind;  // for reasons: "training/llm-7b"
  std::string queue, tenant;
  std::string group_uid;  // replicas of one service, members of one sweep; "" for none
  // Of a task with a group: where its tasks may be, all zones when empty; and how many more of them
  // a zone may have than another, 0: any number. Tasks of one group say the same.
  std::vector<GroupZone> group_zones;
  std::int64_t group_skew = 0;
  // The task of its group whose place it takes: as long as that one has a place, it goes to a
  // primary zone alone. "": none.
  std::string replaces;
  Tier tier = Tier::kMedium;  // never above its queue's
  std::int32_t priority_value = 0;
  Time submitted;
  std::int64_t expected_duration_ns = 0;  // 0: not stated
  // So often it writes a checkpoint: who is asked to stop loses what came after the last one. 0:
  // not stated, it loses all.
  std::int64_t checkpoint_every_ns = 0;
  bool held = false;  // suspended or waiting for another: keeps its place
  std::string held_why;

  std::vector<PodGroup> groups;  // the gang, all or nothing
  ZonePolicy zone_policy = ZonePolicy::kAny;
  std::int64_t max_zones = 0, min_per_zone = 0, max_skew = 0;  // 0: not asked for
  std::int64_t max_latency_us = 0;                             // 0: not asked for
  std::string pool, gpu_model;                                 // "" for any
  // A level of ConfigUpdate::topology: the Pods of one zone within one of its domains, or, unless
  // required, within as few as possible. "": not asked for.
  std::string topology_level;
  bool topology_required = false;
  std::map<std::string, std::string> node_selector;
  std::vector<std::vector<Requirement>> affinity;  // any of these terms; empty: none
  std::vector<Toleration> tolerations;
  std::vector<std::string> allowed_zones;   // from bound volumes; empty: all
  std::vector<std::string> excluded_nodes;  // bad nodes of earlier attempts
  std::int64_t attempt = 0;
  Time not_before;  // back-off: may not start earlier; 0: no back-off
  // High: may be preempted by High. Medium: from its start on. It can only make a task more so.
  bool preemptible = false;
  bool service = false;  // Hybrid queues spread these
  // Nobody could ask its Pods to stop in a way that brings them back: never a victim.
  bool unevictable = false;
  // Past preemptions: each halves the guarantee.
  std::int64_t preemptions = 0;
  Time guarantee_until;  // Medium, once it runs: absolute, so that restarts change nothing; 0: none
  Time last_preempted;   // 0: never
  friend bool operator==(const Task&, const Task&) = default;
};

// Where each rank of a gang goes: nodes[rank]. As many as it has Pods; an elastic one from its
// minimum up. Another number under a later attempt is a change of its size.
struct Placement {
  std::vector<std::string> nodes;
  // By rank: which device of its node a Pod shares, -1 for none; empty when nobody shares one.
  std::vector<std::int64_t> devices{};
  friend bool operator==(const Placement&, const Placement&) = default;
};

// --- the deltas

struct NodeUpsert {
  Node node;
  friend bool operator==(const NodeUpsert&, const NodeUpsert&) = default;
};
struct NodeRemove {
  std::string name;
  friend bool operator==(const NodeRemove&, const NodeRemove&) = default;
};
struct QueueUpsert {
  Queue queue;
  friend bool operator==(const QueueUpsert&, const QueueUpsert&) = default;
};
struct QueueRemove {
  std::string name;
  friend bool operator==(const QueueRemove&, const QueueRemove&) = default;
};  // its tasks wait with the reason "no such queue"
struct TaskUpsert {
  Task task;
  friend bool operator==(const TaskUpsert&, const TaskUpsert&) = default;
};  // new, or changed while it waits
struct TaskRemove {
  std::string uid;
  Time at{};  // when, if it still ran; 0: at the latest time any delta named
  friend bool operator==(const TaskRemove&, const TaskRemove&) = default;
};  // gone: releases every reservation it holds

// A Pod that occupies a node (bound, not in a terminal phase; terminating ones included). `task`
// is "" for Pods that are not ours.
struct PodUpsert {
  std::string uid, node;
  Resources requests;
  std::string task;
  std::int64_t attempt = 0, rank = 0;
  // The part of a device that it has, as in PodGroup; -1: not known which device.
  std::string shared_resource{};
  std::int64_t shared_milli = 0, device = -1;
  friend bool operator==(const PodUpsert&, const PodUpsert&) = default;
};
struct PodRemove {
  std::string uid;
  friend bool operator==(const PodRemove&, const PodRemove&) = default;
};

// A decision was taken (by this plan, or read back from a status by a new leader): the task leaves
// the waiting line and holds reservations.
struct Assume {
  std::string task;
  std::int64_t attempt = 0;
  Placement placement;
  Time at{};  // when it was decided; 0: at the latest time any delta named
  friend bool operator==(const Assume&, const Assume&) = default;
};
// The whole gang runs since `at`.
struct Confirm {
  std::string task;
  Time at;
  friend bool operator==(const Confirm&, const Confirm&) = default;
};
// The decision did not work out, or the task was preempted or failed with retry: reservations are
// released and it waits again, at its old submit time, until `not_before` at least.
struct Reject {
  std::string task;
  std::string why;
  Time not_before;
  Time at{};  // when it stopped; 0: at the latest time any delta named
  friend bool operator==(const Reject&, const Reject&) = default;
};
// Ended for good; kept out of the line. Usage goes with its Pods.
struct TaskEnd {
  std::string task;
  Time at{};  // when; 0: at the latest time any delta named
  friend bool operator==(const TaskEnd&, const TaskEnd&) = default;
};

// A running task was asked to stop for `by`: its room is on its way. It goes on counting until it
// is rejected or ends.
struct Evict {
  std::string task, by;
  Time at;
  friend bool operator==(const Evict&, const Evict&) = default;
};
// Room that is free, or becomes free when those who were asked to stop are gone, is kept for this
// waiting task until it starts, leaves, or `until` passes. Replaces an earlier hold of the task; an
// empty placement gives it up.
struct Hold {
  std::string task;
  Placement placement;
  Time until;
  friend bool operator==(const Hold&, const Hold&) = default;
};

// Room on named nodes, from `at` on, promised to a waiting task that does not fit now: who passes
// it leaves that room alone (ConfigUpdate::keep_promises). It lasts until the task starts, leaves
// or changes, a node of it changes, or another promise to the task takes its place. No nodes:
// nothing could be promised when it was looked for at `at`, so that the task may be passed; and
// with an `at` of 0 the promise is taken back, so that the task may not be passed until it has
// another.
struct Promise {
  std::string task;
  Placement placement;
  Time at;
  friend bool operator==(const Promise&, const Promise&) = default;
};

// What a tenant of a queue had before: a new leader reads it from where it was kept. Comes after
// the queue; replaces what is known of the tenant's tasks that are over, and when it last started
// one.
struct Served {
  std::string queue, tenant;
  Time last_start;
  std::int64_t starts = 0;  // at that very instant
  struct Span {             // used from .. to, by tasks that are over
    Time from, to;
    std::string gpu_model;
    Resources used;
    friend bool operator==(const Span&, const Span&) = default;
  };
  std::vector<Span> spans;
  friend bool operator==(const Served&, const Served&) = default;
};

// Tasks of one queue, kind, tenant and shape that are over, and how long each lasted: whoever keeps
// the books tells it once for each, and a new leader tells what was kept. Added to what is known:
// of each shape the last ones by when they ended are remembered (learn/past.hpp), in whatever order
// they are told. Comes after the queue.
struct PastRuns {
  std::string queue, kind, tenant, shape;
  struct Run {
    Time ended;
    std::int64_t ran_ns = 0;     // the whole gang, since its last start
    std::int64_t stated_ns = 0;  // 0: not stated
    std::int64_t size = 0;       // GPUs, or Pods where it had none
    friend auto operator<=>(const Run&, const Run&) = default;
  };
  std::vector<Run> runs;
  // The longest that a task of the queue has waited until it ran, whatever was known of it before.
  std::optional<std::int64_t> longest_wait_ns{};
  friend bool operator==(const PastRuns&, const PastRuns&) = default;
};

// By which rule an administrator wants a conflict resolved.
enum class Settlement : std::uint8_t {
  kByPriority,  // who stands behind in the order of tier, priority_value and submit time yields
  kFairShare,   // the side with the larger dominant share by weight yields
  kTimeSlice,   // who has run for a quantum yields
};
// An administrator wants `task`, which waits, to have the room of some of `others`, as far as their
// promises allow. It holds until the task starts, leaves, or room is kept for it; no others: the
// wish is taken back.
struct Resolve {
  std::string task;
  std::vector<std::string> others;
  Settlement by = Settlement::kByPriority;
  Time at{};
  friend bool operator==(const Resolve&, const Resolve&) = default;
};

// Latency between zones in microseconds (symmetric; absent: unknown, taken as 0 within a region
// and as far otherwise) and prices in millionths of a currency unit per hour.
// The latency of what is "as far": larger than any that is configured.
inline constexpr std::int64_t kLatencyFar = std::int64_t{1} << 60;

struct Price {
  std::int64_t cpu_core = 0, memory_gib = 0;
  std::map<std::string, std::int64_t> gpu_by_model;
  std::int64_t gpu_default = 0;
  friend bool operator==(const Price&, const Price&) = default;
};
enum class Overrun : std::uint8_t {
  kAgain,    // a task past its expected end is estimated anew (learn/estimate.hpp)
  kEndsNow,  // it ends now: the textbook's rule, for yardsticks
};
// A level below the zone: one domain is the nodes of one wider domain with one value of this label.
struct TopologyLevel {
  std::string name, label;  // "rack", "example.com/rack"
  friend bool operator==(const TopologyLevel&, const TopologyLevel&) = default;
};
struct ConfigUpdate {
  std::map<std::pair<std::string, std::string>, std::int64_t> latency_us;
  Price price;
  std::map<std::string, Price> zone_price, pool_price, node_price;  // the most specific counts
  std::vector<TopologyLevel> topology;                              // from wide to narrow
  // A zone is degraded when this share of its nodes, in thousandths, is not ready.
  std::int64_t degraded_permille = 500;
  Overrun overrun = Overrun::kAgain;
  // What one pass may spend, in the total order: reservations; expected ends and nodes looked at
  // for all of them together (who has no room until then holds none); searches for victims.
  std::int64_t reservations = 8, reservation_ends = 4'000, victim_searches = 4;
  // Reservations are promises that are kept (Promise): the caller has them made and bettered with
  // Engine::tend, at most `reservations` of them, and a pass makes none. Else each pass makes its
  // own.
  bool keep_promises = false;
  friend bool operator==(const ConfigUpdate&, const ConfigUpdate&) = default;
};

using Delta = std::variant<NodeUpsert, NodeRemove, QueueUpsert, QueueRemove, TaskUpsert, TaskRemove,
                           PodUpsert, PodRemove, Assume, Confirm, Reject, TaskEnd, ConfigUpdate,
                           Evict, Hold, Served, Resolve, PastRuns, Promise>;

}  // namespace sched
