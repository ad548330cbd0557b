// LiveCosts: what tasks that are not in the ledger yet cost, summed by queue, tenant and pool.
//
// A task is set each time its status says something else, and taken out when it goes into the
// ledger. Sums follow what changes; asking for them costs as much as there are places, not tasks.
// Live values are rounded once for each place, not for each task: they may differ from what the
// tasks will have written down by a millionth for each of them.
// Pure: time comes in as an argument.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "libk8s/base/loop.hpp"
#include "operator/api/training_job.hpp"
#include "operator/ledger/books.hpp"

namespace fermi {

// What one task spends.
struct Spending {
  std::string queue, tenant;
  std::vector<PoolRate> rates;  // from `since` on; none while it holds nothing
  k8s::WallTime since;
  std::vector<CostPart> parts;  // before that
  friend bool operator==(const Spending&, const Spending&) = default;
};

struct LiveCost {
  std::int64_t per_hour = 0, today = 0;  // millionths
};

class LiveCosts {
 public:
  void set(const std::string& task_id, Spending spending);
  void erase(const std::string& task_id);

  // Grows with each change.
  std::uint64_t version() const { return version_; }
  // By place, as of `now`; `today` is the day of `now` (UTC), what the ledger has left out.
  std::map<CostPlace, LiveCost> costs(k8s::WallTime now);

 private:
  __extension__ using Wide = __int128;
  struct Sum {
    Wide rate = 0, rate_since = 0;  // millionths per hour; the same times seconds since 1970
    std::int64_t parts = 0, tasks = 0;
  };
  void count(const Spending& spending, int sign);
  void begin_day(k8s::WallTime now);

  std::uint64_t version_ = 0;
  k8s::WallTime day_;  // when the day began for which sums hold
  std::map<std::string, Spending> tasks_;
  std::map<CostPlace, Sum> sums_;
};

}  // namespace fermi
