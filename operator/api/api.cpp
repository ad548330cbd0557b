#include "operator/api/api.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/rfc3339.hpp"
#include "operator/api/status_fields.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 8> kPhaseNames = {
    "", "Pending", "Starting", "Running", "Stopping", "Stopped", "Completed", "Failed"};

Json encode(const Condition& c) {
  Json out = {{"type", c.type}, {"status", c.status}};
  if (!c.reason.empty()) out["reason"] = c.reason;
  if (!c.message.empty()) out["message"] = c.message;
  if (c.last_transition.ns != 0) out["lastTransitionTime"] = k8s::format_time(c.last_transition);
  if (c.observed_generation != 0) out["observedGeneration"] = c.observed_generation;
  return out;
}

}  // namespace

std::string_view name(Phase phase) { return kPhaseNames[static_cast<std::size_t>(phase)]; }

Phase phase_of(std::string_view text) {
  const auto* at = std::find(kPhaseNames.begin(), kPhaseNames.end(), text);
  return at == kPhaseNames.end() ? Phase::kNone : static_cast<Phase>(at - kPhaseNames.begin());
}

const Condition* find_condition(const Conditions& conditions, std::string_view type) {
  for (const Condition& c : conditions)
    if (c.type == type) return &c;
  return nullptr;
}

void set_condition(Conditions& conditions, Condition condition, k8s::WallTime now) {
  condition.last_transition = whole_seconds(now);
  for (Condition& c : conditions) {
    if (c.type != condition.type) continue;
    if (c.status == condition.status) condition.last_transition = c.last_transition;
    // A generation that merely moved on is not worth a write of its own.
    if (c.status == condition.status && c.reason == condition.reason &&
        c.message == condition.message)
      return;
    c = std::move(condition);
    return;
  }
  conditions.push_back(std::move(condition));
}

Json encode_conditions(const Conditions& conditions) {
  Json out = Json::array();
  for (const Condition& c : conditions) out.push_back(encode(c));
  return out;
}

Conditions decode_conditions(const Json& array) {
  Conditions out;
  if (!array.is_array()) return out;
  for (const Json& item : array) {
    Condition c;
    c.type = k8s::string_at(item, "type");
    if (c.type.empty()) continue;
    c.status = k8s::string_at(item, "status");
    c.reason = k8s::string_at(item, "reason");
    c.message = k8s::string_at(item, "message");
    c.last_transition = time_at(item, "lastTransitionTime").value_or(k8s::WallTime{});
    c.observed_generation = k8s::int_at(item, "observedGeneration");
    out.push_back(std::move(c));
  }
  return out;
}

k8s::WallTime whole_seconds(k8s::WallTime time) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  return {time.ns - time.ns % kSecond};
}

Json merge_diff(const Json& from, const Json& to) {
  Json patch = Json::object();
  for (const auto& [key, value] : from.items())
    if (!to.contains(key)) patch[key] = nullptr;
  for (const auto& [key, value] : to.items()) {
    if (!from.contains(key)) {
      patch[key] = value;
    } else if (from[key] != value) {
      const bool both = from[key].is_object() && value.is_object();
      patch[key] = both ? merge_diff(from[key], value) : value;
    }
  }
  return patch;
}

}  // namespace fermi
