#include "operator/api/queue_conflicts.hpp"

#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"
#include "operator/api/status_fields.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;

Json encode(const ConflictParty& party) {
  Json out = {{"name", party.name}};
  put_field(out, "kind", party.kind);
  put_field(out, "namespace", party.ns);
  put_field(out, "taskId", party.task_id);
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
  put_field(out, "since", c.since);
  put_field(out, "needs", c.needs);
  put_field(out, "resource", c.resource);
  put_field(out, "zone", c.zone);
  put_field(out, "pool", c.pool);
  put_field(out, "resolution", c.resolution);
  put_field(out, "resolutionAt", c.resolution_at);
  return out;
}

QueueConflict decode_conflict(const Json& from) {
  QueueConflict out;
  out.id = k8s::string_at(from, "id");
  out.type = k8s::string_at(from, "type");
  out.severity = k8s::string_at(from, "severity");
  out.since = time_or_none(from, "since");
  out.waiting = decode_party(k8s::object_at(from, "waiting"));
  for (const Json& party : k8s::array_at(from, "others")) out.others.push_back(decode_party(party));
  out.other_count = k8s::int_at(from, "otherCount");
  out.needs = k8s::string_at(from, "needs");
  out.resource = k8s::string_at(from, "resource");
  out.zone = k8s::string_at(from, "zone");
  out.pool = k8s::string_at(from, "pool");
  out.resolution = k8s::string_at(from, "resolution");
  out.resolution_at = time_or_none(from, "resolutionAt");
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
  put_field(out, "conflict", r.conflict);
  put_field(out, "strategy", r.strategy);
  put_field(out, "at", r.at);
  put_field(out, "request", r.request);
  if (r.turns != 0) out["turns"] = {{"taken", r.turns}};
  if (r.turns != 0) put_field(out["turns"], "lastAt", r.turned_at);
  for (const ConflictParty& party : r.between) out["turns"]["between"].push_back(encode(party));
  if (r.held_for.empty()) return out;
  out["held"] = {{"taskId", r.held_for}, {"nodes", r.nodes}};
  if (!r.devices.empty()) out["held"]["devices"] = r.devices;
  put_field(out["held"], "until", r.until);
  return out;
}

QueueResolution decode_resolution(const Json& from) {
  QueueResolution out;
  out.conflict = k8s::string_at(from, "conflict");
  out.strategy = k8s::string_at(from, "strategy");
  out.outcome = k8s::string_at(from, "outcome");
  out.message = k8s::string_at(from, "message");
  out.at = time_or_none(from, "at");
  out.request = k8s::string_at(from, "request");
  const Json& turns = k8s::object_at(from, "turns");
  out.turns = k8s::int_at(turns, "taken");
  out.turned_at = time_or_none(turns, "lastAt");
  for (const Json& party : k8s::array_at(turns, "between"))
    out.between.push_back(decode_party(party));
  const Json& held = k8s::object_at(from, "held");
  out.held_for = k8s::string_at(held, "taskId");
  out.nodes = texts_at(held, "nodes");
  for (const Json& device : k8s::array_at(held, "devices"))
    if (device.is_number_integer()) out.devices.push_back(device.get<std::int64_t>());
  out.until = time_or_none(held, "until");
  return out;
}

}  // namespace fermi
