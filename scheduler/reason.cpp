#include "scheduler/reason.hpp"

#include "scheduler/conflicts/words.hpp"
#include "scheduler/state/amounts.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

std::string count(std::int64_t value) { return std::to_string(value); }

// Thousandths as a decimal without trailing zeros.
std::string thousandths(std::int64_t milli) {
  std::string text = count(milli / 1000);
  if (milli % 1000 == 0) return text;
  std::string rest = count(milli % 1000);
  rest.insert(0, 3 - rest.size(), '0');
  while (rest.back() == '0') rest.pop_back();
  return text + "." + rest;
}

std::string bytes(std::int64_t value) {
  const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (unit + 1 < std::size(units) && value >= 1024 && value % 1024 == 0) {
    value /= 1024;
    ++unit;
  }
  // What is no whole number of a unit is said in MiB or GiB, rounded down to a thousandth.
  while (unit + 1 < std::size(units) && value >= 1024 * 1024) {
    value /= 1024;
    ++unit;
  }
  if (value >= 1024 && unit + 1 < std::size(units)) {
    return thousandths(value / 1024 * 1000 + value % 1024 * 1000 / 1024) + " " + units[unit + 1];
  }
  return count(value) + " " + units[unit];
}

bool in_parts(const std::string& resource) { return resource.ends_with(kMilliSuffix); }

// The bare number, in the unit that `amount` names.
std::string number(const std::string& resource, std::int64_t value) {
  if (resource == "cpu" || in_parts(resource)) return thousandths(value);
  if (resource == "memory" || resource == "ephemeral-storage") return bytes(value);
  return count(value);
}

// Says what narrows the nodes down, if anything does.
std::string where(const Reason& r) {
  std::string text;
  if (!r.zone.empty()) text += " in " + r.zone;
  if (!r.pool.empty()) text += (text.empty() ? " in pool " : ", pool ") + r.pool;
  return text;
}

std::string nodes_of(const Reason& r) {
  return count(r.nodes_fitting) + " of " + count(r.nodes_eligible) + " eligible nodes fit";
}

std::string needs(const Reason& r) {
  return "needs " + amount(r.resource, r.gpu_model, r.needed) + where(r);
}

std::string free_of(const Reason& r) {
  return number(r.resource, r.free) + " free of " + number(r.resource, r.total);
}

using Now = std::optional<Time>;

// Minutes and seconds since 1970 mean nothing to a reader; the API has the full time.
std::string clock(Time at, Now now) {
  constexpr std::int64_t kDay = 86'400'000'000'000;
  std::int64_t away = 0;
  const bool far =
      now && (__builtin_sub_overflow(at.ns, now->ns, &away) || away >= kDay || away <= -kDay);
  if (far) return utc(at);
  const std::int64_t seconds = at.ns / 1'000'000'000 % 86'400;
  const auto two = [](std::int64_t value) { return (value < 10 ? "0" : "") + count(value); };
  return two(seconds / 3600) + ":" + two(seconds / 60 % 60) + ":" + two(seconds % 60) + " UTC";
}

// ", 8 held by training/llm-7b until 14:05:00 UTC, 4 by team/x".
std::string held_by(const Reason& r, Now now) {
  std::string text;
  for (const Reason::Holder& holder : r.holders) {
    text += ", " + number(r.resource, holder.amount) + (text.empty() ? " held by " : " by ") +
            holder.task;
    if (holder.until.ns > 0) text += " until " + clock(holder.until, now);
  }
  return text;
}

// "low/a (8 x A100), low/b (4 x A100) and 2 more".
std::string leaving(const Reason& r) {
  std::string text;
  for (const Reason::Holder& holder : r.holders) {
    text += (text.empty() ? "" : ", ") + holder.task + " (" +
            amount(r.resource, r.gpu_model, holder.amount) + ")";
  }
  return text + r.detail;
}

std::string quota(const Reason& r) {
  const std::string allowed = amount(r.resource, r.gpu_model, r.total);
  if (r.needed > r.total) {
    return "can never start in queue " + r.detail + ": it allows " + allowed + where(r) +
           " in all, needs " + number(r.resource, r.needed);
  }
  return "queue " + r.detail + " allows " + allowed + where(r) + ": " + number(r.resource, r.free) +
         " left, needs " + number(r.resource, r.needed);
}

std::string in_brackets(const std::string& detail) {
  return detail.empty() ? "" : " (" + detail + ")";
}

std::string pods(std::int64_t value) { return count(value) + (value == 1 ? " Pod" : " Pods"); }

// The zone with most room, or, where none is named, the part of a zone that the detail speaks of.
std::string the_best(const Reason& r) {
  return r.zone.empty() ? "the best" : "the best, " + r.zone + ",";
}

std::string never(const Reason& r) {
  if (r.resource.empty()) return "can never start: " + r.detail;
  const std::string all = number(r.resource, r.total) + " in all";
  if (!r.detail.empty()) {
    Reason plain = r;
    plain.zone.clear();
    return "can never start: " + needs(plain) + " " + r.detail +
           ", which even the empty cluster cannot give; " + the_best(r) + " has " + all;
  }
  if (r.total < r.needed) return "can never start: " + needs(r) + ", the nodes have " + all;
  const std::string head = "can never start: " + needs(r) + " for " + pods(r.nodes_needed) +
                           "; the nodes have " + all + ", but ";
  if (r.free == 0) return head + "even when empty hold only " + count(r.pods_empty) + " of them";
  return head + "none has more than " + number(r.resource, r.free) +
         (r.nodes_needed > 1
              ? ", and each Pod needs " + number(r.resource, r.needed / r.nodes_needed)
              : "");
}

// Filters that have a name of their own are named; labels, taints and the like are not repeated.
std::string constraint(const Reason& r) {
  std::string text = "no node satisfies what it asks for";
  std::string asked;
  if (!r.gpu_model.empty()) asked += ", GPU model " + r.gpu_model;
  if (!r.pool.empty()) asked += ", pool " + r.pool;
  if (!r.zone.empty()) asked += ", zone " + r.zone;
  if (!asked.empty()) text += ":" + asked.substr(1);
  return text + in_brackets(r.detail);
}

// What it would take from somebody ahead.
std::string reserved(const Reason& r, Now now) {
  std::string what = " has that room from ";
  if (r.reserved == Reason::Reserved::kMaximum)
    what = " has that much of queue " + r.queue + " from ";
  if (r.reserved == Reason::Reserved::kLeft) {
    what = " has what the guarantees of other queues leave from ";
  }
  const bool ends = !r.holders.empty() && r.holders.front().until.ns > 0;
  return needs(r) + ": it would fit, but " + r.detail + what + clock(r.until, now) +
         (ends ? " to " + clock(r.holders.front().until, now) : " on");
}

}  // namespace

const char* name(ReasonCode code) {
  switch (code) {
    case ReasonCode::kNone:
      return "None";
    case ReasonCode::kCapacity:
      return "Capacity";
    case ReasonCode::kFragmentation:
      return "Fragmentation";
    case ReasonCode::kConstraint:
      return "Constraint";
    case ReasonCode::kNever:
      return "Never";
    case ReasonCode::kTopology:
      return "Topology";
    case ReasonCode::kQuota:
      return "Quota";
    case ReasonCode::kQueueLimit:
      return "QueueLimit";
    case ReasonCode::kQueueClosed:
      return "QueueClosed";
    case ReasonCode::kNoQueue:
      return "NoQueue";
    case ReasonCode::kBlockedHead:
      return "BlockedHead";
    case ReasonCode::kHeld:
      return "Held";
    case ReasonCode::kBackoff:
      return "Backoff";
    case ReasonCode::kReserved:
      return "Reserved";
    case ReasonCode::kGuaranteed:
      return "Guaranteed";
    case ReasonCode::kEvicting:
      return "Evicting";
    case ReasonCode::kTenantLimit:
      return "TenantLimit";
    case ReasonCode::kStopped:
      return "Stopped";
  }
  return "None";
}

namespace {

// "0.46 of a GPU", "0.46 of one A100"; of several Pods together "1.38 x A100".
std::string parts_of(const std::string& resource, const std::string& gpu_model,
                     std::int64_t value) {
  const std::string plain = resource.substr(0, resource.size() - std::string(kMilliSuffix).size());
  const std::string one = is_gpu(plain) && !gpu_model.empty() ? gpu_model : plain;
  if (value >= kWholeMilli) return thousandths(value) + " x " + one;
  const bool plainly = is_gpu(plain) && gpu_model.empty();
  return thousandths(value) + (plainly ? " of a GPU" : " of one " + one);
}

}  // namespace

std::string amount(const std::string& resource, const std::string& gpu_model, std::int64_t value) {
  if (in_parts(resource)) return parts_of(resource, gpu_model, value);
  if (resource == "cpu") return thousandths(value) + (value == 1000 ? " core" : " cores");
  if (resource == "memory") return bytes(value) + " of memory";
  if (resource == "ephemeral-storage") return bytes(value) + " of local storage";
  if (resource == "pods") return count(value) + (value == 1 ? " Pod" : " Pods");
  if (is_gpu(resource) && !gpu_model.empty()) return count(value) + " x " + gpu_model;
  return count(value) + " x " + resource;
}

namespace {

// A tenant's limit counts tasks, or a resource.
std::string tenant_limit(const Reason& r) {
  const std::string allows = "queue " + r.detail + " allows each tenant ";
  const auto tasks = [&](const char* which) {
    return allows + count(r.total) + which + (r.total == 1 ? " task" : " tasks");
  };
  if (r.resource == "tasks") return tasks(" running") + ": its tenant has as many";
  if (r.resource == "waiting tasks") {
    return tasks(" waiting") + ": this one is number " + count(r.needed) + " of its tenant";
  }
  if (r.needed > r.total) {
    return "can never start in queue " + r.detail + ": it allows each tenant " +
           amount(r.resource, "", r.total) + " in all, needs " + number(r.resource, r.needed);
  }
  return allows + amount(r.resource, "", r.total) + ": " + number(r.resource, r.free) +
         " left, needs " + number(r.resource, r.needed);
}

}  // namespace

std::string sentence(const Reason& r, Now now) {
  switch (r.code) {
    case ReasonCode::kNone:
      return "";
    case ReasonCode::kCapacity:
      return needs(r) + ": " + free_of(r) + held_by(r, now) + "; " + nodes_of(r) +
             in_brackets(r.detail);
    case ReasonCode::kFragmentation:
      return needs(r) + " for " + pods(r.nodes_needed) + ": " + free_of(r) + ", but in pieces; " +
             nodes_of(r) + in_brackets(r.detail);
    case ReasonCode::kConstraint:
      return constraint(r);
    case ReasonCode::kNever:
      return never(r);
    case ReasonCode::kTopology: {
      if (r.resource.empty()) return r.detail;
      Reason plain = r;
      plain.zone.clear();
      return needs(plain) + " " + r.detail + ": " + the_best(r) + " has " + free_of(r) +
             (r.free >= r.needed ? ", but in pieces" : "") + held_by(r, now);
    }
    case ReasonCode::kQuota:
      return quota(r);
    case ReasonCode::kQueueLimit:
      return "queue " + r.detail + " runs its maximum of " + count(r.total) +
             (r.total == 1 ? " task" : " tasks");
    case ReasonCode::kQueueClosed:
      return "queue " + r.detail + " is closed";
    case ReasonCode::kNoQueue:
      return "there is no queue " + r.detail;
    case ReasonCode::kBlockedHead:
      return "waits behind " + r.detail +
             (r.unpromised ? ": nobody passes it until it is known when there is room for it"
                           : ": nobody passes the head of a strict queue");
    case ReasonCode::kHeld:
      return "held" + (r.detail.empty() ? "" : ": " + r.detail);
    case ReasonCode::kBackoff:
      return "tries again at " + clock(r.until, now) + (r.detail.empty() ? "" : ": " + r.detail);
    case ReasonCode::kReserved:
      return reserved(r, now);
    case ReasonCode::kGuaranteed:
      if (!r.detail.empty()) return "can never start: " + r.detail;
      return needs(r) + ": " + number(r.resource, r.free) + " left to its queue, " +
             number(r.resource, r.total) + " more kept for the guarantees of other queues";
    case ReasonCode::kEvicting:
      return "waits until " + leaving(r) + " has stopped: its room is kept for this task";
    case ReasonCode::kTenantLimit:
      return tenant_limit(r);
    case ReasonCode::kStopped:
      return "there is room for it, and the check of each decision before it is carried out "
             "stopped "
             "this one (" +
             r.detail + "): a fault of Fermi; tried again every few seconds";
  }
  return "";
}

}  // namespace sched
