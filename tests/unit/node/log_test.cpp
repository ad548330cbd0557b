// Logs: what is written comes back as kubectl shows it.

#include <gtest/gtest.h>

#include <filesystem>

#include "libk8s/codec/rfc3339.hpp"
#include "libk8s/node/log_reader.hpp"
#include "libk8s/node/log_writer.hpp"

namespace k8s::node {
namespace {

namespace fs = std::filesystem;

class Logs : public testing::Test {
 protected:
  Logs() {
    std::string name = (fs::temp_directory_path() / "log-test-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~Logs() override { remove_tree(folder_); }

  LogWriter writer(int attempt = 0, std::int64_t bytes = 1 << 20, int files = 5) const {
    return LogWriter({folder_, attempt, bytes, files});
  }
  std::string read(LogReadOptions options = {}, int attempt = 0) const {
    return LogReader(folder_, attempt, options).read();
  }
  static WallTime at(int s) { return {1'700'000'000'000'000'000LL + s * 1'000'000'000LL}; }

  std::string folder_;
};

TEST_F(Logs, Lines_of_both_streams_come_back_in_order) {
  LogWriter w = writer();
  w.write(LogStream::kStdout, "one\ntw", at(0));
  w.write(LogStream::kStderr, "err\n", at(1));
  w.write(LogStream::kStdout, "o\n", at(2));
  EXPECT_EQ(read(), "one\nerr\ntwo\n");
}

TEST_F(Logs, What_ends_without_a_newline_is_shown_without_one) {
  LogWriter w = writer();
  w.write(LogStream::kStdout, "no newline", at(0));
  w.close(at(1));
  EXPECT_EQ(read(), "no newline");
}

TEST_F(Logs, A_long_line_is_cut_in_the_file_and_whole_for_the_reader) {
  const std::string line(100'000, 'x');
  LogWriter w = writer();
  w.write(LogStream::kStdout, line + "\nnext\n", at(0));
  EXPECT_EQ(read(), line + "\nnext\n");
  LogReadOptions tail;
  tail.tail_lines = 2;
  EXPECT_EQ(read(tail), line + "\nnext\n");
}

TEST_F(Logs, The_tail_counts_lines_over_segments) {
  LogWriter w = writer(0, 200, 5);
  for (int i = 0; i < 12; ++i)
    w.write(LogStream::kStdout, "line " + std::to_string(i) + "\n", at(i));
  LogReadOptions tail;
  for (const int n : {0, 1, 7, 12, 100}) {
    tail.tail_lines = n;
    std::string want;
    for (int i = std::max(0, 12 - n); i < 12; ++i) want += "line " + std::to_string(i) + "\n";
    EXPECT_EQ(read(tail), want) << n;
  }
}

TEST_F(Logs, Only_the_newest_segments_are_kept) {
  LogWriter w = writer(0, 100, 2);
  for (int i = 0; i < 30; ++i)
    w.write(LogStream::kStdout, "line " + std::to_string(i) + "\n", at(i));
  const auto files = std::distance(fs::directory_iterator(folder_), fs::directory_iterator());
  EXPECT_LE(files, 2);
  EXPECT_TRUE(read().ends_with("line 29\n")) << read();
}

TEST_F(Logs, Logs_of_this_attempt_and_the_one_before_are_kept) {
  for (int attempt = 0; attempt < 4; ++attempt) {
    LogWriter w = writer(attempt);
    w.write(LogStream::kStdout, "run " + std::to_string(attempt) + "\n", at(0));
  }
  EXPECT_EQ(read({}, 3), "run 3\n");
  EXPECT_EQ(read({}, 2), "run 2\n");
  EXPECT_EQ(read({}, 1), "");
}

TEST_F(Logs, Since_leaves_out_older_lines_and_timestamps_show_them) {
  LogWriter w = writer();
  w.write(LogStream::kStdout, "old\n", at(0));
  w.write(LogStream::kStdout, "new\n", at(10));
  LogReadOptions options;
  options.since = at(5);
  EXPECT_EQ(read(options), "new\n");
  options.timestamps = true;
  EXPECT_EQ(read(options), format_nano_time(at(10)) + " new\n");
}

TEST_F(Logs, The_byte_limit_cuts_in_the_middle_of_a_line) {
  LogWriter w = writer();
  w.write(LogStream::kStdout, "12345\n67890\n", at(0));
  LogReadOptions options;
  options.limit_bytes = 8;
  LogReader reader(folder_, 0, options);
  EXPECT_EQ(reader.read(), "12345\n67");
  EXPECT_TRUE(reader.exhausted());
}

TEST_F(Logs, A_follower_sees_each_line_once_over_rotations) {
  LogWriter w = writer(0, 300, 100);
  LogReader reader(folder_, 0, {});
  std::string seen, want;
  for (int i = 0; i < 200; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    w.write(i % 2 == 0 ? LogStream::kStdout : LogStream::kStderr, line, at(i));
    want += line;
    if (i % 7 == 0) seen += reader.read();
  }
  seen += reader.read();
  EXPECT_EQ(seen, want);
}

TEST_F(Logs, A_line_that_is_not_wholly_written_waits) {
  ASSERT_TRUE(rewrite_in_place(folder_ + "/" + log_file_name(0, 0),
                               "2026-01-01T00:00:00Z stdout F whole\n2026-01-01T00:00:0"));
  EXPECT_EQ(read(), "whole\n");
}

TEST(LogFileName, Other_names_are_not_log_files) {
  EXPECT_EQ(parse_log_file_name("3.12.log"), (LogFileId{3, 12}));
  for (const char* bad : {"", "3.log", "a.1.log", "1.2.log.gz", "-1.2.log", "1.2"}) {
    EXPECT_EQ(parse_log_file_name(bad).attempt, -1) << bad;
  }
}

}  // namespace
}  // namespace k8s::node
