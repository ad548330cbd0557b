#include "tests/unit/simulate/textbook.hpp"

#include <algorithm>
#include <list>
#include <queue>
#include <set>

namespace fermi::simulate::textbook {
namespace {

class World {
 public:
  World(const std::vector<Job>& jobs, std::int64_t processors, Policy policy)
      : jobs_(jobs), policy_(policy), free_(processors), starts_(jobs.size(), -1) {}

  std::vector<std::int64_t> run(std::int64_t processors) {
    std::size_t next = 0;
    while (next < jobs_.size() || !ends_.empty()) {
      std::int64_t now = ends_.empty() ? jobs_[next].submit : ends_.top().first;
      if (next < jobs_.size()) now = std::min(now, jobs_[next].submit);
      for (; !ends_.empty() && ends_.top().first == now; ends_.pop()) end(ends_.top().second);
      for (; next < jobs_.size() && jobs_[next].submit == now; ++next) {
        if (jobs_[next].size <= processors) waiting_.push_back(next);
      }
      decide(now);
    }
    return starts_;
  }

 private:
  using Expected = std::pair<std::int64_t, std::size_t>;  // when it ends by its estimate, and which

  Expected expected(std::size_t job) const { return {starts_[job] + jobs_[job].estimate, job}; }

  void start(std::size_t job, std::int64_t now) {
    starts_[job] = now;
    free_ -= jobs_[job].size;
    ends_.emplace(now + jobs_[job].run, job);
    running_.insert(expected(job));
  }

  void end(std::size_t job) {
    free_ += jobs_[job].size;
    running_.erase(expected(job));
  }

  void decide(std::int64_t now) {
    while (!waiting_.empty() && jobs_[waiting_.front()].size <= free_) {
      start(waiting_.front(), now);
      waiting_.pop_front();
    }
    if (policy_ == Policy::kEasy && !waiting_.empty()) backfill(now);
  }

  void backfill(std::int64_t now) {
    const std::int64_t need = jobs_[waiting_.front()].size;
    std::int64_t shadow = now, sum = free_;
    for (const auto& [at, job] : running_) {  // soonest first
      const std::int64_t ends = std::max(at, now);
      if (sum >= need && ends > shadow) break;
      shadow = ends;
      sum += jobs_[job].size;
    }
    std::int64_t extra = sum - need;
    for (auto it = std::next(waiting_.begin()); it != waiting_.end() && free_ > 0;) {
      const Job& job = jobs_[*it];
      const bool by_shadow = now + job.estimate <= shadow;
      if (job.size > free_ || (!by_shadow && job.size > extra)) {
        ++it;
        continue;
      }
      if (!by_shadow) extra -= job.size;
      start(*it, now);
      it = waiting_.erase(it);
    }
  }

  const std::vector<Job>& jobs_;
  const Policy policy_;
  std::int64_t free_;
  std::vector<std::int64_t> starts_;
  std::list<std::size_t> waiting_;
  std::set<Expected> running_;
  std::priority_queue<Expected, std::vector<Expected>, std::greater<>> ends_;
};

}  // namespace

std::vector<std::int64_t> starts(const std::vector<Job>& jobs, std::int64_t processors,
                                 Policy policy) {
  return World(jobs, processors, policy).run(processors);
}

}  // namespace fermi::simulate::textbook
