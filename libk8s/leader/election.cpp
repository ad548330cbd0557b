#include "libk8s/leader/election.hpp"

#include <utility>

namespace k8s {
namespace {

LeaseRecord term_of(const ElectionConfig& config, WallTime wall) {
  LeaseRecord record;
  record.holder = config.identity;
  record.duration = config.lease_duration;
  record.acquired = wall;
  record.renewed = wall;
  return record;
}

Move take(const LeaseRecord& from, const ElectionConfig& config, WallTime wall) {
  Move move{Move::Kind::kTake, term_of(config, wall)};
  move.record.transitions = from.transitions + 1;
  return move;
}

Move renew(const LeaseRecord& held, const ElectionConfig& config, WallTime wall) {
  Move move{Move::Kind::kRenew, held};
  move.record.duration = config.lease_duration;
  move.record.renewed = wall;
  return move;
}

}  // namespace

Status check(const ElectionConfig& config) {
  if (config.identity.empty()) return Status(Code::kInvalid, "election: the identity is empty");
  if (config.name.empty()) return Status(Code::kInvalid, "election: the lease has no name");
  if (config.lease_duration <= config.renew_deadline)
    return Status(Code::kInvalid, "election: lease duration must be longer than renew deadline");
  if (config.retry_period <= Duration(0) || config.renew_deadline <= config.retry_period * 12 / 10)
    return Status(Code::kInvalid,
                  "election: renew deadline must be longer than 1.2 x retry period");
  if (config.lease_duration < std::chrono::seconds(1))
    return Status(Code::kInvalid, "election: lease duration must be at least a second");
  return Status::ok();
}

void LeaseSeen::observe(std::optional<LeaseRecord> now_record, std::string now_version,
                        TimePoint now) {
  // The version alone would do, but for a Lease that was made anew on a restored server.
  const bool changed = now_version != version || now_record != record;
  if (!changed) return;
  record = std::move(now_record);
  version = std::move(now_version);
  since = now;
}

Move decide(const LeaseSeen& seen, const ElectionConfig& config, bool leading, TimePoint now,
            WallTime wall) {
  if (!seen.record) {
    if (leading) return {Move::Kind::kLost, {}};
    return {Move::Kind::kCreate, term_of(config, wall)};
  }
  const LeaseRecord& record = *seen.record;
  const bool ours = record.holder == config.identity;
  if (leading) return ours ? renew(record, config, wall) : Move{Move::Kind::kLost, {}};
  if (ours || record.holder.empty()) return take(record, config, wall);
  if (now - seen.since < record.duration) return {Move::Kind::kWait, {}};
  return take(record, config, wall);
}

LeaseRecord released(const LeaseRecord& held, WallTime wall) {
  LeaseRecord record = held;
  record.holder.clear();
  record.duration = std::chrono::seconds(1);
  record.acquired = wall;
  record.renewed = wall;
  return record;
}

}  // namespace k8s
