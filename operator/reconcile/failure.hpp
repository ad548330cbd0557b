// Why a Pod of a gang failed, and what the retry rules make of it. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "libk8s/types/pod.hpp"
#include "operator/api/training_job.hpp"

namespace fermi {

enum class Cause : std::uint8_t {
  kExit,        // the program ended with a code that is not 0, or by a signal
  kDisruption,  // the node was lost, or somebody evicted or preempted the Pod
  kRejected,    // the node would not take it after all (OutOfcpu, ...)
  kDeleted,     // somebody deleted the Pod
};

struct Failure {
  Cause cause = Cause::kExit;
  std::int64_t rank = 0;
  std::int64_t exit_code = 0;  // 128 + signal for signals; 0 when there is none
  k8s::WallTime at;            // when the program ended, if known
  std::string reason;          // one word for conditions: "ExitCode", "OOMKilled", "Evicted"
  std::string message;         // one sentence
};

// Of a Pod in phase Failed.
Failure why_failed(const k8s::Pod& pod, std::int64_t rank);

// The failure that decides for a gang: a disruption before all others, since what happens to the
// other ranks then follows from it; else the earliest end; at the same time the retryable one.
const Failure* deciding(const std::vector<Failure>& failures, const TrainingJobSpec& spec);

// Whether the rules of the spec try again after this exit code.
bool may_retry(const TrainingJobSpec& spec, std::int64_t exit_code);

// The wait before the n-th retry (from 1): doubled each time, at most ten minutes.
std::int64_t backoff_ns(std::int64_t first_ns, std::int64_t n);
// The wait after the n-th disruption in a row (from 1): 1 s, 2 s, ... 60 s, so that one is hardly
// felt, and a gang that is disrupted again and again does no harm.
std::int64_t disruption_backoff_ns(std::int64_t n);
// The wait after the n-th start in a row (from 1) that did not come to run: 10 s, 20 s, ... 5 min.
std::int64_t start_backoff_ns(std::int64_t n);

}  // namespace fermi
