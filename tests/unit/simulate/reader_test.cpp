// Each format, read from a few lines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scheduler/journal/journal.hpp"
#include "tests/unit/simulate/worlds.hpp"

namespace fermi::simulate {
namespace {

using testing::ElementsAre;

// (submit from the first on, run, estimate) in seconds, then GPUs.
std::vector<std::vector<std::int64_t>> summary(const Trace& trace) {
  std::vector<std::vector<std::int64_t>> jobs;
  for (const Job& job : trace.jobs) {
    jobs.push_back({(job.submit_ns - kFirstSubmit) / kSecond, job.run_ns / kSecond,
                    job.estimate_ns / kSecond, job.gpus});
  }
  return jobs;
}

TEST(SwfReader, Takes_the_processors_asked_for_and_else_those_given) {
  const auto read = read_text(
      "; Version: 2\n"
      ";   UnixStartTime: 0\n"
      "  1  100 5 60 4 -1 -1  8 90 -1 1 7 1 -1 -1 -1 -1 -1\n"
      "  2  160 5 30 4 -1 -1 -1 -1 -1 1 9 1 -1 -1 -1 -1 -1\n",
      Format::kSwf);
  ASSERT_EQ(read.error, "");
  EXPECT_THAT(summary(read.trace),
              ElementsAre(ElementsAre(0, 60, 90, 8), ElementsAre(60, 30, 30, 4)));
  EXPECT_THAT(read.trace.tenants, ElementsAre("7", "9"));
  EXPECT_EQ(read.trace.notes.without_estimate, 1);
}

TEST(CqsimReader, Orders_jobs_of_one_submit_time_by_id) {
  const auto read = read_text(
      "9;63;63;43200.0;11872.0;0.0;500.0;500.0;12372.0\n"
      "3;2;2;20.0;10.0;0.0;500.0;500.0;510.0\n"
      "8;1;1;7.0;6.0;0.0;400.0;400.0;406.0\n",
      Format::kCqsim);
  ASSERT_EQ(read.error, "");
  EXPECT_THAT(summary(read.trace), ElementsAre(ElementsAre(0, 6, 7, 1), ElementsAre(100, 10, 20, 2),
                                               ElementsAre(100, 11872, 43200, 63)));
  EXPECT_EQ(read.trace.notes.out_of_order, 1);
}

TEST(PhillyReader, Takes_the_virtual_cluster_for_the_tenant_and_true_run_times_for_estimates) {
  const auto read = read_text(
      "timestamp,duration,num_gpus,gpu_time,cluster\n"
      "2017-10-09 07:01:55,66.0,1,66.0,11cb48\n"
      "2017-10-08 07:01:55,2951.5,8,2951.0,6214e9\n",
      Format::kPhilly);
  ASSERT_EQ(read.error, "");
  EXPECT_THAT(summary(read.trace),
              ElementsAre(ElementsAre(0, 2951, 2951, 8), ElementsAre(86400, 66, 66, 1)));
  EXPECT_EQ(read.trace.jobs[0].run_ns, 2'951'500'000'000);
  EXPECT_EQ(read.trace.tenants[read.trace.jobs[0].tenant], "6214e9");
}

TEST(OpenbReader, Reads_parts_of_GPUs_and_leaves_out_what_never_ran) {
  const auto read = read_text(
      "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,"
      "deletion_time,scheduled_time\n"
      "a,6000,12288,1,460,V100M16|V100M32,LS,Running,10,100,20\n"
      "b,6000,12288,0,0,,LS,Running,11,100,11\n"
      "c,6000,12288,1,1000,,BE,Pending,12,100,\n",
      Format::kOpenb);
  ASSERT_EQ(read.error, "");
  EXPECT_THAT(summary(read.trace),
              ElementsAre(ElementsAre(0, 80, 80, 1), ElementsAre(1, 89, 89, 0)));
  EXPECT_EQ(read.trace.jobs[0].cpu_milli, 6000);
  EXPECT_EQ(read.trace.models[read.trace.jobs[0].models], "V100M16|V100M32");
  EXPECT_EQ(read.trace.notes.shared_gpus, 1);
  EXPECT_EQ(read.trace.jobs[0].part_milli, 460);
  EXPECT_EQ(read.trace.jobs[0].gpu_milli(), 460);
  EXPECT_EQ(read.trace.notes.without_run_time, 1);
}

TEST(CsvReader, Finds_columns_by_name) {
  const auto read = read_text(
      "who,\"when\",took,want,cards\n"
      "ann,2026-01-01T00:00:00Z,60,90,4\n"
      "bob,2026-01-01 00:01:00,30,,2\n",
      Format::kCsv, "submit=when,runtime=took,gpus=cards,tenant=who");
  ASSERT_EQ(read.error, "");
  EXPECT_THAT(summary(read.trace),
              ElementsAre(ElementsAre(0, 60, 60, 4), ElementsAre(60, 30, 30, 2)));
  EXPECT_THAT(read.trace.tenants, ElementsAre("ann", "bob"));
}

TEST(CsvReader, Finds_columns_by_number_and_then_expects_no_header) {
  const auto read = read_text("0,10,20,2,1.5\n5,10,20,2,0.5\n", Format::kCsv,
                              "submit=1,runtime=2,estimate=3,nodes=4,cpu=5");
  ASSERT_EQ(read.error, "");
  ASSERT_EQ(read.trace.jobs.size(), 2u);
  EXPECT_EQ(read.trace.jobs[0].cpu_milli, 1500);
  EXPECT_EQ(read.trace.jobs[0].nodes, 2);
  EXPECT_EQ(read.trace.jobs[0].gpus, 0);
}

TEST(CsvReader, Gives_a_job_one_GPU_a_node_when_nothing_says_how_many) {
  const auto nodes = read_text("0,10,3\n", Format::kCsv, "submit=1,runtime=2,nodes=3");
  EXPECT_EQ(nodes.trace.jobs[0].gpus, 3);
  const auto nothing = read_text("0,10\n", Format::kCsv, "submit=1,runtime=2");
  EXPECT_EQ(nothing.trace.jobs[0].gpus, 1);
}

TEST(JournalReader, Takes_the_time_from_a_confirmation_to_the_plan_after_the_end) {
  sched::Task task;
  task.uid = "t";
  task.tenant = "ann";
  task.submitted = {100 * kSecond};
  task.expected_duration_ns = 50 * kSecond;
  task.groups = {{"", 2, {}}};
  task.groups[0].requests.set_extended("nvidia.com/gpu", 8);
  sched::Task waits = task;
  waits.uid = "u";
  std::string text = sched::journal_header() + "\n";
  for (const sched::Delta& delta :
       std::vector<sched::Delta>{sched::TaskUpsert{task}, sched::TaskUpsert{waits},
                                 sched::Confirm{"t", {110 * kSecond}}, sched::TaskEnd{"t"}}) {
    text += sched::encode(delta) + "\n";
  }
  text += sched::encode(sched::PlanRecord{{140 * kSecond}, 1000, {}}) + "\n";
  const auto read = read_text(text, Format::kJournal);
  ASSERT_EQ(read.error, "");
  EXPECT_THAT(summary(read.trace), ElementsAre(ElementsAre(0, 30, 50, 16)));
  EXPECT_EQ(read.trace.jobs[0].nodes, 2);
  EXPECT_EQ(read.trace.notes.without_run_time, 1);
}

// The plan after its last Pod came before the line of its end, with which the journal stops.
TEST(JournalReader, Takes_an_end_without_a_plan_behind_it_for_the_latest_time) {
  sched::Task task;
  task.uid = "t";
  task.submitted = {100 * kSecond};
  task.groups = {{"", 1, {}}};
  task.groups[0].requests.set_extended("nvidia.com/gpu", 8);
  const std::string begin =
      sched::journal_header() + "\n" + sched::encode(sched::Delta{sched::TaskUpsert{task}}) + "\n" +
      sched::encode(sched::Delta{sched::Confirm{"t", {110 * kSecond}}}) + "\n" +
      sched::encode(sched::PlanRecord{{140 * kSecond}, 1000, {}}) + "\n";
  const auto ends =
      read_text(begin + sched::encode(sched::Delta{sched::TaskEnd{"t"}}) + "\n", Format::kJournal);
  ASSERT_EQ(ends.error, "");
  EXPECT_THAT(summary(ends.trace), ElementsAre(ElementsAre(0, 30, 30, 8)));
  const auto says =
      read_text(begin + sched::encode(sched::Delta{sched::TaskEnd{"t", {150 * kSecond}}}) + "\n",
                Format::kJournal);
  EXPECT_THAT(summary(says.trace), ElementsAre(ElementsAre(0, 40, 40, 8)));
}

}  // namespace
}  // namespace fermi::simulate
