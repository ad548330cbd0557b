// Conflicts: whoever waits for room is in conflict with exactly those whom the definition names,
// the incremental state finds the same as one from scratch, the book equals one that is computed
// anew from all surveys, and no wish of an administrator, however silly, breaks a promise.
//
// The oracle looks at every placed task, and asks brute force whether a gang fits.
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "scheduler/audit/audit.hpp"
#include "scheduler/audit/rules.hpp"
#include "scheduler/conflicts/book.hpp"
#include "scheduler/journal/journal.hpp"
#include "tests/property/brute.hpp"
#include "tests/property/seeds.hpp"
#include "tests/property/world.hpp"

namespace sched::property {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// --- the definition, over all tasks

class Oracle {
 public:
  Oracle(const World& world, const Engine& engine, const Plan& plan)
      : world_(world), engine_(engine), plan_(plan) {
    for (const Preemption& p : plan.preemptions) {
      for (const std::string& victim : p.victims) leaving_.insert(victim);
    }
  }

  void expect(const std::string& waiting, const Conflict* found);

 private:
  using Uids = std::vector<std::string>;
  const Task& task(const std::string& uid) const { return world_.tasks.at(uid).task; }
  int tier(const std::string& uid) const {
    const auto queue = world_.queues.find(task(uid).queue);
    const int own = static_cast<int>(task(uid).tier);
    const Tier its = queue == world_.queues.end() ? Queue{}.tier : queue->second.tier;
    const int tier = std::max(own, static_cast<int>(its));
    // Who has a guarantee in a Low queue began when that was none.
    const bool promised = task(uid).tier != Tier::kLow && task(uid).guarantee_until.ns > 0;
    return promised ? std::min(tier, static_cast<int>(Tier::kMedium)) : tier;
  }
  bool placed(const std::string& uid) const { return world_.tasks.at(uid).decision.has_value(); }
  void use(FreeRoom& room, const std::string& uid, int sign) const;
  FreeRoom left() const;
  bool near(const std::string& uid, const Task& waiting) const;
  Uids in_order(const std::string& waiting) const;
  void expect_room(const std::string& waiting, const Conflict* found);

  const World& world_;
  const Engine& engine_;
  const Plan& plan_;
  std::set<std::string> leaving_;
};

const PodGroup* group_at(const Task& task, std::int64_t rank) {
  for (const PodGroup& group : task.groups) {
    if (rank < group.count) return &group;
    rank -= group.count;
  }
  return nullptr;
}

// What ends with a task: its Pods, and the ranks whose Pod was never seen.
void Oracle::use(FreeRoom& room, const std::string& uid, int sign) const {
  const World::Known& known = world_.tasks.at(uid);
  std::set<std::int64_t> seen;
  for (const auto& [pod_uid, pod] : world_.pods) {
    if (pod.task != uid) continue;
    if (room.contains(pod.node)) move(room[pod.node], pod.requests, sign);
    if (known.decision && pod.attempt == known.decision->attempt) seen.insert(pod.rank);
  }
  if (!known.decision) return;
  for (const PodUpsert& pod : known.gone) seen.insert(pod.rank);
  const std::vector<std::string>& nodes = known.decision->placement.nodes;
  for (std::size_t rank = 0; rank < nodes.size(); ++rank) {
    const auto number = static_cast<std::int64_t>(rank);
    if (seen.contains(number) || !room.contains(nodes[rank])) continue;
    move(room[nodes[rank]], group_at(known.task, number)->requests, sign);
  }
}

// What is free when all have left who are asked to stop, beside what is held.
FreeRoom Oracle::left() const {
  FreeRoom room;
  for (const auto& [name, node] : world_.nodes) room[name] = node.allocatable;
  for (const auto& [uid, pod] : world_.pods) {
    const bool known = world_.tasks.contains(pod.task);
    if (!known && room.contains(pod.node)) move(room[pod.node], pod.requests, -1);
  }
  for (const auto& [uid, known] : world_.tasks) {
    if (!leaving_.contains(uid)) use(room, uid, -1);
  }
  for (const Preemption& p : plan_.preemptions) {
    for (std::size_t rank = 0; rank < p.placement.nodes.size(); ++rank) {
      const auto* group = group_at(task(p.task), static_cast<std::int64_t>(rank));
      move(room[p.placement.nodes[rank]], group->requests, -1);
    }
  }
  return room;
}

// Whether one of its nodes could take a Pod of the gang, were it empty.
bool Oracle::near(const std::string& uid, const Task& waiting) const {
  for (const std::string& name : world_.tasks.at(uid).decision->placement.nodes) {
    const auto node = world_.nodes.find(name);
    if (node == world_.nodes.end() || !node->second.ready || node->second.unschedulable) continue;
    if (!audit::refuses(node->second, waiting, world_.queues.at(waiting.queue)).empty()) continue;
    const Resources& has = node->second.allocatable;
    for (const PodGroup& group : waiting.groups) {
      const Resources& asks = group.requests;
      const std::int64_t gpus = asks.extended_amount("nvidia.com/gpu");
      if (!group.zone.empty() && group.zone != node->second.zone) continue;
      if (has.cpu_milli >= asks.cpu_milli && has.memory_bytes >= asks.memory_bytes &&
          has.pods >= asks.pods && has.extended_amount("nvidia.com/gpu") >= gpus) {
        return true;
      }
    }
  }
  return false;
}

// Lower tiers first, Low before Medium, higher ones last; then by stated end, those that start,
// those without; by uid.
Oracle::Uids Oracle::in_order(const std::string& waiting) const {
  std::vector<std::tuple<int, int, std::int64_t, std::string>> order;
  for (const auto& [uid, known] : world_.tasks) {
    if (!known.decision || leaving_.contains(uid) || !near(uid, task(waiting))) continue;
    const std::int64_t lasts = known.task.expected_duration_ns;
    const int kind = !known.confirmed ? 1 : lasts > 0 ? 0 : 2;
    const int turn = tier(uid) > tier(waiting) ? -tier(uid) : tier(uid) < tier(waiting) ? 1 : 0;
    order.emplace_back(turn, kind, kind == 0 ? known.confirmed->at.ns + lasts : 0, uid);
  }
  std::sort(order.begin(), order.end());
  Uids out;
  for (const auto& entry : order) out.push_back(std::get<3>(entry));
  return out;
}

Severity severity_by_hand(int tier, std::int64_t waited_ns, std::int64_t size) {
  int points = tier == 0 ? 4 : tier == 1 ? 2 : 0;
  if (waited_ns >= 600 * kSecond) ++points;
  if (waited_ns >= 3600 * kSecond) ++points;
  if (waited_ns >= 6 * 3600 * kSecond) ++points;
  if (size >= 8) ++points;
  if (size >= 64) ++points;
  if (points >= 6) return Severity::kCritical;
  return points >= 4 ? Severity::kHigh : points >= 2 ? Severity::kMedium : Severity::kLow;
}

void Oracle::expect_room(const std::string& waiting, const Conflict* found) {
  const Task& gang = task(waiting);
  if (found != nullptr && found->type == ConflictType::kSchedule) {
    for (const Party& other : found->others) {
      const auto holds = [&](const Preemption& p) { return p.task == other.uid; };
      EXPECT_TRUE(std::any_of(plan_.preemptions.begin(), plan_.preemptions.end(), holds));
    }
    return;
  }
  // Where the search for nodes may miss what there is, nothing is defined.
  if (shares_zones(gang) || !defined(gang)) return;
  const auto fits = [&](FreeRoom room) { return Brute(world_, gang, std::move(room)).feasible(); };
  FreeRoom room = left();
  if (fits(room)) {
    EXPECT_EQ(found != nullptr, !leaving_.empty());
    if (found != nullptr) {
      EXPECT_EQ(found->ending, Ending::kVictimsLeave);
    }
    return;
  }
  const Uids all = in_order(waiting);
  Uids ended;
  for (const std::string& uid : all) {
    if (fits(room)) break;
    use(room, uid, 1);
    ended.push_back(uid);
  }
  if (!fits(room)) {
    EXPECT_EQ(found, nullptr) << "no end of a task would help";
    return;
  }
  for (std::size_t i = ended.size(); i-- > 0;) {
    use(room, ended[i], -1);
    if (fits(room))
      ended.erase(ended.begin() + static_cast<std::ptrdiff_t>(i));
    else
      use(room, ended[i], 1);
  }
  ASSERT_NE(found, nullptr);
  Uids others;
  for (const Party& party : found->others) others.push_back(party.uid);
  EXPECT_EQ(others, ended);
}

void Oracle::expect(const std::string& waiting, const Conflict* found) {
  SCOPED_TRACE(waiting);
  const ReasonCode code = engine_.explain(waiting, world_.now).code;
  SCOPED_TRACE(name(code));
  switch (code) {
    case ReasonCode::kCapacity:
    case ReasonCode::kFragmentation:
    case ReasonCode::kTopology:
      expect_room(waiting, found);
      break;
    case ReasonCode::kReserved:
      ASSERT_NE(found, nullptr);
      EXPECT_EQ(found->type, ConflictType::kSchedule);
      ASSERT_EQ(found->others.size(), 1u);
      EXPECT_EQ(engine_.state(found->others[0].uid), TaskState::kWaiting);
      break;
    case ReasonCode::kEvicting: {
      ASSERT_NE(found, nullptr);
      Uids others, victims;
      for (const Party& party : found->others) others.push_back(party.uid);
      for (const Preemption& p : plan_.preemptions) {
        if (p.task == waiting) victims = p.victims;
      }
      std::sort(victims.begin(), victims.end());
      EXPECT_EQ(others, victims);
      break;
    }
    default:
      EXPECT_EQ(found, nullptr);
  }
  if (found == nullptr) return;
  bool lower = false;
  for (const Party& other : found->others) lower = lower || tier(other.uid) > tier(waiting);
  if (found->type != ConflictType::kSchedule) {
    EXPECT_EQ(found->type, lower ? ConflictType::kPriority : ConflictType::kResourceCompetition);
  }
  std::int64_t gpus = 0, pods = 0;
  for (const PodGroup& group : task(waiting).groups) {
    gpus += group.count * group.requests.extended_amount("nvidia.com/gpu");
    pods += group.count;
  }
  EXPECT_EQ(found->severity,
            severity_by_hand(tier(waiting), world_.now.ns - task(waiting).submitted.ns,
                             gpus > 0 ? gpus : pods));
}

// --- histories

// A crowded world: nobody is kept from waiting for room by anything else. Every other task gets a
// duration, by its name, and some a guarantee that has an end.
std::vector<Delta> crowded(World& world, std::vector<Delta> deltas) {
  for (Delta& delta : deltas) {
    if (auto* const queue = std::get_if<QueueUpsert>(&delta)) {
      queue->queue.closed = queue->queue.has_maximum = false;
      queue->queue.max_running = 0;
      queue->queue.zones = queue->queue.pools = queue->queue.gpu_models = {};
      world.queues[queue->queue.name] = queue->queue;
    }
    auto* const upsert = std::get_if<TaskUpsert>(&delta);
    if (upsert == nullptr) continue;
    Task& task = upsert->task;
    const int letter = task.uid.back();
    if (letter % 2 == 1) task.expected_duration_ns = (1 + letter % 4) * kSecond;
    if (letter % 3 == 1) task.guarantee_until = Time{(1 + letter % 5) * kSecond};
    task.held = false;
    task.not_before = {};
    task.pool = task.gpu_model = "";
    task.node_selector.clear();
    if (task.queue == "nowhere") task.queue = "q1";
    world.tasks.at(task.uid).task = task;
  }
  return deltas;
}

// A wish by any rule: of one who waits for room, those who have it; or for anybody, from anybody.
std::optional<Resolve> random_wish(World& world, const Engine& engine) {
  const std::vector<Conflict> open = engine.conflicts(world.now).conflicts;
  const auto by = static_cast<Settlement>(world.rng.below(3));
  if (!open.empty() && !world.rng.one_in(3)) {
    const Conflict& conflict = world.rng.pick(open);
    Resolve wish{conflict.waits.uid, {}, by, world.now};
    for (const Party& other : conflict.others) wish.others.push_back(other.uid);
    return wish;
  }
  std::vector<std::string> waiting, placed;
  for (const auto& [uid, known] : world.tasks) {
    if (known.decision)
      placed.push_back(uid);
    else if (!known.ended)
      waiting.push_back(uid);
  }
  if (waiting.empty() || placed.empty()) return std::nullopt;
  Resolve wish{world.rng.pick(waiting), {}, by, world.now};
  for (const std::string& uid : placed) {
    if (world.rng.one_in(2)) wish.others.push_back(uid);
  }
  return wish;
}

struct History {
  explicit History(std::uint64_t seed) : world(seed, {.nodes_max = 3}) {
    feed(crowded(world, world.begin()));
  }

  void feed(const std::vector<Delta>& deltas) {
    for (const Delta& delta : deltas) {
      engine.apply(delta);
      auditor.apply(delta);
    }
  }
  // One event; then what can start does, and every other runs.
  void step() {
    feed(crowded(world, world.event({})));
    for (int round = 0; round < 5; ++round) {
      const Plan plan = engine.plan(world.now);
      if (plan.starts.empty()) return;
      for (const Start& s : plan.starts) {
        World::Known& known = world.tasks.at(s.task);
        known.decision = Assume{s.task, s.attempt, s.placement, world.now};
        known.rejected.reset();
        known.gone.clear();
        note_start(known.task);
        feed({*known.decision});
        if (s.task.back() % 2 == 0) continue;
        known.confirmed = Confirm{s.task, world.now};
        feed({*known.confirmed});
      }
    }
  }

  // Whose turn it is depends on it.
  void note_start(const Task& task) {
    Served& past = world.pasts[{task.queue, task.tenant}];
    past.queue = task.queue;
    past.tenant = task.tenant;
    past.starts = past.last_start == world.now ? past.starts + 1 : 1;
    past.last_start = world.now;
  }

  World world;
  Engine engine;
  Auditor auditor;
};

TEST(Conflicts, Everybody_who_waits_for_room_is_in_conflict_with_those_of_the_definition) {
  std::int64_t found = 0;
  for (const std::uint64_t seed : seeds(250)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History history(seed);
    for (int i = 0; i < 60; ++i) {
      history.step();
      // What people are told is as of a pass that looks at everything.
      const Plan plan = history.engine.forecast(history.world.now);
      if (i % 3 != 0 || !plan.starts.empty()) continue;
      const Survey survey = history.engine.conflicts(history.world.now);
      std::map<std::string, const Conflict*> by_task;
      for (const Conflict& conflict : survey.conflicts) by_task[conflict.waits.uid] = &conflict;
      ASSERT_EQ(by_task.size(), survey.conflicts.size()) << "two conflicts of one task";
      Oracle oracle(history.world, history.engine, plan);
      for (const auto& [name, queue] : history.world.queues) {
        for (const std::string& uid : history.engine.head(name, 8)) {
          const auto at = by_task.find(uid);
          oracle.expect(uid, at == by_task.end() ? nullptr : at->second);
          found += at != by_task.end();
          by_task.erase(uid);
        }
      }
      EXPECT_TRUE(by_task.empty()) << "of a task that is not among the first of its queue";
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(found, 100);
}

TEST(Conflicts,
     Incremental_state_finds_the_same_as_state_from_scratch_and_looking_changes_nothing) {
  for (const std::uint64_t seed : seeds(15)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History history(seed);
    World& world = history.world;
    for (int i = 0; i < 80; ++i) {
      history.step();
      if (i % 4 != 0) continue;
      const std::uint64_t before = history.engine.digest();
      const Survey survey = history.engine.conflicts(world.now);
      ASSERT_EQ(history.engine.digest(), before);
      Engine fresh;
      for (const Delta& delta : world.snapshot(true)) fresh.apply(delta);
      const Survey anew = fresh.conflicts(world.now);
      ASSERT_EQ(survey.conflicts, anew.conflicts) << "event " << i;
      ASSERT_EQ(survey.next, anew.next) << "event " << i;
    }
  }
}

// A wish is a delta: it is in the journal, a replay decides the same, and the audit finds nothing
// in what comes of it. A ruling says beforehand what the plan will do.
TEST(Conflicts, No_wish_breaks_a_promise_and_each_does_what_was_ruled) {
  std::int64_t granted = 0, refused = 0;
  for (const std::uint64_t seed : seeds(250)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History history(seed);
    for (int i = 0; i < 60; ++i) {
      history.step();
      const auto wish = random_wish(history.world, history.engine);
      if (!wish) continue;
      const Time now = history.world.now;
      const Ruling ruling = history.engine.rule(*wish, now);
      EXPECT_NE(sentence(ruling), "");
      Engine with = history.engine;
      Auditor auditor = history.auditor;
      const DecodedLine line = decode(encode(Delta{*wish}));
      ASSERT_TRUE(line.record && std::get<Delta>(*line.record) == Delta{*wish}) << line.error;
      if (with.apply(*wish)) {
        EXPECT_NE(with.digest(), history.engine.digest());
      }
      auditor.apply(*wish);
      const Plan plan = with.plan(now);
      const auto violations = auditor.check(plan, now);
      ASSERT_TRUE(violations.empty()) << violations.front() << ", event " << i;
      const auto mine = [&](const Preemption& p) {
        return p.task == wish->task && p.kind == PreemptionKind::kResolution;
      };
      const bool done = std::any_of(plan.preemptions.begin(), plan.preemptions.end(), mine);
      ASSERT_EQ(done, ruling.verdict == Verdict::kGranted) << sentence(ruling) << ", event " << i;
      ++(done ? granted : refused);
      // Taken back, nothing is left of it.
      with.apply(Resolve{wish->task, {}, wish->by, now});
      ASSERT_EQ(with.digest(), history.engine.digest());
    }
  }
  EXPECT_GT(granted, 20);
  EXPECT_GT(refused, 100);
}

// --- the book

Conflict random_conflict(Rng& rng) {
  Conflict c;
  c.id = std::string("rc-") + static_cast<char>('a' + rng.below(9));
  c.severity = static_cast<Severity>(rng.below(4));
  c.ending = rng.one_in(2) ? Ending::kHolderEnds : Ending::kUnknown;
  return c;
}

TEST(Conflicts, The_book_is_that_of_all_surveys_and_both_orders_hold) {
  for (const std::uint64_t seed : seeds(100)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    Book book;
    std::map<std::string, Conflict> open;  // from scratch: what the last survey had, since when
    for (int step = 0; step < 60; ++step) {
      const Time now{(step / 3 + 1) * kSecond};
      Survey survey;
      std::map<std::string, Conflict> next;
      for (std::int64_t i = rng.below(7); i > 0; --i) {
        Conflict c = random_conflict(rng);
        if (next.contains(c.id)) continue;
        survey.conflicts.push_back(c);
        c.began = open.contains(c.id) ? open.at(c.id).began : now;
        next[c.id] = c;
      }
      const Book::Changes changes = book.update(survey, now);
      std::size_t begun = 0, changed = 0, over = 0;
      for (const auto& [id, c] : next) {
        begun += !open.contains(id);
        changed += open.contains(id) && open.at(id) != c;
      }
      for (const auto& [id, c] : open) over += !next.contains(id);
      EXPECT_EQ(changes.begun.size(), begun);
      EXPECT_EQ(changes.changed.size(), changed);
      EXPECT_EQ(changes.over.size(), over);
      open = std::move(next);
      std::vector<Conflict> arrival, severity, is;
      for (const auto& [id, c] : open) arrival.push_back(c);
      severity = arrival;
      std::sort(arrival.begin(), arrival.end(), [](const Conflict& a, const Conflict& b) {
        return std::tie(a.began, a.id) < std::tie(b.began, b.id);
      });
      std::sort(severity.begin(), severity.end(), [](const Conflict& a, const Conflict& b) {
        return std::tie(b.severity, a.began, a.id) < std::tie(a.severity, b.began, b.id);
      });
      for (const Conflict* c : book.by_arrival()) is.push_back(*c);
      ASSERT_EQ(is, arrival);
      is.clear();
      for (const Conflict* c : book.by_severity()) is.push_back(*c);
      ASSERT_EQ(is, severity);
      ASSERT_EQ(book.size(), open.size());
    }
  }
}

}  // namespace
}  // namespace sched::property
