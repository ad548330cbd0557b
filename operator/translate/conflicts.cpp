#include "operator/translate/conflicts.hpp"

#include <algorithm>

#include "operator/api/api.hpp"
#include "scheduler/reason.hpp"
#include "scheduler/state/devices.hpp"

namespace fermi {
namespace {

// The engine names a task "namespace/name".
ConflictParty to_status(const sched::Party& party) {
  const std::size_t slash = party.name.find('/');
  if (slash == std::string::npos) return {party.kind, "", party.name, party.uid};
  return {party.kind, party.name.substr(0, slash), party.name.substr(slash + 1), party.uid};
}

std::string names_of(const sched::Conflict& conflict) {
  constexpr std::size_t kNamed = 3;
  std::string text;
  const std::size_t count = conflict.others.size();
  for (std::size_t i = 0; i < std::min(count, kNamed); ++i)
    text += (text.empty() ? "" : ", ") + conflict.others[i].name;
  if (count > kNamed) text += " and " + std::to_string(count - kNamed) + " more";
  return text;
}

}  // namespace

QueueConflict to_status(const sched::Conflict& c) {
  QueueConflict out;
  out.id = c.id;
  out.type = sched::name(c.type);
  out.severity = sched::name(c.severity);
  out.since = whole_seconds({c.began.ns});
  out.waiting = to_status(c.waits);
  for (const sched::Party& party : c.others)
    if (out.others.size() < kShownParties) out.others.push_back(to_status(party));
  out.other_count = static_cast<std::int64_t>(c.others.size());
  out.needs = sched::amount(c.resource, c.gpu_model, c.needed);
  out.resource = c.resource.substr(0, c.resource.find(sched::kMilliSuffix));
  out.zone = c.zone;
  out.pool = c.pool;
  out.resolution = sched::sentence(c);
  out.resolution_at = whole_seconds({c.ends_at.ns});
  return out;
}

void count(sched::Severity severity, ConflictCounts& counts) {
  ++counts.total;
  std::int64_t* const by[] = {&counts.low, &counts.medium, &counts.high, &counts.critical};
  ++*by[static_cast<std::size_t>(severity)];
}

std::string in_words(const sched::Conflict& c) {
  const std::string where =
      (c.zone.empty() ? "" : " in " + c.zone) + (c.pool.empty() ? "" : ", pool " + c.pool);
  const bool promised = c.type == sched::ConflictType::kSchedule;
  return std::string(sched::name(c.type)) + " " + c.id + ": " + c.waits.name + " waits for " +
         sched::amount(c.resource, c.gpu_model, c.needed) + where +
         (promised ? ", promised to " : ", in the hands of ") + names_of(c) + "; " +
         sched::sentence(c);
}

ConflictWish read_wish(std::string_view text) {
  ConflictWish out;
  const std::string prefix = std::string(annotation::kResolveConflict) + ": ";
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    out.problem = prefix + "\"" + std::string(text.substr(0, 60)) +
                  "\" is not CONFLICT=STRATEGY, such as pc-0123456789abcdef=ByPriority";
    return out;
  }
  out.conflict = text.substr(0, equals);
  out.strategy = text.substr(equals + 1);
  out.by = sched::settlement(out.strategy);
  out.stops = out.strategy == "Stop";
  if (!out.by && !out.stops)
    out.problem = prefix + "\"" + out.strategy.substr(0, 60) +
                  "\" is no strategy; one of ByPriority, FairShare, TimeSlice, Stop";
  return out;
}

}  // namespace fermi
