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

}  // namespace

std::string why_waits(const sched::Reason& reason) {
  std::string text = sched::sentence(reason) + what_would_help(reason);
  if (reason.predicted.ns > 0)
    text += "; expected to start at " + k8s::format_time({reason.predicted.ns});
  return text;
}

// One that its tenant has too many of in line is not taken in before it has moved up.
bool is_hopeless(const sched::Reason& reason) {
  const sched::ReasonCode code = reason.code;
  return code == sched::ReasonCode::kNoQueue || code == sched::ReasonCode::kNever ||
         code == sched::ReasonCode::kConstraint ||
         (code == sched::ReasonCode::kTenantLimit && reason.resource == "waiting tasks");
}

void keep_times(const sched::Reason& shown, sched::Time now, sched::Reason& reason) {
  keep(shown.until, now, reason.until);
  keep(shown.predicted, now, reason.predicted);
}

}  // namespace fermi
