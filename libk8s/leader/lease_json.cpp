#include "libk8s/leader/lease_json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/rfc3339.hpp"

namespace k8s {
namespace {

// Longer durations are not believed: nobody could ever take over.
constexpr std::int64_t kMaxDurationSeconds = 24 * 3600;

WallTime time_or_zero(const std::string& text) {
  const Result<WallTime> time = parse_time(text);
  return time ? *time : WallTime{};
}

std::int64_t whole_seconds(Duration duration) {
  return std::chrono::ceil<std::chrono::seconds>(duration).count();
}

}  // namespace

LeaseRecord lease_record(const nlohmann::json& lease) {
  const nlohmann::json& spec = object_at(lease, "spec");
  LeaseRecord record;
  record.holder = string_at(spec, "holderIdentity");
  const std::int64_t seconds = int_at(spec, "leaseDurationSeconds");
  record.duration = std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, kMaxDurationSeconds));
  record.acquired = time_or_zero(string_at(spec, "acquireTime"));
  record.renewed = time_or_zero(string_at(spec, "renewTime"));
  record.transitions = std::max<std::int64_t>(int_at(spec, "leaseTransitions"), 0);
  return record;
}

nlohmann::json lease_object(const nlohmann::json& base, const ElectionConfig& config,
                            const LeaseRecord& record) {
  nlohmann::json lease = base.is_object() ? base : nlohmann::json::object();
  lease["apiVersion"] = "coordination.k8s.io/v1";
  lease["kind"] = "Lease";
  lease["metadata"]["name"] = config.name;
  lease["metadata"]["namespace"] = config.ns;
  lease["metadata"].erase("managedFields");
  if (!object_at(lease, "spec").is_object() || !lease["spec"].is_object())
    lease["spec"] = nlohmann::json::object();
  nlohmann::json& spec = lease["spec"];
  spec["holderIdentity"] = record.holder;
  spec["leaseDurationSeconds"] = whole_seconds(record.duration);
  spec["acquireTime"] = format_micro_time(record.acquired);
  spec["renewTime"] = format_micro_time(record.renewed);
  spec["leaseTransitions"] = record.transitions;
  return lease;
}

}  // namespace k8s
