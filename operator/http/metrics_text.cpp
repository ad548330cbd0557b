#include "operator/http/metrics_text.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <optional>
#include <sstream>
#include <vector>

#include "operator/report/metrics.hpp"

namespace fermi {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<std::pair<std::string, std::string>>;

ClientMetric labelled(const Labels& labels) {
  ClientMetric metric;
  for (const auto& [name, value] : labels) metric.label.push_back({name, value});
  return metric;
}

class Families {
 public:
  // Starts a family; the values that follow belong to it.
  Families& family(const std::string& name, const std::string& help, MetricType type) {
    all_.push_back(MetricFamily{name, help, type, {}});
    return *this;
  }
  Families& counter(double value, const Labels& labels = {}) {
    auto metric = labelled(labels);
    metric.counter.value = value;
    all_.back().metric.push_back(metric);
    return *this;
  }
  Families& gauge(double value, const Labels& labels = {}) {
    auto metric = labelled(labels);
    metric.gauge.value = value;
    all_.back().metric.push_back(metric);
    return *this;
  }
  void histogram(const std::string& name, const std::string& help, const Histogram& from) {
    family(name, help, MetricType::Histogram);
    ClientMetric metric;
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < from.buckets.size(); ++i) {
      below += from.buckets[i];
      const double bound = i < from.bounds.size() ? static_cast<double>(from.bounds.at(i)) / 1e6
                                                  : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({below, bound});
    }
    metric.histogram.sample_count = from.count;
    metric.histogram.sample_sum = static_cast<double>(from.sum_us) / 1e6;
    all_.back().metric.push_back(metric);
  }
  const std::vector<MetricFamily>& all() const { return all_; }

 private:
  std::vector<MetricFamily> all_;
};

struct Plain {
  const char* name;
  const char* help;
  std::uint64_t Metrics::*field;
};

constexpr Plain kCounters[] = {
    {"fermi_plans_total", "Passes of the scheduling engine.", &Metrics::plans},
    {"fermi_decisions_total", "Tasks given a place.", &Metrics::decisions},
    {"fermi_forecasts_total", "Runs forward, to tell when who waits will start.",
     &Metrics::forecasts},
    {"fermi_forecast_plans_total", "Passes of the engine in these runs.", &Metrics::forecast_plans},
    {"fermi_forecast_microseconds_total", "Time spent on these runs.", &Metrics::forecast_us},
    {"fermi_plan_rejections_total", "Starts that the audit refused.", &Metrics::plan_rejections},
    {"fermi_pods_created_total", "Pods created.", &Metrics::pods_created},
    {"fermi_pods_deleted_total", "Pods deleted.", &Metrics::pods_deleted},
    {"fermi_binds_total", "Pods bound to nodes.", &Metrics::binds},
    {"fermi_conflicts_total", "Writes answered with 409.", &Metrics::conflicts},
    {"fermi_unknown_outcomes_total", "Writes whose answer was lost.", &Metrics::unknown_outcomes},
    {"fermi_status_writes_total", "Status writes.", &Metrics::status_writes},
    {"fermi_position_writes_total", "Status writes that only tell a position.",
     &Metrics::position_writes},
    {"fermi_tasks_started_total", "Gangs that ran as a whole.", &Metrics::tasks_started},
    {"fermi_tasks_completed_total", "Tasks completed.", &Metrics::tasks_completed},
    {"fermi_tasks_failed_total", "Tasks failed for good.", &Metrics::tasks_failed},
    {"fermi_gang_restarts_total", "Whole-gang restarts.", &Metrics::gang_restarts},
    {"fermi_preemptions_total", "Tasks for which others were asked to stop.",
     &Metrics::preemptions},
    {"fermi_preemptions_given_up_total",
     "Preemptions that were given up because disruption budgets objected.",
     &Metrics::preemptions_given_up},
    {"fermi_conflict_resolutions_total", "Conflicts that an administrator resolved.",
     &Metrics::resolutions},
    {"fermi_gangs_taken_back_total", "Gangs released because they could not be bound whole.",
     &Metrics::taken_back},
    {"fermi_pods_refused_total", "Pods that the API server would not have.", &Metrics::refused},
    {"fermi_ledger_writes_total", "Writes of a ConfigMap of the ledger.", &Metrics::ledger_writes},
    {"fermi_ledger_records_dropped_total", "Records of the ledger for which there was no room.",
     &Metrics::ledger_dropped},
    {"fermi_leaderships_total", "How often this process became leader.", &Metrics::leaderships},
};

double units(std::int64_t micros) { return static_cast<double>(micros) / 1e6; }

void add_costs(Families& families, const Metrics& m) {
  const auto of_queues = [&](const char* name, const char* help, std::int64_t QueueGauges::*field) {
    families.family(name, help, MetricType::Gauge);
    for (const auto& [queue, gauges] : m.queues)
      families.gauge(units(gauges.*field), {{"queue", queue}});
  };
  of_queues("fermi_queue_cost_per_hour", "What the tasks of a queue cost per hour.",
            &QueueGauges::cost_per_hour);
  of_queues("fermi_queue_cost_today", "What they have cost since midnight (UTC).",
            &QueueGauges::cost_today);
  families.family("fermi_tenant_cost_per_hour", "Of the 20 tenants of a queue that cost most.",
                  MetricType::Gauge);
  for (const auto& [queue, gauges] : m.queues)
    for (const auto& [tenant, costs] : gauges.tenant_costs)
      families.gauge(units(costs.first), {{"queue", queue}, {"tenant", tenant}});
  families.family("fermi_tenant_cost_today", "What these have cost since midnight (UTC).",
                  MetricType::Gauge);
  for (const auto& [queue, gauges] : m.queues)
    for (const auto& [tenant, costs] : gauges.tenant_costs)
      families.gauge(units(costs.second), {{"queue", queue}, {"tenant", tenant}});
}

struct OfStrategy {
  const char* name;
  const char* help;
  std::int64_t StrategyFigures::*count;
  std::optional<std::int64_t> StrategyFigures::*figure;
  double scale;
};

constexpr OfStrategy kOfStrategy[] = {
    {"fermi_strategy_tasks_tried", "Tasks over, waiting or running.", &StrategyFigures::tried,
     nullptr, 1},
    {"fermi_strategy_tasks_placed", "Of these, with room.", &StrategyFigures::placed, nullptr, 1},
    {"fermi_strategy_tasks_completed", "Completed.", &StrategyFigures::completed, nullptr, 1},
    {"fermi_strategy_tasks_failed", "Failed for good.", &StrategyFigures::failed, nullptr, 1},
    {"fermi_strategy_preemptions", "Preempted.", &StrategyFigures::preemptions, nullptr, 1},
    {"fermi_strategy_lost_gpu_seconds", "Work that preemptions ended.",
     &StrategyFigures::lost_gpu_seconds, nullptr, 1},
    {"fermi_strategy_success_rate", "Completed of those completed or failed.", nullptr,
     &StrategyFigures::success_permille, 1000},
    {"fermi_strategy_utilisation", "GPU time run of that which there was.", nullptr,
     &StrategyFigures::utilisation_permille, 1000},
    {"fermi_strategy_fairness", "Jain's index over tenants.", nullptr,
     &StrategyFigures::fairness_permille, 1000},
    {"fermi_strategy_wait_seconds_mean", "Mean wait.", nullptr, &StrategyFigures::mean_wait_s, 1},
    {"fermi_strategy_wait_seconds_p50", "Half waited no longer.", nullptr,
     &StrategyFigures::p50_wait_s, 1},
    {"fermi_strategy_wait_seconds_p95", "95 of 100 waited no longer.", nullptr,
     &StrategyFigures::p95_wait_s, 1},
};

void add_strategies(Families& families, const Metrics& m) {
  for (const OfStrategy& what : kOfStrategy) {
    families.family(what.name, what.help, MetricType::Gauge);
    for (const auto& [queue, gauges] : m.queues) {
      for (const StrategyFigures& figures : gauges.strategies) {
        const auto value =
            what.count != nullptr ? std::optional(figures.*what.count) : figures.*what.figure;
        if (!value) continue;
        families.gauge(static_cast<double>(*value) / what.scale,
                       {{"queue", queue}, {"strategy", figures.strategy}});
      }
    }
  }
}

void add_gauges(Families& families, const Metrics& m) {
  families.family("fermi_queue_tasks", "Tasks of a queue by state.", MetricType::Gauge);
  for (const auto& [queue, gauges] : m.queues) {
    families.gauge(static_cast<double>(gauges.pending), {{"queue", queue}, {"state", "pending"}});
    families.gauge(static_cast<double>(gauges.running), {{"queue", queue}, {"state", "running"}});
  }
  add_costs(families, m);
  add_strategies(families, m);
  families.family("fermi_open_conflicts", "Conflicts between tasks that are open.",
                  MetricType::Gauge);
  for (const auto& [key, count] : m.open_conflicts) {
    families.gauge(static_cast<double>(count), {{"type", key.first}, {"severity", key.second}});
  }
  const std::pair<const char*, double> plain[] = {
      {"fermi_tasks", static_cast<double>(m.tasks)},
      {"fermi_nodes", static_cast<double>(m.nodes)},
      {"fermi_pods", static_cast<double>(m.pods)},
      {"fermi_work_pending", static_cast<double>(m.work_pending)},
      {"fermi_requests_in_flight", static_cast<double>(m.requests_in_flight)},
      {"fermi_leading", m.leading ? 1.0 : 0.0},
      {"fermi_ready", m.ready ? 1.0 : 0.0},
  };
  for (const auto& [name, value] : plain) {
    families.family(name, "As of now.", MetricType::Gauge).gauge(value);
  }
}

}  // namespace

std::string metrics_text(const Metrics& m) {
  Families families;
  for (const auto& [name, help, field] : kCounters) {
    families.family(name, help, MetricType::Counter).counter(static_cast<double>(m.*field));
  }
  families.family("fermi_api_requests_total", "Requests to the API server by verb and status.",
                  MetricType::Counter);
  for (const auto& [key, count] : m.api_requests) {
    families.counter(static_cast<double>(count),
                     {{"verb", key.first}, {"code", std::to_string(key.second)}});
  }
  families.family("fermi_budget_violations_total",
                  "Pods deleted although a disruption budget had refused, by queue (pdbPolicy).",
                  MetricType::Counter);
  for (const auto& [queue, count] : m.budget_violations) {
    families.counter(static_cast<double>(count), {{"queue", queue}});
  }
  families.family("fermi_reservations_moved_total",
                  "Reservations that moved because a task outlived its estimate, by queue.",
                  MetricType::Counter);
  for (const auto& [queue, count] : m.reservations_moved) {
    families.counter(static_cast<double>(count), {{"queue", queue}});
  }
  families.family("fermi_watches_total", "Watch requests sent, by resource.", MetricType::Counter);
  for (const auto& [resource, count] : m.watches) {
    families.counter(static_cast<double>(count), {{"resource", resource}});
  }
  families.histogram("fermi_plan_duration_seconds", "Time of one engine pass.", m.plan_duration);
  families.histogram("fermi_wait_duration_seconds", "From submission to the whole gang running.",
                     m.wait_duration);
  add_gauges(families, m);
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families.all());
  return out.str();
}

}  // namespace fermi
