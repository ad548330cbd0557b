// Runner: the conflicts that are open, and what administrators want.
#include <algorithm>

#include "tests/scenario/runner.hpp"

namespace sched::scenario {
namespace {

std::string names(const std::vector<Party>& parties) {
  std::string text;
  for (const Party& party : parties) text += (text.empty() ? "" : ",") + party.uid;
  return text;
}

}  // namespace

// --- conflicts

const Conflict* Runner::conflict_of(const std::string& waiting) {
  for (const Conflict* conflict : book_.by_arrival()) {
    if (conflict->waits.uid == waiting) return conflict;
  }
  return nullptr;
}

void Runner::expect_conflict(Words words) {
  const std::string waiting = take(words);
  const Conflict* const c = conflict_of(waiting);
  if (c == nullptr) return fail(waiting + " is in no conflict");
  const auto same = [&](const std::string& what, const std::string& is) {
    const std::string wanted = option(words, what, is);
    if (wanted != is) fail(what + " of the conflict is " + is);
  };
  const auto ends = std::find(words.begin(), words.end(), "ends");
  if (ends != words.end()) {
    const std::string wanted = *std::next(ends);
    words.erase(ends, std::next(ends, 2));
    if (sentence(*c) != wanted) fail("the conflict ends: \"" + sentence(*c) + "\"");
  }
  if (flag(words, "with") && take(words) != names(c->others)) {
    fail("the others are " + names(c->others));
  }
  same("type", name(c->type));
  same("severity", name(c->severity));
  same("resource", c->resource);
  same("needs", std::to_string(c->needed));
  same("zone", c->zone);
  same("pool", c->pool);
  const std::string since = option(words, "since");
  if (!since.empty() && c->began.ns != duration_ns(since)) {
    fail("it began at " + std::to_string(c->began.ns / 1'000'000'000) + "s");
  }
  no_more(words);
}

// In one of the two orders, by the task that waits.
void Runner::expect_conflicts(Words words) {
  if (!flag(words, "by")) throw BadLine("conflicts by severity, or by arrival");
  const std::string by = take(words);
  if (by != "severity" && by != "arrival") throw BadLine("no such order: " + by);
  Words is;
  for (const Conflict* c : by == "severity" ? book_.by_severity() : book_.by_arrival()) {
    is.push_back(c->waits.uid);
  }
  if (is == words) return;
  std::string text;
  for (const std::string& uid : is) text += " " + uid;
  fail("the conflicts by " + by + " are of" + text);
}

// resolve WAITING by ByPriority says "..."
void Runner::resolve(Words words) {
  settle();
  Resolve wish{take(words), {}, Settlement::kByPriority, now_};
  if (!flag(words, "by")) throw BadLine("resolve TASK by STRATEGY");
  const auto by = settlement(take(words));
  if (!by) throw BadLine("no such strategy");
  wish.by = *by;
  if (const Conflict* const c = conflict_of(wish.task)) {
    for (const Party& party : c->others) wish.others.push_back(party.uid);
  }
  const Ruling ruling = engine_.rule(wish, now_);
  if (flag(words, "says") && take(words) != sentence(ruling)) {
    fail("it is said \"" + sentence(ruling) + "\"");
  }
  no_more(words);
  if (ruling.verdict != Verdict::kGranted) return;
  apply(wish);
  settle();
}

}  // namespace sched::scenario
