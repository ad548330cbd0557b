#include "scheduler/journal/journal.hpp"

#include <gtest/gtest.h>

#include "tests/unit/scheduler/worlds.hpp"

namespace sched::test {
namespace {

TEST(Journal, A_delta_is_one_readable_line) {
  EXPECT_EQ(encode(NodeRemove{"node 1%"}), "D node-remove =node%201%25");
  EXPECT_EQ(encode(Reject{"t", "", Time{5}}), "D reject =t = 5 0");
  EXPECT_EQ(encode(Assume{"t", 2, {{"n1", "n2"}}}), "D assume =t 2 2 =n1 =n2 0 0");
  EXPECT_EQ(encode(PlanRecord{Time{7}, 10, {{"t", 1, {{"n1"}}, 1, 0}}}),
            "P 7 10 1 =t 1 1 =n1 0 1 0");
}

TEST(Journal, Any_bytes_of_a_text_survive) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  const Delta delta = Reject{all, "a\nb", {}};
  const std::string line = encode(delta);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const DecodedLine decoded = decode(line);
  ASSERT_TRUE(decoded.record) << decoded.error;
  EXPECT_EQ(std::get<Delta>(*decoded.record), delta);
}

TEST(Journal, A_bad_line_gives_one_clear_error) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "a line begins with D or P"},
      {"X y", "a line begins with D or P"},
      {"D", "a field is missing"},
      {"D nothing =a", "no such delta"},
      {"D end", "a field is missing"},
      {"D end t", "a text does not begin with ="},
      {"D end =t%4", "an escape is malformed"},
      {"D end =t%zz", "an escape is malformed"},
      {"D end =t 0 more", "there is more than the record's fields"},
      {"D confirm =t now", "a number is malformed"},
      {"D confirm =t 99999999999999999999", "a number is malformed"},
      {"D assume =t 0 9000000000000000000 =n", "a length is too large"},
      {"D assume =t 0 -1", "a length is too large"},
      {"D assume =t 0 2 =n1", "a field is missing"},
      {"D queue =q 3 0 1 0 0 0 0 0 0 0 0 0 0 0", "a tier is out of range"},
  };
  for (const auto& [line, error] : cases) {
    const DecodedLine decoded = decode(line);
    EXPECT_FALSE(decoded.record) << line;
    EXPECT_EQ(decoded.error, error) << line;
  }
}

TEST(Journal, Damaged_lines_never_crash_and_are_never_half_read) {
  Task t = task("t", "q", 2, 8);
  t.affinity = {{{"k", "In", {"a", "b"}}}};
  t.tolerations = {{"k", "Exists", "", ""}};
  const std::string line = encode(TaskUpsert{t});
  std::uint64_t state = 1;
  for (std::size_t cut = 0; cut < line.size(); ++cut) {
    EXPECT_TRUE(decode(line.substr(0, cut)).record == std::nullopt || line[cut] == '0' ||
                (line[cut] >= '0' && line[cut] <= '9'))
        << cut;
    std::string damaged = line;
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    damaged[cut] = static_cast<char>(state >> 56);
    const DecodedLine decoded = decode(damaged);
    EXPECT_NE(decoded.record.has_value(), !decoded.error.empty());
  }
}

std::vector<std::string> recorded() {
  std::vector<std::string> lines{journal_header()};
  Engine engine;
  const auto feed = [&](const Delta& delta) {
    engine.apply(delta);
    lines.push_back(encode(delta));
  };
  feed(NodeUpsert{node("n1")});
  feed(QueueUpsert{queue("q")});
  feed(TaskUpsert{task("t", "q", 1, 8)});
  const Plan plan = engine.plan(Time{1});
  lines.push_back(encode(PlanRecord{Time{1}, 1000, plan.starts}));
  feed(Assume{"t", 0, plan.starts.at(0).placement});
  lines.push_back(encode(PlanRecord{Time{2}, 1000, engine.plan(Time{2}).starts}));
  return lines;
}

TEST(Journal, A_replay_folds_the_deltas_and_compares_the_plans) {
  Replayer replayer;
  for (const std::string& line : recorded()) ASSERT_TRUE(replayer.line(line)) << replayer.error();
  EXPECT_EQ(replayer.deltas(), 4);
  EXPECT_EQ(replayer.plans(), 2);
  EXPECT_TRUE(replayer.differences().empty());
  EXPECT_EQ(replayer.engine().state("t"), TaskState::kReserved);
}

TEST(Journal, A_replay_names_the_line_that_differs) {
  std::vector<std::string> lines = recorded();
  lines[4] = encode(PlanRecord{Time{1}, 1000, {{"t", 0, {{"n2"}}, 1, 0}}});
  Replayer replayer;
  for (const std::string& line : lines) ASSERT_TRUE(replayer.line(line));
  ASSERT_EQ(replayer.differences().size(), 1u);
  EXPECT_EQ(replayer.differences()[0],
            "line 5: start 1 is t (attempt 0) on n2, replayed as t (attempt 0) on n1");
}

TEST(Journal, Another_version_is_refused) {
  Replayer replayer;
  EXPECT_FALSE(replayer.line("sched-journal 1"));
  EXPECT_EQ(replayer.error(), "line 1: not a journal of this version");
  EXPECT_FALSE(replayer.line(journal_header())) << "it stays refused";
}

}  // namespace
}  // namespace sched::test
