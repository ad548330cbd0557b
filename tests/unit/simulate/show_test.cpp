// Figures as table, JSON and picture.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/simulate/print.hpp"
#include "tests/unit/simulate/worlds.hpp"

namespace fermi::simulate {
namespace {

using testing::HasSubstr;

struct Shown {
  Trace trace = trace_of({{0, 5000, 6000, 2}, {0, 5000, 6000, 2}, {9, 4, 4, 1}, {9, 4, 4, 9}});
  Cluster cluster = parse_cluster("2x1").value();
  std::vector<Outcome> outcomes = {replay(trace, cluster, "FIFO"), replay(trace, cluster, "DRF")};
  std::vector<Figures> figures;
  Shown() {
    figures.push_back(figures_of(trace, cluster, "FIFO", outcomes[0]));
    figures.push_back(figures_of(trace, cluster, "DRF", outcomes[1]));
    draw_usage(cluster, {&outcomes[0], &outcomes[1]}, figures);
  }
};

TEST(Table, Has_one_line_a_strategy_and_says_what_was_left_out) {
  Shown shown;
  shown.trace.notes.without_run_time = 1234;
  const std::string text = as_table(shown.trace, shown.cluster, shown.figures);
  EXPECT_THAT(text, HasSubstr("\nFIFO "));
  EXPECT_THAT(text, HasSubstr("\nDRF "));
  EXPECT_THAT(text, HasSubstr("9,991 s"));  // the third waited from 9 to 10,000
  EXPECT_THAT(text, HasSubstr("FIFO: 1 job never started\n"));
  EXPECT_THAT(text, HasSubstr("4 jobs on 2 nodes with 2 GPUs\n"));
  EXPECT_THAT(text, HasSubstr("1,234 jobs left out: no known run time\n"));
  shown.trace.notes.without_run_time = 1;
  EXPECT_THAT(as_table(shown.trace, parse_cluster("1x1").value(), shown.figures),
              HasSubstr("on 1 node with 1 GPU\nFIFO: 1 job never started\n"
                        "DRF: 1 job never started\n1 job left out: no known run time\n"));
}

TEST(Json, Has_the_figures_by_their_names) {
  const Shown shown;
  const auto json = nlohmann::json::parse(as_json(shown.trace, shown.cluster, shown.figures));
  EXPECT_EQ(json["trace"]["jobs"], 4);
  EXPECT_EQ(json["cluster"]["gpus"], 2);
  const auto& fifo = json["strategies"][0];
  EXPECT_EQ(fifo["strategy"], "FIFO");
  EXPECT_EQ(fifo["jobs"], 3);
  EXPECT_EQ(fifo["neverStarted"], 1);
  EXPECT_DOUBLE_EQ(fifo["meanWaitSeconds"], (0 + 5000 + 9991) / 3.0);
  EXPECT_EQ(fifo["maxWaitSeconds"], 9991);
  for (const char* name : {"p95WaitSeconds", "boundedSlowdown", "utilisation", "allocation",
                           "preemptions", "fairness"}) {
    EXPECT_TRUE(fifo.contains(name)) << name;
  }
}

TEST(Picture, Shows_each_strategy_and_size_class_and_closes_what_it_opens) {
  Shown shown;
  shown.figures[0].strategy = "<FIFO> & co";
  const std::string svg = as_svg(shown.trace, shown.cluster, shown.figures);
  EXPECT_THAT(svg, testing::StartsWith("<svg "));
  EXPECT_THAT(svg, testing::EndsWith("</svg>\n"));
  EXPECT_THAT(svg, HasSubstr("&lt;FIFO&gt; &amp; co"));
  EXPECT_THAT(svg, HasSubstr("DRF, 2 GPUs: "));
  const auto count = [&svg](const std::string& part) {
    std::size_t found = 0;
    for (auto at = svg.find(part); at != std::string::npos; at = svg.find(part, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(count("<polyline"), 2u);
  EXPECT_EQ(count("<rect"), count("</rect>"));
  EXPECT_EQ(count("<text"), count("</text>"));
}

}  // namespace
}  // namespace fermi::simulate
