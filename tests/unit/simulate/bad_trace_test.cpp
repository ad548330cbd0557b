// Each way in which a log can be wrong: one clear sentence with the line, or a count of what was
// left out or mended.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/simulate/lines.hpp"
#include "tests/unit/simulate/worlds.hpp"

namespace fermi::simulate {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const char* const kPhillyHeader = "timestamp,duration,num_gpus,gpu_time,cluster\n";

TEST(BadTrace, A_wrong_number_names_line_field_and_what_is_expected) {
  const auto read = read_text("1;4;4;20;1o;0;5;5;15\n", Format::kCqsim);
  EXPECT_EQ(read.error,
            "line 1: \"1o\" is no run time: a number of seconds of at most 292 years is expected");
}

TEST(BadTrace, A_number_of_processors_with_a_fraction_is_refused) {
  const auto read = read_text("1;4;4;20;10;0;5;5;15\n2;1.5;4;20;10;0;5;5;15\n", Format::kCqsim);
  EXPECT_THAT(read.error, StartsWith("line 2: \"1.5\" is no number of processors"));
}

TEST(BadTrace, A_line_that_is_cut_short_says_which_column_is_missing) {
  const auto read = read_text("1;4;4;20;10\n", Format::kCqsim);
  EXPECT_EQ(read.error, "line 1: has 5 columns; the submit time should stand in column 7");
}

TEST(BadTrace, A_date_that_does_not_exist_is_refused) {
  for (const char* date : {"2017-02-30 07:01:55", "2017-13-01 00:00:00", "2017-02-03 25:00:00",
                           "2017-02-03 07:01", "yesterday", ""}) {
    const auto read =
        read_text(kPhillyHeader + std::string(date) + ",66.0,1,66.0,11cb48\n", Format::kPhilly);
    EXPECT_THAT(read.error, StartsWith("line 2: \"" + std::string(date) + "\" is no timestamp"));
  }
}

TEST(BadTrace, A_duration_of_a_million_years_is_refused) {
  const auto read = read_text("1;4;4;20;31557600000000;0;5;5;15\n", Format::kCqsim);
  EXPECT_THAT(read.error, HasSubstr("at most 292 years"));
}

TEST(BadTrace, Submissions_centuries_apart_are_refused) {
  const auto read =
      read_text("1;1;1;1;1;0;-9000000000;0;0\n2;1;1;1;1;0;9000000000;0;0\n", Format::kCqsim);
  EXPECT_EQ(read.error, "the submissions span more than 292 years");
}

TEST(BadTrace, A_negative_run_time_is_left_out_and_counted) {
  const auto read = read_text("1;4;4;20;-1;0;5;5;15\n2;4;4;20;10;0;5;5;15\n", Format::kCqsim);
  ASSERT_EQ(read.error, "");
  EXPECT_EQ(read.trace.jobs.size(), 1u);
  EXPECT_EQ(read.trace.notes.without_run_time, 1);
}

TEST(BadTrace, A_job_of_no_processors_or_fewer_is_left_out_and_counted) {
  const auto read = read_text("1;0;0;20;10;0;5;5;15\n2;-4;4;20;10;0;5;5;15\n3;4;4;20;10;0;5;5;15\n",
                              Format::kCqsim);
  ASSERT_EQ(read.error, "");
  EXPECT_EQ(read.trace.jobs.size(), 1u);
  EXPECT_EQ(read.trace.notes.without_size, 2);
}

TEST(BadTrace, What_a_table_leaves_empty_is_not_known) {
  const auto read = read_text(
      "\xEF\xBB\xBF"
      "at,ran,limit,gpus,cores\n0,100,,8,\n1,,60,8,1\n2,9,9,,\n",
      Format::kCsv, "submit=at,runtime=ran,estimate=limit,gpus=gpus,cpu=cores");
  ASSERT_EQ(read.error, "");
  ASSERT_EQ(read.trace.jobs.size(), 1u);
  EXPECT_EQ(read.trace.jobs[0].estimate_ns, 100 * kSecond);
  EXPECT_EQ(read.trace.notes.without_estimate, 1);
  EXPECT_EQ(read.trace.notes.without_run_time, 1);
  EXPECT_EQ(read.trace.notes.without_size, 1);
}

TEST(BadTrace, A_wrong_number_of_cores_is_told_as_one) {
  const auto read =
      read_text("at,ran,cores\n0,100,many\n", Format::kCsv, "submit=at,runtime=ran,cpu=cores");
  EXPECT_EQ(read.error,
            "line 2: \"many\" is no number of cores: a number such as 8 or 0.5 is expected");
}

TEST(BadTrace, An_estimate_of_nothing_is_replaced_by_the_run_time_and_counted) {
  const auto read = read_text("1;4;4;0;10;0;5;5;15\n2;4;4;-1;0;0;5;5;5\n", Format::kCqsim);
  ASSERT_EQ(read.error, "");
  EXPECT_EQ(read.trace.jobs[0].estimate_ns, 10 * kSecond);
  EXPECT_GT(read.trace.jobs[1].estimate_ns, 0);  // a run time of zero is still stated
  EXPECT_EQ(read.trace.notes.without_estimate, 2);
}

TEST(BadTrace, Unsorted_lines_are_sorted_and_counted) {
  const auto read =
      read_text("1;1;1;9;3;0;50;0;0\n2;2;2;9;3;0;20;0;0\n3;3;3;9;3;0;70;0;0\n", Format::kCqsim);
  ASSERT_EQ(read.error, "");
  EXPECT_EQ(read.trace.jobs[0].gpus, 2);
  EXPECT_EQ(read.trace.notes.out_of_order, 1);
}

TEST(BadTrace, Gaps_do_no_harm) {
  const auto read =
      read_text("1;1;1;9;3;0;50;0;0\n\n   \r\n9;2;2;9;3;0;99;0;0\r\n", Format::kCqsim);
  ASSERT_EQ(read.error, "");
  EXPECT_EQ(read.trace.jobs.size(), 2u);
}

TEST(BadTrace, An_empty_file_has_no_usable_job) {
  for (const Format format : {Format::kSwf, Format::kCqsim}) {
    EXPECT_EQ(read_text("", format).error, "the trace has no usable job");
  }
  EXPECT_EQ(read_text(kPhillyHeader, Format::kPhilly).error, "the trace has no usable job");
}

TEST(BadTrace, A_header_without_the_column_shows_what_there_is) {
  const auto read = read_text("timestamp,duration,gpus\n1,2,3\n", Format::kPhilly);
  EXPECT_EQ(read.error,
            "line 1: the first line names no column \"num_gpus\"; it is: timestamp,duration,gpus");
}

TEST(BadTrace, A_table_without_a_line_is_said_to_be_empty) {
  EXPECT_EQ(read_text("", Format::kPhilly).error,
            "line 1: the file is empty: its first line names the columns");
}

TEST(BadTrace, Bytes_that_nobody_sees_are_told_by_their_numbers) {
  const std::string text("1;4;4;20;1\0o;0;5;5;15\n", 22);
  EXPECT_THAT(read_text(text, Format::kCqsim).error,
              StartsWith("line 1: \"1\\x00o\" is no run time"));
}

TEST(BadTrace, A_part_that_is_none_of_one_GPU_is_refused) {
  const auto error = [](const char* gpus) {
    return read_text(
               "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,"
               "deletion_time,scheduled_time\na,1000,1," +
                   std::string(gpus) + ",,LS,Running,0,9,0\n",
               Format::kOpenb)
        .error;
  };
  EXPECT_EQ(error("1,1000"), "");
  EXPECT_EQ(error("1,460"), "");
  EXPECT_EQ(error("4,1000"), "");
  EXPECT_EQ(error("0,0"), "");
  EXPECT_EQ(error("1,1500"),
            "line 2: gpu_milli is 1500 with num_gpu 1: of one GPU it is 0 to 1000, of each of "
            "several 1000");
  EXPECT_THAT(error("2,500"), HasSubstr("gpu_milli is 500 with num_gpu 2"));
}

TEST(BadTrace, A_line_without_end_is_refused_before_it_fills_the_memory) {
  const auto read = read_text(std::string(kLineMax + 10, 'x'), Format::kCqsim);
  EXPECT_EQ(read.error, "line 1: longer than a megabyte: this is no trace");
}

TEST(BadTrace, Bytes_of_any_kind_are_refused_with_a_sentence) {
  Chance chance(4);
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (std::int64_t i = chance.between(0, 80); i >= 0; --i) {
      text.push_back(static_cast<char>(chance.between(0, 255)));
    }
    for (const Format format :
         {Format::kSwf, Format::kCqsim, Format::kPhilly, Format::kOpenb, Format::kJournal}) {
      EXPECT_NE(read_text(text, format).error, "") << "round " << round;
    }
    read_text(text, Format::kCsv, "submit=1,runtime=2");
    read_text("1,2\n", Format::kCsv, text);
  }
}

TEST(BadColumns, Say_what_is_wrong_with_them) {
  const auto error = [](const char* columns) {
    return read_text("1,2\n", Format::kCsv, columns).error;
  };
  EXPECT_THAT(error(""), HasSubstr("submit is missing"));
  EXPECT_THAT(error("submit=1"), HasSubstr("runtime is missing"));
  EXPECT_THAT(error("submit=1,runtime=2,colour=3"), HasSubstr("\"colour\" is not one of submit"));
  EXPECT_THAT(error("submit=1,submit=1,runtime=2"), HasSubstr("submit stands there twice"));
  EXPECT_THAT(error("submit=,runtime=2"), HasSubstr("submit= names no column"));
  EXPECT_THAT(error("submit=1,runtime=7"), HasSubstr("should stand in column 7"));
}

TEST(BadColumns, Are_refused_for_other_formats) {
  EXPECT_EQ(read_text("", Format::kSwf, "submit=1").error, "columns are for the format csv alone");
}

TEST(BadFormat, Lists_what_there_is) {
  EXPECT_EQ(parse_format("xls").status().message(),
            "\"xls\" is no format; there are swf, cqsim, philly, openb, csv, journal");
}

TEST(BadStrategy, Lists_what_there_is) {
  EXPECT_THAT(parse_strategies("FIFO,Best").status().message(),
              StartsWith("\"Best\" is no strategy; there are FIFO, EASY,"));
  EXPECT_EQ(parse_strategies("fifo,FIFO").status().message(), "FIFO stands there twice");
  EXPECT_FALSE(parse_strategies("").is_ok());
}

}  // namespace
}  // namespace fermi::simulate
