#include "operator/simulate/figures.hpp"

#include <algorithm>

#include "operator/report/statistics.hpp"

namespace fermi::simulate {
namespace {

__extension__ using Wide = __int128;

double seconds(std::int64_t ns) { return static_cast<double>(ns) / kSecond; }

double ratio(Wide part, Wide whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::int64_t wait_of(const Trace& trace, const Outcome& outcome, std::size_t job) {
  return outcome.end_ns[job] - trace.jobs[job].submit_ns - trace.jobs[job].run_ns;
}

double slowdown(std::int64_t wait_ns, std::int64_t run_ns) {
  const auto base = static_cast<double>(std::max(run_ns, 10 * kSecond));
  return std::max(1.0, (static_cast<double>(wait_ns) + static_cast<double>(run_ns)) / base);
}

// 0: none, 1: 1, 2: 2, 3: 3-4, 4: 5-8, ...
std::size_t class_of(std::int64_t gpus) {
  std::size_t index = 0;
  for (std::int64_t top = 0; gpus > top; top = top == 0 ? 1 : top * 2) ++index;
  return index;
}

std::string class_name(std::size_t index) {
  if (index < 3) return std::to_string(index);
  const std::int64_t top = std::int64_t{1} << (index - 1);
  return std::to_string(top / 2 + 1) + "-" + std::to_string(top);
}

// What is summed over the jobs that ended.
class Sums {
 public:
  explicit Sums(const Trace& trace) : tenants_(trace.tenants.size()) {}

  void add(const Job& job, std::int64_t wait) {
    waits_.push_back(wait);
    wait_ += wait;
    work_ += Wide{job.run_ns} * job.gpu_milli();
    slowdown_ += slowdown(wait, job.run_ns);
    // A job without GPUs counts as one with one between tenants.
    const std::int64_t weight = std::max<std::int64_t>(job.gpus, 1);
    tenants_[job.tenant].ran += Wide{job.run_ns} * weight;
    tenants_[job.tenant].stayed += Wide{job.run_ns + wait} * weight;
    const std::size_t index = class_of(job.gpus);
    if (sizes_.size() <= index) sizes_.resize(index + 1);
    ++sizes_[index].jobs;
    sizes_[index].wait += wait;
    sizes_[index].max_wait = std::max(sizes_[index].max_wait, wait);
  }

  void put(Figures& to) {
    if (waits_.empty()) return;
    const auto jobs = static_cast<std::int64_t>(waits_.size());
    to.jobs = jobs;
    to.mean_wait_s = ratio(wait_, Wide{jobs} * kSecond);
    to.bounded_slowdown = slowdown_ / static_cast<double>(jobs);
    std::sort(waits_.begin(), waits_.end());
    to.p95_wait_s = seconds(waits_[percentile_index(waits_.size(), 95)]);
    to.max_wait_s = seconds(waits_.back());
    to.fairness = fairness();
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
      const Size& size = sizes_[i];
      if (size.jobs == 0) continue;
      to.sizes.push_back({class_name(i), size.jobs, ratio(size.wait, Wide{size.jobs} * kSecond),
                          seconds(size.max_wait)});
    }
  }

  Wide work() const { return work_; }

 private:
  struct Tenant {
    Wide ran = 0, stayed = 0;
  };
  struct Size {
    std::int64_t jobs = 0, max_wait = 0;
    Wide wait = 0;
  };

  double fairness() const {
    std::vector<double> shares;
    for (const Tenant& tenant : tenants_)
      if (tenant.stayed != 0) shares.push_back(ratio(tenant.ran, tenant.stayed));
    return jains_index(shares);
  }

  std::vector<std::int64_t> waits_;
  Wide wait_ = 0, work_ = 0;
  double slowdown_ = 0;
  std::vector<Tenant> tenants_;
  std::vector<Size> sizes_;
};

std::optional<double> allocation(const Cluster& cluster, const Outcome& outcome) {
  Wide used = 0, time = 0;
  for (std::size_t i = 0; i + 1 < outcome.levels.size(); ++i) {
    const Outcome::Level& level = outcome.levels[i];
    if (level.waiting == 0) continue;
    const std::int64_t lasts = outcome.levels[i + 1].at_ns - level.at_ns;
    used += Wide{level.gpu_milli} * lasts;
    time += lasts;
  }
  if (time == 0 || cluster.gpus == 0) return std::nullopt;
  return ratio(used, time * cluster.gpus * 1000);
}

}  // namespace

Figures figures_of(const Trace& trace, const Cluster& cluster, const std::string& strategy,
                   const Outcome& outcome) {
  Figures figures;
  figures.strategy = strategy;
  Sums sums(trace);
  std::int64_t last = trace.jobs.front().submit_ns;
  for (std::size_t job = 0; job < trace.jobs.size(); ++job) {
    if (outcome.start_ns[job] < 0) ++figures.never_started;
    if (outcome.end_ns[job] < 0) continue;
    sums.add(trace.jobs[job], wait_of(trace, outcome, job));
    last = std::max(last, outcome.end_ns[job]);
  }
  sums.put(figures);
  const std::int64_t span = last - trace.jobs.front().submit_ns;
  figures.makespan_s = seconds(span);
  figures.utilisation = ratio(sums.work(), Wide{span} * cluster.gpus * 1000);
  figures.allocation = allocation(cluster, outcome);
  figures.preemptions = outcome.preemptions;
  return figures;
}

namespace {

// The mean level over equal parts of [begin, end).
std::vector<double> means(const Outcome& outcome, std::int64_t gpus, std::int64_t begin,
                          std::int64_t end) {
  std::vector<double> parts(kUsageParts, 0);
  const double width = static_cast<double>(end - begin) / kUsageParts;
  if (width <= 0 || gpus == 0) return parts;
  const auto place = [&](std::int64_t at) { return static_cast<double>(at - begin) / width; };
  for (std::size_t i = 0; i + 1 < outcome.levels.size(); ++i) {
    const Outcome::Level& level = outcome.levels[i];
    const double from = place(level.at_ns), to = place(outcome.levels[i + 1].at_ns);
    for (auto part = static_cast<std::size_t>(from); part < kUsageParts; ++part) {
      const auto left = static_cast<double>(part);
      if (left >= to) break;
      const double lasts = std::min(to, left + 1) - std::max(from, left);
      parts[part] +=
          lasts * static_cast<double>(level.gpu_milli) / (static_cast<double>(gpus) * 1000);
    }
  }
  return parts;
}

}  // namespace

void draw_usage(const Cluster& cluster, const std::vector<const Outcome*>& outcomes,
                std::vector<Figures>& figures) {
  std::int64_t end = kFirstSubmit;
  for (const Outcome* outcome : outcomes) {
    if (!outcome->levels.empty()) end = std::max(end, outcome->levels.back().at_ns);
  }
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    figures[i].usage = means(*outcomes[i], cluster.gpus, kFirstSubmit, end);
  }
}

}  // namespace fermi::simulate
