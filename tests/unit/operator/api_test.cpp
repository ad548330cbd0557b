// Durations, money, conditions, patches, statuses.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/api/api.hpp"
#include "operator/api/duration.hpp"
#include "operator/api/gpu_part.hpp"
#include "operator/api/training_job.hpp"
#include "operator/reconcile/cost.hpp"
#include "operator/translate/configuration.hpp"
#include "operator/translate/resources.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;

TEST(Duration, Hours_minutes_seconds_and_milliseconds_in_this_order_once_each) {
  EXPECT_EQ(*parse_duration_ns("1h30m"), 5400 * kNsPerSecond);
  EXPECT_EQ(*parse_duration_ns("45s"), 45 * kNsPerSecond);
  EXPECT_EQ(*parse_duration_ns("250ms"), kNsPerSecond / 4);
  for (const char* bad : {"", "5", "h", "-5m", "30m1h", "1h1h", "1.5h", "1 h", "1d"})
    EXPECT_FALSE(parse_duration_ns(bad)) << bad;
}

TEST(Duration, Longer_than_ten_years_is_refused) {
  EXPECT_TRUE(parse_duration_ns("87600h"));
  EXPECT_FALSE(parse_duration_ns("87600h1s"));
  EXPECT_FALSE(parse_duration_ns("999999999999h"));
}

TEST(Money, Is_exact_in_millionths) {
  EXPECT_EQ(*parse_micros("8.50"), 8'500'000);
  EXPECT_EQ(*parse_micros("0.000001"), 1);
  EXPECT_EQ(format_micros(404'000'000), "404.00");
  EXPECT_EQ(format_micros(448'900), "0.4489");
  EXPECT_EQ(format_micros(0), "0.00");
  for (const char* bad : {"", "-1", "1.", ".5", "1.0000001", "1e3", "9999999999999"})
    EXPECT_FALSE(parse_micros(bad)) << bad;
}

// 40 GPUs at 8.50 are 340.00; 320 cores at 0.20 are 64.00: 404.00 an hour together.
TEST(Cost, The_worked_example_costs_404_an_hour) {
  const Configuration config = parse_configuration(
      "currency: CNY\nprices: {gpu: \"8.50\", cpuCore: \"0.20\", memoryGiB: \"0\"}\n");
  ASSERT_TRUE(config.problems.empty());
  sched::Resources node;
  node.cpu_milli = 64'000;
  node.memory_bytes = std::int64_t{256} << 30;
  node.set_extended("nvidia.com/gpu", 8);
  std::int64_t sum = 0;
  for (int i = 0; i < 5; ++i) sum += hourly_micros(node, {.zone = "zone-a"}, config);
  EXPECT_EQ(format_micros(sum), "404.00");
  const k8s::WallTime start{0}, end{4 * kNsPerSecond};
  EXPECT_EQ(format_micros(accrued_micros(sum, start, end)), "0.448888");
  EXPECT_EQ(accrued_micros(sum, end, start), 0);
}

// 0.46 of 8.50 is 3.91; what is finer than a millionth is cut off.
TEST(Cost, A_part_of_a_GPU_costs_that_part_of_its_price) {
  const Configuration config =
      parse_configuration("prices: {gpu: \"8.50\", gpuModels: {A100: \"0.000003\"}}\n");
  EXPECT_EQ(format_micros(hourly_micros({}, {.zone = "z"}, config, 460)), "3.91");
  EXPECT_EQ(hourly_micros({}, {.zone = "z", .gpu_model = "A100"}, config, 999), 2);
}

TEST(GpuPart, Is_a_decimal_below_one_in_thousandths) {
  EXPECT_EQ(part_of("0.46"), 460);
  EXPECT_EQ(part_of("0.001"), 1);
  EXPECT_EQ(part_of("0.500"), 500);
  for (const char* bad :
       {"", "0", "1", "0.", "0.0", "0.000", "0.0001", ".5", "1.5", "0.4x", "-0.5"})
    EXPECT_EQ(part_of(bad), std::nullopt) << bad;
  EXPECT_EQ(part_text(460), "0.46");
  EXPECT_EQ(part_text(1), "0.001");
  EXPECT_EQ(part_text(500), "0.5");
}

TEST(Cost, A_zone_and_a_model_have_prices_of_their_own) {
  const Configuration config = parse_configuration(R"(
prices:
  gpu: 10
  gpuModels: {A100: "20"}
  zones: {cheap: {gpu: "5"}}
)");
  sched::Resources one;
  one.set_extended("nvidia.com/gpu", 1);
  EXPECT_EQ(hourly_micros(one, {.zone = "x", .gpu_model = ""}, config), 10'000'000);
  EXPECT_EQ(hourly_micros(one, {.zone = "x", .gpu_model = "A100"}, config), 20'000'000);
  EXPECT_EQ(hourly_micros(one, {.zone = "cheap", .gpu_model = ""}, config), 5'000'000);
  EXPECT_EQ(hourly_micros(one, {.zone = "cheap", .gpu_model = "A100"}, config), 20'000'000);
}

// 40 GPUs at 8.50 are 340.00.
TEST(Cost, The_GPUs_of_the_worked_example_alone_cost_340_an_hour) {
  const Configuration config = parse_configuration("prices: {gpu: \"8.50\"}\n");
  sched::Resources node;
  node.cpu_milli = 64'000;
  node.memory_bytes = std::int64_t{256} << 30;
  node.set_extended("nvidia.com/gpu", 8);
  EXPECT_EQ(format_micros(5 * hourly_micros(node, {.zone = "zone-a"}, config)), "340.00");
}

// Each price is looked for by itself: what a node does not say is taken from its pool, then its
// zone, then from above.
TEST(Cost, The_most_specific_price_counts) {
  const Configuration config = parse_configuration(R"(
prices:
  gpu: 10
  gpuModels: {A100: 20}
  cpuCore: 1
  memoryGiB: "0.5"
  zones: {z: {cpuCore: 2, memoryGiB: "0.25"}}
  pools: {spot: {gpuModels: {A100: 6}, cpuCore: 3}}
  nodes: {n1: {cpuCore: "0.5"}}
)");
  EXPECT_TRUE(config.problems.empty());
  sched::Resources one;
  one.cpu_milli = 1000;
  one.memory_bytes = std::int64_t{4} << 30;
  one.set_extended("nvidia.com/gpu", 1);
  const auto costs = [&](const PricedAt& at) {
    return format_micros(hourly_micros(one, at, config));
  };
  EXPECT_EQ(costs({}), "13.00") << "10 + 1 + 4 x 0.5";
  EXPECT_EQ(costs({.zone = "z", .gpu_model = "A100"}), "23.00") << "20 + 2 + 4 x 0.25";
  EXPECT_EQ(costs({.zone = "z", .pool = "spot", .gpu_model = "A100"}), "10.00") << "6 + 3 + 1";
  EXPECT_EQ(costs({.zone = "z", .pool = "spot"}), "14.00") << "of another model: 10 + 3 + 1";
  EXPECT_EQ(costs({.zone = "z", .pool = "spot", .node = "n1", .gpu_model = "A100"}), "7.50");
}

TEST(Cost, Each_wrong_price_gets_one_sentence) {
  const Configuration config = parse_configuration(R"(
prices:
  cpuCore: -1
  zones: {a: {gpu: }}
  pools: {p: {gpuModels: {A100: cheap}}}
  nodes: {n: {memoryGiB: "-0.5"}}
)");
  const Problems expected = {
      "prices.cpuCore: \"-1\" is not an amount of money; write such as 8.50, not negative, with at "
      "most six digits after the point",
      "prices.gpu: the price is missing; GPUs of models that are not named cost nothing",
      "prices.zones.a.gpu: the price is missing; write an amount such as 8.50, or leave the name "
      "out",
      "prices.pools.p.gpuModels.A100: \"cheap\" is not an amount of money; write such as 8.50, not "
      "negative, with at most six digits after the point",
      "prices.nodes.n.memoryGiB: \"-0.5\" is not an amount of money; write such as 8.50, not "
      "negative, with at most six digits after the point"};
  EXPECT_EQ(config.problems, expected);
}

// From 23:30 to 01:00 at 3.60 and 7.20 an hour: half an hour on the first day, one on the second.
TEST(Cost, Is_counted_by_day_and_pool_and_the_parts_make_up_the_whole) {
  const k8s::WallTime from{(2 * 86'400 - 1'800) * kNsPerSecond};
  std::vector<CostPart> parts;
  const std::vector<PoolRate> rates = {{"a", 3'600'000}, {"b", 7'200'000}};
  const std::int64_t sum =
      accrue(rates, from, from + k8s::Duration(5'400 * kNsPerSecond), "q", "t", parts);
  const std::vector<CostPart> expected = {{"1970-01-02", "q", "t", "a", 1'800'000},
                                          {"1970-01-02", "q", "t", "b", 3'600'000},
                                          {"1970-01-03", "q", "t", "a", 3'600'000},
                                          {"1970-01-03", "q", "t", "b", 7'200'000}};
  EXPECT_EQ(parts, expected);
  EXPECT_EQ(sum, 16'200'000);
  // A hundred days more: the oldest join, and nothing is lost.
  const std::int64_t rest = accrue(rates, from + k8s::Duration(5'400 * kNsPerSecond),
                                   from + std::chrono::hours(2'400), "q", "t", parts);
  EXPECT_EQ(parts.size(), kCostParts);
  std::int64_t all = 0;
  for (const CostPart& part : parts) all += part.micros;
  EXPECT_EQ(all, sum + rest);
  EXPECT_EQ(all, 2'400 * std::int64_t{10'800'000});
}

TEST(Configuration, Wrong_parts_are_named_and_the_rest_holds) {
  const Configuration config =
      parse_configuration("prices: {gpu: lots, cpuCore: \"0.2\"}\nlatencies: [{between: [a]}]\n");
  EXPECT_EQ(config.engine.price.cpu_core, 200'000);
  ASSERT_EQ(config.problems.size(), 2U);
  EXPECT_NE(config.problems[0].find("prices.gpu"), std::string::npos);
  EXPECT_NE(config.problems[1].find("latencies[0].between"), std::string::npos);
  EXPECT_FALSE(parse_configuration("{").problems.empty());
  EXPECT_TRUE(parse_configuration("").problems.empty());
}

TEST(Configuration, Names_that_are_not_known_are_told_where_they_stand) {
  const Configuration config = parse_configuration(R"(
foo: bar
latencys: [{between: [a, b], latency: 1ms}]
prices: {gpus: "8.50", gpu: "1", zones: {a: {gpu: "2", cores: "1"}}}
latencies: [{between: [a, b], latency: 1ms, km: 3}]
topology: [{level: rack, label: example.com/rack, wide: 1}]
gpuModels: {name: {}}
zones: {a: {name: Hall A}}
)");
  const Problems expected = {
      "foo: is not known here; there is currency, gpuResource, prices, latencies, topology, "
      "gpuModels, degradedPercent, regions, zones",
      "latencys: is not known here; there is currency, gpuResource, prices, latencies, topology, "
      "gpuModels, degradedPercent, regions, zones",
      "prices.gpus: is not known here; there is gpu, cpuCore, memoryGiB, gpuModels, zones, pools, "
      "nodes",
      "prices.zones.a.cores: is not known here; there is gpu, cpuCore, memoryGiB, gpuModels",
      "latencies[0].km: is not known here; there is between, latency",
      "topology[0].wide: is not known here; there is level, label",
      "gpuModels.name: is not known here; there is label, names",
      "zones.a.name: is not known here; there is displayName"};
  EXPECT_EQ(config.problems, expected);
  EXPECT_EQ(config.engine.price.gpu_default, 1'000'000) << "the rest holds";
}

TEST(Configuration, Levels_below_the_zone_models_names_and_the_degraded_share_are_read) {
  const Configuration config = parse_configuration(R"(
topology:
- {level: block, label: example.com/block}
- {level: rack, label: example.com/rack}
gpuModels: {label: example.com/gpu, names: {NVIDIA-A100-SXM4-80GB: A100}}
degradedPercent: 25
regions: {east: {displayName: East coast}}
zones: {zone-a: {displayName: Hall A}}
)");
  EXPECT_EQ(config.problems, Problems{});
  const std::vector<sched::TopologyLevel> levels{{"block", "example.com/block"},
                                                 {"rack", "example.com/rack"}};
  EXPECT_EQ(config.engine.topology, levels);
  EXPECT_EQ(config.engine.degraded_permille, 250);
  EXPECT_EQ(config.gpu_models.label, "example.com/gpu");
  EXPECT_EQ(config.gpu_models.names.at("NVIDIA-A100-SXM4-80GB"), "A100");
  EXPECT_EQ(called(config.region_names, "east"), "East coast (east)");
  EXPECT_EQ(called(config.zone_names, "zone-b"), "zone-b");
}

// One sentence each; what is good beside it holds, and what was wrong is as if it had not been
// said.
TEST(Configuration, Each_wrong_part_of_the_places_is_named_with_what_was_given) {
  const auto problem = [](const std::string& yaml) {
    const Configuration config = parse_configuration(yaml + "\ncurrency: EUR\n");
    EXPECT_EQ(config.problems.size(), 1U) << yaml;
    EXPECT_EQ(config.currency, "EUR");
    EXPECT_EQ(config.engine.degraded_permille, 500);
    return config.problems.empty() ? "" : config.problems.front();
  };
  EXPECT_EQ(problem("topology: rack"),
            "topology: \"rack\" is not allowed; a list of at most 8 objects");
  EXPECT_EQ(problem("topology: [{level: rack}]"), "topology[0].label: is missing");
  EXPECT_EQ(problem("topology: [{level: rack, label: a}, {level: rack, label: b}]"),
            "topology[1].level: \"rack\" stands twice; give each level once");
  EXPECT_EQ(problem("topology: [{level: block, label: a}, {level: rack, label: a}]"),
            "topology[1].label: \"a\" stands twice; give each label once");
  EXPECT_EQ(problem("degradedPercent: 101"),
            "degradedPercent: 101 is not allowed; a whole number from 1 to 100");
  EXPECT_NE(problem("gpuModels: {names: [A100]}").find("gpuModels.names: "), std::string::npos);
  EXPECT_NE(problem("zones: {zone-a: {displayName: \"\"}}").find("zones.zone-a.displayName: "),
            std::string::npos);
  EXPECT_NE(problem("regions: {east: {displayName: 7}}").find("regions.east.displayName: "),
            std::string::npos);
}

TEST(Conditions, The_time_moves_only_with_the_status) {
  Conditions all;
  Condition c;
  c.type = "Queued";
  c.status = "True";
  c.reason = "a";
  set_condition(all, c, {5 * kNsPerSecond});
  c.reason = "b";
  set_condition(all, c, {9 * kNsPerSecond});
  EXPECT_EQ(all[0].last_transition.ns, 5 * kNsPerSecond);
  EXPECT_EQ(all[0].reason, "b");
  c.status = "False";
  set_condition(all, c, {9 * kNsPerSecond});
  EXPECT_EQ(all[0].last_transition.ns, 9 * kNsPerSecond);
  EXPECT_EQ(decode_conditions(encode_conditions(all)), all);
}

TEST(MergeDiff, Turns_one_object_into_the_other) {
  const Json from = {{"a", 1}, {"b", {{"c", 1}, {"d", 2}}}, {"e", {1, 2}}};
  const Json to = {{"a", 1}, {"b", {{"c", 3}}}, {"f", "x"}};
  Json patched = from;
  patched.merge_patch(merge_diff(from, to));
  EXPECT_EQ(patched, to);
  EXPECT_EQ(merge_diff(to, to), Json::object());
}

TrainingJobStatus full_status() {
  TrainingJobStatus s;
  s.observed_generation = 3;
  s.phase = Phase::kStopping;
  set_condition(s.conditions, {"Queued", "True", "r", "m", {}, 2}, {kNsPerSecond});
  s.task_id = "t";
  s.queue = "q";
  s.priority = "High";
  s.queue_position = 4;
  s.tasks_ahead = 0;
  s.observed_at = k8s::WallTime{2 * kNsPerSecond};
  s.estimated_start = k8s::WallTime{9 * kNsPerSecond};
  s.reason = "R";
  s.message = "M";
  s.attempt = 2;
  s.placement = JobPlacement{2, 7, 20001, {3 * kNsPerSecond}, {"n1", "n2"}, {{"a", 1}, {"b", 1}}};
  s.stopping = JobStopping{Phase::kFailed, "x", "y"};
  s.restarts = 1;
  s.disruptions = 2;
  s.disruptions_in_row = 4;
  s.start_failures = 3;
  s.succeeded = {0, 2};
  s.after_met = {"prepare"};
  s.succeeded_at = k8s::WallTime{7 * kNsPerSecond};
  s.exit_code = 0;
  s.retry_at = k8s::WallTime{4 * kNsPerSecond};
  s.start_time = k8s::WallTime{5 * kNsPerSecond};
  s.cost_per_hour_micros = 404'000'000;
  s.cost_micros = 1;
  s.costs = {{"2026-03-01", "q", "team", "", 1}, {"2026-03-02", "q", "team", "a100", 12'500'000}};
  s.placement->tenant = "team";
  s.placement->rates = {{"a100", 400'000'000}, {"", 4'000'000}};
  s.currency = "CNY";
  s.timeline = {{{6 * kNsPerSecond}, "Pending", "Starting", "why"}};
  return s;
}

TEST(JobStatus, Writing_and_reading_gives_an_equal_value) {
  EXPECT_EQ(decode_training_job_status(encode_status(full_status())), full_status());
  EXPECT_EQ(decode_training_job_status(Json::object()), TrainingJobStatus{});
  EXPECT_EQ(decode_training_job_status(encode_status(TrainingJobStatus{})), TrainingJobStatus{});
}

TEST(JobStatus, Any_junk_reads_as_something) {
  for (const char* text : {"[]", "3", "{\"placement\":[],\"conditions\":{},\"timeline\":[3]}",
                           "{\"attempt\":\"x\",\"phase\":7,\"startTime\":\"never\"}"})
    decode_training_job_status(Json::parse(text));
}

TEST(Resources, Amounts_go_both_ways) {
  const sched::Resources r =
      to_engine({{"cpu", 1500}, {"memory", 1 << 30}, {"nvidia.com/gpu", 2}, {"x/y", -1}});
  EXPECT_EQ(r.cpu_milli, 1500);
  EXPECT_EQ(r.extended_amount("x/y"), 0);
  EXPECT_EQ(to_quantities(r),
            (k8s::StringMap{{"cpu", "1500m"}, {"memory", "1Gi"}, {"nvidia.com/gpu", "2"}}));
  sched::Resources sum = r;
  add(sum, r, 2);
  EXPECT_EQ(sum.cpu_milli, 4500);
  EXPECT_TRUE(fits(r, sum));
  EXPECT_FALSE(fits(sum, r));
}

}  // namespace
}  // namespace fermi
