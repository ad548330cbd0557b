#include "operator/translate/waiting.hpp"

#include <algorithm>

#include "libk8s/codec/rfc3339.hpp"
#include "scheduler/reason.hpp"

namespace fermi {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;

std::string what_would_help(const sched::Reason& r) {
  switch (r.code) {
    case sched::ReasonCode::kNoQueue:
      return "; create it, or name another queue";
    case sched::ReasonCode::kConstraint:
      return "; it takes such a node, or other wishes";
    case sched::ReasonCode::kNever:
      if (r.resource.empty()) return "";
      if (r.total < r.needed)
        return "; it takes " + sched::amount(r.resource, r.gpu_model, r.needed - r.total) +
               " more, or a smaller task";
      return "; it takes larger nodes, or smaller Pods";
    case sched::ReasonCode::kQuota:
      if (r.needed <= r.total) return "";
      return "; it takes a larger maximum, or a smaller task";
    default:
      return "";
  }
}

void keep(sched::Time shown, sched::Time now, sched::Time& time) {
  if (shown.ns <= 0 || time.ns <= 0) return;
  const std::int64_t left = std::max<std::int64_t>(shown.ns - now.ns, 0);
  const std::int64_t moved = time < shown ? shown.ns - time.ns : time.ns - shown.ns;
  if (moved <= std::max(left / 10, kNsPerSecond)) time = shown;
}

// Waits for what others have: time may bring it.
bool waits_for_others(const sched::Reason& r) {
  switch (r.code) {
    case sched::ReasonCode::kCapacity:
    case sched::ReasonCode::kFragmentation:
    case sched::ReasonCode::kTopology:
    case sched::ReasonCode::kQueueLimit:
    case sched::ReasonCode::kTenantLimit:
    case sched::ReasonCode::kBlockedHead:
    case sched::ReasonCode::kReserved:
    case sched::ReasonCode::kGuaranteed:
      return true;
    case sched::ReasonCode::kQuota:
      return !is_hopeless(r);
    default:
      return false;
  }
}

}  // namespace

Outlook outlook_of(const sched::Reason& reason, std::optional<sched::Time> not_before, bool never,
                   sched::Time now, const Outlook& shown) {
  Outlook out;
  if (reason.predicted.ns > 0 || !waits_for_others(reason)) return out;
  out.never = never;
  if (!not_before || *not_before <= now) return out;
  out.not_before = *not_before;
  keep(shown.not_before, now, out.not_before);
  return out;
}

std::string why_waits(const sched::Reason& reason, const Outlook& outlook,
                      std::optional<sched::Time> now) {
  std::string text = sched::sentence(reason, now) + what_would_help(reason);
  if (outlook.never)
    text += "; no start is foreseen as things are";
  else if (outlook.not_before.ns > 0)
    text += "; not expected to start before " + k8s::format_time({outlook.not_before.ns});
  if (reason.predicted.ns > 0)
    text += "; expected to start at " + k8s::format_time({reason.predicted.ns});
  return text;
}

// The sentence of one that is held begins with its code.
std::string coded_why(const sched::Reason& reason, const Outlook& outlook,
                      std::optional<sched::Time> now) {
  const bool says_it = reason.code == sched::ReasonCode::kHeld && !reason.detail.empty();
  const std::string text = why_waits(reason, outlook, now);
  return std::string(sched::name(reason.code)) + ": " +
         (says_it ? text.substr(text.find(": ") + 2) : text);
}

// One that its tenant has too many of in line is not taken in before it has moved up.
bool is_hopeless(const sched::Reason& r) {
  return r.code == sched::ReasonCode::kNoQueue || r.code == sched::ReasonCode::kNever ||
         r.code == sched::ReasonCode::kConstraint ||
         (r.code == sched::ReasonCode::kQuota && r.needed > r.total) ||
         (r.code == sched::ReasonCode::kTenantLimit &&
          (r.resource == "waiting tasks" || r.needed > r.total));
}

void keep_times(const sched::Reason& shown, sched::Time now, sched::Reason& reason) {
  keep(shown.until, now, reason.until);
  keep(shown.predicted, now, reason.predicted);
  for (sched::Reason::Holder& holder : reason.holders)
    for (const sched::Reason::Holder& before : shown.holders)
      if (before.task == holder.task) keep(before.until, now, holder.until);
}

}  // namespace fermi
