#include "operator/translate/dependencies.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace fermi {
namespace {

// A walk over jobs that wait for one another looks at no more than this.
constexpr std::size_t kLookedAt = 1000;

bool is_met(const TrainingJobStatus& status, AfterCondition condition) {
  switch (condition) {
    case AfterCondition::kRunning:
      return status.phase == Phase::kRunning || status.phase == Phase::kCompleted;
    case AfterCondition::kCompleted:
      return status.phase == Phase::kCompleted;
    case AfterCondition::kEnded:
      return is_terminal(status.phase);
  }
  return false;
}

// It is over, and not as it should be.
bool is_vain(const TrainingJobStatus& status, AfterCondition condition) {
  return condition != AfterCondition::kEnded && status.phase == Phase::kFailed;
}

// "a -> b -> a", when a job that still waits waits for itself by way of others; else "".
std::string cycle_of(const TrainingJob& job, const FindJob& find) {
  std::map<std::string, std::string> came_from;  // where the walk reached a job
  std::vector<std::string> next;
  const auto visit = [&](const TrainingJob& from) {
    for (const JobAfter& after : from.spec.scheduling.after)
      if (came_from.emplace(after.name, from.meta.name).second) next.push_back(after.name);
  };
  visit(job);
  while (!next.empty() && came_from.size() < kLookedAt && came_from.count(job.meta.name) == 0) {
    const auto other = find(next.back());
    next.pop_back();
    if (other != nullptr && !is_terminal(other->status.phase)) visit(*other);
  }
  if (came_from.count(job.meta.name) == 0) return "";
  std::string text = job.meta.name, at = job.meta.name;
  do {
    at = came_from[at];
    text = at + " -> " + text;
  } while (at != job.meta.name);
  return text;
}

std::string unmet(const JobAfter& after, const TrainingJob* other) {
  const std::string job = "job " + after.name;
  if (other == nullptr) return "waits for " + job + ", which does not exist";
  if (is_vain(other->status, after.condition))
    return job + ", which it waits for, has failed; change spec.scheduling.after, or make " +
           after.name + " anew";
  const std::string phase{name(other->status.phase)};
  const std::string wanted = after.condition == AfterCondition::kEnded
                                 ? "end"
                                 : "be " + std::string(name(after.condition));
  return "waits for " + job + " to " + wanted + (phase.empty() ? "" : "; it is " + phase);
}

}  // namespace

Dependencies dependencies_of(const TrainingJob& job, const FindJob& find) {
  Dependencies out;
  const auto& before = job.status.after_met;
  for (const JobAfter& after : job.spec.scheduling.after) {
    const auto other = find(after.name);
    const bool once = std::find(before.begin(), before.end(), after.name) != before.end();
    if (once || (other != nullptr && is_met(other->status, after.condition))) {
      out.met.push_back(after.name);
      continue;
    }
    const bool vain = other != nullptr && is_vain(other->status, after.condition);
    if (!out.why.empty() && !vain) continue;
    out.why = unmet(after, other.get());
    out.reason = vain ? "DependencyFailed" : "Dependency";
    out.hopeless = vain;
    if (vain) break;
  }
  if (out.why.empty() || out.hopeless) return out;
  if (const std::string cycle = cycle_of(job, find); !cycle.empty()) {
    out.why = "spec.scheduling.after: " + cycle + " is a cycle; none of these jobs can start";
    out.reason = "DependencyCycle";
    out.hopeless = true;
  }
  return out;
}

}  // namespace fermi
