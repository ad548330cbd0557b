// The status of a TrainingJob as JSON, both ways. What is 0, "" or absent is not written.
#include <nlohmann/json.hpp>
#include <utility>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/rfc3339.hpp"
#include "operator/api/duration.hpp"
#include "operator/api/status_fields.hpp"
#include "operator/api/training_job.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;

Json encode(const JobPlacement& placement) {
  Json zones = Json::array();
  for (const auto& [zone, nodes] : placement.zones)
    zones.push_back({{"zone", zone}, {"nodes", nodes}});
  Json out = {{"attempt", placement.attempt},
              {"epoch", placement.epoch},
              {"decidedAt", k8s::format_time(placement.decided_at)},
              {"zones", std::move(zones)},
              {"nodes", placement.nodes}};
  if (!placement.devices.empty()) out["devices"] = placement.devices;
  put_field(out, "port", placement.port);
  put_field(out, "tenant", placement.tenant);
  for (const PoolRate& rate : placement.rates)
    out["pools"].push_back({{"pool", rate.pool}, {"costPerHour", format_micros(rate.micros)}});
  return out;
}

JobPlacement decode_placement(const Json& from) {
  JobPlacement out;
  out.attempt = k8s::int_at(from, "attempt");
  out.epoch = k8s::int_at(from, "epoch");
  out.port = k8s::int_at(from, "port");
  out.decided_at = time_or_none(from, "decidedAt");
  out.nodes = texts_at(from, "nodes");
  for (const Json& device : k8s::array_at(from, "devices"))
    out.devices.push_back(device.is_number_integer() ? device.get<std::int64_t>() : -1);
  for (const Json& zone : k8s::array_at(from, "zones"))
    out.zones.emplace_back(k8s::string_at(zone, "zone"), k8s::int_at(zone, "nodes"));
  out.tenant = k8s::string_at(from, "tenant");
  for (const Json& pool : k8s::array_at(from, "pools"))
    out.rates.push_back({k8s::string_at(pool, "pool"), micros_at(pool, "costPerHour")});
  return out;
}

Json encode(const TimelineEntry& entry) {
  Json out = {{"time", k8s::format_time(entry.time)}, {"to", entry.to}};
  put_field(out, "from", entry.from);
  put_field(out, "why", entry.why);
  return out;
}

void encode_times(const TrainingJobStatus& s, Json& out) {
  put_field(out, "observedAt", s.observed_at);
  put_field(out, "retryAt", s.retry_at);
  put_field(out, "submitTime", s.submit_time);
  put_field(out, "startTime", s.start_time);
  put_field(out, "runningSince", s.running_since);
  put_field(out, "completionTime", s.completion_time);
  put_field(out, "costAccountedAt", s.cost_accounted_at);
  put_field(out, "succeededAt", s.succeeded_at);
}

void decode_times(const Json& from, TrainingJobStatus& out) {
  out.observed_at = time_at(from, "observedAt");
  out.retry_at = time_at(from, "retryAt");
  out.submit_time = time_at(from, "submitTime");
  out.start_time = time_at(from, "startTime");
  out.running_since = time_at(from, "runningSince");
  out.completion_time = time_at(from, "completionTime");
  out.cost_accounted_at = time_at(from, "costAccountedAt");
  out.succeeded_at = time_at(from, "succeededAt");
}

void decode_lists(const Json& from, TrainingJobStatus& out) {
  out.conditions = decode_conditions(k8s::array_at(from, "conditions"));
  for (const Json& entry : k8s::array_at(from, "timeline"))
    out.timeline.push_back({time_or_none(entry, "time"), k8s::string_at(entry, "from"),
                            k8s::string_at(entry, "to"), k8s::string_at(entry, "why")});
  if (k8s::has(from, "placement"))
    out.placement = decode_placement(k8s::object_at(from, "placement"));
  out.after_met = texts_at(from, "afterMet");
  for (const Json& rank : k8s::array_at(from, "succeededRanks"))
    if (rank.is_number_integer() && rank >= 0) out.succeeded.push_back(rank.get<std::int64_t>());
  for (const Json& part : k8s::array_at(from, "costs"))
    out.costs.push_back({k8s::string_at(part, "day"), k8s::string_at(part, "queue"),
                         k8s::string_at(part, "tenant"), k8s::string_at(part, "pool"),
                         micros_at(part, "cost")});
  out.resizes = k8s::int_at(from, "resizes");
  const Json& resized = k8s::object_at(from, "resized");
  if (!resized.empty())
    out.resized = JobResized{time_or_none(resized, "at"),
                             k8s::int_at(resized, "from"), k8s::int_at(resized, "to"),
                             k8s::string_at(resized, "by"), k8s::string_at(resized, "byTaskId")};
  const Json& preempted = k8s::object_at(from, "preempted");
  if (!preempted.empty())
    out.preempted =
        JobPreempted{k8s::string_at(preempted, "by"), k8s::string_at(preempted, "byTaskId"),
                     time_or_none(preempted, "at"), k8s::string_at(preempted, "reason")};
  const Json& guarantee = k8s::object_at(from, "guarantee");
  out.estimated_start = time_at(k8s::object_at(from, "estimatedStart"), "p50");
  out.guarantee_until = time_at(guarantee, "until");
  if (k8s::has(guarantee, "leftSeconds"))
    out.guarantee_left_ns = std::clamp<std::int64_t>(k8s::int_at(guarantee, "leftSeconds"), 0,
                                                     kTenYearsNs / kNsPerSecond) *
                            kNsPerSecond;
  const Json& stopping = k8s::object_at(from, "stopping");
  if (!stopping.empty())
    out.stopping =
        JobStopping{phase_of(k8s::string_at(stopping, "to")), k8s::string_at(stopping, "reason"),
                    k8s::string_at(stopping, "message")};
}

void encode_lists(const TrainingJobStatus& s, Json& out) {
  if (!s.conditions.empty()) out["conditions"] = encode_conditions(s.conditions);
  for (const TimelineEntry& entry : s.timeline) out["timeline"].push_back(encode(entry));
  if (s.placement) out["placement"] = encode(*s.placement);
  if (s.placement) out["nodes"] = s.placement->nodes.size();
  put_field(out, "resizes", s.resizes);
  if (s.resized) {
    out["resized"] = {{"from", s.resized->from}, {"to", s.resized->to}};
    put_field(out["resized"], "at", std::optional(s.resized->at));
    put_field(out["resized"], "by", s.resized->by);
    put_field(out["resized"], "byTaskId", s.resized->by_task_id);
  }
  put_field(out, "afterMet", s.after_met);
  if (!s.succeeded.empty()) out["succeededRanks"] = s.succeeded;
  if (s.preempted) {
    out["preempted"] = {{"by", s.preempted->by}, {"byTaskId", s.preempted->by_task_id}};
    put_field(out["preempted"], "at", std::optional(s.preempted->at));
    put_field(out["preempted"], "reason", s.preempted->reason);
  }
  for (const CostPart& part : s.costs)
    out["costs"].push_back({{"day", part.day},
                            {"queue", part.queue},
                            {"tenant", part.tenant},
                            {"pool", part.pool},
                            {"cost", format_micros(part.micros)}});
  if (s.estimated_start) put_field(out["estimatedStart"], "p50", s.estimated_start);
  if (s.guarantee_until) put_field(out["guarantee"], "until", s.guarantee_until);
  if (s.guarantee_left_ns) out["guarantee"]["leftSeconds"] = *s.guarantee_left_ns / kNsPerSecond;
  if (!s.stopping) return;
  out["stopping"]["to"] = name(s.stopping->to);
  put_field(out["stopping"], "reason", s.stopping->reason);
  put_field(out["stopping"], "message", s.stopping->message);
}

}  // namespace

Json encode_status(const TrainingJobStatus& s) {
  Json out = Json::object();
  put_field(out, "observedGeneration", s.observed_generation);
  put_field(out, "phase", std::string(name(s.phase)));
  put_field(out, "taskId", s.task_id);
  put_field(out, "queue", s.queue);
  put_field(out, "priority", s.priority);
  put_field(out, "queuePosition", s.queue_position);
  if (s.queue_position != 0) out["tasksAhead"] = s.tasks_ahead;
  put_field(out, "reason", s.reason);
  put_field(out, "message", s.message);
  out["attempt"] = s.attempt;
  out["restarts"] = s.restarts;
  put_field(out, "disruptions", s.disruptions);
  put_field(out, "disruptionsInRow", s.disruptions_in_row);
  put_field(out, "startFailures", s.start_failures);
  put_field(out, "preemptions", s.preemptions);
  if (s.exit_code) out["exitCode"] = *s.exit_code;
  if (!s.currency.empty()) out["costPerHour"] = format_micros(s.cost_per_hour_micros);
  if (!s.currency.empty()) out["costAccumulated"] = format_micros(s.cost_micros);
  put_field(out, "currency", s.currency);
  put_field(out, "ranSeconds", s.ran_seconds);
  put_field(out, "suspendedSeconds", s.held_seconds);
  put_field(out, "lostGpuSeconds", s.lost_gpu_seconds);
  if (!s.charged_queue.empty())
    out["chargedTo"] = {{"queue", s.charged_queue}, {"tenant", s.charged_tenant}};
  encode_times(s, out);
  encode_lists(s, out);
  return out;
}

TrainingJobStatus decode_training_job_status(const Json& from) {
  TrainingJobStatus s;
  s.observed_generation = k8s::int_at(from, "observedGeneration");
  s.phase = phase_of(k8s::string_at(from, "phase"));
  s.task_id = k8s::string_at(from, "taskId");
  s.queue = k8s::string_at(from, "queue");
  s.priority = k8s::string_at(from, "priority");
  s.queue_position = k8s::int_at(from, "queuePosition");
  s.tasks_ahead = k8s::int_at(from, "tasksAhead");
  s.reason = k8s::string_at(from, "reason");
  s.message = k8s::string_at(from, "message");
  s.attempt = k8s::int_at(from, "attempt");
  s.restarts = k8s::int_at(from, "restarts");
  s.disruptions = k8s::int_at(from, "disruptions");
  s.disruptions_in_row = k8s::int_at(from, "disruptionsInRow");
  s.start_failures = k8s::int_at(from, "startFailures");
  s.preemptions = k8s::int_at(from, "preemptions");
  s.exit_code = maybe_int_at(from, "exitCode");
  s.cost_per_hour_micros = micros_at(from, "costPerHour");
  s.cost_micros = micros_at(from, "costAccumulated");
  s.currency = k8s::string_at(from, "currency");
  s.ran_seconds = k8s::int_at(from, "ranSeconds");
  s.held_seconds = k8s::int_at(from, "suspendedSeconds");
  s.lost_gpu_seconds = k8s::int_at(from, "lostGpuSeconds");
  s.charged_queue = k8s::string_at(k8s::object_at(from, "chargedTo"), "queue");
  s.charged_tenant = k8s::string_at(k8s::object_at(from, "chargedTo"), "tenant");
  decode_times(from, s);
  decode_lists(from, s);
  return s;
}

}  // namespace fermi
