// The status of a TaskQueue as JSON, both ways. What is empty is not written.
#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/rfc3339.hpp"
#include "operator/api/duration.hpp"
#include "operator/api/status_fields.hpp"
#include "operator/api/task_queue.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;

Json encode(const TenantShare& tenant) {
  Json out = {{"tenant", tenant.tenant}, {"running", tenant.running}, {"share", tenant.share}};
  put_field(out, "used", tenant.used);
  return out;
}

Json encode(const FlavorUse& flavor) {
  Json out = Json::object();
  if (!flavor.zone.empty()) out["zone"] = flavor.zone;
  if (!flavor.pool.empty()) out["pool"] = flavor.pool;
  if (!flavor.gpu_model.empty()) out["gpuModel"] = flavor.gpu_model;
  if (!flavor.used.empty()) out["used"] = flavor.used;
  if (!flavor.borrowed.empty()) out["borrowed"] = flavor.borrowed;
  return out;
}

Json encode(const TenantPast& tenant) {
  Json out = {{"tenant", tenant.tenant}, {"starts", tenant.starts}};
  if (tenant.starts > 0) out["lastStart"] = k8s::format_micro_time(tenant.last_start);
  for (const PastUse& use : tenant.uses) {
    Json entry = {
        {"resource", use.resource}, {"period", use.period}, {"amountMilliseconds", use.sum}};
    if (!use.gpu_model.empty()) entry["gpuModel"] = use.gpu_model;
    out["used"].push_back(std::move(entry));
  }
  return out;
}

TenantPast decode_past(const Json& from) {
  TenantPast out{k8s::string_at(from, "tenant"),
                 time_or_none(from, "lastStart"),
                 k8s::int_at(from, "starts"),
                 {}};
  for (const Json& use : k8s::array_at(from, "used"))
    out.uses.push_back({k8s::string_at(use, "resource"), k8s::string_at(use, "gpuModel"),
                        k8s::int_at(use, "period"), k8s::string_at(use, "amountMilliseconds")});
  return out;
}

QueuePast decode_queue_past(const Json& from) {
  QueuePast out;
  if (const auto half_life = parse_duration_ns(k8s::string_at(from, "halfLife")))
    out.half_life_ns = *half_life;
  for (const Json& tenant : k8s::array_at(from, "tenants"))
    out.tenants.push_back(decode_past(tenant));
  return out;
}

std::vector<CostLine> decode_lines(const Json& from, const char* key, const char* name) {
  std::vector<CostLine> out;
  for (const Json& line : k8s::array_at(from, key))
    out.push_back(
        {k8s::string_at(line, name), micros_at(line, "perHour"), micros_at(line, "today")});
  return out;
}

Json encode(const std::vector<CostLine>& lines, const char* name) {
  Json out = Json::array();
  for (const CostLine& line : lines)
    out.push_back({{name, line.name},
                   {"perHour", format_micros(line.per_hour)},
                   {"today", format_micros(line.today)}});
  return out;
}

QueueCost decode_cost(const Json& from) {
  return {k8s::string_at(from, "currency"),
          k8s::string_at(from, "day"),
          micros_at(from, "perHour"),
          micros_at(from, "today"),
          decode_lines(from, "tenants", "tenant"),
          decode_lines(from, "pools", "pool"),
          time_at(from, "observedAt")};
}

Json encode(const QueueCost& cost) {
  Json out = {{"currency", cost.currency},
              {"day", cost.day},
              {"perHour", format_micros(cost.per_hour)},
              {"today", format_micros(cost.today)}};
  put_field(out, "observedAt", cost.observed_at);
  if (!cost.tenants.empty()) out["tenants"] = encode(cost.tenants, "tenant");
  if (!cost.pools.empty()) out["pools"] = encode(cost.pools, "pool");
  return out;
}

std::string thousandths(std::int64_t permille) {
  const std::string digits = std::to_string(1000 + permille % 1000).substr(1);
  return std::to_string(permille / 1000) + "." + digits;
}

std::optional<std::int64_t> permille_at(const Json& from, const char* key) {
  const auto micros = parse_micros(k8s::string_at(from, key));
  return micros ? std::optional(*micros / 1000) : std::nullopt;
}

StrategyFigures decode_figures(const Json& from) {
  StrategyFigures out;
  out.strategy = k8s::string_at(from, "strategy");
  out.tried = k8s::int_at(from, "tried");
  out.placed = k8s::int_at(from, "placed");
  out.completed = k8s::int_at(from, "completed");
  out.failed = k8s::int_at(from, "failed");
  out.preemptions = k8s::int_at(from, "preemptions");
  out.lost_gpu_seconds = k8s::int_at(from, "lostGpuSeconds");
  out.success_permille = permille_at(from, "successRate");
  out.utilisation_permille = permille_at(from, "utilisation");
  out.fairness_permille = permille_at(from, "fairness");
  out.mean_wait_s = maybe_int_at(from, "meanWaitSeconds");
  out.p50_wait_s = maybe_int_at(from, "p50WaitSeconds");
  out.p95_wait_s = maybe_int_at(from, "p95WaitSeconds");
  return out;
}

Json encode(const StrategyFigures& f) {
  Json out = {{"strategy", f.strategy},
              {"tried", f.tried},
              {"placed", f.placed},
              {"completed", f.completed},
              {"failed", f.failed},
              {"preemptions", f.preemptions},
              {"lostGpuSeconds", f.lost_gpu_seconds}};
  if (f.success_permille) out["successRate"] = thousandths(*f.success_permille);
  if (f.utilisation_permille) out["utilisation"] = thousandths(*f.utilisation_permille);
  if (f.fairness_permille) out["fairness"] = thousandths(*f.fairness_permille);
  if (f.mean_wait_s) out["meanWaitSeconds"] = *f.mean_wait_s;
  if (f.p50_wait_s) out["p50WaitSeconds"] = *f.p50_wait_s;
  if (f.p95_wait_s) out["p95WaitSeconds"] = *f.p95_wait_s;
  return out;
}

void decode_lists(const Json& from, TaskQueueStatus& out) {
  for (const Json& figures : k8s::array_at(from, "strategies"))
    out.strategies.push_back(decode_figures(figures));
  if (k8s::has(from, "cost")) out.cost = decode_cost(k8s::object_at(from, "cost"));
  for (const Json& entry : k8s::array_at(from, "head"))
    out.head.push_back({k8s::int_at(entry, "position"), k8s::string_at(entry, "kind"),
                        k8s::string_at(entry, "namespace"), k8s::string_at(entry, "name"),
                        k8s::string_at(entry, "taskId")});
  for (const Json& entry : k8s::array_at(from, "flavors"))
    out.flavors.push_back({k8s::string_at(entry, "zone"), k8s::string_at(entry, "pool"),
                           k8s::string_at(entry, "gpuModel"), text_map_at(entry, "used"),
                           text_map_at(entry, "borrowed")});
  for (const Json& entry : k8s::array_at(from, "tenants"))
    out.tenants.push_back({k8s::string_at(entry, "tenant"), k8s::int_at(entry, "running"),
                           text_map_at(entry, "used"), k8s::string_at(entry, "share")});
  out.past = decode_queue_past(k8s::object_at(from, "past"));
  out.conflict_counts = decode_conflict_counts(k8s::object_at(from, "conflictCounts"));
  for (const Json& entry : k8s::array_at(from, "conflicts"))
    out.conflicts.push_back(decode_conflict(entry));
  for (const Json& entry : k8s::array_at(from, "resolutions"))
    out.resolutions.push_back(decode_resolution(entry));
  out.conditions = decode_conditions(k8s::array_at(from, "conditions"));
}

void encode_lists(const TaskQueueStatus& status, Json& out) {
  if (status.cost) out["cost"] = encode(*status.cost);
  for (const StrategyFigures& figures : status.strategies)
    out["strategies"].push_back(encode(figures));
  for (const QueueHeadEntry& e : status.head)
    out["head"].push_back({{"position", e.position},
                           {"kind", e.kind},
                           {"namespace", e.ns},
                           {"name", e.name},
                           {"taskId", e.task_id}});
  for (const FlavorUse& flavor : status.flavors) out["flavors"].push_back(encode(flavor));
  for (const TenantShare& tenant : status.tenants) out["tenants"].push_back(encode(tenant));
  for (const TenantPast& tenant : status.past.tenants)
    out["past"]["tenants"].push_back(encode(tenant));
  if (status.past.half_life_ns > 0)
    out["past"]["halfLife"] = exact_duration(status.past.half_life_ns);
  if (status.conflict_counts.total > 0) out["conflictCounts"] = encode(status.conflict_counts);
  for (const QueueConflict& conflict : status.conflicts)
    out["conflicts"].push_back(encode(conflict));
  for (const QueueResolution& resolution : status.resolutions)
    out["resolutions"].push_back(encode(resolution));
  if (!status.conditions.empty()) out["conditions"] = encode_conditions(status.conditions);
}

}  // namespace

TaskQueueStatus decode_task_queue_status(const Json& status) {
  TaskQueueStatus out;
  out.observed_generation = k8s::int_at(status, "observedGeneration");
  out.pending = k8s::int_at(status, "pending");
  out.running = k8s::int_at(status, "running");
  out.gpus = k8s::string_at(status, "gpus");
  out.used = text_map_at(status, "used");
  out.borrowed = text_map_at(status, "borrowed");
  out.tenant_count = k8s::int_at(status, "tenantCount");
  out.budget_violations = k8s::int_at(status, "budgetViolations");
  out.reservations_moved = k8s::int_at(status, "reservationsMoved");
  decode_lists(status, out);
  return out;
}

Json encode_status(const TaskQueueStatus& status) {
  Json out = {{"pending", status.pending}, {"running", status.running}};
  put_field(out, "observedGeneration", status.observed_generation);
  put_field(out, "gpus", status.gpus);
  put_field(out, "used", status.used);
  put_field(out, "borrowed", status.borrowed);
  put_field(out, "tenantCount", status.tenant_count);
  put_field(out, "budgetViolations", status.budget_violations);
  put_field(out, "reservationsMoved", status.reservations_moved);
  encode_lists(status, out);
  return out;
}

}  // namespace fermi
