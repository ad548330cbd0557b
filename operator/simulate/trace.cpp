#include "operator/simulate/trace.hpp"

#include <algorithm>
#include <numeric>

namespace fermi::simulate {
namespace {

std::uint32_t intern(std::map<std::string, std::uint32_t, std::less<>>& known,
                     std::vector<std::string>& names, std::string_view name) {
  if (auto found = known.find(name); found != known.end()) return found->second;
  const auto id = static_cast<std::uint32_t>(names.size());
  names.emplace_back(name);
  known.emplace(name, id);
  return id;
}

}  // namespace

TraceBuilder::TraceBuilder() {
  trace_.models.emplace_back();
  models_.emplace("", 0);
}

std::uint32_t TraceBuilder::tenant(std::string_view name) {
  return intern(tenants_, trace_.tenants, name);
}

std::uint32_t TraceBuilder::models(std::string_view names) {
  return intern(models_, trace_.models, names);
}

void TraceBuilder::add(Job job, std::int64_t number) {
  if (job.run_ns < 0) {
    ++trace_.notes.without_run_time;
    return;
  }
  if (job.gpus < 0 || job.cpu_milli < 0 || (job.gpus == 0 && job.cpu_milli == 0)) {
    ++trace_.notes.without_size;
    return;
  }
  if (job.estimate_ns <= 0) {
    ++trace_.notes.without_estimate;
    job.estimate_ns = std::max<std::int64_t>(job.run_ns, 1);
  }
  if (!trace_.jobs.empty() && job.submit_ns < trace_.jobs.back().submit_ns) {
    ++trace_.notes.out_of_order;
  }
  trace_.jobs.push_back(job);
  numbers_.push_back(number);
}

k8s::Result<Trace> TraceBuilder::finish() {
  if (trace_.jobs.empty()) return k8s::Status(k8s::Code::kInvalid, "the trace has no usable job");
  if (trace_.tenants.empty()) trace_.tenants.emplace_back();
  std::vector<std::size_t> order(trace_.jobs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const auto key = [&](std::size_t i) {
      return std::pair(trace_.jobs[i].submit_ns, numbers_[i]);
    };
    return key(a) < key(b);
  });
  const std::int64_t first = trace_.jobs[order.front()].submit_ns;
  std::vector<Job> sorted;
  sorted.reserve(order.size());
  for (const std::size_t i : order) {
    sorted.push_back(trace_.jobs[i]);
    std::int64_t& submit = sorted.back().submit_ns;
    if (__builtin_sub_overflow(submit, first, &submit) ||
        __builtin_add_overflow(submit, kFirstSubmit, &submit)) {
      return k8s::Status(k8s::Code::kInvalid, "the submissions span more than 292 years");
    }
  }
  trace_.jobs = std::move(sorted);
  return std::move(trace_);
}

}  // namespace fermi::simulate
