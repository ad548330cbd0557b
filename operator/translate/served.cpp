#include "operator/translate/served.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "operator/translate/resources.hpp"

namespace fermi {
namespace {

using Wide = __int128;

constexpr std::int64_t kNsPerMs = 1'000'000;
// What is older by so many halvings counts for nothing.
constexpr std::int64_t kPeriodsKept = 120;

std::string text_of(Wide value) {
  std::string digits;
  for (; value > 0; value /= 10) digits.insert(digits.begin(), static_cast<char>('0' + value % 10));
  return digits.empty() ? "0" : digits;
}

// Nothing but digits, and so few that nothing overflows; else 0.
Wide number_of(const std::string& text) {
  Wide value = 0;
  if (text.size() > 34) return 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return 0;
    value = value * 10 + (c - '0');
  }
  return value;
}

// (resource, GPU model) -> amount in a period, in amount times milliseconds.
using Sums = std::map<std::pair<std::string, std::string>, std::map<std::int64_t, Wide>>;

void add_span(const sched::Served::Span& span, std::int64_t half_life, Sums& sums) {
  const std::int64_t from = span.from.ns / kNsPerMs, to = span.to.ns / kNsPerMs;
  const auto add = [&](const std::string& resource, std::int64_t amount) {
    if (amount <= 0 || to <= from) return;
    const bool gpu = resource != "cpu" && resource != "memory";
    sums[{resource, gpu ? span.gpu_model : ""}][from / half_life] +=
        static_cast<Wide>(amount) * (to - from);
  };
  add("cpu", span.used.cpu_milli);
  add("memory", span.used.memory_bytes);
  for (const auto& [resource, amount] : span.used.extended) add(resource, amount);
}

void keep_two_periods(const Sums& sums, TenantPast& out) {
  std::int64_t latest = 0;
  for (const auto& [what, periods] : sums)
    if (!periods.empty()) latest = std::max(latest, periods.rbegin()->first);
  for (const auto& [what, periods] : sums) {
    Wide before = 0, current = 0;
    for (const auto& [period, sum] : periods) {
      if (period == latest) current = sum;
      if (period < latest && latest - 1 - period < kPeriodsKept)
        before += sum >> (latest - 1 - period);
    }
    if (before > 0) out.uses.push_back({what.first, what.second, latest - 1, text_of(before)});
    if (current > 0) out.uses.push_back({what.first, what.second, latest, text_of(current)});
  }
}

sched::Resources one(const std::string& resource, Wide amount) {
  return to_engine({{resource, static_cast<std::int64_t>(amount)}});
}

// The smallest amount that comes to this sum within the period and before now, then the rest.
void add_spans(const PastUse& use, std::int64_t half_life, std::int64_t now_ms,
               sched::Served& out) {
  const Wide sum = number_of(use.sum);
  if (sum <= 0 || use.period < 0 || use.period > now_ms / half_life) return;
  const std::int64_t from = use.period * half_life;
  const std::int64_t room = std::clamp<std::int64_t>(now_ms - from, 1, half_life);
  const Wide amount = (sum + room - 1) / room;
  if (amount > (std::int64_t{1} << 62)) return;
  const auto until = [from](Wide ms) {
    return sched::Time{(from + static_cast<std::int64_t>(ms)) * kNsPerMs};
  };
  out.spans.push_back(
      {{from * kNsPerMs}, until(sum / amount), use.gpu_model, one(use.resource, amount)});
  if (const Wide rest = sum % amount; rest > 0)
    out.spans.push_back({{from * kNsPerMs}, until(1), use.gpu_model, one(use.resource, rest)});
}

}  // namespace

QueuePast to_past(const std::vector<sched::Served>& served, std::int64_t half_life_ns) {
  QueuePast out;
  const std::int64_t half_life = half_life_ns / kNsPerMs;
  out.half_life_ns = half_life * kNsPerMs;
  for (const sched::Served& s : served) {
    // Kept to the microsecond, as the API does.
    TenantPast tenant{s.tenant, {s.last_start.ns / 1000 * 1000}, s.starts, {}};
    Sums sums;
    if (half_life > 0)
      for (const sched::Served::Span& span : s.spans) add_span(span, half_life, sums);
    keep_two_periods(sums, tenant);
    out.tenants.push_back(std::move(tenant));
  }
  const auto later = [](const TenantPast& a, const TenantPast& b) {
    if (a.last_start != b.last_start) return b.last_start < a.last_start;
    return a.tenant < b.tenant;
  };
  std::sort(out.tenants.begin(), out.tenants.end(), later);
  if (out.tenants.size() > kServedKept) out.tenants.resize(kServedKept);
  return out;
}

std::vector<sched::Served> to_served(const QueuePast& past, const sched::Queue& queue,
                                     sched::Time now) {
  std::vector<sched::Served> out;
  const std::int64_t half_life = queue.half_life_ns / kNsPerMs;
  const bool same_periods = half_life > 0 && past.half_life_ns == half_life * kNsPerMs;
  for (const TenantPast& tenant : past.tenants) {
    sched::Served served{queue.name, tenant.tenant, {tenant.last_start.ns}, tenant.starts, {}};
    if (same_periods)
      for (const PastUse& use : tenant.uses) add_spans(use, half_life, now.ns / kNsPerMs, served);
    out.push_back(std::move(served));
  }
  return out;
}

}  // namespace fermi
