// Small worlds for the engine's tests: nodes, queues and tasks with few words.
#pragma once

#include <string>
#include <vector>

#include "scheduler/engine.hpp"

namespace sched::test {

inline constexpr std::int64_t kGiB = std::int64_t{1} << 30;
inline constexpr std::int64_t kSecond = 1'000'000'000;

inline Resources amounts(std::int64_t gpus, std::int64_t cores, std::int64_t gib,
                         std::int64_t pods) {
  Resources r;
  r.cpu_milli = cores * 1000;
  r.memory_bytes = gib * kGiB;
  r.pods = pods;
  r.set_extended("nvidia.com/gpu", gpus);
  return r;
}

// 8 GPUs, 64 cores, 256 GiB, 110 Pods in region r1.
inline Node node(const std::string& name, const std::string& zone = "zone-a",
                 std::int64_t gpus = 8) {
  Node n;
  n.name = name;
  n.zone = zone;
  n.region = "r1";
  n.gpu_model = gpus > 0 ? "A100" : "";
  n.labels["kubernetes.io/hostname"] = name;
  n.allocatable = amounts(gpus, 64, 256, 110);
  return n;
}

inline Queue queue(const std::string& name, Tier tier = Tier::kMedium,
                   Strategy strategy = Strategy::kBackfill) {
  Queue q;
  q.name = name;
  q.tier = tier;
  q.strategy = strategy;
  return q;
}

// A gang of `count` Pods with these GPUs, one core and one GiB each.
inline Task task(const std::string& uid, const std::string& queue, std::int64_t count,
                 std::int64_t gpus, std::int64_t submitted_s = 0) {
  Task t;
  t.uid = uid;
  t.ns = "team";
  t.name = uid;
  t.queue = queue;
  t.tenant = "team";
  t.tier = Tier::kHigh;  // the queue's, if that is lower
  t.submitted.ns = submitted_s * kSecond;
  t.groups.push_back({"", count, amounts(gpus, 1, 1, 1)});
  return t;
}

// Applies the starts of one plan and returns the uids, in order.
inline std::vector<std::string> step(Engine& engine, Time now = {}) {
  std::vector<std::string> uids;
  for (const Start& s : engine.plan(now).starts) {
    engine.apply(Assume{s.task, s.attempt, s.placement});
    uids.push_back(s.task);
  }
  return uids;
}

// The nodes a task was given by the next plan, without applying it; empty when it does not start.
inline std::vector<std::string> placed(const Engine& engine, const std::string& uid,
                                       Time now = {}) {
  for (const Start& s : engine.plan(now).starts) {
    if (s.task == uid) return s.placement.nodes;
  }
  return {};
}

}  // namespace sched::test
