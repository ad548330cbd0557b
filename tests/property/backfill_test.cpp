// Backfill: with true durations nobody delays the reservation of the head, whatever starts
// meanwhile; and on a pool that counts alone decide, every start is the textbook's.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "scheduler/audit/audit.hpp"
#include "scheduler/engine.hpp"
#include "tests/property/seeds.hpp"
#include "tests/property/world.hpp"

namespace sched::property {
namespace {

constexpr std::int64_t kMinute = 60'000'000'000;
constexpr const char* kGpu = "nvidia.com/gpu";

struct Job {
  std::string uid;
  std::int64_t submit = 0, runs = 0, states = 0;  // minutes
  std::int64_t nodes = 1, gpus = 1;
  bool owners = false;  // of the queue that is guaranteed something
};

struct History {
  int nodes = 1;
  std::int64_t gpus = 8;
  Passing passing = Passing::kEasy;
  std::int64_t reserve_after = 0;              // minutes
  bool kept = false;                           // reservations are promises that are kept
  std::int64_t max_gpus = 0, max_running = 0;  // of the queue; 0: any number
  // Of the nodes of zone y, of which there are so many, another queue is guaranteed as many GPUs.
  int guaranteed_nodes = 0;
  std::int64_t guaranteed_gpus = 0;
  std::vector<Job> jobs;  // by submit time
};

// One engine, one queue, virtual time: at one instant ends come first, then arrivals, then plans.
class Replay {
 public:
  explicit Replay(const History& history) : history_(history) {
    ConfigUpdate config;
    config.overrun = history.kept ? Overrun::kAgain : Overrun::kEndsNow;
    config.keep_promises = history.kept;
    if (history.kept) config.reservations = 256;
    tell(config);
    for (int i = 0; i < history.nodes; ++i) {
      Node node;
      node.name = "n" + std::to_string(i);
      node.zone = i < history.guaranteed_nodes ? "y" : "z";
      node.allocatable = {1'000'000, std::int64_t{1} << 40, 0, 1000, {}};
      node.allocatable.set_extended(kGpu, history.gpus);
      tell(NodeUpsert{node});
    }
    Queue queue;
    queue.name = "q";
    queue.passing = history.passing;
    queue.reserve_after_ns = history.reserve_after * kMinute;
    queue.max_running = history.max_running;
    queue.has_maximum = history.max_gpus > 0;
    if (queue.has_maximum) queue.maximum.set_extended(kGpu, history.max_gpus);
    tell(QueueUpsert{queue});
    if (history.guaranteed_gpus == 0) return;
    Queue owner;
    owner.name = "owner";
    Quota quota;
    quota.zone = "y";
    quota.has_guaranteed = true;
    quota.guaranteed.set_extended(kGpu, history.guaranteed_gpus);
    owner.quotas.push_back(quota);
    tell(QueueUpsert{owner});
  }

  void run() {
    std::size_t next = 0;
    while (next < history_.jobs.size() || !ends_.empty()) {
      std::int64_t now = std::int64_t{1} << 40;
      if (next < history_.jobs.size()) now = history_.jobs[next].submit;
      if (!ends_.empty()) now = std::min(now, ends_.begin()->first);
      for (; !ends_.empty() && ends_.begin()->first == now; ends_.erase(ends_.begin())) {
        tell(TaskEnd{ends_.begin()->second});
      }
      for (; next < history_.jobs.size() && history_.jobs[next].submit == now; ++next) {
        submit(history_.jobs[next]);
      }
      decide(now);
    }
  }

  std::map<std::string, std::int64_t> started;   // minutes
  std::map<std::string, std::int64_t> promised;  // the earliest reservation ever told, ns
  std::int64_t kept_out = 0;  // how many were, by the queue or by others, when they got it
  std::vector<std::string> violations;

 private:
  template <class D>
  void tell(const D& delta) {
    engine_.apply(delta);
    auditor_.apply(delta);
  }

  void submit(const Job& job) {
    Task task;
    task.uid = task.name = job.uid;
    task.queue = job.owners ? "owner" : "q";
    task.submitted = {job.submit * kMinute};
    task.expected_duration_ns = job.states * kMinute;
    PodGroup group{"", job.nodes, {}};
    group.requests.pods = 1;
    group.requests.set_extended(kGpu, job.gpus);
    task.groups.push_back(group);
    runs_[job.uid] = job.runs;
    gpus_[job.uid] = job.gpus;
    tell(TaskUpsert{task});
  }

  void decide(std::int64_t now) {
    for (;;) {
      const Plan plan = engine_.plan({now * kMinute});
      const Plan told = engine_.forecast({now * kMinute});
      if (told.starts != plan.starts)
        violations.push_back("a forecast starts others than its plan");
      for (const std::string& v : auditor_.check(plan, {now * kMinute})) violations.push_back(v);
      if (history_.max_gpus + history_.max_running > 0) check_first(told, now);
      for (const Reservation& r : told.reservations) {
        const auto known = promised.try_emplace(r.task, r.at.ns).first;
        known->second = std::min(known->second, r.at.ns);
        if (history_.guaranteed_gpus == 0) continue;
        kept_out += engine_.explain(r.task, {now * kMinute}).code == ReasonCode::kGuaranteed;
      }
      if (plan.starts.empty() && !tend(now)) return;
      for (const Start& s : plan.starts) {
        tell(Assume{s.task, s.attempt, s.placement});
        tell(Confirm{s.task, {now * kMinute}});
        started[s.task] = now;
        placed_[s.task] = s.placement.nodes;
        ends_.emplace(now + runs_.at(s.task), s.task);
      }
    }
  }

  // The first reservation that is told, of a head that is given one as things are: no moment before
  // it gives room and leave, counted from those who run alone.
  void check_first(const Plan& told, std::int64_t now) {
    if (history_.kept || told.reservations.size() != 1 || !told.starts.empty()) return;
    const Reservation& reservation = told.reservations.front();
    const Job& job = *std::find_if(history_.jobs.begin(), history_.jobs.end(),
                                   [&](const Job& j) { return j.uid == reservation.task; });
    std::set<std::int64_t> moments;
    for (const auto& [end, uid] : ends_) moments.insert(end);
    for (const std::int64_t at : moments) {
      std::map<std::string, std::int64_t> used;
      std::int64_t tasks = 0, gpus = 0, fit = 0;
      for (const auto& [end, uid] : ends_) {
        if (end <= at) continue;
        ++tasks;
        for (const std::string& node : placed_.at(uid)) {
          used[node] += gpus_.at(uid);
          gpus += gpus_.at(uid);
        }
      }
      for (int i = 0; i < history_.nodes; ++i) {
        fit += (history_.gpus - used["n" + std::to_string(i)]) / job.gpus;
      }
      if (history_.max_running > 0 && tasks >= history_.max_running) continue;
      if (history_.max_gpus > 0 && gpus + job.nodes * job.gpus > history_.max_gpus) continue;
      if (fit < job.nodes) continue;
      if (at * kMinute != reservation.at.ns) {
        violations.push_back(job.uid + " could have " + std::to_string(at) + ", told at " +
                             std::to_string(now));
      }
      const ReasonCode why = engine_.explain(job.uid, {now * kMinute}).code;
      kept_out += why == ReasonCode::kQuota || why == ReasonCode::kQueueLimit;
      return;
    }
    violations.push_back(job.uid + " has a time, and there is none");
  }

  // Until there is nothing to do: whether anything was promised.
  bool tend(std::int64_t now) {
    if (!history_.kept) return false;
    const Time at{now * kMinute};
    bool any = false;
    std::int64_t calls = 0;
    for (Tending t = engine_.tend(at, 50);; t = engine_.tend(at, 50), any = true) {
      if (++calls > 4 * t.deserve + 20) violations.push_back("tending goes on for ever");
      if (t.plan_first) return true;
      if ((t.promises.empty() && !t.unsettled) || !violations.empty()) break;
      for (const Promise& p : t.promises) tell(p);
    }
    return any;
  }

  const History& history_;
  Engine engine_;
  Auditor auditor_;
  std::map<std::string, std::int64_t> runs_, gpus_;
  std::map<std::string, std::vector<std::string>> placed_;
  std::set<std::pair<std::int64_t, std::string>> ends_;
};

History drawn(Rng& rng, bool pool) {
  History history;
  history.nodes = pool ? 1 : static_cast<int>(1 + rng.below(5));
  history.gpus = pool ? 16 : 8;
  const int jobs = static_cast<int>(5 + rng.below(40));
  std::int64_t at = 0;
  for (int i = 0; i < jobs; ++i) {
    Job job;
    at += rng.below(4);
    job.uid = "j" + std::to_string(1000 + i);
    job.submit = at;
    job.runs = 1 + rng.below(20);
    job.states = job.runs;
    job.nodes = pool ? 1 : 1 + rng.below(3);
    job.gpus = 1 + rng.below(pool ? 16 : 8);
    if (job.nodes > history.nodes) job.nodes = history.nodes;
    history.jobs.push_back(job);
  }
  return history;
}

TEST(Backfill, With_true_durations_no_head_starts_after_its_reservation) {
  for (const std::uint64_t seed : seeds(300)) {
    SCOPED_TRACE("FERMI_SEED=" + std::to_string(seed));
    Rng rng(seed);
    const History history = drawn(rng, false);
    Replay replay(history);
    replay.run();
    EXPECT_EQ(replay.started.size(), history.jobs.size()) << "nobody starves";
    for (const auto& [uid, at] : replay.promised) {
      EXPECT_LE(replay.started.at(uid) * kMinute, at) << uid;
    }
    for (const std::string& v : replay.violations) ADD_FAILURE() << v;
    if (HasFailure()) return;
  }
}

// Kept from pass to pass, promises hold whatever comes behind, all that wait long or stand up to a
// depth among them; and they let nobody starve.
TEST(Backfill, With_true_durations_nobody_starts_after_what_was_promised_and_kept) {
  std::size_t promises = 0;
  for (const std::uint64_t seed : seeds(300)) {
    SCOPED_TRACE("FERMI_SEED=" + std::to_string(seed));
    Rng rng(seed);
    History history = drawn(rng, seed % 5 == 0);
    history.kept = true;
    history.passing = seed % 2 == 0 ? Passing::kEasy : Passing::kConservative;
    history.reserve_after = seed % 4 == 0 ? 5 : 0;
    Replay replay(history);
    replay.run();
    EXPECT_EQ(replay.started.size(), history.jobs.size()) << "nobody starves";
    promises += replay.promised.size();
    for (const auto& [uid, at] : replay.promised) {
      ASSERT_TRUE(replay.started.contains(uid));
      EXPECT_LE(replay.started.at(uid) * kMinute, at) << uid;
    }
    for (const std::string& v : replay.violations) ADD_FAILURE() << v;
    if (HasFailure()) return;
  }
  EXPECT_GT(promises, 100u);
}

// Everybody has started, nobody after what was promised, and the audit had nothing to say.
void expect_kept(const Replay& replay, const History& history) {
  EXPECT_EQ(replay.started.size(), history.jobs.size()) << "nobody starves";
  for (const auto& [uid, at] : replay.promised) {
    ASSERT_TRUE(replay.started.contains(uid));
    EXPECT_LE(replay.started.at(uid) * kMinute, at) << uid;
  }
  for (const std::string& v : replay.violations) ADD_FAILURE() << v;
}

// Whom the queue's maximum keeps out, or the number of tasks that it runs, is passed by nobody who
// delays him; and his time is the first that there is.
TEST(Backfill, With_true_durations_no_maximum_lets_a_head_start_after_its_reservation) {
  std::int64_t kept_out = 0;
  for (const std::uint64_t seed : seeds(300)) {
    SCOPED_TRACE("FERMI_SEED=" + std::to_string(seed));
    Rng rng(seed);
    History history = drawn(rng, seed % 4 == 0);
    history.kept = seed % 3 == 0;
    std::int64_t most = 0;
    for (const Job& job : history.jobs) most = std::max(most, job.nodes * job.gpus);
    if (seed % 2 == 0) history.max_gpus = most + rng.below(8);
    if (seed % 2 == 1 || seed % 5 == 0) history.max_running = 1 + rng.below(4);
    Replay replay(history);
    replay.run();
    kept_out += replay.kept_out;
    expect_kept(replay, history);
    if (HasFailure()) return;
  }
  EXPECT_GT(kept_out, 100);
}

// Whom what is guaranteed to another queue of a zone keeps out is passed by nobody who delays him:
// whether the owner has some of it when he comes, or nothing.
TEST(Backfill, With_true_durations_no_guarantee_of_a_zone_lets_a_head_start_after_its_reservation) {
  std::int64_t kept_out = 0;
  for (const std::uint64_t seed : seeds(300)) {
    SCOPED_TRACE("FERMI_SEED=" + std::to_string(seed));
    Rng rng(seed);
    History history = drawn(rng, false);
    history.kept = seed % 3 == 0;
    history.nodes += 2;
    history.guaranteed_nodes = static_cast<int>(1 + rng.below(history.nodes - 1));
    history.guaranteed_gpus = 1 + rng.below(8 * history.guaranteed_nodes);
    // All that ask for more than could ever be left would wait for ever.
    const std::int64_t left = 8 * (history.nodes - history.guaranteed_nodes);
    for (Job& job : history.jobs) job.nodes = std::min(job.nodes, left / 8);
    for (int i = 0; i < 3; ++i) {
      Job job{"o" + std::to_string(i), 0, 1 + rng.below(30), 0, 1, 1 + rng.below(4), true};
      job.states = job.runs;
      history.jobs.insert(history.jobs.begin(), job);
    }
    Replay replay(history);
    replay.run();
    kept_out += replay.kept_out;
    expect_kept(replay, history);
    if (HasFailure()) return;
  }
  EXPECT_GT(kept_out, 100);
}

// The textbook on counts alone (Lifka 1995), with the rules of its reference results: shadow and
// extra from the stated ends, what is past its end counts as ending now.
std::map<std::string, std::int64_t> textbook(const History& history) {
  struct Running {
    std::int64_t end, stated_end, gpus;
  };
  std::map<std::string, std::int64_t> started;
  std::vector<Running> running;
  std::vector<Job> waiting;
  std::size_t next = 0;
  std::int64_t free = history.gpus;
  while (next < history.jobs.size() || !running.empty()) {
    std::int64_t now = std::int64_t{1} << 40;
    if (next < history.jobs.size()) now = history.jobs[next].submit;
    for (const Running& r : running) now = std::min(now, r.end);
    std::erase_if(running, [&](const Running& r) {
      if (r.end == now) free += r.gpus;
      return r.end == now;
    });
    for (; next < history.jobs.size() && history.jobs[next].submit == now; ++next) {
      waiting.push_back(history.jobs[next]);
    }
    const auto start = [&](const Job& job) {
      free -= job.gpus;
      running.push_back({now + job.runs, now + job.states, job.gpus});
      started[job.uid] = now;
    };
    while (!waiting.empty() && waiting.front().gpus <= free) {
      start(waiting.front());
      waiting.erase(waiting.begin());
    }
    if (waiting.empty()) continue;
    std::vector<std::pair<std::int64_t, std::int64_t>> ends;
    for (const Running& r : running) ends.emplace_back(std::max(r.stated_end, now), r.gpus);
    std::sort(ends.begin(), ends.end());
    std::int64_t shadow = now, at_shadow = free;
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (at_shadow >= waiting.front().gpus && ends[i].first > shadow) break;
      shadow = ends[i].first;
      at_shadow += ends[i].second;
    }
    std::int64_t extra = at_shadow - waiting.front().gpus;
    for (std::size_t i = 1; i < waiting.size();) {
      const Job job = waiting[i];
      const bool ends_before = now + job.states <= shadow;
      if (job.gpus > free || (!ends_before && job.gpus > extra)) {
        ++i;
        continue;
      }
      if (!ends_before) extra -= job.gpus;
      start(job);
      waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  return started;
}

TEST(Backfill, On_one_pool_every_start_is_the_textbook_s) {
  for (const std::uint64_t seed : seeds(300)) {
    SCOPED_TRACE("FERMI_SEED=" + std::to_string(seed));
    Rng rng(seed);
    History history = drawn(rng, true);
    for (Job& job : history.jobs) job.states = 1 + rng.below(30);
    Replay replay(history);
    replay.run();
    ASSERT_EQ(replay.started, textbook(history));
  }
}

}  // namespace
}  // namespace sched::property
