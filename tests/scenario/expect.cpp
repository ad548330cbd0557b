// Runner: what a scenario expects.
#include <algorithm>

#include "scheduler/reason.hpp"
#include "tests/scenario/runner.hpp"

namespace sched::scenario {
namespace {

std::string join(const std::vector<std::string>& list) {
  std::string text;
  for (const std::string& part : list) text += (text.empty() ? "" : ",") + part;
  return text;
}

std::string state_name(std::optional<TaskState> state) {
  if (!state) return "unknown";
  switch (*state) {
    case TaskState::kWaiting:
      return "waiting";
    case TaskState::kReserved:
      return "reserved";
    case TaskState::kRunning:
      return "running";
    case TaskState::kEnded:
      return "ended";
  }
  return "";
}

}  // namespace

void Runner::equal(const std::string& what, std::int64_t is, std::int64_t wanted) {
  if (is != wanted) {
    fail(what + " is " + std::to_string(is) + ", not " + std::to_string(wanted));
  }
}

void Runner::expect(Words words) {
  settle();
  const std::string what = take(words);
  if (what == "running") return expect_running(words);
  if (what == "waiting") return expect_waiting(words);
  if (what == "order") return expect_order(words);
  if (what == "conflict") return expect_conflict(words);
  if (what == "conflicts") return expect_conflicts(words);
  if (what == "no" && flag(words, "conflict")) {
    const std::string task = take(words);
    if (conflict_of(task) != nullptr) fail(task + " is in a conflict");
    return;
  }
  if (what == "moved") return expect_moved(words);
  const std::string name = take(words);
  if (what == "end") return expect_end(name, words);
  if (what == "start") {
    const std::int64_t at = duration_ns(take(words));
    return equal("start", engine_.explain(name, now_).predicted.ns, at);
  }
  if (what == "used") return expect_used(name, words);
  if (what == "zones") return expect_zones(name, take(words));
  if (what == "position") return equal("position", engine_.position(name), integer(take(words)));
  if (what == "ahead") return equal("ahead", engine_.tasks_ahead(name), integer(take(words)));
  if (what == "size") return expect_size(name, words);
  if (what == "preempted") return expect_preempted(name, words);
  if (what != "ended") throw BadLine("cannot expect " + what);
  if (engine_.state(name) != TaskState::kEnded) {
    fail(name + " is " + state_name(engine_.state(name)));
  }
}

void Runner::expect_running(Words words) {
  const auto on = std::find(words.begin(), words.end(), "on");
  const std::string wanted = on == words.end() ? "" : *std::next(on);
  words.erase(on, words.end());
  for (const std::string& task : words) {
    if (engine_.state(task) != TaskState::kRunning) {
      fail(task + " is " + state_name(engine_.state(task)) + ": " +
           sentence(engine_.explain(task, now_), now_));
      continue;
    }
    std::vector<std::string> places = placed_[task].nodes;
    for (std::size_t r = 0; r < placed_[task].devices.size(); ++r) {
      const std::int64_t device = placed_[task].devices[r];
      if (device >= 0) places[r] += "/" + std::to_string(device);
    }
    const std::string is = join(places);
    if (!wanted.empty() && is != wanted) fail(task + " runs on " + is);
  }
}

void Runner::expect_waiting(Words words) {
  const auto because = std::find(words.begin(), words.end(), "because");
  const Words reason(because == words.end() ? because : std::next(because), words.end());
  words.erase(because, words.end());
  for (const std::string& task : words) {
    if (engine_.state(task) != TaskState::kWaiting) {
      fail(task + " is " + state_name(engine_.state(task)));
      continue;
    }
    const Reason why = engine_.explain(task, now_);
    if (!reason.empty() && reason[0] != name(why.code)) {
      fail(task + " waits because of " + name(why.code) + ": " + sentence(why, now_));
    } else if (reason.size() > 1 && reason[1] != sentence(why, now_)) {
      fail(task + " says \"" + sentence(why, now_) + "\"");
    }
  }
}

void Runner::expect_zones(const std::string& task, const std::string& wanted) {
  std::map<std::string, std::int64_t> per_zone;
  for (const std::string& node : placed_[task].nodes) ++per_zone[nodes_.at(node).zone];
  std::vector<std::string> is;
  for (const auto& [zone, count] : per_zone) is.push_back(zone + "=" + std::to_string(count));
  if (join(is) != wanted) fail(task + " lies in " + join(is));
}

void Runner::expect_used(const std::string& node, Words words) {
  const auto used = engine_.used(node);
  if (!used) return fail("no node " + node);
  if (const std::string n = option(words, "gpus"); !n.empty()) {
    equal("gpus", used->extended_amount("nvidia.com/gpu"), integer(n));
  }
  for (const auto& [device, part] : options(words, "gpu")) {
    equal("gpu " + device, used->extended_amount("nvidia.com/gpu#" + device), thousandths(part));
  }
  if (const std::string n = option(words, "cpu"); !n.empty()) {
    equal("cpu", used->cpu_milli, milli_cores(n));
  }
  no_more(words);
}

// "T 4", "T 4 resized 1": how many Pods it has, and how often that was changed.
void Runner::expect_size(const std::string& task, Words words) {
  equal("size of " + task, std::ssize(placed_[task].nodes), integer(take(words)));
  if (flag(words, "resized")) equal("changes of " + task, resized_[task], integer(take(words)));
  no_more(words);
}

// "T", "T 2", "T 2 Rotation": how often, and why the last time.
void Runner::expect_preempted(const std::string& task, Words words) {
  equal("preemptions", tasks_.at(task).preemptions, words.empty() ? 1 : integer(take(words)));
  if (words.empty()) return;
  const char* const names[] = {"Tier", "Reclaim", "Rotation"};
  const std::string is =
      preempted_.contains(task) ? names[static_cast<int>(preempted_[task])] : "-";
  if (is != take(words)) fail(task + " was preempted by " + is);
}

// "T 2h", "T unknown": when it is expected to end.
void Runner::expect_end(const std::string& task, Words words) {
  const std::string wanted = take(words);
  for (const Engine::Placed& placed : engine_.placed(now_)) {
    if (placed.task != task) continue;
    if ((wanted == "unknown") != !placed.end) return fail(task + ": whether its end is known");
    if (placed.end) equal("end", placed.end->ns, duration_ns(wanted));
    return;
  }
  fail(task + " holds no place");
}

// "0", "1 head by long": how many reservations moved, whose the last time, and who outlived its
// estimate.
void Runner::expect_moved(Words words) {
  equal("moved", static_cast<std::int64_t>(moved_.size()), integer(take(words)));
  if (words.empty() || moved_.empty()) return;
  const std::string task = take(words);
  if (moved_.back().task != task) fail("the reservation of " + moved_.back().task + " moved");
  if (!words.empty() && take(words) == "by" && take(words) != moved_.back().by) {
    fail(moved_.back().by + " outlived its estimate");
  }
}

void Runner::expect_order(const Words& words) {
  std::vector<std::string> is;
  for (const std::string& task : started_) {
    if (std::find(words.begin(), words.end(), task) != words.end()) is.push_back(task);
  }
  if (is != words) fail("they started in the order " + join(is));
}

}  // namespace sched::scenario
