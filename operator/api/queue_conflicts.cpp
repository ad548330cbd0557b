#include "operator/api/queue_conflicts.hpp"

#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/rfc3339.hpp"
#include "operator/api/api.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;

void put(Json& out, const char* key, const std::string& text) {
  if (!text.empty()) out[key] = text;
}

void put(Json& out, const char* key, k8s::WallTime time) {
  if (time.ns != 0) out[key] = k8s::format_time(time);
}

k8s::WallTime time_in(const Json& from, const char* key) {
  return time_at(from, key).value_or(k8s::WallTime{});
}

Json encode(const ConflictParty& party) {
  Json out = {{"name", party.name}};
  put(out, "kind", party.kind);
  put(out, "namespace", party.ns);
  put(out, "taskId", party.task_id);
  return out;
}

ConflictParty decode_party(const Json& from) {
  return {k8s::string_at(from, "kind"), k8s::string_at(from, "namespace"),
          k8s::string_at(from, "name"), k8s::string_at(from, "taskId")};
}

}  // namespace

Json encode(const QueueConflict& c) {
  Json out = {{"id", c.id},
              {"type", c.type},
              {"severity", c.severity},
              {"waiting", encode(c.waiting)},
              {"otherCount", c.other_count}};
  for (const ConflictParty& party : c.others) out["others"].push_back(encode(party));
  put(out, "since", c.since);
  put(out, "needs", c.needs);
  put(out, "resource", c.resource);
  put(out, "zone", c.zone);
  put(out, "pool", c.pool);
  put(out, "resolution", c.resolution);
  put(out, "resolutionAt", c.resolution_at);
  return out;
}

QueueConflict decode_conflict(const Json& from) {
  QueueConflict out;
  out.id = k8s::string_at(from, "id");
  out.type = k8s::string_at(from, "type");
  out.severity = k8s::string_at(from, "severity");
  out.since = time_in(from, "since");
  out.waiting = decode_party(k8s::object_at(from, "waiting"));
  for (const Json& party : k8s::array_at(from, "others")) out.others.push_back(decode_party(party));
  out.other_count = k8s::int_at(from, "otherCount");
  out.needs = k8s::string_at(from, "needs");
  out.resource = k8s::string_at(from, "resource");
  out.zone = k8s::string_at(from, "zone");
  out.pool = k8s::string_at(from, "pool");
  out.resolution = k8s::string_at(from, "resolution");
  out.resolution_at = time_in(from, "resolutionAt");
  return out;
}

Json encode(const ConflictCounts& counts) {
  return {{"total", counts.total},
          {"low", counts.low},
          {"medium", counts.medium},
          {"high", counts.high},
          {"critical", counts.critical}};
}

ConflictCounts decode_conflict_counts(const Json& from) {
  return {k8s::int_at(from, "total"), k8s::int_at(from, "low"), k8s::int_at(from, "medium"),
          k8s::int_at(from, "high"), k8s::int_at(from, "critical")};
}

Json encode(const QueueResolution& r) {
  Json out = {{"outcome", r.outcome}, {"message", r.message}};
  put(out, "conflict", r.conflict);
  put(out, "strategy", r.strategy);
  put(out, "at", r.at);
  put(out, "request", r.request);
  if (r.held_for.empty()) return out;
  out["held"] = {{"taskId", r.held_for}, {"nodes", r.nodes}};
  if (!r.devices.empty()) out["held"]["devices"] = r.devices;
  put(out["held"], "until", r.until);
  return out;
}

QueueResolution decode_resolution(const Json& from) {
  QueueResolution out;
  out.conflict = k8s::string_at(from, "conflict");
  out.strategy = k8s::string_at(from, "strategy");
  out.outcome = k8s::string_at(from, "outcome");
  out.message = k8s::string_at(from, "message");
  out.at = time_in(from, "at");
  out.request = k8s::string_at(from, "request");
  const Json& held = k8s::object_at(from, "held");
  out.held_for = k8s::string_at(held, "taskId");
  for (const Json& node : k8s::array_at(held, "nodes"))
    if (node.is_string()) out.nodes.push_back(node.get<std::string>());
  for (const Json& device : k8s::array_at(held, "devices"))
    if (device.is_number_integer()) out.devices.push_back(device.get<std::int64_t>());
  out.until = time_in(held, "until");
  return out;
}

}  // namespace fermi
