// Every file in cases/ is a test of its own.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/scenario/runner.hpp"

namespace sched::scenario {
namespace {

std::vector<std::string> cases() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(SCENARIO_CASES)) {
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Scenario : public ::testing::TestWithParam<std::string> {};

TEST_P(Scenario, Holds) {
  std::ifstream file(std::string(SCENARIO_CASES) + "/" + GetParam() + ".txt");
  std::stringstream text;
  text << file.rdbuf();
  ASSERT_FALSE(text.str().empty());
  EXPECT_EQ(text.str()[0], '#') << "a scenario begins with its promise in words";
  for (const std::string& failure : Runner().run(text.str())) {
    ADD_FAILURE() << GetParam() << ".txt " << failure;
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, Scenario, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param; });

// The runner must not be blind: these stories are wrong, and it has to say so.
TEST(ScenarioRunner, A_false_expectation_fails) {
  const std::string world = "nodes zone-a 1x(8 A100 64cpu 256Gi)\nsubmit med/a gpus=8\n";
  for (const char* wrong :
       {"expect waiting a", "expect running a on zone-a-2", "expect used zone-a-1 gpus=7",
        "expect position a 1", "expect zones a zone-b=1", "expect order b", "expect ended a",
        "expect waiting b", "expect nothing a", "frobnicate a", "at 1x submit med/b"}) {
    EXPECT_EQ(Runner().run(world + wrong).size(), 1u) << wrong;
  }
  EXPECT_TRUE(Runner().run(world + "expect running a on zone-a-1").empty());
}

}  // namespace
}  // namespace sched::scenario
