#include "scheduler/place/filter.hpp"

#include <gtest/gtest.h>

#include "tests/unit/scheduler/worlds.hpp"

namespace sched::test {
namespace {

Match match(const Task& task, const Node& n, const Queue* queue = nullptr) {
  const Filter filter = filter_of(task, queue);
  return match_node(filter, n) ? match_class(filter, n) : Match::kNo;
}

TEST(Filter, Tolerations_follow_kubernetes) {
  struct Case {
    Toleration toleration;
    Taint taint;
    bool tolerated;
  };
  const Taint taint{"k", "v", "NoSchedule"};
  const Case cases[] = {
      {{"k", "", "v", "NoSchedule"}, taint, true},       // no operator is Equal
      {{"k", "Equal", "v", ""}, taint, true},            // no effect: all effects
      {{"k", "Equal", "w", ""}, taint, false},           // another value
      {{"k", "Exists", "", "NoExecute"}, taint, false},  // another effect
      {{"k", "Exists", "", "NoSchedule"}, taint, true},  // any value
      {{"", "Exists", "", ""}, taint, true},             // everything
      {{"", "Equal", "", ""}, taint, false},             // no key needs Exists
      {{"j", "Exists", "", ""}, taint, false},           // another key
      {{"k", "Wrong", "v", ""}, taint, false},           // an operator nobody knows
  };
  for (const Case& c : cases) {
    EXPECT_EQ(tolerates({c.toleration}, c.taint), c.tolerated)
        << c.toleration.key << " " << c.toleration.op;
  }
}

TEST(Filter, Requirements_follow_kubernetes) {
  Node n = node("n1");
  n.labels["gen"] = "4";
  n.labels["name"] = "x";
  const auto meets = [&](const Requirement& r) { return matches(r, n); };
  EXPECT_TRUE(meets({"gen", "In", {"3", "4"}}));
  EXPECT_FALSE(meets({"none", "In", {"3"}}));
  EXPECT_TRUE(meets({"none", "NotIn", {"3"}})) << "an absent label is not in any list";
  EXPECT_FALSE(meets({"gen", "NotIn", {"4"}}));
  EXPECT_TRUE(meets({"gen", "Exists", {}}));
  EXPECT_TRUE(meets({"none", "DoesNotExist", {}}));
  EXPECT_TRUE(meets({"gen", "Gt", {"3"}}));
  EXPECT_FALSE(meets({"gen", "Gt", {"4"}}));
  EXPECT_TRUE(meets({"gen", "Lt", {"5"}}));
  EXPECT_FALSE(meets({"name", "Gt", {"3"}})) << "not a number";
  EXPECT_FALSE(meets({"gen", "Gt", {}}));
  EXPECT_FALSE(meets({"gen", "Sideways", {"4"}}));
  EXPECT_TRUE(meets({"metadata.name", "In", {"n1"}}));
}

TEST(Filter, Affinity_terms_are_alternatives_and_an_empty_term_matches_nothing) {
  Node n = node("n1");
  n.labels["disk"] = "ssd";
  Task t = task("t", "q", 1, 1);
  t.affinity = {{{"disk", "In", {"hdd"}}}, {{"disk", "Exists", {}}}};
  EXPECT_EQ(match(t, n), Match::kYes);
  t.affinity = {{{"disk", "In", {"hdd"}}}};
  EXPECT_EQ(match(t, n), Match::kNo);
  t.affinity = {{}};
  EXPECT_EQ(match(t, n), Match::kNo);
}

TEST(Filter, A_term_that_names_a_node_and_one_that_names_a_label_are_alternatives) {
  Node n = node("n1");
  Task t = task("t", "q", 1, 1);
  t.affinity = {{{"kubernetes.io/hostname", "In", {"n2"}}}, {{"disk", "Exists", {}}}};
  EXPECT_EQ(match(t, n), Match::kNo);
  EXPECT_EQ(match(t, node("n2")), Match::kYes);
  n.labels["disk"] = "ssd";
  EXPECT_EQ(match(t, n), Match::kYes);
}

TEST(Filter, Soft_taints_make_a_node_the_last_choice_and_hard_ones_rule_it_out) {
  Node n = node("n1");
  const Task t = task("t", "q", 1, 1);
  n.taints = {{"a", "", "PreferNoSchedule"}};
  EXPECT_EQ(match(t, n), Match::kLast);
  n.taints.push_back({"b", "", "NoExecute"});
  EXPECT_EQ(match(t, n), Match::kNo);
}

TEST(Filter, A_queue_of_one_model_still_takes_nodes_without_gpus) {
  Queue q = queue("q");
  q.gpu_models = {"H100"};
  const Task t = task("t", "q", 1, 0);
  EXPECT_EQ(match(t, node("gpu"), &q), Match::kNo);
  EXPECT_EQ(match(t, node("cpu", "zone-a", 0), &q), Match::kYes);
}

TEST(Filter, The_order_of_a_list_of_wishes_makes_no_other_filter) {
  Task a = task("a", "q", 1, 1), b = task("b", "q", 1, 1);
  a.excluded_nodes = {"n2", "n1", "n2"};
  b.excluded_nodes = {"n1", "n2"};
  EXPECT_EQ(filter_of(a, nullptr).excluded_nodes, filter_of(b, nullptr).excluded_nodes);
}

}  // namespace
}  // namespace sched::test
