// Trace: a list of jobs as somebody's log tells them, made ready to be simulated.
//
// All times are nanoseconds, exact. `submit_ns` counts from kFirstSubmit on: the first job of every
// trace is submitted one second after nothing, whatever the log's own epoch is.
//
// What the builder does with records that are no usable job (and counts, see `Trace::Notes`):
//   - a negative run time (logs write -1 for "not known"): left out;
//   - neither GPUs nor CPU asked for, or a negative number of them: left out;
//   - no estimate (none in the log, or not above zero): the true run time is taken for it;
//   - out of order: sorted by submit time, then by place in the file (or by the log's own number).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/base/status.hpp"

namespace fermi::simulate {

inline constexpr std::int64_t kSecond = 1'000'000'000;
inline constexpr std::int64_t kFirstSubmit = kSecond;
// Jobs of one trace, so that a file that never ends is refused.
inline constexpr std::size_t kJobsMax = 20'000'000;
// GPUs, nodes, cores of one job.
inline constexpr std::int64_t kSizeMax = 1'000'000'000;

struct Job {
  std::int64_t submit_ns = 0, run_ns = 0;
  std::int64_t estimate_ns = 0;                // above zero once the trace is finished
  std::int64_t gpus = 0;                       // over all its nodes
  std::int64_t cpu_milli = 0, memory_mib = 0;  // over all its nodes
  std::int64_t nodes = 0;                      // 0: as few as the cluster's nodes allow
  std::uint32_t tenant = 0;                    // in Trace::tenants
  std::uint32_t models = 0;                    // in Trace::models; 0: any
  // Each of its Pods has so many thousandths of one GPU (`gpus` counts one for each); 0: whole
  // ones.
  std::int64_t part_milli = 0;
  std::int64_t gpu_milli() const { return gpus * (part_milli > 0 ? part_milli : 1000); }
};

struct Trace {
  std::vector<Job> jobs;             // in order of submission
  std::vector<std::string> tenants;  // at least one: "" when the log names none
  std::vector<std::string> models;   // GPU models asked for, "A|B" for either; the first is ""
  struct Notes {
    std::int64_t without_run_time = 0, without_size = 0;  // left out
    std::int64_t without_estimate = 0, out_of_order = 0;  // taken
    std::int64_t shared_gpus = 0;                         // ask for a part of a GPU
  } notes;
};

class TraceBuilder {
 public:
  TraceBuilder();
  // `number`: what orders jobs of one submit time; their place in the file when it is not given.
  void add(Job job, std::int64_t number);
  void add(Job job) { add(job, static_cast<std::int64_t>(trace_.jobs.size())); }
  std::uint32_t tenant(std::string_view name);
  std::uint32_t models(std::string_view names);
  Trace::Notes& notes() { return trace_.notes; }
  bool full() const { return trace_.jobs.size() >= kJobsMax; }
  // kInvalid when no job is left, or when the submissions span more than 292 years.
  k8s::Result<Trace> finish();

 private:
  Trace trace_;
  std::vector<std::int64_t> numbers_;
  std::map<std::string, std::uint32_t, std::less<>> tenants_, models_;
};

}  // namespace fermi::simulate
