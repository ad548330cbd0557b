#include "operator/loop/preemptions.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "libk8s/base/log.hpp"

namespace fermi {
namespace {

using Verdict = k8s::WorkQueue::Verdict;

constexpr k8s::Duration kPatience = std::chrono::seconds(60);
constexpr k8s::Duration kLookAgain = std::chrono::seconds(60);

k8s::WorkQueue::Options queue_options() {
  k8s::WorkQueue::Options out;
  out.workers = 8;
  out.retry.first = std::chrono::seconds(1);
  out.retry.cap = std::chrono::seconds(30);
  return out;
}

}  // namespace

Preemptions::Preemptions(World& world, Parts parts)
    : world_(world),
      parts_(std::move(parts)),
      queue_(world.loop, queue_options(),
             [this](const std::string& by, Finish finish) { work(by, std::move(finish)); }) {}

void Preemptions::begin(const sched::Preemption& preemption, const std::string& by) {
  if (preemption.victims.empty() && preemption.shrinks.empty()) return;
  Open& open = open_[preemption.task];
  open.by = by;
  open.kind = preemption.kind;
  if (open.victims.empty()) open.since = world_.loop.now();
  std::vector<std::string> asked = preemption.victims;
  for (const sched::Resize& shrink : preemption.shrinks) {
    asked.push_back(shrink.task);
    open.shrinks.insert_or_assign(shrink.task, shrink);
  }
  for (const std::string& victim : asked) {
    const sched::Task* task = world_.task(victim);
    if (open.attempts.emplace(victim, task != nullptr ? task->attempt : 0).second)
      open.victims.push_back(victim);
  }
  queue_.add(preemption.task);
}

void Preemptions::on_planned() {
  for (const auto& [by, open] : open_)
    if (world_.engine.engine().state(by) != sched::TaskState::kWaiting) queue_.add(by);
}

std::string Preemptions::objection(const std::string& by) const {
  const auto found = open_.find(by);
  return found == open_.end() ? "" : found->second.objection;
}

void Preemptions::stop(std::function<void()> drained) {
  queue_.stop();
  queue_.on_drained(std::move(drained));
}

void Preemptions::work(const std::string& by, Finish finish) {
  const auto found = open_.find(by);
  if (found == open_.end()) return finish(Verdict::done());
  if (world_.engine.engine().state(by) != sched::TaskState::kWaiting) {
    drop(by);
    return finish(Verdict::done());
  }
  if (found->second.victims.empty()) return look_again(by, std::move(finish));
  const std::vector<std::string> asked = found->second.victims;
  ask_all(asked, [this, by, asked, finish = std::move(finish)](k8s::Result<Objections> answer) {
    answered(by, asked, answer, finish);
  });
}

// One request for each namespace that has Pods among them.
void Preemptions::ask_all(const std::vector<std::string>& victims,
                          std::function<void(k8s::Result<Objections>)> done) {
  std::set<std::string> spaces;
  for (const std::string& victim : victims)
    for (const auto& pod : parts_.pods(victim)) spaces.insert(pod->meta.ns);
  struct Answers {
    std::map<std::string, std::vector<DisruptionBudget>> budgets;
    k8s::Status failed;
  };
  auto answers = std::make_shared<Answers>();
  const std::vector<std::string> all(spaces.begin(), spaces.end());
  in_batches(
      all.size(), 4,
      [this, all, answers](std::size_t i, std::function<void(bool)> next) {
        fetch_budgets(world_.writer, all[i],
                      [ns = all[i], answers, next](k8s::Result<std::vector<DisruptionBudget>> got) {
                        if (got)
                          answers->budgets[ns] = std::move(*got);
                        else
                          answers->failed = got.status();
                        next(got.status().is_ok());
                      });
      },
      [this, victims, answers, done = std::move(done)] {
        if (!answers->failed.is_ok()) return done(answers->failed);
        done(count(victims, answers->budgets));
      });
}

// In the order of the victims: each beside those before it that may go.
Preemptions::Objections Preemptions::count(
    const std::vector<std::string>& victims,
    const std::map<std::string, std::vector<DisruptionBudget>>& budgets) const {
  std::map<std::string, BudgetCount> counts;
  for (const auto& [ns, all] : budgets) counts.emplace(ns, all);
  Objections out;
  for (const std::string& victim : victims) {
    const Pods pods = parts_.pods(victim);
    if (pods.empty()) continue;
    const auto of = counts.find(pods.front()->meta.ns);
    if (of == counts.end()) continue;
    const std::string why = of->second.take(pods);
    if (!why.empty()) out[victim] = why;
  }
  return out;
}

void Preemptions::answered(const std::string& by, const std::vector<std::string>& asked,
                           const k8s::Result<Objections>& answer, Finish finish) {
  const auto found = open_.find(by);
  if (found == open_.end()) return finish(Verdict::done());
  Open& open = found->second;
  if (open.victims != asked) return finish(Verdict::again_after(k8s::Duration(0)));
  const bool late = world_.loop.now() - open.since >= kPatience;
  // Budgets that nobody can read keep nobody for ever: the Eviction API reads them, too.
  const bool unread = !answer && late;
  if (!answer && !unread) return finish(Verdict::retry());
  if (has_begun_anew(open)) {
    release(by, open);
    return finish(Verdict::again_after(kLookAgain));
  }
  if (unread || answer->empty()) {
    sched::Preemption told;
    told.task = by;
    for (const std::string& victim : asked) {
      const auto shrink = open.shrinks.find(victim);
      if (shrink == open.shrinks.end())
        told.victims.push_back(victim);
      else
        told.shrinks.push_back(shrink->second);
    }
    told.kind = open.kind;
    open.victims.clear();
    open.shrinks.clear();
    open.attempts.clear();
    open.objection.clear();
    parts_.tell(told, open.by);
    return finish(Verdict::again_after(kLookAgain));
  }
  object(open, *answer);
  if (!late) return finish(Verdict::retry());
  give_up(by, open, *answer);
  finish(Verdict::again_after(kLookAgain));
}

void Preemptions::object(Open& open, const Objections& objections) {
  std::string all;
  std::size_t told = 0;
  for (const auto& [victim, why] : objections) {
    parts_.object(victim, "it was to make room for " + open.by + ", but " + why);
    const sched::Task* task = world_.task(victim);
    if (task == nullptr || ++told > 3) continue;
    all += (all.empty() ? "" : "; ") + task->ns + "/" + task->name + " cannot make room: " + why;
  }
  if (told > 3) all += "; and " + std::to_string(told - 3) + " more cannot";
  open.objection = all;
}

// One that failed meanwhile and was placed anew is, for the engine, on its way no more: the proof
// is not what it was.
bool Preemptions::has_begun_anew(const Open& open) const {
  return std::any_of(open.attempts.begin(), open.attempts.end(), [this](const auto& chosen) {
    const sched::Task* task = world_.task(chosen.first);
    const auto state = world_.engine.engine().state(chosen.first);
    const bool placed = state == sched::TaskState::kReserved || state == sched::TaskState::kRunning;
    return placed && task != nullptr && task->attempt != chosen.second;
  });
}

// Nobody is on the way, and nothing is kept.
void Preemptions::release(const std::string& by, Open& open) {
  for (const std::string& victim : open.victims) {
    if (open.shrinks.count(victim) != 0)
      parts_.keep_size(victim);
    else
      world_.engine.apply(sched::Evict{victim, "", {}});
  }
  world_.engine.apply(sched::Hold{by, {}, {}});
  open.victims.clear();
  open.shrinks.clear();
  open.attempts.clear();
}

// All in one go, before the engine plans again: nobody is on the way, nothing is kept, and those
// that budgets keep are no victims.
void Preemptions::give_up(const std::string& by, Open& open, const Objections& objections) {
  ++world_.metrics.preemptions_given_up;
  k8s::log::info("a preemption was given up", {{"for", open.by}, {"why", open.objection}});
  GivenUp given_up{open.victims, {}};
  for (const auto& [victim, why] : objections) given_up.left_out.push_back(victim);
  release(by, open);
  for (const std::string& victim : given_up.left_out) {
    ++left_out_[victim];
    parts_.retell(victim);
  }
  open.given_up.push_back(std::move(given_up));
}

void Preemptions::look_again(const std::string& by, Finish finish) {
  const Open& open = open_.at(by);
  if (open.given_up.empty()) {
    open_.erase(by);
    return finish(Verdict::done());
  }
  const std::vector<std::string> victims = open.given_up.front().victims;
  ask_all(victims, [this, by, finish = std::move(finish)](const k8s::Result<Objections>& answer) {
    const auto found = open_.find(by);
    if (found == open_.end() || found->second.given_up.empty()) return finish(Verdict::done());
    auto& given_up = found->second.given_up;
    const GivenUp first = given_up.front();
    given_up.erase(given_up.begin());
    const bool may_go = answer && answer->empty();
    if (may_go)
      lift(first);
    else
      given_up.push_back(first);
    if (given_up.empty()) found->second.objection.clear();
    finish(Verdict::again_after(kLookAgain));
  });
}

void Preemptions::lift(const GivenUp& given_up) {
  for (const std::string& victim : given_up.left_out) {
    const auto at = left_out_.find(victim);
    if (at == left_out_.end() || --at->second > 0) continue;
    left_out_.erase(at);
    parts_.retell(victim);
  }
}

// It runs, has left, or has ended: those that nobody has told yet need not go.
void Preemptions::drop(const std::string& by) {
  Open open = std::move(open_.at(by));
  open_.erase(by);
  release(by, open);
  for (const GivenUp& given_up : open.given_up) lift(given_up);
}

}  // namespace fermi
